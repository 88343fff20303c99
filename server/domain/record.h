#ifndef THREADSTORE_SERVER_DOMAIN_RECORD_H_
#define THREADSTORE_SERVER_DOMAIN_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/uuid.h"
#include "server/domain/resource_name.h"
#include "threadstore/v1/admin_service.pb.h"

// The records that imports take and exports give.
namespace threadstore {

// A record that keeps the rules, and what is worked out of it before it is stored.
struct CheckedRecord {
  // As an export gives it: of what is written in several ways, the store's.
  v1::Record record;

  std::string name;

  // What the name says: the group of every record; of a thread the thread, of a post and of what
  // hangs on it thread and post.
  PostName path;
  Uuid id;                                  // Of a conversation, attachment or forward.
  SenderList list = SenderList::kAccepted;  // Of a sender.

  Uuid conversation;                // That a thread or post says it is in.
  std::optional<Uuid> in_reply_to;  // Of a post.
  int64_t revision = 0;             // Of a thread or post.
  std::string preview;              // Of a post's body.
};

// Checks a record by itself: INVALID_ARGUMENT with all violations, by their paths in the record.
// Besides the rules for resources that callers create:
//   - names are canonical, and ids and names agree;
//   - what the store gives on reads is there, except what it works out anew;
//   - the id of a conversation, thread or post is a UUIDv7 of its time of creation, to the
//     microsecond, since lists by creation go by id.
// Takes a while for HTML, whose preview it makes.
absl::StatusOr<CheckedRecord> CheckRecord(v1::Record record);

// The name that a record says it has, whether or not that is one.
absl::string_view NameOf(const v1::Record& record);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_RECORD_H_
