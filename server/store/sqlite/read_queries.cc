#include "server/store/sqlite/read_queries.h"

#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/domain/resource.h"
#include "server/domain/resource_name.h"
#include "server/domain/timestamp.h"

namespace threadstore::sqlite {
namespace {

constexpr char kGroupColumns[] = "groups.id, groups.display_name, groups.mail, groups.created_us";

constexpr char kSelectThread[] =
    "SELECT threads.key, threads.id, threads.topic, threads.has_attachments,"
    " threads.last_delivered_us, threads.preview, threads.is_locked, threads.revision,"
    " threads.created_us, threads.modified_us, conversations.id"
    " FROM threads JOIN conversations ON conversations.key = threads.conversation_key";

constexpr int kToRecipient = 0;

// Cursors before the first row. Ids have 16 bytes, so a longer run of 0xFF is after them all,
// and no time is as late as the last that 64 bits hold.
constexpr absl::string_view kBeforeFirstId = "";
constexpr absl::string_view kAfterLastId =
    "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
constexpr int64_t kAfterLastTime = std::numeric_limits<int64_t>::max();

std::string OrderClause(ThreadOrder order) {
  switch (order) {
    case ThreadOrder::kNewestActivity:
      return " AND (threads.last_delivered_us, threads.id) < (?, ?)"
             " ORDER BY threads.last_delivered_us DESC, threads.id DESC LIMIT ?";
    case ThreadOrder::kOldestCreated:
      return " AND threads.id > ? ORDER BY threads.id LIMIT ?";
    case ThreadOrder::kNewestCreated:
      return " AND threads.id < ? ORDER BY threads.id DESC LIMIT ?";
  }
  return "";
}

v1::Group ReadGroupRow(const Query& row) {
  v1::Group group;
  group.set_id(std::string(row.Text(0)));
  group.set_name(MakeGroupName(group.id()));
  group.set_display_name(std::string(row.Text(1)));
  group.set_mail(std::string(row.Text(2)));
  *group.mutable_created_date_time() = FromMicros(row.Integer(3));
  return group;
}

// Reads the columns user_id, display_name, mail, is_owner.
v1::Member ReadMember(const Query& row, absl::string_view group) {
  v1::Member member;
  member.set_id(std::string(row.Text(0)));
  member.set_name(MakeMemberName(group, member.id()));
  member.set_display_name(std::string(row.Text(1)));
  member.set_mail(std::string(row.Text(2)));
  member.set_role(row.Boolean(3) ? v1::Member::ROLE_OWNER : v1::Member::ROLE_MEMBER);
  return member;
}

absl::StatusOr<Uuid> ReadUuid(const Query& row, int column) {
  const std::optional<Uuid> uuid = Uuid::FromBytes(row.Blob(column));
  if (!uuid.has_value()) return absl::DataLossError("an id in the store is not a UUID");
  return *uuid;
}

}  // namespace

std::string ReadQueries::ListThreadsSql(Scope scope, ThreadOrder order) {
  return absl::StrCat(kSelectThread,
                      scope == Scope::kGroup ? " WHERE threads.group_key = ?"
                                             : " WHERE threads.conversation_key = ?",
                      OrderClause(order));
}

absl::StatusOr<std::unique_ptr<ReadQueries>> ReadQueries::Prepare(Database& db) {
  auto queries = std::make_unique<ReadQueries>();
  RETURN_IF_ERROR(queries->PrepareAll(db));
  return queries;
}

absl::Status ReadQueries::PrepareAll(Database& db) {
  const std::string select_group = absl::StrCat("SELECT ", kGroupColumns, " FROM groups");
  const std::pair<Statement*, std::string> statements[] = {
      {&find_group_, "SELECT key FROM groups WHERE id = ? AND deleted = 0"},
      {&read_group_, absl::StrCat(select_group, " WHERE key = ? AND deleted = 0")},
      {&find_member_,
       "SELECT user_id, display_name, mail, is_owner FROM members"
       " WHERE group_key = ? AND user_id = ?"},
      {&find_conversation_, "SELECT key, group_key, topic FROM conversations WHERE id = ?"},
      {&list_groups_,
       absl::StrCat(select_group, " WHERE deleted = 0 AND id > ? ORDER BY id LIMIT ?")},
      {&list_joined_groups_,
       absl::StrCat("SELECT ", kGroupColumns,
                    " FROM members JOIN groups ON groups.key = members.group_key"
                    " WHERE members.user_id = ? AND groups.deleted = 0 AND members.group_id > ?"
                    " ORDER BY members.group_id LIMIT ?")},
      {&list_members_,
       "SELECT user_id, display_name, mail, is_owner FROM members"
       " WHERE group_key = ? AND user_id > ? ORDER BY user_id LIMIT ?"},
      {&get_thread_,
       absl::StrCat(kSelectThread, " WHERE threads.group_key = ? AND threads.id = ?")},
      {&list_recipients_,
       "SELECT kind, has_email_address, name, address FROM recipients"
       " WHERE thread_key = ? ORDER BY kind, position"},
      {&list_unique_senders_,
       "SELECT name FROM unique_senders WHERE thread_key = ? ORDER BY position"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, db.Prepare(sql));
  }
  for (int scope = 0; scope < kScopes; ++scope) {
    for (int order = 0; order < kOrders; ++order) {
      ASSIGN_OR_RETURN(
          list_threads_[scope][order],
          db.Prepare(ListThreadsSql(static_cast<Scope>(scope), static_cast<ThreadOrder>(order))));
    }
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
    return required_member->hides_group ? NotFoundError(kGroupType, name) : NotAMemberError(name);
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
  query.BindBlob(id.bytes());
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found || query.Integer(1) != group_key) {
    return NotFoundError(kConversationType, MakeConversationName(group, id));
  }
  return Conversation{query.Integer(0), std::string(query.Text(2))};
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

absl::StatusOr<std::optional<v1::Member>> ReadQueries::FindMember(int64_t group_key,
                                                                  absl::string_view group,
                                                                  absl::string_view user) {
  Query query(find_member_);
  query.Bind(group_key).BindText(user);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::nullopt;
  return ReadMember(query, group);
}

absl::StatusOr<GroupPage> ReadQueries::ListGroups(const GroupQuery& query) {
  Query rows(query.member.has_value() ? list_joined_groups_ : list_groups_);
  if (query.member.has_value()) rows.BindText(*query.member);
  rows.BindText(query.after_id).Bind(query.limit + 1);
  GroupPage page;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, rows.Step());
    if (!found) return page;
    if (page.groups.size() == query.limit) {
      page.has_more = true;
      return page;
    }
    *page.groups.Add() = ReadGroupRow(rows);
  }
}

absl::StatusOr<MemberPage> ReadQueries::ListMembers(int64_t group_key, const MemberQuery& query) {
  Query rows(list_members_);
  rows.Bind(group_key).BindText(query.after_id).Bind(query.limit + 1);
  MemberPage page;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, rows.Step());
    if (!found) return page;
    if (page.members.size() == query.limit) {
      page.has_more = true;
      return page;
    }
    *page.members.Add() = ReadMember(rows, query.group);
  }
}

absl::StatusOr<v1::ConversationThread> ReadQueries::GetThread(
    int64_t group_key, absl::string_view group, const std::optional<Uuid>& conversation,
    const Uuid& thread) {
  Query query(get_thread_);
  query.Bind(group_key).BindBlob(thread.bytes());
  ASSIGN_OR_RETURN(const bool found, query.Step());
  v1::ConversationThread result;
  if (found) RETURN_IF_ERROR(ReadThreadRow(query, group, result));
  if (!found ||
      (conversation.has_value() && result.conversation_id() != conversation->ToString())) {
    return NotFoundError(kThreadType, MakeThreadName(group, thread));
  }
  return result;
}

absl::StatusOr<ThreadPage> ReadQueries::ListThreads(int64_t group_key, const ThreadQuery& query) {
  Scope scope = Scope::kGroup;
  int64_t scope_key = group_key;
  if (query.conversation.has_value()) {
    ASSIGN_OR_RETURN(const Conversation conversation,
                     ResolveConversation(group_key, query.group, *query.conversation));
    scope = Scope::kConversation;
    scope_key = conversation.key;
  }
  Query rows(list_threads_[static_cast<int>(scope)][static_cast<int>(query.order)]);
  rows.Bind(scope_key);
  if (query.order == ThreadOrder::kNewestActivity) {
    rows.Bind(query.after.has_value() ? query.after->last_delivered_us : kAfterLastTime);
  }
  const absl::string_view start =
      query.order == ThreadOrder::kOldestCreated ? kBeforeFirstId : kAfterLastId;
  rows.BindBlob(query.after.has_value() ? query.after->id.bytes() : start).Bind(query.limit + 1);
  return ReadThreadPage(rows, query);
}

absl::StatusOr<ThreadPage> ReadQueries::ReadThreadPage(Query& rows, const ThreadQuery& query) {
  ThreadPage page;
  size_t bytes = 0;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, rows.Step());
    if (!found) return page;
    v1::ConversationThread thread;
    RETURN_IF_ERROR(ReadThreadRow(rows, query.group, thread));
    bytes += thread.ByteSizeLong();
    const bool is_full =
        page.threads.size() == query.limit || (bytes > kMaxPageBytes && !page.threads.empty());
    if (is_full) {
      page.has_more = true;
      return page;
    }
    page.threads.Add(std::move(thread));
  }
}

absl::Status ReadQueries::ReadThreadRow(const Query& row, absl::string_view group,
                                        v1::ConversationThread& thread) {
  const int64_t key = row.Integer(0);
  ASSIGN_OR_RETURN(const Uuid id, ReadUuid(row, 1));
  ASSIGN_OR_RETURN(const Uuid conversation, ReadUuid(row, 10));
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

  Query recipients(list_recipients_);
  recipients.Bind(key);
  while (true) {
    ASSIGN_OR_RETURN(const bool found, recipients.Step());
    if (!found) break;
    v1::Recipient& recipient = recipients.Integer(0) == kToRecipient ? *thread.add_to_recipients()
                                                                     : *thread.add_cc_recipients();
    if (!recipients.Boolean(1)) continue;
    v1::EmailAddress& email = *recipient.mutable_email_address();
    if (!recipients.IsNull(2)) email.set_name(std::string(recipients.Text(2)));
    if (!recipients.IsNull(3)) email.set_address(std::string(recipients.Text(3)));
  }
  Query senders(list_unique_senders_);
  senders.Bind(key);
  while (true) {
    ASSIGN_OR_RETURN(const bool found, senders.Step());
    if (!found) return absl::OkStatus();
    thread.add_unique_senders(std::string(senders.Text(0)));
  }
}

}  // namespace threadstore::sqlite
