#ifndef THREADSTORE_SERVER_BASE_CERTIFICATE_NAMES_H_
#define THREADSTORE_SERVER_BASE_CERTIFICATE_NAMES_H_

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace threadstore {

// Whose a client's certificate is, after TLS has verified it against --tls_client_ca. What is in
// here is what its authority signed; it may hold any bytes.
struct CertificateNames {
  // The URIs among its subject alternative names that are SPIFFE ids. A SPIFFE certificate has one
  // (SPIFFE's X509-SVID standard, section 2).
  std::vector<std::string> spiffe_ids = {};

  // As RFC 2253 writes it, the most specific part first, such as CN=billing,O=Contoso. May be
  // empty.
  std::string subject = {};

  bool operator==(const CertificateNames&) const = default;
};

inline bool IsSpiffeId(absl::string_view uri) { return absl::StartsWith(uri, "spiffe://"); }

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_CERTIFICATE_NAMES_H_
