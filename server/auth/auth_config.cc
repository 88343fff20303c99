#include "server/auth/auth_config.h"

#include <algorithm>
#include <initializer_list>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/base/status_macros.h"
#include "server/domain/resource_name.h"
#include "yaml-cpp/yaml.h"

namespace threadstore {
namespace {

constexpr size_t kSha256Digits = 64;

absl::Status Wrong(const YAML::Node& node, absl::string_view rule) {
  return absl::InvalidArgumentError(absl::StrCat("line ", node.Mark().line + 1, ": ", rule));
}

// Reads a mapping member by member; what is not read is unknown.
class Mapping {
 public:
  static absl::StatusOr<Mapping> Of(const YAML::Node& node, std::string what) {
    if (!node.IsMap()) return Wrong(node, absl::StrCat(what, " must be a mapping"));
    std::set<std::string> names;
    for (const auto& member : node) {
      if (!member.first.IsScalar()) return Wrong(member.first, "a member's name must be text");
      if (!names.insert(member.first.Scalar()).second) {
        return Wrong(member.first, absl::StrCat(member.first.Scalar(), " is there twice"));
      }
    }
    return Mapping(node, std::move(what));
  }

  // Leaves `text` as it is if the member is not there.
  absl::Status Read(const char* name, std::string& text) {
    const YAML::Node node = Take(name);
    if (!node.IsDefined()) return absl::OkStatus();
    if (!node.IsScalar() || node.Scalar().empty()) {
      return Wrong(node, absl::StrCat(name, " must be text that is not empty"));
    }
    text = node.Scalar();
    return absl::OkStatus();
  }

  // One text is a list of one. `[]` is none, where that has a meaning.
  enum class MayBeEmpty { kNo, kYes };
  absl::Status Read(const char* name, std::vector<std::string>& list,
                    MayBeEmpty may_be_empty = MayBeEmpty::kNo) {
    const YAML::Node node = Take(name);
    if (!node.IsDefined()) return absl::OkStatus();
    list.clear();
    if (node.IsScalar() && !node.Scalar().empty()) {
      list.push_back(node.Scalar());
      return absl::OkStatus();
    }
    if (!node.IsSequence() || (node.size() == 0 && may_be_empty == MayBeEmpty::kNo)) {
      return Wrong(node, absl::StrCat(name, " must be text, or a list of texts"));
    }
    for (const YAML::Node& element : node) {
      if (!element.IsScalar() || element.Scalar().empty()) {
        return Wrong(element, absl::StrCat(name, " must be a list of texts"));
      }
      list.push_back(element.Scalar());
    }
    return absl::OkStatus();
  }

  absl::Status Read(const char* name, Permissions& permissions) {
    std::vector<std::string> names;
    const YAML::Node node = node_[name];
    RETURN_IF_ERROR(Read(name, names));
    for (const std::string& permission : names) {
      const std::optional<Permission> found = PermissionNamed(permission);
      if (!found.has_value()) {
        return Wrong(node, absl::StrCat(permission, " is not a permission; there are ",
                                        absl::StrJoin(PermissionNames(), ", ")));
      }
      permissions |= *found;
    }
    return absl::OkStatus();
  }

  absl::Status Require(std::initializer_list<const char*> names) const {
    for (const char* name : names) {
      if (!node_[name].IsDefined()) {
        return Wrong(node_, absl::StrCat(what_, " must have ", name));
      }
    }
    return absl::OkStatus();
  }

  // Calls `read` with each element of a list.
  template <typename ReadElement>
  absl::Status ForEach(const char* name, ReadElement read) {
    const YAML::Node node = Take(name);
    if (!node.IsDefined() || node.IsNull()) return absl::OkStatus();
    if (!node.IsSequence()) return Wrong(node, absl::StrCat(name, " must be a list"));
    for (const YAML::Node& element : node) RETURN_IF_ERROR(read(element));
    return absl::OkStatus();
  }

  absl::StatusOr<Mapping> Nested(const char* name) { return Of(Take(name), name); }
  bool Has(const char* name) const { return node_[name].IsDefined(); }

  // To be called when everything has been read.
  absl::Status End() const {
    for (const auto& member : node_) {
      if (taken_.count(member.first.Scalar()) == 0) {
        return Wrong(member.first, absl::StrCat(member.first.Scalar(), " is not known in ", what_));
      }
    }
    return absl::OkStatus();
  }

 private:
  Mapping(const YAML::Node& node, std::string what) : node_(node), what_(std::move(what)) {}

  YAML::Node Take(const char* name) {
    taken_.insert(name);
    // Not the member itself, which would come to be.
    const YAML::Node& fixed = node_;
    return fixed[name];
  }

  const YAML::Node node_;
  std::string what_;
  std::set<std::string> taken_;
};

absl::StatusOr<ClaimNames> ReadClaims(Mapping claims) {
  ClaimNames names;
  RETURN_IF_ERROR(claims.Read("user_id", names.user_id));
  RETURN_IF_ERROR(claims.Read("application_id", names.application_id));
  const std::pair<const char*, std::vector<std::string>&> others[] = {
      {"display_name", names.display_name},
      {"scopes", names.scopes},
      {"roles", names.roles},
      {"groups", names.groups},
      {"token_id", names.token_id}};
  for (const auto& [name, list] : others) {
    RETURN_IF_ERROR(claims.Read(name, list, Mapping::MayBeEmpty::kYes));
  }
  if (claims.Has("mail")) {
    RETURN_IF_ERROR(claims.Read("mail", names.mail.emplace(), Mapping::MayBeEmpty::kYes));
  }
  RETURN_IF_ERROR(claims.End());
  return names;
}

absl::StatusOr<IssuerConfig> ReadIssuer(const YAML::Node& node) {
  ASSIGN_OR_RETURN(Mapping members, Mapping::Of(node, "an issuer"));
  RETURN_IF_ERROR(members.Require({"issuer", "audiences", "jwks"}));
  IssuerConfig issuer;
  std::string name;
  RETURN_IF_ERROR(members.Read("issuer", name));
  RETURN_IF_ERROR(members.Read("aliases", issuer.names));
  issuer.names.insert(issuer.names.begin(), name);
  RETURN_IF_ERROR(members.Read("audiences", issuer.audiences));
  RETURN_IF_ERROR(members.Read("jwks", issuer.keys.jwks));
  RETURN_IF_ERROR(members.Read("jwks_ca", issuer.keys.ca));
  RETURN_IF_ERROR(members.Read("jwks_token_file", issuer.keys.token_file));
  RETURN_IF_ERROR(members.Read("prefix", issuer.prefix));
  if (members.Has("claims")) {
    ASSIGN_OR_RETURN(Mapping claims, members.Nested("claims"));
    ASSIGN_OR_RETURN(issuer.claims, ReadClaims(std::move(claims)));
  }
  RETURN_IF_ERROR(members.End());
  return issuer;
}

absl::StatusOr<TokenConfig> ReadToken(const YAML::Node& node) {
  ASSIGN_OR_RETURN(Mapping members, Mapping::Of(node, "a token"));
  RETURN_IF_ERROR(members.Require({"sha256", "application", "permissions"}));
  TokenConfig token;
  RETURN_IF_ERROR(members.Read("sha256", token.sha256));
  absl::AsciiStrToLower(&token.sha256);
  if (token.sha256.size() != kSha256Digits ||
      !std::all_of(token.sha256.begin(), token.sha256.end(), absl::ascii_isxdigit)) {
    return Wrong(node, "sha256 must be 64 hexadecimal digits");
  }
  RETURN_IF_ERROR(members.Read("application", token.application));
  if (const absl::Status status = CheckApplicationId(token.application); !status.ok()) {
    return Wrong(node, status.message());
  }
  RETURN_IF_ERROR(members.Read("permissions", token.permissions));
  RETURN_IF_ERROR(members.End());
  return token;
}

absl::StatusOr<Grant> ReadGrant(const YAML::Node& node) {
  ASSIGN_OR_RETURN(Mapping members, Mapping::Of(node, "a grant"));
  RETURN_IF_ERROR(members.Require({"principal", "permissions"}));
  Grant grant;
  RETURN_IF_ERROR(members.Read("principal", grant.principal));
  if (!absl::StartsWith(grant.principal, "user:") &&
      !absl::StartsWith(grant.principal, "application:")) {
    return Wrong(node, "principal must begin with user: or application:");
  }
  RETURN_IF_ERROR(members.Read("permissions", grant.permissions));
  RETURN_IF_ERROR(members.End());
  return grant;
}

// Whether somebody of one issuer could have the id of somebody of another.
absl::Status CheckPrefixes(const std::vector<IssuerConfig>& issuers) {
  for (const IssuerConfig& one : issuers) {
    for (const IssuerConfig& other : issuers) {
      if (&one == &other || one.prefix.empty() || !absl::StartsWith(other.prefix, one.prefix)) {
        continue;
      }
      return absl::InvalidArgumentError(absl::StrCat("the prefix of ", other.names.front(),
                                                     " begins with that of ", one.names.front()));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<AuthConfig> Read(const YAML::Node& root) {
  AuthConfig config;
  if (root.IsNull()) return config;
  ASSIGN_OR_RETURN(Mapping members, Mapping::Of(root, "the configuration"));
  RETURN_IF_ERROR(members.ForEach("issuers", [&](const YAML::Node& node) -> absl::Status {
    ASSIGN_OR_RETURN(IssuerConfig issuer, ReadIssuer(node));
    config.issuers.push_back(std::move(issuer));
    return absl::OkStatus();
  }));
  std::set<std::string> digests;
  RETURN_IF_ERROR(members.ForEach("tokens", [&](const YAML::Node& node) -> absl::Status {
    ASSIGN_OR_RETURN(TokenConfig token, ReadToken(node));
    if (!digests.insert(token.sha256).second) return Wrong(node, "the token is there twice");
    config.tokens.push_back(std::move(token));
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(members.ForEach("grants", [&](const YAML::Node& node) -> absl::Status {
    ASSIGN_OR_RETURN(Grant grant, ReadGrant(node));
    config.grants.push_back(std::move(grant));
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(members.End());
  RETURN_IF_ERROR(CheckIssuers(config.issuers));
  return config;
}

}  // namespace

bool Grant::Covers(absl::string_view principal_key) const {
  const std::vector<absl::string_view> parts = absl::StrSplit(principal, '*');
  absl::string_view rest = principal_key;
  if (parts.size() == 1) return rest == principal;
  if (!absl::StartsWith(rest, parts.front())) return false;
  rest.remove_prefix(parts.front().size());
  for (size_t i = 1; i + 1 < parts.size(); ++i) {
    const size_t found = rest.find(parts[i]);
    if (found == absl::string_view::npos) return false;
    rest.remove_prefix(found + parts[i].size());
  }
  return absl::EndsWith(rest, parts.back());
}

absl::Status CheckIssuers(const std::vector<IssuerConfig>& issuers) {
  RETURN_IF_ERROR(CheckPrefixes(issuers));
  std::set<std::string> names;
  for (const IssuerConfig& issuer : issuers) {
    for (const std::string& name : issuer.names) {
      if (name.empty()) return absl::InvalidArgumentError("an issuer has an empty name");
      if (!names.insert(name).second) {
        return absl::InvalidArgumentError(absl::StrCat("the issuer ", name, " is there twice"));
      }
    }
    const std::string& name = issuer.names.front();
    const bool has_empty =
        std::find(issuer.audiences.begin(), issuer.audiences.end(), "") != issuer.audiences.end();
    if (issuer.audiences.empty() || has_empty) {
      return absl::InvalidArgumentError(absl::StrCat("the issuer ", name, " has no audience"));
    }
    if (issuer.keys.jwks.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("the issuer ", name, " has no jwks"));
    }
    const bool is_url = issuer.keys.is_url();
    if (!is_url && absl::StrContains(issuer.keys.jwks, "://")) {
      return absl::InvalidArgumentError(
          absl::StrCat("the jwks of ", name, " must be a file or begin with https://"));
    }
    if (!is_url && (!issuer.keys.ca.empty() || !issuer.keys.token_file.empty())) {
      return absl::InvalidArgumentError(
          absl::StrCat("jwks_ca and jwks_token_file of ", name, " are for a jwks of https"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<AuthConfig> ParseAuthConfig(absl::string_view yaml) {
  // yaml-cpp throws, and every way out of it is caught here.
  try {
    return Read(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("line ", error.mark.line + 1, ": ", error.msg));
  }
}

}  // namespace threadstore
