// What is the SQLite engine's own: its file, schema, write-ahead log and purging.

#include "server/store/sqlite/sqlite_store.h"

#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/resource.h"
#include "server/domain/resource_name.h"
#include "server/domain/words.h"
#include "server/store/sqlite/change_log.h"
#include "server/store/sqlite/database.h"
#include "tests/testing/blocking_store.h"
#include "tests/testing/error_matchers.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/proto_matchers.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/store_block.h"
#include "tests/testing/temp_dir.h"

namespace threadstore::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using sqlite::Database;

std::string ReadFile(const std::string& path) {
  std::stringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

class SqliteStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<ThreadStore>> Open() { return OpenSqliteStore(options_, clock_); }

  // Opens the file beside the store, which must be closed.
  std::unique_ptr<Database> OpenFile() {
    auto db = Database::Open(options_.path, Database::Mode::kReadWriteCreate);
    EXPECT_THAT(db, IsOk());
    return *std::move(db);
  }

  void CreateGroup(ThreadStore& store, const std::string& id) {
    v1::CreateGroupRequest request;
    request.set_group_id(id);
    request.mutable_group()->set_allow_external_senders(true);
    ASSERT_THAT(BlockingStore(store).CreateGroup({}, BuildGroup(request, clock_.Now())), IsOk());
  }

  absl::Status CreateThread(ThreadStore& store, const std::string& group,
                            CreateContext context = {}) {
    ThreadParent parent;
    parent.group.group = group;
    v1::ConversationThread thread;
    thread.set_topic("topic");
    thread.add_to_recipients()->mutable_email_address()->set_address("ann@example.com");
    thread.add_unique_senders("Ann");
    return BlockingStore(store)
        .CreateThread(std::move(context), group, std::nullopt,
                      BuildThread(parent, thread, clock_.Now()))
        .status();
  }

  v1::ConversationThread MakeThread(const v1::ConversationThread& sent) {
    ThreadParent parent;
    parent.group.group = "g";
    return BuildThread(parent, sent, clock_.Now());
  }

  using Done = std::function<void(absl::Status)>;

  // As the callback of a call that returns something.
  static auto Returning(const Done& done) {
    return [done](auto result) { done(std::move(result).status()); };
  }

  // So many writes in one transaction, or in as few as they fit. `begin` begins one, by its number.
  static void WriteTogether(ThreadStore& store, size_t writes,
                            const std::function<void(size_t, const Done&)>& begin) {
    WriterBlock block(store);
    std::vector<std::promise<absl::Status>> outcomes(writes);
    for (size_t i = 0; i < writes; ++i) {
      begin(i, [&outcome = outcomes[i]](absl::Status status) {
        outcome.set_value(std::move(status));
      });
    }
    block.Release();
    for (auto& outcome : outcomes) ASSERT_THAT(outcome.get_future().get(), IsOk());
  }

  const TempDir folder_;
  FakeClock clock_;
  SqliteOptions options_ = {.path = folder_.File("threads.db")};
};

TEST_F(SqliteStoreTest, OneCallerMayHaveHalfOfTheReadQueue) {
  options_.reader_threads = 1;
  options_.read_queue = 4;
  const auto store = Open();
  ASSERT_THAT(store, IsOk());
  CreateGroup(**store, "g");
  ReaderBlock block(**store);
  std::vector<std::promise<absl::Status>> outcomes(6);
  const auto read = [&](size_t index, uint64_t caller) {
    CallContext context;
    context.caller = caller;
    (*store)->GetGroup(context, "g", [&outcome = outcomes[index]](auto group) {
      outcome.set_value(std::move(group).status());
    });
  };
  constexpr uint64_t kAnn = 1;
  constexpr uint64_t kBob = 2;
  for (const size_t index : {0, 1, 2}) read(index, kAnn);
  EXPECT_THAT(outcomes[2].get_future().get(), HasReason(v1::ERROR_REASON_QUEUE_FULL));
  for (const size_t index : {3, 4, 5}) read(index, kBob);
  EXPECT_THAT(outcomes[5].get_future().get(), HasReason(v1::ERROR_REASON_QUEUE_FULL));
  block.Release();
  for (const size_t index : {0, 1, 3, 4}) {
    EXPECT_THAT(outcomes[index].get_future().get(), IsOk());
  }
  CallContext again;
  again.caller = kAnn;
  for (int i = 0; i < 5; ++i) EXPECT_THAT(BlockingStore(**store).GetGroup(again, "g"), IsOk());
}

TEST_F(SqliteStoreTest, CallersWhoReadTakeTurns) {
  options_.reader_threads = 1;
  const auto store = Open();
  ASSERT_THAT(store, IsOk());
  CreateGroup(**store, "g");
  ReaderBlock block(**store);
  constexpr size_t kReads = 6;
  // The one reader's only, until all have ended.
  std::vector<std::string> order;
  std::promise<void> ended;
  const auto read = [&](uint64_t caller, const std::string& name) {
    CallContext context;
    context.caller = caller;
    (*store)->GetGroup(context, "g", [&, name](const auto& group) {
      EXPECT_THAT(group, IsOk());
      order.push_back(name);
      if (order.size() == kReads) ended.set_value();
    });
  };
  for (const char* name : {"ann 1", "ann 2", "ann 3", "ann 4"}) read(1, name);
  read(2, "bob");
  read(0, "server");
  block.Release();
  ended.get_future().wait();
  EXPECT_THAT(order, ::testing::ElementsAre("ann 1", "bob", "server", "ann 2", "ann 3", "ann 4"));
}

MATCHER_P(IsRefusal, message_matcher, "is a refusal for operators") {
  return ::testing::ExplainMatchResult(
      StatusIs(absl::StatusCode::kFailedPrecondition, message_matcher), GetStatus(arg),
      result_listener);
}

// --- The file

TEST_F(SqliteStoreTest, SecondStoreOnAFileIsRefusedUntilTheFirstIsGone) {
  {
    const auto first = Open();
    ASSERT_THAT(first, IsOk());
    EXPECT_THAT(Open(), IsRefusal(HasSubstr("another server is using it")));
    EXPECT_THAT(MigrateSqliteStore(options_), IsRefusal(HasSubstr("another server")));
  }
  EXPECT_THAT(Open(), IsOk());
}

TEST_F(SqliteStoreTest, AnotherNameOfTheFileDoesNotLetASecondStoreIn) {
  const std::string path = options_.path;
  const auto first = Open();
  ASSERT_THAT(first, IsOk());
  options_.path = folder_.File("symbolic.db");
  std::filesystem::create_symlink(path, options_.path);
  EXPECT_THAT(Open(), IsRefusal(HasSubstr("another server is using it")));
  options_.path = folder_.File("./threads.db");
  EXPECT_THAT(Open(), IsRefusal(HasSubstr("another server is using it")));
  options_.path = folder_.File("hard.db");
  std::filesystem::create_hard_link(path, options_.path);
  EXPECT_THAT(Open(), IsRefusal(HasSubstr("hard links")));
}

TEST_F(SqliteStoreTest, PathIsNeverTakenForAUri) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder_.File(""));
  options_.path = "file:threads.db?mode=memory";
  EXPECT_THAT(Open(), IsOk());
  EXPECT_TRUE(std::filesystem::exists(folder_.File("file:threads.db?mode=memory")));
  std::filesystem::current_path(before);
}

TEST_F(SqliteStoreTest, NetworkFileSystemIsRefusedUnlessAllowed) {
  constexpr uint32_t kNfs = 0x6969;
  constexpr uint32_t kExt4 = 0xEF53;
  FileSystemInfo info{.type = kNfs, .free_bytes = options_.disk_reserve};
  options_.stat_file_system = [&info](const std::string&) { return info; };
  EXPECT_THAT(Open(), IsRefusal(AllOf(HasSubstr("network file system (NFS)"),
                                      HasSubstr("--allow_network_filesystem"))));
  EXPECT_THAT(MigrateSqliteStore(options_), IsRefusal(HasSubstr("(NFS)")));
  EXPECT_FALSE(std::filesystem::exists(options_.path));
  options_.allow_network_filesystem = true;
  EXPECT_THAT(Open(), IsOk());
  options_.allow_network_filesystem = false;
  info.type = kExt4;
  EXPECT_THAT(Open(), IsOk());
}

TEST_F(SqliteStoreTest, FileThatIsNoDatabaseIsRefusedAndLeftAlone) {
  for (const size_t size : {1, 50, 100, 10000}) {
    const std::string content(size, 'x');
    std::ofstream(options_.path) << content;
    EXPECT_THAT(Open(), IsRefusal(HasSubstr("not an SQLite database")));
    EXPECT_EQ(ReadFile(options_.path), content);
  }
}

TEST_F(SqliteStoreTest, DatabaseOfAnotherApplicationIsRefusedAndLeftAlone) {
  ASSERT_THAT(OpenFile()->Execute("CREATE TABLE theirs (x)"), IsOk());
  const std::string content = ReadFile(options_.path);
  EXPECT_THAT(Open(), IsRefusal(HasSubstr("another application")));
  EXPECT_EQ(ReadFile(options_.path), content);
}

TEST_F(SqliteStoreTest, LogOfAnotherApplicationsDatabaseIsLeftAlone) {
  const auto theirs = OpenFile();
  ASSERT_THAT(theirs->QueryText("PRAGMA journal_mode = WAL"), IsOk());
  ASSERT_THAT(theirs->Execute("PRAGMA application_id = 7"), IsOk());
  ASSERT_THAT(theirs->Checkpoint(/*truncate=*/true), IsOk());
  ASSERT_THAT(theirs->Execute("CREATE TABLE theirs (x)"), IsOk());
  const std::string log = ReadFile(options_.path + "-wal");
  EXPECT_THAT(Open(), IsRefusal(HasSubstr("another application")));
  EXPECT_EQ(ReadFile(options_.path + "-wal"), log);
}

// Else a power cut in the first checkpoint could leave a file that seems to be somebody else's.
TEST_F(SqliteStoreTest, SmallDatabaseOfAnotherApplicationKeepsItsLog) {
  std::string content;
  std::string log;
  {
    const auto theirs = OpenFile();
    ASSERT_THAT(theirs->Execute("PRAGMA journal_mode = WAL; CREATE TABLE theirs (x)"), IsOk());
    // As after a crash: a file of one page, and all else in the log.
    content = ReadFile(options_.path);
    log = ReadFile(options_.path + "-wal");
  }
  std::ofstream(options_.path, std::ios::binary) << content;
  std::ofstream(options_.path + "-wal", std::ios::binary) << log;
  ASSERT_EQ(content.size(), 4096);
  EXPECT_THAT(Open(), IsRefusal(HasSubstr("another application")));
  EXPECT_EQ(ReadFile(options_.path), content);
  EXPECT_EQ(ReadFile(options_.path + "-wal"), log);
}

TEST_F(SqliteStoreTest, HeaderOfANewStoreIsOnDiskBeforeItIsServed) {
  const auto store = Open();
  ASSERT_THAT(store, IsOk());
  EXPECT_EQ(ReadFile(options_.path).substr(68, 4), "Thrd");
}

TEST_F(SqliteStoreTest, TruncatedFileIsRefused) {
  { ASSERT_THAT(Open(), IsOk()); }
  std::filesystem::resize_file(options_.path, 6000);
  const auto store = Open();
  EXPECT_THAT(store, IsRefusal(HasSubstr("damaged")));
}

TEST_F(SqliteStoreTest, MissingFolderAndFolderInPlaceOfFileAreRefused) {
  options_.path = folder_.File("no/such/folder/threads.db");
  EXPECT_THAT(Open(), IsRefusal(HasSubstr("no/such/folder")));
  options_.path = folder_.File("folder");
  std::filesystem::create_directory(options_.path);
  EXPECT_THAT(Open(), IsRefusal(HasSubstr("it is a folder")));
}

// --- The schema

TEST_F(SqliteStoreTest, NewerSchemaThatExcludesThisBinaryIsRefused) {
  { ASSERT_THAT(Open(), IsOk()); }
  ASSERT_THAT(
      OpenFile()->Execute("UPDATE store_metadata SET version = 1000, min_compatible_version = 999"),
      IsOk());
  EXPECT_THAT(Open(), IsRefusal(AllOf(HasSubstr("1000"), HasSubstr("999"))));
}

TEST_F(SqliteStoreTest, NewerSchemaThatAdmitsThisBinaryIsServed) {
  { ASSERT_THAT(Open(), IsOk()); }
  ASSERT_THAT(OpenFile()->Execute("UPDATE store_metadata SET version = 1000"), IsOk());
  EXPECT_THAT(Open(), IsOk());
  EXPECT_THAT(OpenFile()->QueryInteger("SELECT version FROM store_metadata"), IsOkAndHolds(1000));
}

TEST_F(SqliteStoreTest, MigrationKeepsDataAndABackup) {
  {
    const auto store = Open();
    ASSERT_THAT(store, IsOk());
    CreateGroup(**store, "g");
  }
  std::vector<Migration> migrations = SqliteMigrations();
  const int next = static_cast<int>(migrations.size()) + 1;
  migrations.push_back({next, "next",
                        "-- min_compatible_version: 1\n"
                        "CREATE TABLE added (x INTEGER NOT NULL) STRICT;"});
  options_.migrations = &migrations;
  const auto result = MigrateSqliteStore(options_);
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->from, next - 1);
  EXPECT_EQ(result->to, next);
  EXPECT_THAT(OpenFile()->QueryInteger("SELECT count(*) FROM added"), IsOkAndHolds(0));
  const std::string backup = absl::StrCat(options_.path, ".v", next - 1, ".bak");
  const auto copy = Database::Open(backup, Database::Mode::kReadOnly);
  ASSERT_THAT(copy, IsOk());
  EXPECT_THAT((*copy)->QueryInteger("SELECT version FROM store_metadata"), IsOkAndHolds(next - 1));
  EXPECT_THAT((*copy)->QueryText("SELECT id FROM groups"), IsOkAndHolds("g"));

  const auto store = Open();
  ASSERT_THAT(store, IsOk());
  EXPECT_THAT(BlockingStore(**store).GetGroup({}, "g"), IsOk());
}

TEST_F(SqliteStoreTest, GroupsFromBeforeTheyHadDescriptionsHaveNone) {
  const std::vector<Migration> older(SqliteMigrations().begin(), SqliteMigrations().begin() + 4);
  options_.migrations = &older;
  ASSERT_THAT(MigrateSqliteStore(options_), IsOk());
  // As an older server does, also when a newer one has migrated the store.
  const std::string insert =
      "INSERT INTO groups (id, display_name, mail, created_us, allow_external_senders, deleted)"
      " VALUES ('%s', 'G', '', 0, 0, 0)";
  ASSERT_THAT(OpenFile()->Execute(absl::StrReplaceAll(insert, {{"%s", "before"}})), IsOk());
  options_.migrations = &SqliteMigrations();
  { ASSERT_THAT(Open(), IsOk()); }
  ASSERT_THAT(OpenFile()->Execute(absl::StrReplaceAll(insert, {{"%s", "after"}})), IsOk());
  const auto store = Open();
  ASSERT_THAT(store, IsOk());
  for (const char* id : {"before", "after"}) {
    const auto group = BlockingStore(**store).GetGroup({}, id);
    ASSERT_THAT(group, IsOk());
    EXPECT_EQ(group->display_name(), "G");
    EXPECT_EQ(group->description(), "");
    EXPECT_EQ(group->mail_nickname(), "");
  }
}

TEST_F(SqliteStoreTest, MigrationThatFailsLeavesTheOldSchema) {
  { ASSERT_THAT(Open(), IsOk()); }
  std::vector<Migration> migrations = SqliteMigrations();
  const int next = static_cast<int>(migrations.size()) + 1;
  migrations.push_back({next, "broken",
                        "-- min_compatible_version: 1\n"
                        "CREATE TABLE added (x INTEGER NOT NULL) STRICT; SELECT nonsense;"});
  options_.migrations = &migrations;
  EXPECT_FALSE(MigrateSqliteStore(options_).ok());
  EXPECT_THAT(OpenFile()->QueryInteger("SELECT count(*) FROM sqlite_schema WHERE name = 'added'"),
              IsOkAndHolds(0));
  options_.migrations = &SqliteMigrations();
  EXPECT_THAT(Open(), IsOk());
}

TEST_F(SqliteStoreTest, MigrationsAreNumberedWithoutGaps) {
  int expected = 1;
  for (const Migration& migration : SqliteMigrations()) {
    EXPECT_EQ(migration.version, expected++) << migration.name;
  }
}

// --- Durability and the write-ahead log

TEST_F(SqliteStoreTest, LogStaysBoundedUnderWrites) {
  const auto store = Open();
  ASSERT_THAT(store, IsOk());
  CreateGroup(**store, "g");
  constexpr int kWrites = 3000;
  for (int i = 0; i < kWrites; ++i) ASSERT_THAT(CreateThread(**store, "g"), IsOk());
  // Without a bound it would have some 140 MiB.
  constexpr uintmax_t kBound = uintmax_t{48} << 20;
  EXPECT_LT(std::filesystem::file_size(options_.path + "-wal"), kBound);
}

TEST_F(SqliteStoreTest, LogStaysBoundedWhileADeletedGroupIsPurged) {
  constexpr int kMembers = 100'000;
  {
    const auto store = Open();
    ASSERT_THAT(store, IsOk());
    CreateGroup(**store, "g");
  }
  ASSERT_THAT(
      OpenFile()->Execute(absl::StrCat(
          "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ", kMembers,
          ") INSERT INTO members SELECT 1, hex(randomblob(100)), '', '', 0, 'g' FROM n")),
      IsOk());
  {
    const auto store = Open();
    ASSERT_THAT(store, IsOk());
    ASSERT_THAT(BlockingStore(**store).DeleteGroup({}, "g"), IsOk());
    // Nothing but purging goes on until the group's row is gone. No event tells of it, and a
    // reader that asks without pause would keep the log from starting over.
    const auto reader = Database::Open(options_.path, Database::Mode::kReadOnly);
    ASSERT_THAT(reader, IsOk());
    while (*(*reader)->QueryInteger("SELECT count(*) FROM groups") > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    constexpr uintmax_t kBound = uintmax_t{48} << 20;
    EXPECT_LT(std::filesystem::file_size(options_.path + "-wal"), kBound);
  }
  EXPECT_THAT(OpenFile()->QueryInteger("SELECT count(*) FROM members"), IsOkAndHolds(0));
}

// --- Failures

// Lets no file of the process grow beyond `bytes` for a scope.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(uintmax_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_;
};

TEST_F(SqliteStoreTest, FileThatMayNotGrowIsAFullDisk) {
  const auto store = Open();
  ASSERT_THAT(store, IsOk());
  CreateGroup(**store, "g");
  {
    const FileSizeLimit limit(std::filesystem::file_size(options_.path + "-wal"));
    EXPECT_THAT(CreateThread(**store, "g"), HasReason(v1::ERROR_REASON_STORE_FULL));
    EXPECT_THAT(BlockingStore(**store).GetGroup({}, "g"), IsOk());
  }
  EXPECT_THAT(CreateThread(**store, "g"), IsOk());
}

TEST_F(SqliteStoreTest, StoreFailsWhenItsFileIsDeletedOrReplaced) {
  std::promise<void> failed;
  options_.on_failure = [&failed] { failed.set_value(); };
  const auto store = Open();
  ASSERT_THAT(store, IsOk());
  std::filesystem::rename(options_.path, options_.path + ".moved");
  // The file is looked at once a second.
  failed.get_future().wait();
  v1::CreateGroupRequest request;
  request.set_group_id("g");
  EXPECT_THAT(BlockingStore(**store).CreateGroup({}, BuildGroup(request, clock_.Now())),
              HasReason(v1::ERROR_REASON_STORE_FAILED));
}

TEST_F(SqliteStoreTest, StoreFailsWhenItsLogIsDeleted) {
  std::promise<void> failed;
  options_.on_failure = [&failed] { failed.set_value(); };
  const auto store = Open();
  ASSERT_THAT(store, IsOk());
  CreateGroup(**store, "g");
  std::filesystem::remove(options_.path + "-wal");
  // The file is looked at once a second.
  failed.get_future().wait();
  EXPECT_THAT(CreateThread(**store, "g"), HasReason(v1::ERROR_REASON_STORE_FAILED));
}

TEST_F(SqliteStoreTest, LockOfAnotherProcessIsSaidToBeBusy) {
  const auto store = Open();
  ASSERT_THAT(store, IsOk());
  const auto other = OpenFile();
  // The store may be looking for something to purge.
  other->SetBusyTimeout(absl::Minutes(1));
  ASSERT_THAT(other->Execute("BEGIN IMMEDIATE"), IsOk());
  v1::CreateGroupRequest request;
  request.set_group_id("g");
  EXPECT_THAT(BlockingStore(**store).CreateGroup({}, BuildGroup(request, clock_.Now())),
              HasReason(v1::ERROR_REASON_STORE_BUSY));
  ASSERT_THAT(other->Execute("ROLLBACK"), IsOk());
  EXPECT_THAT(BlockingStore(**store).CreateGroup({}, BuildGroup(request, clock_.Now())), IsOk());
}

TEST_F(SqliteStoreTest, ClosedStoreIsOneFile) {
  {
    const auto store = Open();
    ASSERT_THAT(store, IsOk());
    CreateGroup(**store, "g");
  }
  EXPECT_FALSE(std::filesystem::exists(options_.path + "-wal"));
}

// --- Purging

TEST_F(SqliteStoreTest, MembersOfDeletedGroupsAndOldRequestsAreRemoved) {
  options_.request_id_retention = absl::Hours(1);
  {
    const auto store = Open();
    ASSERT_THAT(store, IsOk());
    BlockingStore db(**store);
    CreateGroup(**store, "g");
    CreateGroup(**store, "kept");
    constexpr int kMembers = 20;
    for (int i = 0; i < kMembers; ++i) {
      v1::Member member;
      member.set_id(absl::StrCat("user", i));
      ASSERT_THAT(db.AddMember({}, "g", member), IsOk());
      ASSERT_THAT(db.AddMember({}, "kept", member), IsOk());
    }
    CreateContext context;
    context.now = clock_.Now();
    context.request = RequestKey{Uuid::V7(clock_.Now()), std::string(32, 'h'), "user:ann"};
    ASSERT_THAT(CreateThread(**store, "kept", context), IsOk());
    ASSERT_THAT(db.DeleteGroup({}, "g"), IsOk());
    clock_.Advance(absl::Hours(2));
    // Each write removes a few rows.
    for (int i = 0; i < 2 * kMembers; ++i) ASSERT_THAT(CreateThread(**store, "kept"), IsOk());
  }
  const auto db = OpenFile();
  EXPECT_THAT(db->QueryInteger("SELECT count(*) FROM groups"), IsOkAndHolds(1));
  EXPECT_THAT(db->QueryInteger("SELECT count(*) FROM members"), IsOkAndHolds(20));
  EXPECT_THAT(db->QueryInteger("SELECT count(*) FROM idempotency_keys"), IsOkAndHolds(0));
}

TEST_F(SqliteStoreTest, DeletedGroupIsInvisibleWhileItsRowsAreThere) {
  options_.index_delay = absl::InfiniteDuration();  // No writes but these.
  v1::CreateGroupRequest request;
  request.set_group_id("g");
  CreateContext context;
  context.now = clock_.Now();
  context.request = RequestKey{Uuid::V7(clock_.Now()), std::string(32, 'h'), "user:ann"};
  {
    const auto store = Open();
    ASSERT_THAT(store, IsOk());
    ASSERT_THAT(BlockingStore(**store).CreateGroup(context, BuildGroup(request, clock_.Now())),
                IsOk());
  }
  // More members than are removed beside the deletion; the last is `zoe`.
  ASSERT_THAT(OpenFile()->Execute(
                  "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 10000)"
                  " INSERT INTO members SELECT 1, 'member' || i, '', '', 0, 'g' FROM n;"
                  " INSERT INTO members VALUES (1, 'zoe', '', '', 1, 'g')"),
              IsOk());
  constexpr int kGroup = 1024;  // As many as share a transaction.
  std::promise<absl::Status> deleted;
  std::promise<absl::Status> created;
  const auto store = Open();
  ASSERT_THAT(store, IsOk());
  // In the transaction after theirs, so that no pause is left to purge in.
  LaterWriterBlock later;
  WriterBlock block(**store);
  (*store)->DeleteGroup({}, "g", /*force=*/true,
                        [&deleted](absl::Status status) { deleted.set_value(std::move(status)); });
  for (int i = 2; i < kGroup; ++i) {
    (*store)->DeleteGroup({}, "no-such-group", /*force=*/false, [](const absl::Status&) {});
  }
  (*store)->CreateGroup(context, BuildGroup(request, clock_.Now()), {},
                        [&created](auto group) { created.set_value(std::move(group).status()); });
  later.Begin(**store);
  block.Release();
  EXPECT_THAT(deleted.get_future().get(), IsOk());
  EXPECT_THAT(created.get_future().get(), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  later.AwaitBlocked();
  BlockingStore db(**store);
  EXPECT_EQ(db.ListGroups({}, {.member = "zoe", .limit = 5})->groups.size(), 0);
  EXPECT_EQ(db.ListGroups({}, {.limit = 5})->groups.size(), 0);
  EXPECT_THAT(db.GetGroup({}, "g"), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  const auto reader = Database::Open(options_.path, Database::Mode::kReadOnly);
  ASSERT_THAT(reader, IsOk());
  EXPECT_THAT((*reader)->QueryInteger("SELECT count(*) FROM members WHERE user_id = 'zoe'"),
              IsOkAndHolds(1))
      << "the rows were gone before anyone looked";
  later.Release();
}

TEST_F(SqliteStoreTest, DeletedGroupIsPurgedAlsoAfterARestart) {
  constexpr int kThreads = 100;
  {
    const auto store = Open();
    ASSERT_THAT(store, IsOk());
    CreateGroup(**store, "g");
    CreateGroup(**store, "kept");
    for (int i = 0; i < 2; ++i) ASSERT_THAT(CreateThread(**store, "kept"), IsOk());
    for (int i = 0; i < kThreads; ++i) ASSERT_THAT(CreateThread(**store, "g"), IsOk());
  }
  // What a server that was killed leaves.
  ASSERT_THAT(OpenFile()->Execute("UPDATE groups SET deleted = 1 WHERE id = 'g'"), IsOk());
  {
    const auto store = Open();
    ASSERT_THAT(store, IsOk());
    const auto reader = Database::Open(options_.path, Database::Mode::kReadOnly);
    ASSERT_THAT(reader, IsOk());
    // No event tells of the end of purging.
    while (*(*reader)->QueryInteger("SELECT count(*) FROM groups") > 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  const auto db = OpenFile();
  EXPECT_THAT(db->QueryInteger("SELECT count(*) FROM threads"), IsOkAndHolds(2));
  EXPECT_THAT(db->QueryInteger("SELECT count(*) FROM conversations"), IsOkAndHolds(2));
  EXPECT_THAT(db->QueryInteger("SELECT count(*) FROM recipients"), IsOkAndHolds(2));
  EXPECT_THAT(db->QueryInteger("SELECT count(*) FROM unique_senders"), IsOkAndHolds(2));
}

TEST_F(SqliteStoreTest, PurgingKeepsUpWithWhoeverDeletesAllThatIsWritten) {
  constexpr int kGroups = 200;
  constexpr int kThreads = 32;
  const auto store = Open();
  ASSERT_THAT(store, IsOk());
  v1::ConversationThread thread;
  thread.set_topic("topic");
  for (int i = 0; i < kGroups; ++i) {
    CreateGroup(**store, "g");
    WriteTogether(**store, kThreads, [&](size_t /*index*/, const Done& done) {
      (*store)->CreateThread({}, "g", std::nullopt, MakeThread(thread), Returning(done));
    });
    ASSERT_THAT(BlockingStore(**store).DeleteGroup({}, "g", /*force=*/true), IsOk());
  }
  const auto reader = Database::Open(options_.path, Database::Mode::kReadOnly);
  ASSERT_THAT(reader, IsOk());
  EXPECT_LT(*(*reader)->QueryInteger("SELECT count(*) FROM threads"), kGroups * kThreads / 4);
}

TEST_F(SqliteStoreTest, PurgingKeepsUpWithLargeContentThatIsDeleted) {
  constexpr int kRounds = 40;
  constexpr size_t kThreads = 32;
  constexpr size_t kBytes = size_t{32} << 10;
  const auto store = Open();
  ASSERT_THAT(store, IsOk());
  CreateGroup(**store, "g");
  v1::ConversationThread sent;
  v1::Post& post = *sent.add_posts();
  post.mutable_sender()->mutable_email_address()->set_name("Ann");
  post.mutable_body()->set_content(std::string(kBytes, 'x'));
  post.add_attachments()->mutable_file()->set_content_bytes(std::string(kBytes, 'x'));
  for (int i = 0; i < kRounds; ++i) {
    std::vector<v1::ConversationThread> threads;
    for (size_t j = 0; j < kThreads; ++j) threads.push_back(MakeThread(sent));
    WriteTogether(**store, kThreads, [&](size_t index, const Done& done) {
      (*store)->CreateThread({}, "g", std::nullopt, threads[index], Returning(done));
    });
    WriteTogether(**store, kThreads, [&](size_t index, const Done& done) {
      (*store)->DeleteThread({}, *ParseThreadName(threads[index].name()), done);
    });
  }
  const auto reader = Database::Open(options_.path, Database::Mode::kReadOnly);
  ASSERT_THAT(reader, IsOk());
  EXPECT_LT(*(*reader)->QueryInteger("SELECT (SELECT coalesce(sum(size), 0) FROM attachments)"
                                     " + (SELECT coalesce(sum(length(content)), 0) FROM posts)"),
            static_cast<int64_t>(kRounds * kThreads * 2 * kBytes / 4));
}

TEST_F(SqliteStoreTest, NoMoreChangesAreKeptThanMayBeWhateverIsWritten) {
  constexpr int kRounds = 40;
  constexpr size_t kConversations = 8;
  constexpr int kThreads = 20;
  options_.max_changes = 100;
  const auto store = Open();
  ASSERT_THAT(store, IsOk());
  CreateGroup(**store, "g");
  GroupName group;
  group.group = "g";
  v1::Conversation sent;
  sent.set_topic("topic");
  for (int i = 0; i < kThreads; ++i) sent.add_threads();
  const SearchQuery search = {.group = "g", .terms = *ParseSearch("nothing"), .limit = 1};
  for (int i = 0; i < kRounds; ++i) {
    std::vector<v1::Conversation> conversations;
    for (size_t j = 0; j < kConversations; ++j) {
      conversations.push_back(BuildConversation(group, sent, clock_.Now()));
    }
    WriteTogether(**store, kConversations, [&](size_t index, const Done& done) {
      (*store)->CreateConversation({}, "g", conversations[index], Returning(done));
    });
    // What has not been indexed is kept.
    ASSERT_THAT(BlockingStore(**store).SearchThreads({}, search), IsOk());
    WriteTogether(**store, kConversations, [&](size_t index, const Done& done) {
      (*store)->DeleteConversation({}, *ParseConversationName(conversations[index].name()), done);
    });
  }
  const auto reader = Database::Open(options_.path, Database::Mode::kReadOnly);
  ASSERT_THAT(reader, IsOk());
  EXPECT_LE(*(*reader)->QueryInteger("SELECT count(*) FROM changes"),
            static_cast<int64_t>(kRounds * kConversations * kThreads / 4));
}

TEST_F(SqliteStoreTest, TwoStoresTakeNoPositionsOfEachOther) {
  ChangeQuery query;
  query.scope.group = *ParseGroupName("groups/g");
  query.limit = 1;
  std::vector<ChangePosition> positions;
  for (const char* file : {"first.db", "second.db"}) {
    options_.path = folder_.File(file);
    const auto store = Open();
    ASSERT_THAT(store, IsOk());
    CreateGroup(**store, "g");
    ASSERT_OK_AND_ASSIGN(const ChangePage page, BlockingStore(**store).ListChanges({}, query));
    positions.push_back(page.next);
    if (positions.size() == 1) continue;
    EXPECT_EQ(positions.front().group_key, positions.back().group_key);
    query.after = positions.back();
    EXPECT_THAT(BlockingStore(**store).ListChanges({}, query), IsOk());
    query.after = positions.front();
    EXPECT_THAT(BlockingStore(**store).ListChanges({}, query),
                HasReason(v1::ERROR_REASON_DELTA_TOKEN_EXPIRED));
  }
}

// A large commit would fail for want of room, and be tried again with each group.
TEST_F(SqliteStoreTest, LittleIsPurgedBesideDeletionsWithoutRoom) {
  constexpr size_t kThreads = 1024;                 // As many as share a transaction.
  options_.index_delay = absl::InfiniteDuration();  // No writes but these.
  std::atomic<int64_t> free_bytes = options_.disk_reserve;
  options_.stat_file_system = [&free_bytes](const std::string&) {
    return FileSystemInfo{.free_bytes = free_bytes};
  };
  const auto store = Open();
  ASSERT_THAT(store, IsOk());
  CreateGroup(**store, "g");
  std::vector<v1::ConversationThread> threads;
  for (size_t i = 0; i < kThreads; ++i) threads.push_back(MakeThread({}));
  WriteTogether(**store, kThreads, [&](size_t index, const Done& done) {
    (*store)->CreateThread({}, "g", std::nullopt, threads[index], Returning(done));
  });
  free_bytes = 0;
  // In a transaction after that of the deletions: nothing is purged when nothing is to do.
  LaterWriterBlock block;
  WriteTogether(**store, kThreads, [&](size_t index, const Done& done) {
    (*store)->DeleteThread({}, *ParseThreadName(threads[index].name()), done);
    if (index + 1 < kThreads) return;
    block.Begin(**store);
  });
  block.AwaitBlocked();
  const auto reader = Database::Open(options_.path, Database::Mode::kReadOnly);
  ASSERT_THAT(reader, IsOk());
  EXPECT_THAT((*reader)->QueryInteger("SELECT count(*) FROM threads"),
              IsOkAndHolds(::testing::Ge(int64_t{kThreads} - 4)));
  block.Release();
}

TEST_F(SqliteStoreTest, PurgingGoesOnBesideWritesThatAreRefused) {
  constexpr size_t kThreads = 4096;
  constexpr int kRefused = 1000;
  options_.index_delay = absl::InfiniteDuration();
  const auto store = Open();
  ASSERT_THAT(store, IsOk());
  CreateGroup(**store, "g");
  WriteTogether(**store, kThreads, [&](size_t /*index*/, const Done& done) {
    (*store)->CreateThread({}, "g", std::nullopt, MakeThread({}), Returning(done));
  });
  LaterWriterBlock block;
  // Each follows at once, so that no pause is left to purge in; in the last nothing ends.
  int refused = 0;
  Done next = [&](const absl::Status& status) {
    EXPECT_TRUE(refused == 0 || absl::IsNotFound(status)) << status;
    if (++refused <= kRefused) {
      (*store)->DeleteGroup({}, "no-such-group", /*force=*/false, next);
    } else {
      block.Begin(**store);
    }
  };
  (*store)->DeleteGroup({}, "g", /*force=*/true, next);
  block.AwaitBlocked();
  const auto reader = Database::Open(options_.path, Database::Mode::kReadOnly);
  ASSERT_THAT(reader, IsOk());
  EXPECT_THAT((*reader)->QueryInteger("SELECT count(*) FROM threads"), IsOkAndHolds(0));
  block.Release();
}

// --- The log of changes

class ChangeLogTest : public SqliteStoreTest {
 protected:
  void SetUp() override {
    { ASSERT_THAT(Open(), IsOk()); }
    db_ = OpenFile();
    // Without a sync for each entry.
    ASSERT_THAT(db_->Execute("BEGIN"), IsOk());
    auto log = sqlite::ChangeLog::Prepare(*db_, clock_, {absl::Hours(1), 1000});
    ASSERT_THAT(log, IsOk());
    log_ = *std::move(log);
  }

  void Append(int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_THAT(log_->Append(1, {sqlite::ChangeEvent::kThreadCreated}), IsOk());
    }
  }

  int64_t Oldest() { return *db_->QueryInteger("SELECT min(sequence) FROM changes"); }

  std::unique_ptr<Database> db_;
  std::unique_ptr<sqlite::ChangeLog> log_;
};

TEST_F(ChangeLogTest, WhatIsStillNeededIsKept) {
  Append(10);
  clock_.Advance(absl::Hours(2));
  log_->KeepFrom(4);
  EXPECT_THAT(log_->Trim(100), IsOkAndHolds(3));
  EXPECT_EQ(Oldest(), 4);
  log_->KeepFrom(100);
  EXPECT_THAT(log_->Trim(100), IsOkAndHolds(6));
  EXPECT_EQ(Oldest(), 10) << "the newest goes, and its number is given again";
}

TEST_F(ChangeLogTest, ItIsTrimmedInSmallSteps) {
  Append(10);
  clock_.Advance(absl::Hours(2));
  for (int i = 0; i < 3; ++i) EXPECT_THAT(log_->Trim(3), IsOkAndHolds(3));
  EXPECT_THAT(log_->Trim(3), IsOkAndHolds(0));
}

TEST_F(ChangeLogTest, ALongTimeInTheFutureIsPassedInSmallSteps) {
  clock_.Advance(absl::Hours(10'000));
  Append(5'000);
  clock_.Advance(-absl::Hours(10'000));
  Append(1);
  clock_.Advance(absl::Hours(2));
  Append(1);
  int64_t trimmed = 0;
  for (int i = 0; i < 100; ++i) trimmed += log_->Trim(100).value_or(0);
  EXPECT_EQ(trimmed, 5'001);
}

}  // namespace
}  // namespace threadstore::testing
