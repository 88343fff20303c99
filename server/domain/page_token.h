#ifndef THREADSTORE_SERVER_DOMAIN_PAGE_TOKEN_H_
#define THREADSTORE_SERVER_DOMAIN_PAGE_TOKEN_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "threadstore/internal/v1/page_token.pb.h"

// Page tokens: opaque, URL-safe, and bound to the query that gave them (AIP-158). A token
// grants no rights, so it is not signed.
namespace threadstore {

// A number that differs, but for chance, between queries: of the method, the parent and
// whatever else must stay the same from page to page.
uint64_t QueryFingerprint(absl::string_view method, absl::string_view parent,
                          absl::string_view order = "");

std::string EncodePageToken(const internal::v1::PageToken& token);

// Reads a token that EncodePageToken made for the query of this fingerprint. INVALID_ARGUMENT
// with the description of a field violation if it is no token, or of another query.
absl::StatusOr<internal::v1::PageToken> DecodePageToken(absl::string_view text,
                                                        uint64_t query_fingerprint);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_PAGE_TOKEN_H_
