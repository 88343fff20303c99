// Any bytes as the file of --auth_config: refused with a line and a rule, or a configuration that
// keeps the rules.

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "server/auth/auth_config.h"
#include "server/domain/resource_name.h"
#include "tests/fuzz/require.h"

namespace threadstore::testing {
namespace {

void TryConfig(absl::string_view yaml) {
  const absl::StatusOr<AuthConfig> config = ParseAuthConfig(yaml);
  if (!config.ok()) {
    Require(absl::IsInvalidArgument(config.status()) && !config.status().message().empty(),
            config.status().ToString());
    return;
  }
  Require(CheckIssuers(config->issuers).ok(), "issuers");
  for (const TokenConfig& token : config->tokens) {
    Require(token.sha256.size() == 64 &&
                token.sha256.find_first_not_of("0123456789abcdef") == std::string::npos,
            token.sha256);
    Require(CheckApplicationId(token.application).ok(), token.application);
    Require(token.permissions != 0, "a token that may do nothing");
  }
  for (const Grant& grant : config->grants) {
    Require(grant.permissions != 0, "a grant of nothing");
    Require(absl::StartsWith(grant.principal, "user:") ||
                absl::StartsWith(grant.principal, "application:"),
            grant.principal);
    // Each star stands for any text, itself among it.
    Require(grant.Covers(grant.principal), grant.principal);
    Require(!grant.Covers("nobody:"), grant.principal);
  }
}

}  // namespace
}  // namespace threadstore::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  threadstore::testing::TryConfig({reinterpret_cast<const char*>(data), size});
  return 0;
}
