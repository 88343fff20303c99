#include "server/auth/authenticator.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/auth/certificate_application.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/resource_name.h"

namespace threadstore {

absl::StatusOr<Principal> NoAuthentication::Authenticate(const Credentials& credentials) const {
  Principal principal;
  principal.permissions = kAllButAdmin;
  if (credentials.from_loopback) principal.permissions |= kAdmin;
  if (credentials.users.empty()) {
    if (credentials.certificate_names.has_value()) {
      ASSIGN_OR_RETURN(principal.id, ApplicationOfCertificate(*credentials.certificate_names));
    }
    return principal;
  }
  if (credentials.users.size() > 1) {
    return InvalidCredentialsError(
        "x-threadstore-user or x-threadstore-user-bin must be given once, and not both");
  }
  const absl::string_view user = credentials.users.front();
  if (const absl::Status status = CheckUserId(user); !status.ok()) {
    return InvalidCredentialsError(absl::StrCat("x-threadstore-user: ", status.message()));
  }
  principal.kind = Principal::Kind::kUser;
  principal.id = std::string(user);
  return principal;
}

}  // namespace threadstore
