#ifndef THREADSTORE_SERVER_AUTH_CERTIFICATE_APPLICATION_H_
#define THREADSTORE_SERVER_AUTH_CERTIFICATE_APPLICATION_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/base/certificate_names.h"

namespace threadstore {

// The id of the application whose certificate has these names: its SPIFFE id if it has exactly one,
// otherwise its subject. The two cannot be taken for each other, since a subject begins with the
// type of an attribute and `=`.
//
// UNAUTHENTICATED / INVALID_CREDENTIALS if there is neither, or the name is longer than
// kMaxApplicationIdBytes, not UTF-8, or has control characters.
absl::StatusOr<std::string> ApplicationOfCertificate(const CertificateNames& names);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_AUTH_CERTIFICATE_APPLICATION_H_
