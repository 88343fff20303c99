#ifndef THREADSTORE_SERVER_HTTP_GRAPH_REFERENCE_H_
#define THREADSTORE_SERVER_HTTP_GRAPH_REFERENCE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace threadstore {

// The id that a URL of a user or a group ends with, decoded: `https://any.host/v1.0/users/ID`,
// `.../directoryObjects/ID`, `.../groups/ID`, `.../users('ID')`, the same without the host, or the
// bare id. INVALID_ARGUMENT with a description for people if it is none. Whether the id is one is
// left to the rules of who takes it.
absl::StatusOr<std::string> ParseGraphReference(absl::string_view url);

// Reads `{"@odata.id": "URL"}`, the body of an addition to `.../$ref`, and returns the id. Errors
// are those of ReadGraphEntity, and name `@odata.id`.
absl::StatusOr<std::string> ReadGraphReference(absl::string_view json);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_GRAPH_REFERENCE_H_
