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
  ASSERT_TRUE(calls.TryEnter());
  ASSERT_TRUE(calls.TryEnter());
  std::thread closer([&calls] { calls.CloseAndWait(absl::InfiniteFuture()); });
  while (calls.TryEnter()) calls.Leave(late);
  calls.Leave(first);
  calls.Leave(second);
  closer.join();
  EXPECT_FALSE(calls.TryEnter());
}

TEST(CallsInFlightTest, WaitsNoLongerThanTheDeadline) {
  CallsInFlight calls(absl::Hours(1));
  FakeCall call;
  ASSERT_TRUE(calls.TryEnter());
  calls.CloseAndWait(absl::Now() - absl::Seconds(1));
  calls.Leave(call);
}

TEST(CallsInFlightTest, CancelsOnceWhatIsAnsweredAndStaysTooLong) {
  CallsInFlight calls(absl::Milliseconds(5));
  FakeCall unanswered, first, second;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(calls.TryEnter());
  calls.Answer(first);
  calls.Answer(second);
  first.AwaitCancel();
  second.AwaitCancel();
  calls.Leave(first);
  calls.Leave(second);
  FakeCall third;
  ASSERT_TRUE(calls.TryEnter());
  calls.Answer(third);
  third.AwaitCancel();
  calls.Leave(third);
  calls.Leave(unanswered);
}

}  // namespace
}  // namespace threadstore
