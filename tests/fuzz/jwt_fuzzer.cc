// Any bytes as a bearer token, as the claims and as the header of one that is signed, and as a key
// set: a token verifies only as its issuer has signed it and with its issuer's key, and says of its
// bearer only what keeps the rules.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/auth/jwt.h"
#include "server/auth/key_set.h"
#include "server/domain/resource_name.h"
#include "tests/fuzz/require.h"
#include "tests/testing/jwt_signer.h"

namespace threadstore::testing {
namespace {

// As the claims of the corpus have it.
constexpr char kIssuer[] = "https://i";
constexpr char kAudience[] = "api";
constexpr int64_t kNow = 1'700'000'000;

constexpr char kClaims[] = R"({"iss":"https://i","aud":"api","exp":1700003600,"oid":"ann"})";

// An issuer's keys, and those of somebody who calls them by the same names. Made anew for each
// process, so that no input has what they have signed.
struct Keys {
  JwtSigner rsa = JwtSigner::Rsa("rsa");
  JwtSigner ec = JwtSigner::Ec("ec");
  KeySet set = *KeySet::Parse(KeySetText({rsa, ec}));
  KeySet strangers = *KeySet::Parse(KeySetText({JwtSigner::Rsa("rsa"), JwtSigner::Ec("ec")}));

  static const Keys& Get() {
    static const auto* const keys = new Keys;
    return *keys;
  }
};

void RequireRefused(const absl::Status& status) {
  Require(absl::IsInvalidArgument(status) && !status.message().empty(), status.ToString());
}

void TryPrincipal(const Jwt& jwt) {
  for (const char* const prefix : {"", "other:"}) {
    IssuerConfig issuer;
    issuer.names = {kIssuer};
    issuer.audiences = {kAudience};
    issuer.prefix = prefix;
    const absl::Time now = absl::FromUnixSeconds(kNow);
    const absl::StatusOr<Principal> principal = PrincipalOf(jwt, issuer, now);
    if (!principal.ok()) {
      RequireRefused(principal.status());
      continue;
    }
    Require(jwt.issuer() == kIssuer, jwt.issuer());
    Require(principal->valid_until > now, "expired");
    Require(principal->id.size() > issuer.prefix.size(), "nobody");
    Require(principal->is_user() ? CheckUserId(principal->id).ok()
                                 : CheckApplicationId(principal->id).ok(),
            principal->id);
    if (principal->groups == nullptr) continue;
    for (const std::string& group : *principal->groups) Require(CheckGroupId(group).ok(), group);
  }
}

// A token that nobody has signed.
void TryToken(absl::string_view text) {
  const absl::StatusOr<Jwt> jwt = ParseJwt(text);
  if (!jwt.ok()) return RequireRefused(jwt.status());
  Require(jwt->text == text, jwt->text);
  Require(!Keys::Get().set.Verify(*jwt), "verified, and signed by nobody");
  TryPrincipal(*jwt);
}

void RequireNotVerified(const std::string& token) {
  const absl::StatusOr<Jwt> jwt = ParseJwt(token);
  Require(!jwt.ok() || !Keys::Get().set.Verify(*jwt), absl::StrCat("verified: ", token));
}

// A token of the claims, signed; and with its signature, what is another token.
void TryClaims(absl::string_view claims) {
  const Keys& keys = Keys::Get();
  const JwtSigner& signer = claims.size() % 2 == 0 ? keys.ec : keys.rsa;
  const std::string header = Base64Url(signer.Header().dump());
  const std::string payload = Base64Url(claims);
  if (const auto unsigned_jwt =
          ParseJwt(absl::StrCat(header, ".", payload, ".", Base64Url(std::string(64, 's'))));
      !unsigned_jwt.ok()) {
    return RequireRefused(unsigned_jwt.status());
  }
  const std::string token = signer.SignParts(header, payload);
  const absl::StatusOr<Jwt> jwt = ParseJwt(token);
  Require(jwt.ok() && keys.set.Verify(*jwt), "not verified, and signed");
  Require(!keys.strangers.Verify(*jwt), "verified with another's key");
  TryPrincipal(*jwt);

  const std::string signature = token.substr(token.rfind('.') + 1);
  RequireNotVerified(
      absl::StrCat(header, ".", Base64Url(absl::StrCat(claims, " ")), ".", signature));
  if (claims != kClaims) {
    RequireNotVerified(absl::StrCat(header, ".", Base64Url(kClaims), ".", signature));
  }
  for (const char* const other_header :
       {R"({"alg":"RS256","kid":"rsa"})", R"({"alg":"ES256","kid":"ec"})", R"({"alg":"RS256"})",
        R"({"alg":"ES256"})"}) {
    RequireNotVerified(absl::StrCat(Base64Url(other_header), ".", payload, ".", signature));
  }
  std::string altered = token;
  char& letter = altered[token.size() - signature.size() + claims.size() % signature.size()];
  letter = letter == 'A' ? 'B' : 'A';
  RequireNotVerified(altered);
}

// A token of the header, signed by each key.
void TryHeader(absl::string_view header) {
  const Keys& keys = Keys::Get();
  const std::string input = absl::StrCat(Base64Url(header), ".", Base64Url(kClaims));
  if (!ParseJwt(absl::StrCat(input, ".", Base64Url(std::string(64, 's')))).ok()) return;
  for (const auto& [signer, algorithm] : {std::pair(&keys.rsa, Jwt::Algorithm::kRs256),
                                          std::pair(&keys.ec, Jwt::Algorithm::kEs256)}) {
    const absl::StatusOr<Jwt> jwt =
        ParseJwt(absl::StrCat(input, ".", Base64Url(signer->Signature(input))));
    if (!jwt.ok()) {
      RequireRefused(jwt.status());
    } else if (keys.set.Verify(*jwt)) {
      Require(jwt->key_id == signer->key_id() && jwt->algorithm == algorithm,
              "verified by another key or algorithm than it names");
    }
  }
}

void TryKeySet(absl::string_view text) {
  const absl::StatusOr<KeySet> set = KeySet::Parse(text);
  if (!set.ok()) return RequireRefused(set.status());
  const Keys& keys = Keys::Get();
  static const auto* const tokens =
      new std::vector<Jwt>{*ParseJwt(keys.rsa.SignParts(Base64Url(R"({"alg":"RS256"})"),  //
                                                        Base64Url(kClaims))),
                           *ParseJwt(keys.ec.SignParts(Base64Url(R"({"alg":"ES256"})"),  //
                                                       Base64Url(kClaims)))};
  for (const Jwt& jwt : *tokens) Require(!set->Verify(jwt), "verified with a key of the input");
}

}  // namespace
}  // namespace threadstore::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  threadstore::testing::TryToken(text);
  threadstore::testing::TryClaims(text);
  threadstore::testing::TryHeader(text);
  threadstore::testing::TryKeySet(text);
  return 0;
}
