// What thread_store.h promises, kept while the clock jumps about.

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/resource.h"
#include "server/domain/timestamp.h"
#include "tests/store/store_in_use.h"
#include "tests/store/stored_rows.h"
#include "tests/store/write_kinds.h"
#include "tests/testing/blocking_store.h"
#include "tests/testing/status_matchers.h"

namespace threadstore::testing {
namespace {

absl::Time TimeOf(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixMicros(ToMicros(timestamp));
}

// Far back and far ahead, each way more than once, further than anything is kept.
constexpr int kYears[] = {-40, 100, -99, 200, -150, -10, 0, 40};

class JumpingClock : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(used_.Open()); }

  void Jump(int years) { used_.clock().Advance(years * absl::Hours(24 * 365)); }

  // Writes under the name of a step; a thread of its own and replies to one from before.
  void WriteStep(const std::string& step) {
    BlockingStore db(used_.store());
    const absl::Time now = used_.clock().Now();
    CreateContext create;
    create.now = now;
    create.request = RequestKey{Uuid::V7(now), std::string(32, 'h'), "application:test"};
    const auto thread = db.CreateThread(create, "g", std::nullopt, MakeThread(step));
    ASSERT_THAT(thread, IsOk());
    const auto again = db.CreateThread(create, "g", std::nullopt, MakeThread(step));
    ASSERT_THAT(again, IsOk());
    EXPECT_EQ(again->id(), thread->id()) << "a repeated request makes nothing";
    for (int i = 0; i < 2; ++i) {
      NewPost post = MakePost(absl::StrCat(step, " reply ", i));
      create.request.reset();
      const auto reply = db.CreatePost(create, Scene::Get().busy, post);
      ASSERT_THAT(reply, IsOk());
      texts_.push_back(reply->body().content());
    }
    ChangeContext change;
    change.now = now;
    ThreadChanges changes;
    changes.is_locked = true;
    EXPECT_THAT(db.UpdateThread(change, *ParseThreadName(thread->name()), changes), IsOk());
    topics_.push_back(step);
  }

  v1::ConversationThread MakeThread(const std::string& topic) {
    ThreadParent parent;
    parent.group.group = "g";
    v1::ConversationThread thread;
    thread.set_topic(topic);
    *thread.add_posts() = MakePost("in " + topic).post;
    return BuildThread(parent, thread, used_.clock().Now());
  }

  NewPost MakePost(const std::string& text) {
    v1::Post post;
    post.mutable_sender()->mutable_email_address()->set_name("Ann");
    post.mutable_sender()->mutable_email_address()->set_address("ann@x");
    post.mutable_body()->set_content(text);
    return {BuildPost(post, used_.clock().Now()), text, std::nullopt};
  }

  // Everything that was acknowledged is there, posts in the order they came in.
  void CheckAll() {
    BlockingStore db(used_.store());
    const auto posts = db.ListPosts({}, {.thread = Scene::Get().busy, .limit = 1000});
    ASSERT_THAT(posts, IsOk());
    std::vector<std::string> texts;
    absl::Time before = absl::InfinitePast();
    for (const v1::Post& post : posts->posts) {
      const absl::Time time = TimeOf(post.created_date_time());
      EXPECT_GT(time, before);
      before = time;
      texts.push_back(post.body().content());
    }
    ASSERT_GE(texts.size(), texts_.size());
    texts.erase(texts.begin(), texts.end() - static_cast<ptrdiff_t>(texts_.size()));
    EXPECT_EQ(texts, texts_);
    const auto thread = db.GetThread({}, Scene::Get().busy);
    ASSERT_THAT(thread, IsOk());
    EXPECT_EQ(thread->preview(), texts_.back());
    EXPECT_EQ(TimeOf(thread->last_delivered_date_time()), before);
    EXPECT_THAT(TopicsOfThreads(), ::testing::IsSupersetOf(topics_));
    EXPECT_THAT(TopicsOfChanges(), ::testing::IsSupersetOf(topics_));
  }

  std::vector<std::string> TopicsOfThreads() {
    std::vector<std::string> topics;
    const auto page = BlockingStore(used_.store()).ListThreads({}, {.group = "g", .limit = 1000});
    EXPECT_THAT(page, IsOk());
    for (const auto& thread : page->threads) topics.push_back(thread.topic());
    return topics;
  }

  // By one who follows the group from the beginning.
  std::vector<std::string> TopicsOfChanges() {
    std::vector<std::string> topics;
    ChangeQuery query;
    query.start = ChangeStart::kBeginning;
    query.limit = 1000;
    query.scope.group.emplace().group = "g";
    while (true) {
      const auto page = BlockingStore(used_.store()).ListChanges({}, query);
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) return topics;
      for (const StoredChange& change : page->changes) {
        if (change.change.has_thread()) topics.push_back(change.change.thread().topic());
      }
      if (!page->has_more) return topics;
      query.after = page->next;
    }
  }

  StoreInUse used_;
  std::vector<std::string> topics_;
  std::vector<std::string> texts_;
};

TEST_F(JumpingClock, LosesNothingAndTurnsNoOrderAround) {
  for (const int years : kYears) {
    SCOPED_TRACE(absl::StrCat("after ", topics_.size(), " jumps"));
    Jump(years);
    ASSERT_NO_FATAL_FAILURE(WriteStep(absl::StrCat("step ", topics_.size())));
    ASSERT_NO_FATAL_FAILURE(CheckAll());
    used_.Kill();
    ASSERT_NO_FATAL_FAILURE(used_.Open());
    ASSERT_NO_FATAL_FAILURE(CheckAll());
    if (HasFailure()) return;
  }
  EXPECT_EQ(used_.failures(), 0);
  used_.Close();
  CheckStoredFile(used_.database());
}

}  // namespace
}  // namespace threadstore::testing
