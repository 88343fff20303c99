#include "tests/store/model.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/domain/resource.h"
#include "server/domain/timestamp.h"
#include "server/domain/words.h"

namespace threadstore::testing {
namespace {

using google::protobuf::Timestamp;

Timestamp ToTimestamp(absl::Time time) { return FromMicros(absl::ToUnixMicros(time)); }

Timestamp Later(const Timestamp& a, const Timestamp& b) {
  return ToMicros(a) < ToMicros(b) ? b : a;
}

// Empty if it is none, as when the store gave no answer.
Uuid IdOf(const std::string& text) { return Uuid::Parse(text).value_or(Uuid()); }

template <typename Resource>
void Change(Resource& resource, const Timestamp& time) {
  ++resource.revision;
  *resource.message.mutable_last_modified_date_time() =
      Later(resource.message.last_modified_date_time(), time);
}

template <typename Item>
absl::Status CheckEtag(const ChangeContext& context, const Item& item, absl::string_view type) {
  if (context.etag.empty() || context.etag == MakeEtag(item.revision)) return absl::OkStatus();
  return EtagMismatchError(type, item.message.name());
}

v1::Attachment WithoutContent(v1::Attachment attachment) {
  if (attachment.has_file()) attachment.mutable_file()->clear_content_bytes();
  if (attachment.has_item()) attachment.mutable_item()->clear_item_json();
  return attachment;
}

v1::Sender ToSender(const SenderListName& list, const std::string& id) {
  v1::Sender sender;
  sender.set_name(MakeSenderName(list.group.group, list.list, id));
  sender.set_id(id);
  return sender;
}

SenderList Other(SenderList list) {
  return list == SenderList::kAccepted ? SenderList::kRejected : SenderList::kAccepted;
}

bool HasOtherOwner(const std::map<std::string, v1::Member>& members, const std::string& user) {
  return std::any_of(members.begin(), members.end(), [&](const auto& entry) {
    return entry.first != user && entry.second.role() == v1::Member::ROLE_OWNER;
  });
}

// Puts the first `limit` of `all` into `items`. Returns whether there are more.
template <typename T, typename Items>
bool TakePage(const std::vector<T>& all, int32_t limit, Items& items) {
  for (const T& item : all) {
    if (items.size() == limit) return true;
    *items.Add() = item;
  }
  return false;
}

bool Precedes(ThreadOrder order, const ThreadCursor& a, const ThreadCursor& b) {
  switch (order) {
    case ThreadOrder::kOldestCreated:
      return a.id < b.id;
    case ThreadOrder::kNewestCreated:
      return a.id > b.id;
    case ThreadOrder::kOldestActivity:
      return std::tie(a.last_delivered_us, a.id) < std::tie(b.last_delivered_us, b.id);
    case ThreadOrder::kTopicAscending:
      return std::tie(a.topic, a.id) < std::tie(b.topic, b.id);
    case ThreadOrder::kTopicDescending:
      return std::tie(a.topic, a.id) > std::tie(b.topic, b.id);
    case ThreadOrder::kNewestActivity:
      break;
  }
  return std::tie(a.last_delivered_us, a.id) > std::tie(b.last_delivered_us, b.id);
}

ThreadCursor CursorOf(const v1::ConversationThread& thread) {
  return {IdOf(thread.id()), ToMicros(thread.last_delivered_date_time()), thread.topic()};
}

template <typename T>
using Positioned = std::pair<ThreadCursor, T>;

// Those that the query's order puts after its cursor, in that order.
template <typename T, typename Query>
std::vector<Positioned<T>> Arrange(std::vector<Positioned<T>> items, const Query& query) {
  if (query.after.has_value()) {
    std::erase_if(
        items, [&](const auto& item) { return !Precedes(query.order, *query.after, item.first); });
  }
  std::sort(items.begin(), items.end(),
            [&](const auto& a, const auto& b) { return Precedes(query.order, a.first, b.first); });
  return items;
}

template <typename T>
std::vector<T> WithoutPositions(const std::vector<Positioned<T>>& items) {
  std::vector<T> result;
  result.reserve(items.size());
  for (const auto& [position, item] : items) result.push_back(item);
  return result;
}

}  // namespace

// --- The way to things

absl::StatusOr<Model::Group*> Model::FindGroup(const CallContext& context, const std::string& id) {
  const std::string name = MakeGroupName(id);
  const auto found = groups_.find(id);
  const bool exists = found != groups_.end();
  if (!context.required_member.has_value()) {
    if (!exists) return NotFoundError(kGroupType, name);
    return &found->second;
  }
  const RequiredMember& required = *context.required_member;
  if (!exists || !found->second.members.contains(required.user)) {
    return required.hides_group ? NotFoundError(kGroupType, name) : NotAMemberError(name);
  }
  if (required.must_be_owner &&
      found->second.members[required.user].role() != v1::Member::ROLE_OWNER) {
    return NotAnOwnerError(name);
  }
  return &found->second;
}

absl::StatusOr<Model::Conversation*> Model::FindConversation(Group& group, const Uuid& id) {
  const auto found = group.conversations.find(id);
  if (found == group.conversations.end()) {
    return NotFoundError(kConversationType, MakeConversationName(group.message.id(), id));
  }
  return &found->second;
}

absl::StatusOr<Model::ThreadPath> Model::FindThread(Group& group, const ThreadName& name) {
  for (auto& [id, conversation] : group.conversations) {
    const auto found = conversation.threads.find(name.thread);
    if (found == conversation.threads.end()) continue;
    if (name.conversation.has_value() && *name.conversation != id) break;
    return ThreadPath{&group, &conversation, &found->second};
  }
  return NotFoundError(kThreadType, name.Canonical());
}

absl::StatusOr<Model::PostPath> Model::FindPost(Group& group, const PostName& name) {
  ASSIGN_OR_RETURN(const ThreadPath path, FindThread(group, name.thread));
  const auto found = path.thread->posts.find(name.post);
  if (found == path.thread->posts.end()) return NotFoundError(kPostType, name.Canonical());
  return PostPath{path, &found->second};
}

absl::StatusOr<Model::ThreadPath> Model::FindThread(const CallContext& context,
                                                    const ThreadName& name) {
  ASSIGN_OR_RETURN(Group* const group, FindGroup(context, name.group.group));
  return FindThread(*group, name);
}

absl::StatusOr<Model::PostPath> Model::FindPost(const CallContext& context, const PostName& name) {
  ASSIGN_OR_RETURN(Group* const group, FindGroup(context, name.thread.group.group));
  return FindPost(*group, name);
}

absl::StatusOr<std::optional<std::string>> Model::FindRequest(const PastRequests& requests,
                                                              const CreateContext& context) const {
  if (!context.request.has_value()) return std::nullopt;
  const auto found = requests.find({context.request->principal, context.request->id});
  if (found == requests.end()) return std::nullopt;
  const PastRequest& past = found->second;
  if (past.time < context.now - request_id_retention_) return std::nullopt;
  if (past.hash != context.request->hash) return RequestIdReusedError();
  return past.made;
}

void Model::Remember(PastRequests& requests, const CreateContext& context, std::string made) {
  if (!context.request.has_value()) return;
  requests[{context.request->principal, context.request->id}] = {context.request->hash, context.now,
                                                                 std::move(made)};
}

std::string Model::NextSerial() { return absl::StrCat(++serials_); }

// --- What is worked out

v1::ConversationThread Model::Read(const Thread& thread) {
  v1::ConversationThread read = thread.message;
  read.set_etag(MakeEtag(thread.revision));
  if (!thread.has_had_posts) return read;
  read.set_has_attachments(false);
  read.clear_unique_senders();
  read.clear_preview();
  *read.mutable_last_delivered_date_time() = read.created_date_time();
  std::set<std::string> seen;
  for (const auto& [id, post] : thread.posts) {
    if (!post.attachments.empty()) read.set_has_attachments(true);
    const std::string label = SenderLabel(post.message.sender());
    if (seen.insert(label).second && read.unique_senders_size() < kMaxUniqueSenders) {
      read.add_unique_senders(label);
    }
    read.set_preview(post.preview);
    *read.mutable_last_delivered_date_time() = post.message.created_date_time();
  }
  return read;
}

v1::Conversation Model::Read(const Conversation& conversation) {
  v1::Conversation read = conversation.message;
  std::set<std::string> seen;
  std::optional<ThreadCursor> newest;
  for (const auto& [id, thread] : conversation.threads) {
    const v1::ConversationThread part = Read(thread);
    if (part.has_attachments()) read.set_has_attachments(true);
    for (const std::string& sender : part.unique_senders()) {
      if (seen.insert(sender).second && read.unique_senders_size() < kMaxUniqueSenders) {
        read.add_unique_senders(sender);
      }
    }
    if (newest.has_value() && Precedes(ThreadOrder::kNewestActivity, *newest, CursorOf(part))) {
      continue;
    }
    newest = CursorOf(part);
    read.set_preview(part.preview());
    *read.mutable_last_delivered_date_time() = part.last_delivered_date_time();
  }
  return read;
}

v1::Post Model::Read(const Group& group, const Post& post) {
  v1::Post read = post.message;
  read.set_etag(MakeEtag(post.revision));
  read.set_has_attachments(!post.attachments.empty());
  *read.mutable_from() = FromOf(group.message, read.sender());
  return read;
}

v1::Conversation Model::ReadCreated(const Group& group, const Conversation& conversation) {
  v1::Conversation read = Read(conversation);
  for (const Uuid& id : conversation.came_with) {
    const auto found = conversation.threads.find(id);
    if (found != conversation.threads.end()) {
      *read.add_threads() = ReadCreated(group, found->second);
    }
  }
  return read;
}

v1::ConversationThread Model::ReadCreated(const Group& group, const Thread& thread) {
  v1::ConversationThread read = Read(thread);
  if (!thread.came_with.has_value()) return read;
  const auto found = thread.posts.find(*thread.came_with);
  if (found != thread.posts.end()) *read.add_posts() = ReadCreated(group, found->second);
  return read;
}

v1::Post Model::ReadCreated(const Group& group, const Post& post) {
  v1::Post read = Read(group, post);
  for (const auto& [id, attachment] : post.attachments) {
    *read.add_attachments() = WithoutContent(attachment);
  }
  return read;
}

// --- Rules

absl::Status Model::CheckSender(const Group& group, const CallContext& context,
                                const v1::Post* post) {
  std::set<std::string> identities;
  bool is_member = false;
  const auto add_member = [&](const v1::Member& member) {
    is_member = true;
    identities.insert(member.id());
    if (!member.mail().empty()) identities.insert(member.mail());
  };
  if (post != nullptr && post->has_sender()) {
    const std::string& address = post->sender().email_address().address();
    if (!address.empty()) identities.insert(address);
    for (const auto& [id, member] : group.members) {
      if (!address.empty() && (id == address || member.mail() == address)) add_member(member);
    }
  } else if (context.required_member.has_value()) {
    add_member(group.members.at(context.required_member->user));
  } else {
    return absl::OkStatus();
  }
  const auto lists = [&](SenderList list) {
    const auto found = group.senders.find(list);
    return found == group.senders.end() ? std::set<std::string>() : found->second;
  };
  const auto has_any = [&](const std::set<std::string>& list) {
    return std::any_of(identities.begin(), identities.end(),
                       [&](const std::string& identity) { return list.contains(identity); });
  };
  const std::set<std::string> accepted = lists(SenderList::kAccepted);
  const bool allowed = !has_any(lists(SenderList::kRejected)) &&
                       (accepted.empty() || has_any(accepted)) &&
                       (is_member || group.message.allow_external_senders());
  return allowed ? absl::OkStatus() : SenderNotAllowedError(group.message.name());
}

absl::Status Model::CheckAuthor(const CallContext& context, const PostName& name,
                                const Post& post) {
  if (!context.required_member.has_value() || post.author == context.required_member->user) {
    return absl::OkStatus();
  }
  return NotTheAuthorError(name.Canonical());
}

absl::StatusOr<Model::Thread*> Model::AddThread(const CreateContext& context, const Group& group,
                                                Conversation& conversation,
                                                const v1::ConversationThread& sent,
                                                const v1::ConversationThread& answer) {
  RETURN_IF_ERROR(CheckSender(group, context, sent.posts_size() > 0 ? &sent.posts(0) : nullptr));
  Thread thread;
  thread.message = sent;
  thread.message.clear_posts();
  thread.message.set_conversation_id(conversation.message.id());
  if (sent.topic().empty()) thread.message.set_topic(conversation.message.topic());
  if (sent.posts_size() > 0) {
    NewPost post;
    post.post = sent.posts(0);
    post.preview = sent.preview();
    const absl::Time created = absl::FromUnixMicros(ToMicros(sent.created_date_time()));
    ASSIGN_OR_RETURN(const Post* const first,
                     AddPost(context, created, group, thread, post,
                             answer.posts_size() > 0 ? answer.posts(0) : v1::Post()));
    thread.came_with = IdOf(first->message.id());
  }
  return &conversation.threads.emplace(IdOf(sent.id()), std::move(thread)).first->second;
}

absl::StatusOr<Model::Post*> Model::AddPost(const CallContext& context, absl::Time now,
                                            const Group& group, Thread& thread, const NewPost& sent,
                                            const v1::Post& answer) {
  auto line = thread.message.to_recipients();
  AddParticipants(sent.post.new_participants(), line);
  if (line.size() > kMaxRecipients) {
    return TooManyRecipientsError(thread.message.name(), kMaxRecipients);
  }

  Timestamp time = ToTimestamp(now);
  const Uuid id = IdOf(answer.id());
  if (!thread.posts.empty()) {
    const auto& [newest_id, newest] = *thread.posts.rbegin();
    time = Later(time, FromMicros(ToMicros(newest.message.created_date_time()) + 1));
    if (!id.is_nil() && id <= newest_id) {
      return absl::InternalError("the new post's id is not after those of the others");
    }
  }

  const Uuid thread_id = IdOf(thread.message.id());
  Post post;
  post.message = sent.post;
  post.preview = sent.preview;
  v1::Post& message = post.message;
  message.clear_attachments();
  message.clear_extensions();
  message.set_id(id.ToString());
  message.set_name(MakePostName(group.message.id(), thread_id, id));
  message.set_conversation_id(thread.message.conversation_id());
  message.set_conversation_thread_id(thread.message.id());
  *message.mutable_created_date_time() = time;
  *message.mutable_received_date_time() = time;
  *message.mutable_last_modified_date_time() = time;
  if (!message.has_sender()) {
    post.author = context.required_member->user;
    *message.mutable_sender() = SenderOf(group.members.at(*post.author));
  }
  if (sent.in_reply_to.has_value()) {
    message.set_in_reply_to(MakePostName(group.message.id(), thread_id, *sent.in_reply_to));
  }
  for (v1::Attachment attachment : sent.post.attachments()) {
    const Uuid attachment_id = IdOf(attachment.id());
    attachment.set_name(MakeAttachmentName(message.name(), attachment_id));
    *attachment.mutable_last_modified_date_time() = time;
    post.attachments.emplace(attachment_id, std::move(attachment));
  }
  for (v1::Extension extension : sent.post.extensions()) {
    extension.set_name(MakeExtensionName(message.name(), extension.extension_name()));
    post.extensions[extension.extension_name()] = {extension, NextSerial()};
  }

  *thread.message.mutable_to_recipients() = line;
  *thread.message.mutable_last_modified_date_time() =
      Later(thread.message.last_modified_date_time(), time);
  thread.has_had_posts = true;
  return &thread.posts.emplace(id, std::move(post)).first->second;
}

// --- Groups

absl::StatusOr<v1::Group> Model::CreateGroup(const CreateContext& context, const v1::Group& group,
                                             const std::vector<v1::Member>& members) {
  const auto existing = groups_.find(group.id());
  ASSIGN_OR_RETURN(const auto made, FindRequest(group_requests_, context));
  if (made.has_value()) {
    if (existing == groups_.end() || existing->second.serial != *made) {
      return NotFoundError(kGroupType, group.name());
    }
    const auto& creator = context.required_member;
    if (creator.has_value() && !existing->second.members.contains(creator->user)) {
      return NotAMemberError(group.name());
    }
    return existing->second.message;
  }
  if (existing != groups_.end()) return AlreadyExistsError(kGroupType, group.name());
  Group created;
  created.message = group;
  created.serial = NextSerial();
  for (const v1::Member& member : members) created.members[member.id()] = member;
  Remember(group_requests_, context, created.serial);
  groups_[group.id()] = std::move(created);
  return group;
}

absl::StatusOr<v1::Group> Model::GetGroup(const CallContext& context, const std::string& group) {
  ASSIGN_OR_RETURN(const Group* const found, FindGroup(context, group));
  return found->message;
}

absl::StatusOr<GroupPage> Model::ListGroups(const CallContext& /*context*/,
                                            const GroupQuery& query) {
  std::vector<v1::Group> all;
  int64_t total_size = 0;
  for (const auto& [id, group] : groups_) {
    const bool wanted =
        (!query.member.has_value() || group.members.contains(*query.member)) &&
        (!query.filter.has_value() || Matches(*query.filter, GroupFilterFields(), group.message));
    if (wanted) ++total_size;
    if (wanted && id > query.after_id) all.push_back(group.message);
  }
  GroupPage page;
  if (query.count) page.total_size = total_size;
  page.has_more = TakePage(all, query.limit, page.groups);
  if (!page.groups.empty()) page.last = page.groups.rbegin()->id();
  return page;
}

absl::Status Model::DeleteGroup(const CallContext& context, const std::string& group, bool force) {
  ASSIGN_OR_RETURN(const Group* const found, FindGroup(context, group));
  if (!force && !found->conversations.empty()) return GroupNotEmptyError(found->message.name());
  groups_.erase(group);
  return absl::OkStatus();
}

absl::StatusOr<v1::Group> Model::UpdateGroup(const CallContext& context, const std::string& group,
                                             const GroupChanges& changes) {
  ASSIGN_OR_RETURN(Group* const found, FindGroup(context, group));
  v1::Group& message = found->message;
  if (changes.display_name.has_value()) message.set_display_name(*changes.display_name);
  if (changes.mail.has_value()) message.set_mail(*changes.mail);
  if (changes.allow_external_senders.has_value()) {
    message.set_allow_external_senders(*changes.allow_external_senders);
  }
  if (changes.description.has_value()) message.set_description(*changes.description);
  if (changes.mail_nickname.has_value()) message.set_mail_nickname(*changes.mail_nickname);
  return message;
}

absl::StatusOr<v1::Sender> Model::AddSender(const CallContext& context, const SenderName& sender) {
  ASSIGN_OR_RETURN(Group* const group, FindGroup(context, sender.list.group.group));
  v1::Sender message = ToSender(sender.list, sender.sender);
  if (group->senders[Other(sender.list.list)].contains(sender.sender)) {
    return InvalidFieldError("sender.id", "is on the other list");
  }
  if (!group->senders[sender.list.list].insert(sender.sender).second) {
    return AlreadyExistsError(kSenderType, message.name());
  }
  return message;
}

absl::Status Model::RemoveSender(const CallContext& context, const SenderName& sender) {
  ASSIGN_OR_RETURN(Group* const group, FindGroup(context, sender.list.group.group));
  if (group->senders[sender.list.list].erase(sender.sender) > 0) return absl::OkStatus();
  return NotFoundError(kSenderType, ToSender(sender.list, sender.sender).name());
}

absl::StatusOr<SenderPage> Model::ListSenders(const CallContext& context,
                                              const SenderQuery& query) {
  ASSIGN_OR_RETURN(Group* const group, FindGroup(context, query.list.group.group));
  std::vector<v1::Sender> all;
  for (const std::string& id : group->senders[query.list.list]) {
    if (id > query.after_id) all.push_back(ToSender(query.list, id));
  }
  SenderPage page;
  page.has_more = TakePage(all, query.limit, page.senders);
  return page;
}

// --- Members

absl::StatusOr<v1::Member*> Model::FindMember(Group& group, const MemberName& name) {
  const auto member = group.members.find(name.user);
  const bool is_listed =
      member != group.members.end() &&
      (!name.list.owners_only || member->second.role() == v1::Member::ROLE_OWNER);
  if (!is_listed) return NotFoundError(kMemberType, name.Canonical());
  return &member->second;
}

absl::StatusOr<v1::Member> Model::AddMember(const CallContext& context, const MemberListName& list,
                                            const v1::Member& member) {
  ASSIGN_OR_RETURN(Group* const found, FindGroup(context, list.group.group));
  const auto [existing, is_new] = found->members.emplace(member.id(), member);
  if (is_new) return member;
  v1::Member& promoted = existing->second;
  if (!list.owners_only || promoted.role() == v1::Member::ROLE_OWNER) {
    return AlreadyExistsError(kMemberType, member.name());
  }
  promoted.set_role(v1::Member::ROLE_OWNER);
  if (!member.display_name().empty()) promoted.set_display_name(member.display_name());
  if (!member.mail().empty()) promoted.set_mail(member.mail());
  return promoted;
}

absl::StatusOr<v1::Member> Model::GetMember(const CallContext& context, const MemberName& name) {
  ASSIGN_OR_RETURN(Group* const group, FindGroup(context, name.list.group.group));
  ASSIGN_OR_RETURN(const v1::Member* const member, FindMember(*group, name));
  return *member;
}

absl::StatusOr<v1::Member> Model::UpdateMember(const CallContext& context, const MemberName& name,
                                               const MemberChanges& changes) {
  ASSIGN_OR_RETURN(Group* const group, FindGroup(context, name.list.group.group));
  ASSIGN_OR_RETURN(v1::Member* const member, FindMember(*group, name));
  const bool is_demoted =
      changes.role == v1::Member::ROLE_MEMBER && member->role() == v1::Member::ROLE_OWNER;
  if (is_demoted && !HasOtherOwner(group->members, name.user)) {
    return LastOwnerError(member->name());
  }
  if (changes.role.has_value()) member->set_role(*changes.role);
  if (changes.display_name.has_value()) member->set_display_name(*changes.display_name);
  if (changes.mail.has_value()) member->set_mail(*changes.mail);
  return *member;
}

absl::Status Model::RemoveMember(const CallContext& context, const MemberName& name) {
  ASSIGN_OR_RETURN(Group* const group, FindGroup(context, name.list.group.group));
  ASSIGN_OR_RETURN(v1::Member* const member, FindMember(*group, name));
  if (member->role() == v1::Member::ROLE_OWNER && !HasOtherOwner(group->members, name.user)) {
    return LastOwnerError(member->name());
  }
  if (name.list.owners_only) {
    member->set_role(v1::Member::ROLE_MEMBER);
  } else {
    group->members.erase(name.user);
  }
  return absl::OkStatus();
}

absl::StatusOr<MemberPage> Model::ListMembers(const CallContext& context,
                                              const MemberQuery& query) {
  ASSIGN_OR_RETURN(const Group* const group, FindGroup(context, query.group));
  std::vector<v1::Member> all;
  for (const auto& [id, member] : group->members) {
    const bool is_owner = member.role() == v1::Member::ROLE_OWNER;
    if (id > query.after_id && query.is_owner.value_or(is_owner) == is_owner) all.push_back(member);
  }
  MemberPage page;
  page.has_more = TakePage(all, query.limit, page.members);
  return page;
}

// --- Conversations

absl::StatusOr<v1::Conversation> Model::CreateConversation(const CreateContext& context,
                                                           const std::string& group,
                                                           const v1::Conversation& sent,
                                                           const v1::Conversation& answer) {
  ASSIGN_OR_RETURN(Group* const found, FindGroup(context, group));
  ASSIGN_OR_RETURN(const auto made, FindRequest(found->requests, context));
  if (made.has_value()) {
    ASSIGN_OR_RETURN(const Conversation* const past, FindConversation(*found, IdOf(*made)));
    return ReadCreated(*found, *past);
  }
  Conversation conversation;
  conversation.message = sent;
  conversation.message.clear_threads();
  for (int i = 0; i < sent.threads_size(); ++i) {
    RETURN_IF_ERROR(
        AddThread(context, *found, conversation, sent.threads(i),
                  i < answer.threads_size() ? answer.threads(i) : v1::ConversationThread())
            .status());
    conversation.came_with.push_back(IdOf(sent.threads(i).id()));
  }
  Remember(found->requests, context, sent.id());
  return ReadCreated(
      *found, found->conversations.emplace(IdOf(sent.id()), std::move(conversation)).first->second);
}

absl::StatusOr<v1::Conversation> Model::GetConversation(const CallContext& context,
                                                        const ConversationName& name) {
  ASSIGN_OR_RETURN(Group* const group, FindGroup(context, name.group.group));
  ASSIGN_OR_RETURN(const Conversation* const conversation,
                   FindConversation(*group, name.conversation));
  return Read(*conversation);
}

absl::StatusOr<ConversationPage> Model::ListConversations(const CallContext& context,
                                                          const ConversationQuery& query) {
  ASSIGN_OR_RETURN(const Group* const group, FindGroup(context, query.group));
  std::vector<Positioned<v1::Conversation>> all;
  for (const auto& [id, conversation] : group->conversations) {
    std::optional<ThreadCursor> newest;
    for (const auto& [thread_id, thread] : conversation.threads) {
      const ThreadCursor cursor = CursorOf(Read(thread));
      if (!newest.has_value() || Precedes(ThreadOrder::kNewestActivity, cursor, *newest)) {
        newest = cursor;
      }
    }
    const v1::Conversation read = Read(conversation);
    if (query.filter.has_value() && !Matches(*query.filter, ConversationFilterFields(), read)) {
      continue;
    }
    const bool by_activity =
        query.order == ThreadOrder::kNewestActivity || query.order == ThreadOrder::kOldestActivity;
    all.emplace_back(by_activity ? *newest : ThreadCursor{id, 0, read.topic()}, read);
  }
  ConversationPage page;
  if (query.count) page.total_size = static_cast<int64_t>(all.size());
  all = Arrange(std::move(all), query);
  page.has_more = TakePage(WithoutPositions(all), query.limit, page.conversations);
  if (!page.conversations.empty()) {
    page.last = all[static_cast<size_t>(page.conversations.size()) - 1].first;
  }
  return page;
}

absl::Status Model::DeleteConversation(const CallContext& context, const ConversationName& name) {
  ASSIGN_OR_RETURN(Group* const group, FindGroup(context, name.group.group));
  RETURN_IF_ERROR(FindConversation(*group, name.conversation).status());
  group->conversations.erase(name.conversation);
  return absl::OkStatus();
}

// --- Threads

absl::StatusOr<v1::ConversationThread> Model::CreateThread(const CreateContext& context,
                                                           const std::string& group,
                                                           const std::optional<Uuid>& conversation,
                                                           const v1::ConversationThread& sent,
                                                           const v1::ConversationThread& answer) {
  ASSIGN_OR_RETURN(Group* const found, FindGroup(context, group));
  ASSIGN_OR_RETURN(const auto made, FindRequest(found->requests, context));
  if (made.has_value()) {
    ASSIGN_OR_RETURN(const ThreadPath path, FindThread(*found, {{}, std::nullopt, IdOf(*made)}));
    return ReadCreated(*found, *path.thread);
  }
  Conversation begun;
  Conversation* parent = &begun;
  if (conversation.has_value()) {
    ASSIGN_OR_RETURN(parent, FindConversation(*found, *conversation));
  } else {
    begun.message.set_id(sent.conversation_id());
    begun.message.set_name(MakeConversationName(group, IdOf(sent.conversation_id())));
    begun.message.set_topic(sent.topic());
    *begun.message.mutable_created_date_time() = sent.created_date_time();
  }
  ASSIGN_OR_RETURN(const Thread* const created, AddThread(context, *found, *parent, sent, answer));
  v1::ConversationThread read = ReadCreated(*found, *created);
  if (parent == &begun) {
    found->conversations.emplace(IdOf(sent.conversation_id()), std::move(begun));
  }
  Remember(found->requests, context, read.id());
  return read;
}

absl::StatusOr<v1::ConversationThread> Model::GetThread(const CallContext& context,
                                                        const ThreadName& name) {
  ASSIGN_OR_RETURN(const ThreadPath path, FindThread(context, name));
  return Read(*path.thread);
}

absl::StatusOr<v1::ConversationThread> Model::UpdateThread(const ChangeContext& context,
                                                           const ThreadName& name,
                                                           const ThreadChanges& changes) {
  ASSIGN_OR_RETURN(const ThreadPath path, FindThread(context, name));
  Thread& thread = *path.thread;
  RETURN_IF_ERROR(CheckEtag(context, thread, kThreadType));
  if (changes.topic.has_value() && *changes.topic != thread.message.topic()) {
    return InvalidFieldError("thread.topic", "cannot be changed");
  }
  if (changes.is_locked.has_value() && *changes.is_locked != thread.message.is_locked()) {
    thread.message.set_is_locked(*changes.is_locked);
    Change(thread, ToTimestamp(context.now));
  }
  return Read(thread);
}

absl::Status Model::DeleteThread(const ChangeContext& context, const ThreadName& name) {
  ASSIGN_OR_RETURN(const ThreadPath path, FindThread(context, name));
  RETURN_IF_ERROR(CheckEtag(context, *path.thread, kThreadType));
  path.conversation->threads.erase(name.thread);
  if (path.conversation->threads.empty()) {
    path.group->conversations.erase(IdOf(path.conversation->message.id()));
  }
  return absl::OkStatus();
}

absl::StatusOr<ThreadPage> Model::ListThreads(const CallContext& context,
                                              const ThreadQuery& query) {
  ASSIGN_OR_RETURN(Group* const group, FindGroup(context, query.group));
  if (query.conversation.has_value()) {
    RETURN_IF_ERROR(FindConversation(*group, *query.conversation).status());
  }
  std::vector<Positioned<v1::ConversationThread>> all;
  for (const auto& [id, conversation] : group->conversations) {
    if (query.conversation.has_value() && *query.conversation != id) continue;
    for (const auto& [thread_id, thread] : conversation.threads) {
      const v1::ConversationThread read = Read(thread);
      if (query.filter.has_value() && !Matches(*query.filter, ThreadFilterFields(), read)) continue;
      all.emplace_back(CursorOf(read), read);
    }
  }
  ThreadPage page;
  if (query.count) page.total_size = static_cast<int64_t>(all.size());
  page.has_more =
      TakePage(WithoutPositions(Arrange(std::move(all), query)), query.limit, page.threads);
  return page;
}

// --- Searches

namespace {

using Words = std::vector<std::string>;

Words Split(const std::string& words) { return absl::StrSplit(words, ' ', absl::SkipEmpty()); }

bool Matches(const SearchTerm& term, const Words& text) {
  const auto is_found = [&](const std::string& searched, const std::string& found) {
    const bool is_last = &searched == &term.words.back();
    return is_last && term.is_prefix ? absl::StartsWith(found, searched) : found == searched;
  };
  return std::search(text.begin(), text.end(), term.words.begin(), term.words.end(),
                     [&](const std::string& found, const std::string& searched) {
                       return is_found(searched, found);
                     }) != text.end();
}

bool Matches(const SearchQuery& query, const Words& topic, const Words& body) {
  return std::all_of(query.terms.begin(), query.terms.end(), [&](const SearchTerm& term) {
    return Matches(term, topic) || Matches(term, body);
  });
}

}  // namespace

absl::StatusOr<SearchPage> Model::SearchThreads(const CallContext& context,
                                                const SearchQuery& query) {
  ASSIGN_OR_RETURN(Group* const group, FindGroup(context, query.group));
  std::multimap<int64_t, v1::SearchResult> by_time;
  for (const auto& [conversation_id, conversation] : group->conversations) {
    for (const auto& [thread_id, thread] : conversation.threads) {
      const Words topic = Split(WordsOf(thread.message.topic()));
      std::optional<int64_t> time;
      v1::SearchResult result;
      if (thread.posts.empty() && Matches(query, topic, {})) {
        time = ToMicros(thread.message.created_date_time());
      }
      for (const auto& [post_id, post] : thread.posts) {
        const v1::ItemBody& body = post.message.body();
        if (!Matches(query, topic, Split(WordsOfBody(body.content_type(), body.content()))))
          continue;
        time = ToMicros(post.message.created_date_time());
        result.set_post(post.message.name());
      }
      if (!time.has_value()) continue;
      *result.mutable_thread() = Read(thread);
      by_time.emplace(*time, std::move(result));
    }
  }
  SearchPage page;
  for (auto it = by_time.rbegin(); it != by_time.rend(); ++it) *page.results.Add() = it->second;
  return page;
}

// --- Posts

absl::StatusOr<v1::Post> Model::CreatePost(const CreateContext& context, const ThreadName& thread,
                                           const NewPost& post, const v1::Post& answer) {
  ASSIGN_OR_RETURN(Group* const group, FindGroup(context, thread.group.group));
  ASSIGN_OR_RETURN(const auto made, FindRequest(group->requests, context));
  if (made.has_value()) {
    ASSIGN_OR_RETURN(const PostPath past, FindPost(*group, {thread, IdOf(*made)}));
    return ReadCreated(*group, *past.post);
  }
  ASSIGN_OR_RETURN(const ThreadPath path, FindThread(*group, thread));
  if (post.in_reply_to.has_value()) {
    RETURN_IF_ERROR(FindPost(*group, {thread, *post.in_reply_to}).status());
  }
  RETURN_IF_ERROR(CheckSender(*group, context, &post.post));
  if (path.thread->message.is_locked()) return ThreadLockedError(thread.Canonical());
  ASSIGN_OR_RETURN(const Post* const created,
                   AddPost(context, context.now, *group, *path.thread, post, answer));
  Change(*path.thread, created->message.created_date_time());
  Remember(group->requests, context, created->message.id());
  return ReadCreated(*group, *created);
}

absl::StatusOr<v1::Post> Model::GetPost(const CallContext& context, const PostName& name) {
  ASSIGN_OR_RETURN(const PostPath path, FindPost(context, name));
  return Read(*path.group, *path.post);
}

absl::StatusOr<PostPage> Model::ListPosts(const CallContext& context, const PostQuery& query) {
  ASSIGN_OR_RETURN(const ThreadPath path, FindThread(context, query.thread));
  std::vector<v1::Post> all;
  int64_t total_size = 0;
  for (const auto& [id, post] : path.thread->posts) {
    const bool is_after =
        !query.after.has_value() || (query.newest_first ? id < *query.after : id > *query.after);
    const v1::Post read = Read(*path.group, post);
    const bool passes =
        !query.filter.has_value() || Matches(*query.filter, PostFilterFields(), read);
    if (passes) ++total_size;
    if (is_after && passes) all.push_back(read);
  }
  if (query.newest_first) std::reverse(all.begin(), all.end());
  PostPage page;
  if (query.count) page.total_size = total_size;
  page.has_more = TakePage(all, query.limit, page.posts);
  return page;
}

absl::StatusOr<v1::Post> Model::UpdatePost(const ChangeContext& context, const PostName& name,
                                           const PostChanges& changes) {
  ASSIGN_OR_RETURN(const PostPath path, FindPost(context, name));
  Post& post = *path.post;
  RETURN_IF_ERROR(CheckAuthor(context, name, post));
  RETURN_IF_ERROR(CheckEtag(context, post, kPostType));
  if (changes.body.has_value()) {
    *post.message.mutable_body() = *changes.body;
    post.preview = changes.preview;
  }
  if (changes.categories.has_value()) *post.message.mutable_categories() = *changes.categories;
  Change(post, ToTimestamp(context.now));
  Change(*path.thread, ToTimestamp(context.now));
  return Read(*path.group, post);
}

absl::Status Model::DeletePost(const ChangeContext& context, const PostName& name) {
  ASSIGN_OR_RETURN(const PostPath path, FindPost(context, name));
  const bool by_owner =
      context.required_member.has_value() &&
      path.group->members[context.required_member->user].role() == v1::Member::ROLE_OWNER;
  if (!by_owner) RETURN_IF_ERROR(CheckAuthor(context, name, *path.post));
  RETURN_IF_ERROR(CheckEtag(context, *path.post, kPostType));
  path.thread->posts.erase(name.post);
  Change(*path.thread, ToTimestamp(context.now));
  return absl::OkStatus();
}

absl::StatusOr<v1::Forward> Model::ForwardPost(const CreateContext& context, const PostName& name,
                                               const v1::Forward& forward) {
  ASSIGN_OR_RETURN(Group* const group, FindGroup(context, name.thread.group.group));
  ASSIGN_OR_RETURN(const auto made, FindRequest(group->requests, context));
  ASSIGN_OR_RETURN(const PostPath path, FindPost(*group, name));
  if (made.has_value()) return path.post->forwards.at(IdOf(*made));
  if (path.post->forwards.size() >= kMaxForwardsPerPost) {
    return TooManyForwardsError(name.Canonical(), kMaxForwardsPerPost);
  }
  path.post->forwards.emplace(IdOf(forward.id()), forward);
  Remember(group->requests, context, forward.id());
  return forward;
}

// --- Attachments

absl::StatusOr<v1::Attachment> Model::CreateAttachment(const CreateContext& context,
                                                       const PostName& post,
                                                       const v1::Attachment& attachment) {
  ASSIGN_OR_RETURN(Group* const group, FindGroup(context, post.thread.group.group));
  ASSIGN_OR_RETURN(const auto made, FindRequest(group->requests, context));
  ASSIGN_OR_RETURN(const PostPath path, FindPost(*group, post));
  auto& attachments = path.post->attachments;
  if (made.has_value()) return WithoutContent(attachments.at(IdOf(*made)));
  RETURN_IF_ERROR(CheckAuthor(context, post, *path.post));
  int64_t bytes = attachment.size();
  for (const auto& [id, existing] : attachments) bytes += existing.size();
  if (attachments.size() >= kMaxAttachmentsPerPost || bytes > kMaxAttachmentBytesPerPost) {
    return TooManyAttachmentsError(post.Canonical(), kMaxAttachmentsPerPost,
                                   kMaxAttachmentBytesPerPost);
  }
  attachments.emplace(IdOf(attachment.id()), attachment);
  Change(*path.post, ToTimestamp(context.now));
  Change(*path.thread, ToTimestamp(context.now));
  Remember(group->requests, context, attachment.id());
  return WithoutContent(attachment);
}

absl::StatusOr<v1::Attachment> Model::GetAttachment(const CallContext& context,
                                                    const AttachmentName& name, bool with_content) {
  ASSIGN_OR_RETURN(const PostPath path, FindPost(context, name.post));
  const auto found = path.post->attachments.find(name.attachment);
  if (found == path.post->attachments.end()) {
    return NotFoundError(kAttachmentType,
                         MakeAttachmentName(name.post.Canonical(), name.attachment));
  }
  return with_content ? found->second : WithoutContent(found->second);
}

absl::StatusOr<AttachmentPage> Model::ListAttachments(const CallContext& context,
                                                      const AttachmentQuery& query) {
  ASSIGN_OR_RETURN(const PostPath path, FindPost(context, query.post));
  std::vector<v1::Attachment> all;
  for (const auto& [id, attachment] : path.post->attachments) {
    if (query.after.has_value() && id <= *query.after) continue;
    all.push_back(query.with_content ? attachment : WithoutContent(attachment));
  }
  AttachmentPage page;
  page.has_more = TakePage(all, query.limit, page.attachments);
  return page;
}

// --- Extensions

absl::StatusOr<v1::Extension> Model::CreateExtension(const CreateContext& context,
                                                     const PostName& post,
                                                     const v1::Extension& extension) {
  ASSIGN_OR_RETURN(Group* const group, FindGroup(context, post.thread.group.group));
  ASSIGN_OR_RETURN(const auto made, FindRequest(group->requests, context));
  ASSIGN_OR_RETURN(const PostPath path, FindPost(*group, post));
  auto& extensions = path.post->extensions;
  if (made.has_value()) {
    for (const auto& [name, existing] : extensions) {
      if (existing.serial == *made) return existing.message;
    }
    return NotFoundError(kExtensionType, extension.name());
  }
  if (extensions.contains(extension.extension_name())) {
    return AlreadyExistsError(kExtensionType, extension.name());
  }
  if (extensions.size() >= kMaxExtensionsPerPost) {
    return TooManyExtensionsError(post.Canonical(), kMaxExtensionsPerPost);
  }
  const std::string serial = NextSerial();
  extensions[extension.extension_name()] = {extension, serial};
  Change(*path.post, ToTimestamp(context.now));
  Change(*path.thread, ToTimestamp(context.now));
  Remember(group->requests, context, serial);
  return extension;
}

absl::StatusOr<v1::Extension> Model::GetExtension(const CallContext& context,
                                                  const ExtensionName& name) {
  ASSIGN_OR_RETURN(const PostPath path, FindPost(context, name.post));
  const auto found = path.post->extensions.find(name.extension);
  if (found == path.post->extensions.end()) {
    return NotFoundError(kExtensionType, MakeExtensionName(name.post.Canonical(), name.extension));
  }
  return found->second.message;
}

absl::StatusOr<ExtensionPage> Model::ListExtensions(const CallContext& context,
                                                    const ExtensionQuery& query) {
  ASSIGN_OR_RETURN(const PostPath path, FindPost(context, query.post));
  std::vector<v1::Extension> all;
  for (const auto& [name, extension] : path.post->extensions) {
    if (name > query.after_name) all.push_back(extension.message);
  }
  ExtensionPage page;
  page.has_more = TakePage(all, query.limit, page.extensions);
  return page;
}

absl::StatusOr<v1::Extension> Model::UpdateExtension(const ChangeContext& context,
                                                     const ExtensionName& name,
                                                     const std::string& content_json) {
  RETURN_IF_ERROR(GetExtension(context, name).status());
  ASSIGN_OR_RETURN(const PostPath path, FindPost(context, name.post));
  v1::Extension& extension = path.post->extensions[name.extension].message;
  extension.set_content_json(content_json);
  Change(*path.post, ToTimestamp(context.now));
  Change(*path.thread, ToTimestamp(context.now));
  return extension;
}

absl::Status Model::DeleteExtension(const ChangeContext& context, const ExtensionName& name) {
  RETURN_IF_ERROR(GetExtension(context, name).status());
  ASSIGN_OR_RETURN(const PostPath path, FindPost(context, name.post));
  path.post->extensions.erase(name.extension);
  Change(*path.post, ToTimestamp(context.now));
  Change(*path.thread, ToTimestamp(context.now));
  return absl::OkStatus();
}

}  // namespace threadstore::testing
