// The rules of ListThreadChanges and WatchThreads.

#include <utility>

#include "server/base/status_macros.h"
#include "server/domain/delta_token.h"
#include "server/domain/field_checks.h"
#include "server/domain/validation.h"

namespace threadstore {
namespace {

// The parent of a watch that follows all groups (AIP-159).
constexpr absl::string_view kAllGroups = "groups/-";

// The position in a token of the scope; nothing if there is none or it is refused.
std::optional<ChangePosition> CheckDeltaToken(absl::string_view text, const ChangeScope& scope,
                                              Violations& violations) {
  if (text.empty()) return std::nullopt;
  return violations.Take("delta_token", DecodeDeltaToken(text, scope));
}

}  // namespace

absl::StatusOr<ChangeQuery> Validate(const v1::ListThreadChangesRequest& request) {
  Violations violations;
  ChangeQuery query;
  query.scope = violations.Take("parent", ParseChangeScope(request.parent()));
  switch (request.start()) {
    case v1::ListThreadChangesRequest::START_UNSPECIFIED:
    case v1::ListThreadChangesRequest::START_BEGINNING:
      query.start = ChangeStart::kBeginning;
      break;
    case v1::ListThreadChangesRequest::START_NOW:
      query.start = ChangeStart::kNow;
      break;
    default:
      violations.Add("start", "must be START_BEGINNING or START_NOW");
  }
  query.limit = CheckPageSize(request.page_size(), violations);
  query.after = CheckDeltaToken(request.delta_token(), query.scope, violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return query;
}

absl::StatusOr<ChangeQuery> Validate(const v1::WatchThreadsRequest& request, CallerKind caller) {
  Violations violations;
  ChangeQuery query;
  if (request.parent() != kAllGroups) {
    query.scope = violations.Take("parent", ParseChangeScope(request.parent()));
  } else if (caller == CallerKind::kUser) {
    violations.Add("parent", "must name a group: only applications watch all of them");
  }
  query.start = ChangeStart::kNow;
  query.after = CheckDeltaToken(request.delta_token(), query.scope, violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return query;
}

}  // namespace threadstore
