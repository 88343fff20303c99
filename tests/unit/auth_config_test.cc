#include "server/auth/auth_config.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace threadstore {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr char kIssuers[] = R"(issuers:
  - issuer: https://login.example/tenant/v2.0
    aliases: [https://sts.example/tenant/]
    audiences: [api://threadstore, 1111]
    jwks: https://login.example/keys
    jwks_ca: /etc/ca.pem
    jwks_token_file: /var/run/token
    prefix: "corp:"
    claims:
      user_id: upn
      groups: [groups, teams]
      roles: []
)";

TEST(AuthConfigTest, ReadsEverything) {
  ASSERT_OK_AND_ASSIGN(const AuthConfig config, ParseAuthConfig(std::string(kIssuers) + R"(tokens:
  - sha256: 9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08
    application: reporter
    permissions: [Group.Read.All, Threadstore.Admin]
grants:
  - {principal: "application:system:serviceaccount:mail:*", permissions: Group.ReadWrite.All}
)"));
  ASSERT_EQ(config.issuers.size(), 1U);
  const IssuerConfig& issuer = config.issuers[0];
  EXPECT_THAT(issuer.names,
              ElementsAre("https://login.example/tenant/v2.0", "https://sts.example/tenant/"));
  EXPECT_THAT(issuer.audiences, ElementsAre("api://threadstore", "1111"));
  EXPECT_EQ(issuer.keys.jwks, "https://login.example/keys");
  EXPECT_EQ(issuer.keys.ca, "/etc/ca.pem");
  EXPECT_EQ(issuer.keys.token_file, "/var/run/token");
  EXPECT_EQ(issuer.prefix, "corp:");
  EXPECT_THAT(issuer.claims.user_id, ElementsAre("upn"));
  EXPECT_THAT(issuer.claims.groups, ElementsAre("groups", "teams"));
  EXPECT_THAT(issuer.claims.roles, ElementsAre());
  EXPECT_THAT(issuer.claims.scopes, ElementsAre("scp", "scope"));
  EXPECT_EQ(issuer.claims.mail, std::nullopt);
  ASSERT_EQ(config.tokens.size(), 1U);
  EXPECT_EQ(config.tokens[0].sha256,
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
  EXPECT_EQ(config.tokens[0].permissions, kGroupRead | kAdmin);
  ASSERT_EQ(config.grants.size(), 1U);
  EXPECT_EQ(config.grants[0].permissions, kGroupReadWrite);
  ASSERT_OK_AND_ASSIGN(const AuthConfig without_mail,
                       ParseAuthConfig(std::string(kIssuers) + "      mail: []\n"));
  EXPECT_THAT(without_mail.issuers[0].claims.mail, Optional(ElementsAre()));
  ASSERT_OK_AND_ASSIGN(const AuthConfig empty, ParseAuthConfig(""));
  EXPECT_TRUE(empty.issuers.empty());
}

TEST(AuthConfigTest, SaysWhatIsWrongAndWhere) {
  const std::string token = "tokens:\n  - application: a\n    permissions: [Group.Read.All]\n";
  const std::string digest(64, 'a');
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"issuers: 1", "line 1: issuers must be a list"},
      {"a: b", "line 1: a is not known in the configuration"},
      {"- a", "line 1: the configuration must be a mapping"},
      {"grants: [", "line 1: end of sequence flow not found"},
      {"grants:\n- principal: user:a\n", "line 2: a grant must have permissions"},
      {"grants:\n- principal: ann\n  permissions: [Group.Read.All]\n",
       "line 2: principal must begin with user: or application:"},
      {"grants:\n- principal: user:a\n  permissions: [Groups.Read.All]\n",
       "line 3: Groups.Read.All is not a permission; there are Group-Conversation.Read.All"},
      {"grants:\n- principal: user:a\n  permissions: []\n", "line 3: permissions must be text"},
      {"grants: []\ngrants: []\n", "line 2: grants is there twice"},
      {token, "line 2: a token must have sha256"},
      {token + "    sha256: abc\n", "line 2: sha256 must be 64 hexadecimal digits"},
      {token + "    sha256: " + digest + "\n    secret: x\n",
       "line 5: secret is not known in a token"},
      {token + "    sha256: " + digest +
           "\n  - {application: b, permissions: Group.Read.All, "
           "sha256: " +
           digest + "}\n",
       "line 5: the token is there twice"},
      {std::string(kIssuers) + "      user: x\n", "line 13: user is not known in claims"},
      {std::string(kIssuers) + "      application_id: []\n",
       "line 13: application_id must be text"},
      {std::string(kIssuers) + "      mail: ''\n", "line 13: mail must be text"},
      {"issuers:\n- {issuer: a, audiences: [b]}\n", "line 2: an issuer must have jwks"},
      {"issuers:\n- {issuer: a, jwks: f}\n", "line 2: an issuer must have audiences"},
      {"issuers:\n- {issuer: a, audiences: b, jwks: http://x}\n",
       "the jwks of a must be a file or begin with https://"},
      {"issuers:\n- {issuer: a, audiences: b, jwks: f, jwks_ca: c}\n",
       "jwks_ca and jwks_token_file of a are for a jwks of https"},
      {"issuers:\n- {issuer: a, audiences: b, jwks: f}\n- {issuer: a, audiences: b, jwks: f}\n",
       "the issuer a is there twice"},
      {"issuers:\n- {issuer: a, audiences: b, jwks: f, prefix: p}\n- {issuer: b, audiences: b, "
       "jwks: f, "
       "prefix: pq}\n",
       "the prefix of b begins with that of a"},
  };
  for (const auto& [yaml, message] : cases) {
    const absl::Status status = ParseAuthConfig(yaml).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << yaml;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message)) << yaml;
  }
}

TEST(GrantTest, StarsStandForAnyText) {
  const auto covers = [](const std::string& pattern, const std::string& key) {
    return Grant{pattern, kGroupRead}.Covers(key);
  };
  EXPECT_TRUE(covers("user:ann", "user:ann"));
  EXPECT_FALSE(covers("user:ann", "user:anna"));
  EXPECT_FALSE(covers("user:ann", "application:ann"));
  EXPECT_TRUE(covers("user:*", "user:"));
  EXPECT_FALSE(covers("user:*", "application:user:"));
  EXPECT_TRUE(covers("user:a*n", "user:an"));
  EXPECT_FALSE(covers("user:an*n", "user:an")) << "texts do not overlap";
  EXPECT_TRUE(covers("application:*:mail:*", "application:x:mail:y"));
  EXPECT_FALSE(covers("application:*:mail:*", "application:x:post:y"));
  EXPECT_FALSE(covers("user:a*", "user:b"));
}

}  // namespace
}  // namespace threadstore
