#ifndef THREADSTORE_SERVER_TELEMETRY_AUDIT_LOG_H_
#define THREADSTORE_SERVER_TELEMETRY_AUDIT_LOG_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "server/base/mutex.h"

namespace threadstore {

// Says in the log who has changed what: a line for each change, with `event` set to `change`, among
// the others of server/telemetry/log.h. Lines are gathered and written by a thread of its own, in
// the order in which they came, since a write for each would cost the calls more than their own
// work. A process that is killed may not have written the last of them. Thread-safe.
class AuditLog {
 public:
  // What waits at most for whoever reads the log. Changes beyond are counted, and the count is
  // logged as `changes not logged`.
  static constexpr size_t kMaxWaitingBytes = size_t{8} << 20;

  struct Change {
    absl::string_view method;     // Such as `threadstore.v1.ThreadService.CreateThread`.
    absl::string_view principal;  // See Principal::Key.
    absl::string_view token_id;   // Empty if there is none.
    absl::string_view resource;   // The name of what has been made, changed or deleted.
  };

  AuditLog();

  // Writes what waits.
  ~AuditLog();

  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  void Add(const Change& change);

 private:
  void Run();

  Mutex mutex_;
  CondVar wake_;
  std::string waiting_ ABSL_GUARDED_BY(mutex_);
  int64_t lost_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_TELEMETRY_AUDIT_LOG_H_
