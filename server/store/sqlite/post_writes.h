#ifndef THREADSTORE_SERVER_STORE_SQLITE_POST_WRITES_H_
#define THREADSTORE_SERVER_STORE_SQLITE_POST_WRITES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/uuid.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/past_requests.h"
#include "server/store/sqlite/post_queries.h"
#include "server/store/sqlite/purge_queries.h"
#include "server/store/sqlite/read_queries.h"
#include "server/store/sqlite/room.h"
#include "server/store/thread_store.h"

namespace threadstore::sqlite {

// The writes of posts, attachments, extensions and forwards, as WriteQueries, of which they are a
// part. Each returns the resource that it has stored, or that an earlier request of the same id
// has.
class PostWrites {
 public:
  // What the writes are built on; all of it outlives them.
  struct Base {
    Database& db;
    ReadQueries& reads;
    PostQueries& posts;
    PastRequests& past_requests;
    PurgeQueries& purges;
    const Room& room;
  };
  static absl::StatusOr<std::unique_ptr<PostWrites>> Prepare(const Base& base);

  // Who a post is by.
  struct Author {
    std::optional<std::string> user;  // Absent if an application posts.
    v1::Recipient sender;
  };

  // The author of a post, which the sender it names tells or, if it names none, the required
  // member. SENDER_NOT_ALLOWED if the group does not take posts from it.
  absl::StatusOr<Author> ResolveAuthor(const CallContext& context, int64_t group_key,
                                       absl::string_view group, const v1::Post& post);

  // SENDER_NOT_ALLOWED if a user calls from whom the group does not take posts.
  absl::Status CheckMemberMayPost(const CallContext& context, int64_t group_key,
                                  absl::string_view group);

  // A post by `author`, placed in a thread at `time`, as it is stored and answered: without
  // extensions and the content of attachments.
  absl::StatusOr<v1::Post> Place(int64_t group_key, const v1::ConversationThread& thread,
                                 absl::Time time, const v1::Post& sent, const Author& author);

  // Stores a post that has been placed, with all that hangs on it. What `stored` does not have
  // comes from `sent`.
  absl::Status InsertPost(int64_t thread_key, const v1::Post& stored, const NewPost& sent,
                          const Author& author);

  absl::StatusOr<v1::Post> CreatePost(const CreateContext& context, const ThreadName& name,
                                      const NewPost& post);
  absl::StatusOr<v1::Post> UpdatePost(const ChangeContext& context, const PostName& name,
                                      const PostChanges& changes);
  absl::Status DeletePost(const ChangeContext& context, const PostName& name);
  absl::StatusOr<v1::Forward> ForwardPost(const CreateContext& context, const PostName& name,
                                          const v1::Forward& forward);

  absl::StatusOr<v1::Attachment> CreateAttachment(const CreateContext& context,
                                                  const PostName& name,
                                                  const v1::Attachment& attachment);

  absl::StatusOr<v1::Extension> CreateExtension(const CreateContext& context, const PostName& name,
                                                const v1::Extension& extension);
  absl::StatusOr<v1::Extension> UpdateExtension(const ChangeContext& context,
                                                const ExtensionName& name,
                                                const std::string& content_json);
  absl::Status DeleteExtension(const ChangeContext& context, const ExtensionName& name);

 private:
  using Recipients = google::protobuf::RepeatedPtrField<v1::Recipient>;

  explicit PostWrites(const Base& base) : base_(base) {}
  absl::Status PrepareAll();

  // By whom a group can know a sender.
  struct Identities {
    std::vector<std::string> ids;
    bool is_member = false;
  };
  absl::Status CheckMayPost(int64_t group_key, absl::string_view group,
                            const Identities& identities);
  absl::StatusOr<bool> IsListed(int64_t group_key, SenderList list, const Identities& identities);

  // NOT_THE_AUTHOR if a user calls and the post is not by it nor, with `owners_may`, the user an
  // owner.
  absl::Status CheckAuthor(const CallContext& context, const PostQueries::Post& post,
                           const PostName& name, bool owners_may);

  absl::Status CheckAttachmentFits(int64_t post_key, const PostName& name,
                                   const v1::Attachment& attachment);
  absl::Status InsertAttachment(int64_t post_key, const v1::Attachment& attachment,
                                absl::string_view content);
  absl::Status InsertExtension(int64_t post_key, const Uuid& id, const v1::Extension& extension);
  absl::Status InsertCategories(int64_t post_key,
                                const google::protobuf::RepeatedPtrField<std::string>& categories);

  // Later than every other post of the thread.
  absl::StatusOr<absl::Time> TimeOfNextPost(int64_t thread_key, absl::Time now);

  // A thread's To: line, and how many of it are stored already.
  struct ToLine {
    Recipients recipients;
    int stored = 0;
  };

  // The To: line with the participants. TOO_MANY_RECIPIENTS if they do not fit.
  absl::StatusOr<ToLine> ExtendToLine(int64_t thread_key, const ThreadName& name,
                                      const Recipients& participants);
  absl::Status InsertToRecipients(int64_t thread_key, const ToLine& line);

  // Keep true what a thread derives from its posts.
  absl::Status DeriveAfterCreate(const ReadQueries::Thread& thread, const v1::Post& post,
                                 absl::string_view preview);
  absl::Status DeriveAfterDelete(const PostQueries::Post& deleted, const Uuid& id);
  absl::Status AddSender(int64_t thread_key, absl::string_view label);
  absl::Status ReplaceSenders(int64_t thread_key);

  // A new revision of the post and its thread.
  absl::Status TouchPost(const PostQueries::Post& post, absl::Time now);

  absl::StatusOr<int64_t> Count(Statement& statement, int64_t post_key);
  absl::Status TouchThread(int64_t thread_key, absl::Time now);

  const Base base_;
  Statement find_posting_rules_;
  Statement is_listed_;
  Statement read_newest_post_;
  Statement insert_post_;
  Statement insert_category_;
  Statement insert_participant_;
  Statement insert_attachment_;
  Statement insert_content_;
  Statement insert_extension_;
  Statement insert_forward_;
  Statement insert_forward_recipient_;
  Statement update_body_;
  Statement delete_categories_;
  Statement touch_post_;
  Statement touch_thread_;
  Statement set_post_has_attachments_;
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
  Statement insert_to_recipient_;
  Statement measure_attachments_;
  Statement count_extensions_;
  Statement count_forwards_;
  Statement update_extension_;
  Statement delete_extension_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_POST_WRITES_H_
