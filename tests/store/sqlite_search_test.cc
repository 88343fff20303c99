// What is the SQLite engine's own about searches: how the index of words is made and kept.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/domain/resource.h"
#include "server/domain/words.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/search_queries.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/store/faulty_vfs.h"
#include "tests/store/search_index_check.h"
#include "tests/testing/blocking_store.h"
#include "tests/testing/error_matchers.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/proto_matchers.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace threadstore::testing {
namespace {

using sqlite::Database;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr uint32_t kSeed = 20261124;

class SqliteSearchTest : public ::testing::Test {
 protected:
  // Fails the test if it cannot be opened.
  void Open() {
    store_.reset();
    auto store = OpenSqliteStore(options_, clock_);
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }

  void Close() { store_.reset(); }

  // Runs SQL on the closed file.
  void Execute(const std::string& sql) {
    const auto db = Database::Open(options_.path, Database::Mode::kReadWrite);
    ASSERT_THAT(db, IsOk());
    ASSERT_THAT((*db)->Execute(sql), IsOk());
  }

  int64_t QueryInteger(const std::string& sql) {
    const auto db = Database::Open(options_.path, Database::Mode::kReadOnly);
    EXPECT_THAT(db, IsOk());
    const auto value = (*db)->QueryInteger(sql);
    EXPECT_THAT(value, IsOk());
    return value.value_or(-1);
  }

  void CreateGroup(const std::string& id = "g") {
    v1::CreateGroupRequest request;
    request.set_group_id(id);
    request.mutable_group()->set_allow_external_senders(true);
    ASSERT_THAT(BlockingStore(*store_).CreateGroup({}, BuildGroup(request, clock_.Now())), IsOk());
  }

  v1::ConversationThread MakeThread(const std::string& topic, const std::string& content = "") {
    clock_.Advance(absl::Milliseconds(1));
    ThreadParent parent;
    parent.group.group = "g";
    v1::ConversationThread thread;
    thread.set_topic(topic);
    if (!content.empty()) {
      v1::Post& post = *thread.add_posts();
      post.mutable_body()->set_content(content);
      post.mutable_sender()->mutable_email_address()->set_address("ann@example.com");
    }
    return BuildThread(parent, thread, clock_.Now());
  }

  absl::Status CreateThread(const std::string& topic, const std::string& content = "") {
    return BlockingStore(*store_)
        .CreateThread({}, "g", std::nullopt, MakeThread(topic, content))
        .status();
  }

  static SearchQuery MakeQuery(const std::string& text) {
    SearchQuery query;
    query.group = "g";
    query.terms = *ParseSearch(text);
    query.limit = 1000;
    return query;
  }

  absl::StatusOr<SearchPage> Search(const std::string& text) {
    return BlockingStore(*store_).SearchThreads({}, MakeQuery(text));
  }

  size_t CountFound(const std::string& text) {
    const auto page = Search(text);
    EXPECT_THAT(page, IsOk());
    return page.ok() ? static_cast<size_t>(page->results.size()) : 0;
  }

  // A search that does not wait here.
  std::future<absl::StatusOr<SearchPage>> StartSearch(const std::string& text,
                                                      CallContext context = {}) {
    auto answer = std::make_shared<std::promise<absl::StatusOr<SearchPage>>>();
    store_->SearchThreads(
        std::move(context), MakeQuery(text),
        [answer](absl::StatusOr<SearchPage> page) { answer->set_value(std::move(page)); });
    return answer->get_future();
  }

  const TempDir folder_;
  FakeClock clock_;
  SqliteOptions options_ = {.path = folder_.File("threads.db"),
                            .search_wait = absl::InfiniteDuration()};
  std::unique_ptr<ThreadStore> store_;
};

TEST_F(SqliteSearchTest, SearchReadsTheIndexInItsOrder) {
  Open();
  Close();
  const auto db = Database::Open(options_.path, Database::Mode::kReadOnly);
  ASSERT_THAT(db, IsOk());
  auto plan =
      (*db)->Prepare(absl::StrCat("EXPLAIN QUERY PLAN ", sqlite::SearchQueries::NewestFirstSql()));
  ASSERT_THAT(plan, IsOk());
  sqlite::Query rows(*plan);
  rows.BindText("x").Bind(0).Bind(0);
  std::string text;
  while (*rows.Step()) absl::StrAppend(&text, rows.Text(3), "\n");
  EXPECT_THAT(text, Not(HasSubstr("TEMP B-TREE"))) << text;
  EXPECT_THAT(text, ::testing::StartsWith("SCAN search_index VIRTUAL TABLE INDEX")) << text;
}

TEST_F(SqliteSearchTest, StoreFromBeforeThereWasAnIndexIsSearched) {
  constexpr int kThreads = 600;  // More than are indexed at once.
  const std::vector<Migration>& all = SqliteMigrations();
  Open();
  CreateGroup();
  ASSERT_THAT(CreateThread("deleted", "apple"), IsOk());
  for (int i = 0; i < kThreads; ++i) {
    ASSERT_THAT(CreateThread("topic", i % 2 == 0 ? "apple" : ""), IsOk());
  }
  Close();
  // As if neither the fourth migration had ever been made, nor those after it.
  ASSERT_EQ(all.size(), 6U);
  ASSERT_EQ(all[3].name, "0004_search");
  Execute(
      "DROP TABLE group_usage; ALTER TABLE threads DROP COLUMN bytes;"
      "ALTER TABLE conversations DROP COLUMN bytes; ALTER TABLE conversations DROP COLUMN threads;"
      "DROP INDEX members_by_role; ALTER TABLE groups DROP COLUMN description;"
      "ALTER TABLE groups DROP COLUMN mail_nickname;"
      "DROP TABLE search_index; DROP VIEW search_texts; DROP TABLE search_documents;"
      "DROP TABLE search_state; DELETE FROM changes;"
      "UPDATE threads SET deleted = 1 WHERE topic = 'deleted';"
      "UPDATE store_metadata SET version = 3, min_compatible_version = 3");
  Open();
  EXPECT_EQ(CountFound("topic"), kThreads);
  EXPECT_EQ(CountFound("apple"), kThreads / 2);
  ASSERT_THAT(CreateThread("topic", "apple"), IsOk());
  EXPECT_EQ(CountFound("apple"), kThreads / 2 + 1);
  Close();
  CheckSearchIndex(options_.path);
}

TEST_F(SqliteSearchTest, IndexOfOtherWordsIsMadeAnew) {
  Open();
  CreateGroup();
  for (int i = 0; i < 300; ++i) ASSERT_THAT(CreateThread("topic", "apple"), IsOk());
  ASSERT_THAT(CreateThread("topic without posts"), IsOk());
  EXPECT_EQ(CountFound("apple"), 300);
  Close();
  const int64_t keys = QueryInteger("SELECT sum(key % 1000003) FROM search_documents");
  // As another version would have found them.
  Execute(
      "DELETE FROM search_index; UPDATE search_documents SET body = ' other', topic = ' kind';"
      "INSERT INTO search_index (search_index) VALUES ('rebuild');"
      "UPDATE search_state SET words_version = 1000000");
  Open();
  EXPECT_EQ(CountFound("apple"), 300);
  EXPECT_EQ(CountFound("topic"), 301);
  EXPECT_EQ(CountFound("other"), 0);
  Close();
  CheckSearchIndex(options_.path);
  EXPECT_EQ(QueryInteger("SELECT words_version FROM search_state"), kWordsVersion);
  EXPECT_EQ(QueryInteger("SELECT sum(key % 1000003) FROM search_documents"), keys)
      << "tokens stay good";
}

TEST_F(SqliteSearchTest, IndexingGoesOnWhereItWasWhenTheStoreWasClosed) {
  Open();
  CreateGroup();
  EXPECT_EQ(CountFound("apple"), 0);
  // As a rule nothing of this is in the index yet.
  std::promise<void> last;
  for (int i = 0; i < 2000; ++i) {
    const bool is_last = i + 1 == 2000;
    store_->CreateThread({}, "g", std::nullopt, MakeThread("apple"),
                         [&last, is_last](const absl::StatusOr<v1::ConversationThread>& created) {
                           EXPECT_THAT(created, IsOk());
                           if (is_last) last.set_value();
                         });
  }
  last.get_future().wait();
  Close();
  CheckSearchIndex(options_.path);
  Open();
  const auto page = Search("apple");
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(page->results, SizeIs(1000));
  Close();
  EXPECT_EQ(QueryInteger("SELECT count(*) FROM search_documents"), 2000);
  CheckSearchIndex(options_.path);
}

// A store whose index has nothing, and whose disk has no room to change that.
class SearchOfAnIndexBehindTest : public SqliteSearchTest {
 protected:
  void SetUp() override {
    Open();
    CreateGroup();
    ASSERT_THAT(CreateThread("apple"), IsOk());
    Close();
    Execute("UPDATE search_state SET words_version = 0");
    options_.stat_file_system = [this](const std::string&) -> absl::StatusOr<FileSystemInfo> {
      return FileSystemInfo{.type = 0, .free_bytes = free_bytes_};
    };
  }

  std::atomic<int64_t> free_bytes_ = 0;
};

TEST_F(SearchOfAnIndexBehindTest, SaysSo) {
  options_.search_wait = absl::ZeroDuration();
  Open();
  const auto page = Search("apple");
  EXPECT_THAT(page, AllOf(StatusIs(absl::StatusCode::kUnavailable),
                          HasReason(v1::ERROR_REASON_SEARCH_INDEX_BEHIND)));
  EXPECT_TRUE(ErrorDetailOf<google::rpc::RetryInfo>(page.status()).has_value());
}

TEST_F(SearchOfAnIndexBehindTest, WaitsUntilItIsNot) {
  options_.search_wait = absl::InfiniteDuration();
  Open();
  auto answer = StartSearch("apple");
  EXPECT_EQ(answer.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  free_bytes_ = std::numeric_limits<int64_t>::max();
  const auto page = answer.get();
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(page->results, SizeIs(1));
}

TEST_F(SearchOfAnIndexBehindTest, WaitsNoLongerThanItsCaller) {
  options_.search_wait = absl::InfiniteDuration();
  Open();
  CallContext context;
  context.deadline = clock_.Now() + absl::Milliseconds(1);
  EXPECT_FALSE(StartSearch("apple", std::move(context)).get().ok());
}

TEST_F(SearchOfAnIndexBehindTest, IsRefusedWhenTooManyWait) {
  options_.search_wait = absl::InfiniteDuration();
  options_.reader_threads = 1;
  options_.read_queue = 1;
  Open();
  auto first = StartSearch("apple");
  EXPECT_THAT(StartSearch("apple").get(), HasReason(v1::ERROR_REASON_QUEUE_FULL));
  Close();
  EXPECT_THAT(first.get(), HasReason(v1::ERROR_REASON_SHUTTING_DOWN));
}

TEST_F(SearchOfAnIndexBehindTest, OneCallerMayHaveHalfOfTheWaits) {
  options_.search_wait = absl::InfiniteDuration();
  options_.reader_threads = 1;
  options_.read_queue = 4;
  Open();
  std::vector<std::future<absl::StatusOr<SearchPage>>> waiting;
  for (const uint64_t caller : {1, 2}) {
    CallContext context;
    context.caller = caller;
    for (int i = 0; i < 2; ++i) waiting.push_back(StartSearch("apple", context));
    EXPECT_THAT(StartSearch("apple", context).get(), HasReason(v1::ERROR_REASON_QUEUE_FULL));
  }
  Close();
  for (auto& search : waiting) {
    EXPECT_THAT(search.get(), HasReason(v1::ERROR_REASON_SHUTTING_DOWN));
  }
}

TEST_F(SearchOfAnIndexBehindTest, WhoHasWaitedMayWaitAgain) {
  constexpr int kRounds = 3;
  free_bytes_ = std::numeric_limits<int64_t>::max();
  options_.search_wait = absl::InfiniteDuration();
  options_.reader_threads = 1;
  options_.read_queue = 4;
  Open();
  std::vector<ThreadName> threads(kRounds);
  for (ThreadName& name : threads) {
    const auto created =
        BlockingStore(*store_).CreateThread({}, "g", std::nullopt, MakeThread("pear"));
    ASSERT_THAT(created, IsOk());
    name = *ParseThreadName(created->name());
  }
  ASSERT_EQ(CountFound("pear"), kRounds);
  CallContext ann;
  ann.caller = 1;
  for (const ThreadName& name : threads) {
    // A deletion needs no room, but the index does to know of it.
    free_bytes_ = 0;
    ASSERT_THAT(BlockingStore(*store_).DeleteThread({}, name), IsOk());
    auto first = StartSearch("apple", ann);
    auto second = StartSearch("apple", ann);
    EXPECT_THAT(StartSearch("apple", ann).get(), HasReason(v1::ERROR_REASON_QUEUE_FULL));
    free_bytes_ = std::numeric_limits<int64_t>::max();
    EXPECT_THAT(first.get(), IsOk());
    EXPECT_THAT(second.get(), IsOk());
  }
}

TEST_F(SearchOfAnIndexBehindTest, DoesNotWaitForOtherGroups) {
  free_bytes_ = std::numeric_limits<int64_t>::max();
  Open();
  CreateGroup("quiet");
  ASSERT_THAT(CreateThread("pear"), IsOk());
  EXPECT_EQ(CountFound("pear"), 1);
  Close();
  Execute("UPDATE search_state SET last_sequence = last_sequence - 1");
  free_bytes_ = 0;
  options_.search_wait = absl::ZeroDuration();
  Open();
  EXPECT_THAT(Search("pear"), HasReason(v1::ERROR_REASON_SEARCH_INDEX_BEHIND));
  SearchQuery query = MakeQuery("pear");
  query.group = "quiet";
  const auto page = BlockingStore(*store_).SearchThreads({}, query);
  ASSERT_THAT(page, IsOk());
  EXPECT_TRUE(page->results.empty());
}

// Whatever fails while a batch is written, what was acknowledged is found in the end.
class EachCallOfABatchFails : public ::testing::TestWithParam<FaultyVfs::Fault> {};

TEST_P(EachCallOfABatchFails, AndNothingIsLost) {
  constexpr int kPlaces = 40;  // More than a batch has.
  std::mt19937 random(kSeed);
  for (int place = 0; place < kPlaces; ++place) {
    SCOPED_TRACE(absl::StrCat("the call after ", place, " others fails"));
    const TempDir folder;
    FaultyVfs disk;
    FakeClock clock;
    SqliteOptions options{.path = folder.File("threads.db")};
    options.search_wait = absl::Milliseconds(20);
    GroupName group;
    group.group = "g";
    SearchQuery query;
    query.group = "g";
    query.terms = *ParseSearch("apple");
    query.limit = 10;
    {
      auto store = OpenSqliteStore(options, clock);
      ASSERT_THAT(store, IsOk());
      BlockingStore db(**store);
      v1::CreateGroupRequest request;
      request.set_group_id("g");
      ASSERT_THAT(db.CreateGroup({}, BuildGroup(request, clock.Now())), IsOk());
      v1::ConversationThread thread;
      thread.set_topic("apple");
      ASSERT_THAT(db.CreateThread({}, "g", std::nullopt,
                                  BuildThread({group, std::nullopt}, thread, clock.Now())),
                  IsOk());
      disk.FailOnce(place, GetParam());
      // Has it indexed at once.
      const auto page = db.SearchThreads({}, query);
      if (page.ok()) {
        EXPECT_THAT(page->results, SizeIs(1));
      }
    }
    disk.StopFailing();
    disk.RestorePower(random);
    options.search_wait = absl::InfiniteDuration();
    {
      auto store = OpenSqliteStore(options, clock);
      ASSERT_THAT(store, IsOk());
      const auto page = BlockingStore(**store).SearchThreads({}, query);
      ASSERT_THAT(page, IsOk());
      EXPECT_THAT(page->results, SizeIs(1));
    }
    CheckSearchIndex(options.path);
  }
}

INSTANTIATE_TEST_SUITE_P(Disk, EachCallOfABatchFails,
                         ::testing::Values(FaultyVfs::Fault::kAnyCall, FaultyVfs::Fault::kDiskFull,
                                           FaultyVfs::Fault::kSync));

}  // namespace
}  // namespace threadstore::testing
