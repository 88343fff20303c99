#ifndef THREADSTORE_SERVER_STORE_SQLITE_RECORD_WALK_H_
#define THREADSTORE_SERVER_STORE_SQLITE_RECORD_WALK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/post_queries.h"
#include "server/store/sqlite/read_queries.h"
#include "threadstore/v1/admin_service.pb.h"

namespace threadstore::sqlite {

// Goes through all records in the order of exports, prepared on one connection. Memory does not
// grow with what there is: rows are read one by one, in the order of an index. Inside one snapshot.
class RecordWalk {
 public:
  // All of it must outlive the walk.
  static absl::StatusOr<std::unique_ptr<RecordWalk>> Prepare(Database& db, ReadQueries& reads,
                                                             PostQueries& posts);

  // How many records there are, those of deleted resources among them; in a group, as many as it
  // has of all threads.
  absl::StatusOr<int64_t> EstimateCount(const std::optional<std::string>& group);

  // Calls `emit` with each record of the group, or of all groups, until it returns an error, which
  // is then the walk's.
  using Emit = absl::FunctionRef<absl::Status(v1::Record record)>;
  absl::Status Run(const std::optional<std::string>& group, Emit emit);

 private:
  RecordWalk(ReadQueries& reads, PostQueries& posts) : reads_(reads), posts_(posts) {}
  absl::Status PrepareAll(Database& db);

  // Where a walk is. `post_context` has the group, and of a thread the thread and conversation.
  struct Place {
    int64_t group_key;
    PostQueries::PostContext post_context;
  };

  absl::Status WalkGroup(int64_t key, v1::Group group, Emit emit);
  absl::Status WalkMembers(const Place& place, Emit emit);
  absl::Status WalkSenders(const Place& place, SenderList list, Emit emit);
  absl::Status WalkConversations(Place& place, Emit emit);
  absl::Status WalkThreads(Place& place, int64_t conversation_key, Emit emit);
  absl::Status WalkPosts(const Place& place, int64_t thread_key, Emit emit);
  absl::Status WalkPost(const Place& place, int64_t post_key, const Uuid& id, bool has_attachments,
                        Emit emit);

  ReadQueries& reads_;
  PostQueries& posts_;
  Statement count_all_;
  Statement count_threads_;
  Statement count_threads_of_group_;
  Statement list_groups_;
  Statement list_conversations_;
  Statement list_threads_;
  Statement list_posts_;
  Statement list_attachments_;
  Statement list_extensions_;
  Statement list_forwards_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_RECORD_WALK_H_
