#include "server/domain/list_order.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace threadstore {
namespace {

// How else a field of an order may be called.
constexpr std::pair<absl::string_view, absl::string_view> kCreationNames[] = {
    {"created_date_time", "create_time"},
    {"createdDateTime", "create_time"},
};
constexpr std::pair<absl::string_view, absl::string_view> kThreadNames[] = {
    {"lastDeliveredDateTime", "last_delivered_date_time"},
};
constexpr std::pair<absl::string_view, absl::string_view> kPostNames[] = {
    {"received_date_time", "create_time"},
    {"receivedDateTime", "create_time"},
};

constexpr ThreadOrder kThreadOrders[] = {
    ThreadOrder::kNewestActivity, ThreadOrder::kOldestActivity, ThreadOrder::kOldestCreated,
    ThreadOrder::kNewestCreated,  ThreadOrder::kTopicAscending, ThreadOrder::kTopicDescending};

template <size_t kCount>
absl::string_view ProtoName(
    absl::string_view field,
    const std::pair<absl::string_view, absl::string_view> (&names)[kCount]) {
  for (const auto& [other, name] : names) {
    if (field == other) return name;
  }
  return field;
}

// An order as OrderText has it, if it has one field. Spaces are insignificant, and ascending need
// not be said (AIP-132).
template <size_t kCount>
std::string Normalize(absl::string_view order_by,
                      const std::pair<absl::string_view, absl::string_view> (&names)[kCount]) {
  const std::vector<absl::string_view> words = absl::StrSplit(order_by, ' ', absl::SkipEmpty());
  if (words.empty()) return "";
  const absl::string_view field = ProtoName(ProtoName(words[0], names), kCreationNames);
  if (words.size() == 1 || (words.size() == 2 && words[1] == "asc")) return std::string(field);
  if (words.size() == 2 && words[1] == "desc") return absl::StrCat(field, " desc");
  return std::string(order_by);
}

}  // namespace

absl::StatusOr<ThreadOrder> ParseThreadOrder(absl::string_view order_by) {
  const std::string normal = Normalize(order_by, kThreadNames);
  if (normal.empty()) return ThreadOrder::kNewestActivity;
  for (const ThreadOrder order : kThreadOrders) {
    if (normal == OrderText(order)) return order;
  }
  return absl::InvalidArgumentError(
      "must be 'last_delivered_date_time', 'create_time' or 'topic', with 'asc' or 'desc'");
}

absl::StatusOr<bool> ParsePostOrder(absl::string_view order_by) {
  const std::string normal = Normalize(order_by, kPostNames);
  if (normal.empty() || normal == OrderText(false)) return false;
  if (normal == OrderText(true)) return true;
  return absl::InvalidArgumentError("must be 'create_time' or 'create_time desc'");
}

absl::StatusOr<SearchOrder> ParseSearchOrder(absl::string_view order_by) {
  const absl::string_view normal = absl::StripAsciiWhitespace(order_by);
  for (const SearchOrder order : {SearchOrder::kNewestMatch, SearchOrder::kRank}) {
    if (normal == OrderText(order)) return order;
  }
  return absl::InvalidArgumentError("must be empty or 'rank'");
}

absl::string_view OrderText(ThreadOrder order) {
  switch (order) {
    case ThreadOrder::kNewestActivity:
      return "last_delivered_date_time desc";
    case ThreadOrder::kOldestActivity:
      return "last_delivered_date_time";
    case ThreadOrder::kOldestCreated:
      return "create_time";
    case ThreadOrder::kNewestCreated:
      return "create_time desc";
    case ThreadOrder::kTopicAscending:
      return "topic";
    case ThreadOrder::kTopicDescending:
      return "topic desc";
  }
  return "";
}

absl::string_view OrderText(bool newest_posts_first) {
  return newest_posts_first ? "create_time desc" : "create_time";
}

absl::string_view OrderText(SearchOrder order) { return order == SearchOrder::kRank ? "rank" : ""; }

}  // namespace threadstore
