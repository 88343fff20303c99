#include "server/base/poller.h"

#include <utility>

#include "server/base/clock.h"
#include "server/base/thread_name.h"

namespace threadstore {

Poller::Poller(const std::string& thread_name, absl::Duration interval, std::function<void()> poll)
    : thread_([this, thread_name, interval, poll = std::move(poll)] {
        SetThreadName(thread_name);
        MutexLock lock(&mutex_);
        while (true) {
          const absl::Duration due = SteadyNow() + interval;
          while (!closing_ && SteadyNow() < due) wake_.WaitFor(&mutex_, due - SteadyNow());
          if (closing_) return;
          mutex_.Unlock();
          poll();
          mutex_.Lock();
        }
      }) {}

Poller::~Poller() {
  {
    MutexLock lock(&mutex_);
    closing_ = true;
  }
  wake_.NotifyAll();
  thread_.join();
}

}  // namespace threadstore
