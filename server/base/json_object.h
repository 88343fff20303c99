#ifndef THREADSTORE_SERVER_BASE_JSON_OBJECT_H_
#define THREADSTORE_SERVER_BASE_JSON_OBJECT_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace threadstore {

// OK if `json`, which is UTF-8, is one object as RFC 8259 defines it, without a byte order mark;
// no object in it has two members of one name; its numbers are within the range of a double; no
// text or name has U+0000, also not as \u0000; and lists and objects, the outermost included, are
// at most `max_depth` deep inside one another. Otherwise INVALID_ARGUMENT whose message is the
// description of a field violation. Nothing is kept but the names of members, and nothing recurses.
absl::Status CheckJsonObject(absl::string_view json, int max_depth);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_JSON_OBJECT_H_
