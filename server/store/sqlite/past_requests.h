#ifndef THREADSTORE_SERVER_STORE_SQLITE_PAST_REQUESTS_H_
#define THREADSTORE_SERVER_STORE_SQLITE_PAST_REQUESTS_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/uuid.h"
#include "server/store/sqlite/database.h"
#include "server/store/thread_store.h"

namespace threadstore::sqlite {

// What requests with a request_id have made. Part of the writer's queries.
class PastRequests {
 public:
  // `db` must outlive it.
  static absl::StatusOr<std::unique_ptr<PastRequests>> Prepare(Database& db,
                                                               absl::Duration retention);

  // Finds what an earlier request of the context's request_id made on the group; nothing if there
  // was none, or its retention is over. REQUEST_ID_REUSED if it was another request.
  absl::StatusOr<std::optional<Uuid>> Find(const CreateContext& context, int64_t group_key);

  // The same for creates of groups, with the key of the group that was made.
  absl::StatusOr<std::optional<int64_t>> FindGroup(const CreateContext& context);

  // `resource` is absent if the request made the group itself.
  absl::Status Remember(const CreateContext& context, int64_t group_key,
                        const std::optional<Uuid>& resource);

  // Removes requests whose retention is over, at most `max_rows`. Returns how many it removed.
  absl::StatusOr<int64_t> Purge(absl::Time now, int64_t max_rows);

 private:
  PastRequests(Database& db, absl::Duration retention) : db_(db), retention_(retention) {}
  absl::Status PrepareAll();

  // Whether `find`, already bound, has a request that is remembered.
  absl::StatusOr<bool> Step(Query& find, const CreateContext& context);

  Database& db_;
  const absl::Duration retention_;
  Statement find_;
  Statement find_group_;
  Statement insert_;
  Statement oldest_;
  Statement delete_old_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_PAST_REQUESTS_H_
