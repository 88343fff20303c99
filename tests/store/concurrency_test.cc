// Calls on one thread from several at once, for what only their meeting can break.

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/limits.h"
#include "tests/store/conformance.h"

namespace threadstore::testing {
namespace {

using ::testing::ElementsAreArray;
using ::testing::SizeIs;

void Concurrently(const std::vector<std::function<void()>>& works) {
  std::vector<std::thread> threads;
  threads.reserve(works.size());
  for (const auto& work : works) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
}

v1::Post SentBy(const std::string& sender, const std::string& text) {
  v1::Post post;
  post.mutable_sender()->mutable_email_address()->set_name(sender);
  post.mutable_body()->set_content_type("text");
  post.mutable_body()->set_content(text);
  return post;
}

v1::Post WithAttachment(v1::Post post) {
  v1::Attachment& attachment = *post.add_attachments();
  attachment.set_display_name("file");
  attachment.mutable_file()->set_content_bytes("content");
  return post;
}

class ConcurrencyTest : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    v1::Group group = MakeGroup("g");
    group.set_allow_external_senders(true);
    ASSERT_THAT(db_->CreateGroup({}, group), IsOk());
  }

  CreateContext Creating() {
    CreateContext context;
    context.now = clock_.Now();
    return context;
  }

  ChangeContext Changing(const std::string& etag = "") {
    ChangeContext context;
    context.now = clock_.Now();
    context.etag = etag;
    return context;
  }

  ThreadName NewThread() {
    const v1::ConversationThread thread =
        *db_->CreateThread(Creating(), "g", std::nullopt, MakeThread("g", "topic: 't'"));
    ThreadName name;
    name.group.group = "g";
    name.thread = IdOf(thread);
    return name;
  }

  absl::StatusOr<v1::Post> Reply(const ThreadName& thread, const v1::Post& sent) {
    NewPost post;
    post.post = BuildPost(sent, clock_.Now());
    post.preview = MakePreview(post.post.body());
    return db_->CreatePost(Creating(), thread, post);
  }

  PostName NewPostOf(const ThreadName& thread, const v1::Post& sent) {
    const auto post = Reply(thread, sent);
    EXPECT_THAT(post, IsOk());
    return {thread, *Uuid::Parse(post->id())};
  }

  std::vector<v1::Post> PostsOf(const ThreadName& thread) {
    const auto page = db_->ListPosts({}, {.thread = thread, .limit = kMaxPageSize});
    EXPECT_THAT(page, IsOk());
    return {page->posts.begin(), page->posts.end()};
  }

  // What the thread says of its posts is what they say.
  void CheckDerived(const ThreadName& name) {
    const std::vector<v1::Post> posts = PostsOf(name);
    const auto thread = db_->GetThread({}, name);
    ASSERT_THAT(thread, IsOk());
    std::vector<std::string> senders;
    bool has_attachments = false;
    for (const v1::Post& post : posts) {
      const std::string label = SenderLabel(post.sender());
      if (std::find(senders.begin(), senders.end(), label) == senders.end()) {
        senders.push_back(label);
      }
      has_attachments |= post.has_attachments();
    }
    ASSERT_FALSE(posts.empty());
    EXPECT_THAT(thread->unique_senders(), ElementsAreArray(senders));
    EXPECT_EQ(thread->has_attachments(), has_attachments);
    EXPECT_EQ(thread->preview(), MakePreview(posts.back().body()));
    EXPECT_THAT(thread->last_delivered_date_time(), EqualsProto(posts.back().created_date_time()));
  }
};

TEST_F(ConcurrencyTest, RepliesAnEditAndADeletionOfOneThread) {
  constexpr int kRounds = 1'000;
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    clock_.Advance(absl::Milliseconds(1));
    const ThreadName thread = NewThread();
    const PostName deleted = NewPostOf(thread, WithAttachment(SentBy("deleted", "deleted")));
    const PostName edited = NewPostOf(thread, SentBy("edited", "before"));
    PostChanges changes;
    changes.body = SentBy("edited", "after").body();
    changes.preview = "after";
    v1::Post second = SentBy("second", "second");
    if (round % 2 == 0) second = WithAttachment(second);
    Concurrently({
        [&] { EXPECT_THAT(Reply(thread, SentBy("first", "first")), IsOk()); },
        [&] { EXPECT_THAT(Reply(thread, second), IsOk()); },
        [&] { EXPECT_THAT(db_->UpdatePost(Changing(), edited, changes), IsOk()); },
        [&] { EXPECT_THAT(db_->DeletePost(Changing(), deleted), IsOk()); },
    });
    EXPECT_THAT(PostsOf(thread), SizeIs(3));
    CheckDerived(thread);
    EXPECT_EQ(db_->GetPost({}, edited)->body().content(), "after");
    EXPECT_EQ(db_->GetThread({}, thread)->etag(), MakeEtag(7)) << "six changes";
  }
}

TEST_F(ConcurrencyTest, RepliesToOneThreadAreAllKeptInOrder) {
  constexpr int kThreads = 8;
  constexpr int kRepliesEach = 50;
  const ThreadName thread = NewThread();
  std::vector<std::function<void()>> works;
  works.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    works.push_back([&, sender = absl::StrCat("sender ", i)] {
      for (int n = 0; n < kRepliesEach; ++n) {
        EXPECT_THAT(Reply(thread, SentBy(sender, absl::StrCat("reply ", n))), IsOk());
      }
    });
  }
  Concurrently(works);
  const std::vector<v1::Post> posts = PostsOf(thread);
  ASSERT_THAT(posts, SizeIs(kThreads * kRepliesEach));
  for (size_t i = 1; i < posts.size(); ++i) {
    EXPECT_LT(ToMicros(posts[i - 1].created_date_time()), ToMicros(posts[i].created_date_time()));
    EXPECT_LT(posts[i - 1].id(), posts[i].id());
  }
  CheckDerived(thread);
  EXPECT_EQ(db_->GetThread({}, thread)->etag(), MakeEtag(1 + kThreads * kRepliesEach));
}

TEST_F(ConcurrencyTest, OfTwoChangesWithTheSameEtagOneWins) {
  constexpr int kRounds = 200;
  const ThreadName thread = NewThread();
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    const v1::ConversationThread before = *db_->GetThread({}, thread);
    ThreadChanges changes;
    changes.is_locked = !before.is_locked();
    std::atomic<int> won = 0;
    const auto update = [&] {
      const auto updated = db_->UpdateThread(Changing(before.etag()), thread, changes);
      if (updated.ok()) {
        ++won;
      } else {
        EXPECT_THAT(updated, HasReason(v1::ERROR_REASON_ETAG_MISMATCH));
      }
    };
    Concurrently({update, update});
    EXPECT_EQ(won, 1);
    const v1::ConversationThread after = *db_->GetThread({}, thread);
    EXPECT_EQ(after.is_locked(), changes.is_locked);
    EXPECT_NE(after.etag(), before.etag());
  }
}

TEST_F(ConcurrencyTest, PostIsEditedOrDeletedByTheSameEtagButNotBoth) {
  constexpr int kRounds = 200;
  const ThreadName thread = NewThread();
  NewPostOf(thread, SentBy("first", "first"));
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    const PostName name = NewPostOf(thread, SentBy("second", "before"));
    const std::string etag = db_->GetPost({}, name)->etag();
    PostChanges changes;
    changes.body = SentBy("second", "after").body();
    changes.preview = "after";
    absl::Status edited;
    absl::Status deleted;
    Concurrently({
        [&] { edited = db_->UpdatePost(Changing(etag), name, changes).status(); },
        [&] { deleted = db_->DeletePost(Changing(etag), name); },
    });
    if (edited.ok()) {
      EXPECT_THAT(deleted, HasReason(v1::ERROR_REASON_ETAG_MISMATCH));
    } else {
      EXPECT_THAT(edited, HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
      EXPECT_THAT(deleted, IsOk());
    }
    CheckDerived(thread);
    EXPECT_EQ(db_->GetThread({}, thread)->preview(), edited.ok() ? "after" : "first");
    if (edited.ok()) {
      EXPECT_THAT(db_->DeletePost(Changing(), name), IsOk());
    }
  }
}

}  // namespace
}  // namespace threadstore::testing
