#ifndef THREADSTORE_SERVER_BASE_POLLER_H_
#define THREADSTORE_SERVER_BASE_POLLER_H_

#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"

namespace threadstore {

// A thread that does the same again and again.
class Poller {
 public:
  // `poll` is called for the first time after `interval`, and then so long after each time; if it
  // is infinite, never.
  Poller(const std::string& thread_name, absl::Duration interval, std::function<void()> poll);

  // Waits for what is being done.
  ~Poller();

  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

 private:
  Mutex mutex_;
  CondVar wake_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_POLLER_H_
