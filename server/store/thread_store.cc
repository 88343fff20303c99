#include "server/store/thread_store.h"

#include "server/base/errors.h"

namespace threadstore {

absl::Status CheckWanted(const CallContext& context, absl::Time now) {
  if (context.cancelled != nullptr && context.cancelled()) return CancelledError();
  if (context.deadline <= now) return DeadlineExceededError();
  return absl::OkStatus();
}

bool IsInScope(const StoredChange& change, const ChangeScope& scope,
               const std::optional<int64_t>& group_key) {
  if (!scope.group.has_value()) return true;
  if (change.group_key != group_key) return false;
  if (IsGroupDeletion(change)) return true;
  if (scope.thread.has_value()) {
    const bool is_deletion = change.change.kind() == v1::ThreadChange::KIND_DELETED;
    return change.thread == scope.thread && (change.post.has_value() || is_deletion);
  }
  return !scope.conversation.has_value() || change.conversation == scope.conversation;
}

bool IsGroupDeletion(const StoredChange& change) {
  return !change.conversation.has_value() && !change.thread.has_value();
}

}  // namespace threadstore
