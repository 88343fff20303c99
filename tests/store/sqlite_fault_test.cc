// What thread_store.h promises of writes, kept while the disk fails in every place it can.

#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/domain/resource.h"
#include "server/domain/resource_name.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/store/faulty_vfs.h"
#include "tests/store/search_index_check.h"
#include "tests/store/usage_check.h"
#include "tests/testing/blocking_store.h"
#include "tests/testing/error_matchers.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/proto_matchers.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/store_block.h"
#include "tests/testing/temp_dir.h"

namespace threadstore::testing {
namespace {

using sqlite::Database;
using ::testing::Each;
using ::testing::SizeIs;

// Any number will do; one that finds a fault is worth keeping as a test.
constexpr uint32_t kSeed = 20261123;

// What survives a power cut is drawn so often for each place.
constexpr uint32_t kSeedsPerPlace = 4;

// A store that is used, fails, and is opened again, with what its callers have been told.
class Trial {
 public:
  explicit Trial(uint32_t seed) : random_(seed) {
    options_.path = folder_.File("threads.db");
    // So that a few writes bring one.
    options_.checkpoint_frames = 16;
    // No writes but the test's.
    options_.index_delay = absl::InfiniteDuration();
    options_.on_failure = [this] { ++failures_; };
  }

  // Opens the store; it may fail to.
  absl::Status Open() {
    auto store = OpenSqliteStore(options_, clock_);
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    return absl::OkStatus();
  }

  void Close() { store_.reset(); }

  ThreadStore& store() { return *store_; }
  FaultyVfs& disk() { return disk_; }
  int failures() const { return failures_; }
  SqliteOptions& options() { return options_; }
  const FakeClock& clock() const { return clock_; }

  std::future<absl::Status> StartCreateGroup(const std::string& id = "g") {
    v1::CreateGroupRequest request;
    request.set_group_id(id);
    auto outcome = std::make_shared<std::promise<absl::Status>>();
    store_->CreateGroup({}, BuildGroup(request, clock_.Now()), /*members=*/{},
                        [outcome](absl::StatusOr<v1::Group> created) {
                          outcome->set_value(std::move(created).status());
                        });
    return outcome->get_future();
  }

  absl::Status CreateGroup() {
    absl::Status status = StartCreateGroup().get();
    has_group_ = has_group_ || status.ok();
    return status;
  }

  absl::Status DeleteGroup() { return BlockingStore(*store_).DeleteGroup({}, "g", /*force=*/true); }

  v1::ConversationThread MakeThread() {
    ThreadParent parent;
    parent.group.group = "g";
    return BuildThread(parent, ParseText<v1::ConversationThread>(R"pb(
                         topic: "topic"
                         to_recipients { email_address { name: "Ann" address: "ann@example.com" } }
                         cc_recipients { email_address { name: "Bob" } }
                         unique_senders: [ "Ann", "Bob" ]
                       )pb"),
                       clock_.Now());
  }

  // Begins to create a thread; AwaitCreates tells how it ends.
  void StartCreateThread() {
    last_request_ = RequestKey{Uuid::V7(clock_.Now()), std::string(32, 'h'), "user:ann"};
    last_thread_ = MakeThread();
    StartLastCreateThreadAgain();
  }

  void StartLastCreateThreadAgain() {
    v1::ConversationThread thread = last_thread_;
    auto outcome = std::make_shared<std::promise<absl::Status>>();
    pending_.push_back({thread, outcome->get_future()});
    CreateContext context;
    context.now = clock_.Now();
    context.request = last_request_;
    store_->CreateThread(std::move(context), "g", std::nullopt, std::move(thread),
                         [outcome](absl::StatusOr<v1::ConversationThread> created) {
                           outcome->set_value(std::move(created).status());
                         });
  }

  // Waits for the creates that were begun, and notes what their callers were told.
  std::vector<absl::Status> AwaitCreates() {
    std::vector<absl::Status> statuses;
    for (auto& [thread, outcome] : std::exchange(pending_, {})) {
      absl::Status status = outcome.get();
      if (status.ok()) {
        acknowledged_.push_back(thread);
      } else if (ErrorReasonOf(status) == v1::ERROR_REASON_WRITE_OUTCOME_UNKNOWN) {
        unknown_.push_back(thread);
      } else {
        refused_.push_back(thread);
      }
      statuses.push_back(std::move(status));
    }
    return statuses;
  }

  absl::Status CreateThread() {
    StartCreateThread();
    return AwaitCreates().front();
  }

  // The last create once more, with the same request_id.
  absl::Status CreateThreadAgain() {
    StartLastCreateThreadAgain();
    return AwaitCreates().front();
  }

  // Ends the store as kill -9 does: nothing more is written, and what was is still there.
  void Kill() {
    disk_.CutPower(0);
    Close();
    disk_.Revive();
  }

  void RestorePower() { disk_.RestorePower(random_); }

  // Waits until nothing is left of deleted groups, and no other group is there.
  void AwaitPurge() {
    const auto reader = Database::Open(options_.path, Database::Mode::kReadOnly);
    ASSERT_THAT(reader, IsOk());
    while (*(*reader)->QueryInteger("SELECT count(*) FROM groups") > 0) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    for (const char* table :
         {"threads", "conversations", "recipients", "unique_senders", "posts", "attachments",
          "attachment_contents", "post_extensions", "post_categories", "post_participants",
          "forwards", "forward_recipients", "group_senders", "search_documents"}) {
      EXPECT_THAT((*reader)->QueryInteger(absl::StrCat("SELECT count(*) FROM ", table)),
                  IsOkAndHolds(0))
          << table;
    }
    EXPECT_THAT((*reader)->QueryText("PRAGMA integrity_check"), IsOkAndHolds("ok"));
  }

  // After the store was closed and the faults are over: it opens, is sound, and holds what was
  // acknowledged, whole, and nothing that was refused.
  void CheckPromises() {
    ASSERT_THAT(Open(), IsOk());
    const auto threads = ReadThreads();
    for (const v1::ConversationThread& thread : acknowledged_) {
      const auto found = Find(threads, thread.id());
      ASSERT_TRUE(found.has_value()) << "an acknowledged thread is lost";
      EXPECT_THAT(*found, EqualsProto(thread));
    }
    for (const v1::ConversationThread& thread : unknown_) {
      const auto found = Find(threads, thread.id());
      EXPECT_THAT(found.value_or(thread), EqualsProto(thread));
    }
    for (const v1::ConversationThread& thread : refused_) {
      EXPECT_FALSE(Find(threads, thread.id()).has_value()) << "a refused thread is there";
    }
    if (has_group_) {
      EXPECT_THAT(CreateThread(), IsOk());
    }
    Close();
    CheckFile();
  }

 private:
  struct Pending {
    v1::ConversationThread thread;
    std::future<absl::Status> outcome;
  };

  std::vector<v1::ConversationThread> ReadThreads() {
    ThreadQuery query;
    query.group = "g";
    query.limit = 1000;
    const auto page = BlockingStore(*store_).ListThreads({}, query);
    if (!page.ok()) return {};  // The group was not acknowledged, or the check below fails.
    return {page->threads.begin(), page->threads.end()};
  }

  static std::optional<v1::ConversationThread> Find(
      const std::vector<v1::ConversationThread>& threads, const std::string& id) {
    for (const auto& thread : threads) {
      if (thread.id() == id) return thread;
    }
    return std::nullopt;
  }

  void CheckFile() {
    const auto db = Database::Open(options_.path, Database::Mode::kReadOnly);
    ASSERT_THAT(db, IsOk());
    EXPECT_THAT((*db)->QueryText("PRAGMA integrity_check"), IsOkAndHolds("ok"));
    EXPECT_THAT((*db)->QueryInteger("SELECT count(*) FROM pragma_foreign_key_check"),
                IsOkAndHolds(0));
    CheckSearchIndex(options_.path);
    CheckUsage(options_.path);
    EXPECT_THAT((*db)->QueryInteger("SELECT count(*) FROM threads WHERE"
                                    " (SELECT count(*) FROM recipients"
                                    "  WHERE thread_key = threads.key) <> 2 OR"
                                    " (SELECT count(*) FROM unique_senders"
                                    "  WHERE thread_key = threads.key) <> 2 OR"
                                    " (SELECT count(*) FROM idempotency_keys"
                                    "  WHERE resource_id = threads.id) <> 1 OR"
                                    " (SELECT count(*) FROM changes"
                                    "  WHERE thread_id = threads.id) <> 1"),
                IsOkAndHolds(0));
    EXPECT_THAT((*db)->QueryInteger("SELECT count(*) FROM changes JOIN groups"
                                    " ON groups.key = changes.group_key AND groups.deleted = 0"
                                    " WHERE thread_id NOT IN (SELECT id FROM threads)"),
                IsOkAndHolds(0));
  }

  const TempDir folder_;
  FakeClock clock_;
  FaultyVfs disk_;
  SqliteOptions options_;
  std::atomic<int> failures_ = 0;
  std::unique_ptr<ThreadStore> store_;
  std::mt19937 random_;
  bool has_group_ = false;
  std::optional<RequestKey> last_request_;
  v1::ConversationThread last_thread_;
  std::vector<Pending> pending_;
  std::vector<v1::ConversationThread> acknowledged_;
  std::vector<v1::ConversationThread> unknown_;
  std::vector<v1::ConversationThread> refused_;
};

// How many places were tried, for whoever runs the tests.
void Report(const char* what, int64_t places) {
  ::testing::Test::RecordProperty(what, static_cast<int>(places));
  std::cout << what << ": " << places << std::endl;
}

class EachCallFails : public ::testing::TestWithParam<FaultyVfs::Fault> {
 protected:
  // Uses a store again and again, each time with the fault one call later, until it ends before the
  // fault; looks after each whether what was promised holds.
  void ForEachCall(const std::function<void(Trial& trial, int64_t place)>& use) {
    int64_t place = 0;
    for (bool has_failed = true; has_failed; ++place) {
      SCOPED_TRACE(absl::StrCat("the call after ", place, " others fails"));
      Trial trial(kSeed + static_cast<uint32_t>(place));
      use(trial, place);
      trial.Close();
      has_failed = trial.disk().has_failed();
      trial.disk().StopFailing();
      trial.RestorePower();
      if (!HasFatalFailure()) trial.CheckPromises();
      if (HasFatalFailure()) return;
    }
    Report("calls failed", place - 1);
  }

  static void MakeStore(Trial& trial) {
    ASSERT_THAT(trial.Open(), IsOk());
    ASSERT_THAT(trial.CreateGroup(), IsOk());
    ASSERT_THAT(trial.CreateThread(), IsOk());
  }
};

// Everything that a running store does on the disk: two creates, of which the first begins a new
// log, and the checkpoint at the end.
TEST_P(EachCallFails, WhileAStoreIsUsed) {
  ForEachCall([](Trial& trial, int64_t place) {
    ASSERT_NO_FATAL_FAILURE(MakeStore(trial));
    trial.disk().FailOnce(place, GetParam());
    const absl::Status first = trial.CreateThread();
    const absl::Status second = trial.CreateThread();
    EXPECT_LE(trial.failures(), 1);
    if (trial.failures() > 0) {
      EXPECT_THAT(trial.CreateThread(), HasReason(v1::ERROR_REASON_STORE_FAILED));
    } else if (!first.ok() && !second.ok()) {
      // One that fails refuses writes before it says so.
      trial.Close();
      EXPECT_EQ(trial.failures(), 1) << "a store that did not fail stopped writing";
    }
  });
}

// As above, but the power goes before anything more reaches the disk.
TEST_P(EachCallFails, AndThenThePowerToo) {
  ForEachCall([](Trial& trial, int64_t place) {
    ASSERT_NO_FATAL_FAILURE(MakeStore(trial));
    trial.disk().FailOnce(place, GetParam());
    trial.CreateThread().IgnoreError();
    trial.CreateThread().IgnoreError();
    trial.disk().StopFailing();
    trial.disk().CutPower(0);
  });
}

// A new store: its creation, its schema, its first group.
TEST_P(EachCallFails, WhileAStoreIsMade) {
  ForEachCall([](Trial& trial, int64_t place) {
    trial.disk().FailOnce(place, GetParam());
    if (!trial.Open().ok() || !trial.CreateGroup().ok()) return;
    trial.CreateThread().IgnoreError();
  });
}

INSTANTIATE_TEST_SUITE_P(Disk, EachCallFails,
                         ::testing::Values(FaultyVfs::Fault::kAnyCall, FaultyVfs::Fault::kDiskFull),
                         [](const auto& info) {
                           return info.param == FaultyVfs::Fault::kAnyCall ? "IoError" : "DiskFull";
                         });

// The power goes at every place in the life of a store, from its making to its end.
TEST(PowerCut, AtEachCallLosesNothingThatWasAcknowledged) {
  int64_t place = 0;
  for (bool has_ended = false; !has_ended; ++place) {
    SCOPED_TRACE(absl::StrCat("the power goes after ", place, " calls"));
    for (uint32_t seed = 0; seed < kSeedsPerPlace; ++seed) {
      Trial trial(kSeed + seed);
      trial.disk().CutPower(place);
      if (trial.Open().ok()) {
        if (trial.CreateGroup().ok()) {
          trial.CreateThread().IgnoreError();
          trial.CreateThread().IgnoreError();
        }
        trial.Close();
      }
      has_ended = trial.disk().calls() <= place;
      trial.RestorePower();
      trial.CheckPromises();
      if (HasFatalFailure()) return;
    }
  }
  Report("power cuts", place * kSeedsPerPlace);
}

TEST(PowerCut, UnderLoadLosesNothingThatWasAcknowledged) {
  std::mt19937 random(kSeed);
  constexpr int kRounds = 100;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    Trial trial(kSeed + static_cast<uint32_t>(round));
    ASSERT_THAT(trial.Open(), IsOk());
    ASSERT_THAT(trial.CreateGroup(), IsOk());
    constexpr int kMaxCalls = 1000;
    trial.disk().CutPower(std::uniform_int_distribution(1, kMaxCalls)(random));
    while (trial.failures() == 0) {
      trial.StartCreateThread();
      if (std::uniform_int_distribution(0, 9)(random) == 0) trial.AwaitCreates();
    }
    trial.AwaitCreates();
    trial.Close();
    trial.RestorePower();
    trial.CheckPromises();
    if (::testing::Test::HasFatalFailure()) return;
  }
}

// Deletes a group of some threads while `fault` strikes at one place after another, and looks
// whether it is gone or there, and purged when it is gone.
void CheckDeletions(const std::function<void(FaultyVfs& disk, int place)>& fault,
                    bool loses_power) {
  constexpr int kPlaces = 120;
  for (int place = 0; place < kPlaces; ++place) {
    SCOPED_TRACE(absl::StrCat("place ", place));
    Trial trial(kSeed + static_cast<uint32_t>(place));
    ASSERT_THAT(trial.Open(), IsOk());
    ASSERT_THAT(trial.CreateGroup(), IsOk());
    for (int i = 0; i < 12; ++i) trial.StartCreateThread();
    trial.AwaitCreates();
    fault(trial.disk(), place);
    const absl::Status deleted = trial.DeleteGroup();
    // A little of the purging, or all of it.
    absl::SleepFor(absl::Milliseconds(place % 8));
    trial.Close();
    trial.disk().StopFailing();
    if (loses_power) trial.RestorePower();

    ASSERT_THAT(trial.Open(), IsOk());
    const absl::Status found = BlockingStore(trial.store()).GetGroup({}, "g").status();
    if (ErrorReasonOf(deleted) != v1::ERROR_REASON_WRITE_OUTCOME_UNKNOWN) {
      EXPECT_EQ(found.ok(), !deleted.ok()) << deleted;
    }
    if (found.ok()) {
      EXPECT_THAT(trial.DeleteGroup(), IsOk());
    }
    trial.AwaitPurge();
    trial.Close();
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(Deletion, IsAllOrNothingWhenThePowerGoes) {
  CheckDeletions([](FaultyVfs& disk, int place) { disk.CutPower(place); }, /*loses_power=*/true);
}

TEST(Deletion, IsAllOrNothingWhenAnyCallFails) {
  CheckDeletions(
      [](FaultyVfs& disk, int place) { disk.FailOnce(place, FaultyVfs::Fault::kAnyCall); },
      /*loses_power=*/false);
}

// A post of an application's, with something in every table.
NewPost PostWithEverything(const FakeClock& clock) {
  NewPost post;
  post.post = BuildPost(ParseText<v1::Post>(R"pb(
                          sender { email_address { address: "ann@example.com" } }
                          categories: "red"
                          new_participants { email_address { address: "bob@example.com" } }
                          body { content: "text" }
                          attachments { file { content_bytes: "content" } }
                          extensions { extension_name: "e" content_json: "{}" }
                        )pb"),
                        clock.Now());
  post.preview = "text";
  return post;
}

ThreadName NameOf(const v1::ConversationThread& thread) { return *ParseThreadName(thread.name()); }

absl::Status AllowExternalSenders(BlockingStore& db) {
  GroupChanges changes;
  changes.allow_external_senders = true;
  return db.UpdateGroup({}, "g", changes).status();
}

ChangeContext ChangeAt(absl::Time now) {
  ChangeContext change;
  change.now = now;
  return change;
}

TEST(Deletion, LeavesNoRowOfWhatWasDeletedInside) {
  Trial trial(kSeed);
  ASSERT_THAT(trial.Open(), IsOk());
  ASSERT_THAT(trial.CreateGroup(), IsOk());
  BlockingStore db(trial.store());
  ASSERT_THAT(AllowExternalSenders(db), IsOk());
  ASSERT_THAT(db.AddSender({}, *ParseSenderName("groups/g/rejectedSenders/eve")), IsOk());
  std::vector<v1::ConversationThread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.push_back(trial.MakeThread());
    ASSERT_THAT(db.CreateThread({}, "g", std::nullopt, threads.back()), IsOk());
    for (int j = 0; j < 40; ++j) {
      const auto post =
          db.CreatePost({}, NameOf(threads.back()), PostWithEverything(trial.clock()));
      ASSERT_THAT(post, IsOk());
      v1::ForwardPostRequest request;
      request.add_to_recipients()->mutable_email_address()->set_address("eve@example.com");
      ASSERT_THAT(db.ForwardPost({}, *ParsePostName(post->name()),
                                 BuildForward(post->name(), request, trial.clock().Now())),
                  IsOk());
    }
  }
  // A thread, a conversation, and the group with what is still in it.
  ASSERT_THAT(db.DeleteThread(ChangeAt(trial.clock().Now()), NameOf(threads[0])), IsOk());
  const std::string conversation =
      MakeConversationName("g", *Uuid::Parse(threads[1].conversation_id()));
  ASSERT_THAT(db.DeleteConversation({}, *ParseConversationName(conversation)), IsOk());
  ASSERT_THAT(trial.DeleteGroup(), IsOk());
  trial.AwaitPurge();
}

TEST(DiskFull, LeavesAReserveToDeletionsOfPosts) {
  Trial trial(kSeed);
  std::atomic<int64_t> free_space = trial.options().disk_reserve;
  trial.options().stat_file_system = [&free_space](const std::string&) {
    return FileSystemInfo{.free_bytes = free_space};
  };
  ASSERT_THAT(trial.Open(), IsOk());
  ASSERT_THAT(trial.CreateGroup(), IsOk());
  BlockingStore db(trial.store());
  ASSERT_THAT(AllowExternalSenders(db), IsOk());
  const v1::ConversationThread thread = trial.MakeThread();
  ASSERT_THAT(db.CreateThread({}, "g", std::nullopt, thread), IsOk());
  const NewPost post = PostWithEverything(trial.clock());
  const auto stored = db.CreatePost({}, NameOf(thread), post);
  ASSERT_THAT(stored, IsOk());
  const PostName name = *ParsePostName(stored->name());
  const ChangeContext change = ChangeAt(trial.clock().Now());

  free_space -= 1;
  const auto full = HasReason(v1::ERROR_REASON_STORE_FULL);
  EXPECT_THAT(db.CreatePost({}, NameOf(thread), post), full);
  PostChanges edit;
  edit.body = v1::ItemBody();
  EXPECT_THAT(db.UpdatePost(change, name, edit), full);
  EXPECT_THAT(db.CreateAttachment({}, name, post.post.attachments(0)), full);
  EXPECT_THAT(db.CreateExtension({}, name, ParseText<v1::Extension>("extension_name: 'f'")), full);
  EXPECT_THAT(db.UpdateExtension(change, {name, "e"}, "{}"), full);
  ThreadChanges lock;
  lock.is_locked = true;
  EXPECT_THAT(db.UpdateThread(change, NameOf(thread), lock), full);
  EXPECT_THAT(AllowExternalSenders(db), full);
  EXPECT_THAT(db.GetPost({}, name), IsOk());
  EXPECT_THAT(db.DeleteExtension(change, {name, "e"}), IsOk());
  EXPECT_THAT(db.DeletePost(change, name), IsOk());
  EXPECT_THAT(db.DeleteThread(change, NameOf(thread)), IsOk());
}

TEST(DiskFull, InTheMiddleOfAGroupRefusesAllOfItUntilSpaceComesBack) {
  Trial trial(kSeed);
  ASSERT_THAT(trial.Open(), IsOk());
  ASSERT_THAT(trial.CreateGroup(), IsOk());
  ASSERT_THAT(trial.CreateThread(), IsOk());
  constexpr int kWrites = 500;  // More than fit into the space that the log has.
  {
    WriterBlock block(trial.store());
    for (int i = 0; i < kWrites; ++i) trial.StartCreateThread();
    trial.disk().SetDiskFull(true);
    block.Release();
  }
  EXPECT_THAT(trial.AwaitCreates(), Each(HasReason(v1::ERROR_REASON_STORE_FULL)));
  ThreadQuery query;
  query.group = "g";
  query.limit = 1000;
  EXPECT_THAT(BlockingStore(trial.store()).ListThreads({}, query)->threads, SizeIs(1));

  trial.disk().SetDiskFull(false);
  EXPECT_THAT(trial.CreateThread(), IsOk());
  EXPECT_EQ(trial.failures(), 0);
  trial.Close();
  trial.CheckPromises();
}

TEST(DiskFull, LeavesAReserveToDeletionsAndReads) {
  Trial trial(kSeed);
  std::atomic<int64_t> free_space = trial.options().disk_reserve;
  trial.options().stat_file_system = [&free_space](const std::string&) {
    return FileSystemInfo{.free_bytes = free_space};
  };
  ASSERT_THAT(trial.Open(), IsOk());
  ASSERT_THAT(trial.CreateGroup(), IsOk());
  ASSERT_THAT(trial.CreateThread(), IsOk());
  BlockingStore db(trial.store());

  free_space -= 1;
  EXPECT_THAT(trial.CreateThread(), HasReason(v1::ERROR_REASON_STORE_FULL));
  EXPECT_THAT(db.GetGroup({}, "g"), IsOk());
  free_space += 1;
  EXPECT_THAT(trial.CreateThread(), IsOk());
  free_space -= 1;
  EXPECT_THAT(trial.CreateThreadAgain(), IsOk()) << "a repeated request takes no space";
  EXPECT_THAT(trial.CreateGroup(), HasReason(v1::ERROR_REASON_RESOURCE_EXISTS));
  EXPECT_THAT(trial.StartCreateGroup("h").get(), HasReason(v1::ERROR_REASON_STORE_FULL));
  EXPECT_THAT(trial.DeleteGroup(), IsOk());
  EXPECT_THAT(db.GetGroup({}, "g"), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
}

TEST(DiskFull, CountsWhatWasDeletedAsSpace) {
  Trial trial(kSeed);
  std::atomic<int64_t> free_space = trial.options().disk_reserve;
  trial.options().stat_file_system = [&free_space](const std::string&) {
    return FileSystemInfo{.free_bytes = free_space};
  };
  ASSERT_THAT(trial.Open(), IsOk());
  ASSERT_THAT(trial.CreateGroup(), IsOk());
  for (int i = 0; i < 200; ++i) trial.StartCreateThread();
  trial.AwaitCreates();
  constexpr int64_t kLessThanTheyTake = 40'000;
  free_space -= kLessThanTheyTake;
  EXPECT_THAT(trial.CreateThread(), HasReason(v1::ERROR_REASON_STORE_FULL));
  ASSERT_THAT(trial.DeleteGroup(), IsOk());
  // Until enough of it has been purged, which no event tells.
  while (!trial.StartCreateGroup("h").get().ok()) absl::SleepFor(absl::Milliseconds(1));
}

TEST(DiskFull, DoesNotKeepDeletionsFromWhatTheLogHasAlready) {
  Trial trial(kSeed);
  ASSERT_THAT(trial.Open(), IsOk());
  ASSERT_THAT(trial.CreateGroup(), IsOk());
  for (int i = 0; i < 20; ++i) ASSERT_THAT(trial.CreateThread(), IsOk());
  std::promise<absl::Status> deleted;
  {
    WriterBlock block(trial.store());
    for (int i = 0; i < 500; ++i) trial.StartCreateThread();
    trial.store().DeleteGroup({}, "g", /*force=*/true, [&deleted](absl::Status status) {
      deleted.set_value(std::move(status));
    });
    trial.disk().SetDiskFull(true);
    block.Release();
  }
  EXPECT_THAT(trial.AwaitCreates(), Each(HasReason(v1::ERROR_REASON_STORE_FULL)));
  EXPECT_THAT(deleted.get_future().get(), IsOk());
}

TEST(DiskFull, AtTheStartIsSaidToBeThat) {
  Trial trial(kSeed);
  ASSERT_THAT(trial.Open(), IsOk());
  trial.Close();
  trial.disk().SetDiskFull(true);
  EXPECT_THAT(trial.Open(), HasReason(v1::ERROR_REASON_STORE_FULL));
  trial.disk().SetDiskFull(false);
  EXPECT_THAT(trial.Open(), IsOk());
}

TEST(FailedSync, IsUnknownToItsCallersAndEndsWriting) {
  Trial trial(kSeed);
  trial.options().checkpoint_frames = 4096;  // Whose syncs are not meant.
  ASSERT_THAT(trial.Open(), IsOk());
  ASSERT_THAT(trial.CreateGroup(), IsOk());
  trial.disk().FailOnce(0, FaultyVfs::Fault::kSync);
  EXPECT_THAT(trial.CreateThread(), HasReason(v1::ERROR_REASON_WRITE_OUTCOME_UNKNOWN));
  EXPECT_EQ(trial.failures(), 1);
  EXPECT_THAT(trial.CreateThread(), HasReason(v1::ERROR_REASON_STORE_FAILED));
  EXPECT_THAT(BlockingStore(trial.store()).GetGroup({}, "g"), IsOk()) << "reads go on";
  trial.Close();
  trial.CheckPromises();
}

// The frames of the commit can be read after a restart, but are not on disk.
TEST(FailedSync, IsNotBuiltOnAfterARestart) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Trial trial(seed);
    trial.options().checkpoint_frames = 4096;  // Whose syncs are not meant.
    ASSERT_THAT(trial.Open(), IsOk());
    ASSERT_THAT(trial.CreateGroup(), IsOk());
    ASSERT_THAT(trial.CreateThread(), IsOk());
    trial.disk().FailOnce(0, FaultyVfs::Fault::kSync);
    ASSERT_THAT(trial.CreateThread(), HasReason(v1::ERROR_REASON_WRITE_OUTCOME_UNKNOWN));
    trial.Kill();
    ASSERT_THAT(trial.Open(), IsOk());
    EXPECT_THAT(trial.CreateThreadAgain(), IsOk());
    if (seed % 2 == 0) {
      EXPECT_THAT(trial.CreateThread(), IsOk());
    }
    trial.disk().CutPower(0);
    trial.Close();
    trial.RestorePower();
    trial.CheckPromises();
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(FailedSync, MakesRefusalsUnknownThatWereDecidedOnWhatItMayHaveLost) {
  Trial trial(kSeed);
  trial.options().checkpoint_frames = 4096;  // Whose syncs are not meant.
  ASSERT_THAT(trial.Open(), IsOk());
  std::vector<std::future<absl::Status>> outcomes;
  {
    WriterBlock block(trial.store());
    for (int i = 0; i < 2; ++i) outcomes.push_back(trial.StartCreateGroup());
    trial.disk().FailOnce(0, FaultyVfs::Fault::kSync);
    block.Release();
  }
  for (auto& outcome : outcomes) {
    EXPECT_THAT(outcome.get(), HasReason(v1::ERROR_REASON_WRITE_OUTCOME_UNKNOWN));
  }
}

}  // namespace
}  // namespace threadstore::testing
