#include "server/store/sqlite/purge_queries.h"

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "server/base/status_macros.h"
#include "server/store/sqlite/columns.h"

namespace threadstore::sqlite {
namespace {

// SQLite's page size by default.
constexpr int64_t kPageBytes = 4096;

}  // namespace

absl::StatusOr<std::unique_ptr<PurgeQueries>> PurgeQueries::Prepare(Database& db,
                                                                    ChangeLog& changes,
                                                                    GroupUsage& usage) {
  std::unique_ptr<PurgeQueries> queries(new PurgeQueries(db, changes, usage));
  RETURN_IF_ERROR(queries->PrepareAll());
  return queries;
}

absl::Status PurgeQueries::PrepareAll() {
  const std::pair<Statement*, absl::string_view> statements[] = {
      {&find_deleted_thread_, "SELECT key FROM threads WHERE deleted = 1 ORDER BY key LIMIT 1"},
      {&find_deleted_conversation_,
       "SELECT key FROM conversations WHERE deleted = 1 ORDER BY key LIMIT 1"},
      {&find_deleted_group_, "SELECT key FROM groups WHERE deleted = 1 ORDER BY key LIMIT 1"},
      {&find_thread_of_conversation_,
       "SELECT key FROM threads WHERE conversation_key = ? ORDER BY id LIMIT 1"},
      {&find_thread_of_group_, "SELECT key FROM threads WHERE group_key = ? ORDER BY id LIMIT 1"},
      {&find_conversation_of_thread_, "SELECT conversation_key FROM threads WHERE key = ?"},
      {&read_removed_thread_,
       "SELECT threads.group_key, conversations.id, threads.id"
       " FROM threads JOIN conversations ON conversations.key = threads.conversation_key"
       " JOIN groups ON groups.key = threads.group_key"
       " WHERE threads.key = ? AND threads.deleted = 0 AND groups.deleted = 0"},
      {&find_post_of_thread_, "SELECT key FROM posts WHERE thread_key = ? ORDER BY id LIMIT 1"},
      {&delete_some_members_,
       "DELETE FROM members WHERE group_key = ?1 AND user_id IN"
       " (SELECT user_id FROM members WHERE group_key = ?1 ORDER BY user_id LIMIT ?2)"},
      {&delete_conversation_, "DELETE FROM conversations WHERE key = ?"},
      {&delete_conversation_without_threads_,
       "DELETE FROM conversations WHERE key = ?1 AND NOT EXISTS"
       " (SELECT 1 FROM threads WHERE conversation_key = ?1)"},
      {&delete_some_conversations_,
       "DELETE FROM conversations WHERE key IN"
       " (SELECT key FROM conversations WHERE group_key = ?1 ORDER BY id LIMIT ?2)"},
      {&delete_some_senders_,
       "DELETE FROM group_senders WHERE group_key = ?1 AND (list, sender) IN"
       " (SELECT list, sender FROM group_senders WHERE group_key = ?1"
       "  ORDER BY list, sender LIMIT ?2)"},
      {&delete_group_usage_, "DELETE FROM group_usage WHERE group_key = ?"},
      {&delete_group_, "DELETE FROM groups WHERE key = ?"},
      {&delete_of_post_[0],
       "DELETE FROM attachment_contents WHERE attachment_key IN"
       " (SELECT key FROM attachments WHERE post_key = ?)"},
      {&delete_of_post_[1], "DELETE FROM attachments WHERE post_key = ?"},
      {&delete_of_post_[2], "DELETE FROM post_extensions WHERE post_key = ?"},
      {&delete_of_post_[3], "DELETE FROM post_categories WHERE post_key = ?"},
      {&delete_of_post_[4], "DELETE FROM post_participants WHERE post_key = ?"},
      {&delete_of_post_[5],
       "DELETE FROM forward_recipients WHERE forward_key IN"
       " (SELECT key FROM forwards WHERE post_key = ?)"},
      {&delete_of_post_[6], "DELETE FROM forwards WHERE post_key = ?"},
      {&delete_of_post_[7],
       "DELETE FROM search_index WHERE rowid ="
       " (SELECT key FROM search_documents WHERE post_key = ?)"},
      {&delete_of_post_[8], "DELETE FROM search_documents WHERE post_key = ?"},
      {&delete_of_post_[9], "DELETE FROM posts WHERE key = ?"},
      {&delete_of_thread_[0], "DELETE FROM recipients WHERE thread_key = ?"},
      {&delete_of_thread_[1], "DELETE FROM unique_senders WHERE thread_key = ?"},
      {&delete_of_thread_[2],
       "DELETE FROM search_index WHERE rowid ="
       " (SELECT key FROM search_documents WHERE thread_key = ? AND post_key IS NULL)"},
      {&delete_of_thread_[3],
       "DELETE FROM search_documents WHERE thread_key = ? AND post_key IS NULL"},
      {&delete_of_thread_[4], "DELETE FROM threads WHERE key = ?"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, db_.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> PurgeQueries::PurgeDeleted(int64_t max_cost) {
  const int64_t before = CostSoFar();
  bool more = true;
  while (more && CostSoFar() - before < max_cost) {
    ASSIGN_OR_RETURN(more, PurgeSomeOfAThread());
    if (more) continue;
    ASSIGN_OR_RETURN(more, PurgeSomeOfAConversation());
    if (more) continue;
    ASSIGN_OR_RETURN(more, PurgeSomeOfAGroup(max_cost - (CostSoFar() - before)));
  }
  return CostSoFar() - before;
}

int64_t PurgeQueries::CostOf(int64_t rows, int64_t bytes) { return rows + bytes / kPageBytes; }

int64_t PurgeQueries::CostSoFar() const { return CostOf(db_.total_changes(), purged_bytes_); }

absl::StatusOr<bool> PurgeQueries::PurgeSomeOfAThread() {
  ASSIGN_OR_RETURN(const auto thread, FindKey(find_deleted_thread_));
  if (!thread.has_value()) return false;
  RETURN_IF_ERROR(PurgePostOrThread(*thread));
  return true;
}

absl::StatusOr<bool> PurgeQueries::PurgeSomeOfAConversation() {
  ASSIGN_OR_RETURN(const auto conversation, FindKey(find_deleted_conversation_));
  if (!conversation.has_value()) return false;
  ASSIGN_OR_RETURN(const auto thread, FindKeyBelow(find_thread_of_conversation_, *conversation));
  if (thread.has_value()) {
    RETURN_IF_ERROR(PurgePostOrThread(*thread));
  } else {
    RETURN_IF_ERROR(Query(delete_conversation_).Bind(*conversation).Run());
  }
  return true;
}

absl::StatusOr<bool> PurgeQueries::PurgeSomeOfAGroup(int64_t max_rows) {
  ASSIGN_OR_RETURN(const auto group, FindKey(find_deleted_group_));
  if (!group.has_value()) return false;
  ASSIGN_OR_RETURN(const auto thread, FindKeyBelow(find_thread_of_group_, *group));
  if (thread.has_value()) {
    RETURN_IF_ERROR(PurgePostOrThread(*thread));
    return true;
  }
  // Conversations that are left await their first threads.
  for (Statement* delete_some :
       {&delete_some_conversations_, &delete_some_senders_, &delete_some_members_}) {
    const int64_t before = db_.total_changes();
    RETURN_IF_ERROR(Query(*delete_some).Bind(*group).Bind(max_rows).Run());
    if (db_.total_changes() > before) return true;
  }
  RETURN_IF_ERROR(Query(delete_group_usage_).Bind(*group).Run());
  RETURN_IF_ERROR(Query(delete_group_).Bind(*group).Run());
  return true;
}

absl::Status PurgeQueries::PurgePostOrThread(int64_t thread_key) {
  ASSIGN_OR_RETURN(const auto post, FindKeyBelow(find_post_of_thread_, thread_key));
  if (post.has_value()) {
    ASSIGN_OR_RETURN(const int64_t bytes, usage_.MeasurePost(*post));
    purged_bytes_ += bytes;
    return PurgePost(*post);
  }
  ASSIGN_OR_RETURN(const auto conversation, FindKeyBelow(find_conversation_of_thread_, thread_key));
  if (!conversation.has_value()) return absl::DataLossError("a thread has no conversation");
  RETURN_IF_ERROR(NoteRemoval(thread_key));
  for (Statement& statement : delete_of_thread_) {
    RETURN_IF_ERROR(Query(statement).Bind(thread_key).Run());
  }
  return Query(delete_conversation_without_threads_).Bind(*conversation).Run();
}

absl::Status PurgeQueries::NoteRemoval(int64_t thread_key) {
  ChangeNote note{ChangeEvent::kThreadDeleted};
  Query query(read_removed_thread_);
  query.Bind(thread_key);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return absl::OkStatus();
  ASSIGN_OR_RETURN(note.conversation, ReadUuid(query, 1));
  ASSIGN_OR_RETURN(note.thread, ReadUuid(query, 2));
  return changes_.Append(query.Integer(0), note);
}

absl::Status PurgeQueries::PurgePost(int64_t post_key) {
  for (Statement& statement : delete_of_post_) {
    RETURN_IF_ERROR(Query(statement).Bind(post_key).Run());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<int64_t>> PurgeQueries::FindKey(Statement& statement) {
  Query query(statement);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::nullopt;
  return query.Integer(0);
}

absl::StatusOr<std::optional<int64_t>> PurgeQueries::FindKeyBelow(Statement& statement,
                                                                  int64_t key) {
  Query query(statement);
  query.Bind(key);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::nullopt;
  return query.Integer(0);
}

}  // namespace threadstore::sqlite
