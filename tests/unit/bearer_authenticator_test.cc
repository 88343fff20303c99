#include "server/auth/bearer_authenticator.h"

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/base/sha256.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/jwt_signer.h"
#include "tests/testing/status_matchers.h"

namespace threadstore {
namespace {

using nlohmann::json;
using testing::Base64Url;
using testing::IsOk;
using testing::JwtSigner;
using testing::KeySetText;
using ::testing::UnorderedElementsAre;

constexpr char kIssuer[] = "https://login.example/tenant/v2.0";
constexpr char kOtherIssuer[] = "https://other.example/";
constexpr char kAudience[] = "api://threadstore";

// Keys are slow to make.
const JwtSigner& RsaKey() {
  static const auto* const key = new JwtSigner(JwtSigner::Rsa("rsa"));
  return *key;
}
const JwtSigner& EcKey() {
  static const auto* const key = new JwtSigner(JwtSigner::Ec("ec"));
  return *key;
}
const JwtSigner& StrangersKey() {
  static const auto* const key = new JwtSigner(JwtSigner::Rsa("rsa"));
  return *key;
}

// Where issuers publish their keys. A fetch that takes long may outlive the authenticator.
class Issuers {
 public:
  absl::StatusOr<std::string> Fetch(const KeyLocation& location) {
    ++fetches_;
    const MutexLock lock(&mutex_);
    if (is_down_) return absl::UnavailableError("down");
    return key_sets_[location.jwks];
  }

  void Publish(const std::string& url, const std::vector<JwtSigner>& keys) {
    const MutexLock lock(&mutex_);
    key_sets_[url] = KeySetText(keys);
  }

  void set_is_down(bool is_down) {
    const MutexLock lock(&mutex_);
    is_down_ = is_down;
  }

  int fetches() const { return fetches_; }

 private:
  std::atomic<int> fetches_ = 0;
  Mutex mutex_;
  bool is_down_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::string> key_sets_ ABSL_GUARDED_BY(mutex_);
};

class BearerAuthenticatorTest : public ::testing::Test {
 protected:
  BearerAuthenticatorTest() {
    IssuerConfig issuer;
    issuer.names = {kIssuer, "https://sts.example/tenant/"};
    issuer.audiences = {kAudience, "11111111-2222-3333-4444-555555555555"};
    issuer.keys.jwks = "https://login.example/keys";
    IssuerConfig other;
    other.names = {kOtherIssuer};
    other.audiences = {kAudience};
    other.keys.jwks = "https://other.example/keys";
    other.prefix = "other:";
    config_.issuers = {issuer, other};
    config_.tokens = {
        {absl::BytesToHexString(Sha256("correct-horse")), "reporter", kGroupConversationRead}};
    SetKeys({RsaKey(), EcKey()});
    issuers_->Publish("https://other.example/keys", {JwtSigner::Ec("theirs")});
  }

  BearerAuthenticator& authenticator() {
    if (authenticator_ == nullptr) {
      authenticator_ = std::make_unique<BearerAuthenticator>(
          config_, clock_, refresh_,
          [issuers = issuers_](const KeyLocation& location) { return issuers->Fetch(location); });
    }
    return *authenticator_;
  }

  void SetKeys(const std::vector<JwtSigner>& keys) {
    issuers_->Publish("https://login.example/keys", keys);
  }

  // A user's token of Entra ID, version 2.
  json UserClaims() const {
    const int64_t now = absl::ToUnixSeconds(clock_.Now());
    return {{"iss", kIssuer},
            {"aud", kAudience},
            {"exp", now + 3600},
            {"nbf", now - 5},
            {"iat", now - 5},
            {"oid", "ann"},
            {"sub", "pairwise"},
            {"tid", "tenant"},
            {"azp", "client"},
            {"name", "Ann Lee"},
            {"preferred_username", "ann@example.com"},
            {"scp", "Group-Conversation.ReadWrite.All openid"},
            {"uti", "token-1"}};
  }

  absl::StatusOr<Principal> Authenticate(const std::string& token) {
    const std::string authorization = "Bearer " + token;
    return authenticator().Authenticate({.authorizations = {authorization}});
  }

  testing::FakeClock clock_;
  AuthConfig config_;
  KeyRefresh refresh_{
      .interval = absl::Hours(1), .min_interval = absl::ZeroDuration(), .retry = absl::Hours(1)};
  std::unique_ptr<BearerAuthenticator> authenticator_;
  const std::shared_ptr<Issuers> issuers_ = std::make_shared<Issuers>();
};

TEST_F(BearerAuthenticatorTest, BelievesUsers) {
  for (const JwtSigner* key : {&RsaKey(), &EcKey()}) {
    ASSERT_OK_AND_ASSIGN(const Principal ann, Authenticate(key->Sign(UserClaims())));
    EXPECT_TRUE(ann.is_user());
    EXPECT_EQ(ann.id, "ann");
    EXPECT_EQ(ann.display_name, "Ann Lee");
    EXPECT_EQ(ann.mail, "ann@example.com");
    EXPECT_EQ(ann.permissions, kGroupConversationReadWrite);
    EXPECT_EQ(ann.token_id, "token-1");
  }
}

TEST_F(BearerAuthenticatorTest, BelievesVersion1OfEntra) {
  json claims = UserClaims();
  claims["iss"] = "https://sts.example/tenant/";
  claims.erase("azp");
  claims.erase("preferred_username");
  claims["appid"] = "client";
  claims["upn"] = "ann@corp.example";
  ASSERT_OK_AND_ASSIGN(const Principal ann, Authenticate(RsaKey().Sign(claims)));
  EXPECT_EQ(ann.mail, "ann@corp.example");
}

TEST_F(BearerAuthenticatorTest, NamesThatNoMemberCouldHaveArePassedOver) {
  json claims = UserClaims();
  claims["name"] = std::string(300, 'a');
  claims["email"] = std::string(400, 'a');
  ASSERT_OK_AND_ASSIGN(const Principal ann, Authenticate(RsaKey().Sign(claims)));
  EXPECT_EQ(ann.display_name, "ann@example.com");
  EXPECT_EQ(ann.mail, "ann@example.com");
}

TEST_F(BearerAuthenticatorTest, TellsApplicationsFromUsers) {
  json claims = UserClaims();
  for (const char* name : {"scp", "name", "preferred_username"}) claims.erase(name);
  claims["roles"] = {"Group.Read.All", "Threadstore.Admin", "Unknown"};
  ASSERT_OK_AND_ASSIGN(Principal caller, Authenticate(RsaKey().Sign(claims)));
  EXPECT_TRUE(caller.is_user()) << "it has roles, as users' ID tokens may, and not one scope";
  EXPECT_EQ(caller.permissions, 0U);

  claims["sub"] = "ann";  // The object id, as in tokens of applications.
  ASSERT_OK_AND_ASSIGN(caller, Authenticate(RsaKey().Sign(claims)));
  EXPECT_FALSE(caller.is_user());
  EXPECT_EQ(caller.id, "client");
  EXPECT_EQ(caller.permissions, kGroupRead | kAdmin);

  claims["sub"] = "pairwise";
  claims["idtyp"] = "app";
  ASSERT_OK_AND_ASSIGN(caller, Authenticate(RsaKey().Sign(claims)));
  EXPECT_FALSE(caller.is_user());

  claims["sub"] = "ann";
  claims["idtyp"] = "user";
  ASSERT_OK_AND_ASSIGN(caller, Authenticate(RsaKey().Sign(claims)));
  EXPECT_TRUE(caller.is_user());
}

TEST_F(BearerAuthenticatorTest, BelievesClientsOfRfc9068) {
  json claims = UserClaims();
  for (const char* name : {"oid", "azp", "scp"}) claims.erase(name);
  claims["sub"] = claims["client_id"] = "batch";
  claims["scope"] = "Group.ReadWrite.All";
  json header = RsaKey().Header();
  header["typ"] = "at+jwt";
  ASSERT_OK_AND_ASSIGN(Principal caller, Authenticate(RsaKey().Sign(header, claims)));
  EXPECT_FALSE(caller.is_user());
  EXPECT_EQ(caller.id, "batch");
  EXPECT_EQ(caller.permissions, kGroupReadWrite);
  claims["sub"] = "ann";
  ASSERT_OK_AND_ASSIGN(caller, Authenticate(RsaKey().Sign(header, claims)));
  EXPECT_TRUE(caller.is_user());
  EXPECT_EQ(caller.id, "ann");
  EXPECT_EQ(caller.permissions, kGroupReadWrite);
}

TEST_F(BearerAuthenticatorTest, UsersWhoseSubjectIsTheirObjectIdAreNoApplications) {
  // As Azure AD B2C makes them, and Keycloak if it is told to.
  config_.issuers[0].claims.scopes = {"scp", "scope", "permissions"};
  config_.grants = {{"application:*", kAdmin}};
  json claims = UserClaims();
  claims.erase("scp");
  claims["sub"] = "ann";
  claims["roles"] = {"Group.ReadWrite.All", "Threadstore.Admin"};
  for (const auto& [name, scopes] :
       {std::pair("scp", json("Group.Read.All")), std::pair("scope", json("Group.Read.All openid")),
        std::pair("permissions", json({"Group.Read.All"}))}) {
    json with_scopes = claims;
    with_scopes[name] = scopes;
    ASSERT_OK_AND_ASSIGN(const Principal ann, Authenticate(RsaKey().Sign(with_scopes)));
    EXPECT_TRUE(ann.is_user()) << name;
    EXPECT_EQ(ann.id, "ann") << name;
    EXPECT_EQ(ann.permissions, kGroupRead) << name;
  }
  claims["scope"] = "";
  ASSERT_OK_AND_ASSIGN(const Principal ann, Authenticate(RsaKey().Sign(claims)));
  EXPECT_TRUE(ann.is_user()) << "it has scopes, and they are none";
  EXPECT_EQ(ann.permissions, 0U);
}

TEST_F(BearerAuthenticatorTest, ScopesTellUsersWhateverIsConfigured) {
  json claims = UserClaims();
  claims["sub"] = "ann";
  claims["roles"] = {"Group.Read.All"};
  for (const std::vector<std::string>& names :
       std::vector<std::vector<std::string>>{{}, {"permissions"}, {"scp", "roles"}}) {
    config_.issuers[0].claims.scopes = names;
    authenticator().Configure(config_);
    ASSERT_OK_AND_ASSIGN(Principal caller, Authenticate(RsaKey().Sign(claims)));
    EXPECT_TRUE(caller.is_user());
    json of_application = claims;
    of_application.erase("scp");
    ASSERT_OK_AND_ASSIGN(caller, Authenticate(RsaKey().Sign(of_application)));
    EXPECT_FALSE(caller.is_user());
    EXPECT_EQ(caller.permissions, kGroupRead);
  }
}

TEST_F(BearerAuthenticatorTest, ClientsOfRfc9068MayHaveAnObjectIdToo) {
  json claims = UserClaims();
  for (const char* name : {"azp", "scp"}) claims.erase(name);
  claims["sub"] = claims["oid"] = claims["client_id"] = "batch";
  claims["scope"] = "Group.ReadWrite.All";
  ASSERT_OK_AND_ASSIGN(const Principal caller, Authenticate(RsaKey().Sign(claims)));
  EXPECT_FALSE(caller.is_user());
  EXPECT_EQ(caller.id, "batch");
  EXPECT_EQ(caller.permissions, kGroupReadWrite);
}

TEST_F(BearerAuthenticatorTest, ServiceAccountsHaveWhatIsGranted) {
  config_.grants = {{"application:system:serviceaccount:mail:*", kGroupConversationReadWrite},
                    {"application:system:serviceaccount:*:reader", kGroupRead},
                    {"user:*", kAdmin}};
  json claims = UserClaims();
  for (const char* name : {"oid", "azp", "scp", "name", "preferred_username"}) claims.erase(name);
  claims["aud"] = {kAudience};
  claims["kubernetes.io"] = {{"namespace", "mail"}};
  claims["sub"] = "system:serviceaccount:mail:reader";
  ASSERT_OK_AND_ASSIGN(Principal account, Authenticate(RsaKey().Sign(claims)));
  EXPECT_FALSE(account.is_user());
  EXPECT_EQ(account.id, "system:serviceaccount:mail:reader");
  EXPECT_EQ(account.permissions, kGroupConversationReadWrite | kGroupRead);
  claims["sub"] = "system:serviceaccount:other:writer";
  ASSERT_OK_AND_ASSIGN(account, Authenticate(RsaKey().Sign(claims)));
  EXPECT_EQ(account.permissions, 0U);
}

TEST_F(BearerAuthenticatorTest, NoOtherClaimSaysWhatAServiceAccountIs) {
  config_.grants = {{"application:boot", kAdmin}};
  json claims = UserClaims();
  for (const char* name : {"oid", "scp"}) claims.erase(name);
  claims["sub"] = "system:serviceaccount:mail:reader";
  claims["azp"] = claims["appid"] = claims["client_id"] = "boot";
  claims["roles"] = {"Threadstore.Admin"};
  ASSERT_OK_AND_ASSIGN(const Principal account, Authenticate(RsaKey().Sign(claims)));
  EXPECT_FALSE(account.is_user());
  EXPECT_EQ(account.id, "system:serviceaccount:mail:reader");
  EXPECT_EQ(account.permissions, 0U);
}

TEST_F(BearerAuthenticatorTest, UsersAreNoServiceAccountsByTheirSubject) {
  config_.grants = {{"application:*", kAdmin}};
  json claims = UserClaims();
  claims.erase("azp");
  claims["sub"] = claims["oid"] = claims["client_id"] = "system:serviceaccount:mail:reader";
  ASSERT_OK_AND_ASSIGN(const Principal user, Authenticate(RsaKey().Sign(claims)));
  EXPECT_TRUE(user.is_user());
  EXPECT_EQ(user.permissions, kGroupConversationReadWrite);
}

TEST_F(BearerAuthenticatorTest, UsersAreInTheGroupsThatTheirTokensName) {
  json claims = UserClaims();
  claims["groups"] = {"g1", "g2", "not a group", 7};
  ASSERT_OK_AND_ASSIGN(const Principal ann, Authenticate(RsaKey().Sign(claims)));
  EXPECT_THAT(*ann.groups, UnorderedElementsAre("g1", "g2"));
  EXPECT_TRUE(ann.IsInGroup("g1"));
  EXPECT_FALSE(ann.IsInGroup("g3"));
}

TEST_F(BearerAuthenticatorTest, IssuersNeedNotBeBelievedWhoIsInWhichGroup) {
  config_.issuers[0].claims.groups = {};
  json claims = UserClaims();
  claims["groups"] = {"g1"};
  ASSERT_OK_AND_ASSIGN(const Principal ann, Authenticate(RsaKey().Sign(claims)));
  EXPECT_FALSE(ann.IsInGroup("g1"));
}

TEST_F(BearerAuthenticatorTest, OneIssuerIsEnoughToNameGroups) {
  config_.issuers[0].claims.groups = {};
  EXPECT_TRUE(authenticator().NamesGroups());
  config_.issuers[1].claims.groups = {};
  authenticator().Configure(config_);
  EXPECT_FALSE(authenticator().NamesGroups());
  config_.issuers[0].claims.groups = {"teams"};
  authenticator().Configure(config_);
  EXPECT_TRUE(authenticator().NamesGroups());
}

TEST_F(BearerAuthenticatorTest, PrefixesKeepIssuersApart) {
  const JwtSigner theirs = JwtSigner::Ec("theirs");
  issuers_->Publish("https://other.example/keys", {theirs});
  json claims = UserClaims();
  claims["iss"] = kOtherIssuer;
  ASSERT_OK_AND_ASSIGN(const Principal ann, Authenticate(theirs.Sign(claims)));
  EXPECT_EQ(ann.id, "other:ann");
}

TEST_F(BearerAuthenticatorTest, ClaimNamesAreConfiguration) {
  config_.issuers[0].claims.user_id = {"email"};
  config_.issuers[0].claims.scopes = {"permissions"};
  json claims = UserClaims();
  claims["email"] = "ann@example.com";
  claims["permissions"] = {"Group.Read.All"};
  ASSERT_OK_AND_ASSIGN(const Principal ann, Authenticate(RsaKey().Sign(claims)));
  EXPECT_EQ(ann.id, "ann@example.com");
  EXPECT_EQ(ann.permissions, kGroupRead);
}

TEST_F(BearerAuthenticatorTest, SharedSecretsAreApplications) {
  ASSERT_OK_AND_ASSIGN(const Principal reporter, Authenticate("correct-horse"));
  EXPECT_FALSE(reporter.is_user());
  EXPECT_EQ(reporter.id, "reporter");
  EXPECT_EQ(reporter.permissions, kGroupConversationRead);
  EXPECT_FALSE(Authenticate("correct-horsf").ok());
  EXPECT_FALSE(Authenticate("correct-hors").ok());
  EXPECT_FALSE(Authenticate(config_.tokens[0].sha256).ok());
}

TEST_F(BearerAuthenticatorTest, SharedSecretsMayLookLikeTokensOfIssuers) {
  config_.tokens[0].sha256 = absl::BytesToHexString(Sha256("a.b.c"));
  ASSERT_OK_AND_ASSIGN(const Principal reporter, Authenticate("a.b.c"));
  EXPECT_EQ(reporter.id, "reporter");
}

TEST_F(BearerAuthenticatorTest, TheSchemeIsBearerInAnyCase) {
  const std::string token = RsaKey().Sign(UserClaims());
  for (const std::string scheme : {"Bearer ", "bearer ", "BEARER  "}) {
    const std::string authorization = scheme + token;
    EXPECT_THAT(authenticator().Authenticate({.authorizations = {authorization}}), IsOk());
  }
  const std::string bearer = "Bearer " + token;
  const std::string basic = "Basic " + token;
  for (const std::vector<absl::string_view>& authorizations :
       std::vector<std::vector<absl::string_view>>{
           {}, {""}, {token}, {basic}, {"Bearer"}, {"Bearer "}, {bearer, bearer}}) {
    EXPECT_EQ(
        ErrorReasonOf(authenticator().Authenticate({.authorizations = authorizations}).status()),
        v1::ERROR_REASON_INVALID_CREDENTIALS);
  }
  EXPECT_EQ(
      ErrorReasonOf(
          authenticator().Authenticate({.users = {"bob"}, .authorizations = {bearer}}).status()),
      v1::ERROR_REASON_INVALID_CREDENTIALS);
}

// A token that is to be refused, made from claims and keys that would be fine.
struct Forgery {
  std::string name;
  std::function<std::string(const json& claims)> make;
};

std::string SwapPart(const std::string& token, size_t index, const std::string& part) {
  std::vector<std::string> parts = absl::StrSplit(token, '.');
  parts[index] = part;
  return absl::StrJoin(parts, ".");
}

Forgery WithHeader(const std::string& name, const std::function<void(json&)>& change) {
  return {name, [change](const json& claims) {
            json header = RsaKey().Header();
            change(header);
            return RsaKey().Sign(header, claims);
          }};
}

Forgery WithClaims(const std::string& name, const std::function<void(json&)>& change) {
  return {name, [change](json claims) {
            change(claims);
            return RsaKey().Sign(claims);
          }};
}

// HMAC with the text of the public key, which verifiers take that believe the header.
std::string HmacWithPublicKey(const json& claims) {
  json header = RsaKey().Header();
  header["alg"] = "HS256";
  const std::string input = absl::StrCat(Base64Url(header.dump()), ".", Base64Url(claims.dump()));
  const std::string key = RsaKey().Jwk()["n"].get<std::string>();
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(), mac, &size);
  return absl::StrCat(input, ".",
                      Base64Url({reinterpret_cast<const char*>(mac), static_cast<size_t>(size)}));
}

std::vector<Forgery> Forgeries() {
  const auto text = [](const std::string& token) { return [token](const json&) { return token; }; };
  return {
      {"empty", text("")},
      {"words", text("a.b.c")},
      {"dots", text("..")},
      {"one part", text("abc")},
      {"unsigned: alg none",
       [](const json& claims) {
         return absl::StrCat(Base64Url(R"({"alg":"none"})"), ".", Base64Url(claims.dump()), ".");
       }},
      {"alg None in other letters",
       [](const json& claims) {
         return absl::StrCat(Base64Url(R"({"alg":"nOnE","kid":"rsa"})"), ".",
                             Base64Url(claims.dump()), ".");
       }},
      {"alg none with a signature",
       [](const json& claims) {
         return SwapPart(RsaKey().Sign(claims), 0, Base64Url(R"({"alg":"none","kid":"rsa"})"));
       }},
      {"HMAC with the public key", HmacWithPublicKey},
      WithHeader("alg HS256", [](json& h) { h["alg"] = "HS256"; }),
      WithHeader("alg RS512", [](json& h) { h["alg"] = "RS512"; }),
      WithHeader("alg PS256", [](json& h) { h["alg"] = "PS256"; }),
      WithHeader("alg in small letters", [](json& h) { h["alg"] = "rs256"; }),
      WithHeader("no alg", [](json& h) { h.erase("alg"); }),
      WithHeader("alg is a list", [](json& h) { h["alg"] = {"RS256"}; }),
      WithHeader("alg of the other key", [](json& h) { h["alg"] = "ES256"; }),
      WithHeader("key id of the other key", [](json& h) { h["kid"] = "ec"; }),
      WithHeader("unknown key id", [](json& h) { h["kid"] = "nobody"; }),
      WithHeader("key id of a path", [](json& h) { h["kid"] = "../../dev/null"; }),
      WithHeader("key id is a number", [](json& h) { h["kid"] = 1; }),
      WithHeader("empty key id", [](json& h) { h["kid"] = ""; }),
      WithHeader("no key id, of two keys", [](json& h) { h.erase("kid"); }),
      WithHeader("critical extension", [](json& h) { h["crit"] = {"exp"}; }),
      WithHeader("unencoded payload",
                 [](json& h) {
                   h["b64"] = false;
                   h["crit"] = {"b64"};
                 }),
      WithHeader("logout token", [](json& h) { h["typ"] = "logout+jwt"; }),
      WithHeader("proof of possession", [](json& h) { h["typ"] = "dpop+jwt"; }),
      WithHeader("nested token", [](json& h) { h["cty"] = "JWT"; }),
      {"key in the header, of a stranger",
       [](const json& claims) {
         json header = StrangersKey().Header();
         header["jwk"] = StrangersKey().Jwk();
         header["kid"] = "stranger";
         return StrangersKey().Sign(header, claims);
       }},
      {"key at a URL of a stranger",
       [](const json& claims) {
         json header = StrangersKey().Header();
         header["jku"] = "https://evil.example/keys";
         return StrangersKey().Sign(header, claims);
       }},
      {"signed by a stranger with our key id",
       [](const json& claims) { return StrangersKey().Sign(claims); }},
      {"no signature", [](const json& claims) { return SwapPart(RsaKey().Sign(claims), 2, ""); }},
      {"cut signature",
       [](const json& claims) {
         const std::string token = RsaKey().Sign(claims);
         return token.substr(0, token.size() - 8);
       }},
      {"longer signature", [](const json& claims) { return RsaKey().Sign(claims) + "AAAA"; }},
      {"signature of another token",
       [](const json& claims) {
         json other = claims;
         other["oid"] = "bob";
         const std::vector<std::string> parts = absl::StrSplit(RsaKey().Sign(other), '.');
         return SwapPart(RsaKey().Sign(claims), 2, parts[2]);
       }},
      {"claims of another token",
       [](const json& claims) {
         json other = claims;
         other["oid"] = "admin";
         return SwapPart(RsaKey().Sign(claims), 1, Base64Url(other.dump()));
       }},
      {"ES256 signature in DER",
       [](const json& claims) {
         const std::string token = EcKey().Sign(claims);
         const std::vector<std::string> parts = absl::StrSplit(token, '.');
         std::string raw;
         absl::WebSafeBase64Unescape(parts[2], &raw);
         return SwapPart(
             token, 2,
             Base64Url("\x30\x44\x02\x20" + raw.substr(0, 32) + "\x02\x20" + raw.substr(32)));
       }},
      {"ES256 signature of zeros",
       [](const json& claims) {
         return SwapPart(EcKey().Sign(claims), 2, Base64Url(std::string(64, '\0')));
       }},
      {"ES256 signature with zeros in front",
       [](const json& claims) {
         const std::string token = EcKey().Sign(claims);
         const std::vector<std::string> parts = absl::StrSplit(token, '.');
         std::string raw;
         absl::WebSafeBase64Unescape(parts[2], &raw);
         const std::string zero(1, '\0');
         return SwapPart(token, 2, Base64Url(zero + raw.substr(0, 32) + zero + raw.substr(32)));
       }},
      {"four parts", [](const json& claims) { return RsaKey().Sign(claims) + ".AAAA"; }},
      {"five parts, as if encrypted",
       [](const json& claims) { return RsaKey().Sign(claims) + ".AAAA.AAAA"; }},
      {"padding", [](const json& claims) { return RsaKey().Sign(claims) + "=="; }},
      {"the other alphabet of base64",
       [](const json& claims) {
         return absl::StrReplaceAll(RsaKey().Sign(claims), {{"_", "/"}, {"-", "+"}}) + "/+";
       }},
      {"bits left over in the signature",
       [](const json& claims) {
         std::string token = RsaKey().Sign(claims);
         token.back() = token.back() == 'B' ? 'C' : 'B';
         return token;
       }},
      {"header with a member twice",
       [](const json& claims) {
         return RsaKey().SignParts(Base64Url(R"({"alg":"none","alg":"RS256","kid":"rsa"})"),
                                   Base64Url(claims.dump()));
       }},
      {"claims with a member twice",
       [](const json& claims) {
         std::string payload = claims.dump();
         payload.insert(payload.size() - 1, R"(,"oid":"admin")");
         return RsaKey().SignParts(Base64Url(RsaKey().Header().dump()), Base64Url(payload));
       }},
      {"claims that are a list",
       [](const json&) {
         return RsaKey().SignParts(Base64Url(RsaKey().Header().dump()), Base64Url("[]"));
       }},
      {"claims that are no JSON",
       [](const json&) {
         return RsaKey().SignParts(Base64Url(RsaKey().Header().dump()), Base64Url("{"));
       }},
      {"claims that are not UTF-8",
       [](const json&) {
         return RsaKey().SignParts(Base64Url(RsaKey().Header().dump()),
                                   Base64Url("{\"iss\":\"\xFF\"}"));
       }},
      {"deep claims",
       [](const json& claims) {
         json deep = claims;
         deep["x"] = json::parse(std::string(100, '[') + std::string(100, ']'));
         return RsaKey().Sign(deep);
       }},
      {"too long",
       [](const json& claims) {
         json fat = claims;
         fat["x"] = std::string(20'000, 'x');
         return RsaKey().Sign(fat);
       }},
      WithClaims("no issuer", [](json& c) { c.erase("iss"); }),
      WithClaims("another issuer", [](json& c) { c["iss"] = "https://evil.example/"; }),
      WithClaims("the issuer and a slash", [](json& c) { c["iss"] = absl::StrCat(kIssuer, "/"); }),
      WithClaims("a list of issuers", [](json& c) { c["iss"] = {kIssuer}; }),
      WithClaims("signed by one issuer, of another", [](json& c) { c["iss"] = kOtherIssuer; }),
      WithClaims("no audience", [](json& c) { c.erase("aud"); }),
      WithClaims("Graph's audience", [](json& c) { c["aud"] = "https://graph.microsoft.com"; }),
      WithClaims("part of the audience", [](json& c) { c["aud"] = "api://thread"; }),
      WithClaims("no audiences", [](json& c) { c["aud"] = json::array(); }),
      WithClaims("audience in an object",
                 [](json& c) {
                   c["aud"] = {{"x", kAudience}};
                 }),
      WithClaims("no expiry", [](json& c) { c.erase("exp"); }),
      WithClaims("expired", [](json& c) { c["exp"] = c["iat"].get<int64_t>() - 60; }),
      WithClaims("expiry as text", [](json& c) { c["exp"] = "4102444800"; }),
      WithClaims("expiry beyond all time", [](json& c) { c["exp"] = 1e300; }),
      WithClaims("negative expiry", [](json& c) { c["exp"] = -1; }),
      WithClaims("not valid yet", [](json& c) { c["nbf"] = c["exp"]; }),
      WithClaims("not-before as text", [](json& c) { c["nbf"] = "0"; }),
      WithClaims("made in the future", [](json& c) { c["iat"] = c["exp"]; }),
      WithClaims("personal account",
                 [](json& c) { c["tid"] = "9188040d-6c67-4c5b-b112-36a304b66dad"; }),
      WithClaims("of nobody",
                 [](json& c) {
                   c.erase("oid");
                   c.erase("sub");
                 }),
      WithClaims("of a user with a slash", [](json& c) { c["oid"] = "a/b"; }),
      WithClaims("of a user with a long id", [](json& c) { c["oid"] = std::string(300, 'a'); }),
      WithClaims("of two clients",
                 [](json& c) {
                   c.erase("oid");
                   c["sub"] = c["client_id"] = "evil";
                 }),
      WithClaims("of an unknown kind", [](json& c) { c["idtyp"] = "device"; }),
      WithClaims("of an application without a name",
                 [](json& c) {
                   c["idtyp"] = "app";
                   for (const char* name : {"azp", "appid", "client_id", "sub"}) c.erase(name);
                 }),
  };
}

TEST_F(BearerAuthenticatorTest, ForgedTokensAreRefusedWithoutDetails) {
  ASSERT_THAT(Authenticate(RsaKey().Sign(UserClaims())), IsOk());
  std::string message;
  for (const Forgery& forgery : Forgeries()) {
    SCOPED_TRACE(forgery.name);
    const absl::Status status = Authenticate(forgery.make(UserClaims())).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
    EXPECT_EQ(ErrorReasonOf(status), v1::ERROR_REASON_INVALID_CREDENTIALS);
    if (message.empty()) message = std::string(status.message());
    EXPECT_EQ(status.message(), message) << "one text for all";
  }
  EXPECT_THAT(Authenticate(RsaKey().Sign(UserClaims())), IsOk());
}

TEST_F(BearerAuthenticatorTest, TokensAreBelievedUntilAMinuteAfterTheyExpire) {
  json claims = UserClaims();
  const std::string token = RsaKey().Sign(claims);
  EXPECT_THAT(Authenticate(token), IsOk());
  clock_.Advance(absl::Seconds(3600 + 59));
  EXPECT_THAT(Authenticate(token), IsOk());
  clock_.Advance(absl::Seconds(1));
  EXPECT_FALSE(Authenticate(token).ok()) << "though it is remembered";
  clock_.Advance(absl::Hours(1));
  EXPECT_FALSE(Authenticate(token).ok());
  claims = UserClaims();
  claims["nbf"] = claims["iat"] = absl::ToUnixSeconds(clock_.Now()) + 59;
  EXPECT_THAT(Authenticate(RsaKey().Sign(claims)), IsOk());
}

TEST_F(BearerAuthenticatorTest, OneKeyNeedsNoId) {
  SetKeys({RsaKey()});
  json header = RsaKey().Header();
  header.erase("kid");
  EXPECT_THAT(Authenticate(RsaKey().Sign(header, UserClaims())), IsOk());
}

// Calls back when another try is worth it; whether it was is returned.
bool AwaitKeys(const BearerAuthenticator& authenticator, const std::string& token) {
  const std::string authorization = "Bearer " + token;
  absl::Notification done;
  absl::AnyInvocable<void()&&> ready = [&done] { done.Notify(); };
  if (!authenticator.AwaitKeys({.authorizations = {authorization}}, ready)) return false;
  done.WaitForNotification();
  return true;
}

TEST_F(BearerAuthenticatorTest, KeysAreFetchedForAnUnknownKeyId) {
  EXPECT_THAT(Authenticate(RsaKey().Sign(UserClaims())), IsOk());
  const JwtSigner next = JwtSigner::Ec("next");
  SetKeys({next});
  const std::string token = next.Sign(UserClaims());
  EXPECT_FALSE(Authenticate(token).ok());
  EXPECT_TRUE(AwaitKeys(authenticator(), token));
  EXPECT_THAT(Authenticate(token), IsOk());
  EXPECT_FALSE(Authenticate(RsaKey().Sign(UserClaims())).ok())
      << "the key is withdrawn, and what it had signed is forgotten";
}

TEST_F(BearerAuthenticatorTest, ASecondKeyEndsTokensThatNameNone) {
  SetKeys({RsaKey()});
  json header = RsaKey().Header();
  header.erase("kid");
  const std::string token = RsaKey().Sign(header, UserClaims());
  EXPECT_THAT(Authenticate(token), IsOk());
  const uint64_t generation = authenticator().generation();
  SetKeys({RsaKey(), EcKey()});
  EXPECT_TRUE(AwaitKeys(authenticator(), EcKey().Sign(UserClaims())));
  EXPECT_FALSE(Authenticate(token).ok()) << "though it is remembered";
  EXPECT_NE(authenticator().generation(), generation);
  EXPECT_THAT(Authenticate(RsaKey().Sign(UserClaims())), IsOk());
}

TEST_F(BearerAuthenticatorTest, AnIssuerMayWithdrawAllKeys) {
  const std::string token = RsaKey().Sign(UserClaims());
  EXPECT_THAT(Authenticate(token), IsOk());
  SetKeys({});
  json header = RsaKey().Header();
  header["kid"] = "unknown";
  EXPECT_TRUE(AwaitKeys(authenticator(), RsaKey().Sign(header, UserClaims())));
  EXPECT_EQ(Authenticate(token).status().code(), absl::StatusCode::kUnauthenticated);
}

TEST_F(BearerAuthenticatorTest, NobodyHasThePrefixOfAnotherIssuer) {
  json claims = UserClaims();
  claims["oid"] = "other:ann";
  EXPECT_EQ(Authenticate(RsaKey().Sign(claims)).status().code(),
            absl::StatusCode::kUnauthenticated);
}

TEST_F(BearerAuthenticatorTest, AnAddressThatIsNotVerifiedIsNobodys) {
  json claims = UserClaims();
  claims.erase("name");
  claims["email"] = "boss@example.com";
  for (const json& no : {json(false), json("false"), json("true"), json(nullptr)}) {
    claims["email_verified"] = no;
    claims["preferred_username"] = "Boss@Example.com";
    claims.erase("upn");
    ASSERT_OK_AND_ASSIGN(Principal ann, Authenticate(RsaKey().Sign(claims)));
    EXPECT_EQ(ann.mail, "") << no;
    EXPECT_EQ(ann.display_name, "") << no;
    claims["preferred_username"] = "chief@example.com";
    ASSERT_OK_AND_ASSIGN(ann, Authenticate(RsaKey().Sign(claims)));
    EXPECT_EQ(ann.mail, "") << no;
    claims["preferred_username"] = "Boss@Example.com";
    claims["upn"] = "ann@example.com";
    ASSERT_OK_AND_ASSIGN(ann, Authenticate(RsaKey().Sign(claims)));
    EXPECT_EQ(ann.mail, "") << no;
    EXPECT_EQ(ann.display_name, "ann@example.com") << no;
  }
  claims["email_verified"] = true;
  ASSERT_OK_AND_ASSIGN(Principal ann, Authenticate(RsaKey().Sign(claims)));
  EXPECT_EQ(ann.mail, "boss@example.com");
  EXPECT_EQ(ann.display_name, "Boss@Example.com");
  claims.erase("email_verified");
  ASSERT_OK_AND_ASSIGN(ann, Authenticate(RsaKey().Sign(claims)));
  EXPECT_EQ(ann.mail, "boss@example.com") << "Entra ID does not say";
}

TEST_F(BearerAuthenticatorTest, UserNamesAreAddressesOfTenantsOrAsConfigured) {
  json claims = UserClaims();
  claims["upn"] = "ann@corp.example";
  ASSERT_OK_AND_ASSIGN(Principal ann, Authenticate(RsaKey().Sign(claims)));
  EXPECT_EQ(ann.mail, "ann@example.com");
  claims.erase("tid");
  ASSERT_OK_AND_ASSIGN(ann, Authenticate(RsaKey().Sign(claims)));
  EXPECT_EQ(ann.mail, "");
  claims["email"] = "ann.lee@example.com";
  ASSERT_OK_AND_ASSIGN(ann, Authenticate(RsaKey().Sign(claims)));
  EXPECT_EQ(ann.mail, "ann.lee@example.com");
  config_.issuers[0].claims.mail = {"upn"};
  authenticator().Configure(config_);
  claims["email_verified"] = false;
  ASSERT_OK_AND_ASSIGN(ann, Authenticate(RsaKey().Sign(claims)));
  EXPECT_EQ(ann.mail, "ann@corp.example");
}

TEST_F(BearerAuthenticatorTest, AnAddressThatIsNotVerifiedNamesNobody) {
  config_.issuers[0].claims.user_id = {"email", "preferred_username"};
  json claims = UserClaims();
  claims["email"] = "boss@example.com";
  claims["preferred_username"] = "Boss@example.com";
  claims["email_verified"] = false;
  EXPECT_EQ(Authenticate(RsaKey().Sign(claims)).status().code(),
            absl::StatusCode::kUnauthenticated);
  claims["email_verified"] = true;
  ASSERT_OK_AND_ASSIGN(const Principal boss, Authenticate(RsaKey().Sign(claims)));
  EXPECT_EQ(boss.id, "boss@example.com");
}

TEST_F(BearerAuthenticatorTest, KeysAreNotFetchedAgainAndAgain) {
  refresh_.min_interval = absl::Hours(1);
  authenticator();
  const int before = issuers_->fetches();
  for (int i = 0; i < 100; ++i) {
    json header = RsaKey().Header();
    header["kid"] = absl::StrCat("nobody", i);
    EXPECT_EQ(AwaitKeys(authenticator(), RsaKey().Sign(header, UserClaims())), i < refresh_.burst);
  }
  EXPECT_EQ(issuers_->fetches(), before + refresh_.burst);
}

TEST_F(BearerAuthenticatorTest, AKeyThatComesBetweenRefusalAndWaitingIsUsed) {
  authenticator();
  const JwtSigner next = JwtSigner::Ec("next");
  const std::string token = next.Sign(UserClaims());
  EXPECT_FALSE(Authenticate(token).ok());
  SetKeys({next});
  EXPECT_TRUE(AwaitKeys(authenticator(), next.Sign(UserClaims()))) << "another call is first";
  EXPECT_TRUE(AwaitKeys(authenticator(), token)) << "it is called at once";
  EXPECT_FALSE(AwaitKeys(authenticator(), JwtSigner::Ec("next").Sign(UserClaims())))
      << "another try would be of no use";
}

TEST_F(BearerAuthenticatorTest, WithdrawnKeysAreNoticedInTime) {
  refresh_.interval = absl::Milliseconds(1);
  const std::string token = RsaKey().Sign(UserClaims());
  EXPECT_THAT(Authenticate(token), IsOk());
  SetKeys({EcKey()});
  while (Authenticate(token).ok()) {
  }
  EXPECT_THAT(Authenticate(EcKey().Sign(UserClaims())), IsOk());
}

TEST_F(BearerAuthenticatorTest, WhatTakesNothingAwayBeginsNoGeneration) {
  refresh_.interval = absl::Milliseconds(1);
  const uint64_t generation = authenticator().generation();
  authenticator().Configure(config_);
  EXPECT_EQ(authenticator().generation(), generation) << "the same configuration";
  const JwtSigner added = JwtSigner::Ec("added");
  SetKeys({added, EcKey(), RsaKey()});
  while (!Authenticate(added.Sign(UserClaims())).ok()) {
  }
  EXPECT_EQ(authenticator().generation(), generation) << "another key, and another order";
  SetKeys({added, EcKey()});
  while (Authenticate(RsaKey().Sign(UserClaims())).ok()) {
  }
  EXPECT_NE(authenticator().generation(), generation) << "a key less";
}

TEST_F(BearerAuthenticatorTest, TheLastGoodKeysAreKept) {
  authenticator();
  issuers_->set_is_down(true);
  json header = RsaKey().Header();
  header["kid"] = "unknown";
  EXPECT_TRUE(AwaitKeys(authenticator(), RsaKey().Sign(header, UserClaims())));
  EXPECT_THAT(Authenticate(RsaKey().Sign(UserClaims())), IsOk());
}

TEST_F(BearerAuthenticatorTest, WithoutAnyKeysTheIssuerIsUnavailable) {
  issuers_->set_is_down(true);
  const absl::Status status = Authenticate(RsaKey().Sign(UserClaims())).status();
  EXPECT_EQ(ErrorReasonOf(status), v1::ERROR_REASON_ISSUER_UNAVAILABLE);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  issuers_->set_is_down(false);
  EXPECT_TRUE(AwaitKeys(authenticator(), RsaKey().Sign(UserClaims())));
  EXPECT_THAT(Authenticate(RsaKey().Sign(UserClaims())), IsOk());
}

TEST_F(BearerAuthenticatorTest, WhatIsConfiguredAnewCountsAtOnce) {
  const std::string token = RsaKey().Sign(UserClaims());
  ASSERT_OK_AND_ASSIGN(Principal ann, Authenticate(token));
  EXPECT_EQ(ann.permissions & kAdmin, 0U);
  const int before = issuers_->fetches();
  AuthConfig changed = config_;
  changed.grants = {{"user:ann", kAdmin}};
  const uint64_t generation = authenticator().generation();
  authenticator().Configure(changed);
  EXPECT_NE(authenticator().generation(), generation);
  ASSERT_OK_AND_ASSIGN(ann, Authenticate(token));
  EXPECT_NE(ann.permissions & kAdmin, 0U);
  EXPECT_EQ(issuers_->fetches(), before) << "the issuer stays";
  changed.issuers.erase(changed.issuers.begin());
  authenticator().Configure(changed);
  EXPECT_FALSE(Authenticate(token).ok());
}

TEST(KeySetTest, PassesOverWhatCannotBeUsed) {
  json keys = {{"keys", json::array()}};
  json encrypts = RsaKey().Jwk();
  encrypts["use"] = "enc";
  json other_algorithm = RsaKey().Jwk();
  other_algorithm["alg"] = "PS256";
  json other_curve = EcKey().Jwk();
  other_curve["crv"] = "P-384";
  json off_the_curve = EcKey().Jwk();
  off_the_curve["x"] = off_the_curve["y"];
  json signs_only = RsaKey().Jwk();
  signs_only.erase("use");
  signs_only["key_ops"] = {"sign"};
  const json secret = {{"kty", "oct"}, {"k", "c2VjcmV0"}, {"kid", "rsa"}, {"alg", "HS256"}};
  const json malformed = {{"kty", "RSA"}, {"n", 7}, {"e", "AQAB"}};
  json padded_inside = EcKey().Jwk();
  padded_inside["y"] = "AAAAAAAAA=" + std::string(33, 'A');
  for (const json& key : {encrypts, other_algorithm, other_curve, off_the_curve, signs_only, secret,
                          malformed, padded_inside, JwtSigner::Rsa("short", 1024).Jwk()}) {
    ASSERT_OK_AND_ASSIGN(const KeySet none, KeySet::Parse(json({{"keys", {key}}}).dump()));
    EXPECT_EQ(none.size(), 0U) << key;
    keys["keys"].push_back(key);
  }
  keys["keys"].push_back(RsaKey().Jwk());
  ASSERT_OK_AND_ASSIGN(const KeySet set, KeySet::Parse(keys.dump()));
  EXPECT_EQ(set.size(), 1U);
  for (const char* text :
       {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[1]})", R"({"keys":[],"keys":[]})"}) {
    EXPECT_FALSE(KeySet::Parse(text).ok()) << text;
  }
}

}  // namespace
}  // namespace threadstore
