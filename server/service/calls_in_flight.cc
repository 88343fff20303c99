#include "server/service/calls_in_flight.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "server/base/thread_name.h"

namespace threadstore {
namespace {

constexpr absl::Duration kMaxCheckInterval = absl::Seconds(1);

}  // namespace

CallsInFlight::CallsInFlight(absl::Duration answer_timeout) : answer_timeout_(answer_timeout) {
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

bool CallsInFlight::TryEnter() {
  MutexLock lock(&mutex_);
  if (closed_) return false;
  ++in_flight_;
  return true;
}

bool CallsInFlight::TryEnterStream(Call& stream) {
  MutexLock lock(&mutex_);
  if (closed_) return false;
  ++in_flight_;
  streams_.insert(&stream);
  return true;
}

void CallsInFlight::LeaveStream(Call& stream) {
  {
    MutexLock lock(&mutex_);
    while (draining_ == &stream) drained_.Wait(&mutex_);
    streams_.erase(&stream);
  }
  Leave(stream);
}

void CallsInFlight::Taken(Call& call) {
  MutexLock lock(&mutex_);
  if (call.is_answered_) answered_.erase(call.place_);
  call.is_answered_ = false;
}

void CallsInFlight::Answer(Call& call) {
  MutexLock lock(&mutex_);
  call.overdue_at_ = absl::Now() + answer_timeout_;
  call.place_ = answered_.insert(answered_.end(), &call);
  call.is_answered_ = true;
}

void CallsInFlight::Leave(Call& call) {
  MutexLock lock(&mutex_);
  if (call.is_answered_) answered_.erase(call.place_);
  if (--in_flight_ == 0 && closed_) empty_.NotifyAll();
}

void CallsInFlight::CloseAndWait(absl::Time deadline) {
  MutexLock lock(&mutex_);
  closed_ = true;
  DrainStreams();
  while (in_flight_ > 0 && absl::Now() < deadline) {
    empty_.WaitFor(&mutex_, deadline - absl::Now());
  }
}

// A stream that hears of it may call back, so it is told without the lock, and kept from leaving.
void CallsInFlight::DrainStreams() {
  while (!streams_.empty()) {
    Call* const stream = *streams_.begin();
    draining_ = stream;
    streams_.erase(streams_.begin());
    mutex_.Unlock();
    stream->Drain();
    mutex_.Lock();
    draining_ = nullptr;
    drained_.NotifyAll();
  }
}

void CallsInFlight::CancelOverdueCalls() {
  MutexLock lock(&mutex_);
  while (!ended_) {
    const absl::Time now = absl::Now();
    while (!answered_.empty() && answered_.front()->overdue_at_ <= now) {
      Call& call = *answered_.front();
      answered_.pop_front();
      call.is_answered_ = false;
      call.Cancel();
    }
    ending_.WaitFor(&mutex_, std::min(answer_timeout_, kMaxCheckInterval));
  }
}

}  // namespace threadstore
