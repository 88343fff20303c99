#include "tests/store/stored_rows.h"

#include <map>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/uuid.h"
#include "server/store/sqlite/database.h"
#include "tests/store/search_index_check.h"
#include "tests/store/usage_check.h"
#include "tests/testing/blocking_store.h"
#include "tests/testing/status_matchers.h"

namespace threadstore::testing {
namespace {

using sqlite::Database;
using sqlite::Query;

// The first column of each row.
std::vector<std::string> QueryTexts(Database& db, const std::string& sql) {
  std::vector<std::string> texts;
  auto statement = db.Prepare(sql);
  EXPECT_THAT(statement, IsOk()) << sql;
  if (!statement.ok()) return texts;
  Query query(*statement);
  while (true) {
    const absl::StatusOr<bool> found = query.Step();
    EXPECT_THAT(found, IsOk()) << sql;
    if (!found.value_or(false)) return texts;
    texts.emplace_back(query.Text(0));
  }
}

// Puts numbers in the place of ids, which SQLite quotes as X'32 digits'.
std::string NumberIds(const std::string& rows) {
  constexpr size_t kDigits = 2 * Uuid::kBytes;
  std::map<std::string, size_t> numbers;
  std::string numbered;
  size_t end = 0;
  for (size_t begin = rows.find("X'"); begin != std::string::npos; begin = rows.find("X'", end)) {
    numbered.append(rows, end, begin - end);
    const size_t close = rows.find('\'', begin + 2);
    const std::string blob = rows.substr(begin + 2, close - begin - 2);
    end = close + 1;
    if (blob.size() == kDigits) {
      absl::StrAppend(&numbered, "#", numbers.try_emplace(blob, numbers.size()).first->second);
    } else {
      numbered.append(rows, begin, end - begin);
    }
  }
  return numbered.append(rows, end);
}

std::unique_ptr<Database> OpenFile(const std::string& path) {
  auto db = Database::Open(path, Database::Mode::kReadOnly);
  EXPECT_THAT(db, IsOk());
  return db.ok() ? *std::move(db) : nullptr;
}

}  // namespace

std::string StoredRows(const std::string& path) {
  const std::unique_ptr<Database> db = OpenFile(path);
  if (db == nullptr) return "";
  std::string rows;
  for (const std::string& table :
       QueryTexts(*db,
                  "SELECT name FROM sqlite_schema WHERE type = 'table'"
                  " AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'search_%'"
                  " ORDER BY name")) {
    const std::string columns =
        absl::StrJoin(QueryTexts(*db, absl::StrCat("SELECT 'quote(' || name || ')'"
                                                   " FROM pragma_table_info('",
                                                   table, "')")),
                      " || ', ' || ");
    absl::StrAppend(&rows, table, "\n  ",
                    absl::StrJoin(QueryTexts(*db, absl::StrCat("SELECT ", columns, " FROM ", table,
                                                               " NOT INDEXED")),
                                  "\n  "),
                    "\n");
  }
  return NumberIds(rows);
}

void PurgeAll(ThreadStore& store, const std::string& path) {
  const std::unique_ptr<Database> db = OpenFile(path);
  ASSERT_NE(db, nullptr);
  constexpr int kMoreThanItTakes = 10'000;
  for (int i = 0; i < kMoreThanItTakes; ++i) {
    const auto marked = db->QueryInteger(
        "SELECT (SELECT count(*) FROM groups WHERE deleted = 1)"
        " + (SELECT count(*) FROM conversations WHERE deleted = 1)"
        " + (SELECT count(*) FROM threads WHERE deleted = 1)");
    ASSERT_THAT(marked, IsOk());
    if (*marked == 0) return;
    // Beside any write a few rows are removed.
    BlockingStore(store).DeleteGroup({}, "no-such-group").IgnoreError();
  }
  FAIL() << "what was deleted is not removed";
}

void CheckSoundFile(const std::string& path) {
  const std::unique_ptr<Database> db = OpenFile(path);
  ASSERT_NE(db, nullptr);
  EXPECT_THAT(db->QueryText("PRAGMA integrity_check"), IsOkAndHolds("ok"));
  EXPECT_THAT(db->QueryInteger("SELECT count(*) FROM pragma_foreign_key_check"), IsOkAndHolds(0));
  CheckSearchIndex(path);
  CheckUsage(path);
}

void CheckStoredFile(const std::string& path) {
  ASSERT_NO_FATAL_FAILURE(CheckSoundFile(path));
  const std::unique_ptr<Database> db = OpenFile(path);
  ASSERT_NE(db, nullptr);
  EXPECT_THAT(
      QueryTexts(*db,
                 "SELECT topic FROM threads WHERE has_had_posts = 1 AND ("
                 " last_delivered_us <> coalesce((SELECT created_us FROM posts"
                 "  WHERE thread_key = threads.key ORDER BY id DESC LIMIT 1), created_us)"
                 " OR preview <> coalesce((SELECT preview FROM posts"
                 "  WHERE thread_key = threads.key ORDER BY id DESC LIMIT 1), '')"
                 " OR has_attachments <> EXISTS (SELECT 1 FROM posts JOIN attachments"
                 "  ON post_key = posts.key WHERE thread_key = threads.key)"
                 " OR (SELECT group_concat(name, '|') FROM (SELECT name FROM unique_senders"
                 "  WHERE thread_key = threads.key ORDER BY position)) IS NOT"
                 " (SELECT group_concat(sender_label, '|') FROM (SELECT sender_label FROM posts"
                 "  WHERE thread_key = threads.key GROUP BY sender_label ORDER BY min(id))))"),
      ::testing::IsEmpty())
      << "threads that do not say what their posts say";
  EXPECT_THAT(QueryTexts(*db,
                         "SELECT preview FROM posts WHERE has_attachments <>"
                         " EXISTS (SELECT 1 FROM attachments WHERE post_key = posts.key)"
                         " OR created_us > modified_us"),
              ::testing::IsEmpty());
}

}  // namespace threadstore::testing
