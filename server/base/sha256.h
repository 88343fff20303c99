#ifndef THREADSTORE_SERVER_BASE_SHA256_H_
#define THREADSTORE_SERVER_BASE_SHA256_H_

#include <string>

#include "absl/strings/string_view.h"

namespace threadstore {

// The 32 bytes of the SHA-256 of `data`.
std::string Sha256(absl::string_view data);

// The 32 bytes of the HMAC (RFC 2104) of `data` with SHA-256: only who has `key` can make them.
std::string HmacSha256(absl::string_view key, absl::string_view data);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_SHA256_H_
