#ifndef THREADSTORE_SERVER_AUTH_ACCESS_H_
#define THREADSTORE_SERVER_AUTH_ACCESS_H_

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/auth/principal.h"
#include "server/domain/resource_name.h"
#include "server/store/thread_store.h"

namespace threadstore {

// What the store must check of a principal that names a group: a user acts on groups it is in, by
// its token or by the store's members, an application on any; `me` and `users/{user}` lead only to
// groups which that user is in.
//
// INVALID_ARGUMENT / USER_REQUIRED, naming `field`, for an application's `me`; PERMISSION_DENIED
// for a user who names another user.
absl::StatusOr<std::optional<RequiredMember>> ResolveAccess(const Principal& principal,
                                                            const GroupName& group,
                                                            absl::string_view field);

// The same for what only owners may do, which tokens do not tell: applications that may do it at
// all need not be members.
absl::StatusOr<std::optional<RequiredMember>> ResolveOwnerAccess(const Principal& principal,
                                                                 const GroupName& group,
                                                                 absl::string_view field);

// The id of the user that a name means: the caller's for `me`. The same errors.
absl::StatusOr<std::string> ResolveUser(const Principal& principal, const UserName& name,
                                        absl::string_view field);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_AUTH_ACCESS_H_
