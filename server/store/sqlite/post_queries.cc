#include "server/store/sqlite/post_queries.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/domain/resource.h"
#include "server/domain/resource_name.h"
#include "server/domain/timestamp.h"
#include "server/store/sqlite/columns.h"
#include "server/store/sqlite/page.h"

namespace threadstore::sqlite {
namespace {

v1::Extension MakeExtension(absl::string_view post_name, absl::string_view name,
                            absl::string_view content_json) {
  v1::Extension extension;
  extension.set_name(MakeExtensionName(post_name, name));
  extension.set_extension_name(std::string(name));
  extension.set_content_json(std::string(content_json));
  return extension;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PostQueries>> PostQueries::Prepare(Database& db,
                                                                  ReadQueries& threads) {
  std::unique_ptr<PostQueries> queries(new PostQueries(threads));
  RETURN_IF_ERROR(queries->PrepareAll(db));
  return queries;
}

absl::Status PostQueries::PrepareAll(Database& db) {
  const std::string select_post =
      absl::StrCat("SELECT ", kPostColumns, " FROM posts WHERE thread_key = ?");
  const std::string select_attachment =
      absl::StrCat("SELECT ", kAttachmentColumns, " FROM attachments WHERE post_key = ?");
  const std::pair<Statement*, std::string> statements[] = {
      {&find_post_,
       "SELECT key, author, sender_label, has_attachments, revision FROM posts"
       " WHERE thread_key = ? AND id = ?"},
      {&get_post_, absl::StrCat(select_post, " AND id = ?")},
      {&first_post_, absl::StrCat(select_post, " ORDER BY id LIMIT 1")},
      {&read_body_, "SELECT content FROM posts WHERE key = ?"},
      {&list_categories_, "SELECT name FROM post_categories WHERE post_key = ? ORDER BY position"},
      {&list_participants_,
       "SELECT has_email_address, name, address FROM post_participants"
       " WHERE post_key = ? ORDER BY position"},
      {&get_attachment_, absl::StrCat(select_attachment, " AND id = ?")},
      {&list_attachments_, absl::StrCat(select_attachment, " AND id > ? ORDER BY id LIMIT ?")},
      {&read_content_, "SELECT content FROM attachment_contents WHERE attachment_key = ?"},
      {&get_extension_,
       "SELECT id, content_json FROM post_extensions WHERE post_key = ? AND name = ?"},
      {&list_extensions_,
       absl::StrCat("SELECT ", kExtensionColumns,
                    " FROM post_extensions WHERE post_key = ? AND name > ? ORDER BY name LIMIT ?")},
      {&get_forward_,
       "SELECT key, created_us, comment FROM forwards WHERE post_key = ? AND id = ?"},
      {&list_forward_recipients_,
       "SELECT has_email_address, name, address FROM forward_recipients"
       " WHERE forward_key = ? ORDER BY position"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, db.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::StatusOr<PostQueries::Post> PostQueries::ResolvePost(int64_t group_key,
                                                           const PostName& name) {
  Post post;
  post.group_key = group_key;
  ASSIGN_OR_RETURN(post.thread, threads_.ResolveThread(group_key, name.thread));
  Query query(find_post_);
  query.Bind(post.thread.key).BindBlob(name.post.bytes());
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return NotFoundError(kPostType, name.Canonical());
  post.key = query.Integer(0);
  if (!query.IsNull(1)) post.author = std::string(query.Text(1));
  post.sender_label = std::string(query.Text(2));
  post.has_attachments = query.Boolean(3);
  post.revision = query.Integer(4);
  return post;
}

absl::StatusOr<v1::Post> PostQueries::GetPost(int64_t group_key, const PostName& name,
                                              const PostView& view) {
  ASSIGN_OR_RETURN(const ReadQueries::Thread thread,
                   threads_.ResolveThread(group_key, name.thread));
  ASSIGN_OR_RETURN(
      const PostContext context,
      MakePostContext(group_key, name.thread.group.group, name.thread.thread, thread.conversation));
  Query query(get_post_);
  query.Bind(thread.key).BindBlob(name.post.bytes());
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return NotFoundError(kPostType, name.Canonical());
  return ReadPostRow(query, context, view);
}

absl::StatusOr<std::optional<v1::Post>> PostQueries::FindFirstPost(int64_t group_key,
                                                                   const ThreadName& name) {
  ASSIGN_OR_RETURN(const ReadQueries::Thread thread, threads_.ResolveThread(group_key, name));
  PostName first{name, Uuid()};
  {
    Query query(first_post_);
    query.Bind(thread.key);
    ASSIGN_OR_RETURN(const bool found, query.Step());
    const bool came_with_thread = found && query.Integer(2) == thread.created_us;
    if (!came_with_thread) return std::nullopt;
    ASSIGN_OR_RETURN(first.post, ReadUuid(query, 1));
  }
  ASSIGN_OR_RETURN(v1::Post post, GetPostWithAttachments(group_key, first));
  return post;
}

absl::StatusOr<v1::Post> PostQueries::GetPostWithAttachments(int64_t group_key,
                                                             const PostName& name) {
  ASSIGN_OR_RETURN(v1::Post post, GetPost(group_key, name));
  AttachmentQuery query;
  query.post = name;
  query.limit = kMaxAttachmentsPerPost;
  ASSIGN_OR_RETURN(AttachmentPage page, ListAttachments(group_key, query));
  post.mutable_attachments()->Swap(&page.attachments);
  return post;
}

absl::StatusOr<v1::Attachment> PostQueries::GetAttachment(int64_t group_key,
                                                          const AttachmentName& name,
                                                          bool with_content) {
  ASSIGN_OR_RETURN(const Post post, ResolvePost(group_key, name.post));
  const std::string post_name = name.post.Canonical();
  Query query(get_attachment_);
  query.Bind(post.key).BindBlob(name.attachment.bytes());
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return NotFoundError(kAttachmentType, MakeAttachmentName(post_name, name.attachment));
  return ReadAttachmentRow(query, post_name, with_content);
}

absl::StatusOr<AttachmentPage> PostQueries::ListAttachments(int64_t group_key,
                                                            const AttachmentQuery& query) {
  ASSIGN_OR_RETURN(const Post post, ResolvePost(group_key, query.post));
  const std::string post_name = query.post.Canonical();
  Query rows(list_attachments_);
  rows.Bind(post.key)
      .BindBlob(query.after.has_value() ? query.after->bytes() : kBeforeFirstId)
      .Bind(int64_t{query.limit} + 1);
  AttachmentPage page;
  ASSIGN_OR_RETURN(page.has_more,
                   FillPage(rows, query.limit, page.attachments, [&](const Query& row) {
                     return ReadAttachmentRow(row, post_name, query.with_content);
                   }));
  return page;
}

absl::StatusOr<v1::Extension> PostQueries::GetExtension(int64_t group_key,
                                                        const ExtensionName& name,
                                                        const std::optional<Uuid>& id) {
  ASSIGN_OR_RETURN(const Post post, ResolvePost(group_key, name.post));
  return GetExtension(post, name, id);
}

absl::StatusOr<v1::Extension> PostQueries::GetExtension(const Post& post, const ExtensionName& name,
                                                        const std::optional<Uuid>& id) {
  const std::string post_name = name.post.Canonical();
  Query query(get_extension_);
  query.Bind(post.key).BindText(name.extension);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  const bool is_it = found && (!id.has_value() || query.Blob(0) == id->bytes());
  if (!is_it) return NotFoundError(kExtensionType, MakeExtensionName(post_name, name.extension));
  return MakeExtension(post_name, name.extension, query.Text(1));
}

absl::StatusOr<ExtensionPage> PostQueries::ListExtensions(int64_t group_key,
                                                          const ExtensionQuery& query) {
  ASSIGN_OR_RETURN(const Post post, ResolvePost(group_key, query.post));
  const std::string post_name = query.post.Canonical();
  Query rows(list_extensions_);
  rows.Bind(post.key).BindText(query.after_name).Bind(int64_t{query.limit} + 1);
  ExtensionPage page;
  ASSIGN_OR_RETURN(page.has_more, FillPage(rows, query.limit, page.extensions,
                                           [&](const Query& row) -> absl::StatusOr<v1::Extension> {
                                             return ReadExtensionRow(row, post_name);
                                           }));
  return page;
}

absl::StatusOr<v1::Forward> PostQueries::GetForward(int64_t group_key, const PostName& post,
                                                    const Uuid& id) {
  ASSIGN_OR_RETURN(const Post resolved, ResolvePost(group_key, post));
  const std::string name = MakeForwardName(post.Canonical(), id);
  Query query(get_forward_);
  query.Bind(resolved.key).BindBlob(id.bytes());
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return NotFoundError(kForwardType, name);
  v1::Forward forward;
  forward.set_id(id.ToString());
  forward.set_name(name);
  *forward.mutable_created_date_time() = FromMicros(query.Integer(1));
  forward.set_comment(std::string(query.Text(2)));
  Query recipients(list_forward_recipients_);
  recipients.Bind(query.Integer(0));
  while (true) {
    ASSIGN_OR_RETURN(const bool has_recipient, recipients.Step());
    if (!has_recipient) return forward;
    *forward.add_to_recipients() = ReadRecipient(recipients, 0);
  }
}

absl::StatusOr<PostQueries::PostContext> PostQueries::MakePostContext(int64_t group_key,
                                                                      absl::string_view group,
                                                                      const Uuid& thread,
                                                                      const Uuid& conversation) {
  ASSIGN_OR_RETURN(std::optional<v1::Group> found, threads_.ReadGroup(group_key));
  if (!found.has_value()) return NotFoundError(kGroupType, MakeGroupName(group));
  return PostContext{*std::move(found), thread, conversation};
}

absl::StatusOr<v1::Post> PostQueries::ReadPostRow(const Query& row, const PostContext& context,
                                                  const PostView& view) {
  const int64_t key = row.Integer(0);
  ASSIGN_OR_RETURN(const Uuid id, ReadUuid(row, 1));
  v1::Post post;
  post.set_id(id.ToString());
  post.set_name(MakePostName(context.group.id(), context.thread, id));
  post.set_conversation_id(context.conversation.ToString());
  post.set_conversation_thread_id(context.thread.ToString());
  *post.mutable_created_date_time() = FromMicros(row.Integer(2));
  *post.mutable_received_date_time() = post.created_date_time();
  *post.mutable_last_modified_date_time() = FromMicros(row.Integer(3));
  post.set_etag(MakeEtag(row.Integer(4)));
  v1::EmailAddress& sender = *post.mutable_sender()->mutable_email_address();
  if (!row.IsNull(5)) sender.set_name(std::string(row.Text(5)));
  if (!row.IsNull(6)) sender.set_address(std::string(row.Text(6)));
  *post.mutable_from() = FromOf(context.group, post.sender());
  post.set_has_attachments(row.Boolean(7));
  if (!row.IsNull(8)) {
    ASSIGN_OR_RETURN(const Uuid in_reply_to, ReadUuid(row, 8));
    post.set_in_reply_to(MakePostName(context.group.id(), context.thread, in_reply_to));
  }
  if (!row.IsNull(9) && view.body) {
    post.mutable_body()->set_content_type(std::string(row.Text(9)));
    RETURN_IF_ERROR(ReadBody(key, *post.mutable_body()));
  }
  if (view.categories) {
    Query categories(list_categories_);
    categories.Bind(key);
    while (true) {
      ASSIGN_OR_RETURN(const bool found, categories.Step());
      if (!found) break;
      post.add_categories(std::string(categories.Text(0)));
    }
  }
  if (!view.new_participants) return post;
  Query participants(list_participants_);
  participants.Bind(key);
  while (true) {
    ASSIGN_OR_RETURN(const bool found, participants.Step());
    if (!found) return post;
    *post.add_new_participants() = ReadRecipient(participants, 0);
  }
}

absl::Status PostQueries::ReadBody(int64_t post_key, v1::ItemBody& body) {
  Query query(read_body_);
  query.Bind(post_key);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return absl::DataLossError("a post is gone while it is read");
  body.set_content(std::string(query.Text(0)));
  return absl::OkStatus();
}

v1::Extension PostQueries::ReadExtensionRow(const Query& row, absl::string_view post_name) {
  return MakeExtension(post_name, row.Text(0), row.Text(1));
}

absl::StatusOr<v1::Attachment> PostQueries::ReadAttachmentRow(const Query& row,
                                                              absl::string_view post_name,
                                                              bool with_content) {
  ASSIGN_OR_RETURN(const Uuid id, ReadUuid(row, 1));
  v1::Attachment attachment;
  attachment.set_id(id.ToString());
  attachment.set_name(MakeAttachmentName(post_name, id));
  attachment.set_display_name(std::string(row.Text(3)));
  attachment.set_content_type(std::string(row.Text(4)));
  attachment.set_size(static_cast<int32_t>(row.Integer(5)));
  attachment.set_is_inline(row.Boolean(6));
  *attachment.mutable_last_modified_date_time() = FromMicros(row.Integer(7));
  switch (static_cast<AttachmentKind>(row.Integer(2))) {
    case AttachmentKind::kFile:
      attachment.mutable_file()->set_content_id(std::string(row.Text(8)));
      break;
    case AttachmentKind::kItem:
      attachment.mutable_item();
      break;
    case AttachmentKind::kReference: {
      v1::ReferenceAttachment& reference = *attachment.mutable_reference();
      reference.set_source_url(std::string(row.Text(9)));
      reference.set_provider_type(std::string(row.Text(10)));
      reference.set_permission(std::string(row.Text(11)));
      reference.set_is_folder(row.Boolean(12));
      break;
    }
  }
  if (with_content) RETURN_IF_ERROR(ReadContent(row.Integer(0), attachment));
  return attachment;
}

absl::Status PostQueries::ReadContent(int64_t attachment_key, v1::Attachment& attachment) {
  if (attachment.has_reference()) return absl::OkStatus();
  Query query(read_content_);
  query.Bind(attachment_key);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return absl::DataLossError("an attachment has no content");
  std::string content(query.Blob(0));
  if (attachment.has_file()) {
    attachment.mutable_file()->set_content_bytes(std::move(content));
  } else {
    attachment.mutable_item()->set_item_json(std::move(content));
  }
  return absl::OkStatus();
}

}  // namespace threadstore::sqlite
