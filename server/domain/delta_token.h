#ifndef THREADSTORE_SERVER_DOMAIN_DELTA_TOKEN_H_
#define THREADSTORE_SERVER_DOMAIN_DELTA_TOKEN_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/domain/change_query.h"

// Delta tokens: positions as callers keep them, opaque, URL-safe, and bound to the parent whose
// changes they are a place in. As page tokens, they grant no rights and are not signed.
namespace threadstore {

// What binds tokens to a parent, whichever method gave them.
uint64_t ParentFingerprint(const ChangeScope& scope);

std::string EncodeDeltaToken(const ChangePosition& position, uint64_t parent_fingerprint);

// Reads a token that EncodeDeltaToken made for the scope. INVALID_ARGUMENT with the description of
// a field violation if it is none, or another parent's.
absl::StatusOr<ChangePosition> DecodeDeltaToken(absl::string_view text, const ChangeScope& scope);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_DELTA_TOKEN_H_
