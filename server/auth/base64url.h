#ifndef THREADSTORE_SERVER_AUTH_BASE64URL_H_
#define THREADSTORE_SERVER_AUTH_BASE64URL_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace threadstore {

// Decodes base64url as RFC 7515, section 2, has it: without padding, and nothing else. The bits
// that are left over must be zero, so that there is one text for some bytes. Nothing if it is not
// that.
std::optional<std::string> DecodeBase64Url(absl::string_view text);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_AUTH_BASE64URL_H_
