#ifndef THREADSTORE_SERVER_BASE_TLS_IDENTITY_H_
#define THREADSTORE_SERVER_BASE_TLS_IDENTITY_H_

#include <string>

#include "absl/status/statusor.h"

namespace threadstore {

// What a server proves with who it is, as PEM.
struct TlsIdentity {
  std::string certificates;  // Its own, then those that lead to one its clients know.
  std::string private_key;
};

// Reads both from files. INVALID_ARGUMENT, naming the flag of the file, if one cannot be read, does
// not hold what it should, or the key is not the certificate's.
absl::StatusOr<TlsIdentity> ReadTlsIdentity(const std::string& certificate_file,
                                            const std::string& key_file);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_TLS_IDENTITY_H_
