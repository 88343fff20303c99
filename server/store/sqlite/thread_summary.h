#ifndef THREADSTORE_SERVER_STORE_SQLITE_THREAD_SUMMARY_H_
#define THREADSTORE_SERVER_STORE_SQLITE_THREAD_SUMMARY_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/base/uuid.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/post_queries.h"
#include "server/store/sqlite/read_queries.h"
#include "server/store/thread_store.h"

namespace threadstore::sqlite {

// What a thread says of its posts: who it is addressed to and who has posted, its preview, its
// times. Kept true by whoever changes the posts. Part of the writer's queries.
class ThreadSummary {
 public:
  // `db` must outlive it.
  static absl::StatusOr<std::unique_ptr<ThreadSummary>> Prepare(Database& db);

  // Of a new thread: its recipients and senders.
  absl::Status InsertPeople(int64_t thread_key, const v1::ConversationThread& thread);

  // A thread's To: line, how many of it are stored already, and the bytes of the others.
  struct ToLine {
    google::protobuf::RepeatedPtrField<v1::Recipient> recipients;
    int stored = 0;
    int64_t new_bytes = 0;
  };

  // The To: line with the participants. TOO_MANY_RECIPIENTS if they do not fit.
  absl::StatusOr<ToLine> ExtendToLine(
      int64_t thread_key, const ThreadName& name,
      const google::protobuf::RepeatedPtrField<v1::Recipient>& participants);
  absl::Status InsertNewRecipients(int64_t thread_key, const ToLine& line);

  // Later than every post of the thread.
  absl::StatusOr<absl::Time> TimeOfNextPost(int64_t thread_key, absl::Time now);

  // What the thread derives from its posts, after one has been added, has got another text, has got
  // an attachment, or is gone.
  absl::Status DeriveAfterCreate(const ReadQueries::Thread& thread, const v1::Post& post,
                                 absl::string_view preview);
  absl::Status DeriveAfterEdit(const PostQueries::Post& post, absl::string_view preview);
  absl::Status DeriveAfterAttaching(int64_t thread_key);
  absl::Status DeriveAfterDelete(const PostQueries::Post& deleted, const Uuid& id);

  // A new revision of the thread.
  absl::Status Touch(int64_t thread_key, absl::Time now);

 private:
  using Recipients = google::protobuf::RepeatedPtrField<v1::Recipient>;

  ThreadSummary() = default;
  absl::Status PrepareAll(Database& db);

  // Those from `first` on.
  absl::Status InsertRecipients(int64_t thread_key, int kind, const Recipients& recipients,
                                int first);
  absl::Status InsertSender(int64_t thread_key, int64_t position, absl::string_view label);
  absl::Status AddSender(int64_t thread_key, absl::string_view label);
  absl::Status ReplaceSenders(int64_t thread_key);

  Statement read_newest_post_;
  Statement touch_thread_;
  Statement set_thread_has_attachments_;
  Statement set_preview_if_newest_;
  Statement derive_thread_;
  Statement has_earlier_post_of_sender_;
  Statement any_post_has_attachments_;
  Statement count_senders_;
  Statement list_senders_of_posts_;
  Statement insert_sender_;
  Statement delete_senders_;
  Statement list_to_recipients_;
  Statement insert_recipient_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_THREAD_SUMMARY_H_
