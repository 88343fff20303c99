#include "server/service/calls_in_flight.h"

#include <future>
#include <mutex>
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

class FakeStream final : public CallsInFlight::Call {
 public:
  explicit FakeStream(CallsInFlight& calls) : calls_(calls) {}
  // More than once if the machine is slow.
  void Cancel() override {
    std::call_once(once_, [this] { cancelled_.set_value(); });
  }
  void AwaitCancel() { cancelled_.get_future().wait(); }

  // As a stream does: what it does next may need the calls, and its end comes on another thread.
  void Drain() override {
    calls_.Taken(*this);
    end_ = std::thread([this] { calls_.LeaveStream(*this); });
  }
  void AwaitEnd() { end_.join(); }

 private:
  CallsInFlight& calls_;
  std::once_flag once_;
  std::promise<void> cancelled_;
  std::thread end_;
};

TEST(CallsInFlightTest, StreamsAreToldOfTheDrain) {
  CallsInFlight calls(absl::Hours(1));
  FakeStream first(calls);
  FakeStream second(calls);
  FakeStream gone(calls);
  for (FakeStream* stream : {&first, &second, &gone}) ASSERT_TRUE(calls.TryEnterStream(*stream));
  calls.Answer(first);
  calls.LeaveStream(gone);
  calls.CloseAndWait(absl::InfiniteFuture());
  first.AwaitEnd();
  second.AwaitEnd();
  EXPECT_FALSE(calls.TryEnterStream(gone));
}

TEST(CallsInFlightTest, AStreamIsCancelledWhenAnyOfItsMessagesIsNotTaken) {
  CallsInFlight calls(absl::Milliseconds(1));
  FakeStream stream(calls);
  ASSERT_TRUE(calls.TryEnterStream(stream));
  calls.Answer(stream);
  calls.Taken(stream);
  calls.Answer(stream);
  stream.AwaitCancel();
  calls.Taken(stream);
  calls.LeaveStream(stream);
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
