#ifndef THREADSTORE_SERVER_DOMAIN_LIST_QUERY_H_
#define THREADSTORE_SERVER_DOMAIN_LIST_QUERY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "server/base/uuid.h"

// What lists ask of a store: which resources, in what order, after which, how many.
namespace threadstore {

enum class ThreadOrder {
  kNewestActivity,  // By last_delivered_date_time and id, both descending.
  kOldestCreated,   // By id, which as a UUIDv7 is the order of creation.
  kNewestCreated,   // By id, descending.
};

// The thread that the page before ended with. It need not exist any more.
struct ThreadCursor {
  Uuid id;
  int64_t last_delivered_us = 0;  // Used in order of activity.
};

struct ThreadQuery {
  std::string group;
  std::optional<Uuid> conversation = std::nullopt;
  ThreadOrder order = ThreadOrder::kNewestActivity;
  std::optional<ThreadCursor> after = std::nullopt;
  int32_t limit = 0;
};

struct GroupQuery {
  std::optional<std::string> member = std::nullopt;  // Only groups that this user is in.
  std::string after_id = {};                         // Empty: from the beginning.
  int32_t limit = 0;
};

struct MemberQuery {
  std::string group;
  std::string after_id = {};  // Empty: from the beginning.
  int32_t limit = 0;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_LIST_QUERY_H_
