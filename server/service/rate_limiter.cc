#include "server/service/rate_limiter.h"

#include <algorithm>

namespace threadstore {

RateLimiter::RateLimiter(const Options& options, const Clock& clock)
    : max_callers_(options.max_callers),
      time_per_token_(options.rate == 0 ? absl::ZeroDuration() : absl::Seconds(1) / options.rate),
      time_per_burst_(time_per_token_ * options.burst),
      clock_(clock) {}

absl::Duration RateLimiter::Charge(uint64_t caller) {
  if (time_per_token_ == absl::ZeroDuration()) return absl::ZeroDuration();
  MutexLock lock(&mutex_);
  // Under the lock, so that the times of calls are in order.
  const absl::Time now = clock_.Now();
  Bucket& bucket = FindOrAdd(caller);
  const absl::Time full_after = std::max(bucket.full_at, now) + time_per_token_;
  const absl::Duration wait = full_after - now - time_per_burst_;
  if (wait > absl::ZeroDuration()) return wait;
  bucket.full_at = full_after;
  return absl::ZeroDuration();
}

RateLimiter::Bucket& RateLimiter::FindOrAdd(uint64_t caller) {
  const auto found = by_caller_.find(caller);
  if (found != by_caller_.end()) {
    by_use_.splice(by_use_.begin(), by_use_, found->second);
    return by_use_.front();
  }
  if (by_use_.size() >= max_callers_) {
    const Bucket& longest_idle = by_use_.back();
    forgotten_full_at_ = std::max(forgotten_full_at_, longest_idle.full_at);
    by_caller_.erase(longest_idle.caller);
    by_use_.pop_back();
  }
  by_use_.push_front({caller, forgotten_full_at_});
  by_caller_.emplace(caller, by_use_.begin());
  return by_use_.front();
}

}  // namespace threadstore
