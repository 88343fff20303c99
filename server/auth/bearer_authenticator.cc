#include "server/auth/bearer_authenticator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/auth/certificate_application.h"
#include "server/auth/https_get.h"
#include "server/auth/jwt.h"
#include "server/base/errors.h"
#include "server/base/file_text.h"
#include "server/base/secret.h"
#include "server/base/sha256.h"
#include "server/base/status_macros.h"
#include "server/telemetry/log.h"

namespace threadstore {
namespace {

constexpr size_t kMaxKeySetBytes = size_t{1} << 20;
constexpr char kInvalidToken[] = "the bearer token is not valid";
constexpr absl::Duration kLogInterval = absl::Seconds(1);
// More than fetching takes at most.
constexpr absl::Duration kFirstKeysLimit = absl::Seconds(6);
constexpr absl::Duration kIssuerRetryDelay = absl::Seconds(1);

// b64token of RFC 6750, section 2.1.
bool IsBearerToken(absl::string_view token) {
  const auto is_allowed = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::StrContains("-._~+/=", absl::string_view(&c, 1));
  };
  return !token.empty() && token.size() <= kMaxBearerTokenBytes &&
         std::all_of(token.begin(), token.end(), is_allowed);
}

// The token of the one `authorization` there is.
absl::StatusOr<absl::string_view> BearerTokenOf(const Credentials& credentials) {
  if (!credentials.users.empty()) {
    return InvalidCredentialsError("x-threadstore-user is not believed: a token says who it is");
  }
  if (credentials.authorizations.empty()) {
    return InvalidCredentialsError("authorization with a bearer token is required");
  }
  if (credentials.authorizations.size() > 1) {
    return InvalidCredentialsError("authorization must be given once");
  }
  absl::string_view token = credentials.authorizations.front();
  constexpr absl::string_view kScheme = "Bearer ";
  if (!absl::StartsWithIgnoreCase(token, kScheme)) {
    return InvalidCredentialsError("authorization must be Bearer and a token");
  }
  token = absl::StripAsciiWhitespace(token.substr(kScheme.size()));
  if (!IsBearerToken(token)) return InvalidCredentialsError(kInvalidToken);
  return token;
}

// What is logged of a refusal, and what is answered.
absl::Status RefuseToken(absl::string_view why, absl::string_view issuer) {
  static Mutex mutex;
  static absl::Time next = absl::InfinitePast();
  static int64_t others = 0;
  MutexLock lock(&mutex);
  const absl::Time now = absl::Now();
  if (now >= next || next - now > kLogInterval) {
    log::Warning("token refused", {{"reason", std::string(why)},
                                   {"issuer", std::string(issuer)},
                                   {"others", std::exchange(others, 0)}});
    next = now + kLogInterval;
  } else {
    ++others;
  }
  return InvalidCredentialsError(kInvalidToken);
}

// Null if the token of the digest is none of them.
const TokenConfig* FindSecret(const std::vector<TokenConfig>& tokens, absl::string_view digest) {
  const std::string hex = absl::BytesToHexString(digest);
  const TokenConfig* found = nullptr;
  for (const TokenConfig& token : tokens) {
    if (EqualInConstantTime(token.sha256, hex)) found = &token;
  }
  return found;
}

template <typename Issuers>
bool HasPrefixOfAnother(const Issuers& issuers, const IssuerConfig& own, absl::string_view id) {
  return std::any_of(issuers.begin(), issuers.end(), [&](const auto& named) {
    const std::string& prefix = named.second->config.prefix;
    return !prefix.empty() && prefix != own.prefix && absl::StartsWith(id, prefix);
  });
}

void AddGrants(const std::vector<Grant>& grants, Principal& principal) {
  const std::string key = principal.Key();
  for (const Grant& grant : grants) {
    if (grant.Covers(key)) principal.permissions |= grant.permissions;
  }
}

}  // namespace

absl::StatusOr<std::string> BearerAuthenticator::FetchKeysAt(const KeyLocation& location) {
  if (location.is_url()) return HttpsGet(location);
  absl::StatusOr<std::string> text = ReadFileText(location.jwks, kMaxKeySetBytes);
  if (text.ok()) return text;
  return absl::UnavailableError(absl::StrCat(location.jwks, " ", text.status().message()));
}

BearerAuthenticator::BearerAuthenticator(AuthConfig config, const Clock& clock, KeyRefresh refresh,
                                         FetchKeys fetch)
    : clock_(clock), refresh_(refresh), fetch_(std::move(fetch)) {
  Configure(std::move(config));
  const absl::Duration end = SteadyNow() + kFirstKeysLimit;
  for (const Source& source : sources_) source.keys->AwaitFirst(end - SteadyNow());
}

void BearerAuthenticator::Configure(AuthConfig config) {
  if (config == config_) return;
  config_ = config;
  auto state = std::make_shared<State>();
  state->tokens = std::move(config.tokens);
  state->grants = std::move(config.grants);
  for (IssuerConfig& configured : config.issuers) {
    auto issuer = std::make_shared<Issuer>();
    issuer->keys = SourceAt(configured);
    if (!configured.claims.groups.empty()) state->names_groups = true;
    issuer->config = std::move(configured);
    for (const std::string& name : issuer->config.names) state->issuers[name] = issuer;
  }
  {
    MutexLock lock(&mutex_);
    state_ = std::move(state);
  }
  cache_->Clear();
  // A source ends its thread with itself. It must not do so on a thread that serves a call, which
  // may have the last state still.
  std::erase_if(sources_, [](const Source& source) { return source.keys.use_count() == 1; });
}

std::shared_ptr<KeySource> BearerAuthenticator::SourceAt(const IssuerConfig& issuer) {
  for (const Source& source : sources_) {
    if (source.location == issuer.keys) return source.keys;
  }
  // Files cost nothing to look at, and whoever changes one expects it to count.
  KeyRefresh refresh = refresh_;
  if (!issuer.keys.is_url()) refresh.interval = refresh_.min_interval;
  auto keys = std::make_shared<KeySource>(
      issuer.names.front(), [fetch = fetch_, location = issuer.keys] { return fetch(location); },
      refresh, [cache = cache_] { cache->Clear(); });
  sources_.push_back({issuer.keys, keys});
  return keys;
}

std::shared_ptr<const BearerAuthenticator::State> BearerAuthenticator::state() const {
  MutexLock lock(&mutex_);
  return state_;
}

absl::StatusOr<Principal> BearerAuthenticator::Authenticate(const Credentials& credentials) const {
  if (credentials.authorizations.empty() && credentials.users.empty() &&
      credentials.certificate_names.has_value()) {
    Principal principal;
    ASSIGN_OR_RETURN(principal.id, ApplicationOfCertificate(*credentials.certificate_names));
    AddGrants(state()->grants, principal);
    return principal;
  }
  ASSIGN_OR_RETURN(const absl::string_view token, BearerTokenOf(credentials));
  std::string digest = Sha256(token);
  if (std::optional<Principal> known = cache_->Find(digest, clock_.Now())) return *std::move(known);
  const uint64_t generation = cache_->generation();
  const std::shared_ptr<const State> state = this->state();
  // Secrets first: they may look like anything.
  const TokenConfig* const secret = FindSecret(state->tokens, digest);
  Principal principal;
  if (secret != nullptr) {
    principal.id = secret->application;
    principal.permissions = secret->permissions;
  } else if (!state->issuers.empty() && absl::StrContains(token, '.')) {
    ASSIGN_OR_RETURN(principal, VerifyJwt(*state, token));
  } else {
    return RefuseToken("it is none of the shared secrets", "");
  }
  AddGrants(state->grants, principal);
  cache_->Add(std::move(digest), principal, generation);
  return principal;
}

absl::StatusOr<Principal> BearerAuthenticator::VerifyJwt(const State& state,
                                                         absl::string_view token) const {
  const absl::StatusOr<Jwt> jwt = ParseJwt(token);
  if (!jwt.ok()) return RefuseToken(jwt.status().message(), "");
  const auto issuer = state.issuers.find(jwt->issuer());
  if (issuer == state.issuers.end()) return RefuseToken("the issuer is not known", "");
  const std::string& name = issuer->first;
  const std::shared_ptr<const KeySet> keys = issuer->second->keys->keys();
  if (keys == nullptr) return IssuerUnavailableError(kIssuerRetryDelay);
  if (!keys->Verify(*jwt))
    return RefuseToken("it is not signed with one of the issuer's keys", name);
  absl::StatusOr<Principal> principal = PrincipalOf(*jwt, issuer->second->config, clock_.Now());
  if (!principal.ok()) return RefuseToken(principal.status().message(), name);
  if (HasPrefixOfAnother(state.issuers, issuer->second->config, principal->id)) {
    return RefuseToken("its bearer has the prefix of another issuer's", name);
  }
  return principal;
}

bool BearerAuthenticator::AwaitKeys(const Credentials& credentials,
                                    absl::AnyInvocable<void() &&>& ready) const {
  const absl::StatusOr<absl::string_view> token = BearerTokenOf(credentials);
  if (!token.ok()) return false;
  const absl::StatusOr<Jwt> jwt = ParseJwt(*token);
  if (!jwt.ok()) return false;
  const std::shared_ptr<const State> state = this->state();
  const auto issuer = state->issuers.find(jwt->issuer());
  if (issuer == state->issuers.end()) return false;
  KeySource& source = *issuer->second->keys;
  if (source.AwaitKey(jwt->key_id, ready)) return true;
  // The key may have come between the refusal and this.
  const std::shared_ptr<const KeySet> keys = source.keys();
  if (keys == nullptr || !keys->Verify(*jwt)) return false;
  std::move(ready)();
  return true;
}

}  // namespace threadstore
