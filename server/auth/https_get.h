#ifndef THREADSTORE_SERVER_AUTH_HTTPS_GET_H_
#define THREADSTORE_SERVER_AUTH_HTTPS_GET_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/auth/auth_config.h"

namespace threadstore {

// The body of a 200 answer to a GET of an https URL, over TLS 1.2 or later. Follows no redirects.
// UNAVAILABLE, with a message for operators, if there is none within five seconds, or it has more
// than 1 MiB. Blocks; thread-safe.
absl::StatusOr<std::string> HttpsGet(const KeyLocation& location);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_AUTH_HTTPS_GET_H_
