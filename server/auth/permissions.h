#ifndef THREADSTORE_SERVER_AUTH_PERMISSIONS_H_
#define THREADSTORE_SERVER_AUTH_PERMISSIONS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace threadstore {

struct Principal;

// What a token can entitle its bearer to: Graph's permissions by their names there, and one of
// our own. Values are bits of a Permissions set.
enum Permission : uint32_t {
  kGroupConversationRead = 1U << 0,       // Group-Conversation.Read.All
  kGroupConversationReadWrite = 1U << 1,  // Group-Conversation.ReadWrite.All
  kGroupRead = 1U << 2,                   // Group.Read.All
  kGroupReadWrite = 1U << 3,              // Group.ReadWrite.All
  kAdmin = 1U << 4,                       // Threadstore.Admin
};
using Permissions = uint32_t;

inline constexpr Permissions kAllButAdmin =
    kGroupConversationRead | kGroupConversationReadWrite | kGroupRead | kGroupReadWrite;

// The name of a permission in tokens.
absl::string_view PermissionName(Permission permission);

// The permission of a name, compared case-sensitively; nothing if there is none.
std::optional<Permission> PermissionNamed(absl::string_view name);

// All names.
std::vector<absl::string_view> PermissionNames();

// Whether the principal's permissions cover a method, given by its full protobuf name, such as
// `threadstore.v1.ThreadService.CreateThread`. PERMISSION_DENIED / MISSING_PERMISSION, naming
// the least permission that would do, if not. A method without a rule takes kAdmin.
absl::Status CheckPermission(const Principal& principal, absl::string_view method);

// Whether the table of permissions has the method.
bool HasPermissionRule(absl::string_view method);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_AUTH_PERMISSIONS_H_
