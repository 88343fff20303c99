#ifndef THREADSTORE_SERVER_STORE_SQLITE_CHANGE_LOG_H_
#define THREADSTORE_SERVER_STORE_SQLITE_CHANGE_LOG_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/uuid.h"
#include "server/store/sqlite/database.h"

namespace threadstore::sqlite {

// What can happen to the resources of a group. The numbers are stored, and never change.
enum class ChangeEvent {
  kThreadCreated = 0,  // With the post that it came with, if it came with one.
  kThreadUpdated = 1,
  kThreadDeleted = 2,
  kPostCreated = 3,  // This and the next two also change the thread.
  kPostUpdated = 4,
  kPostDeleted = 5,
  kPostForwarded = 6,
  kConversationDeleted = 7,
  kGroupDeleted = 8,
};

// Something that happened. Ids that the event does not have are absent.
struct ChangeNote {
  ChangeEvent event;
  std::optional<Uuid> conversation = std::nullopt;
  std::optional<Uuid> thread = std::nullopt;
  std::optional<Uuid> post = std::nullopt;
  std::optional<Uuid> forward = std::nullopt;
  absl::string_view group = "";  // The id, of kGroupDeleted.
};

// How much of the log is kept: entries neither older nor more than this.
struct ChangeRetention {
  absl::Duration age = absl::Hours(168);
  int64_t entries = 1'000'000;
};

// Notes what changes, in the transaction that changes it, and forgets it when it is old. Part of
// the writer's queries.
//
// Entries are numbered without gaps: they are forgotten from the oldest on, and the newest is kept.
class ChangeLog {
 public:
  // Both must outlive it.
  static absl::StatusOr<std::unique_ptr<ChangeLog>> Prepare(Database& db, const Clock& clock,
                                                            const ChangeRetention& retention);

  absl::Status Append(int64_t group_key, const ChangeNote& note);

  // How often Append has succeeded, also in transactions that were rolled back.
  uint64_t appended() const { return appended_; }

  // Keeps this entry and all after it, however old. At first all may go.
  void KeepFrom(int64_t sequence) { needed_from_ = sequence; }

  // Forgets entries, at most `max_rows`. Returns how many it forgot.
  absl::StatusOr<int64_t> Trim(int64_t max_rows);

 private:
  ChangeLog(const Clock& clock, const ChangeRetention& retention)
      : clock_(clock), retention_(retention) {}

  // The last of the entries from `oldest` to `last` that are too old; one before `oldest` if none
  // is.
  absl::StatusOr<int64_t> FindLastExpired(int64_t oldest, int64_t last, int64_t newest);

  const Clock& clock_;
  const ChangeRetention retention_;
  uint64_t appended_ = 0;
  int64_t needed_from_ = std::numeric_limits<int64_t>::max();

  // The times of all entries before this one were still to come when they were looked at.
  int64_t first_dated_ = 0;

  Statement insert_;
  Statement read_bounds_;
  Statement find_dated_;
  Statement find_last_expired_;
  Statement delete_until_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_CHANGE_LOG_H_
