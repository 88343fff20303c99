#include "server/store/thread_store.h"

#include "server/base/errors.h"

namespace threadstore {

absl::Status CheckWanted(const CallContext& context, absl::Time now) {
  if (context.cancelled != nullptr && context.cancelled()) return CancelledError();
  if (context.deadline <= now) return DeadlineExceededError();
  return absl::OkStatus();
}

}  // namespace threadstore
