#ifndef THREADSTORE_TESTS_STORE_MOVING_H_
#define THREADSTORE_TESTS_STORE_MOVING_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/domain/limits.h"
#include "server/domain/record.h"
#include "tests/testing/blocking_store.h"
#include "tests/testing/status_matchers.h"

// Moving all that a store has.
namespace threadstore::testing {

inline std::vector<v1::Record> ReadToTheEnd(RecordExport& opened) {
  std::vector<v1::Record> records;
  while (true) {
    auto chunk = BlockingStore::Next(opened);
    EXPECT_THAT(chunk, IsOk());
    if (!chunk.ok()) return records;
    EXPECT_LE(chunk->records.size(), kMaxRecordsPerMessage);
    for (v1::Record& record : chunk->records) records.push_back(std::move(record));
    if (!chunk->has_more) return records;
  }
}

inline std::vector<v1::Record> ExportAll(BlockingStore& store,
                                         std::optional<std::string> group = std::nullopt) {
  auto opened = store.OpenExport({}, std::move(group));
  EXPECT_THAT(opened, IsOk());
  return opened.ok() ? ReadToTheEnd(**opened) : std::vector<v1::Record>();
}

inline std::vector<CheckedRecord> Checked(const std::vector<v1::Record>& records) {
  std::vector<CheckedRecord> all;
  for (const v1::Record& record : records) {
    auto checked = CheckRecord(record);
    EXPECT_THAT(checked, IsOk()) << record.ShortDebugString();
    if (checked.ok()) all.push_back(*std::move(checked));
  }
  return all;
}

inline std::vector<RecordOutcome> ImportAll(BlockingStore& store,
                                            const std::vector<v1::Record>& records) {
  auto outcomes = store.ImportRecords({}, Checked(records));
  EXPECT_THAT(outcomes, IsOk());
  return outcomes.value_or(std::vector<RecordOutcome>());
}

// One line a record, to compare all of them at once.
inline std::vector<std::string> Lines(const std::vector<v1::Record>& records) {
  std::vector<std::string> lines;
  lines.reserve(records.size());
  for (const v1::Record& record : records) lines.push_back(record.ShortDebugString());
  return lines;
}

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_STORE_MOVING_H_
