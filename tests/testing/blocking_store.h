#ifndef THREADSTORE_TESTS_TESTING_BLOCKING_STORE_H_
#define THREADSTORE_TESTS_TESTING_BLOCKING_STORE_H_

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "server/store/thread_store.h"

namespace threadstore::testing {

// A ThreadStore whose calls return their result.
class BlockingStore {
 public:
  explicit BlockingStore(ThreadStore& store) : store_(store) {}

  absl::StatusOr<v1::Group> CreateGroup(CreateContext context, v1::Group group,
                                        std::vector<v1::Member> members = {}) {
    return Call(&ThreadStore::CreateGroup, std::move(context), std::move(group),
                std::move(members));
  }
  // As the user who so becomes its owner.
  absl::StatusOr<v1::Group> CreateGroup(CreateContext context, v1::Group group, v1::Member owner) {
    context.required_member = RequiredMember{.user = owner.id()};
    std::vector<v1::Member> members = {std::move(owner)};
    return CreateGroup(std::move(context), std::move(group), std::move(members));
  }
  absl::StatusOr<v1::Group> GetGroup(CallContext context, std::string group) {
    return Call(&ThreadStore::GetGroup, std::move(context), std::move(group));
  }
  absl::StatusOr<GroupPage> ListGroups(CallContext context, GroupQuery query) {
    return Call(&ThreadStore::ListGroups, std::move(context), std::move(query));
  }
  absl::Status DeleteGroup(CallContext context, std::string group, bool force = false) {
    return Call(&ThreadStore::DeleteGroup, std::move(context), std::move(group), force);
  }
  absl::StatusOr<v1::Group> UpdateGroup(CallContext context, std::string group,
                                        GroupChanges changes) {
    return Call(&ThreadStore::UpdateGroup, std::move(context), std::move(group),
                std::move(changes));
  }
  absl::StatusOr<v1::Sender> AddSender(CallContext context, SenderName sender) {
    return Call(&ThreadStore::AddSender, std::move(context), std::move(sender));
  }
  absl::Status RemoveSender(CallContext context, SenderName sender) {
    return Call(&ThreadStore::RemoveSender, std::move(context), std::move(sender));
  }
  absl::StatusOr<SenderPage> ListSenders(CallContext context, SenderQuery query) {
    return Call(&ThreadStore::ListSenders, std::move(context), std::move(query));
  }
  absl::StatusOr<v1::Member> AddMember(CallContext context, MemberListName list,
                                       v1::Member member) {
    return Call(&ThreadStore::AddMember, std::move(context), std::move(list), std::move(member));
  }
  absl::StatusOr<v1::Member> AddMember(CallContext context, std::string group, v1::Member member) {
    MemberListName list;
    list.group.group = std::move(group);
    return AddMember(std::move(context), std::move(list), std::move(member));
  }
  absl::StatusOr<v1::Member> GetMember(CallContext context, MemberName name) {
    return Call(&ThreadStore::GetMember, std::move(context), std::move(name));
  }
  absl::StatusOr<v1::Member> UpdateMember(CallContext context, MemberName name,
                                          MemberChanges changes) {
    return Call(&ThreadStore::UpdateMember, std::move(context), std::move(name),
                std::move(changes));
  }
  absl::Status RemoveMember(CallContext context, MemberName name) {
    return Call(&ThreadStore::RemoveMember, std::move(context), std::move(name));
  }
  absl::Status RemoveMember(CallContext context, std::string group, std::string user) {
    MemberName name;
    name.list.group.group = std::move(group);
    name.user = std::move(user);
    return RemoveMember(std::move(context), std::move(name));
  }
  absl::StatusOr<MemberPage> ListMembers(CallContext context, MemberQuery query) {
    return Call(&ThreadStore::ListMembers, std::move(context), std::move(query));
  }
  absl::StatusOr<v1::Conversation> CreateConversation(CreateContext context, std::string group,
                                                      v1::Conversation conversation) {
    return Call(&ThreadStore::CreateConversation, std::move(context), std::move(group),
                std::move(conversation));
  }
  absl::StatusOr<v1::Conversation> GetConversation(CallContext context, ConversationName name,
                                                   ConversationView view = {}) {
    return Call(&ThreadStore::GetConversation, std::move(context), std::move(name), view);
  }
  absl::StatusOr<SearchPage> SearchThreads(CallContext context, SearchQuery query) {
    return Call(&ThreadStore::SearchThreads, std::move(context), std::move(query));
  }
  absl::StatusOr<ConversationPage> ListConversations(CallContext context, ConversationQuery query) {
    return Call(&ThreadStore::ListConversations, std::move(context), std::move(query));
  }
  absl::Status DeleteConversation(CallContext context, ConversationName name) {
    return Call(&ThreadStore::DeleteConversation, std::move(context), std::move(name));
  }
  absl::StatusOr<v1::ConversationThread> CreateThread(CreateContext context, std::string group,
                                                      std::optional<Uuid> conversation,
                                                      v1::ConversationThread thread) {
    return Call(&ThreadStore::CreateThread, std::move(context), std::move(group), conversation,
                std::move(thread));
  }
  absl::StatusOr<v1::ConversationThread> GetThread(CallContext context, ThreadName name,
                                                   ThreadView view = {}) {
    return Call(&ThreadStore::GetThread, std::move(context), std::move(name), view);
  }
  absl::StatusOr<v1::ConversationThread> GetThread(CallContext context, std::string group,
                                                   std::optional<Uuid> conversation, Uuid thread) {
    ThreadName name{{}, conversation, thread};
    name.group.group = std::move(group);
    return GetThread(std::move(context), std::move(name));
  }
  absl::StatusOr<v1::ConversationThread> UpdateThread(ChangeContext context, ThreadName name,
                                                      ThreadChanges changes) {
    return Call(&ThreadStore::UpdateThread, std::move(context), std::move(name),
                std::move(changes));
  }
  absl::Status DeleteThread(ChangeContext context, ThreadName name) {
    return Call(&ThreadStore::DeleteThread, std::move(context), std::move(name));
  }
  absl::StatusOr<ThreadPage> ListThreads(CallContext context, ThreadQuery query) {
    return Call(&ThreadStore::ListThreads, std::move(context), std::move(query));
  }
  absl::StatusOr<v1::Post> CreatePost(CreateContext context, ThreadName thread, NewPost post) {
    return Call(&ThreadStore::CreatePost, std::move(context), std::move(thread), std::move(post));
  }
  absl::StatusOr<v1::Post> GetPost(CallContext context, PostName name, PostView view = {}) {
    return Call(&ThreadStore::GetPost, std::move(context), std::move(name), view);
  }
  absl::StatusOr<PostPage> ListPosts(CallContext context, PostQuery query) {
    return Call(&ThreadStore::ListPosts, std::move(context), std::move(query));
  }
  absl::StatusOr<v1::Post> UpdatePost(ChangeContext context, PostName name, PostChanges changes) {
    return Call(&ThreadStore::UpdatePost, std::move(context), std::move(name), std::move(changes));
  }
  absl::Status DeletePost(ChangeContext context, PostName name) {
    return Call(&ThreadStore::DeletePost, std::move(context), std::move(name));
  }
  absl::StatusOr<v1::Forward> ForwardPost(CreateContext context, PostName name,
                                          v1::Forward forward) {
    return Call(&ThreadStore::ForwardPost, std::move(context), std::move(name), std::move(forward));
  }
  absl::StatusOr<v1::Attachment> CreateAttachment(CreateContext context, PostName post,
                                                  v1::Attachment attachment) {
    return Call(&ThreadStore::CreateAttachment, std::move(context), std::move(post),
                std::move(attachment));
  }
  absl::StatusOr<v1::Attachment> GetAttachment(CallContext context, AttachmentName name,
                                               bool with_content) {
    return Call(&ThreadStore::GetAttachment, std::move(context), std::move(name), with_content);
  }
  absl::StatusOr<AttachmentPage> ListAttachments(CallContext context, AttachmentQuery query) {
    return Call(&ThreadStore::ListAttachments, std::move(context), std::move(query));
  }
  absl::StatusOr<v1::Extension> CreateExtension(CreateContext context, PostName post,
                                                v1::Extension extension) {
    return Call(&ThreadStore::CreateExtension, std::move(context), std::move(post),
                std::move(extension));
  }
  absl::StatusOr<v1::Extension> GetExtension(CallContext context, ExtensionName name) {
    return Call(&ThreadStore::GetExtension, std::move(context), std::move(name));
  }
  absl::StatusOr<ExtensionPage> ListExtensions(CallContext context, ExtensionQuery query) {
    return Call(&ThreadStore::ListExtensions, std::move(context), std::move(query));
  }
  absl::StatusOr<v1::Extension> UpdateExtension(ChangeContext context, ExtensionName name,
                                                std::string content_json) {
    return Call(&ThreadStore::UpdateExtension, std::move(context), std::move(name),
                std::move(content_json));
  }
  absl::Status DeleteExtension(ChangeContext context, ExtensionName name) {
    return Call(&ThreadStore::DeleteExtension, std::move(context), std::move(name));
  }
  absl::StatusOr<std::vector<RecordOutcome>> ImportRecords(CallContext context,
                                                           std::vector<CheckedRecord> records) {
    return Call(&ThreadStore::ImportRecords, std::move(context),
                std::make_shared<const std::vector<CheckedRecord>>(std::move(records)));
  }
  absl::StatusOr<std::unique_ptr<RecordExport>> OpenExport(
      CallContext context, std::optional<std::string> group = std::nullopt) {
    return Call(&ThreadStore::OpenExport, std::move(context), std::move(group));
  }

  // The next chunk of an export.
  static absl::StatusOr<RecordChunk> Next(RecordExport& opened) {
    std::promise<absl::StatusOr<RecordChunk>> promise;
    std::future<absl::StatusOr<RecordChunk>> result = promise.get_future();
    opened.Next(
        [&promise](absl::StatusOr<RecordChunk> chunk) { promise.set_value(std::move(chunk)); });
    return result.get();
  }

  absl::StatusOr<ChangePage> ListChanges(CallContext context, ChangeQuery query) {
    return Call(&ThreadStore::ListChanges, std::move(context), std::move(query));
  }

 private:
  template <typename Result>
  static Result ResultOf(const absl::AnyInvocable<void(Result) &&>& callback);

  template <typename... Parameters>
  using LastOf = std::tuple_element_t<sizeof...(Parameters) - 1, std::tuple<Parameters...>>;

  // Calls a method with all of its arguments but the callback, and returns what that gets.
  template <typename... Parameters, typename... Arguments>
  decltype(ResultOf(std::declval<LastOf<Parameters...>>())) Call(
      void (ThreadStore::*method)(Parameters...), Arguments&&... arguments) {
    using Result = decltype(ResultOf(std::declval<LastOf<Parameters...>>()));
    std::promise<Result> promise;
    std::future<Result> result = promise.get_future();
    (store_.*method)(std::forward<Arguments>(arguments)...,
                     [&promise](Result value) { promise.set_value(std::move(value)); });
    return result.get();
  }

  ThreadStore& store_;
};

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_TESTING_BLOCKING_STORE_H_
