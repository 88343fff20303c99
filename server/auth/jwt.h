#ifndef THREADSTORE_SERVER_AUTH_JWT_H_
#define THREADSTORE_SERVER_AUTH_JWT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "server/auth/auth_config.h"
#include "server/auth/principal.h"

namespace threadstore {

// The longest bearer token that is looked at, in bytes. Those of Entra ID with 200 groups have
// about 10 KiB.
inline constexpr size_t kMaxBearerTokenBytes = size_t{16} << 10;

// A JSON Web Token (RFC 7519) that is signed (RFC 7515, compact form), taken apart. Nothing of it
// is to be believed before KeySet::Verify.
struct Jwt {
  enum class Algorithm { kRs256, kEs256 };

  std::string text;  // All of it.
  Algorithm algorithm = Algorithm::kRs256;
  std::string key_id;  // Empty if it names none.
  nlohmann::json claims;

  // What `iss` says; empty if it is not text.
  std::string issuer() const;
};

// INVALID_ARGUMENT, for the log and not for the caller, if it is not such a token, its header has
// what this server does not understand, or its algorithm is neither RS256 nor ES256 (RFC 8725,
// section 3.1).
absl::StatusOr<Jwt> ParseJwt(absl::string_view text);

// What a verified token says of its bearer, without grants. INVALID_ARGUMENT, for the log, if it is
// not for one of the issuer's audiences, is expired or not valid yet beyond a leeway of a minute,
// is of a personal Microsoft account, or does not say who its bearer is.
//
// What `idtyp` says it is, `app` or `user`, it is. Without it, it is an application's if `sub` is
// the client's own id and not a user's: the same as `client_id`, `azp` or `appid` (RFC 9068,
// section 5); or, if it has no scopes, which would be what a user lets a client do, the same as
// `oid`, as in Entra ID, or a service account's of Kubernetes, whose id is `sub` and whose token
// entitles it to nothing. Otherwise it is a user's. As a user's name and mail is passed over what a
// member could not have, and an address of which `email_verified` says that it is not.
absl::StatusOr<Principal> PrincipalOf(const Jwt& jwt, const IssuerConfig& issuer, absl::Time now);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_AUTH_JWT_H_
