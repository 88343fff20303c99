#ifndef THREADSTORE_SERVER_HTTP_PREFERENCES_H_
#define THREADSTORE_SERVER_HTTP_PREFERENCES_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "server/http/graph_writer.h"
#include "server/http/http_message.h"

namespace threadstore {

// The preferences of `Prefer` (RFC 7240) that this server knows.
struct Preferences {
  std::optional<int32_t> max_page_size;  // odata.maxpagesize
  bool return_minimal = false;
  bool return_representation = false;
  GraphStyle::Body body = GraphStyle::Body::kAsStored;
};

// Reads `Prefer`, however often it is there. INVALID_ARGUMENT, for people, if one that is known has
// a value that it cannot have; others are ignored, as RFC 7240 says.
absl::StatusOr<Preferences> ParsePreferences(const HttpHeaders& headers);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_PREFERENCES_H_
