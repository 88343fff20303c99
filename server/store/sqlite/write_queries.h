#ifndef THREADSTORE_SERVER_STORE_SQLITE_WRITE_QUERIES_H_
#define THREADSTORE_SERVER_STORE_SQLITE_WRITE_QUERIES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/read_queries.h"
#include "server/store/thread_store.h"

namespace threadstore::sqlite {

// What the store writes, prepared on the writer's connection. Each method is the body of one
// call of ThreadStore, run inside a transaction that the writer begins and commits; it may be
// run again after a rollback.
//
// A create returns the resource that an earlier request of the same id made, or nothing when it
// has stored the one it was given.
class WriteQueries {
 public:
  // `db` must outlive the queries.
  static absl::StatusOr<std::unique_ptr<WriteQueries>> Prepare(Database& db,
                                                               absl::Duration request_retention);

  // Without room, what would add rows is STORE_FULL instead, after everything else that it may be
  // refused for; a repeated request, which adds none, is answered.
  void SetRoom(bool has_room) { has_room_ = has_room; }
  bool has_room() const { return has_room_; }

  absl::StatusOr<std::optional<v1::Group>> CreateGroup(const CreateContext& context,
                                                       const v1::Group& group,
                                                       const std::optional<v1::Member>& owner);
  absl::Status DeleteGroup(const CallContext& context, absl::string_view group, bool force);
  absl::Status AddMember(const CallContext& context, absl::string_view group,
                         const v1::Member& member);
  absl::Status RemoveMember(const CallContext& context, absl::string_view group,
                            absl::string_view user);

  // Fills in the topic of `thread` if it is to take the conversation's.
  absl::StatusOr<std::optional<v1::ConversationThread>> CreateThread(
      const CreateContext& context, absl::string_view group,
      const std::optional<Uuid>& conversation, v1::ConversationThread& thread);

  // Removes rows of deleted groups. Stops after `max_rows` or a thread's worth (see
  // server/domain/limits.h) more. Returns how many it removed; less than `max_rows` if none is
  // left.
  absl::StatusOr<int64_t> PurgeDeletedGroups(int64_t max_rows);

  // The same for requests whose retention is over.
  absl::StatusOr<int64_t> PurgeRequests(absl::Time now, int64_t max_rows);

 private:
  // What an earlier request of the same id made.
  struct PastRequest {
    int64_t group_key;
    std::string hash;
    std::optional<Uuid> resource;
  };

  explicit WriteQueries(absl::Duration request_retention) : request_retention_(request_retention) {}

  absl::Status PrepareAll(Database& db);
  absl::Status CheckRoom() const;

  // Finds a past request through `find`, already bound; nothing if its retention is over.
  // INVALID_ARGUMENT if it was another request.
  absl::StatusOr<std::optional<PastRequest>> FindPastRequest(Query& find,
                                                             const CreateContext& context);
  absl::Status RememberRequest(const CreateContext& context, int64_t group_key,
                               const std::optional<Uuid>& resource);
  absl::Status InsertMember(int64_t group_key, absl::string_view group, const v1::Member& member);
  absl::StatusOr<int64_t> InsertThread(int64_t group_key, int64_t conversation_key,
                                       const v1::ConversationThread& thread);
  absl::Status InsertRecipients(
      int64_t thread_key, int kind,
      const google::protobuf::RepeatedPtrField<v1::Recipient>& recipients);

  // Removes one thread, and its conversation if that has no other; false if the group has none.
  absl::StatusOr<bool> PurgeThread(int64_t group_key);

  const absl::Duration request_retention_;
  Database* db_ = nullptr;
  bool has_room_ = true;
  std::unique_ptr<ReadQueries> reads_;

  Statement insert_group_;
  Statement mark_group_deleted_;
  Statement insert_member_;
  Statement delete_member_;
  Statement has_other_owner_;
  Statement has_thread_;
  Statement insert_conversation_;
  Statement insert_thread_;
  Statement insert_recipient_;
  Statement insert_unique_sender_;
  Statement find_request_;
  Statement find_group_request_;
  Statement insert_request_;
  Statement find_deleted_group_;
  Statement find_thread_of_group_;
  Statement delete_recipients_;
  Statement delete_unique_senders_;
  Statement delete_thread_;
  Statement delete_conversation_without_threads_;
  Statement delete_some_members_;
  Statement delete_group_row_;
  Statement oldest_request_;
  Statement delete_old_requests_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_WRITE_QUERIES_H_
