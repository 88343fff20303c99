#include "server/auth/key_set.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cjose/cjose.h"
#include "nlohmann/json.hpp"
#include "server/auth/base64url.h"
#include "server/base/json_object.h"
#include "server/base/status_macros.h"

namespace threadstore {
namespace {

using Json = nlohmann::json;

constexpr int kMaxKeySetDepth = 16;
constexpr size_t kMaxKeys = 100;
constexpr size_t kMinRsaBits = 2048;
constexpr size_t kMaxRsaBits = 16384;  // What OpenSSL verifies with.

absl::Status Wrong(absl::string_view what) { return absl::InvalidArgumentError(what); }

std::string TextOf(const Json& key, const char* name) {
  const auto found = key.find(name);
  return found != key.end() && found->is_string() ? found->get<std::string>() : "";
}

// The algorithm that a key is for; nothing if that is none of ours.
std::optional<Jwt::Algorithm> AlgorithmOf(const Json& key) {
  const std::string type = TextOf(key, "kty");
  const std::string algorithm = TextOf(key, "alg");
  const auto is_or_absent = [&key](const char* name, absl::string_view value) {
    return !key.contains(name) || TextOf(key, name) == value;
  };
  if (!is_or_absent("use", "sig")) return std::nullopt;
  if (key.contains("key_ops")) {
    const Json& operations = key["key_ops"];
    if (!operations.is_array() ||
        std::find(operations.begin(), operations.end(), "verify") == operations.end()) {
      return std::nullopt;
    }
  }
  if (type == "RSA" && is_or_absent("alg", "RS256")) return Jwt::Algorithm::kRs256;
  if (type == "EC" && TextOf(key, "crv") == "P-256" && is_or_absent("alg", "ES256")) {
    return Jwt::Algorithm::kEs256;
  }
  return std::nullopt;
}

// Only what is public: whoever publishes more does not have it kept here. Nothing if a number is
// not base64url, which cjose takes for granted: an equals sign inside one ends the process.
std::optional<Json> PublicPart(const Json& key, Jwt::Algorithm algorithm) {
  const bool is_rsa = algorithm == Jwt::Algorithm::kRs256;
  Json part = Json::object();
  part["kty"] = TextOf(key, "kty");
  if (!is_rsa) part["crv"] = TextOf(key, "crv");
  for (const char* number : is_rsa ? std::array{"n", "e"} : std::array{"x", "y"}) {
    part[number] = TextOf(key, number);
    if (!DecodeBase64Url(TextOf(key, number)).has_value()) return std::nullopt;
  }
  return part;
}

// Null if the key is not well formed, or too short or long to be used.
std::shared_ptr<cjose_jwk_t> Import(const std::string& text, Jwt::Algorithm algorithm) {
  cjose_err error;
  std::shared_ptr<cjose_jwk_t> jwk(cjose_jwk_import(text.data(), text.size(), &error),
                                   [](cjose_jwk_t* owned) {
                                     if (owned != nullptr) cjose_jwk_release(owned);
                                   });
  if (jwk == nullptr || algorithm != Jwt::Algorithm::kRs256) return jwk;
  const size_t bits = cjose_jwk_get_keysize(jwk.get(), &error);
  return bits < kMinRsaBits || bits > kMaxRsaBits ? nullptr : jwk;
}

bool IsSignedWith(const Jwt& jwt, const cjose_jwk_t& key) {
  cjose_err error;
  const std::unique_ptr<cjose_jws_t, decltype(&cjose_jws_release)> jws(
      cjose_jws_import(jwt.text.data(), jwt.text.size(), &error), &cjose_jws_release);
  return jws != nullptr && cjose_jws_verify(jws.get(), &key, &error);
}

}  // namespace

struct KeySet::Key {
  std::string id;
  Jwt::Algorithm algorithm;
  std::string public_part;
  std::shared_ptr<cjose_jwk_t> jwk;
};

absl::StatusOr<KeySet> KeySet::Parse(absl::string_view json) {
  RETURN_IF_ERROR(CheckJsonObject(json, kMaxKeySetDepth));
  const Json set = Json::parse(json, /*cb=*/nullptr, /*allow_exceptions=*/false);
  const auto keys = set.find("keys");
  if (keys == set.end() || !keys->is_array()) return Wrong("there is no list of keys");
  if (keys->size() > kMaxKeys)
    return Wrong(absl::StrCat("there are more than ", kMaxKeys, " keys"));
  KeySet result;
  for (const Json& key : *keys) {
    if (!key.is_object()) return Wrong("a key is not an object");
    const std::optional<Jwt::Algorithm> algorithm = AlgorithmOf(key);
    if (!algorithm.has_value()) continue;
    const std::optional<Json> part = PublicPart(key, *algorithm);
    if (!part.has_value()) continue;
    std::string text = part->dump();
    std::shared_ptr<cjose_jwk_t> jwk = Import(text, *algorithm);
    if (jwk == nullptr) continue;
    result.keys_.push_back(std::make_shared<const Key>(
        Key{TextOf(key, "kid"), *algorithm, std::move(text), std::move(jwk)}));
  }
  return result;
}

bool KeySet::Has(absl::string_view key_id) const {
  return key_id.empty() || std::any_of(keys_.begin(), keys_.end(),
                                       [key_id](const auto& key) { return key->id == key_id; });
}

bool KeySet::VerifiesAllOf(const KeySet& other) const {
  if (other.size() == 1 && size() > 1) return false;
  return absl::c_all_of(other.keys_, [this](const auto& wanted) {
    return absl::c_any_of(keys_, [&wanted](const auto& key) {
      return key->id == wanted->id && key->algorithm == wanted->algorithm &&
             key->public_part == wanted->public_part;
    });
  });
}

bool KeySet::Verify(const Jwt& jwt) const {
  if (jwt.key_id.empty() && keys_.size() > 1) return false;
  return std::any_of(keys_.begin(), keys_.end(), [&jwt](const auto& key) {
    return (jwt.key_id.empty() || key->id == jwt.key_id) && key->algorithm == jwt.algorithm &&
           IsSignedWith(jwt, *key->jwk);
  });
}

}  // namespace threadstore
