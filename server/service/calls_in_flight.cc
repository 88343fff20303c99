#include "server/service/calls_in_flight.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "server/base/thread_name.h"

namespace threadstore {
namespace {

constexpr absl::Duration kMaxCheckInterval = absl::Seconds(1);

}  // namespace

CallsInFlight::CallsInFlight(absl::Duration timeout) : timeout_(timeout) {
  thread_ = std::thread([this] {
    SetThreadName("call-timeouts");
    CancelOverdueCalls();
  });
}

CallsInFlight::~CallsInFlight() {
  {
    MutexLock lock(&mutex_);
    ended_ = true;
  }
  ending_.NotifyOne();
  thread_.join();
}

bool CallsInFlight::TryEnter(Call& call, bool has_deadline) {
  MutexLock lock(&mutex_);
  if (closed_) return false;
  ++in_flight_;
  if (!has_deadline) {
    call.overdue_at_ = absl::Now() + timeout_;
    call.place_ = without_deadline_.insert(without_deadline_.end(), &call);
  }
  return true;
}

void CallsInFlight::Leave(Call& call) {
  MutexLock lock(&mutex_);
  if (call.overdue_at_ < absl::InfiniteFuture()) without_deadline_.erase(call.place_);
  if (--in_flight_ == 0 && closed_) empty_.NotifyAll();
}

void CallsInFlight::CloseAndWait(absl::Time deadline) {
  MutexLock lock(&mutex_);
  closed_ = true;
  while (in_flight_ > 0 && absl::Now() < deadline) {
    empty_.WaitFor(&mutex_, deadline - absl::Now());
  }
}

void CallsInFlight::CancelOverdueCalls() {
  MutexLock lock(&mutex_);
  while (!ended_) {
    const absl::Time now = absl::Now();
    while (!without_deadline_.empty() && without_deadline_.front()->overdue_at_ <= now) {
      Call& call = *without_deadline_.front();
      without_deadline_.pop_front();
      call.overdue_at_ = absl::InfiniteFuture();
      call.Cancel();
    }
    ending_.WaitFor(&mutex_, std::min(timeout_, kMaxCheckInterval));
  }
}

}  // namespace threadstore
