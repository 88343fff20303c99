#include "server/service/change_feed.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "server/auth/authenticator.h"
#include "server/base/byte_budget.h"
#include "server/base/clock.h"
#include "server/base/error_details.h"
#include "server/base/mutex.h"
#include "server/base/status_macros.h"
#include "server/domain/delta_token.h"
#include "server/domain/resource.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/testing/blocking_store.h"
#include "tests/testing/error_matchers.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/store_block.h"
#include "tests/testing/temp_dir.h"

namespace threadstore::testing {
namespace {

using ::testing::ElementsAre;

// Takes messages as they come, unless it is told to hold them.
class FakeSink final : public WatchSink {
 public:
  explicit FakeSink(ChangeFeed& feed, uint64_t caller = 0) : feed_(feed), caller_(caller) {}

  uint64_t caller() const override { return caller_; }

  void Send(Message message) override {
    std::string bytes;
    for (const auto& part : message) bytes += *part;
    v1::WatchThreadsResponse response;
    const bool is_message = response.ParseFromString(bytes);
    bool takes = false;
    {
      MutexLock lock(&mutex_);
      EXPECT_TRUE(is_message);
      EXPECT_FALSE(on_its_way_) << "two messages at once";
      EXPECT_FALSE(status_.has_value()) << "a message after the end";
      EXPECT_FALSE(response.delta_token().empty());
      for (const auto& change : response.changes()) names_.push_back(change.name());
      token_ = response.delta_token();
      ++messages_;
      takes = !holds_;
      on_its_way_ = holds_;
    }
    news_.NotifyAll();
    if (takes) feed_.Taken(*this);
  }

  void End(absl::Status status) override {
    if (on_end_ != nullptr) on_end_();
    {
      MutexLock lock(&mutex_);
      EXPECT_FALSE(status_.has_value()) << "ended twice";
      status_ = std::move(status);
    }
    news_.NotifyAll();
  }

  // What its caller does as it hears of the end. Before the watch begins.
  void OnEnd(std::function<void()> on_end) { on_end_ = std::move(on_end); }

  void Hold() {
    MutexLock lock(&mutex_);
    holds_ = true;
  }

  void Release() {
    {
      MutexLock lock(&mutex_);
      holds_ = false;
      if (!std::exchange(on_its_way_, false)) return;
    }
    feed_.Taken(*this);
  }

  std::vector<std::string> AwaitNames(size_t count) {
    MutexLock lock(&mutex_);
    while (names_.size() < count && !status_.has_value()) news_.Wait(&mutex_);
    return names_;
  }
  void AwaitMessages(int count) {
    MutexLock lock(&mutex_);
    while (messages_ < count && !status_.has_value()) news_.Wait(&mutex_);
  }
  absl::Status AwaitEnd() {
    MutexLock lock(&mutex_);
    while (!status_.has_value()) news_.Wait(&mutex_);
    return DeepCopy(*status_);
  }
  std::string token() {
    MutexLock lock(&mutex_);
    return token_;
  }

 private:
  ChangeFeed& feed_;
  const uint64_t caller_;
  std::function<void()> on_end_;
  Mutex mutex_;
  CondVar news_;
  bool holds_ ABSL_GUARDED_BY(mutex_) = false;
  bool on_its_way_ ABSL_GUARDED_BY(mutex_) = false;
  int messages_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> names_ ABSL_GUARDED_BY(mutex_);
  std::string token_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> status_ ABSL_GUARDED_BY(mutex_);
};

class ChangeFeedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // One reader, so that a test can hold all reads.
    auto store = OpenSqliteStore({.path = folder_.File("threads.db"), .reader_threads = 1}, clock_);
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
    for (const char* id : {"g", "other"}) {
      v1::CreateGroupRequest request;
      request.set_group_id(id);
      ASSERT_THAT(BlockingStore(*store_).CreateGroup({}, BuildGroup(request, clock_.Now())),
                  IsOk());
    }
    StartFeed();
  }

  void TearDown() override {
    for (const auto& sink : sinks_) feed_->Remove(*sink);
    feed_->Close();
  }

  void StartFeed() {
    feed_.reset();
    feed_ = std::make_unique<ChangeFeed>(*store_, authenticator_, memory_, options_);
  }

  static ChangeScope Scope(const std::string& group) {
    ChangeScope scope;
    if (!group.empty()) scope.group.emplace().group = group;
    return scope;
  }

  // Watches a group, or all without one, and waits until it has begun.
  std::shared_ptr<FakeSink> Watch(const std::string& group, const std::string& token = "",
                                  std::optional<RequiredMember> member = std::nullopt) {
    auto sink = std::make_shared<FakeSink>(*feed_);
    ChangeFeed::Watch watch;
    watch.sink = sink;
    watch.query.scope = Scope(group);
    watch.generation = authenticator_.generation();
    if (!token.empty()) {
      auto position = DecodeDeltaToken(token, watch.query.scope);
      EXPECT_THAT(position, IsOk());
      watch.query.after = *position;
    }
    watch.required_member = std::move(member);
    EXPECT_THAT(feed_->Add(std::move(watch)), IsOk());
    sinks_.push_back(sink);
    sink->AwaitMessages(1);
    return sink;
  }

  void Unwatch(const std::shared_ptr<FakeSink>& sink) {
    feed_->Remove(*sink);
    sinks_.erase(std::find(sinks_.begin(), sinks_.end(), sink));
  }

  // Waits until the feed has done what it was told before.
  void AwaitFeed() {
    auto sink = std::make_shared<FakeSink>(*feed_);
    ChangeFeed::Watch watch;
    watch.sink = sink;
    watch.query.scope = Scope("g");
    watch.generation = authenticator_.generation();
    watch.end = absl::InfinitePast();
    ASSERT_THAT(feed_->Add(std::move(watch)), IsOk());
    EXPECT_THAT(sink->AwaitEnd(), IsOk());
    feed_->Remove(*sink);
  }

  std::string CreateThread(const std::string& group = "g", const std::string& text = "topic") {
    ThreadParent parent;
    parent.group.group = group;
    v1::ConversationThread thread;
    thread.set_topic(text);
    const auto created = BlockingStore(*store_).CreateThread(
        {}, group, std::nullopt, BuildThread(parent, thread, clock_.Now()));
    EXPECT_THAT(created, IsOk());
    return created->name();
  }

  std::vector<std::string> CreateThreads(int count) {
    std::vector<std::string> names(static_cast<size_t>(count));
    for (std::string& name : names) name = CreateThread();
    return names;
  }

  class FakeAuthenticator final : public Authenticator {
   public:
    absl::StatusOr<Principal> Authenticate(const Credentials& /*credentials*/) const override {
      return Principal();
    }
    uint64_t generation() const override { return generation_; }
    void Change() { ++generation_; }

   private:
    std::atomic<uint64_t> generation_ = 0;
  };

  const TempDir folder_;
  FakeAuthenticator authenticator_;
  const SystemClock clock_ = {};
  ByteBudget memory_{size_t{1} << 20};
  std::unique_ptr<ThreadStore> store_;
  ChangeFeed::Options options_;
  std::unique_ptr<ChangeFeed> feed_;
  std::vector<std::shared_ptr<FakeSink>> sinks_;
};

TEST_F(ChangeFeedTest, EveryWatchIsToldOfItsOwnInOrder) {
  const auto of_g = Watch("g");
  const auto of_other = Watch("other");
  const auto of_all = Watch("");
  std::vector<std::string> all, g, other;
  for (int i = 0; i < 20; ++i) {
    std::vector<std::string>& its = i % 3 == 0 ? other : g;
    its.push_back(CreateThread(i % 3 == 0 ? "other" : "g"));
    all.push_back(its.back());
  }
  EXPECT_EQ(of_g->AwaitNames(g.size()), g);
  EXPECT_EQ(of_other->AwaitNames(other.size()), other);
  EXPECT_EQ(of_all->AwaitNames(all.size()), all);
}

TEST_F(ChangeFeedTest, AWatchGoesOnWhereItStopped) {
  std::string token = Watch("g")->token();
  std::vector<std::string> expected;
  std::vector<std::string> seen;
  for (int round = 0; round < 10; ++round) {
    for (std::string& name : CreateThreads(5)) expected.push_back(std::move(name));
    const auto sink = Watch("g", token);
    for (const std::string& name : sink->AwaitNames(5)) seen.push_back(name);
    token = sink->token();
    Unwatch(sink);
  }
  EXPECT_EQ(seen, expected);
}

TEST_F(ChangeFeedTest, OneWhoIsBehindReadsTheLogUntilItHasCaughtUp) {
  options_.max_changes = 4;
  StartFeed();
  const auto first = Watch("g");
  const std::string token = first->token();
  std::vector<std::string> expected = CreateThreads(50);
  EXPECT_EQ(first->AwaitNames(50), expected);
  const auto late = Watch("g", token);
  expected.push_back(CreateThread());
  EXPECT_EQ(late->AwaitNames(51), expected);
}

TEST_F(ChangeFeedTest, OneWhoDoesNotTakeItsMessageIsCutOffAndOthersAreNot) {
  options_.max_changes = 4;
  StartFeed();
  const auto slow = Watch("g");
  const auto quick = Watch("g");
  slow->Hold();
  std::vector<std::string> expected = CreateThreads(20);
  EXPECT_EQ(quick->AwaitNames(20), expected);
  const absl::Status end = slow->AwaitEnd();
  EXPECT_THAT(end, HasReason(v1::ERROR_REASON_WATCH_TOO_SLOW));
  // It goes on where it was.
  const auto seen = slow->AwaitNames(1);
  const auto resumed = Watch("g", slow->token());
  expected.erase(expected.begin(), expected.begin() + static_cast<ptrdiff_t>(seen.size()));
  EXPECT_EQ(resumed->AwaitNames(expected.size()), expected);
}

TEST_F(ChangeFeedTest, AMessageThatIsNotTakenInTimeEndsTheWatch) {
  options_.take_timeout = absl::Milliseconds(1);
  StartFeed();
  const auto slow = Watch("g");
  slow->Hold();
  CreateThread();
  EXPECT_THAT(slow->AwaitEnd(), HasReason(v1::ERROR_REASON_WATCH_TOO_SLOW));
}

std::string TokenIn(const absl::Status& end) {
  const auto info = ErrorDetailOf<google::rpc::ErrorInfo>(end);
  if (!info.has_value()) return "";
  const auto token = info->metadata().find("delta_token");
  return token == info->metadata().end() ? "" : token->second;
}

TEST_F(ChangeFeedTest, WatchesEndWhenWhatTheirCallersShowedMayCountNoMore) {
  const auto before = Watch("g");
  const std::string first = CreateThread();
  EXPECT_THAT(before->AwaitNames(1), ElementsAre(first));
  authenticator_.Change();
  const auto after = Watch("g");
  const absl::Status end = before->AwaitEnd();
  EXPECT_TRUE(absl::IsUnauthenticated(end));
  EXPECT_THAT(end, HasReason(v1::ERROR_REASON_INVALID_CREDENTIALS));
  EXPECT_EQ(TokenIn(end), before->token());
  const std::string second = CreateThread();
  EXPECT_THAT(after->AwaitNames(1), ElementsAre(second));
  // Whoever still counts misses nothing.
  EXPECT_THAT(Watch("g", TokenIn(end))->AwaitNames(1), ElementsAre(second));
}

TEST_F(ChangeFeedTest, AWatchThatEndsBeforeItsMessageWasSentKeepsItsToken) {
  const auto watch = Watch("g");
  const std::string token = watch->token();
  const size_t all = size_t{1} << 20;
  while (!memory_.TryTake(all)) std::this_thread::yield();
  const std::string name = CreateThread();
  // Once the feed asks for what is new, the store's one reader is asked, too.
  AwaitFeed();
  AwaitFeed();
  ASSERT_THAT(BlockingStore(*store_).GetThread({}, *ParseThreadName(name)), IsOk());
  AwaitFeed();
  authenticator_.Change();
  const absl::Status end = watch->AwaitEnd();
  memory_.GiveBack(all);
  EXPECT_EQ(TokenIn(end), token);
  EXPECT_THAT(Watch("g", TokenIn(end))->AwaitNames(1), ElementsAre(name));
}

TEST_F(ChangeFeedTest, SilenceIsBrokenByBookmarks) {
  options_.bookmark_interval = absl::Milliseconds(1);
  StartFeed();
  const auto watch = Watch("g");
  const std::string before = watch->token();
  CreateThread("other");
  watch->AwaitMessages(5);
  while (watch->token() == before) std::this_thread::yield();
  EXPECT_THAT(watch->AwaitNames(0), ElementsAre());
}

TEST_F(ChangeFeedTest, MessagesWaitForMemory) {
  ASSERT_TRUE(memory_.TryTake(size_t{1} << 20));
  auto sink = std::make_shared<FakeSink>(*feed_);
  ChangeFeed::Watch watch;
  watch.sink = sink;
  watch.query.scope = Scope("g");
  ASSERT_THAT(feed_->Add(std::move(watch)), IsOk());
  sinks_.push_back(sink);
  memory_.GiveBack(size_t{1} << 20);
  sink->AwaitMessages(1);
  const std::string name = CreateThread();
  EXPECT_THAT(sink->AwaitNames(1), ElementsAre(name));
  Unwatch(sink);
  StartFeed();
  EXPECT_TRUE(memory_.TryTake(size_t{1} << 20)) << "not all was given back";
}

TEST_F(ChangeFeedTest, OneWhoIsNoMemberAnyMoreIsToldNoMore) {
  options_.access_interval = absl::ZeroDuration();
  StartFeed();
  BlockingStore db(*store_);
  v1::Member member;
  member.set_id("ann");
  member.set_name("groups/g/members/ann");
  ASSERT_THAT(db.AddMember({}, "g", member), IsOk());
  RequiredMember ann;
  ann.user = "ann";
  const auto watch = Watch("g", "", ann);
  const std::string before = CreateThread();
  EXPECT_THAT(watch->AwaitNames(1), ElementsAre(before));
  ASSERT_THAT(db.RemoveMember({}, "g", "ann"), IsOk());
  CreateThread();
  EXPECT_THAT(watch->AwaitEnd(), HasReason(v1::ERROR_REASON_NOT_A_MEMBER));
  EXPECT_THAT(watch->AwaitNames(1), ElementsAre(before));
}

TEST_F(ChangeFeedTest, TheDeletionOfTheGroupComesLast) {
  const auto watch = Watch("g");
  const auto of_other = Watch("other");
  const auto late_token = watch->token();
  ASSERT_THAT(BlockingStore(*store_).DeleteGroup({}, "g"), IsOk());
  EXPECT_THAT(watch->AwaitEnd(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(watch->AwaitNames(1), ElementsAre("groups/g"));
  const auto late = Watch("g", late_token);
  EXPECT_THAT(late->AwaitEnd(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(late->AwaitNames(1), ElementsAre("groups/g"));
  const std::string name = CreateThread("other");
  EXPECT_THAT(of_other->AwaitNames(1), ElementsAre(name));
}

TEST_F(ChangeFeedTest, WatchesEndWhenTheyShould) {
  // Longer each time, until it has begun before it ends.
  std::string token;
  for (absl::Duration length = absl::Milliseconds(100); token.empty() && length < absl::Minutes(1);
       length *= 2) {
    auto sink = std::make_shared<FakeSink>(*feed_);
    ChangeFeed::Watch watch;
    watch.sink = sink;
    watch.query.scope = Scope("g");
    watch.end = absl::Now() + length;
    ASSERT_THAT(feed_->Add(std::move(watch)), IsOk());
    sinks_.push_back(sink);
    EXPECT_THAT(sink->AwaitEnd(), IsOk());
    token = sink->token();
  }
  EXPECT_FALSE(token.empty());
}

TEST_F(ChangeFeedTest, DrainingEndsAllAndLetsNoneIn) {
  const auto idle = Watch("g");
  const auto slow = Watch("g");
  slow->Hold();
  CreateThread();
  slow->AwaitNames(1);
  feed_->Drain();
  EXPECT_THAT(idle->AwaitEnd(), IsOk());
  EXPECT_THAT(slow->AwaitEnd(), IsOk());
  ChangeFeed::Watch late;
  late.sink = std::make_shared<FakeSink>(*feed_);
  late.query.scope = Scope("g");
  EXPECT_THAT(feed_->Add(std::move(late)), HasReason(v1::ERROR_REASON_SHUTTING_DOWN));
}

TEST_F(ChangeFeedTest, OnlySoManyWatchesMayBeOpen) {
  options_.max_watches = 1;
  StartFeed();
  const auto first = Watch("g");
  ChangeFeed::Watch second;
  second.sink = std::make_shared<FakeSink>(*feed_);
  second.query.scope = Scope("g");
  EXPECT_THAT(feed_->Add(second), HasReason(v1::ERROR_REASON_TOO_MANY_STREAMS));
  Unwatch(first);
  const auto third = Watch("g");
  const std::string name = CreateThread();
  EXPECT_THAT(third->AwaitNames(1), ElementsAre(name));
}

TEST_F(ChangeFeedTest, OneCallerMayHaveHalfOfTheWatches) {
  options_.max_watches = 4;
  StartFeed();
  const auto add = [this](uint64_t caller) -> absl::StatusOr<std::shared_ptr<FakeSink>> {
    ChangeFeed::Watch watch;
    auto sink = std::make_shared<FakeSink>(*feed_, caller);
    watch.sink = sink;
    watch.query.scope = Scope("g");
    RETURN_IF_ERROR(feed_->Add(std::move(watch)));
    return sink;
  };
  constexpr uint64_t kAnn = 1;
  constexpr uint64_t kBob = 2;
  const auto first = add(kAnn);
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(add(kAnn), IsOk());
  EXPECT_THAT(add(kAnn), HasReason(v1::ERROR_REASON_TOO_MANY_STREAMS));
  EXPECT_THAT(add(kBob), IsOk());
  feed_->Remove(**first);
  EXPECT_THAT(add(kAnn), IsOk());
  EXPECT_THAT(add(kAnn), HasReason(v1::ERROR_REASON_TOO_MANY_STREAMS));
  EXPECT_THAT(add(kBob), IsOk());
}

TEST_F(ChangeFeedTest, WhoHearsOfTheEndOfAWatchMayBeginAnother) {
  constexpr uint64_t kAnn = 1;
  options_.max_watches = 2;
  StartFeed();
  const auto make_watch = [&] {
    ChangeFeed::Watch watch;
    watch.sink = sinks_.emplace_back(std::make_shared<FakeSink>(*feed_, kAnn));
    watch.query.scope = Scope("g");
    return watch;
  };
  const auto add = [&](const ChangeFeed::Watch& watch) { return feed_->Add(watch); };
  ChangeFeed::Watch first = make_watch();
  ChangeFeed::Watch second = make_watch();
  ChangeFeed::Watch third = make_watch();
  first.end = absl::InfinitePast();
  const auto sink = sinks_.front();
  absl::Status added;
  sink->OnEnd([&] { added = add(second); });
  ASSERT_THAT(add(first), IsOk());
  EXPECT_THAT(sink->AwaitEnd(), IsOk());
  EXPECT_THAT(added, IsOk());
  EXPECT_THAT(add(third), HasReason(v1::ERROR_REASON_TOO_MANY_STREAMS));
  // As does one whose caller ends it; and each place is given back once.
  feed_->Leave(*second.sink);
  EXPECT_THAT(add(third), IsOk());
  feed_->Leave(*second.sink);
  feed_->Remove(*sink);
  sinks_.erase(sinks_.begin());
  EXPECT_THAT(add(make_watch()), HasReason(v1::ERROR_REASON_TOO_MANY_STREAMS));
}

TEST_F(ChangeFeedTest, WhatIsReadForAWatchThatIsOverIsNotToldToTheNextAtItsAddress) {
  const auto before = Watch("g");
  const std::string token = before->token();
  Unwatch(before);
  CreateThread();

  alignas(FakeSink) std::array<std::byte, sizeof(FakeSink)> place;
  std::promise<void> destroyed;
  auto first = std::shared_ptr<FakeSink>(new (place.data()) FakeSink(*feed_), [&](FakeSink* sink) {
    sink->~FakeSink();
    destroyed.set_value();
  });
  ReaderBlock block(*store_);
  ChangeFeed::Watch watch;
  watch.sink = first;
  watch.query.scope = Scope("g");
  auto position = DecodeDeltaToken(token, watch.query.scope);
  ASSERT_THAT(position, IsOk());
  watch.query.after = *position;
  ASSERT_THAT(feed_->Add(std::move(watch)), IsOk());
  feed_->Remove(*first);
  first.reset();
  AwaitFeed();

  // As new does with what has just been deleted.
  std::future<void> is_free = destroyed.get_future();
  const bool is_reused = is_free.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  const auto second = is_reused ? std::shared_ptr<FakeSink>(new (place.data()) FakeSink(*feed_),
                                                            [](FakeSink* s) { s->~FakeSink(); })
                                : std::make_shared<FakeSink>(*feed_);
  watch = ChangeFeed::Watch();
  watch.sink = second;
  watch.query.scope = Scope("other");
  ASSERT_THAT(feed_->Add(std::move(watch)), IsOk());
  sinks_.push_back(second);
  AwaitFeed();
  block.Release();
  second->AwaitMessages(1);
  const std::string name = CreateThread("other");
  EXPECT_THAT(second->AwaitNames(1), ElementsAre(name));
  if (!is_reused) is_free.wait();
  Unwatch(second);
  AwaitFeed();
}

TEST_F(ChangeFeedTest, WatchesComeAndGoWhileMuchChanges) {
  std::vector<std::string> expected;
  const auto witness = Watch("g");
  std::thread writer([&] { expected = CreateThreads(200); });
  for (int i = 0; i < 20; ++i) {
    const auto watch = Watch(i % 2 == 0 ? "g" : "");
    if (i % 3 == 0) watch->Hold();
    Unwatch(watch);
  }
  writer.join();
  EXPECT_EQ(witness->AwaitNames(expected.size()), expected);
}

}  // namespace
}  // namespace threadstore::testing
