#ifndef THREADSTORE_TESTS_STORE_FILTERED_STORE_H_
#define THREADSTORE_TESTS_STORE_FILTERED_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "server/domain/filter.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/filter_sql.h"
#include "tests/testing/temp_dir.h"

namespace threadstore::testing {

class BlockingStore;

// The file of a SQLite store with groups, threads, conversations and posts that filters can tell
// apart, to be asked in two ways which have to agree. Made through the ThreadStore; without
// GoogleTest, so that fuzzers can use it. What fails ends the process.
class FilteredStore {
 public:
  struct Kind {
    const char* name;
    const std::vector<FilterField>& fields;
    const std::vector<sqlite::FilterColumn>& columns;
    std::string select;  // The ids of all, up to and with WHERE.
    std::vector<std::unique_ptr<google::protobuf::Message>> resources;  // All, as the store returns
                                                                        // them.
  };

  FilteredStore();

  const std::vector<Kind>& kinds() const { return kinds_; }

  // The ids of those that match, in their order.
  static std::vector<std::string> AskMatches(const Kind& kind, const FilterNode& filter);
  absl::StatusOr<std::vector<std::string>> AskSql(const Kind& kind, const FilterNode& filter);

  // How SQLite would run a statement, a line a step: `before`, the filter, `after`.
  absl::StatusOr<std::string> ExplainPlan(absl::string_view before, const sqlite::FilterSql& filter,
                                          absl::string_view after);

  // What fields are set to, and what comes near.
  static const std::vector<std::string>& texts();
  static const std::vector<int64_t>& times();
  std::vector<std::string> ids() const;

 private:
  void Fill(const std::string& path);
  static void FillGroups(BlockingStore& store);
  void FillThreads(BlockingStore& store);
  void FillPosts(BlockingStore& store);
  void ReadAll(BlockingStore& store);
  static void AddDeleted(const std::string& path);

  const TempDir folder_;
  std::vector<Kind> kinds_;
  std::unique_ptr<sqlite::Database> db_;
};

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_STORE_FILTERED_STORE_H_
