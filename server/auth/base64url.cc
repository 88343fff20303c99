#include "server/auth/base64url.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

namespace threadstore {

std::optional<std::string> DecodeBase64Url(absl::string_view text) {
  const auto is_of_alphabet = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  };
  std::string bytes;
  if (!std::all_of(text.begin(), text.end(), is_of_alphabet) ||
      !absl::WebSafeBase64Unescape(text, &bytes) || absl::WebSafeBase64Escape(bytes) != text) {
    return std::nullopt;
  }
  return bytes;
}

}  // namespace threadstore
