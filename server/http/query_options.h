#ifndef THREADSTORE_SERVER_HTTP_QUERY_OPTIONS_H_
#define THREADSTORE_SERVER_HTTP_QUERY_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace threadstore {

// OData's system query options (OData 4.01, part 2, section 5.1), as far as this server knows them.
struct QueryOptions {
  // A relation to expand, with what may stand in its parentheses.
  struct Expansion {
    std::string relation;
    std::vector<std::string> select;
    std::vector<Expansion> expand;
    std::string filter;
  };

  std::vector<std::string> select;
  std::vector<Expansion> expand;
  std::string filter;
  std::string order_by;
  std::string search;
  std::optional<int32_t> top;
  int32_t skip = 0;
  std::string skip_token;
  std::string delta_token;
  bool count = false;
  std::string id;  // What `$ref` is removed from a collection, as a URL.
};

// Reads the options out of a query. Their names may come without `$` and in any case; other names
// are ignored. INVALID_ARGUMENT, for people, if an option is unknown, comes twice, or has a value
// that it cannot have.
absl::StatusOr<QueryOptions> ParseQueryOptions(
    const std::vector<std::pair<std::string, std::string>>& query);

// Whether the name of a query's pair, `given`, is that of an option, such as `skiptoken`.
bool NamesQueryOption(absl::string_view given, absl::string_view option);

// A query without the options named; encoded, without `?`.
std::string WithoutQueryOptions(const std::vector<std::pair<std::string, std::string>>& query,
                                const std::vector<std::string>& removed);

// The same with an option at its end, such as `$skiptoken`.
std::string ReplaceQueryOptions(const std::vector<std::pair<std::string, std::string>>& query,
                                const std::vector<std::string>& removed, absl::string_view added,
                                absl::string_view value);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_QUERY_OPTIONS_H_
