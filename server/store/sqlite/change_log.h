#ifndef THREADSTORE_SERVER_STORE_SQLITE_CHANGE_LOG_H_
#define THREADSTORE_SERVER_STORE_SQLITE_CHANGE_LOG_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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
};

// Notes what changes, in the transaction that changes it. Part of the writer's queries.
class ChangeLog {
 public:
  // Both must outlive it.
  static absl::StatusOr<std::unique_ptr<ChangeLog>> Prepare(Database& db, const Clock& clock);

  absl::Status Append(int64_t group_key, const ChangeNote& note);

 private:
  explicit ChangeLog(const Clock& clock) : clock_(clock) {}

  const Clock& clock_;
  Statement insert_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_CHANGE_LOG_H_
