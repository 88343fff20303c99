#include "server/base/tls_identity.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/file_text.h"
#include "server/base/status_macros.h"

namespace threadstore {
namespace {

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;
using CertificatePtr = std::unique_ptr<X509, decltype(&X509_free)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

absl::Status Wrong(absl::string_view name, absl::string_view what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat(name, " ", what));
}

std::string CertificatesName(const TlsFiles& files) {
  return absl::StrCat("--tls_cert ", files.certificates);
}
std::string PrivateKeyName(const TlsFiles& files) {
  return absl::StrCat("--tls_key ", files.private_key);
}
std::string ClientAuthoritiesName(const TlsFiles& files) {
  return absl::StrCat("--tls_client_ca ", files.client_authorities);
}

absl::StatusOr<std::string> ReadFile(const std::string& file, absl::string_view name) {
  absl::StatusOr<std::string> content = ReadFileText(file, kMaxTlsFileBytes);
  if (!content.ok()) return Wrong(name, content.status().message());
  if (content->empty()) return Wrong(name, "is empty");
  return content;
}

BioPtr View(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
}

// OpenSSL would ask the terminal.
int NoPassphrase(char* /*buffer*/, int /*size*/, int /*is_writing*/, void* /*data*/) { return -1; }

// All that there are, at least one.
absl::StatusOr<std::vector<CertificatePtr>> ParseCertificates(const std::string& pem,
                                                              absl::string_view name) {
  const BioPtr view = View(pem);
  std::vector<CertificatePtr> certificates;
  ERR_clear_error();
  while (X509* const next = PEM_read_bio_X509(view.get(), nullptr, &NoPassphrase, nullptr)) {
    certificates.emplace_back(next, &X509_free);
  }
  const bool is_at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!is_at_end) return Wrong(name, "has a PEM certificate that cannot be parsed");
  if (certificates.empty()) return Wrong(name, "has no PEM certificate");
  ERR_clear_error();
  return certificates;
}

absl::StatusOr<absl::Time> ExpiryOf(const X509& certificate, absl::string_view name) {
  std::tm expiry = {};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &expiry) != 1) {
    return Wrong(name, "has a certificate whose end cannot be read");
  }
  return absl::FromTM(expiry, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<TlsIdentity> ReadTlsFiles(const TlsFiles& files) {
  TlsIdentity identity;
  ASSIGN_OR_RETURN(identity.certificates, ReadFile(files.certificates, CertificatesName(files)));
  ASSIGN_OR_RETURN(identity.private_key, ReadFile(files.private_key, PrivateKeyName(files)));
  if (!files.client_authorities.empty()) {
    ASSIGN_OR_RETURN(identity.client_authorities,
                     ReadFile(files.client_authorities, ClientAuthoritiesName(files)));
  }
  return identity;
}

absl::StatusOr<absl::Time> CheckTlsIdentity(const TlsIdentity& identity, const TlsFiles& files) {
  const std::string certificates_name = CertificatesName(files);
  ASSIGN_OR_RETURN(const std::vector<CertificatePtr> certificates,
                   ParseCertificates(identity.certificates, certificates_name));
  const KeyPtr key(
      PEM_read_bio_PrivateKey(View(identity.private_key).get(), nullptr, &NoPassphrase, nullptr),
      &EVP_PKEY_free);
  const std::string key_name = PrivateKeyName(files);
  if (key == nullptr) return Wrong(key_name, "has no PEM private key without a passphrase");
  if (X509_check_private_key(certificates.front().get(), key.get()) != 1) {
    return Wrong(key_name, absl::StrCat("is not the key of ", files.certificates));
  }
  if (!identity.client_authorities.empty()) {
    RETURN_IF_ERROR(
        ParseCertificates(identity.client_authorities, ClientAuthoritiesName(files)).status());
  }
  return ExpiryOf(*certificates.front(), certificates_name);
}

}  // namespace threadstore
