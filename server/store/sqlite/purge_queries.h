#ifndef THREADSTORE_SERVER_STORE_SQLITE_PURGE_QUERIES_H_
#define THREADSTORE_SERVER_STORE_SQLITE_PURGE_QUERIES_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/sqlite/change_log.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/group_usage.h"

namespace threadstore::sqlite {

// Removes the rows of what has been deleted, from the leaves up, a few at a time. A deleted thread,
// conversation or group is a marked row; it goes when nothing is left below it. Part of the
// writer's queries.
class PurgeQueries {
 public:
  // All must outlive it. The removal of a thread whose conversation has been deleted is noted
  // among the changes.
  static absl::StatusOr<std::unique_ptr<PurgeQueries>> Prepare(Database& db, ChangeLog& changes,
                                                               GroupUsage& usage);

  // What it costs to write or to remove so many rows, with so many bytes as server/domain/usage.h
  // counts them: 1 for a row, and as much for a page of bytes.
  static int64_t CostOf(int64_t rows, int64_t bytes);

  // Stops after `max_cost`, or a post or a thread without posts more (see server/domain/limits.h).
  // Returns what it cost; less than `max_cost` if nothing is left.
  absl::StatusOr<int64_t> PurgeDeleted(int64_t max_cost);

  // Removes a post with all below it. For deletions of single posts, too.
  absl::Status PurgePost(int64_t post_key);

 private:
  PurgeQueries(Database& db, ChangeLog& changes, GroupUsage& usage)
      : db_(db), changes_(changes), usage_(usage) {}
  absl::Status PrepareAll();

  // Each does a part of the work on what it finds first; false if it finds nothing.
  absl::StatusOr<bool> PurgeSomeOfAThread();
  absl::StatusOr<bool> PurgeSomeOfAConversation();
  absl::StatusOr<bool> PurgeSomeOfAGroup(int64_t max_rows);

  // Of all that this connection has written and removed.
  int64_t CostSoFar() const;

  // One post of the thread or, if it has none, the thread itself.
  absl::Status PurgePostOrThread(int64_t thread_key);

  // Tells followers of a thread's removal, unless they have heard of the thread's or its group's
  // deletion.
  absl::Status NoteRemoval(int64_t thread_key);

  absl::StatusOr<std::optional<int64_t>> FindKey(Statement& statement);
  absl::StatusOr<std::optional<int64_t>> FindKeyBelow(Statement& statement, int64_t key);

  Database& db_;
  ChangeLog& changes_;
  GroupUsage& usage_;
  int64_t purged_bytes_ = 0;
  Statement find_deleted_thread_;
  Statement find_deleted_conversation_;
  Statement find_deleted_group_;
  Statement find_thread_of_conversation_;
  Statement find_thread_of_group_;
  Statement find_conversation_of_thread_;
  Statement read_removed_thread_;
  Statement find_post_of_thread_;
  Statement delete_some_members_;
  Statement delete_some_conversations_;
  Statement delete_some_senders_;
  Statement delete_conversation_;
  Statement delete_conversation_without_threads_;
  Statement delete_group_usage_;
  Statement delete_group_;

  // Each takes the key of what the rows hang on.
  static constexpr int kPostTables = 10;
  static constexpr int kThreadTables = 5;
  Statement delete_of_post_[kPostTables];
  Statement delete_of_thread_[kThreadTables];
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_PURGE_QUERIES_H_
