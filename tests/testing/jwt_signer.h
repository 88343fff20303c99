#ifndef THREADSTORE_TESTS_TESTING_JWT_SIGNER_H_
#define THREADSTORE_TESTS_TESTING_JWT_SIGNER_H_

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace threadstore::testing {

inline std::string Base64Url(absl::string_view bytes) { return absl::WebSafeBase64Escape(bytes); }

// A key pair that signs tokens, with nothing but OpenSSL: what verifies them is another library.
class JwtSigner {
 public:
  static JwtSigner Rsa(std::string key_id, unsigned bits = 2048) {
    return JwtSigner(std::move(key_id), EVP_RSA_gen(bits), "RS256");
  }
  static JwtSigner Ec(std::string key_id) {
    return JwtSigner(std::move(key_id), EVP_EC_gen("P-256"), "ES256");
  }

  const std::string& key_id() const { return key_id_; }

  // The public key as a JSON Web Key.
  nlohmann::json Jwk() const {
    nlohmann::json jwk = {{"kid", key_id_}, {"use", "sig"}, {"alg", algorithm_}};
    if (algorithm_ == "RS256") {
      jwk["kty"] = "RSA";
      jwk["n"] = Base64Url(Number(OSSL_PKEY_PARAM_RSA_N));
      jwk["e"] = Base64Url(Number(OSSL_PKEY_PARAM_RSA_E));
    } else {
      jwk["kty"] = "EC";
      jwk["crv"] = "P-256";
      jwk["x"] = Base64Url(Number(OSSL_PKEY_PARAM_EC_PUB_X, kCoordinateBytes));
      jwk["y"] = Base64Url(Number(OSSL_PKEY_PARAM_EC_PUB_Y, kCoordinateBytes));
    }
    return jwk;
  }

  nlohmann::json Header() const { return {{"alg", algorithm_}, {"kid", key_id_}, {"typ", "JWT"}}; }

  std::string Sign(const nlohmann::json& claims) const { return Sign(Header(), claims); }
  std::string Sign(const nlohmann::json& header, const nlohmann::json& claims) const {
    return SignParts(Base64Url(header.dump()), Base64Url(claims.dump()));
  }

  // Signs what need be no token.
  std::string SignParts(absl::string_view header, absl::string_view payload) const {
    const std::string input = absl::StrCat(header, ".", payload);
    return absl::StrCat(input, ".", Base64Url(Signature(input)));
  }

  // Over `input`, in the form of JWS.
  std::string Signature(const std::string& input) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get());
    const auto* const data = reinterpret_cast<const unsigned char*>(input.data());
    size_t size = 0;
    EVP_DigestSign(context.get(), nullptr, &size, data, input.size());
    std::string signature(size, '\0');
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, data,
                   input.size());
    signature.resize(size);
    return algorithm_ == "ES256" ? WithoutDer(signature) : signature;
  }

 private:
  static constexpr int kCoordinateBytes = 32;

  JwtSigner(std::string key_id, EVP_PKEY* key, std::string algorithm)
      : key_id_(std::move(key_id)), key_(key, &EVP_PKEY_free), algorithm_(std::move(algorithm)) {}

  // Big-endian, with zeros in front up to `bytes`.
  std::string Number(const char* name, int bytes = 0) const {
    BIGNUM* number = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), name, &number);
    const std::string text = NumberText(number, bytes == 0 ? BN_num_bytes(number) : bytes);
    BN_free(number);
    return text;
  }

  static std::string NumberText(const BIGNUM* number, int bytes) {
    std::string text(static_cast<size_t>(bytes), '\0');
    BN_bn2binpad(number, reinterpret_cast<unsigned char*>(text.data()), bytes);
    return text;
  }

  static std::string WithoutDer(const std::string& der) {
    const auto* data = reinterpret_cast<const unsigned char*>(der.data());
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> signature(
        d2i_ECDSA_SIG(nullptr, &data, static_cast<long>(der.size())),  // NOLINT: OpenSSL's type.
        &ECDSA_SIG_free);
    return NumberText(ECDSA_SIG_get0_r(signature.get()), kCoordinateBytes) +
           NumberText(ECDSA_SIG_get0_s(signature.get()), kCoordinateBytes);
  }

  std::string key_id_;
  std::shared_ptr<EVP_PKEY> key_;
  std::string algorithm_;
};

inline std::string KeySetText(const std::vector<JwtSigner>& signers) {
  nlohmann::json keys = nlohmann::json::array();
  for (const JwtSigner& signer : signers) keys.push_back(signer.Jwk());
  return nlohmann::json({{"keys", keys}}).dump();
}

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_TESTING_JWT_SIGNER_H_
