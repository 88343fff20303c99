#ifndef THREADSTORE_SERVER_STORE_SQLITE_CHANGE_QUERIES_H_
#define THREADSTORE_SERVER_STORE_SQLITE_CHANGE_QUERIES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/uuid.h"
#include "server/domain/change_query.h"
#include "server/store/sqlite/change_log.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/list_queries.h"
#include "server/store/sqlite/post_queries.h"
#include "server/store/sqlite/read_queries.h"
#include "server/store/thread_store.h"

namespace threadstore::sqlite {

// Reads the log of changes. Belongs to one thread at a time, as ReadQueries, on which it is built.
class ChangeQueries {
 public:
  // All must outlive the queries.
  static absl::StatusOr<std::unique_ptr<ChangeQueries>> Prepare(Database& db, ReadQueries& threads,
                                                                PostQueries& posts,
                                                                ListQueries& lists);

  // As ThreadStore::ListChanges. Inside a transaction.
  absl::StatusOr<ChangePage> List(const CallContext& context, const ChangeQuery& query);

 private:
  class PageBuilder;

  // The first and the last entry. Of an empty log, those that the next will follow.
  struct Bounds {
    int64_t oldest = 1;
    int64_t newest = 0;
  };

  // Something that happened, and the changes that it is told as.
  struct Event {
    int64_t sequence = 0;
    int64_t group_key = 0;
    int64_t changed_us = 0;
    ChangeNote note;
    std::string group_id;  // Empty if nobody knows it any more.
    bool group_is_deleted = false;
  };

  ChangeQueries(ReadQueries& threads, PostQueries& posts, ListQueries& lists)
      : threads_(threads), posts_(posts), lists_(lists) {}
  absl::Status PrepareAll(Database& db);

  absl::StatusOr<Bounds> ReadBounds();

  // A page without changes: where the query begins, if the caller may.
  absl::StatusOr<ChangePage> Begin(const CallContext& context, const ChangeQuery& query,
                                   const Bounds& log);
  absl::StatusOr<ChangePage> Resume(const CallContext& context, const ChangeQuery& query,
                                    const Bounds& log);
  Uuid SealOf(std::optional<int64_t> group_key) const;
  absl::Status CheckExists(int64_t group_key, const ChangeScope& scope);
  absl::StatusOr<bool> IsDeleted(int64_t group_key);

  // Goes on with the list of what is there. Returns whether it has come to the end.
  absl::StatusOr<bool> ListResources(const ChangeScope& scope, PageBuilder& page);
  absl::StatusOr<bool> ListPosts(const ChangeScope& scope, PageBuilder& page);

  absl::Status ListLog(const ChangeScope& scope, const Bounds& log, PageBuilder& page);
  absl::StatusOr<Event> ReadEvent(const Query& row);
  absl::StatusOr<std::vector<StoredChange>> Expand(const Event& event, const ChangeScope& scope);

  // The resource of a change, unless it is not there any more.
  absl::Status ReadThread(const Event& event, v1::ThreadChange& change);
  absl::Status ReadPost(const Event& event, v1::ThreadChange& change);
  absl::Status ReadForward(const Event& event, v1::ThreadChange& change);

  // Adds to the posts among the changes as many of their attachments as fit into a message.
  absl::Status AddAttachments(std::vector<StoredChange>& changes);

  ReadQueries& threads_;
  PostQueries& posts_;
  ListQueries& lists_;
  Uuid secret_;
  Statement read_bounds_;
  Statement read_group_;
  Statement list_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_CHANGE_QUERIES_H_
