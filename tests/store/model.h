#ifndef THREADSTORE_TESTS_STORE_MODEL_H_
#define THREADSTORE_TESTS_STORE_MODEL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/thread_store.h"

namespace threadstore::testing {

// The contract of server/store/thread_store.h in the plainest form: maps in memory, and whatever
// follows from other things is worked out anew when it is read.
//
// Calls and answers are those of ThreadStore. Errors have the right code and reason. Of several
// rules that a call breaks the first counts, in this order: access to the group, the request key,
// what must be there, the etag, the author, the lock, the sender, limits. Knows no queues,
// deadlines and failures, and no bound on the bytes of a page. A repeated create has the answer of
// the first, as things are now.
//
// Calls that make posts also take the store's answer, for the ids that the store has chosen; the
// times follow from the rules. An id out of order is INTERNAL.
class Model {
 public:
  explicit Model(absl::Duration request_id_retention)
      : request_id_retention_(request_id_retention) {}

  absl::StatusOr<v1::Group> CreateGroup(const CreateContext& context, const v1::Group& group,
                                        const std::vector<v1::Member>& members);
  absl::StatusOr<v1::Group> GetGroup(const CallContext& context, const std::string& group);
  absl::StatusOr<GroupPage> ListGroups(const CallContext& context, const GroupQuery& query);
  absl::Status DeleteGroup(const CallContext& context, const std::string& group, bool force);
  absl::StatusOr<v1::Group> UpdateGroup(const CallContext& context, const std::string& group,
                                        const GroupChanges& changes);
  absl::StatusOr<v1::Sender> AddSender(const CallContext& context, const SenderName& sender);
  absl::Status RemoveSender(const CallContext& context, const SenderName& sender);
  absl::StatusOr<SenderPage> ListSenders(const CallContext& context, const SenderQuery& query);

  absl::StatusOr<v1::Member> AddMember(const CallContext& context, const MemberListName& list,
                                       const v1::Member& member);
  absl::StatusOr<v1::Member> GetMember(const CallContext& context, const MemberName& name);
  absl::StatusOr<v1::Member> UpdateMember(const CallContext& context, const MemberName& name,
                                          const MemberChanges& changes);
  absl::Status RemoveMember(const CallContext& context, const MemberName& name);
  absl::StatusOr<MemberPage> ListMembers(const CallContext& context, const MemberQuery& query);

  absl::StatusOr<v1::Conversation> CreateConversation(const CreateContext& context,
                                                      const std::string& group,
                                                      const v1::Conversation& conversation,
                                                      const v1::Conversation& answer);
  absl::StatusOr<v1::Conversation> GetConversation(const CallContext& context,
                                                   const ConversationName& name);
  absl::StatusOr<ConversationPage> ListConversations(const CallContext& context,
                                                     const ConversationQuery& query);
  absl::Status DeleteConversation(const CallContext& context, const ConversationName& name);

  absl::StatusOr<v1::ConversationThread> CreateThread(const CreateContext& context,
                                                      const std::string& group,
                                                      const std::optional<Uuid>& conversation,
                                                      const v1::ConversationThread& thread,
                                                      const v1::ConversationThread& answer);
  absl::StatusOr<v1::ConversationThread> GetThread(const CallContext& context,
                                                   const ThreadName& name);
  absl::StatusOr<v1::ConversationThread> UpdateThread(const ChangeContext& context,
                                                      const ThreadName& name,
                                                      const ThreadChanges& changes);
  absl::Status DeleteThread(const ChangeContext& context, const ThreadName& name);
  absl::StatusOr<ThreadPage> ListThreads(const CallContext& context, const ThreadQuery& query);

  // All results on one page. Of those of one time any may come first.
  absl::StatusOr<SearchPage> SearchThreads(const CallContext& context, const SearchQuery& query);

  absl::StatusOr<v1::Post> CreatePost(const CreateContext& context, const ThreadName& thread,
                                      const NewPost& post, const v1::Post& answer);
  absl::StatusOr<v1::Post> GetPost(const CallContext& context, const PostName& name);
  absl::StatusOr<PostPage> ListPosts(const CallContext& context, const PostQuery& query);
  absl::StatusOr<v1::Post> UpdatePost(const ChangeContext& context, const PostName& name,
                                      const PostChanges& changes);
  absl::Status DeletePost(const ChangeContext& context, const PostName& name);
  absl::StatusOr<v1::Forward> ForwardPost(const CreateContext& context, const PostName& name,
                                          const v1::Forward& forward);

  absl::StatusOr<v1::Attachment> CreateAttachment(const CreateContext& context,
                                                  const PostName& post,
                                                  const v1::Attachment& attachment);
  absl::StatusOr<v1::Attachment> GetAttachment(const CallContext& context,
                                               const AttachmentName& name, bool with_content);
  absl::StatusOr<AttachmentPage> ListAttachments(const CallContext& context,
                                                 const AttachmentQuery& query);

  absl::StatusOr<v1::Extension> CreateExtension(const CreateContext& context, const PostName& post,
                                                const v1::Extension& extension);
  absl::StatusOr<v1::Extension> GetExtension(const CallContext& context, const ExtensionName& name);
  absl::StatusOr<ExtensionPage> ListExtensions(const CallContext& context,
                                               const ExtensionQuery& query);
  absl::StatusOr<v1::Extension> UpdateExtension(const ChangeContext& context,
                                                const ExtensionName& name,
                                                const std::string& content_json);
  absl::Status DeleteExtension(const ChangeContext& context, const ExtensionName& name);

 private:
  // What a request has made. `made` is an id within the parent that the request named, which by the
  // hash is the parent of every repetition.
  struct PastRequest {
    std::string hash;
    absl::Time time;
    std::string made;
  };
  using PastRequests = std::map<std::pair<std::string, Uuid>, PastRequest>;  // By principal and id.

  struct Extension {
    v1::Extension message;
    std::string serial;  // Tells it from another of the same name, before or after.
  };

  // Messages lack what is worked out when they are read.
  struct Post {
    v1::Post message;
    std::string preview;
    std::optional<std::string> author;  // None if an application posted.
    int64_t revision = 1;
    std::map<Uuid, v1::Attachment> attachments;
    std::map<std::string, Extension> extensions;
    std::map<Uuid, v1::Forward> forwards;
  };

  struct Thread {
    v1::ConversationThread message;
    std::optional<Uuid> came_with;  // The post of the create, which may be there no more.
    bool has_had_posts = false;
    int64_t revision = 1;
    std::map<Uuid, Post> posts;
  };

  struct Conversation {
    v1::Conversation message;
    std::vector<Uuid> came_with;  // The threads of the create, which may be there no more.
    std::map<Uuid, Thread> threads;
  };

  struct Group {
    v1::Group message;
    std::string serial;
    std::map<std::string, v1::Member> members;
    std::map<SenderList, std::set<std::string>> senders;
    std::map<Uuid, Conversation> conversations;
    PastRequests requests;
  };

  // The way to something that is there.
  struct ThreadPath {
    Group* group;
    Conversation* conversation;
    Thread* thread;
  };
  struct PostPath : ThreadPath {
    Post* post;
  };

  absl::StatusOr<Group*> FindGroup(const CallContext& context, const std::string& id);
  static absl::StatusOr<Conversation*> FindConversation(Group& group, const Uuid& id);
  static absl::StatusOr<ThreadPath> FindThread(Group& group, const ThreadName& name);
  static absl::StatusOr<PostPath> FindPost(Group& group, const PostName& name);
  static absl::StatusOr<v1::Member*> FindMember(Group& group, const MemberName& name);
  absl::StatusOr<ThreadPath> FindThread(const CallContext& context, const ThreadName& name);
  absl::StatusOr<PostPath> FindPost(const CallContext& context, const PostName& name);

  // What the same request has made before, or nothing.
  absl::StatusOr<std::optional<std::string>> FindRequest(const PastRequests& requests,
                                                         const CreateContext& context) const;
  static void Remember(PastRequests& requests, const CreateContext& context, std::string made);

  static v1::Conversation Read(const Conversation& conversation);
  static v1::ConversationThread Read(const Thread& thread);
  static v1::Post Read(const Group& group, const Post& post);

  // As the answer to the create has them: with the threads, posts and attachments that it made.
  static v1::Conversation ReadCreated(const Group& group, const Conversation& conversation);
  static v1::ConversationThread ReadCreated(const Group& group, const Thread& thread);
  static v1::Post ReadCreated(const Group& group, const Post& post);

  static absl::Status CheckSender(const Group& group, const CallContext& context,
                                  const v1::Post* post);
  static absl::Status CheckAuthor(const CallContext& context, const PostName& name,
                                  const Post& post);

  // Return what they have added.
  absl::StatusOr<Thread*> AddThread(const CreateContext& context, const Group& group,
                                    Conversation& conversation, const v1::ConversationThread& sent,
                                    const v1::ConversationThread& answer);
  absl::StatusOr<Post*> AddPost(const CallContext& context, absl::Time now, const Group& group,
                                Thread& thread, const NewPost& sent, const v1::Post& answer);
  std::string NextSerial();

  const absl::Duration request_id_retention_;
  int64_t serials_ = 0;
  std::map<std::string, Group> groups_;
  PastRequests group_requests_;
};

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_STORE_MODEL_H_
