#ifndef THREADSTORE_SERVER_HTTP_GRAPH_PATH_H_
#define THREADSTORE_SERVER_HTTP_GRAPH_PATH_H_

#include <string>

#include "absl/strings/string_view.h"

namespace threadstore {

// What callers over HTTP know the field of a violation as (see FieldViolation): of a resource's
// field the member of its JSON, as graph_reader.h's errors have it, otherwise a query option or a
// header. `thread.to_recipients[3].email_address.address` is
// `toRecipients[3].emailAddress.address`, `post.attachments[0].file.content_bytes` is
// `attachments[0].contentBytes`, `page_size` is `$top`, `thread.etag` is `If-Match`. A name that
// has no other is written as JSON has it.
std::string GraphPath(absl::string_view field_path);

// The description of that field's violation. Those of filters and orders list fields, which are
// named as in JSON.
std::string GraphDescription(absl::string_view field_path, absl::string_view description);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_GRAPH_PATH_H_
