// Any bytes as a filter of each resource: refused with a short message, or else SQLite takes it and
// finds what Matches does.

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/domain/filter.h"
#include "server/domain/limits.h"
#include "tests/fuzz/require.h"
#include "tests/store/filtered_store.h"

namespace threadstore::testing {
namespace {

void AskBoth(FilteredStore& store, const FilteredStore::Kind& kind, absl::string_view text) {
  const absl::StatusOr<FilterNode> filter = ParseFilter(text, kind.fields);
  if (!filter.ok()) {
    Require(filter.status().code() == absl::StatusCode::kInvalidArgument &&
                filter.status().message().size() <= kMaxErrorMessageBytes,
            filter.status().ToString());
    return;
  }
  const std::vector<std::string> expected = FilteredStore::AskMatches(kind, *filter);
  const absl::StatusOr<std::vector<std::string>> found = store.AskSql(kind, *filter);
  Require(found.ok(), found.status().ToString());
  Require(*found == expected, absl::StrCat(kind.name, "\nby SQL: ", absl::StrJoin(*found, " "),
                                           "\nby Matches: ", absl::StrJoin(expected, " ")));
}

}  // namespace
}  // namespace threadstore::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static threadstore::testing::FilteredStore store;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& kind : store.kinds()) threadstore::testing::AskBoth(store, kind, text);
  return 0;
}
