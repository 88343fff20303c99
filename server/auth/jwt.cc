#include "server/auth/jwt.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/auth/base64url.h"
#include "server/base/json_object.h"
#include "server/base/status_macros.h"
#include "server/domain/field_checks.h"
#include "server/domain/resource_name.h"
#include "server/domain/violations.h"

namespace threadstore {
namespace {

using Json = nlohmann::json;

constexpr absl::Duration kLeeway = absl::Minutes(1);

// What tokens hold beside texts and lists of them, such as `cnf` and `_claim_names`.
constexpr int kMaxTokenDepth = 16;

// RFC 7518, section 3.4. cjose takes any two numbers of one length.
constexpr size_t kEs256SignatureBytes = 64;

// Of those whose bearers have signed in with a personal account
// (https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
constexpr absl::string_view kPersonalAccountsTenant = "9188040d-6c67-4c5b-b112-36a304b66dad";

constexpr absl::string_view kServiceAccountPrefix = "system:serviceaccount:";

absl::Status Refusal(absl::string_view why) { return absl::InvalidArgumentError(why); }

absl::StatusOr<std::string> DecodePart(absl::string_view part) {
  std::optional<std::string> bytes = DecodeBase64Url(part);
  if (!bytes.has_value()) return Refusal("a part is not base64url");
  return *std::move(bytes);
}

absl::StatusOr<Json> DecodeObject(absl::string_view part) {
  ASSIGN_OR_RETURN(const std::string text, DecodePart(part));
  RETURN_IF_ERROR(CheckJsonObject(text, kMaxTokenDepth));
  return Json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
}

// The text of a member; nothing if it is something else or not there.
std::optional<std::string> TextOf(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

bool IsAnything(const std::string&) { return true; }

// The first text that is there, not empty, and `is_possible`.
std::string FirstText(const Json& claims, const std::vector<std::string>& names,
                      absl::FunctionRef<bool(const std::string&)> is_possible = IsAnything) {
  for (const std::string& name : names) {
    std::optional<std::string> text = TextOf(claims, name);
    if (text.has_value() && !text->empty() && is_possible(*text)) return *std::move(text);
  }
  return "";
}

bool CouldBeMembers(const v1::Member& member) {
  Violations violations;
  CheckMemberTexts("member", member, violations);
  return violations.ToStatus().ok();
}

// Users may often choose what their issuer calls them, and it becomes the sender of their posts.
bool IsPossibleName(const std::string& text) {
  v1::Member member;
  member.set_display_name(text);
  return CouldBeMembers(member);
}

bool IsPossibleMail(const std::string& text) {
  v1::Member member;
  member.set_mail(text);
  return CouldBeMembers(member);
}

// The texts of the first list that is there; text is a list of words.
std::vector<std::string> FirstList(const Json& claims, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto found = claims.find(name);
    if (found == claims.end()) continue;
    if (found->is_string()) {
      return absl::StrSplit(found->get<std::string>(), ' ', absl::SkipEmpty());
    }
    if (!found->is_array()) continue;
    std::vector<std::string> texts;
    for (const Json& element : *found) {
      if (element.is_string()) texts.push_back(element.get<std::string>());
    }
    return texts;
  }
  return {};
}

absl::Status ReadHeader(const Json& header, Jwt& jwt) {
  const std::optional<std::string> algorithm = TextOf(header, "alg");
  if (algorithm == "RS256") {
    jwt.algorithm = Jwt::Algorithm::kRs256;
  } else if (algorithm == "ES256") {
    jwt.algorithm = Jwt::Algorithm::kEs256;
  } else {
    return Refusal("the algorithm is neither RS256 nor ES256");
  }
  // RFC 7515, section 4.1.11: what must be understood, and is not.
  if (header.contains("crit")) return Refusal("the header has critical extensions");
  if (header.contains("typ")) {
    // RFC 8725, section 3.11: tokens for something else are not access tokens.
    const std::string type = absl::AsciiStrToLower(TextOf(header, "typ").value_or(""));
    if (type != "jwt" && type != "at+jwt" && type != "application/at+jwt") {
      return Refusal("the type is not that of an access token");
    }
  }
  if (header.contains("cty")) return Refusal("there is another token inside");
  if (header.contains("kid")) {
    const std::optional<std::string> key_id = TextOf(header, "kid");
    if (!key_id.has_value() || key_id->empty()) return Refusal("the key id is not text");
    jwt.key_id = *key_id;
  }
  return absl::OkStatus();
}

bool HasOneOf(const std::vector<std::string>& wanted, const Json& audience) {
  const auto is_wanted = [&wanted](const Json& one) {
    return one.is_string() &&
           std::find(wanted.begin(), wanted.end(), one.get<std::string>()) != wanted.end();
  };
  if (audience.is_array()) return std::any_of(audience.begin(), audience.end(), is_wanted);
  return is_wanted(audience);
}

// A NumericDate of RFC 7519, section 2; nothing if it is not one.
std::optional<absl::Time> TimeOf(const Json& value) {
  constexpr double kMaxSeconds = 1e11;
  if (!value.is_number()) return std::nullopt;
  const auto seconds = value.get<double>();
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kMaxSeconds) return std::nullopt;
  return absl::UnixEpoch() + absl::Seconds(seconds);
}

// The time until which the token is valid, the leeway included.
absl::StatusOr<absl::Time> CheckTimes(const Json& claims, absl::Time now) {
  const auto expires = claims.find("exp");
  if (expires == claims.end()) return Refusal("it never expires");
  const std::optional<absl::Time> end = TimeOf(*expires);
  if (!end.has_value()) return Refusal("the time of expiry is not a time");
  if (now >= *end + kLeeway) return Refusal("it is expired");
  for (const char* name : {"nbf", "iat"}) {
    const auto found = claims.find(name);
    if (found == claims.end()) continue;
    const std::optional<absl::Time> begin = TimeOf(*found);
    if (!begin.has_value()) return Refusal(absl::StrCat(name, " is not a time"));
    if (now < *begin - kLeeway) return Refusal("it is not valid yet");
  }
  return *end + kLeeway;
}

enum class Bearer { kUser, kApplication, kServiceAccount };

// Whether it says what a user lets a client do, even if that is nothing. Of the configured claims
// those of roles do not: applications have them, too.
bool HasScopes(const Json& claims, const ClaimNames& names) {
  const auto is_there = [&](const std::string& name) {
    return claims.contains(name) && !absl::c_linear_search(names.roles, name);
  };
  return claims.contains("scp") || claims.contains("scope") ||
         absl::c_any_of(names.scopes, is_there);
}

// Whether a client has the id, of those that a token names; it may not name another.
absl::StatusOr<bool> IsClient(const Json& claims, const std::string& id) {
  constexpr std::array kClientNames = {"client_id", "azp", "appid"};
  const auto says = [&](const char* name) { return TextOf(claims, name) == id; };
  const auto agrees = [&](const char* name) { return says(name) || !claims.contains(name); };
  if (absl::c_none_of(kClientNames, says)) return false;
  if (absl::c_all_of(kClientNames, agrees)) return true;
  return Refusal("it names two clients");
}

absl::StatusOr<Bearer> BearerOf(const Json& claims, const ClaimNames& names) {
  if (claims.contains("idtyp")) {
    const std::optional<std::string> kind = TextOf(claims, "idtyp");
    if (kind == "app") return Bearer::kApplication;
    if (kind == "user") return Bearer::kUser;
    return Refusal("idtyp is neither app nor user");
  }
  const std::optional<std::string> subject = TextOf(claims, "sub");
  if (!subject.has_value() || subject->empty()) return Bearer::kUser;
  // With some issuers users can have such a subject, or have it as their `oid`, too. Their clients
  // show them by their scopes.
  const bool has_scopes = HasScopes(claims, names);
  if (absl::StartsWith(*subject, kServiceAccountPrefix)) {
    return has_scopes ? Bearer::kUser : Bearer::kServiceAccount;
  }
  if (const std::optional<std::string> object = TextOf(claims, "oid"); object.has_value()) {
    if (object != subject) return Bearer::kUser;
    if (!has_scopes) return Bearer::kApplication;
  }
  ASSIGN_OR_RETURN(const bool is_client, IsClient(claims, *subject));
  return is_client ? Bearer::kApplication : Bearer::kUser;
}

Permissions PermissionsOf(const std::vector<std::string>& names) {
  Permissions permissions = 0;
  for (const std::string& name : names) {
    const std::optional<Permission> permission = PermissionNamed(name);
    if (permission.has_value()) permissions |= *permission;
  }
  return permissions;
}

absl::Status ReadApplication(const Json& claims, const std::vector<std::string>& id_names,
                             const std::string& prefix, Principal& principal) {
  principal.kind = Principal::Kind::kApplication;
  principal.id = FirstText(claims, id_names);
  if (principal.id.empty() || !CheckApplicationId(absl::StrCat(prefix, principal.id)).ok()) {
    return Refusal("it does not say which application's it is");
  }
  return absl::OkStatus();
}

// OpenID Connect Core, section 5.1: an address that anyone may have given is nobody's.
bool IsVerified(const Json& claims) {
  const auto verified = claims.find("email_verified");
  return verified == claims.end() || *verified == true;
}

// Empty if there is none.
std::string UnverifiedAddress(const Json& claims) {
  return IsVerified(claims) ? "" : TextOf(claims, "email").value_or("");
}

// What users may call themselves is no address of theirs (OpenID Connect Core, section 5.1).
std::vector<std::string> MailNames(const Json& claims, const ClaimNames& names) {
  if (names.mail.has_value()) return *names.mail;
  if (!claims.contains("tid") || !IsVerified(claims)) return {"email"};
  return {"email", "preferred_username", "upn"};
}

absl::Status ReadUser(const Json& claims, const ClaimNames& names, const std::string& prefix,
                      Principal& principal) {
  const std::string unverified = UnverifiedAddress(claims);
  const auto is_verified = [&](const std::string& text) {
    return !absl::EqualsIgnoreCase(text, unverified);
  };
  principal.kind = Principal::Kind::kUser;
  principal.id = FirstText(claims, names.user_id, is_verified);
  if (principal.id.empty() || !CheckUserId(absl::StrCat(prefix, principal.id)).ok()) {
    return Refusal("it does not say whose it is");
  }
  principal.permissions = PermissionsOf(FirstList(claims, names.scopes));
  principal.display_name = FirstText(claims, names.display_name, [&](const std::string& text) {
    return is_verified(text) && IsPossibleName(text);
  });
  principal.mail = FirstText(claims, MailNames(claims, names), [&](const std::string& text) {
    return is_verified(text) && IsPossibleMail(text);
  });
  if (names.groups.empty()) return absl::OkStatus();
  std::vector<std::string> groups = FirstList(claims, names.groups);
  // Others have groups whose names are not possible here.
  std::erase_if(groups, [](const std::string& group) { return !CheckGroupId(group).ok(); });
  principal.groups = std::make_shared<const std::set<std::string, std::less<>>>(
      std::make_move_iterator(groups.begin()), std::make_move_iterator(groups.end()));
  return absl::OkStatus();
}

}  // namespace

std::string Jwt::issuer() const { return TextOf(claims, "iss").value_or(""); }

absl::StatusOr<Jwt> ParseJwt(absl::string_view text) {
  if (text.size() > kMaxBearerTokenBytes) return Refusal("it is too long");
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  if (parts.size() != 3) return Refusal("it does not have three parts");
  Jwt jwt;
  jwt.text = std::string(text);
  ASSIGN_OR_RETURN(const Json header, DecodeObject(parts[0]));
  RETURN_IF_ERROR(ReadHeader(header, jwt));
  ASSIGN_OR_RETURN(jwt.claims, DecodeObject(parts[1]));
  ASSIGN_OR_RETURN(const std::string signature, DecodePart(parts[2]));
  if (jwt.algorithm == Jwt::Algorithm::kEs256 && signature.size() != kEs256SignatureBytes) {
    return Refusal("the signature does not have 64 bytes");
  }
  return jwt;
}

absl::StatusOr<Principal> PrincipalOf(const Jwt& jwt, const IssuerConfig& issuer, absl::Time now) {
  const Json& claims = jwt.claims;
  const std::string name = jwt.issuer();
  if (std::find(issuer.names.begin(), issuer.names.end(), name) == issuer.names.end()) {
    return Refusal("it is of another issuer");
  }
  if (!claims.contains("aud") || !HasOneOf(issuer.audiences, claims["aud"])) {
    return Refusal("it is for another audience");
  }
  Principal principal;
  ASSIGN_OR_RETURN(principal.valid_until, CheckTimes(claims, now));
  if (absl::EqualsIgnoreCase(TextOf(claims, "tid").value_or(""), kPersonalAccountsTenant)) {
    return Refusal("it is of a personal account");
  }
  ASSIGN_OR_RETURN(const Bearer bearer, BearerOf(claims, issuer.claims));
  switch (bearer) {
    case Bearer::kUser:
      RETURN_IF_ERROR(ReadUser(claims, issuer.claims, issuer.prefix, principal));
      break;
    case Bearer::kApplication:
      RETURN_IF_ERROR(
          ReadApplication(claims, issuer.claims.application_id, issuer.prefix, principal));
      principal.permissions = PermissionsOf(FirstList(claims, issuer.claims.roles)) |
                              PermissionsOf(FirstList(claims, issuer.claims.scopes));
      break;
    case Bearer::kServiceAccount:
      RETURN_IF_ERROR(ReadApplication(claims, {"sub"}, issuer.prefix, principal));
      break;
  }
  principal.id = absl::StrCat(issuer.prefix, principal.id);
  principal.token_id = FirstText(claims, issuer.claims.token_id);
  return principal;
}

}  // namespace threadstore
