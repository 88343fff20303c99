#include "server/service/rate_limiter.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/fake_clock.h"

namespace threadstore::testing {
namespace {

constexpr uint64_t kAnn = 1;
constexpr uint64_t kBob = 2;

class RateLimiterTest : public ::testing::Test {
 protected:
  void Limit(const RateLimiter::Options& options) {
    limiter_ = std::make_unique<RateLimiter>(options, clock_);
  }

  absl::Duration Charge(uint64_t caller) { return limiter_->Charge(caller); }

  // How many of `calls` are let through now.
  int CountAdmitted(uint64_t caller, int calls) {
    int admitted = 0;
    for (int i = 0; i < calls; ++i) admitted += Charge(caller) == absl::ZeroDuration() ? 1 : 0;
    return admitted;
  }

  FakeClock clock_;
  std::unique_ptr<RateLimiter> limiter_;
};

TEST_F(RateLimiterTest, LetsABurstThroughAndThenTheRate) {
  Limit({.rate = 4, .burst = 3});
  EXPECT_EQ(CountAdmitted(kAnn, 10), 3);
  clock_.Advance(absl::Milliseconds(500));
  EXPECT_EQ(CountAdmitted(kAnn, 10), 2);
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(CountAdmitted(kAnn, 10), 3) << "no more than a burst is saved up";
  int admitted = 0;
  for (int i = 0; i < 10'000; ++i) {
    clock_.Advance(absl::Milliseconds(1));
    admitted += CountAdmitted(kAnn, 1);
  }
  EXPECT_EQ(admitted, 40);
}

TEST_F(RateLimiterTest, TellsTheTrueWait) {
  Limit({.rate = 10, .burst = 2});
  EXPECT_EQ(CountAdmitted(kAnn, 2), 2);
  EXPECT_EQ(Charge(kAnn), absl::Milliseconds(100));
  EXPECT_EQ(Charge(kAnn), absl::Milliseconds(100)) << "who is refused is not put off";
  clock_.Advance(absl::Milliseconds(30));
  EXPECT_EQ(Charge(kAnn), absl::Milliseconds(70));
  clock_.Advance(absl::Microseconds(69'999));
  EXPECT_EQ(Charge(kAnn), absl::Microseconds(1));
  clock_.Advance(absl::Microseconds(1));
  EXPECT_EQ(Charge(kAnn), absl::ZeroDuration());
  EXPECT_EQ(Charge(kAnn), absl::Milliseconds(100));
}

TEST_F(RateLimiterTest, RatesThatDoNotDivideASecondAreKept) {
  Limit({.rate = 3, .burst = 1});
  int admitted = 0;
  for (int i = 0; i < 300; ++i) {
    const absl::Duration wait = Charge(kAnn);
    admitted += wait == absl::ZeroDuration() ? 1 : 0;
    EXPECT_LE(wait, absl::Seconds(1) / 3);
    clock_.Advance(absl::Milliseconds(100));
  }
  EXPECT_GE(admitted, 75);
  EXPECT_LE(admitted, 91);
}

TEST_F(RateLimiterTest, CallersDoNotTakeFromEachOther) {
  Limit({.rate = 1, .burst = 5});
  EXPECT_EQ(CountAdmitted(kAnn, 100), 5);
  EXPECT_EQ(CountAdmitted(kBob, 100), 5);
}

TEST_F(RateLimiterTest, WithoutARateThereIsNoLimit) {
  Limit({});
  EXPECT_EQ(CountAdmitted(kAnn, 1000), 1000);
}

TEST_F(RateLimiterTest, AFullBucketIsForgottenAtNoCost) {
  Limit({.rate = 1, .burst = 2, .max_callers = 10});
  EXPECT_EQ(CountAdmitted(kAnn, 5), 2);
  clock_.Advance(absl::Seconds(2));
  for (uint64_t caller = 100; caller < 200; ++caller) {
    EXPECT_EQ(CountAdmitted(caller, 1), 1);
    clock_.Advance(absl::Seconds(1));
  }
  EXPECT_EQ(CountAdmitted(kAnn, 5), 2);
}

TEST_F(RateLimiterTest, ToBeForgottenGainsNothing) {
  Limit({.rate = 1, .burst = 2, .max_callers = 10});
  // Each comes back after it has been forgotten.
  int admitted = 0;
  for (int round = 0; round < 50; ++round) {
    for (uint64_t caller = 100; caller < 120; ++caller) admitted += CountAdmitted(caller, 3);
  }
  EXPECT_LE(admitted, 20 * 2);
  EXPECT_EQ(CountAdmitted(kAnn, 1), 0) << "nor does a new name";
  EXPECT_LE(Charge(kAnn), absl::Seconds(1)) << "who waits for a token at most";
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(CountAdmitted(kAnn, 5), 1);
}

TEST_F(RateLimiterTest, WhoGoesOnCallingIsRememberedInAFlood) {
  Limit({.rate = 1, .burst = 3, .max_callers = 10});
  int admitted = 0;
  for (uint64_t stranger = 100; stranger < 1000; ++stranger) {
    Charge(stranger);
    admitted += CountAdmitted(kAnn, 1);
  }
  EXPECT_EQ(admitted, 3);
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(CountAdmitted(kAnn, 5), 2);
}

TEST_F(RateLimiterTest, ThreadsTakeNoMoreThanThereIs) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 2000;
  constexpr uint64_t kCallers = 8;
  Limit({.rate = 1, .burst = 100, .max_callers = kCallers});
  std::atomic<int> admitted = 0;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, &admitted] {
      for (int call = 0; call < kCalls; ++call) {
        if (Charge(call % kCallers + 1) == absl::ZeroDuration()) ++admitted;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admitted, 100 * static_cast<int>(kCallers));
}

TEST(SteadyClockTest, DoesNotGoBack) {
  const SteadyClock clock;
  absl::Time before = clock.Now();
  for (int i = 0; i < 1000; ++i) {
    const absl::Time now = clock.Now();
    ASSERT_LE(before, now);
    before = now;
  }
}

}  // namespace
}  // namespace threadstore::testing
