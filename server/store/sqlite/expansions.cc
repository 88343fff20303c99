#include "server/store/sqlite/expansions.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/domain/page_token.h"
#include "server/store/sqlite/columns.h"

namespace threadstore::sqlite {
namespace {

using google::protobuf::RepeatedPtrField;

// What a message takes inside another, at most.
template <typename Message>
size_t NestedBytes(const Message& message) {
  constexpr size_t kMaxTagAndLength = 8;
  return message.ByteSizeLong() + kMaxTagAndLength;
}

std::string KeyArray(const std::vector<int64_t>& keys) {
  return absl::StrCat("[", absl::StrJoin(keys, ","), "]");
}

// Moves children to their parents as long as all that a page has fits, and cuts the page there.
// Each parent but the first has its children or is cut. `set_next`, a function of a parent, says
// that there are more of its children.
template <typename Parent, typename Child, typename SetNext>
void Attach(std::vector<Children<Child>>& children, RepeatedPtrField<Parent>& page,
            RepeatedPtrField<Child>* (Parent::*mutable_children)(), SetNext set_next) {
  size_t bytes = 0;
  for (int i = 0; i < page.size(); ++i) {
    Parent& parent = page[i];
    Children<Child>& own = children[static_cast<size_t>(i)];
    bytes += NestedBytes(parent);
    size_t fitting = 0;
    while (fitting < own.items.size() && bytes + NestedBytes(own.items[fitting]) <= kMaxPageBytes) {
      bytes += NestedBytes(own.items[fitting++]);
    }
    const bool fits = fitting == own.items.size() && bytes <= kMaxPageBytes;
    if (!fits && i > 0) return page.DeleteSubrange(i, page.size() - i);
    for (size_t child = 0; child < fitting; ++child) {
      *(parent.*mutable_children)()->Add() = std::move(own.items[child]);
    }
    if (own.has_more || fitting < own.items.size()) set_next(parent);
    if (!fits) return page.DeleteSubrange(1, page.size() - 1);
  }
}

// Moves as much from one list to another as fits besides `bytes`, which it adds to. Whether it was
// all.
template <typename Resource>
bool MoveFitting(RepeatedPtrField<Resource>& from, RepeatedPtrField<Resource>& to, size_t& bytes) {
  for (Resource& resource : from) {
    bytes += NestedBytes(resource);
    if (bytes > kMaxPageBytes) return false;
    *to.Add() = std::move(resource);
  }
  return true;
}

// Leaves of what a post is expanded by what fits into one answer.
void CutToFit(v1::Post& post) {
  RepeatedPtrField<v1::Attachment> attachments;
  RepeatedPtrField<v1::Extension> extensions;
  attachments.Swap(post.mutable_attachments());
  extensions.Swap(post.mutable_extensions());
  size_t bytes = NestedBytes(post);
  if (!MoveFitting(attachments, *post.mutable_attachments(), bytes)) {
    post.set_attachments_next_page_token(AttachmentsPageToken(post));
  }
  if (!MoveFitting(extensions, *post.mutable_extensions(), bytes)) {
    post.set_extensions_next_page_token(ExtensionsPageToken(post));
  }
}

// Likewise of a page of posts, of which only the first may lack something.
void CutToFit(RepeatedPtrField<v1::Post>& page) {
  size_t bytes = 0;
  for (int i = 0; i < page.size(); ++i) {
    bytes += NestedBytes(page[i]);
    if (bytes <= kMaxPageBytes) continue;
    if (i == 0) CutToFit(page[0]);
    const int left = std::max(i, 1);
    return page.DeleteSubrange(left, page.size() - left);
  }
}

}  // namespace

// CROSS JOIN keeps the loops in their order, and so the rows: in that of the keys, and within one
// in that of the index.

std::string Expansions::ThreadsSql() {
  return absl::StrCat(
      "SELECT ", kThreadColumns,
      ", parents.key FROM json_each(?) AS parents"
      " CROSS JOIN json_each((SELECT json_group_array(key) FROM"
      "  (SELECT key FROM threads WHERE conversation_key = parents.value AND deleted = 0"
      "   ORDER BY last_delivered_us DESC, id DESC LIMIT ?))) AS newest"
      " CROSS JOIN threads ON threads.key = newest.value"
      " CROSS JOIN conversations ON conversations.key = threads.conversation_key");
}

std::string Expansions::PostsSql() {
  return absl::StrCat("SELECT ", kPostColumns,
                      ", parents.key FROM json_each(?) AS parents CROSS JOIN posts"
                      " WHERE posts.thread_key = parents.value AND posts.id < ifnull("
                      "  (SELECT beyond.id FROM posts AS beyond"
                      "   WHERE beyond.thread_key = parents.value"
                      "   ORDER BY beyond.id LIMIT 1 OFFSET ?), ?)");
}

std::string Expansions::AttachmentsSql() {
  return absl::StrCat("SELECT ", kAttachmentColumns,
                      ", parents.key FROM json_each(?) AS parents CROSS JOIN attachments"
                      " WHERE attachments.post_key = parents.value");
}

std::string Expansions::ExtensionsSql() {
  return absl::StrCat("SELECT ", kExtensionColumns,
                      ", parents.key FROM json_each(?) AS parents CROSS JOIN post_extensions"
                      " WHERE post_extensions.post_key = parents.value");
}

std::string Expansions::RepliedToSql() {
  return absl::StrCat(
      "SELECT ", kPostColumns,
      ", parents.key FROM json_each(?) AS parents"
      " CROSS JOIN posts AS reply ON reply.key = parents.value"
      " CROSS JOIN posts ON posts.thread_key = reply.thread_key AND posts.id = reply.in_reply_to");
}

absl::StatusOr<std::unique_ptr<Expansions>> Expansions::Prepare(Database& db, ReadQueries& threads,
                                                                PostQueries& posts) {
  std::unique_ptr<Expansions> expansions(new Expansions(threads, posts));
  RETURN_IF_ERROR(expansions->PrepareAll(db));
  return expansions;
}

absl::Status Expansions::PrepareAll(Database& db) {
  ASSIGN_OR_RETURN(list_threads_, db.Prepare(ThreadsSql()));
  ASSIGN_OR_RETURN(list_posts_, db.Prepare(PostsSql()));
  ASSIGN_OR_RETURN(list_attachments_, db.Prepare(AttachmentsSql()));
  ASSIGN_OR_RETURN(list_extensions_, db.Prepare(ExtensionsSql()));
  ASSIGN_OR_RETURN(list_replied_to_, db.Prepare(RepliedToSql()));
  return absl::OkStatus();
}

absl::Status Expansions::AddThreads(absl::string_view group, const std::vector<int64_t>& keys,
                                    RepeatedPtrField<v1::Conversation>& page) {
  std::vector<Children<v1::ConversationThread>> threads(keys.size());
  const std::string key_array = KeyArray(keys);
  Query rows(list_threads_);
  rows.BindText(key_array).Bind(kMaxExpanded + 1);
  size_t bytes = 0;
  while (bytes <= kMaxPageBytes) {
    ASSIGN_OR_RETURN(const bool found, rows.Step());
    if (!found) break;
    auto& own = threads[static_cast<size_t>(rows.Integer(kThreadColumnCount))];
    own.has_more = own.items.size() == size_t{kMaxExpanded};
    if (own.has_more) continue;
    ASSIGN_OR_RETURN(v1::ConversationThread thread, threads_.ReadThreadRow(rows, group, {}));
    bytes += NestedBytes(thread);
    own.items.push_back(std::move(thread));
  }
  Attach(threads, page, &v1::Conversation::mutable_threads, [](v1::Conversation& conversation) {
    conversation.set_threads_next_page_token(ThreadsPageToken(conversation));
  });
  return absl::OkStatus();
}

absl::Status Expansions::AddPosts(int64_t group_key, absl::string_view group, const PostView& view,
                                  const std::vector<int64_t>& keys,
                                  RepeatedPtrField<v1::ConversationThread>& page) {
  ASSIGN_OR_RETURN(PostQueries::PostContext context,
                   posts_.MakePostContext(group_key, group, Uuid(), Uuid()));
  std::vector<PostQueries::PostContext> contexts(keys.size(), context);
  for (size_t i = 0; i < keys.size(); ++i) {
    const v1::ConversationThread& thread = page[static_cast<int>(i)];
    ASSIGN_OR_RETURN(contexts[i].thread, RequireUuid(thread.id()));
    ASSIGN_OR_RETURN(contexts[i].conversation, RequireUuid(thread.conversation_id()));
  }
  std::vector<Children<v1::Post>> posts(keys.size());
  ASSIGN_OR_RETURN(const std::vector<int64_t> post_keys, ReadPosts(view, keys, contexts, posts));
  std::vector<PostRow> rows;
  rows.reserve(post_keys.size());
  for (size_t i = 0; i < posts.size(); ++i) {
    for (v1::Post& post : posts[i].items) {
      rows.push_back({post_keys[rows.size()], &contexts[i], &post});
    }
  }
  RETURN_IF_ERROR(Expand(view, rows));
  Attach(posts, page, &v1::ConversationThread::mutable_posts, [](v1::ConversationThread& thread) {
    thread.set_posts_next_page_token(PostsPageToken(thread));
  });
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int64_t>> Expansions::ReadPosts(
    const PostView& view, const std::vector<int64_t>& thread_keys,
    const std::vector<PostQueries::PostContext>& contexts, std::vector<Children<v1::Post>>& posts) {
  std::vector<int64_t> post_keys;
  const std::string key_array = KeyArray(thread_keys);
  Query rows(list_posts_);
  rows.BindText(key_array).Bind(kMaxExpanded + 1).BindBlob(kAfterLastId);
  size_t bytes = 0;
  while (bytes <= kMaxPageBytes) {
    ASSIGN_OR_RETURN(const bool found, rows.Step());
    if (!found) break;
    const auto parent = static_cast<size_t>(rows.Integer(kPostColumnCount));
    Children<v1::Post>& own = posts[parent];
    own.has_more = own.items.size() == size_t{kMaxExpanded};
    if (own.has_more) continue;
    ASSIGN_OR_RETURN(v1::Post post, posts_.ReadPostRow(rows, contexts[parent], view));
    bytes += NestedBytes(post);
    own.items.push_back(std::move(post));
    post_keys.push_back(rows.Integer(0));
  }
  return post_keys;
}

absl::Status Expansions::AddToPosts(const PostQueries::PostContext& context, const PostView& view,
                                    const std::vector<int64_t>& keys,
                                    RepeatedPtrField<v1::Post>& page) {
  std::vector<PostRow> rows;
  rows.reserve(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    rows.push_back({keys[i], &context, &page[static_cast<int>(i)]});
  }
  RETURN_IF_ERROR(Expand(view, rows));
  CutToFit(page);
  return absl::OkStatus();
}

absl::Status Expansions::Expand(const PostView& view, const std::vector<PostRow>& rows) {
  if (rows.empty()) return absl::OkStatus();
  std::vector<int64_t> keys;
  keys.reserve(rows.size());
  for (const PostRow& row : rows) keys.push_back(row.key);
  const std::string key_array = KeyArray(keys);
  if (view.in_reply_to_post) RETURN_IF_ERROR(AddRepliedTo(key_array, rows));
  if (view.attachments) RETURN_IF_ERROR(AddAttachments(key_array, rows));
  if (view.extensions) RETURN_IF_ERROR(AddExtensions(key_array, rows));
  return absl::OkStatus();
}

template <typename Add>
absl::Status Expansions::ForEach(Statement& statement, const std::string& keys, int parent_column,
                                 const std::vector<PostRow>& rows, Add add) {
  Query found(statement);
  found.BindText(keys);
  size_t bytes = 0;
  while (bytes <= kMaxPageBytes) {
    ASSIGN_OR_RETURN(const bool has_row, found.Step());
    if (!has_row) break;
    ASSIGN_OR_RETURN(const size_t added,
                     add(found, rows[static_cast<size_t>(found.Integer(parent_column))]));
    bytes += added;
  }
  return absl::OkStatus();
}

absl::Status Expansions::AddRepliedTo(const std::string& keys, const std::vector<PostRow>& rows) {
  return ForEach(list_replied_to_, keys, kPostColumnCount, rows,
                 [&](const Query& found, const PostRow& row) -> absl::StatusOr<size_t> {
                   v1::Post& post = *row.post->mutable_in_reply_to_post();
                   ASSIGN_OR_RETURN(post, posts_.ReadPostRow(found, *row.context, {}));
                   return NestedBytes(post);
                 });
}

absl::Status Expansions::AddAttachments(const std::string& keys, const std::vector<PostRow>& rows) {
  return ForEach(list_attachments_, keys, kAttachmentColumnCount, rows,
                 [&](const Query& found, const PostRow& row) -> absl::StatusOr<size_t> {
                   v1::Attachment& attachment = *row.post->add_attachments();
                   ASSIGN_OR_RETURN(attachment, posts_.ReadAttachmentRow(found, row.post->name(),
                                                                         /*with_content=*/false));
                   return NestedBytes(attachment);
                 });
}

absl::Status Expansions::AddExtensions(const std::string& keys, const std::vector<PostRow>& rows) {
  return ForEach(list_extensions_, keys, kExtensionColumnCount, rows,
                 [](const Query& found, const PostRow& row) -> absl::StatusOr<size_t> {
                   v1::Extension& extension = *row.post->add_extensions();
                   extension = PostQueries::ReadExtensionRow(found, row.post->name());
                   return NestedBytes(extension);
                 });
}

}  // namespace threadstore::sqlite
