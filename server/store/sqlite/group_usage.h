#ifndef THREADSTORE_SERVER_STORE_SQLITE_GROUP_USAGE_H_
#define THREADSTORE_SERVER_STORE_SQLITE_GROUP_USAGE_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/domain/usage.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/room.h"

namespace threadstore::sqlite {

// Counts what groups take up, and holds it against their quotas. It is kept at three levels, so
// that whatever is deleted gives back all it has at once: threads and conversations have theirs in
// their rows; that of groups is gathered in memory during a transaction, and written once for each
// group at its end. Part of the writer's queries.
//
// What is gathered is as a write has left it: a write that fails must have changed no rows either,
// or its transaction is rolled back.
class GroupUsage {
 public:
  // `db` and `room` must outlive it.
  static absl::StatusOr<std::unique_ptr<GroupUsage>> Prepare(Database& db, const Room& room,
                                                             const GroupQuotas& quotas);

  // When a transaction has begun: nothing has been gathered in it. One before may have been rolled
  // back.
  void Begin();

  // The bytes that have been added in this transaction, whatever has been removed in it.
  int64_t added_bytes() const { return added_bytes_; }

  // Before a transaction is committed, and before it removes groups from the disk: writes what has
  // been gathered.
  absl::Status Flush();

  // Whether a write of threads, or of what they have, has a place: QUOTA_EXCEEDED if the group, of
  // which `group` is the id, would be taken beyond a quota; STORE_FULL if the disk has no room,
  // which also what adds no bytes may take.
  absl::Status CheckFits(int64_t group_key, absl::string_view group, const Usage& added);

  // A new conversation, stored with `usage` in its row; its threads are, each with its bytes.
  void AddConversation(int64_t group_key, const Usage& usage);

  // A new thread, stored with `bytes` in its row, of a conversation that was there.
  absl::Status AddThread(int64_t group_key, int64_t conversation_key, int64_t bytes);

  // What a thread now has more, or less.
  absl::Status AddBytes(int64_t group_key, int64_t thread_key, int64_t bytes);

  // What has just been marked as deleted.
  absl::Status RemoveThread(int64_t group_key, int64_t conversation_key, int64_t thread_key);
  absl::Status RemoveConversation(int64_t group_key, int64_t conversation_key);

  // The bytes of a post with all below it, by the rows that are there.
  absl::StatusOr<int64_t> MeasurePost(int64_t post_key);

  // Those of a thread's preview and unique senders, which count until its first post.
  absl::StatusOr<int64_t> MeasureSummary(int64_t thread_key);

 private:
  struct Group {
    Usage added;                  // In this transaction.
    std::optional<Usage> before;  // Read when it is first needed.
  };

  GroupUsage(const Room& room, const GroupQuotas& quotas) : room_(room), quotas_(quotas) {}
  absl::Status PrepareAll(Database& db);

  absl::Status CheckQuotas(int64_t group_key, absl::string_view group, const Usage& added);
  void Add(int64_t group_key, const Usage& added);
  absl::Status AddToConversation(int64_t conversation_key, const Usage& added);
  absl::StatusOr<Usage> ReadBefore(int64_t group_key);
  absl::StatusOr<int64_t> Measure(Statement& statement, int64_t key);

  const Room& room_;
  const GroupQuotas quotas_;
  absl::flat_hash_map<int64_t, Group> groups_;  // By key: those that the transaction has touched.
  int64_t added_bytes_ = 0;

  Statement read_group_;
  Statement add_to_group_;
  Statement add_to_conversation_;
  Statement read_conversation_;
  Statement read_thread_;
  Statement add_to_thread_;
  Statement add_to_conversation_of_thread_;
  Statement measure_post_;
  Statement measure_summary_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_GROUP_USAGE_H_
