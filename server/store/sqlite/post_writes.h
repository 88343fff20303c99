#ifndef THREADSTORE_SERVER_STORE_SQLITE_POST_WRITES_H_
#define THREADSTORE_SERVER_STORE_SQLITE_POST_WRITES_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/uuid.h"
#include "server/store/sqlite/change_log.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/group_usage.h"
#include "server/store/sqlite/past_requests.h"
#include "server/store/sqlite/post_queries.h"
#include "server/store/sqlite/posting_rules.h"
#include "server/store/sqlite/purge_queries.h"
#include "server/store/sqlite/read_queries.h"
#include "server/store/sqlite/row_inserts.h"
#include "server/store/sqlite/thread_summary.h"
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
    PostingRules& rules;
    ThreadSummary& summary;
    RowInserts& rows;
    ChangeLog& changes;
    GroupUsage& usage;
  };
  static absl::StatusOr<std::unique_ptr<PostWrites>> Prepare(const Base& base);

  // A post by `author`, placed in a thread at `time`, as it is stored and answered: without
  // extensions and the content of attachments.
  absl::StatusOr<v1::Post> Place(int64_t group_key, const v1::ConversationThread& thread,
                                 absl::Time time, const v1::Post& sent,
                                 const PostingRules::Author& author);

  // Stores a post that has been placed, with all that hangs on it. What `stored` does not have
  // comes from `sent`.
  absl::Status InsertPost(int64_t thread_key, const v1::Post& stored, const NewPost& sent,
                          const PostingRules::Author& author);

  // That a post has room for one more.
  absl::Status CheckAttachmentFits(int64_t post_key, const PostName& name,
                                   const v1::Attachment& attachment);
  absl::Status CheckExtensionFits(int64_t post_key, const PostName& name);
  absl::Status CheckForwardFits(int64_t post_key, const PostName& name);

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
  explicit PostWrites(const Base& base) : base_(base) {}
  absl::Status PrepareAll();

  // NOT_THE_AUTHOR if a user calls and the post is not by it nor, with `owners_may`, the user an
  // owner.
  absl::Status CheckAuthor(const CallContext& context, const PostQueries::Post& post,
                           const PostName& name, bool owners_may);

  // A new revision of the post and its thread.
  absl::Status TouchPost(const PostQueries::Post& post, const PostName& name, absl::Time now);

  absl::Status NoteChange(ChangeEvent event, const PostQueries::Post& post, const PostName& name);

  absl::StatusOr<int64_t> Count(Statement& statement, int64_t post_key);

  const Base base_;
  Statement update_body_;
  Statement delete_categories_;
  Statement touch_post_;
  Statement set_post_has_attachments_;
  Statement measure_attachments_;
  Statement count_extensions_;
  Statement count_forwards_;
  Statement update_extension_;
  Statement delete_extension_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_POST_WRITES_H_
