#ifndef THREADSTORE_TESTS_TESTING_CERTIFICATE_H_
#define THREADSTORE_TESTS_TESTING_CERTIFICATE_H_

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "server/base/tls_identity.h"

namespace threadstore::testing {

template <typename Write>
std::string ToPem(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
  write(bio.get());
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<size_t>(size)};
}

// A key, and a certificate that it has signed itself. It expires so many seconds from now.
inline TlsIdentity MakeIdentity(int seconds = 3600) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"),
                                                                &EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), &X509_free);
  X509* const raw = certificate.get();
  X509_set_version(raw, X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(raw), -3600);
  X509_gmtime_adj(X509_getm_notAfter(raw), seconds);
  X509_set_pubkey(raw, key.get());
  X509_sign(raw, key.get(), EVP_sha256());
  return {.certificates = ToPem([raw](BIO* bio) { PEM_write_bio_X509(bio, raw); }),
          .private_key = ToPem([&key](BIO* bio) {
            PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_TESTING_CERTIFICATE_H_
