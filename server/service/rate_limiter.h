#ifndef THREADSTORE_SERVER_SERVICE_RATE_LIMITER_H_
#define THREADSTORE_SERVER_SERVICE_RATE_LIMITER_H_

#include <cstddef>
#include <cstdint>
#include <list>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace threadstore {

// Lets each caller make so many calls a second: a bucket of `burst` tokens, full at first, that
// gets `rate` tokens a second, evenly, and of which each call takes one. Thread-safe.
//
// Only so many callers are remembered; the one that has been idle for longest is forgotten for a
// new one. If its bucket was not full by then, those who are not remembered begin with no more than
// it had: to be forgotten gains nobody a token, however many callers there are.
class RateLimiter {
 public:
  // About 6 MiB. A caller that is forgotten before its bucket is full has been idle while as many
  // others called.
  static constexpr size_t kMaxCallers = 65'536;

  struct Options {
    int rate = 0;   // Tokens a second; 0 is no limit.
    int burst = 1;  // At least 1.
    size_t max_callers = kMaxCallers;
  };

  // `clock` must outlive the limiter, and must not step: see SteadyClock.
  RateLimiter(const Options& options, const Clock& clock);

  // Takes a token of `caller` (see CallContext::caller), and returns zero. If there is none: how
  // long it is until there is the next, and nothing is taken.
  absl::Duration Charge(uint64_t caller);

 private:
  // A bucket says when it will be full; each token that is missing puts that off by the time that a
  // token takes.
  struct Bucket {
    uint64_t caller;
    absl::Time full_at;
  };
  using Buckets = std::list<Bucket>;

  Bucket& FindOrAdd(uint64_t caller) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t max_callers_;
  const absl::Duration time_per_token_;  // Zero without a limit.
  const absl::Duration time_per_burst_;
  const Clock& clock_;

  Mutex mutex_;
  Buckets by_use_ ABSL_GUARDED_BY(mutex_);  // The most recently used first.
  absl::flat_hash_map<uint64_t, Buckets::iterator> by_caller_ ABSL_GUARDED_BY(mutex_);
  absl::Time forgotten_full_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();  // The latest.
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_RATE_LIMITER_H_
