// The SQLite engine, for the conformance tests.

#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/store/engine_under_test.h"
#include "tests/store/search_index_check.h"
#include "tests/store/usage_check.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace threadstore::testing {
namespace {

class SqliteUnderTest final : public EngineUnderTest {
 public:
  std::unique_ptr<ThreadStore> Open(const EngineSettings& settings, const Clock& clock) override {
    SqliteOptions options;
    options.path = path_;
    options.search_wait = absl::InfiniteDuration();
    options.request_id_retention = settings.request_id_retention;
    options.write_queue = settings.write_queue;
    options.change_retention = settings.change_retention;
    options.max_changes = settings.max_changes;
    options.group_quotas = settings.group_quotas;
    options.on_failure = [] { ADD_FAILURE() << "the store failed"; };
    auto store = OpenSqliteStore(options, clock);
    EXPECT_THAT(store, IsOk());
    return store.ok() ? *std::move(store) : nullptr;
  }

  void AwaitPurge() override {
    auto db = sqlite::Database::Open(path_, sqlite::Database::Mode::kReadOnly);
    ASSERT_THAT(db, IsOk());
    constexpr char kDeleted[] =
        "SELECT (SELECT count(*) FROM groups WHERE deleted = 1)"
        " + (SELECT count(*) FROM conversations WHERE deleted = 1)"
        " + (SELECT count(*) FROM threads WHERE deleted = 1)";
    while ((*db)->QueryInteger(kDeleted).value_or(0) > 0) std::this_thread::yield();
  }

  void CheckIntegrity() override {
    auto db = sqlite::Database::Open(path_, sqlite::Database::Mode::kReadOnly);
    ASSERT_THAT(db, IsOk());
    EXPECT_THAT((*db)->QueryText("PRAGMA integrity_check"), IsOkAndHolds("ok"));
    EXPECT_THAT((*db)->QueryInteger("SELECT count(*) FROM pragma_foreign_key_check"),
                IsOkAndHolds(0));
    CheckSearchIndex(path_);
    CheckUsage(path_);
  }

 private:
  const TempDir folder_;
  const std::string path_ = folder_.File("threads.db");
};

}  // namespace

std::unique_ptr<EngineUnderTest> MakeEngineUnderTest() {
  return std::make_unique<SqliteUnderTest>();
}

}  // namespace threadstore::testing
