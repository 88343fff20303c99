#ifndef THREADSTORE_SERVER_STORE_SQLITE_ROW_INSERTS_H_
#define THREADSTORE_SERVER_STORE_SQLITE_ROW_INSERTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "google/protobuf/timestamp.pb.h"
#include "server/base/uuid.h"
#include "server/domain/usage.h"
#include "server/store/sqlite/columns.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/thread_summary.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/group_service.pb.h"

namespace threadstore::sqlite {

// Resources as rows: checks nothing and derives nothing. Part of the writer's queries. The keys of
// what others hang on are returned.
class RowInserts {
 public:
  // Both must outlive it.
  static absl::StatusOr<std::unique_ptr<RowInserts>> Prepare(Database& db, ThreadSummary& summary);

  absl::StatusOr<int64_t> InsertGroup(const v1::Group& group);
  absl::Status InsertMember(int64_t group_key, absl::string_view group, const v1::Member& member);

  // Nothing if there is a row of that id, also of one that is deleted. To try is cheaper than to
  // look first. `usage` is that of the threads that are stored with it.
  absl::StatusOr<std::optional<int64_t>> InsertConversation(
      int64_t group_key, const Uuid& id, absl::string_view topic,
      const google::protobuf::Timestamp& created, ConversationState state, const Usage& usage);

  // Likewise; with its recipients and senders. `bytes` are the thread's and those of the post that
  // is stored with it.
  absl::StatusOr<std::optional<int64_t>> InsertThread(int64_t group_key, int64_t conversation_key,
                                                      const Uuid& id,
                                                      const v1::ConversationThread& thread,
                                                      int64_t revision, bool has_had_posts,
                                                      int64_t bytes);

  // What a post's row has besides the post's fields.
  struct PostRow {
    Uuid id;
    int64_t revision;
    std::optional<absl::string_view> author;
    std::optional<Uuid> in_reply_to;
    absl::string_view preview;
  };

  // With its categories and participants.
  absl::StatusOr<int64_t> InsertPost(int64_t thread_key, const v1::Post& post, const PostRow& row);
  absl::Status InsertCategories(int64_t post_key,
                                const google::protobuf::RepeatedPtrField<std::string>& categories);
  absl::Status InsertAttachment(int64_t post_key, const v1::Attachment& attachment,
                                absl::string_view content);
  absl::Status InsertExtension(int64_t post_key, const Uuid& id, const v1::Extension& extension);
  absl::Status InsertForward(int64_t post_key, const Uuid& id, const v1::Forward& forward);

 private:
  RowInserts(Database& db, ThreadSummary& summary) : db_(db), summary_(summary) {}
  absl::Status PrepareAll();

  Database& db_;
  ThreadSummary& summary_;
  Statement insert_group_;
  Statement insert_member_;
  Statement insert_conversation_;
  Statement insert_thread_;
  Statement insert_post_;
  Statement insert_category_;
  Statement insert_participant_;
  Statement insert_attachment_;
  Statement insert_content_;
  Statement insert_extension_;
  Statement insert_forward_;
  Statement insert_forward_recipient_;
};

// The content of a file or an item.
const std::string& ContentOf(const v1::Attachment& attachment);

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_ROW_INSERTS_H_
