#include "server/base/tls_identity.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <fstream>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"

namespace threadstore {
namespace {

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;
using CertificatePtr = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

absl::Status Wrong(absl::string_view flag, const std::string& file, absl::string_view what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat("--", flag, " ", file, " ", what));
}

absl::StatusOr<std::string> ReadFile(absl::string_view flag, const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string content((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  if (!stream.is_open() || stream.bad()) return Wrong(flag, file, "cannot be read");
  return content;
}

BioPtr View(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
}

// OpenSSL would ask the terminal.
int NoPassphrase(char* /*buffer*/, int /*size*/, int /*is_writing*/, void* /*data*/) { return -1; }

}  // namespace

absl::StatusOr<TlsIdentity> ReadTlsIdentity(const std::string& certificate_file,
                                            const std::string& key_file) {
  TlsIdentity identity;
  ASSIGN_OR_RETURN(identity.certificates, ReadFile("tls_cert", certificate_file));
  ASSIGN_OR_RETURN(identity.private_key, ReadFile("tls_key", key_file));
  const CertificatePtr certificate(
      PEM_read_bio_X509(View(identity.certificates).get(), nullptr, &NoPassphrase, nullptr),
      &X509_free);
  if (certificate == nullptr) return Wrong("tls_cert", certificate_file, "has no PEM certificate");
  const KeyPtr key(
      PEM_read_bio_PrivateKey(View(identity.private_key).get(), nullptr, &NoPassphrase, nullptr),
      &EVP_PKEY_free);
  if (key == nullptr) {
    return Wrong("tls_key", key_file, "has no PEM private key without a passphrase");
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return Wrong("tls_key", key_file, absl::StrCat("is not the key of ", certificate_file));
  }
  return identity;
}

}  // namespace threadstore
