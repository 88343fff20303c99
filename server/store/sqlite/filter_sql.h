#ifndef THREADSTORE_SERVER_STORE_SQLITE_FILTER_SQL_H_
#define THREADSTORE_SERVER_STORE_SQLITE_FILTER_SQL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "server/base/uuid.h"
#include "server/domain/filter.h"
#include "server/store/sqlite/database.h"

// Filters (server/domain/filter.h) as conditions of statements. They hold for the rows of those
// resources for which Matches does, but for what is said of the columns of conversations.
namespace threadstore::sqlite {

// A boolean expression, never NULL, in parentheses, with a `?` for each value, in their order.
struct FilterSql {
  using Value = std::variant<int64_t, std::string, Uuid>;

  std::string expression;
  std::vector<Value> values;
};

// Where a field is.
struct FilterColumn {
  std::string expression;        // Of a list, an element.
  std::string list_source = "";  // Of a list, what stands between FROM and further conditions.
};

// columns[i] is where fields[i] is. The length of the expression is bounded by that of the filter.
FilterSql CompileFilter(const FilterNode& filter, const std::vector<FilterField>& fields,
                        const std::vector<FilterColumn>& columns);

// Binds the values, which must outlive the query.
void BindFilter(const FilterSql& filter, Query& query);

// A filter in two parts, of which both have to hold.
struct SplitFilter {
  std::optional<FilterNode> bounds;
  std::optional<FilterNode> rest;
};

// Takes out as `bounds` what compares a field with a value, other than by ne, and has to hold
// whatever the rest says: a list in the field's order need not read beyond.
SplitFilter SplitByField(FilterNode filter, int field);

// The columns of GroupFilterFields(), in statements that have the table `groups`.
const std::vector<FilterColumn>& GroupFilterColumns();

// The columns of ThreadFilterFields(), in statements that have the tables `threads` and
// `conversations`.
const std::vector<FilterColumn>& ThreadFilterColumns();

// The columns of ConversationFilterFields(), in statements that have the table `conversations`. All
// but the conversation's own are found anew for each mention, by a seek. Senders are
// looked for among the first kMaxSendersReadPerConversation, so a filter also finds those beyond
// the kMaxUniqueSenders that the conversation shows.
const std::vector<FilterColumn>& ConversationFilterColumns();

// The columns of PostFilterFields(), in statements that have the table `posts`.
const std::vector<FilterColumn>& PostFilterColumns();

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_FILTER_SQL_H_
