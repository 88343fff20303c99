#ifndef THREADSTORE_SERVER_DOMAIN_LIST_ORDER_H_
#define THREADSTORE_SERVER_DOMAIN_LIST_ORDER_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/domain/list_query.h"

// The orders that lists take as `order_by` (AIP-132). Fields may be written as here or in Graph's
// camelCase, and the creation by both of its names.
namespace threadstore {

// INVALID_ARGUMENT with the description of a field violation that tells which orders there are.
// Without one: newest activity first.
absl::StatusOr<ThreadOrder> ParseThreadOrder(absl::string_view order_by);

// Whether the newest posts come first. Without an order they do not.
absl::StatusOr<bool> ParsePostOrder(absl::string_view order_by);

// Of results of a search. Without an order the newest match comes first.
absl::StatusOr<SearchOrder> ParseSearchOrder(absl::string_view order_by);

// The one text of an order. Page tokens depend on it, so it never changes.
absl::string_view OrderText(ThreadOrder order);
absl::string_view OrderText(bool newest_posts_first);
absl::string_view OrderText(SearchOrder order);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_LIST_ORDER_H_
