// Units of server/base: UUIDs, hashes, budgets, shares, queues, executor, errors.

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "google/protobuf/stubs/logging.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "server/base/byte_budget.h"
#include "server/base/errors.h"
#include "server/base/executor.h"
#include "server/base/fair_queue.h"
#include "server/base/network.h"
#include "server/base/sha256.h"
#include "server/base/shares.h"
#include "server/base/uuid.h"
#include "tests/testing/status_matchers.h"

namespace threadstore {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(UuidTest, V7HasVersionVariantAndTime) {
  const absl::Time time = absl::FromUnixMicros(1'700'000'000'123'456);
  const std::string text = Uuid::V7(time).ToString();
  EXPECT_EQ(text.substr(0, 13), "018bcfe5-687b") << "48 bits of milliseconds";
  EXPECT_EQ(text[14], '7');
  EXPECT_THAT(std::string("89ab"), HasSubstr(text.substr(19, 1)));
  EXPECT_NE(Uuid::V7(time), Uuid::V7(time));
}

TEST(UuidTest, V7OfLaterMicrosecondsAreLater) {
  absl::Time time = absl::FromUnixMicros(1'700'000'000'998'000);
  Uuid previous = Uuid::V7(time);
  for (int i = 0; i < 5000; ++i) {
    time += absl::Microseconds(1);
    const Uuid next = Uuid::V7(time);
    ASSERT_LT(previous, next) << i;
    ASSERT_LT(previous.ToString(), next.ToString()) << i;
    previous = next;
  }
}

TEST(UuidTest, ParsesOnlyTheCanonicalForm) {
  const std::string text = "01934f6e-8f00-7abc-8def-0123456789ab";
  EXPECT_EQ(Uuid::Parse(text)->ToString(), text);
  EXPECT_EQ(Uuid::Parse("01934F6E-8F00-7ABC-8DEF-0123456789AB")->ToString(), text);
  EXPECT_EQ(Uuid::FromBytes(Uuid::Parse(text)->bytes()), Uuid::Parse(text));
  for (const char* bad :
       {"", "01934f6e8f007abc8def0123456789ab", "{01934f6e-8f00-7abc-8def-0123456789ab}",
        "01934f6e-8f00-7abc-8def-0123456789ag", "01934f6e-8f00-7abc-8def-0123456789a",
        "01934f6e-8f00-7abc-8def-0123456789abc", "01934f6e_8f00_7abc_8def_0123456789ab",
        "01934f6e-8f00-7abc-8de-f0123456789ab"}) {
    EXPECT_EQ(Uuid::Parse(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(Uuid::FromBytes("short"), std::nullopt);
}

TEST(Sha256Test, IsSha256) {
  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(absl::BytesToHexString(Sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// RFC 4231, section 4.3.
TEST(Sha256Test, HmacIsThatOfTheRfc) {
  EXPECT_EQ(absl::BytesToHexString(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(ByteBudgetTest, GivesNoMoreThanItHas) {
  ByteBudget budget(10);
  EXPECT_TRUE(budget.TryTake(6));
  EXPECT_FALSE(budget.TryTake(5));
  EXPECT_TRUE(budget.TryTake(4));
  EXPECT_FALSE(budget.TryTake(1));
  budget.GiveBack(6);
  EXPECT_TRUE(budget.TryTake(5));
  EXPECT_FALSE(budget.TryTake(static_cast<size_t>(-1)));
  budget.Take(20);
  EXPECT_FALSE(budget.TryTake(1));
  budget.GiveBack(28);
  EXPECT_TRUE(budget.TryTake(9));
}

TEST(ByteBudgetTest, KeepsAPartForThoseWhoHoldItShortly) {
  ByteBudget budget(80);
  EXPECT_TRUE(budget.TryTakeUnreserved(30));
  EXPECT_FALSE(budget.TryTakeUnreserved(41));
  EXPECT_TRUE(budget.TryTakeUnreserved(40));
  EXPECT_FALSE(budget.TryTakeUnreserved(1));
  EXPECT_TRUE(budget.TryTake(10));
  EXPECT_FALSE(budget.TryTake(1));
  budget.GiveBack(80);
  EXPECT_TRUE(budget.TryTakeUnreserved(80)) << "what comes alone may have all";
  EXPECT_FALSE(budget.TryTakeUnreserved(1));
  budget.GiveBack(80);
  EXPECT_FALSE(budget.TryTakeUnreserved(81));
}

TEST(ByteSharesTest, NobodyHasMoreThanTheShareUnlessItIsOnePiece) {
  constexpr uint64_t kAnn = 1;
  constexpr uint64_t kBob = 2;
  ByteShares shares(10);
  EXPECT_TRUE(shares.TryTake(kAnn, 3));
  EXPECT_TRUE(shares.TryTake(kAnn, 2));
  EXPECT_FALSE(shares.TryTake(kAnn, 1));
  EXPECT_FALSE(shares.TryTake(kAnn, static_cast<size_t>(-1)));
  EXPECT_TRUE(shares.TryTake(kAnn, 0));
  EXPECT_TRUE(shares.TryTake(kBob, 9)) << "what is alone";
  EXPECT_FALSE(shares.TryTake(kBob, 1));
  shares.GiveBack(kAnn, 5);
  EXPECT_TRUE(shares.TryTake(kAnn, 0));
  EXPECT_TRUE(shares.TryTake(kAnn, 6)) << "nothing was left over";
  EXPECT_TRUE(shares.TryTake(0, 100));
}

TEST(ByteSharesTest, WhatIsHeldForLongLeavesAPart) {
  constexpr uint64_t kAnn = 1;
  ByteShares shares(160);
  EXPECT_TRUE(shares.TryTakeUnreserved(kAnn, 70));
  EXPECT_FALSE(shares.TryTakeUnreserved(kAnn, 1));
  EXPECT_TRUE(shares.TryTake(kAnn, 10));
  EXPECT_FALSE(shares.TryTake(kAnn, 1));
  shares.GiveBack(kAnn, 80);
  EXPECT_TRUE(shares.TryTakeUnreserved(kAnn, 100)) << "what is alone";
}

TEST(NetworkTest, OfIpv6ItIsTheFirstHalf) {
  EXPECT_EQ(NetworkOf("2001:db8::1"), NetworkOf("2001:db8::ffff:2"));
  EXPECT_NE(NetworkOf("2001:db8::1"), NetworkOf("2001:db8:0:1::1"));
  EXPECT_EQ(NetworkOf("fe80::1%eth0"), NetworkOf("fe80::2%25eth0"));
  EXPECT_NE(NetworkOf("10.0.0.1"), NetworkOf("10.0.0.2"));
  EXPECT_EQ(NetworkOf("unix:/socket"), "unix:/socket");
}

TEST(SharesTest, NobodyHasMoreThanHalf) {
  constexpr uint64_t kAnn = 1;
  constexpr uint64_t kBob = 2;
  Shares shares(5);
  EXPECT_TRUE(shares.TryTake(kAnn));
  EXPECT_TRUE(shares.TryTake(kAnn));
  EXPECT_FALSE(shares.TryTake(kAnn));
  EXPECT_TRUE(shares.TryTake(kBob));
  shares.GiveBack(kAnn);
  EXPECT_TRUE(shares.TryTake(kAnn));
  EXPECT_FALSE(shares.TryTake(kAnn));
  for (int i = 0; i < 2; ++i) shares.GiveBack(kAnn);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(shares.TryTake(kAnn));
  EXPECT_FALSE(shares.TryTake(kAnn));
}

TEST(SharesTest, ASinglePlaceIsForAnyone) {
  constexpr uint64_t kAnn = 1;
  Shares shares(1);
  EXPECT_TRUE(shares.TryTake(kAnn));
  EXPECT_FALSE(shares.TryTake(kAnn));
}

TEST(SharesTest, NobodyInParticularMayHaveAll) {
  Shares shares(2);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(shares.TryTake(0));
  for (int i = 0; i < 10; ++i) shares.GiveBack(0);
}

TEST(SharesTest, NoPlaceIsGivenBackTwice) {
  Shares shares(4);
  ASSERT_TRUE(shares.TryTake(1));
  shares.GiveBack(1);
  EXPECT_THROW(shares.GiveBack(1), google::protobuf::FatalException);
}

// What comes out, to the last.
std::vector<std::string> PopAll(FairQueue<std::string>& queue) {
  std::vector<std::string> items;
  while (!queue.empty()) items.push_back(queue.Pop());
  return items;
}

bool Push(FairQueue<std::string>& queue, uint64_t caller, std::string item) {
  return queue.TryPush(caller, item);
}

TEST(FairQueueTest, CallersTakeTurnsEachInItsOwnOrder) {
  FairQueue<std::string> queue(100);
  EXPECT_TRUE(queue.empty());
  for (const char* item : {"a1", "a2", "a3", "a4"}) EXPECT_TRUE(Push(queue, 1, item));
  for (const char* item : {"b1", "b2"}) EXPECT_TRUE(Push(queue, 2, item));
  EXPECT_TRUE(Push(queue, 0, "server"));
  EXPECT_THAT(PopAll(queue), ElementsAre("a1", "b1", "server", "a2", "b2", "a3", "a4"));
  EXPECT_TRUE(queue.empty());
}

TEST(FairQueueTest, WhoComesAgainStandsBehindThoseWhoWait) {
  FairQueue<std::string> queue(100);
  for (const char* item : {"a1", "a2", "a3", "a4"}) EXPECT_TRUE(Push(queue, 1, item));
  for (const uint64_t caller : {2, 3}) EXPECT_TRUE(Push(queue, caller, "once"));
  std::string order;
  // Two who always come again at once do not keep the first from its turns.
  for (int i = 0; i < 12; ++i) {
    const std::string item = queue.Pop();
    order += item[0];
    if (item == "once") {
      EXPECT_TRUE(Push(queue, i % 3 == 1 ? 2 : 3, "once"));
    }
  }
  EXPECT_EQ(order, "aooaooaooaoo");
}

TEST(FairQueueTest, NobodyHasMoreThanItsShareOfTheQueue) {
  FairQueue<std::string> queue(4);
  EXPECT_TRUE(Push(queue, 1, "a1"));
  EXPECT_TRUE(Push(queue, 1, "a2"));
  std::string refused = "a3";
  EXPECT_FALSE(queue.TryPush(1, refused));
  EXPECT_EQ(refused, "a3") << "it is still the caller's";
  EXPECT_TRUE(Push(queue, 0, "s1"));
  EXPECT_TRUE(Push(queue, 0, "s2"));
  EXPECT_FALSE(Push(queue, 2, "b1")) << "it is full";
  EXPECT_EQ(queue.Pop(), "a1");
  EXPECT_TRUE(Push(queue, 1, "a3")) << "its place is free again";
  EXPECT_THAT(PopAll(queue), ElementsAre("s1", "a2", "s2", "a3"));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Push(queue, 0, "all are the server's"));
  EXPECT_FALSE(Push(queue, 0, "one more"));
}

TEST(FairQueueTest, ItemsAreOnlyMoved) {
  FairQueue<std::unique_ptr<int>> queue(1);
  auto item = std::make_unique<int>(5);
  EXPECT_TRUE(queue.TryPush(1, item));
  EXPECT_EQ(*queue.Pop(), 5);
}

TEST(ExecutorTest, RunsAllTasksBeforeItEnds) {
  std::atomic<int> sum = 0;
  {
    Executor executor("test", 3);
    std::vector<Executor::Task> tasks;
    for (int i = 1; i <= 100; ++i) {
      executor.Add([&sum] { ++sum; });
      tasks.emplace_back([&sum] { ++sum; });
    }
    executor.AddAll(tasks);
    EXPECT_TRUE(tasks.empty());
  }
  EXPECT_EQ(sum, 200);
}

TEST(ExecutorTest, OneThreadKeepsTheOrder) {
  std::vector<int> order;
  {
    Executor executor("test", 1);
    for (int i = 0; i < 5; ++i) executor.Add([&order, i] { order.push_back(i); });
  }
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4));
}

template <typename Detail>
Detail DetailOf(const absl::Status& status) {
  Detail detail;
  const auto payload =
      status.GetPayload("type.googleapis.com/" + Detail::descriptor()->full_name());
  EXPECT_TRUE(payload.has_value()) << status;
  if (payload.has_value()) detail.ParseFromString(std::string(*payload));
  return detail;
}

TEST(ErrorsTest, EachCarriesItsReasonAndDomain) {
  const auto info = DetailOf<google::rpc::ErrorInfo>(NotAMemberError("groups/g"));
  EXPECT_EQ(info.reason(), "NOT_A_MEMBER");
  EXPECT_EQ(info.domain(), "threadstore");
  EXPECT_EQ(info.metadata().at("group"), "groups/g");
  EXPECT_EQ(ErrorReasonOf(NotAMemberError("groups/g")), v1::ERROR_REASON_NOT_A_MEMBER);
  EXPECT_EQ(ErrorReasonOf(absl::InternalError("bare")), v1::ERROR_REASON_UNSPECIFIED);
}

TEST(ErrorsTest, InvalidFieldsListsThemAll) {
  const absl::Status status = InvalidFieldsError({{"a", "is wrong"}, {"b[1]", "is worse"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const auto bad_request = DetailOf<google::rpc::BadRequest>(status);
  ASSERT_EQ(bad_request.field_violations_size(), 2);
  EXPECT_EQ(bad_request.field_violations(1).field(), "b[1]");
  EXPECT_EQ(bad_request.field_violations(1).description(), "is worse");
}

TEST(ErrorsTest, NotFoundNamesTheResource) {
  const auto resource =
      DetailOf<google::rpc::ResourceInfo>(NotFoundError(kThreadType, "groups/g/threads/t"));
  EXPECT_EQ(resource.resource_type(), "threadstore/ConversationThread");
  EXPECT_EQ(resource.resource_name(), "groups/g/threads/t");
}

TEST(ErrorsTest, QueueFullSaysHowLongToWait) {
  const auto retry = DetailOf<google::rpc::RetryInfo>(QueueFullError(absl::Milliseconds(1500)));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
}

TEST(ErrorsTest, QuotasAreNamedWithTheirLimitAndWhatHelps) {
  for (const auto& [error, quota] :
       {std::pair(TooManyThreadsError("groups/g", 7), "group_max_threads"),
        std::pair(TooManyBytesError("groups/g", 7), "group_max_bytes")}) {
    EXPECT_EQ(error.code(), absl::StatusCode::kResourceExhausted);
    const auto info = DetailOf<google::rpc::ErrorInfo>(error);
    EXPECT_EQ(info.reason(), "QUOTA_EXCEEDED");
    EXPECT_EQ(info.metadata().at("quota"), quota);
    EXPECT_EQ(info.metadata().at("limit"), "7");
    EXPECT_EQ(info.metadata().at("resource"), "groups/g");
    EXPECT_THAT(
        std::string(error.message()),
        ::testing::AllOf(HasSubstr("groups/g would have more than 7 "), HasSubstr("delete threads"),
                         HasSubstr(std::string("--") + quota)));
  }
}

}  // namespace
}  // namespace threadstore
