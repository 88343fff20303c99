#include "server/store/sqlite/write_queries.h"

#include <utility>

#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/domain/resource_name.h"
#include "server/domain/timestamp.h"

namespace threadstore::sqlite {
namespace {

constexpr int kToRecipient = 0;
constexpr int kCcRecipient = 1;
constexpr int64_t kFirstRevision = 1;

// Ids in resources were made or checked by the domain.
absl::StatusOr<Uuid> RequireUuid(absl::string_view text) {
  const std::optional<Uuid> uuid = Uuid::Parse(text);
  if (!uuid.has_value()) return absl::InternalError("a resource to store has no valid id");
  return *uuid;
}

}  // namespace

absl::StatusOr<std::unique_ptr<WriteQueries>> WriteQueries::Prepare(
    Database& db, absl::Duration request_retention) {
  std::unique_ptr<WriteQueries> queries(new WriteQueries(request_retention));
  queries->db_ = &db;
  ASSIGN_OR_RETURN(queries->reads_, ReadQueries::Prepare(db));
  RETURN_IF_ERROR(queries->PrepareAll(db));
  return queries;
}

absl::Status WriteQueries::PrepareAll(Database& db) {
  const std::pair<Statement*, absl::string_view> statements[] = {
      {&insert_group_,
       "INSERT INTO groups (id, display_name, mail, created_us, deleted) VALUES (?, ?, ?, ?, 0)"},
      {&mark_group_deleted_, "UPDATE groups SET deleted = 1 WHERE key = ?"},
      {&insert_member_,
       "INSERT INTO members (group_key, user_id, display_name, mail, is_owner, group_id)"
       " VALUES (?, ?, ?, ?, ?, ?)"},
      {&delete_member_, "DELETE FROM members WHERE group_key = ? AND user_id = ?"},
      {&has_other_owner_,
       "SELECT EXISTS (SELECT 1 FROM members"
       " WHERE group_key = ? AND user_id <> ? AND is_owner = 1)"},
      {&has_thread_, "SELECT EXISTS (SELECT 1 FROM threads WHERE group_key = ?)"},
      {&insert_conversation_,
       "INSERT INTO conversations (group_key, id, topic, created_us) VALUES (?, ?, ?, ?)"},
      {&insert_thread_,
       "INSERT INTO threads (group_key, conversation_key, id, topic, has_attachments,"
       " last_delivered_us, preview, is_locked, revision, created_us, modified_us)"
       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&insert_recipient_,
       "INSERT INTO recipients (thread_key, kind, position, has_email_address, name, address)"
       " VALUES (?, ?, ?, ?, ?, ?)"},
      {&insert_unique_sender_,
       "INSERT INTO unique_senders (thread_key, position, name) VALUES (?, ?, ?)"},
      {&find_request_,
       "SELECT group_key, request_hash, resource_id, created_us FROM idempotency_keys"
       " WHERE request_id = ? AND group_key = ? AND principal = ?"},
      {&find_group_request_,
       "SELECT group_key, request_hash, resource_id, created_us FROM idempotency_keys"
       " WHERE request_id = ? AND principal = ? AND resource_id IS NULL"
       " ORDER BY key DESC LIMIT 1"},
      {&insert_request_,
       "INSERT OR REPLACE INTO idempotency_keys"
       " (group_key, principal, request_id, request_hash, resource_id, created_us)"
       " VALUES (?, ?, ?, ?, ?, ?)"},
      {&find_deleted_group_, "SELECT key FROM groups WHERE deleted = 1 ORDER BY key LIMIT 1"},
      {&find_thread_of_group_,
       "SELECT key, conversation_key FROM threads WHERE group_key = ? ORDER BY id LIMIT 1"},
      {&delete_recipients_, "DELETE FROM recipients WHERE thread_key = ?"},
      {&delete_unique_senders_, "DELETE FROM unique_senders WHERE thread_key = ?"},
      {&delete_thread_, "DELETE FROM threads WHERE key = ?"},
      {&delete_conversation_without_threads_,
       "DELETE FROM conversations WHERE key = ?1 AND NOT EXISTS"
       " (SELECT 1 FROM threads WHERE conversation_key = ?1)"},
      {&delete_some_members_,
       "DELETE FROM members WHERE group_key = ?1 AND user_id IN"
       " (SELECT user_id FROM members WHERE group_key = ?1 ORDER BY user_id LIMIT ?2)"},
      {&delete_group_row_, "DELETE FROM groups WHERE key = ?"},
      {&oldest_request_,
       "SELECT key, created_us, (SELECT max(key) FROM idempotency_keys)"
       " FROM idempotency_keys ORDER BY key LIMIT 1"},
      {&delete_old_requests_,
       "DELETE FROM idempotency_keys WHERE key IN"
       " (SELECT key FROM idempotency_keys ORDER BY key LIMIT ?)"
       " AND (created_us < ? OR key <= ?)"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, db.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::Status WriteQueries::CheckRoom() const {
  return has_room_ ? absl::OkStatus() : StoreFullError();
}

absl::StatusOr<std::optional<v1::Group>> WriteQueries::CreateGroup(
    const CreateContext& context, const v1::Group& group, const std::optional<v1::Member>& owner) {
  if (context.request.has_value()) {
    std::optional<PastRequest> past;
    {
      Query find(find_group_request_);
      find.BindBlob(context.request->id.bytes()).BindText(context.request->principal);
      ASSIGN_OR_RETURN(past, FindPastRequest(find, context));
    }
    if (past.has_value()) {
      ASSIGN_OR_RETURN(std::optional<v1::Group> made, reads_->ReadGroup(past->group_key));
      if (!made.has_value()) return NotFoundError(kGroupType, group.name());
      if (owner.has_value()) {
        ASSIGN_OR_RETURN(const auto member,
                         reads_->FindMember(past->group_key, made->id(), owner->id()));
        if (!member.has_value()) return NotAMemberError(made->name());
      }
      return made;
    }
  }
  ASSIGN_OR_RETURN(const auto existing, reads_->FindGroup(group.id()));
  if (existing.has_value()) return AlreadyExistsError(kGroupType, group.name());
  RETURN_IF_ERROR(CheckRoom());

  RETURN_IF_ERROR(Query(insert_group_)
                      .BindText(group.id())
                      .BindText(group.display_name())
                      .BindText(group.mail())
                      .Bind(ToMicros(group.created_date_time()))
                      .Run());
  const int64_t key = db_->last_insert_rowid();
  if (owner.has_value()) RETURN_IF_ERROR(InsertMember(key, group.id(), *owner));
  RETURN_IF_ERROR(RememberRequest(context, key, std::nullopt));
  return std::nullopt;
}

absl::Status WriteQueries::DeleteGroup(const CallContext& context, absl::string_view group,
                                       bool force) {
  ASSIGN_OR_RETURN(const int64_t key, reads_->ResolveGroup(context.required_member, group));
  if (!force) {
    Query query(has_thread_);
    query.Bind(key);
    ASSIGN_OR_RETURN([[maybe_unused]] const bool row, query.Step());
    if (query.Boolean(0)) return GroupNotEmptyError(MakeGroupName(group));
  }
  return Query(mark_group_deleted_).Bind(key).Run();
}

absl::Status WriteQueries::AddMember(const CallContext& context, absl::string_view group,
                                     const v1::Member& member) {
  ASSIGN_OR_RETURN(const int64_t key, reads_->ResolveGroup(context.required_member, group));
  ASSIGN_OR_RETURN(const auto existing, reads_->FindMember(key, group, member.id()));
  if (existing.has_value()) return AlreadyExistsError(kMemberType, member.name());
  RETURN_IF_ERROR(CheckRoom());
  return InsertMember(key, group, member);
}

absl::Status WriteQueries::RemoveMember(const CallContext& context, absl::string_view group,
                                        absl::string_view user) {
  ASSIGN_OR_RETURN(const int64_t key, reads_->ResolveGroup(context.required_member, group));
  ASSIGN_OR_RETURN(const auto member, reads_->FindMember(key, group, user));
  const std::string name = MakeMemberName(group, user);
  if (!member.has_value()) return NotFoundError(kMemberType, name);
  if (member->role() == v1::Member::ROLE_OWNER) {
    Query query(has_other_owner_);
    query.Bind(key).BindText(user);
    ASSIGN_OR_RETURN([[maybe_unused]] const bool row, query.Step());
    if (!query.Boolean(0)) return LastOwnerError(name);
  }
  return Query(delete_member_).Bind(key).BindText(user).Run();
}

absl::StatusOr<std::optional<v1::ConversationThread>> WriteQueries::CreateThread(
    const CreateContext& context, absl::string_view group, const std::optional<Uuid>& conversation,
    v1::ConversationThread& thread) {
  ASSIGN_OR_RETURN(const int64_t group_key, reads_->ResolveGroup(context.required_member, group));
  if (context.request.has_value()) {
    std::optional<PastRequest> past;
    {
      Query find(find_request_);
      find.BindBlob(context.request->id.bytes())
          .Bind(group_key)
          .BindText(context.request->principal);
      ASSIGN_OR_RETURN(past, FindPastRequest(find, context));
    }
    if (past.has_value()) {
      if (!past->resource.has_value()) return absl::DataLossError("a request made no thread");
      ASSIGN_OR_RETURN(v1::ConversationThread made,
                       reads_->GetThread(group_key, group, std::nullopt, *past->resource));
      return made;
    }
  }

  int64_t conversation_key = 0;
  if (conversation.has_value()) {
    ASSIGN_OR_RETURN(const ReadQueries::Conversation existing,
                     reads_->ResolveConversation(group_key, group, *conversation));
    conversation_key = existing.key;
    if (thread.topic().empty()) thread.set_topic(existing.topic);
  }
  RETURN_IF_ERROR(CheckRoom());
  if (!conversation.has_value()) {
    ASSIGN_OR_RETURN(const Uuid id, RequireUuid(thread.conversation_id()));
    RETURN_IF_ERROR(Query(insert_conversation_)
                        .Bind(group_key)
                        .BindBlob(id.bytes())
                        .BindText(thread.topic())
                        .Bind(ToMicros(thread.created_date_time()))
                        .Run());
    conversation_key = db_->last_insert_rowid();
  }
  ASSIGN_OR_RETURN(const Uuid id, RequireUuid(thread.id()));
  ASSIGN_OR_RETURN(const int64_t thread_key, InsertThread(group_key, conversation_key, thread));
  RETURN_IF_ERROR(InsertRecipients(thread_key, kToRecipient, thread.to_recipients()));
  RETURN_IF_ERROR(InsertRecipients(thread_key, kCcRecipient, thread.cc_recipients()));
  for (int i = 0; i < thread.unique_senders_size(); ++i) {
    RETURN_IF_ERROR(Query(insert_unique_sender_)
                        .Bind(thread_key)
                        .Bind(i)
                        .BindText(thread.unique_senders(i))
                        .Run());
  }
  RETURN_IF_ERROR(RememberRequest(context, group_key, id));
  return std::nullopt;
}

absl::StatusOr<std::optional<WriteQueries::PastRequest>> WriteQueries::FindPastRequest(
    Query& find, const CreateContext& context) {
  ASSIGN_OR_RETURN(const bool found, find.Step());
  if (!found) return std::nullopt;
  const int64_t forget_before_us = absl::ToUnixMicros(context.now - request_retention_);
  if (find.Integer(3) < forget_before_us) return std::nullopt;
  PastRequest past;
  past.group_key = find.Integer(0);
  past.hash = std::string(find.Blob(1));
  if (!find.IsNull(2)) past.resource = Uuid::FromBytes(find.Blob(2));
  if (past.hash != context.request->hash) return RequestIdReusedError();
  return past;
}

absl::Status WriteQueries::RememberRequest(const CreateContext& context, int64_t group_key,
                                           const std::optional<Uuid>& resource) {
  if (!context.request.has_value()) return absl::OkStatus();
  Query insert(insert_request_);
  insert.Bind(group_key)
      .BindText(context.request->principal)
      .BindBlob(context.request->id.bytes())
      .BindBlob(context.request->hash);
  if (resource.has_value()) {
    insert.BindBlob(resource->bytes());
  } else {
    insert.BindNull();
  }
  return insert.Bind(absl::ToUnixMicros(context.now)).Run();
}

absl::Status WriteQueries::InsertMember(int64_t group_key, absl::string_view group,
                                        const v1::Member& member) {
  return Query(insert_member_)
      .Bind(group_key)
      .BindText(member.id())
      .BindText(member.display_name())
      .BindText(member.mail())
      .Bind(member.role() == v1::Member::ROLE_OWNER ? 1 : 0)
      .BindText(group)
      .Run();
}

absl::StatusOr<int64_t> WriteQueries::InsertThread(int64_t group_key, int64_t conversation_key,
                                                   const v1::ConversationThread& thread) {
  ASSIGN_OR_RETURN(const Uuid id, RequireUuid(thread.id()));
  RETURN_IF_ERROR(Query(insert_thread_)
                      .Bind(group_key)
                      .Bind(conversation_key)
                      .BindBlob(id.bytes())
                      .BindText(thread.topic())
                      .Bind(thread.has_attachments() ? 1 : 0)
                      .Bind(ToMicros(thread.last_delivered_date_time()))
                      .BindText(thread.preview())
                      .Bind(thread.is_locked() ? 1 : 0)
                      .Bind(kFirstRevision)
                      .Bind(ToMicros(thread.created_date_time()))
                      .Bind(ToMicros(thread.last_modified_date_time()))
                      .Run());
  return db_->last_insert_rowid();
}

absl::Status WriteQueries::InsertRecipients(
    int64_t thread_key, int kind,
    const google::protobuf::RepeatedPtrField<v1::Recipient>& recipients) {
  for (int i = 0; i < recipients.size(); ++i) {
    const v1::Recipient& recipient = recipients[i];
    const v1::EmailAddress& email = recipient.email_address();
    Query insert(insert_recipient_);
    insert.Bind(thread_key).Bind(kind).Bind(i).Bind(recipient.has_email_address() ? 1 : 0);
    if (email.has_name()) {
      insert.BindText(email.name());
    } else {
      insert.BindNull();
    }
    if (email.has_address()) {
      insert.BindText(email.address());
    } else {
      insert.BindNull();
    }
    RETURN_IF_ERROR(insert.Run());
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> WriteQueries::PurgeDeletedGroups(int64_t max_rows) {
  const int64_t before = db_->total_changes();
  const auto rows_left = [&] { return max_rows - (db_->total_changes() - before); };
  while (rows_left() > 0) {
    int64_t key = 0;
    {
      Query query(find_deleted_group_);
      ASSIGN_OR_RETURN(const bool found, query.Step());
      if (!found) break;
      key = query.Integer(0);
    }
    while (rows_left() > 0) {
      ASSIGN_OR_RETURN(const bool removed, PurgeThread(key));
      if (!removed) break;
    }
    if (rows_left() > 0)
      RETURN_IF_ERROR(Query(delete_some_members_).Bind(key).Bind(rows_left()).Run());
    // Without rows left nobody has looked whether these were the last.
    if (rows_left() > 0) RETURN_IF_ERROR(Query(delete_group_row_).Bind(key).Run());
  }
  return db_->total_changes() - before;
}

absl::StatusOr<bool> WriteQueries::PurgeThread(int64_t group_key) {
  int64_t thread_key = 0;
  int64_t conversation_key = 0;
  {
    Query query(find_thread_of_group_);
    query.Bind(group_key);
    ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return false;
    thread_key = query.Integer(0);
    conversation_key = query.Integer(1);
  }
  RETURN_IF_ERROR(Query(delete_recipients_).Bind(thread_key).Run());
  RETURN_IF_ERROR(Query(delete_unique_senders_).Bind(thread_key).Run());
  RETURN_IF_ERROR(Query(delete_thread_).Bind(thread_key).Run());
  RETURN_IF_ERROR(Query(delete_conversation_without_threads_).Bind(conversation_key).Run());
  return true;
}

absl::StatusOr<int64_t> WriteQueries::PurgeRequests(absl::Time now, int64_t max_rows) {
  const int64_t forget_before_us = absl::ToUnixMicros(now - request_retention_);
  int64_t newest_to_drop = 0;
  {
    Query query(oldest_request_);
    ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return 0;
    newest_to_drop = query.Integer(2) - kMaxRememberedRequestIds;
    if (query.Integer(1) >= forget_before_us && query.Integer(0) > newest_to_drop) return 0;
  }
  const int64_t before = db_->total_changes();
  RETURN_IF_ERROR(
      Query(delete_old_requests_).Bind(max_rows).Bind(forget_before_us).Bind(newest_to_drop).Run());
  return db_->total_changes() - before;
}

}  // namespace threadstore::sqlite
