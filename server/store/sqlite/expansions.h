#ifndef THREADSTORE_SERVER_STORE_SQLITE_EXPANSIONS_H_
#define THREADSTORE_SERVER_STORE_SQLITE_EXPANSIONS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/post_queries.h"
#include "server/store/sqlite/read_queries.h"
#include "server/store/thread_store.h"

namespace threadstore::sqlite {

// What one resource is expanded by.
template <typename Child>
struct Children {
  std::vector<Child> items;
  bool has_more = false;
};

// What resources are expanded by: one statement for each relation, however many resources there
// are. Prepared on one connection; as ReadQueries and PostQueries, on which they are built.
//
// A page and what it is expanded by have at most kMaxPageBytes, to which resources are dropped from
// the end of the page. The first stays, with what fits.
class Expansions {
 public:
  // All must outlive the expansions.
  static absl::StatusOr<std::unique_ptr<Expansions>> Prepare(Database& db, ReadQueries& threads,
                                                             PostQueries& posts);

  // Expands a page of conversations by their newest threads. keys[i] is the key of the i-th.
  absl::Status AddThreads(absl::string_view group, const std::vector<int64_t>& keys,
                          google::protobuf::RepeatedPtrField<v1::Conversation>& page);

  // Expands a page of threads of one group by their first posts.
  absl::Status AddPosts(int64_t group_key, absl::string_view group, const PostView& view,
                        const std::vector<int64_t>& keys,
                        google::protobuf::RepeatedPtrField<v1::ConversationThread>& page);

  // Expands a page of posts of one thread by what the view asks for.
  absl::Status AddToPosts(const PostQueries::PostContext& context, const PostView& view,
                          const std::vector<int64_t>& keys,
                          google::protobuf::RepeatedPtrField<v1::Post>& page);

  // The statements behind them, for tests of their plans. Parameters: the keys as a JSON array, and
  // for threads and posts how many to find of each.
  static std::string ThreadsSql();
  static std::string PostsSql();
  static std::string AttachmentsSql();
  static std::string ExtensionsSql();
  static std::string RepliedToSql();

 private:
  // A post, and what is needed to expand it.
  struct PostRow {
    int64_t key;
    const PostQueries::PostContext* context;
    v1::Post* post;
  };

  Expansions(ReadQueries& threads, PostQueries& posts) : threads_(threads), posts_(posts) {}
  absl::Status PrepareAll(Database& db);

  // What follows reads whether or not it fits: as much of each relation as kMaxPageBytes hold, and
  // one more.
  // Returns the keys of the posts, of which there are those of each thread in turn.
  absl::StatusOr<std::vector<int64_t>> ReadPosts(
      const PostView& view, const std::vector<int64_t>& thread_keys,
      const std::vector<PostQueries::PostContext>& contexts,
      std::vector<Children<v1::Post>>& posts);
  absl::Status Expand(const PostView& view, const std::vector<PostRow>& rows);
  absl::Status AddRepliedTo(const std::string& keys, const std::vector<PostRow>& rows);
  absl::Status AddAttachments(const std::string& keys, const std::vector<PostRow>& rows);
  absl::Status AddExtensions(const std::string& keys, const std::vector<PostRow>& rows);

  // Calls `add`, a function of a row of `statement` and the post that it belongs to, which returns
  // the bytes it has added.
  template <typename Add>
  absl::Status ForEach(Statement& statement, const std::string& keys, int parent_column,
                       const std::vector<PostRow>& rows, Add add);

  ReadQueries& threads_;
  PostQueries& posts_;

  Statement list_threads_;
  Statement list_posts_;
  Statement list_attachments_;
  Statement list_extensions_;
  Statement list_replied_to_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_EXPANSIONS_H_
