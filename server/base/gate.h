#ifndef THREADSTORE_SERVER_BASE_GATE_H_
#define THREADSTORE_SERVER_BASE_GATE_H_

#include <cstddef>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"

namespace threadstore {

// Counts who is inside, and can be closed. Thread-safe.
class Gate {
 public:
  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // False once the gate is closed; otherwise Leave must follow.
  bool TryEnter() {
    MutexLock lock(&mutex_);
    if (closed_) return false;
    ++inside_;
    return true;
  }

  void Leave() {
    MutexLock lock(&mutex_);
    if (--inside_ == 0 && closed_) empty_.NotifyAll();
  }

  // Lets nobody in any more, and returns when nobody is inside, or at `deadline`.
  void CloseAndWait(absl::Time deadline) {
    MutexLock lock(&mutex_);
    closed_ = true;
    while (inside_ > 0 && absl::Now() < deadline) {
      empty_.WaitFor(&mutex_, deadline - absl::Now());
    }
  }

 private:
  Mutex mutex_;
  CondVar empty_;
  size_t inside_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_GATE_H_
