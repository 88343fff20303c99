#ifndef THREADSTORE_SERVER_AUTH_BEARER_AUTHENTICATOR_H_
#define THREADSTORE_SERVER_AUTH_BEARER_AUTHENTICATOR_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/auth/auth_config.h"
#include "server/auth/authenticator.h"
#include "server/auth/key_source.h"
#include "server/auth/principal_cache.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace threadstore {

// --auth=token and --auth=jwt: `authorization: Bearer TOKEN` says who is calling (RFC 6750), and
// without it the client's certificate does, whose rights are those that are granted. A token is a
// shared secret of the configuration, or a JSON Web Token of one of its issuers.
//
// Why a token is refused is logged, at most once a second, and never told: a caller learns only
// that it is not valid. Verified tokens are remembered until they expire, since verifying takes
// longer than most calls; what is remembered is forgotten with each generation.
class BearerAuthenticator final : public Authenticator {
 public:
  // How to fetch the keys at a location; replaced in tests.
  using FetchKeys = std::function<absl::StatusOr<std::string>(const KeyLocation&)>;

  // Begins to fetch the keys of all issuers, and waits some seconds for their first answers.
  // `clock`, which tells whether tokens are expired, must outlive it.
  BearerAuthenticator(AuthConfig config, const Clock& clock, KeyRefresh refresh = {},
                      FetchKeys fetch = &FetchKeysAt);

  // UNAUTHENTICATED / INVALID_CREDENTIALS also for `x-threadstore-user`, which only --auth=none
  // believes. UNAVAILABLE / ISSUER_UNAVAILABLE while nothing is known of an issuer's keys.
  absl::StatusOr<Principal> Authenticate(const Credentials& credentials) const override;

  bool AwaitKeys(const Credentials& credentials,
                 absl::AnyInvocable<void() &&>& ready) const override;

  // Changes when something else is configured, and when any issuer withdraws a key, or adds a
  // second one, after which tokens have to name theirs.
  uint64_t generation() const override { return cache_->generation(); }

  // Whether an issuer has a groups claim.
  bool NamesGroups() const override { return state()->names_groups; }

  // From now on this counts. Keys of issuers that stay are kept; until those of others have come,
  // their tokens are answered with ISSUER_UNAVAILABLE. Not by two threads at once.
  void Configure(AuthConfig config);

  // The file or the https URL.
  static absl::StatusOr<std::string> FetchKeysAt(const KeyLocation& location);

 private:
  struct Source {
    KeyLocation location;
    std::shared_ptr<KeySource> keys;
  };

  struct Issuer {
    IssuerConfig config;
    std::shared_ptr<KeySource> keys;
  };

  // What is configured. Immutable.
  struct State {
    std::map<std::string, std::shared_ptr<const Issuer>, std::less<>> issuers;  // By each name.
    std::vector<TokenConfig> tokens;
    std::vector<Grant> grants;
    bool names_groups = false;
  };

  std::shared_ptr<KeySource> SourceAt(const IssuerConfig& issuer);
  std::shared_ptr<const State> state() const;
  absl::StatusOr<Principal> VerifyJwt(const State& state, absl::string_view token) const;

  const Clock& clock_;
  const KeyRefresh refresh_;
  const FetchKeys fetch_;
  // Shared with what is told of new keys, which may outlive this for a moment.
  const std::shared_ptr<PrincipalCache> cache_ = std::make_shared<PrincipalCache>();
  std::optional<AuthConfig> config_;  // Both of the thread that configures.
  std::vector<Source> sources_;

  mutable Mutex mutex_;
  std::shared_ptr<const State> state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_AUTH_BEARER_AUTHENTICATOR_H_
