#ifndef THREADSTORE_SERVER_HTTP_CONTENT_CODING_H_
#define THREADSTORE_SERVER_HTTP_CONTENT_CODING_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/http/http_message.h"

namespace threadstore {

enum class ContentCoding { kIdentity, kGzip };

// The coding of a body, by its Content-Encoding fields (RFC 9110, section 8.4); nothing if it is
// not one of these, or more than one.
std::optional<ContentCoding> ContentCodingOf(const HttpHeaders& headers);

// What `body`, one or more gzip members (RFC 1952), holds. INVALID_ARGUMENT if it is not whole, or
// something else follows; OUT_OF_RANGE, as soon as that shows, if it holds more than `max_bytes`.
// Takes milliseconds.
absl::StatusOr<std::string> DecodeGzip(absl::string_view body, size_t max_bytes);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_CONTENT_CODING_H_
