#ifndef THREADSTORE_SERVER_BASE_TLS_IDENTITY_H_
#define THREADSTORE_SERVER_BASE_TLS_IDENTITY_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace threadstore {

// What a server proves with who it is, and whom it believes about its clients; as PEM.
struct TlsIdentity {
  std::string certificates;  // Its own, then those that lead to one its clients know.
  std::string private_key;

  // Who may vouch for clients, which must then come with a certificate. Without any, clients are
  // asked for none.
  std::string client_authorities = {};

  bool operator==(const TlsIdentity&) const = default;
};

// The files of a server's TlsIdentity, as its flags name them.
struct TlsFiles {
  std::string certificates;             // --tls_cert
  std::string private_key;              // --tls_key
  std::string client_authorities = {};  // --tls_client_ca; empty is none.
};

// Far more than the certificates of all public authorities take.
inline constexpr size_t kMaxTlsFileBytes = size_t{1} << 20;

// Reads the files as they are. INVALID_ARGUMENT, naming the flag and the file, if one cannot be
// read, is empty, or has more than kMaxTlsFileBytes.
absl::StatusOr<TlsIdentity> ReadTlsFiles(const TlsFiles& files);

// When the certificate of an identity that was read from `files` expires. INVALID_ARGUMENT, naming
// the flag and the file, if there is no certificate or key, one of the certificates cannot be
// parsed, the key takes a passphrase or is not that of the first certificate, or one of the
// authorities is no certificate. That a certificate has expired is no error.
absl::StatusOr<absl::Time> CheckTlsIdentity(const TlsIdentity& identity, const TlsFiles& files);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_TLS_IDENTITY_H_
