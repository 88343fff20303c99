#ifndef THREADSTORE_SERVER_BASE_CLOCK_H_
#define THREADSTORE_SERVER_BASE_CLOCK_H_

#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace threadstore {

// Where the time comes from. Injected, so that tests can set it. Implementations are safe to
// call from any thread. The time may step in either direction, as the machine's clock may.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

// Goes on whatever the machine's clock is set to. Since when it counts is not said.
inline absl::Duration SteadyNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

// The machine's clock.
class SystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

// The same as times, of which only the differences mean anything.
class SteadyClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::UnixEpoch() + SteadyNow(); }
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_CLOCK_H_
