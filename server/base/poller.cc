#include "server/base/poller.h"

#include <chrono>
#include <utility>

#include "server/base/thread_name.h"

namespace threadstore {

Poller::Poller(const std::string& thread_name, absl::Duration interval, std::function<void()> poll)
    : thread_([this, thread_name, interval, poll = std::move(poll)] {
        SetThreadName(thread_name);
        MutexLock lock(&mutex_);
        while (true) {
          const auto due = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(interval);
          while (!closing_ && std::chrono::steady_clock::now() < due) {
            wake_.WaitFor(&mutex_, absl::FromChrono(due - std::chrono::steady_clock::now()));
          }
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
