#ifndef THREADSTORE_TESTS_TESTING_FAKE_CLOCK_H_
#define THREADSTORE_TESTS_TESTING_FAKE_CLOCK_H_

#include <atomic>

#include "server/base/clock.h"

namespace threadstore::testing {

// A clock that stands still until it is told otherwise. Thread-safe.
class FakeClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixMicros(micros_); }
  void Advance(absl::Duration by) { micros_ += absl::ToInt64Microseconds(by); }

 private:
  std::atomic<int64_t> micros_ = 1'700'000'000'000'000;
};

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_TESTING_FAKE_CLOCK_H_
