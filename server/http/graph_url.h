#ifndef THREADSTORE_SERVER_HTTP_GRAPH_URL_H_
#define THREADSTORE_SERVER_HTTP_GRAPH_URL_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// URLs as Graph's clients write them.
namespace threadstore {

// The target of a request, taken apart.
struct GraphUrl {
  // `v1.0`, `beta` or `localtest`; empty if the path begins without.
  std::string version;

  // The path behind it, decoded. A key in parentheses, as in `threads('id')`, is a segment of its
  // own (OData 4.01, part 2, section 4.3.1).
  std::vector<std::string> segments;

  // Names and values of the query, decoded, in their order. `+` is a space.
  std::vector<std::pair<std::string, std::string>> query;
};

// Reads a target in origin form. A whole URL in the place of the path behind the version is taken
// for the target, as Graph's JavaScript client asks for next pages when their links are not https.
//
// INVALID_ARGUMENT, for people, if a part is not percent-encoded UTF-8 without U+0000, or a segment
// other than the last is empty.
absl::StatusOr<GraphUrl> ParseGraphUrl(absl::string_view target);

// Whether a segment is one that OData has a meaning for: `$ref`, `$value` or `$count`.
bool IsKeyword(absl::string_view segment);

// The target of a link, of any host or none: what is left without scheme and host.
absl::string_view TargetOfLink(absl::string_view link);

// Decodes %XX; INVALID_ARGUMENT as above.
absl::StatusOr<std::string> PercentDecode(absl::string_view text);

// Encodes all but what RFC 3986 calls unreserved.
std::string PercentEncode(absl::string_view text);

// The same for a name or value of a query, where more may stand as it is: a link to the next page
// is not to be much longer than what it leads on from.
std::string EncodeQuery(absl::string_view text);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_GRAPH_URL_H_
