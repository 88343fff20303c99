#include "server/authentication.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/auth/auth_config.h"
#include "server/auth/auth_config_file.h"
#include "server/auth/bearer_authenticator.h"
#include "server/base/status_macros.h"
#include "server/config.h"

namespace threadstore {
namespace {

class Nobody final : public Authentication {
 public:
  const Authenticator& authenticator() const override { return authenticator_; }

 private:
  const NoAuthentication authenticator_{};
};

// What the flags and the file say together.
absl::StatusOr<AuthConfig> Complete(AuthConfig auth, const Config& config) {
  if (config.auth == "token") {
    if (!auth.issuers.empty()) {
      return absl::InvalidArgumentError("there are issuers, which --auth=token does not believe");
    }
    if (auth.tokens.empty()) return absl::InvalidArgumentError("there are no tokens");
  }
  if (!config.jwt_issuer.empty()) {
    IssuerConfig issuer;
    issuer.names = {config.jwt_issuer};
    issuer.audiences = config.jwt_audience;
    issuer.keys.jwks = config.jwks;
    auth.issuers.insert(auth.issuers.begin(), std::move(issuer));
  }
  if (config.auth == "jwt" && auth.issuers.empty()) {
    return absl::InvalidArgumentError("there are no issuers");
  }
  RETURN_IF_ERROR(CheckIssuers(auth.issuers));
  return auth;
}

// Keys in a file are the operator's own, and there when the server starts.
absl::Status CheckKeyFiles(const AuthConfig& auth) {
  for (const IssuerConfig& issuer : auth.issuers) {
    if (issuer.keys.is_url()) continue;
    absl::StatusOr<std::string> text = BearerAuthenticator::FetchKeysAt(issuer.keys);
    const absl::StatusOr<KeySet> keys = text.ok() ? KeySet::Parse(*text) : text.status();
    const absl::string_view problem = !keys.ok()          ? keys.status().message()
                                      : keys->size() == 0 ? "there is no key for RS256 or ES256"
                                                          : "";
    if (!problem.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the jwks of ", issuer.names.front(), ": ", problem));
    }
  }
  return absl::OkStatus();
}

class ByToken final : public Authentication {
 public:
  ByToken(const Config& config, AuthConfig auth, std::unique_ptr<AuthConfigFile> file,
          const Clock& clock)
      : authenticator_(std::move(auth), clock), file_(std::move(file)) {
    if (file_ == nullptr) return;
    file_->Follow([this, config](AuthConfig changed) {
      absl::StatusOr<AuthConfig> completed = Complete(std::move(changed), config);
      if (!completed.ok()) return completed.status();
      RETURN_IF_ERROR(CheckKeyFiles(*completed));
      authenticator_.Configure(*std::move(completed));
      return absl::OkStatus();
    });
  }

  const Authenticator& authenticator() const override { return authenticator_; }

 private:
  BearerAuthenticator authenticator_;
  const std::unique_ptr<AuthConfigFile> file_;  // Ends before what it configures.
};

}  // namespace

absl::StatusOr<std::unique_ptr<Authentication>> Authentication::Make(const Config& config,
                                                                     const Clock& clock) {
  if (config.auth == "none") return std::make_unique<Nobody>();
  std::unique_ptr<AuthConfigFile> file;
  AuthConfig auth;
  if (!config.auth_config.empty()) {
    ASSIGN_OR_RETURN(file, AuthConfigFile::Open(config.auth_config));
    auth = file->config();
  }
  absl::StatusOr<AuthConfig> completed = Complete(std::move(auth), config);
  const absl::Status status = completed.ok() ? CheckKeyFiles(*completed) : completed.status();
  if (!status.ok()) {
    const std::string where =
        config.auth_config.empty() ? "" : absl::StrCat(config.auth_config, ": ");
    return absl::InvalidArgumentError(absl::StrCat(where, status.message()));
  }
  return std::make_unique<ByToken>(config, *std::move(completed), std::move(file), clock);
}

}  // namespace threadstore
