#ifndef THREADSTORE_SERVER_STORE_SQLITE_RECORD_WRITES_H_
#define THREADSTORE_SERVER_STORE_SQLITE_RECORD_WRITES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/clock.h"
#include "server/base/uuid.h"
#include "server/domain/record.h"
#include "server/store/sqlite/change_log.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/group_usage.h"
#include "server/store/sqlite/post_queries.h"
#include "server/store/sqlite/post_writes.h"
#include "server/store/sqlite/posting_rules.h"
#include "server/store/sqlite/read_queries.h"
#include "server/store/sqlite/room.h"
#include "server/store/sqlite/row_inserts.h"
#include "server/store/thread_store.h"

namespace threadstore::sqlite {

// Stores the records of imports. Part of the writer's queries.
class RecordWrites {
 public:
  // What the writes are built on; all of it outlives them.
  struct Base {
    Database& db;
    ReadQueries& reads;
    PostQueries& posts;
    PostingRules& rules;
    PostWrites& post_writes;
    RowInserts& rows;
    ChangeLog& changes;
    GroupUsage& usage;
    const Clock& clock;
    const Room& room;
  };
  static absl::StatusOr<std::unique_ptr<RecordWrites>> Prepare(const Base& base);

  // As ThreadStore::ImportRecords. An error is about all of them.
  absl::StatusOr<std::vector<RecordOutcome>> Import(const std::vector<CheckedRecord>& records);

 private:
  struct Group {
    std::string id;
    int64_t key;
  };

  struct Conversation {
    int64_t group_key;
    Uuid id;
    int64_t key;
    ConversationState state;

    // Stored by this import, in the expectation of a thread that has not come yet.
    bool is_empty;
  };

  struct Thread {
    int64_t group_key;
    Uuid id;
    int64_t key;
    Uuid conversation;
    bool has_had_posts;
    bool has_attachments;
    int64_t last_delivered_us;
  };

  struct Post {
    int64_t group_key;
    Uuid thread;
    Uuid id;
    int64_t key;
    int64_t thread_key;
    Uuid conversation;
    bool has_attachments;
    bool is_new;  // Stored by this import, and noted as created.
  };

  explicit RecordWrites(const Base& base) : base_(base) {}
  absl::Status PrepareAll();

  // Each returns whether it has stored the record, rather than found it there.
  // `thread_follows` if the next record is a thread of this conversation.
  absl::StatusOr<bool> Store(const CheckedRecord& record, bool thread_follows);
  absl::StatusOr<bool> StoreGroup(const CheckedRecord& record);
  absl::StatusOr<bool> StoreMember(const CheckedRecord& record);
  absl::StatusOr<bool> StoreSender(const CheckedRecord& record);
  absl::StatusOr<bool> StoreConversation(const CheckedRecord& record, bool thread_follows);
  absl::StatusOr<bool> StoreThread(const CheckedRecord& record);
  absl::StatusOr<bool> StorePost(const CheckedRecord& record);
  absl::StatusOr<bool> StoreAttachment(const CheckedRecord& record);
  absl::StatusOr<bool> StoreExtension(const CheckedRecord& record);
  absl::StatusOr<bool> StoreForward(const CheckedRecord& record);

  // What a record belongs to; NOT_FOUND if it is not there. Records come in an order in which the
  // one before belonged to the same, as a rule.
  absl::StatusOr<int64_t> FindGroup(const CheckedRecord& record);
  absl::StatusOr<Conversation*> FindConversation(int64_t group_key, const CheckedRecord& record);
  absl::StatusOr<const Thread*> FindThread(int64_t group_key, const CheckedRecord& record);
  absl::StatusOr<const Post*> FindPost(const CheckedRecord& record);

  // Whether the same is there; RECORD_DIFFERS if another of its name is. One that is deleted, but
  // whose row is still there, loses its id.
  absl::StatusOr<bool> HasConversation(int64_t group_key, const CheckedRecord& record);
  absl::StatusOr<bool> HasThread(int64_t group_key, const CheckedRecord& record);
  absl::StatusOr<bool> HasPost(const Thread& thread, const CheckedRecord& record);

  // INVALID_ARGUMENT if the record contradicts the thread that it belongs to.
  static absl::Status CheckPost(const Thread& thread, const CheckedRecord& record);

  // Hides a conversation whose thread has not come.
  absl::Status HideIfEmpty();
  absl::Status SetState(Conversation& conversation, ConversationState state);

  // Gives what is deleted, but whose rows are still to be removed, another id, so that its own can
  // be used again.
  absl::Status Rename(Statement& statement, int64_t deleted_key);

  // Notes that something was added to a post.
  absl::Status NoteAddition(const Post& post);

  absl::StatusOr<bool> Exists(Statement& statement, int64_t key, const Uuid& id);

  const Base base_;

  // Those of the record before.
  std::optional<Group> group_;
  std::optional<Conversation> conversation_;
  std::optional<Thread> thread_;
  std::optional<Post> post_;

  Statement find_conversation_;
  Statement set_state_;
  Statement rename_conversation_;
  Statement find_thread_;
  Statement rename_thread_;
  Statement read_thread_;
  Statement find_post_at_;
  Statement has_attachment_;
  Statement has_forward_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_RECORD_WRITES_H_
