#ifndef THREADSTORE_SERVER_BASE_PROTO_JSON_H_
#define THREADSTORE_SERVER_BASE_PROTO_JSON_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

// JSON as people and Graph's clients write it, into and out of protobuf messages. The mapping
// is proto JSON's; what differs is said below. protobuf's own reader takes duplicate members,
// single quotes and trailing commas, and its writer moves message fields behind the others.
namespace threadstore {

// Lists and objects inside one another, the outermost included, that ReadProtoJson accepts. A
// thread with an item attached needs about ten.
inline constexpr int kMaxProtoJsonDepth = 100;

// Reads the object `json` into `message`, which is cleared first. A UTF-8 byte order mark
// before the object is skipped.
//
// Members are named by the field's JSON name or by its original name; both together are a
// duplicate. `null` leaves a field absent; it is refused for a list and inside one. A member
// whose name begins with `@` or contains `@odata.` is ignored with all that it holds, as long
// as that is JSON. 64-bit integers may be strings; integers have no fraction and no exponent.
// An enum value is a name or a number. Bytes are base64 of either alphabet, padded or not. A
// google.protobuf.Timestamp is RFC 3339 with `T`, an offset or `Z`, and at most nine digits of
// fraction; 23:59:60 is refused.
//
// Everything else is INVALID_ARGUMENT, and the first fault is named with its place and, where
// it is inside one, its member: `line 4, column 7: toRecipients[1].topik: unknown member; did
// you mean topic?`. Lines end with U+000A; a column counts characters from 1. That is so too
// for a member whose type has a JSON form of its own that this reader does not know: maps and
// the well-known types except Timestamp. On error `message` is left empty.
absl::Status ReadProtoJson(absl::string_view json, google::protobuf::Message* message);

// Writes `message` as one JSON object, its members in the order in which the fields are
// declared, under their JSON names. Lists and fields without presence are always there;
// absent messages and absent `optional` fields are left out. 64-bit integers are strings, enum
// values names, times UTC with 0, 3, 6 or 9 digits of fraction. Control characters are escaped,
// U+007F to U+009F among them, so that printing the text does not drive a terminal.
//
// With `indent` 0 the text is one line, otherwise each level is indented by that many spaces.
// No newline follows the last brace.
//
// `message` must consist of types that ReadProtoJson reads.
std::string WriteProtoJson(const google::protobuf::Message& message, int indent);

// `text`, which is UTF-8, as a JSON string, quotes included, with the same escapes.
std::string WriteJsonString(absl::string_view text);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_PROTO_JSON_H_
