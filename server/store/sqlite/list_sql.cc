#include "server/store/sqlite/list_sql.h"

#include <limits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/uuid.h"
#include "server/domain/limits.h"
#include "server/store/sqlite/columns.h"
#include "server/store/sqlite/filter_sql.h"

namespace threadstore::sqlite {
namespace {

// No time is as early as the first that 64 bits hold, or as late as the last.
constexpr int64_t kBeforeFirstTime = std::numeric_limits<int64_t>::min();
constexpr int64_t kAfterLastTime = std::numeric_limits<int64_t>::max();

absl::string_view ParentColumn(ListScope scope) {
  return scope == ListScope::kGroup ? "threads.group_key = ?" : "threads.conversation_key = ?";
}

// The rows of `table` that are after one place and before another, in order.
std::string RangeClause(absl::string_view table, ThreadOrder order) {
  const std::string id = absl::StrCat(table, ".id");
  const std::string activity = absl::StrCat(table, ".last_delivered_us");
  const std::string topic = absl::StrCat(table, ".topic");
  switch (order) {
    case ThreadOrder::kNewestActivity:
      return absl::StrCat(" AND (", activity, ", ", id, ") < (?, ?) AND ", activity,
                          " >= ? ORDER BY ", activity, " DESC, ", id, " DESC");
    case ThreadOrder::kOldestActivity:
      return absl::StrCat(" AND (", activity, ", ", id, ") > (?, ?) AND ", activity,
                          " <= ? ORDER BY ", activity, ", ", id);
    case ThreadOrder::kOldestCreated:
      return absl::StrCat(" AND ", id, " > ? AND ", id, " < ? ORDER BY ", id);
    case ThreadOrder::kNewestCreated:
      return absl::StrCat(" AND ", id, " < ? AND ", id, " > ? ORDER BY ", id, " DESC");
    case ThreadOrder::kTopicAscending:
      return absl::StrCat(" AND (", topic, ", ", id, ") > (?, ?) ORDER BY ", topic, ", ", id);
    case ThreadOrder::kTopicDescending:
      return absl::StrCat(" AND (", topic, ", ", id, ") < (?, ?) ORDER BY ", topic, " DESC, ", id,
                          " DESC");
  }
  return "";
}

// A condition of `passes`, and the filter if there is one.
std::string Passes(absl::string_view condition, absl::string_view filter) {
  return filter.empty() ? absl::StrCat("(", condition, ")")
                        : absl::StrCat("(", condition, " AND ", filter, ")");
}

// The first keys of `table` in an order of topics, as many as a page may look at.
std::string SortedKeys(absl::string_view table, absl::string_view parent, ThreadOrder order) {
  return absl::StrCat("(SELECT ", table, ".key FROM ", table, " WHERE ", parent,
                      RangeClause(table, order), " LIMIT ", kMaxRowsExamined, ") AS sorted");
}

// `columns` are those before `passes`, with a comma behind each.
std::string GroupsSql(absl::string_view columns, GroupScope scope, absl::string_view filter) {
  const std::string select =
      absl::StrCat("SELECT ", columns, Passes("groups.deleted = 0", filter), " FROM ");
  switch (scope) {
    case GroupScope::kAll:
      // The index has none that are deleted.
      return absl::StrCat(select,
                          "groups WHERE groups.deleted = 0 AND groups.id > ? ORDER BY groups.id");
    case GroupScope::kOfUser:
      return absl::StrCat(select,
                          "members CROSS JOIN groups ON groups.key = members.group_key"
                          " WHERE members.user_id = ? AND members.group_id > ?"
                          " ORDER BY members.group_id");
    case GroupScope::kOfUserAndOthers:
      // The ids of one user's groups are few enough to be sorted for each page.
      return absl::StrCat(select,
                          "(SELECT group_id AS id FROM members WHERE user_id = ? AND group_id > ?"
                          " UNION SELECT value FROM json_each(?) WHERE value > ? ORDER BY 1)"
                          " AS theirs CROSS JOIN groups"
                          " ON groups.id = theirs.id AND groups.deleted = 0"
                          " ORDER BY theirs.id");
  }
  return "";
}

std::string ThreadsSql(absl::string_view columns, ListScope scope, ThreadOrder order,
                       absl::string_view filter) {
  const std::string select =
      absl::StrCat("SELECT ", columns,
                   Passes("threads.deleted = 0 AND conversations.deleted = 0", filter), " FROM ");
  const absl::string_view join =
      "threads CROSS JOIN conversations ON conversations.key = threads.conversation_key";
  if (IsByTopic(order)) {
    return absl::StrCat(select, SortedKeys("threads", ParentColumn(scope), order), " CROSS JOIN ",
                        join, " WHERE threads.key = sorted.key");
  }
  return absl::StrCat(select, join, " WHERE ", ParentColumn(scope), RangeClause("threads", order));
}

std::string PostsSql(absl::string_view columns, bool newest_first, absl::string_view filter) {
  return absl::StrCat("SELECT ", columns, filter.empty() ? "1" : filter,
                      " FROM posts WHERE posts.thread_key = ?",
                      RangeClause("posts", newest_first ? ThreadOrder::kNewestCreated
                                                        : ThreadOrder::kOldestCreated));
}

}  // namespace

std::string ListGroupsSql(GroupScope scope, absl::string_view filter) {
  return GroupsSql(absl::StrCat(kGroupColumns, ", "), scope, filter);
}

std::string PassingGroupsSql(GroupScope scope, absl::string_view filter) {
  return GroupsSql("", scope, filter);
}

std::string ListThreadsSql(ListScope scope, ThreadOrder order, absl::string_view filter) {
  return ThreadsSql(absl::StrCat(kThreadColumns, ", "), scope, order, filter);
}

std::string PassingThreadsSql(ListScope scope, ThreadOrder order, absl::string_view filter) {
  return ThreadsSql("", scope, order, filter);
}

std::string ListConversationsSql(ThreadOrder order, absl::string_view filter) {
  const std::string select = absl::StrCat("SELECT ", kConversationColumns, ", ");
  const std::string by_itself = absl::StrCat(select, Passes("conversations.deleted = 0", filter),
                                             ", 0, conversations.id FROM ");
  constexpr absl::string_view kParent = "conversations.group_key = ?";
  switch (order) {
    case ThreadOrder::kNewestActivity:
    case ThreadOrder::kOldestActivity:
      // A conversation is where its newest thread is.
      return absl::StrCat(
          select,
          Passes("threads.deleted = 0 AND conversations.deleted = 0"
                 " AND NOT EXISTS (SELECT 1 FROM threads AS newer"
                 "  WHERE newer.conversation_key = threads.conversation_key AND newer.deleted = 0"
                 "  AND (newer.last_delivered_us, newer.id)"
                 "   > (threads.last_delivered_us, threads.id))",
                 filter),
          ", threads.last_delivered_us, threads.id FROM threads"
          " CROSS JOIN conversations ON conversations.key = threads.conversation_key WHERE ",
          ParentColumn(ListScope::kGroup), RangeClause("threads", order));
    case ThreadOrder::kOldestCreated:
    case ThreadOrder::kNewestCreated:
      return absl::StrCat(by_itself, "conversations WHERE ", kParent,
                          RangeClause("conversations", order));
    case ThreadOrder::kTopicAscending:
    case ThreadOrder::kTopicDescending:
      return absl::StrCat(by_itself, SortedKeys("conversations", kParent, order),
                          " CROSS JOIN conversations WHERE conversations.key = sorted.key");
  }
  return "";
}

std::string PassingConversationsSql(absl::string_view filter) {
  return absl::StrCat("SELECT ", Passes("conversations.deleted = 0", filter),
                      " FROM conversations WHERE conversations.group_key = ?",
                      RangeClause("conversations", ThreadOrder::kOldestCreated));
}

std::string ListPostsSql(bool newest_first, absl::string_view filter) {
  return PostsSql(absl::StrCat(kPostColumns, ", "), newest_first, filter);
}

std::string PassingPostsSql(absl::string_view filter) {
  return PostsSql("", /*newest_first=*/false, filter);
}

std::string CountThreadsSql(ListScope scope) {
  return absl::StrCat("SELECT count(*) FROM (SELECT 1 FROM threads WHERE ", ParentColumn(scope),
                      " LIMIT ?)");
}

std::string CountConversationsSql() {
  return "SELECT count(*) FROM (SELECT 1 FROM conversations WHERE group_key = ? LIMIT ?)";
}

ListRange::ListRange(ThreadOrder order, const std::optional<ThreadCursor>& after,
                     const std::optional<FilterNode>& filter,
                     const std::vector<FilterField>& fields)
    : low_{kBeforeFirstTime, std::string(kBeforeFirstId)},
      high_{kAfterLastTime, std::string(kAfterLastId)} {
  key_ = IsByTopic(order) ? Key::kTopic
         : order == ThreadOrder::kNewestActivity || order == ThreadOrder::kOldestActivity
             ? Key::kActivity
             : Key::kId;
  is_descending_ = order == ThreadOrder::kNewestActivity || order == ThreadOrder::kNewestCreated ||
                   order == ThreadOrder::kTopicDescending;
  if (after.has_value()) {
    Place& start = is_descending_ ? high_ : low_;
    start.us = after->last_delivered_us;
    start.id = std::string(after->id.bytes());
    topic_ = after->topic;
  }
  if (!filter.has_value() || key_ == Key::kTopic) return;
  LimitTimes(*filter, fields,
             key_ == Key::kActivity ? "last_delivered_date_time" : "created_date_time");
}

ListRange::ListRange(bool newest_first, const std::optional<Uuid>& after,
                     const std::optional<FilterNode>& filter)
    : key_(Key::kId),
      is_descending_(newest_first),
      low_{kBeforeFirstTime, std::string(kBeforeFirstId)},
      high_{kAfterLastTime, std::string(kAfterLastId)} {
  if (after.has_value()) {
    Place& start = newest_first ? high_ : low_;
    start.id = std::string(after->bytes());
  }
  if (!filter.has_value()) return;
  LimitTimes(*filter, PostFilterFields(), "created_date_time");
  LimitTimes(*filter, PostFilterFields(), "received_date_time");
}

void ListRange::LimitTimes(const FilterNode& filter, const std::vector<FilterField>& fields,
                           absl::string_view path) {
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].path != path) continue;
    const SplitFilter split = SplitByField(filter, static_cast<int>(i));
    if (split.bounds.has_value()) LimitTo(*split.bounds);
  }
}

void ListRange::LimitTo(const FilterNode& bounds) {
  for (const FilterNode& child : bounds.children) LimitTo(child);
  if (bounds.kind != FilterNode::Kind::kCompare) return;
  const int64_t* const us = std::get_if<int64_t>(&bounds.values[0]);
  if (us == nullptr) return;
  switch (bounds.comparison) {
    case FilterNode::Comparison::kEqual:
      NotBefore(*us);
      return NotAfter(*us);
    case FilterNode::Comparison::kLess:
      return NotAfter(*us - 1);
    case FilterNode::Comparison::kLessOrEqual:
      return NotAfter(*us);
    case FilterNode::Comparison::kGreater:
      return NotBefore(*us + 1);
    case FilterNode::Comparison::kGreaterOrEqual:
      return NotBefore(*us);
    case FilterNode::Comparison::kNotEqual:
      return;
  }
}

void ListRange::NotBefore(int64_t us) {
  Place place{us, std::string(kBeforeFirstId)};
  if (key_ == Key::kId) place.id = std::string(Uuid::FirstV7(absl::FromUnixMicros(us)).bytes());
  const bool is_later =
      key_ == Key::kId ? place.id > low_.id : std::pair(us, place.id) > std::pair(low_.us, low_.id);
  if (is_later) low_ = std::move(place);
}

void ListRange::NotAfter(int64_t us) {
  Place place{us, std::string(kAfterLastId)};
  if (key_ == Key::kId) place.id = std::string(Uuid::FirstV7(absl::FromUnixMicros(us + 1)).bytes());
  const bool is_earlier = key_ == Key::kId
                              ? place.id < high_.id
                              : std::pair(us, place.id) < std::pair(high_.us, high_.id);
  if (is_earlier) high_ = std::move(place);
}

void ListRange::Bind(Query& rows) const {
  const Place& start = is_descending_ ? high_ : low_;
  const Place& end = is_descending_ ? low_ : high_;
  switch (key_) {
    case Key::kActivity:
      rows.Bind(start.us).BindBlob(start.id).Bind(end.us);
      return;
    case Key::kId:
      rows.BindBlob(start.id).BindBlob(end.id);
      return;
    case Key::kTopic:
      if (topic_.has_value()) {
        rows.BindText(*topic_);
      } else if (is_descending_) {
        rows.BindBlob("");  // SQLite has blobs after all text.
      } else {
        rows.BindText("");
      }
      rows.BindBlob(start.id);
      return;
  }
}

}  // namespace threadstore::sqlite
