#include "server/domain/page_token.h"

#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/sha256.h"
#include "server/domain/limits.h"

namespace threadstore {
namespace {

bool HasPlace(const internal::v1::PageToken& token) {
  return !token.last_id().empty() || token.has_last_document();
}

}  // namespace

uint64_t QueryFingerprint(absl::string_view method, absl::string_view parent,
                          absl::string_view order) {
  const absl::string_view nul("\0", 1);
  const std::string digest = Sha256(absl::StrCat(method, nul, parent, nul, order));
  uint64_t fingerprint = 0;
  for (size_t i = 0; i < sizeof(fingerprint); ++i) {
    fingerprint = (fingerprint << 8) | static_cast<unsigned char>(digest[i]);
  }
  return fingerprint;
}

std::string EncodePageToken(const internal::v1::PageToken& token) {
  return absl::WebSafeBase64Escape(token.SerializeAsString());
}

absl::StatusOr<internal::v1::PageToken> DecodePageToken(absl::string_view text,
                                                        uint64_t query_fingerprint) {
  std::string bytes;
  internal::v1::PageToken token;
  // A token cut short must not begin the list anew, and one token has one form.
  if (text.size() > kMaxPageTokenBytes || !absl::WebSafeBase64Unescape(text, &bytes) ||
      !token.ParseFromString(bytes) || !HasPlace(token) || EncodePageToken(token) != text) {
    return absl::InvalidArgumentError("is not a page token");
  }
  if (token.query_fingerprint() != query_fingerprint) {
    return absl::InvalidArgumentError("belongs to another query");
  }
  return token;
}

}  // namespace threadstore
