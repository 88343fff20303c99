#ifndef THREADSTORE_SERVER_STORE_SQLITE_POST_QUERIES_H_
#define THREADSTORE_SERVER_STORE_SQLITE_POST_QUERIES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/uuid.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/read_queries.h"
#include "server/store/thread_store.h"

namespace threadstore::sqlite {

// The queries of posts, attachments, extensions and forwards, prepared on one connection; as
// ReadQueries, on which they are built.
class PostQueries {
 public:
  // Both must outlive the queries.
  static absl::StatusOr<std::unique_ptr<PostQueries>> Prepare(Database& db, ReadQueries& threads);

  // A post, and what is above it.
  struct Post {
    int64_t key;
    int64_t group_key;
    ReadQueries::Thread thread;
    std::optional<std::string> author;
    std::string sender_label;
    bool has_attachments;
    int64_t revision;
  };
  // NOT_FOUND if the thread, or the post in it, is not there.
  absl::StatusOr<Post> ResolvePost(int64_t group_key, const PostName& name);

  // Not expanded, whatever the view says.
  absl::StatusOr<v1::Post> GetPost(int64_t group_key, const PostName& name,
                                   const PostView& view = {});

  // The post that a thread was created with, as the answer to the create has it; nothing if there
  // is none, or none any more.
  absl::StatusOr<std::optional<v1::Post>> FindFirstPost(int64_t group_key, const ThreadName& name);

  // A post with its attachments, as the answer to its creation has it.
  absl::StatusOr<v1::Post> GetPostWithAttachments(int64_t group_key, const PostName& name);

  // NOT_FOUND as above; so all that follow.
  absl::StatusOr<v1::Attachment> GetAttachment(int64_t group_key, const AttachmentName& name,
                                               bool with_content);
  absl::StatusOr<AttachmentPage> ListAttachments(int64_t group_key, const AttachmentQuery& query);
  // Also NOT_FOUND if `id` is given and is not the extension's: another one has its name.
  absl::StatusOr<v1::Extension> GetExtension(int64_t group_key, const ExtensionName& name,
                                             const std::optional<Uuid>& id = std::nullopt);

  // Of a post that has been resolved.
  absl::StatusOr<v1::Extension> GetExtension(const Post& post, const ExtensionName& name,
                                             const std::optional<Uuid>& id = std::nullopt);
  absl::StatusOr<ExtensionPage> ListExtensions(int64_t group_key, const ExtensionQuery& query);
  absl::StatusOr<v1::Forward> GetForward(int64_t group_key, const PostName& post, const Uuid& id);

  // What the rows of a thread's posts have in common.
  struct PostContext {
    v1::Group group;
    Uuid thread;
    Uuid conversation;
  };
  absl::StatusOr<PostContext> MakePostContext(int64_t group_key, absl::string_view group,
                                              const Uuid& thread, const Uuid& conversation);

  // What rows that begin with kPostColumns, kAttachmentColumns or kExtensionColumns say, and what
  // belongs to them in other tables.
  absl::StatusOr<v1::Post> ReadPostRow(const Query& row, const PostContext& context,
                                       const PostView& view);
  absl::StatusOr<v1::Attachment> ReadAttachmentRow(const Query& row, absl::string_view post_name,
                                                   bool with_content);
  static v1::Extension ReadExtensionRow(const Query& row, absl::string_view post_name);

 private:
  explicit PostQueries(ReadQueries& threads) : threads_(threads) {}
  absl::Status PrepareAll(Database& db);

  absl::Status ReadBody(int64_t post_key, v1::ItemBody& body);
  absl::Status ReadContent(int64_t attachment_key, v1::Attachment& attachment);

  ReadQueries& threads_;

  Statement find_post_;
  Statement get_post_;
  Statement first_post_;
  Statement read_body_;
  Statement list_categories_;
  Statement list_participants_;
  Statement get_attachment_;
  Statement list_attachments_;
  Statement read_content_;
  Statement get_extension_;
  Statement list_extensions_;
  Statement get_forward_;
  Statement list_forward_recipients_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_POST_QUERIES_H_
