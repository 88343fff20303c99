#ifndef THREADSTORE_SERVER_AUTH_AUTH_CONFIG_H_
#define THREADSTORE_SERVER_AUTH_AUTH_CONFIG_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "server/auth/permissions.h"

namespace threadstore {

// Where in a token it says what. Of several names the first claim that is there counts; with none,
// such as for an issuer that is not to say who is in which group, it says nothing. The defaults are
// those of Entra ID, then of RFC 9068 and OpenID Connect.
struct ClaimNames {
  std::vector<std::string> user_id = {"oid", "sub"};
  std::vector<std::string> application_id = {"azp", "appid", "client_id", "sub"};
  std::vector<std::string> display_name = {"name", "preferred_username", "upn", "email"};
  // Without a list `email`; then, of tokens with a `tid`, as Entra ID's, unless they say that the
  // address is not verified, `preferred_username` and `upn`, which users elsewhere may choose.
  std::optional<std::vector<std::string>> mail = std::nullopt;
  std::vector<std::string> scopes = {"scp", "scope"};  // Of users: a list, or text with spaces.
  std::vector<std::string> roles = {"roles"};          // Of applications.
  std::vector<std::string> groups = {"groups"};        // Ids of groups that a user is in.
  std::vector<std::string> token_id = {"uti", "jti"};

  friend bool operator==(const ClaimNames&, const ClaimNames&) = default;
};

// Where an issuer publishes its keys, as a JSON Web Key Set (RFC 7517).
struct KeyLocation {
  std::string jwks;        // A file, or a URL that begins with https://.
  std::string ca;          // A PEM file of whom to trust for the URL; empty is the system's.
  std::string token_file;  // A file with the bearer token that the URL asks for; empty is none.

  bool is_url() const { return absl::StartsWith(jwks, "https://"); }

  friend bool operator==(const KeyLocation&, const KeyLocation&) = default;
};

// Whose tokens are believed.
struct IssuerConfig {
  std::vector<std::string> names;      // What `iss` may be: the issuer, then its aliases.
  std::vector<std::string> audiences;  // One of these must be in `aud`.
  KeyLocation keys;
  std::string prefix;  // Before the ids of its users and applications: issuers may know two of one.
  ClaimNames claims;

  friend bool operator==(const IssuerConfig&, const IssuerConfig&) = default;
};

// A shared secret, which is not kept: only its SHA-256, in 64 hexadecimal digits.
struct TokenConfig {
  std::string sha256;
  std::string application;
  Permissions permissions = 0;

  friend bool operator==(const TokenConfig&, const TokenConfig&) = default;
};

// What principals may do besides what their tokens say.
struct Grant {
  // `user:ID` or `application:ID`; each `*` stands for any text.
  std::string principal;
  Permissions permissions = 0;

  // Whether the principal of this key (see Principal::Key) is meant.
  bool Covers(absl::string_view principal_key) const;

  friend bool operator==(const Grant&, const Grant&) = default;
};

// Whom --auth=token and --auth=jwt believe.
struct AuthConfig {
  std::vector<IssuerConfig> issuers;
  std::vector<TokenConfig> tokens;
  std::vector<Grant> grants;

  friend bool operator==(const AuthConfig&, const AuthConfig&) = default;
};

// Reads the YAML of --auth_config, which deploy/AUTH.md describes. INVALID_ARGUMENT with the line
// and the rule for anything that is not known, missing, or twice.
absl::StatusOr<AuthConfig> ParseAuthConfig(absl::string_view yaml);

// OK, or INVALID_ARGUMENT if an issuer is named twice or has no audience or keys, or a prefix
// begins with another's.
absl::Status CheckIssuers(const std::vector<IssuerConfig>& issuers);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_AUTH_AUTH_CONFIG_H_
