#ifndef THREADSTORE_SERVER_DOMAIN_CHANGE_QUERY_H_
#define THREADSTORE_SERVER_DOMAIN_CHANGE_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/uuid.h"
#include "server/domain/limits.h"
#include "server/domain/resource_name.h"

// What followers of changes ask of a store: whose changes, after which, how many.
namespace threadstore {

// Whose changes: those of a group, of one of its conversations or threads, or, without a group, of
// all groups.
//
// A conversation's are its own deletion and the changes of its threads and their posts. A thread's
// are its own deletion and the changes of its posts.
struct ChangeScope {
  std::optional<GroupName> group;
  std::optional<Uuid> conversation;
  std::optional<Uuid> thread;  // Found through `conversation`, if the name goes through one.

  // The name that every alias of it leads to, such as `groups/{group}/threads/{thread}`; of all
  // groups `groups/-`.
  std::string Canonical() const;
};

// INVALID_ARGUMENT with the description of a field violation, as in resource_name.h.
absl::StatusOr<ChangeScope> ParseChangeScope(absl::string_view name);

// A place in the changes of a scope. Survives restarts.
struct ChangePosition {
  // While what was there at the beginning is still being listed: the last thread that has been, and
  // the last of its posts, if any of them has been.
  struct Listed {
    Uuid thread;
    std::optional<Uuid> post;
    bool operator==(const Listed&) const = default;
  };

  Uuid seal;  // Made by the store, of group_key: its numbers are the store's, and nobody's guess.
  std::optional<int64_t> group_key = std::nullopt;  // Of all groups none.
  int64_t sequence = 0;                             // The last change before this place.
  std::optional<Listed> listed = std::nullopt;

  bool operator==(const ChangePosition&) const = default;
};

// Where a follower without a position begins.
enum class ChangeStart {
  kBeginning,  // With all that is there.
  kNow,        // With the next change.
};

struct ChangeQuery {
  ChangeScope scope;
  std::optional<ChangePosition> after = std::nullopt;
  ChangeStart start = ChangeStart::kNow;  // Used without a position.

  // At most so many changes, or a few more, since what changed at once is kept together; with 0
  // nothing but the position and the caller are checked.
  int32_t limit = 0;

  // Likewise of the bytes that they have, but at least the first.
  size_t max_bytes = kMaxPageBytes;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_CHANGE_QUERY_H_
