#include "server/store/sqlite/read_queries.h"

#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/domain/resource.h"
#include "server/domain/resource_name.h"
#include "server/domain/timestamp.h"
#include "server/store/sqlite/columns.h"
#include "server/store/sqlite/list_sql.h"
#include "server/store/sqlite/page.h"

namespace threadstore::sqlite {
namespace {

constexpr char kMemberColumns[] = "user_id, display_name, mail, is_owner";

v1::Member ReadMember(const Query& row, absl::string_view group) {
  v1::Member member;
  member.set_id(std::string(row.Text(0)));
  member.set_name(MakeMemberName(group, member.id()));
  member.set_display_name(std::string(row.Text(1)));
  member.set_mail(std::string(row.Text(2)));
  member.set_role(row.Boolean(3) ? v1::Member::ROLE_OWNER : v1::Member::ROLE_MEMBER);
  return member;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReadQueries>> ReadQueries::Prepare(Database& db) {
  auto queries = std::make_unique<ReadQueries>();
  RETURN_IF_ERROR(queries->PrepareAll(db));
  return queries;
}

absl::Status ReadQueries::PrepareAll(Database& db) {
  const std::pair<Statement*, std::string> statements[] = {
      {&find_group_, "SELECT key FROM groups WHERE id = ? AND deleted = 0"},
      {&read_group_,
       absl::StrCat("SELECT ", kGroupColumns, " FROM groups WHERE key = ? AND deleted = 0")},
      {&find_member_, absl::StrCat("SELECT ", kMemberColumns,
                                   " FROM members WHERE group_key = ? AND user_id = ?")},
      {&find_member_by_mail_, absl::StrCat("SELECT ", kMemberColumns,
                                           " FROM members INDEXED BY members_by_mail"
                                           " WHERE group_key = ? AND mail = ? AND mail <> ''"
                                           " ORDER BY user_id LIMIT 1")},
      {&find_conversation_,
       "SELECT key, topic FROM conversations WHERE group_key = ? AND id = ? AND deleted = 0"},
      {&list_members_, absl::StrCat("SELECT ", kMemberColumns,
                                    " FROM members WHERE group_key = ? AND user_id > ?"
                                    " ORDER BY user_id LIMIT ?")},
      {&list_members_of_role_, absl::StrCat("SELECT ", kMemberColumns,
                                            " FROM members INDEXED BY members_by_role"
                                            " WHERE group_key = ? AND is_owner = ? AND user_id > ?"
                                            " ORDER BY user_id LIMIT ?")},
      {&list_senders_,
       "SELECT sender FROM group_senders"
       " WHERE group_key = ? AND list = ? AND sender > ? ORDER BY sender LIMIT ?"},
      {&find_thread_,
       "SELECT threads.key, threads.conversation_key, conversations.id, threads.topic,"
       " threads.is_locked, threads.has_had_posts, threads.has_attachments, threads.revision,"
       " threads.created_us"
       " FROM threads JOIN conversations ON conversations.key = threads.conversation_key"
       " WHERE threads.deleted = 0 AND conversations.deleted = 0"
       " AND threads.group_key = ? AND threads.id = ?"},
      {&get_thread_, absl::StrCat("SELECT ", kThreadColumns,
                                  " FROM threads JOIN conversations"
                                  " ON conversations.key = threads.conversation_key"
                                  " WHERE threads.deleted = 0 AND conversations.deleted = 0"
                                  " AND threads.group_key = ? AND threads.id = ?")},
      {&get_conversation_,
       absl::StrCat("SELECT ", kConversationColumns,
                    " FROM conversations WHERE group_key = ? AND id = ? AND deleted = 0")},
      {&read_newest_thread_,
       "SELECT last_delivered_us, preview FROM threads"
       " WHERE conversation_key = ? AND deleted = 0"
       " ORDER BY last_delivered_us DESC, id DESC LIMIT 1"},
      {&has_attachments_,
       "SELECT EXISTS (SELECT 1 FROM threads"
       " WHERE conversation_key = ? AND deleted = 0 AND has_attachments = 1)"},
      {&list_conversation_senders_,
       "SELECT unique_senders.name"
       " FROM threads JOIN unique_senders ON unique_senders.thread_key = threads.key"
       " WHERE threads.conversation_key = ? AND threads.deleted = 0"
       " ORDER BY threads.id, unique_senders.position LIMIT ?"},
      {&list_recipients_,
       "SELECT kind, has_email_address, name, address FROM recipients"
       " WHERE thread_key = ? ORDER BY kind, position"},
      {&list_unique_senders_,
       "SELECT name FROM unique_senders WHERE thread_key = ? ORDER BY position"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, db.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ReadQueries::ResolveGroup(
    const std::optional<RequiredMember>& required_member, absl::string_view group) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> key, FindGroup(group));
  if (!required_member.has_value()) {
    if (!key.has_value()) return NotFoundError(kGroupType, MakeGroupName(group));
    return *key;
  }
  std::optional<v1::Member> member;
  if (key.has_value()) {
    ASSIGN_OR_RETURN(member, FindMember(*key, group, required_member->user));
  }
  if (!member.has_value()) {
    const std::string name = MakeGroupName(group);
    const bool is_vouched_for = required_member->is_vouched_for && !required_member->must_be_owner;
    if (is_vouched_for && key.has_value()) return *key;
    return is_vouched_for || required_member->hides_group ? NotFoundError(kGroupType, name)
                                                          : NotAMemberError(name);
  }
  if (required_member->must_be_owner && member->role() != v1::Member::ROLE_OWNER) {
    return NotAnOwnerError(MakeGroupName(group));
  }
  return *key;
}

absl::StatusOr<ReadQueries::Conversation> ReadQueries::ResolveConversation(int64_t group_key,
                                                                           absl::string_view group,
                                                                           const Uuid& id) {
  Query query(find_conversation_);
  query.Bind(group_key).BindBlob(id.bytes());
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return NotFoundError(kConversationType, MakeConversationName(group, id));
  return Conversation{query.Integer(0), std::string(query.Text(1))};
}

absl::StatusOr<ReadQueries::Thread> ReadQueries::ResolveThread(int64_t group_key,
                                                               const ThreadName& name) {
  Query query(find_thread_);
  query.Bind(group_key).BindBlob(name.thread.bytes());
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return NotFoundError(kThreadType, name.Canonical());
  Thread thread;
  thread.key = query.Integer(0);
  thread.conversation_key = query.Integer(1);
  ASSIGN_OR_RETURN(thread.conversation, ReadUuid(query, 2));
  if (name.conversation.value_or(thread.conversation) != thread.conversation) {
    return NotFoundError(kThreadType, name.Canonical());
  }
  thread.topic = std::string(query.Text(3));
  thread.is_locked = query.Boolean(4);
  thread.has_had_posts = query.Boolean(5);
  thread.has_attachments = query.Boolean(6);
  thread.revision = query.Integer(7);
  thread.created_us = query.Integer(8);
  return thread;
}

absl::StatusOr<std::optional<int64_t>> ReadQueries::FindGroup(absl::string_view group) {
  Query query(find_group_);
  query.BindText(group);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::nullopt;
  return query.Integer(0);
}

absl::StatusOr<std::optional<v1::Group>> ReadQueries::ReadGroup(int64_t group_key) {
  Query query(read_group_);
  query.Bind(group_key);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::nullopt;
  return ReadGroupRow(query);
}

v1::Group ReadQueries::ReadGroupRow(const Query& row) {
  v1::Group group;
  group.set_id(std::string(row.Text(0)));
  group.set_name(MakeGroupName(group.id()));
  group.set_display_name(std::string(row.Text(1)));
  group.set_mail(std::string(row.Text(2)));
  *group.mutable_created_date_time() = FromMicros(row.Integer(3));
  group.set_allow_external_senders(row.Boolean(4));
  group.set_description(std::string(row.Text(5)));
  group.set_mail_nickname(std::string(row.Text(6)));
  return group;
}

absl::StatusOr<std::optional<v1::Member>> ReadQueries::FindMember(int64_t group_key,
                                                                  absl::string_view group,
                                                                  absl::string_view user) {
  Query query(find_member_);
  query.Bind(group_key).BindText(user);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::nullopt;
  return ReadMember(query, group);
}

absl::StatusOr<v1::Member> ReadQueries::GetMember(int64_t group_key, const MemberName& name) {
  ASSIGN_OR_RETURN(std::optional<v1::Member> member,
                   FindMember(group_key, name.list.group.group, name.user));
  const bool is_listed =
      member.has_value() && (!name.list.owners_only || member->role() == v1::Member::ROLE_OWNER);
  if (!is_listed) return NotFoundError(kMemberType, name.Canonical());
  return *std::move(member);
}

absl::StatusOr<std::optional<v1::Member>> ReadQueries::FindMemberByAddress(
    int64_t group_key, absl::string_view group, absl::string_view address) {
  ASSIGN_OR_RETURN(std::optional<v1::Member> member, FindMember(group_key, group, address));
  if (member.has_value()) return member;
  Query query(find_member_by_mail_);
  query.Bind(group_key).BindText(address);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::nullopt;
  return ReadMember(query, group);
}

absl::StatusOr<MemberPage> ReadQueries::ListMembers(int64_t group_key, const MemberQuery& query) {
  Query rows(query.is_owner.has_value() ? list_members_of_role_ : list_members_);
  rows.Bind(group_key);
  if (query.is_owner.has_value()) rows.Bind(*query.is_owner ? 1 : 0);
  rows.BindText(query.after_id).Bind(int64_t{query.limit} + 1);
  MemberPage page;
  ASSIGN_OR_RETURN(page.has_more, FillPage(rows, query.limit, page.members,
                                           [&](const Query& row) -> absl::StatusOr<v1::Member> {
                                             return ReadMember(row, query.group);
                                           }));
  return page;
}

absl::StatusOr<SenderPage> ReadQueries::ListSenders(int64_t group_key, const SenderQuery& query) {
  Query rows(list_senders_);
  rows.Bind(group_key)
      .Bind(ListColumn(query.list.list))
      .BindText(query.after_id)
      .Bind(int64_t{query.limit} + 1);
  SenderPage page;
  ASSIGN_OR_RETURN(page.has_more, FillPage(rows, query.limit, page.senders,
                                           [&](const Query& row) -> absl::StatusOr<v1::Sender> {
                                             return MakeSender(query.list, row.Text(0));
                                           }));
  return page;
}

absl::StatusOr<v1::Conversation> ReadQueries::GetConversation(int64_t group_key,
                                                              const ConversationName& name,
                                                              const ConversationView& view) {
  Query query(get_conversation_);
  query.Bind(group_key).BindBlob(name.conversation.bytes());
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) {
    return NotFoundError(kConversationType,
                         MakeConversationName(name.group.group, name.conversation));
  }
  return ReadConversationRow(query, name.group.group, view);
}

absl::StatusOr<v1::Conversation> ReadQueries::ReadConversationRow(const Query& row,
                                                                  absl::string_view group,
                                                                  const ConversationView& view) {
  const int64_t key = row.Integer(0);
  ASSIGN_OR_RETURN(const Uuid id, ReadUuid(row, 1));
  v1::Conversation conversation;
  conversation.set_id(id.ToString());
  conversation.set_name(MakeConversationName(group, id));
  conversation.set_topic(std::string(row.Text(2)));
  *conversation.mutable_created_date_time() = FromMicros(row.Integer(3));
  if (view.newest_thread) RETURN_IF_ERROR(ReadNewestThread(key, conversation));
  if (view.has_attachments) {
    Query query(has_attachments_);
    query.Bind(key);
    ASSIGN_OR_RETURN([[maybe_unused]] const bool found, query.Step());
    conversation.set_has_attachments(query.Boolean(0));
  }
  if (view.unique_senders) RETURN_IF_ERROR(ReadConversationSenders(key, conversation));
  return conversation;
}

absl::Status ReadQueries::ReadNewestThread(int64_t conversation_key,
                                           v1::Conversation& conversation) {
  Query query(read_newest_thread_);
  query.Bind(conversation_key);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return absl::DataLossError("a conversation has no thread");
  *conversation.mutable_last_delivered_date_time() = FromMicros(query.Integer(0));
  conversation.set_preview(std::string(query.Text(1)));
  return absl::OkStatus();
}

absl::Status ReadQueries::ReadConversationSenders(int64_t conversation_key,
                                                  v1::Conversation& conversation) {
  Query rows(list_conversation_senders_);
  rows.Bind(conversation_key).Bind(kMaxSendersReadPerConversation);
  absl::flat_hash_set<std::string> seen;
  while (conversation.unique_senders_size() < kMaxUniqueSenders) {
    ASSIGN_OR_RETURN(const bool found, rows.Step());
    if (!found) break;
    const std::string name(rows.Text(0));
    if (seen.insert(name).second) conversation.add_unique_senders(name);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::ConversationThread> ReadQueries::GetThread(int64_t group_key,
                                                              const ThreadName& name,
                                                              const ThreadView& view) {
  Query query(get_thread_);
  query.Bind(group_key).BindBlob(name.thread.bytes());
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return NotFoundError(kThreadType, name.Canonical());
  ASSIGN_OR_RETURN(v1::ConversationThread thread, ReadThreadRow(query, name.group.group, view));
  if (name.conversation.has_value() && thread.conversation_id() != name.conversation->ToString()) {
    return NotFoundError(kThreadType, name.Canonical());
  }
  return thread;
}

absl::StatusOr<v1::ConversationThread> ReadQueries::ReadThreadRow(const Query& row,
                                                                  absl::string_view group,
                                                                  const ThreadView& view) {
  const int64_t key = row.Integer(0);
  ASSIGN_OR_RETURN(const Uuid id, ReadUuid(row, 1));
  ASSIGN_OR_RETURN(const Uuid conversation, ReadUuid(row, 10));
  v1::ConversationThread thread;
  thread.set_id(id.ToString());
  thread.set_name(MakeThreadName(group, id));
  thread.set_conversation_id(conversation.ToString());
  thread.set_topic(std::string(row.Text(2)));
  thread.set_has_attachments(row.Boolean(3));
  *thread.mutable_last_delivered_date_time() = FromMicros(row.Integer(4));
  thread.set_preview(std::string(row.Text(5)));
  thread.set_is_locked(row.Boolean(6));
  thread.set_etag(MakeEtag(row.Integer(7)));
  *thread.mutable_created_date_time() = FromMicros(row.Integer(8));
  *thread.mutable_last_modified_date_time() = FromMicros(row.Integer(9));
  if (view.recipients) RETURN_IF_ERROR(ReadRecipients(key, thread));
  if (!view.unique_senders) return thread;
  Query senders(list_unique_senders_);
  senders.Bind(key);
  while (true) {
    ASSIGN_OR_RETURN(const bool found, senders.Step());
    if (!found) return thread;
    thread.add_unique_senders(std::string(senders.Text(0)));
  }
}

absl::Status ReadQueries::ReadRecipients(int64_t thread_key, v1::ConversationThread& thread) {
  Query recipients(list_recipients_);
  recipients.Bind(thread_key);
  while (true) {
    ASSIGN_OR_RETURN(const bool found, recipients.Step());
    if (!found) return absl::OkStatus();
    v1::Recipient& recipient = recipients.Integer(0) == kToRecipient ? *thread.add_to_recipients()
                                                                     : *thread.add_cc_recipients();
    recipient = ReadRecipient(recipients, 1);
  }
}

}  // namespace threadstore::sqlite
