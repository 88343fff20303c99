// Quotas of groups: what counts, what is refused, and what passes all the same.

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/domain/limits.h"
#include "tests/store/moving.h"
#include "tests/store/post_conformance.h"

namespace threadstore::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

constexpr int64_t kMaxBytes = 1000;

auto IsBeyondQuota() { return HasReason(v1::ERROR_REASON_QUOTA_EXCEEDED); }

class QuotaConformance : public PostConformance {
 protected:
  void OpenWith(GroupQuotas quotas) {
    EngineSettings settings;
    settings.group_quotas = quotas;
    Open(settings);
  }

  absl::Status TryThread(const std::string& text_format = "topic: 't'",
                         std::optional<Uuid> conversation = std::nullopt) {
    return db_
        ->CreateThread(Creating(), "g", conversation, MakeThread("g", text_format, conversation))
        .status();
  }

  absl::Status TryPost(const ThreadName& thread, const std::string& text_format) {
    const NewPost post = MakePost(text_format);
    return db_->CreatePost(Creating(), thread, post).status();
  }

  // A thread of the group g with a post, which leave so many bytes of kMaxBytes. The post has an
  // extension of the name `e`.
  PostName Fill(int64_t left) {
    const ThreadName thread = CreateThreadNamed("topic: 't'");
    const std::string body(static_cast<size_t>(kMaxBytes - 4 - left), 'x');
    return NameOf(
        thread,
        CreatePost(thread,
                   "sender { email_address { name: 'does not count' } }"
                   " extensions { extension_name: 'e' content_json: '{}' } body { content: '" +
                       body + "' }"));
  }

  void EmptyGroup() {
    ASSERT_THAT(db_->DeleteGroup({}, "g", /*force=*/true), IsOk());
    CreateOpenGroup("g");
  }
};

// --- Threads

TEST_F(QuotaConformance, AGroupHasAsManyThreadsAsItMay) {
  OpenWith({.max_threads = 2});
  CreateOpenGroup("h");
  const auto first = CreateThread("g");
  CreateThread("g", "topic: 'second'", ConversationOf(first));
  EXPECT_THAT(TryThread(), IsBeyondQuota());
  EXPECT_THAT(TryThread("topic: 't'", ConversationOf(first)), IsBeyondQuota());
  CreateThread("h");
  EXPECT_THAT(db_->CreateConversation(Creating(), "g", MakeConversation("topic: 'c' threads {}")),
              IsBeyondQuota());
  EXPECT_THAT(Walk({.group = "g", .limit = kMaxPageSize}), ::testing::SizeIs(2));
  EXPECT_THAT(TryPost(NameOf("g", first), kAnnsPost), IsOk()) << "a post is no thread";
}

TEST_F(QuotaConformance, AConversationFitsWholeOrNotAtAll) {
  OpenWith({.max_threads = 3});
  CreateThread("g");
  const std::string three = "topic: 'c' threads {} threads {} threads {}";
  EXPECT_THAT(db_->CreateConversation(Creating(), "g", MakeConversation(three)), IsBeyondQuota());
  EXPECT_THAT(db_->CreateConversation(Creating(), "g",
                                      MakeConversation("topic: 'c' threads {} threads {}")),
              IsOk());
  EXPECT_THAT(TryThread(), IsBeyondQuota());
}

TEST_F(QuotaConformance, WhatIsDeletedDoesNotCountFromThenOn) {
  OpenWith({.max_threads = 2});
  const auto first = CreateThread("g");
  CreateThread("g", "topic: 't'", ConversationOf(first));
  ASSERT_THAT(db_->DeleteThread(Changing(), NameOf("g", first)), IsOk());
  EXPECT_THAT(TryThread(), IsOk());
  EXPECT_THAT(TryThread(), IsBeyondQuota());
  ASSERT_THAT(db_->DeleteConversation({}, ConversationNameOf("g", ConversationOf(first))), IsOk());
  EXPECT_THAT(TryThread(), IsOk());
  EXPECT_THAT(TryThread(), IsBeyondQuota());
  EmptyGroup();
  EXPECT_THAT(TryThread(), IsOk());
  EXPECT_THAT(TryThread(), IsOk());
  EXPECT_THAT(TryThread(), IsBeyondQuota());
  ASSERT_THAT(db_->DeleteConversation({}, ConversationNameOf("g", ConversationOf(first))),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  EXPECT_THAT(TryThread(), IsBeyondQuota()) << "it gives back once what it had";
}

TEST_F(QuotaConformance, OfManyWritesAtOnceAsManyAreDoneAsFit) {
  constexpr int kQuota = 5;
  constexpr int kWrites = 20;
  OpenWith({.max_threads = kQuota});
  std::vector<std::future<absl::Status>> outcomes;
  for (int i = 0; i < kWrites; ++i) {
    auto promise = std::make_shared<std::promise<absl::Status>>();
    outcomes.push_back(promise->get_future());
    store_->CreateThread(Creating(), "g", std::nullopt, MakeThread("g", "topic: 't'"),
                         [promise](const absl::StatusOr<v1::ConversationThread>& created) {
                           promise->set_value(DeepCopy(created.status()));
                         });
  }
  int done = 0;
  for (auto& outcome : outcomes) {
    const absl::Status status = outcome.get();
    if (status.ok()) {
      ++done;
    } else {
      EXPECT_THAT(status, IsBeyondQuota());
    }
  }
  EXPECT_EQ(done, kQuota);
  EXPECT_THAT(Walk({.group = "g", .limit = kMaxPageSize}), ::testing::SizeIs(kQuota));
}

TEST_F(QuotaConformance, TheErrorSaysWhichQuotaAndWhatHelps) {
  OpenWith({.max_threads = 1, .max_bytes = 5});
  const auto many_bytes = TryThread("topic: '123456'");
  EXPECT_THAT(many_bytes, StatusIs(absl::StatusCode::kResourceExhausted,
                                   ::testing::AllOf(HasSubstr("5 bytes"), HasSubstr("delete"))));
  CreateThread("g");
  const auto many_threads = TryThread();
  EXPECT_THAT(many_threads, StatusIs(absl::StatusCode::kResourceExhausted,
                                     ::testing::AllOf(HasSubstr("1 thread"), HasSubstr("delete"))));
}

// --- Bytes

struct GrowingWrite {
  const char* what;
  int64_t bytes;
  std::function<absl::Status(const PostName& post)> write;
};

TEST_F(QuotaConformance, EachByteThatCallersWriteCounts) {
  OpenWith({.max_bytes = kMaxBytes});
  const GrowingWrite kWrites[] = {
      {"a thread with all that it can have", 11 + 18,
       [this](const PostName&) {
         return TryThread(
             "topic: '\u00e9t' to_recipients { email_address { name: 'ab' address: 'c' } }"
             " to_recipients {} cc_recipients { email_address { name: 'ab' address: 'cde' } }"
             " preview: 'is replaced' unique_senders: 'so is this'"
             " posts { sender { email_address { name: 'nor this' } }"
             "  body { content_type: 'text' content: 'abc' } categories: 'a' categories: 'bc'"
             "  new_participants { email_address { address: 'xy' } }"  // Twice: they are addressed.
             "  attachments { display_name: 'a' content_type: 'b' file { content_bytes: 'cde' } }"
             "  extensions { extension_name: 'x' content_json: '{}' } }");
       }},
      {"a thread that says itself what its posts would say", 6,
       [this](const PostName&) {
         return TryThread("preview: 'a\u00e9' unique_senders: 'b' unique_senders: 'cd'");
       }},
      {"a first post in the place of what its thread said", 8,
       [this](const PostName&) {
         return TryPost(
             CreateThreadNamed("preview: 'abc' unique_senders: 'd' unique_senders: 'ef'"),
             "sender { email_address { name: 'does not count' } }"
             " body { content: 'abcdefgh' }");
       }},
      {"a thread that takes its conversation's topic", 1,
       [this](const PostName& post) {
         const auto thread = db_->GetThread({}, post.thread);
         return TryThread("", ConversationOf(*thread));
       }},
      {"a conversation", 7,
       [this](const PostName&) {
         return db_
             ->CreateConversation(
                 Creating(), "g",
                 MakeConversation("topic: 'abc' threads {} threads { topic: 'd'"
                                  " posts { sender {} body { content: 'efg' } } }"))
             .status();
       }},
      {"a reply", 5,
       [this](const PostName& post) {
         return TryPost(
             post.thread,
             "sender { email_address { address: 'does not count' } }"
             " body { content: 'abc' } new_participants { email_address { name: 'a' } }");
       }},
      {"a participant who is addressed already", 2,
       [this](const PostName& post) {
         return TryPost(post.thread,
                        "sender {} new_participants { email_address { name: 'a' } }"
                        " new_participants {}");
       }},
      {"another body", 3,
       [this](const PostName& post) {
         PostChanges changes;
         changes.body = Get(post).body();
         changes.body->mutable_content()->append("abc");
         return db_->UpdatePost(Changing(), post, changes).status();
       }},
      {"other categories", 3,
       [this](const PostName& post) {
         PostChanges changes;
         *changes.categories.emplace().Add() = "abc";
         return db_->UpdatePost(Changing(), post, changes).status();
       }},
      {"a file", 21,
       [this](const PostName& post) {
         return db_->CreateAttachment(Creating(), post, MakeAttachment(post, kFile)).status();
       }},
      {"an item", 12,
       [this](const PostName& post) {
         return db_->CreateAttachment(Creating(), post, MakeAttachment(post, kItem)).status();
       }},
      {"a reference", 44,
       [this](const PostName& post) {
         return db_->CreateAttachment(Creating(), post, MakeAttachment(post, kReference)).status();
       }},
      {"an extension", 4,
       [this](const PostName& post) {
         return db_->CreateExtension(Creating(), post, MakeExtension(post, "fg", "{}")).status();
       }},
      {"another content of an extension", 3,
       [this](const PostName& post) {
         return db_->UpdateExtension(Changing(), {post, "e"}, "{   }").status();
       }},
      {"a forward", 14,
       [this](const PostName& post) {
         return db_->ForwardPost(Creating(), post, MakeForward(post)).status();
       }},
  };
  for (const GrowingWrite& growing : kWrites) {
    SCOPED_TRACE(growing.what);
    ASSERT_NO_FATAL_FAILURE(EmptyGroup());
    EXPECT_THAT(growing.write(Fill(growing.bytes - 1)), IsBeyondQuota());
    ASSERT_NO_FATAL_FAILURE(EmptyGroup());
    EXPECT_THAT(growing.write(Fill(growing.bytes)), IsOk());
    EXPECT_THAT(TryThread("topic: 'x'"), IsBeyondQuota()) << "there is nothing left";
  }
}

TEST_F(QuotaConformance, DeletionsGiveBackWhatThingsHad) {
  OpenWith({.max_bytes = kMaxBytes});
  const PostName post = Fill(100);
  const std::string takes_all_left = "topic: '" + std::string(100, 'x') + "'";
  const auto is_full = [&] { return absl::IsResourceExhausted(TryThread("topic: 'x'")); };

  ASSERT_THAT(
      db_->CreateExtension(Creating(), post, MakeExtension(post, "f", std::string(99, 'x'))),
      IsOk());
  ASSERT_TRUE(is_full());
  ASSERT_THAT(db_->DeleteExtension(Changing(), {post, "f"}), IsOk());

  const PostName rich = NameOf(
      post.thread,
      CreatePost(post.thread, "sender {} body { content: '" + std::string(34, 'x') +
                                  "' } attachments { " + kFile + "} attachments { " + kItem +
                                  " } categories: 'abc' categories: 'de'"
                                  " extensions { extension_name: 'x' content_json: '{ }' }"));
  ASSERT_THAT(db_->ForwardPost(Creating(), rich, MakeForward(rich)), IsOk());
  ASSERT_THAT(db_->ForwardPost(Creating(), rich, MakeForward(rich)), IsBeyondQuota());
  ASSERT_THAT(TryThread("topic: '" + std::string(16, 'x') + "'"), IsBeyondQuota());
  ASSERT_THAT(db_->DeletePost(Changing(), rich), IsOk());

  const auto thread =
      db_->CreateThread(Creating(), "g", std::nullopt, MakeThread("g", takes_all_left));
  ASSERT_THAT(thread, IsOk());
  ASSERT_TRUE(is_full());
  ASSERT_THAT(db_->DeleteThread(Changing(), NameOf("g", *thread)), IsOk());

  const auto another =
      db_->CreateThread(Creating(), "g", std::nullopt, MakeThread("g", takes_all_left));
  ASSERT_THAT(another, IsOk());
  ASSERT_TRUE(is_full());
  ASSERT_THAT(db_->DeleteConversation({}, ConversationNameOf("g", ConversationOf(*another))),
              IsOk());
  EXPECT_THAT(TryThread(takes_all_left), IsOk());
  EXPECT_TRUE(is_full());
}

// --- What passes, and what else is refused

TEST_F(QuotaConformance, AGroupBeyondALoweredQuotaOnlyCannotGrow) {
  const auto request = WithRequest(Uuid::V7(clock_.Now()));
  const auto sent = MakeThread("g", "topic: 'sent twice'");
  ASSERT_THAT(db_->CreateThread(request, "g", std::nullopt, sent), IsOk());
  const PostName post = Fill(0);
  const auto other = CreateThread("g", "topic: 'other'");
  const ThreadName without_post = CreateThreadNamed("preview: 'abc' unique_senders: 'de'");
  OpenWith({.max_threads = 1, .max_bytes = 10});

  EXPECT_THAT(TryThread(), IsBeyondQuota());
  EXPECT_THAT(TryPost(post.thread, kAnnsPost), IsBeyondQuota());
  EXPECT_THAT(db_->ForwardPost(Creating(), post, MakeForward(post)), IsBeyondQuota());

  EXPECT_EQ(Get(post).body().content().size(), static_cast<size_t>(kMaxBytes - 4));
  EXPECT_THAT(db_->CreateThread(request, "g", std::nullopt, sent), IsOk()) << "nothing new";
  PostChanges changes;
  changes.body.emplace().set_content("shorter");
  changes.categories.emplace().Add()->assign("though with a category");
  EXPECT_THAT(db_->UpdatePost(Changing(), post, changes), IsOk());
  EXPECT_THAT(db_->UpdatePost(Changing(), post, changes), IsOk()) << "no longer than before";
  EXPECT_THAT(db_->UpdateExtension(Changing(), {post, "e"}, "{}"), IsOk());
  EXPECT_THAT(db_->UpdateExtension(Changing(), {post, "e"}, "{ }"), IsBeyondQuota());
  EXPECT_THAT(TryPost(post.thread, "sender { email_address { name: 'says nothing' } }"), IsOk());
  const std::string short_post = "sender {} body { content: 'fghij' }";
  EXPECT_THAT(TryPost(without_post, short_post), IsOk()) << "no longer than what it replaces";
  EXPECT_THAT(TryPost(without_post, short_post), IsBeyondQuota());
  ThreadChanges locked;
  locked.is_locked = true;
  EXPECT_THAT(db_->UpdateThread(Changing(), post.thread, locked), IsOk());
  AddMember("ann");
  GroupChanges group;
  group.description = "A description, which is the group's own";
  EXPECT_THAT(db_->UpdateGroup({}, "g", group), IsOk());
  EXPECT_THAT(db_->AddSender({}, Listed("g", SenderList::kRejected, "zoe")), IsOk());
  EXPECT_THAT(db_->DeleteExtension(Changing(), {post, "e"}), IsOk());
  EXPECT_THAT(db_->DeletePost(Changing(), post), IsOk());
  EXPECT_THAT(db_->DeleteThread(Changing(), NameOf("g", other)), IsOk());

  OpenWith({});
  EXPECT_THAT(TryThread(), IsOk()) << "without quotas all fits";
}

TEST_F(QuotaConformance, OtherRefusalsComeFirst) {
  const PostName post = Fill(0);
  ThreadChanges locked;
  locked.is_locked = true;
  ASSERT_THAT(db_->UpdateThread(Changing(), post.thread, locked), IsOk());
  AddMember("ann");
  OpenWith({.max_threads = 1, .max_bytes = 1});

  const Uuid unknown = Uuid::V7(clock_.Now());
  EXPECT_THAT(TryThread("topic: 't'", unknown), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(
      db_->CreateThread(Creating(Member("zoe")), "g", std::nullopt, MakeThread("g", "topic: 't'")),
      HasReason(v1::ERROR_REASON_NOT_A_MEMBER));
  EXPECT_THAT(TryPost(post.thread, kAnnsPost), HasReason(v1::ERROR_REASON_THREAD_LOCKED));
  PostChanges changes;
  changes.body.emplace().set_content(std::string(kMaxBytes, 'x'));
  EXPECT_THAT(db_->UpdatePost(Changing(Member("ann")), post, changes),
              HasReason(v1::ERROR_REASON_NOT_THE_AUTHOR));
  EXPECT_THAT(db_->UpdatePost(Changing(std::nullopt, MakeEtag(7)), post, changes),
              HasReason(v1::ERROR_REASON_ETAG_MISMATCH));
  EXPECT_THAT(db_->CreateExtension(Creating(), post, MakeExtension(post, "e")),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(
      db_->CreateAttachment(Creating(), {post.thread, unknown}, MakeAttachment(post, kFile)),
      StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(QuotaConformance, ImportsObeyQuotas) {
  const PostName post = Fill(0);
  CreateThread("g", "topic: 'second'");
  ASSERT_THAT(db_->CreateAttachment(Creating(), post, MakeAttachment(post, kItem)), IsOk());
  const std::vector<v1::Record> records = ExportAll(*db_, "g");
  const auto words = [&] {
    std::vector<std::string> words;
    for (const RecordOutcome& outcome : ImportAll(*db_, records)) {
      words.push_back(!outcome.refusal.ok() ? v1::ErrorReason_Name(ErrorReasonOf(outcome.refusal))
                      : outcome.is_stored   ? "stored"
                                            : "skipped");
    }
    return words;
  };
  // The group, its first conversation, thread, post, attachment, extension; then the second's.
  OpenWith({.max_threads = 1, .max_bytes = kMaxBytes});
  EXPECT_THAT(words(), ::testing::Each("skipped")) << "what is there passes";

  ASSERT_THAT(db_->DeleteGroup({}, "g", /*force=*/true), IsOk());
  EXPECT_THAT(words(),
              ElementsAre("stored", "stored", "stored", "stored", "ERROR_REASON_QUOTA_EXCEEDED",
                          "stored", "stored", "ERROR_REASON_QUOTA_EXCEEDED"));
  EXPECT_THAT(words(),
              ElementsAre("skipped", "skipped", "skipped", "skipped", "ERROR_REASON_QUOTA_EXCEEDED",
                          "skipped", "skipped", "ERROR_REASON_QUOTA_EXCEEDED"));
  OpenWith({});
  EXPECT_THAT(words(), IsSupersetOf({"stored", "stored"}));
  EXPECT_THAT(words(), ::testing::Each("skipped"));
}

}  // namespace
}  // namespace threadstore::testing
