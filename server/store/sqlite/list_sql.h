#ifndef THREADSTORE_SERVER_STORE_SQLITE_LIST_SQL_H_
#define THREADSTORE_SERVER_STORE_SQLITE_LIST_SQL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/domain/filter.h"
#include "server/domain/list_query.h"
#include "server/store/sqlite/columns.h"
#include "server/store/sqlite/database.h"

// The statements behind lists of groups, threads, conversations and posts.
//
// They return the rows of a part of an index in its order. Which of them are on the list is a
// column, `passes`, not a condition: so whoever steps sees every row that is looked at, and can
// stop. Only orders of topics, which have no index, are sorted: first the keys, so that the rest is
// read of the rows that are stepped to.
//
// Parameters: the values of the filter, if there is one; the key of the parent; the range. Of
// groups: those values; the user, if there is one; the id to begin after; the others, and that id
// again, if there are others.
namespace threadstore::sqlite {

enum class ListScope { kGroup, kConversation };

// Which groups are listed: all, those that a user is a member of, or those together with others,
// given as a JSON array of ids.
enum class GroupScope { kAll, kOfUser, kOfUserAndOthers };

constexpr bool IsByTopic(ThreadOrder order) {
  return order == ThreadOrder::kTopicAscending || order == ThreadOrder::kTopicDescending;
}

// What follows the columns of the resource: `passes` and, of conversations, where they stand in the
// order as last_delivered_us and id.
inline constexpr int kGroupPasses = kGroupColumnCount;
inline constexpr int kThreadPasses = kThreadColumnCount;
inline constexpr int kConversationPasses = kConversationColumnCount;
inline constexpr int kPostPasses = kPostColumnCount;

// `filter` is the expression of a FilterSql, or empty.
std::string ListGroupsSql(GroupScope scope, absl::string_view filter = "");
std::string ListThreadsSql(ListScope scope, ThreadOrder order, absl::string_view filter = "");
std::string ListConversationsSql(ThreadOrder order, absl::string_view filter = "");
std::string ListPostsSql(bool newest_first, absl::string_view filter = "");

// The same without columns but `passes`, in an order that needs no sorting.
std::string PassingGroupsSql(GroupScope scope, absl::string_view filter = "");
std::string PassingThreadsSql(ListScope scope, ThreadOrder order, absl::string_view filter = "");
std::string PassingConversationsSql(absl::string_view filter = "");
std::string PassingPostsSql(absl::string_view filter = "");

// The order in which threads are counted that are listed in another: one with an index, in which a
// filter bounds what is read as it does in the list. Conversations and posts are counted by
// creation.
constexpr ThreadOrder CountingOrder(ThreadOrder order) {
  return IsByTopic(order) ? ThreadOrder::kOldestCreated : order;
}

// How many threads or conversations there are to sort, counted up to a limit. Parameters: the key
// of the parent, the limit.
std::string CountThreadsSql(ListScope scope);
std::string CountConversationsSql();

// The part of an order that a page can come from: what is after the page before, and within what
// the filter says of the field that is ordered by.
class ListRange {
 public:
  // `fields` are those of the filter, which is of threads or of conversations.
  ListRange(ThreadOrder order, const std::optional<ThreadCursor>& after,
            const std::optional<FilterNode>& filter, const std::vector<FilterField>& fields);

  // Of posts.
  ListRange(bool newest_first, const std::optional<Uuid>& after,
            const std::optional<FilterNode>& filter);

  // The range must outlive the query.
  void Bind(Query& rows) const;

 private:
  enum class Key { kActivity, kId, kTopic };

  // A place in the order, itself not within the range. Ids are longer or shorter than those there
  // are where the place is after or before all of a time.
  struct Place {
    int64_t us = 0;
    std::string id;
  };

  void LimitTimes(const FilterNode& filter, const std::vector<FilterField>& fields,
                  absl::string_view path);
  void LimitTo(const FilterNode& bounds);
  void NotBefore(int64_t us);
  void NotAfter(int64_t us);

  Key key_;
  bool is_descending_;
  Place low_;
  Place high_;
  std::optional<std::string> topic_;  // Of the page before.
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_LIST_SQL_H_
