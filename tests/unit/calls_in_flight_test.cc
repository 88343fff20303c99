#include "server/service/calls_in_flight.h"

#include <future>
#include <thread>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace threadstore {
namespace {

class FakeCall final : public CallsInFlight::Call {
 public:
  void Cancel() override { cancelled_.set_value(); }
  void AwaitCancel() { cancelled_.get_future().wait(); }

 private:
  std::promise<void> cancelled_;  // Throws if set twice.
};

TEST(CallsInFlightTest, ClosesBehindThoseInFlight) {
  CallsInFlight calls(absl::Hours(1));
  FakeCall first, second, late;
  ASSERT_TRUE(calls.TryEnter(first, /*has_deadline=*/true));
  ASSERT_TRUE(calls.TryEnter(second, /*has_deadline=*/false));
  std::thread closer([&calls] { calls.CloseAndWait(absl::InfiniteFuture()); });
  while (calls.TryEnter(late, /*has_deadline=*/true)) calls.Leave(late);
  calls.Leave(first);
  calls.Leave(second);
  closer.join();
  EXPECT_FALSE(calls.TryEnter(late, /*has_deadline=*/true));
}

TEST(CallsInFlightTest, WaitsNoLongerThanTheDeadline) {
  CallsInFlight calls(absl::Hours(1));
  FakeCall call;
  ASSERT_TRUE(calls.TryEnter(call, /*has_deadline=*/false));
  calls.CloseAndWait(absl::Now() - absl::Seconds(1));
  calls.Leave(call);
}

TEST(CallsInFlightTest, CancelsOnceWhatHasNoDeadlineAndStaysTooLong) {
  CallsInFlight calls(absl::Milliseconds(5));
  FakeCall with_deadline, first, second;
  ASSERT_TRUE(calls.TryEnter(with_deadline, /*has_deadline=*/true));
  ASSERT_TRUE(calls.TryEnter(first, /*has_deadline=*/false));
  ASSERT_TRUE(calls.TryEnter(second, /*has_deadline=*/false));
  first.AwaitCancel();
  second.AwaitCancel();
  calls.Leave(first);
  calls.Leave(second);
  FakeCall third;
  ASSERT_TRUE(calls.TryEnter(third, /*has_deadline=*/false));
  third.AwaitCancel();
  calls.Leave(third);
  calls.Leave(with_deadline);
}

}  // namespace
}  // namespace threadstore
