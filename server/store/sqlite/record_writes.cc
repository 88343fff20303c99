#include "server/store/sqlite/record_writes.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/resource_name.h"
#include "server/domain/timestamp.h"
#include "server/domain/usage.h"
#include "server/store/sqlite/columns.h"

namespace threadstore::sqlite {
namespace {

// What a record may be refused for; any other error is about the store.
bool IsRefusal(const absl::Status& status) {
  const v1::ErrorReason reason = ErrorReasonOf(status);
  if (reason == v1::ERROR_REASON_UNSPECIFIED) return false;
  return reason == v1::ERROR_REASON_QUOTA_EXCEEDED || absl::IsInvalidArgument(status) ||
         absl::IsNotFound(status) || absl::IsAlreadyExists(status) ||
         absl::IsFailedPrecondition(status);
}

// Nothing to store if what is there is the same; RECORD_DIFFERS otherwise.
absl::StatusOr<bool> SkipIf(bool is_same, absl::string_view type, const CheckedRecord& record) {
  if (is_same) return false;
  return RecordDiffersError(type, record.name);
}

// Whether what is there is what the record says; fields that this server does not know aside.
template <typename Message>
bool AreEqual(const Message& stored, const Message& said) {
  const std::string bytes = stored.SerializeAsString();
  if (bytes == said.SerializeAsString()) return true;
  Message known = said;
  known.DiscardUnknownFields();
  return bytes == known.SerializeAsString();
}

// Whether a record is a thread of the conversation that another is.
bool IsThreadOf(const CheckedRecord& conversation, const CheckedRecord& record) {
  return record.record.has_thread() && record.conversation == conversation.id &&
         record.path.thread.group.group == conversation.path.thread.group.group;
}

// Of the ids that hold the same time: what all begin with, and what is after them.
absl::string_view TimeOf(const Uuid& id) { return id.bytes().substr(0, Uuid::kBytes / 2); }
std::string AfterTimeOf(const Uuid& id) { return absl::StrCat(TimeOf(id), kAfterLastId); }

}  // namespace

absl::StatusOr<std::unique_ptr<RecordWrites>> RecordWrites::Prepare(const Base& base) {
  std::unique_ptr<RecordWrites> writes(new RecordWrites(base));
  RETURN_IF_ERROR(writes->PrepareAll());
  return writes;
}

absl::Status RecordWrites::PrepareAll() {
  const std::pair<Statement*, absl::string_view> statements[] = {
      {&find_conversation_,
       "SELECT key, deleted, topic, created_us FROM conversations WHERE group_key = ? AND id = ?"},
      {&set_state_, "UPDATE conversations SET deleted = ? WHERE key = ?"},
      {&rename_conversation_, "UPDATE conversations SET id = ? WHERE key = ?"},
      {&find_thread_,
       "SELECT threads.key, threads.deleted OR conversations.deleted"
       " FROM threads JOIN conversations ON conversations.key = threads.conversation_key"
       " WHERE threads.group_key = ? AND threads.id = ?"},
      {&rename_thread_, "UPDATE threads SET id = ? WHERE key = ?"},
      {&read_thread_,
       "SELECT threads.key, conversations.id, threads.has_had_posts, threads.has_attachments,"
       " threads.last_delivered_us"
       " FROM threads JOIN conversations ON conversations.key = threads.conversation_key"
       " WHERE threads.deleted = 0 AND conversations.deleted = 0"
       " AND threads.group_key = ? AND threads.id = ?"},
      {&find_post_at_, "SELECT id FROM posts WHERE thread_key = ? AND id > ? AND id < ?"},
      {&has_attachment_, "SELECT EXISTS (SELECT 1 FROM attachments WHERE post_key = ? AND id = ?)"},
      {&has_forward_, "SELECT EXISTS (SELECT 1 FROM forwards WHERE post_key = ? AND id = ?)"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, base_.db.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RecordOutcome>> RecordWrites::Import(
    const std::vector<CheckedRecord>& records) {
  group_.reset();
  conversation_.reset();
  thread_.reset();
  post_.reset();
  std::vector<RecordOutcome> outcomes(records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    const bool thread_follows = i + 1 < records.size() && IsThreadOf(records[i], records[i + 1]);
    absl::StatusOr<bool> stored = Store(records[i], thread_follows);
    if (stored.ok()) {
      outcomes[i].is_stored = *stored;
    } else if (IsRefusal(stored.status())) {
      outcomes[i].refusal = stored.status();
    } else {
      return stored.status();
    }
    if (!thread_follows) RETURN_IF_ERROR(HideIfEmpty());
  }
  return outcomes;
}

absl::StatusOr<bool> RecordWrites::Store(const CheckedRecord& record, bool thread_follows) {
  switch (record.record.kind_case()) {
    case v1::Record::kGroup:
      return StoreGroup(record);
    case v1::Record::kMember:
      return StoreMember(record);
    case v1::Record::kSender:
      return StoreSender(record);
    case v1::Record::kConversation:
      return StoreConversation(record, thread_follows);
    case v1::Record::kThread:
      return StoreThread(record);
    case v1::Record::kPost:
      return StorePost(record);
    case v1::Record::kAttachment:
      return StoreAttachment(record);
    case v1::Record::kExtension:
      return StoreExtension(record);
    case v1::Record::kForward:
      return StoreForward(record);
    case v1::Record::KIND_NOT_SET:
      break;
  }
  return absl::InternalError("a record to store is of no kind");
}

absl::StatusOr<bool> RecordWrites::StoreGroup(const CheckedRecord& record) {
  const v1::Group& group = record.record.group();
  ASSIGN_OR_RETURN(const std::optional<int64_t> existing, base_.reads.FindGroup(group.id()));
  if (existing.has_value()) {
    ASSIGN_OR_RETURN(const std::optional<v1::Group> stored, base_.reads.ReadGroup(*existing));
    return SkipIf(stored.has_value() && AreEqual(*stored, group), kGroupType, record);
  }
  RETURN_IF_ERROR(base_.room.Check());
  ASSIGN_OR_RETURN(const int64_t key, base_.rows.InsertGroup(group));
  group_ = Group{group.id(), key};
  return true;
}

absl::StatusOr<bool> RecordWrites::StoreMember(const CheckedRecord& record) {
  const v1::Member& member = record.record.member();
  const std::string& group = record.path.thread.group.group;
  ASSIGN_OR_RETURN(const int64_t group_key, FindGroup(record));
  ASSIGN_OR_RETURN(const auto existing, base_.reads.FindMember(group_key, group, member.id()));
  if (existing.has_value()) return SkipIf(AreEqual(*existing, member), kMemberType, record);
  RETURN_IF_ERROR(base_.room.Check());
  RETURN_IF_ERROR(base_.rows.InsertMember(group_key, group, member));
  return true;
}

absl::StatusOr<bool> RecordWrites::StoreSender(const CheckedRecord& record) {
  SenderName name;
  name.list.group = record.path.thread.group;
  name.list.list = record.list;
  name.sender = record.record.sender().id();
  const absl::Status added = base_.rules.AddSender(CallContext(), name);
  if (absl::IsAlreadyExists(added)) return false;
  RETURN_IF_ERROR(added);
  return true;
}

absl::StatusOr<bool> RecordWrites::StoreConversation(const CheckedRecord& record,
                                                     bool thread_follows) {
  const v1::Conversation& conversation = record.record.conversation();
  ASSIGN_OR_RETURN(const int64_t group_key, FindGroup(record));
  if (!base_.room.is_left()) {
    ASSIGN_OR_RETURN(const bool is_there, HasConversation(group_key, record));
    return is_there ? absl::StatusOr<bool>(false) : StoreFullError();
  }
  const ConversationState state =
      thread_follows ? ConversationState::kThere : ConversationState::kAwaitsThread;
  const auto insert = [&] {
    return base_.rows.InsertConversation(group_key, record.id, conversation.topic(),
                                         conversation.created_date_time(), state, Usage());
  };
  ASSIGN_OR_RETURN(std::optional<int64_t> key, insert());
  if (!key.has_value()) {
    ASSIGN_OR_RETURN(const bool is_there, HasConversation(group_key, record));
    if (is_there) return false;
    ASSIGN_OR_RETURN(key, insert());
    if (!key.has_value()) return absl::InternalError("the id of a conversation is still taken");
  }
  conversation_ = Conversation{
      .group_key = group_key, .id = record.id, .key = *key, .state = state, .is_empty = true};
  return true;
}

absl::StatusOr<bool> RecordWrites::HasConversation(int64_t group_key, const CheckedRecord& record) {
  const v1::Conversation& conversation = record.record.conversation();
  int64_t key = 0;
  {
    Query query(find_conversation_);
    query.Bind(group_key).BindBlob(record.id.bytes());
    ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return false;
    key = query.Integer(0);
    if (query.Integer(1) != static_cast<int64_t>(ConversationState::kDeleted)) {
      const bool is_same = query.Text(2) == conversation.topic() &&
                           query.Integer(3) == ToMicros(conversation.created_date_time());
      if (is_same) return true;
      return RecordDiffersError(kConversationType, record.name);
    }
  }
  RETURN_IF_ERROR(Rename(rename_conversation_, key));
  return false;
}

absl::StatusOr<bool> RecordWrites::StoreThread(const CheckedRecord& record) {
  const v1::ConversationThread& thread = record.record.thread().thread();
  const bool has_had_posts = record.record.thread().has_had_posts();
  ASSIGN_OR_RETURN(const int64_t group_key, FindGroup(record));
  ASSIGN_OR_RETURN(Conversation * conversation, FindConversation(group_key, record));
  const Usage added{.threads = 1, .bytes = BytesOf(thread, has_had_posts)};
  const absl::Status fits = base_.usage.CheckFits(group_key, record.path.thread.group.group, added);
  if (!fits.ok()) {
    ASSIGN_OR_RETURN(const bool is_there, HasThread(group_key, record));
    return is_there ? absl::StatusOr<bool>(false) : fits;
  }
  const Uuid& id = record.path.thread.thread;
  const auto insert = [&] {
    return base_.rows.InsertThread(group_key, conversation->key, id, thread, record.revision,
                                   has_had_posts, added.bytes);
  };
  ASSIGN_OR_RETURN(std::optional<int64_t> key, insert());
  if (!key.has_value()) {
    ASSIGN_OR_RETURN(const bool is_there, HasThread(group_key, record));
    if (is_there) return false;
    ASSIGN_OR_RETURN(key, insert());
    if (!key.has_value()) return absl::InternalError("the id of a thread is still taken");
  }
  RETURN_IF_ERROR(base_.usage.AddThread(group_key, conversation->key, added.bytes));
  conversation->is_empty = false;
  RETURN_IF_ERROR(SetState(*conversation, ConversationState::kThere));
  RETURN_IF_ERROR(
      base_.changes.Append(group_key, {ChangeEvent::kThreadCreated, record.conversation, id}));
  thread_ = Thread{.group_key = group_key,
                   .id = id,
                   .key = *key,
                   .conversation = record.conversation,
                   .has_had_posts = has_had_posts,
                   .has_attachments = thread.has_attachments(),
                   .last_delivered_us = ToMicros(thread.last_delivered_date_time())};
  return true;
}

absl::StatusOr<bool> RecordWrites::HasThread(int64_t group_key, const CheckedRecord& record) {
  std::optional<int64_t> deleted_key;
  {
    Query query(find_thread_);
    query.Bind(group_key).BindBlob(record.path.thread.thread.bytes());
    ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return false;
    if (query.Boolean(1)) deleted_key = query.Integer(0);
  }
  if (deleted_key.has_value()) {
    RETURN_IF_ERROR(Rename(rename_thread_, *deleted_key));
    return false;
  }
  v1::ThreadRecord stored;
  ASSIGN_OR_RETURN(*stored.mutable_thread(), base_.reads.GetThread(group_key, record.path.thread));
  ASSIGN_OR_RETURN(const ReadQueries::Thread row,
                   base_.reads.ResolveThread(group_key, record.path.thread));
  stored.set_has_had_posts(row.has_had_posts);
  if (!AreEqual(stored, record.record.thread()))
    return RecordDiffersError(kThreadType, record.name);
  return true;
}

absl::StatusOr<bool> RecordWrites::StorePost(const CheckedRecord& record) {
  const v1::PostRecord& post = record.record.post();
  ASSIGN_OR_RETURN(const int64_t group_key, FindGroup(record));
  ASSIGN_OR_RETURN(const Thread* thread, FindThread(group_key, record));
  ASSIGN_OR_RETURN(const bool is_there, HasPost(*thread, record));
  if (is_there) return false;
  RETURN_IF_ERROR(CheckPost(*thread, record));
  const int64_t bytes = BytesOf(post.post());
  RETURN_IF_ERROR(
      base_.usage.CheckFits(group_key, record.path.thread.group.group, {.bytes = bytes}));
  RowInserts::PostRow row;
  row.id = record.path.post;
  row.revision = record.revision;
  if (post.has_author()) row.author = post.author();
  row.in_reply_to = record.in_reply_to;
  row.preview = record.preview;
  ASSIGN_OR_RETURN(const int64_t key, base_.rows.InsertPost(thread->key, post.post(), row));
  RETURN_IF_ERROR(base_.usage.AddBytes(group_key, thread->key, bytes));
  RETURN_IF_ERROR(base_.changes.Append(
      group_key, {ChangeEvent::kPostCreated, thread->conversation, thread->id, row.id}));
  post_ = Post{.group_key = group_key,
               .thread = thread->id,
               .id = row.id,
               .key = key,
               .thread_key = thread->key,
               .conversation = thread->conversation,
               .has_attachments = post.post().has_attachments(),
               .is_new = true};
  return true;
}

absl::StatusOr<bool> RecordWrites::HasPost(const Thread& thread, const CheckedRecord& record) {
  {
    const std::string after = AfterTimeOf(record.path.post);
    Query query(find_post_at_);
    query.Bind(thread.key).BindBlob(TimeOf(record.path.post)).BindBlob(after);
    ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return false;
    ASSIGN_OR_RETURN(const Uuid id, ReadUuid(query, 0));
    if (id != record.path.post) {
      return InvalidFieldError("post.post.created_date_time",
                               "must differ from those of the thread's other posts");
    }
  }
  v1::PostRecord stored;
  ASSIGN_OR_RETURN(*stored.mutable_post(), base_.posts.GetPost(thread.group_key, record.path));
  stored.mutable_post()->clear_from();
  ASSIGN_OR_RETURN(const PostQueries::Post row,
                   base_.posts.ResolvePost(thread.group_key, record.path));
  if (row.author.has_value()) stored.set_author(*row.author);
  if (!AreEqual(stored, record.record.post())) return RecordDiffersError(kPostType, record.name);
  return true;
}

absl::Status RecordWrites::CheckPost(const Thread& thread, const CheckedRecord& record) {
  const v1::Post& post = record.record.post().post();
  std::vector<FieldViolation> violations;
  if (record.conversation != thread.conversation) {
    violations.push_back({"post.post.conversation_id", "must be the thread's"});
  }
  if (!thread.has_had_posts) {
    violations.push_back({"post.post", "must be in a thread that says it has_had_posts"});
  }
  if (post.has_attachments() && !thread.has_attachments) {
    violations.push_back({"post.post.has_attachments", "must not be true if the thread's is not"});
  }
  if (ToMicros(post.created_date_time()) > thread.last_delivered_us) {
    violations.push_back(
        {"post.post.created_date_time", "must not be after the thread's last_delivered_date_time"});
  }
  return violations.empty() ? absl::OkStatus() : InvalidFieldsError(violations);
}

absl::StatusOr<bool> RecordWrites::StoreAttachment(const CheckedRecord& record) {
  const v1::Attachment& attachment = record.record.attachment();
  ASSIGN_OR_RETURN(const Post* post, FindPost(record));
  ASSIGN_OR_RETURN(const bool exists, Exists(has_attachment_, post->key, record.id));
  if (exists) {
    ASSIGN_OR_RETURN(const v1::Attachment stored,
                     base_.posts.GetAttachment(post->group_key, {record.path, record.id},
                                               /*with_content=*/true));
    return SkipIf(AreEqual(stored, attachment), kAttachmentType, record);
  }
  if (!post->has_attachments)
    return InvalidFieldError("attachment", "must be of a post that says it has_attachments");
  RETURN_IF_ERROR(base_.post_writes.CheckAttachmentFits(post->key, record.path, attachment));
  RETURN_IF_ERROR(base_.usage.CheckFits(post->group_key, record.path.thread.group.group,
                                        {.bytes = BytesOf(attachment)}));
  RETURN_IF_ERROR(base_.rows.InsertAttachment(post->key, attachment, ContentOf(attachment)));
  RETURN_IF_ERROR(base_.usage.AddBytes(post->group_key, post->thread_key, BytesOf(attachment)));
  RETURN_IF_ERROR(NoteAddition(*post));
  return true;
}

absl::StatusOr<bool> RecordWrites::StoreExtension(const CheckedRecord& record) {
  const v1::Extension& extension = record.record.extension();
  ASSIGN_OR_RETURN(const Post* post, FindPost(record));
  const auto existing = base_.posts.GetExtension(
      post->group_key, ExtensionName{record.path, extension.extension_name()});
  if (existing.ok()) return SkipIf(AreEqual(*existing, extension), kExtensionType, record);
  if (!absl::IsNotFound(existing.status())) return existing.status();
  RETURN_IF_ERROR(base_.post_writes.CheckExtensionFits(post->key, record.path));
  RETURN_IF_ERROR(base_.usage.CheckFits(post->group_key, record.path.thread.group.group,
                                        {.bytes = BytesOf(extension)}));
  RETURN_IF_ERROR(base_.rows.InsertExtension(post->key, Uuid::V7(base_.clock.Now()), extension));
  RETURN_IF_ERROR(base_.usage.AddBytes(post->group_key, post->thread_key, BytesOf(extension)));
  RETURN_IF_ERROR(NoteAddition(*post));
  return true;
}

// Not noted as a change: who acts on forwards has acted on this one.
absl::StatusOr<bool> RecordWrites::StoreForward(const CheckedRecord& record) {
  const v1::Forward& forward = record.record.forward();
  ASSIGN_OR_RETURN(const Post* post, FindPost(record));
  ASSIGN_OR_RETURN(const bool exists, Exists(has_forward_, post->key, record.id));
  if (exists) {
    ASSIGN_OR_RETURN(const v1::Forward stored,
                     base_.posts.GetForward(post->group_key, record.path, record.id));
    return SkipIf(AreEqual(stored, forward), kForwardType, record);
  }
  RETURN_IF_ERROR(base_.post_writes.CheckForwardFits(post->key, record.path));
  RETURN_IF_ERROR(base_.usage.CheckFits(post->group_key, record.path.thread.group.group,
                                        {.bytes = BytesOf(forward)}));
  RETURN_IF_ERROR(base_.rows.InsertForward(post->key, record.id, forward));
  RETURN_IF_ERROR(base_.usage.AddBytes(post->group_key, post->thread_key, BytesOf(forward)));
  return true;
}

absl::StatusOr<int64_t> RecordWrites::FindGroup(const CheckedRecord& record) {
  const std::string& id = record.path.thread.group.group;
  if (!group_.has_value() || group_->id != id) {
    ASSIGN_OR_RETURN(const int64_t key, base_.reads.ResolveGroup(std::nullopt, id));
    group_ = Group{id, key};
  }
  return group_->key;
}

absl::StatusOr<RecordWrites::Conversation*> RecordWrites::FindConversation(
    int64_t group_key, const CheckedRecord& record) {
  const bool is_last = conversation_.has_value() && conversation_->group_key == group_key &&
                       conversation_->id == record.conversation;
  if (is_last) return &*conversation_;
  Query query(find_conversation_);
  query.Bind(group_key).BindBlob(record.conversation.bytes());
  ASSIGN_OR_RETURN(const bool found, query.Step());
  const auto state = static_cast<ConversationState>(found ? query.Integer(1) : 1);
  if (state == ConversationState::kDeleted) {
    return NotFoundError(kConversationType,
                         MakeConversationName(record.path.thread.group.group, record.conversation));
  }
  conversation_ = Conversation{.group_key = group_key,
                               .id = record.conversation,
                               .key = query.Integer(0),
                               .state = state,
                               .is_empty = false};
  return &*conversation_;
}

absl::StatusOr<const RecordWrites::Thread*> RecordWrites::FindThread(int64_t group_key,
                                                                     const CheckedRecord& record) {
  const Uuid& id = record.path.thread.thread;
  const bool is_last = thread_.has_value() && thread_->group_key == group_key && thread_->id == id;
  if (is_last) return &*thread_;
  Query query(read_thread_);
  query.Bind(group_key).BindBlob(id.bytes());
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return NotFoundError(kThreadType, record.path.thread.Canonical());
  ASSIGN_OR_RETURN(const Uuid conversation, ReadUuid(query, 1));
  thread_ = Thread{.group_key = group_key,
                   .id = id,
                   .key = query.Integer(0),
                   .conversation = conversation,
                   .has_had_posts = query.Boolean(2),
                   .has_attachments = query.Boolean(3),
                   .last_delivered_us = query.Integer(4)};
  return &*thread_;
}

absl::StatusOr<const RecordWrites::Post*> RecordWrites::FindPost(const CheckedRecord& record) {
  ASSIGN_OR_RETURN(const int64_t group_key, FindGroup(record));
  const Uuid& thread = record.path.thread.thread;
  const bool is_last = post_.has_value() && post_->group_key == group_key &&
                       post_->thread == thread && post_->id == record.path.post;
  if (is_last) return &*post_;
  ASSIGN_OR_RETURN(const PostQueries::Post row, base_.posts.ResolvePost(group_key, record.path));
  post_ = Post{.group_key = group_key,
               .thread = thread,
               .id = record.path.post,
               .key = row.key,
               .thread_key = row.thread.key,
               .conversation = row.thread.conversation,
               .has_attachments = row.has_attachments,
               .is_new = false};
  return &*post_;
}

absl::Status RecordWrites::HideIfEmpty() {
  if (!conversation_.has_value() || !conversation_->is_empty) return absl::OkStatus();
  conversation_->is_empty = false;
  return SetState(*conversation_, ConversationState::kAwaitsThread);
}

absl::Status RecordWrites::SetState(Conversation& conversation, ConversationState state) {
  if (conversation.state == state) return absl::OkStatus();
  conversation.state = state;
  return Query(set_state_).Bind(static_cast<int64_t>(state)).Bind(conversation.key).Run();
}

absl::Status RecordWrites::Rename(Statement& statement, int64_t deleted_key) {
  const Uuid unused = Uuid::V7(base_.clock.Now());
  return Query(statement).BindBlob(unused.bytes()).Bind(deleted_key).Run();
}

absl::Status RecordWrites::NoteAddition(const Post& post) {
  if (post.is_new) return absl::OkStatus();
  return base_.changes.Append(post.group_key,
                              {ChangeEvent::kPostUpdated, post.conversation, post.thread, post.id});
}

absl::StatusOr<bool> RecordWrites::Exists(Statement& statement, int64_t key, const Uuid& id) {
  Query query(statement);
  query.Bind(key).BindBlob(id.bytes());
  ASSIGN_OR_RETURN([[maybe_unused]] const bool row, query.Step());
  return query.Boolean(0);
}

}  // namespace threadstore::sqlite
