#ifndef THREADSTORE_SERVER_TELEMETRY_LOG_WRITER_H_
#define THREADSTORE_SERVER_TELEMETRY_LOG_WRITER_H_

#include <cstddef>
#include <memory>
#include <thread>

#include "absl/time/time.h"

namespace threadstore::log {

// While there is one, lines of the log are written by a thread of its own, in their order, so that
// nothing that serves callers waits for whoever takes the log; without one, whoever logs writes. A
// process that is killed may not have written the last of them. One at a time.
class Writer {
 public:
  // What waits at most for whoever takes the log. Lines beyond are counted, and the count is logged
  // as `lines not logged`.
  static constexpr size_t kMaxWaitingBytes = size_t{8} << 20;

  Writer();

  // Writes what waits, for a second at most.
  ~Writer();

  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  struct Queue;

 private:
  const std::shared_ptr<Queue> queue_;
  std::thread thread_;
};

// Waits until what was logged before has been written, for so long at most.
void Flush(absl::Duration limit);

}  // namespace threadstore::log

#endif  // THREADSTORE_SERVER_TELEMETRY_LOG_WRITER_H_
