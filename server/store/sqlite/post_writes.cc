#include "server/store/sqlite/post_writes.h"

#include <utility>

#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/domain/resource.h"
#include "server/domain/resource_name.h"
#include "server/domain/timestamp.h"
#include "server/domain/usage.h"
#include "server/store/sqlite/columns.h"

namespace threadstore::sqlite {
namespace {

// What the names and ids of a thread's posts are made from.
v1::ConversationThread MakeThreadHeader(const ThreadName& name, const Uuid& conversation) {
  v1::ConversationThread thread;
  thread.set_id(name.thread.ToString());
  thread.set_name(name.Canonical());
  thread.set_conversation_id(conversation.ToString());
  return thread;
}

v1::Attachment WithoutContent(const v1::Attachment& attachment) {
  v1::Attachment answer;
  answer.set_name(attachment.name());
  answer.set_id(attachment.id());
  answer.set_display_name(attachment.display_name());
  answer.set_content_type(attachment.content_type());
  answer.set_size(attachment.size());
  answer.set_is_inline(attachment.is_inline());
  *answer.mutable_last_modified_date_time() = attachment.last_modified_date_time();
  if (attachment.has_file()) {
    answer.mutable_file()->set_content_id(attachment.file().content_id());
  } else if (attachment.has_item()) {
    answer.mutable_item();
  } else {
    *answer.mutable_reference() = attachment.reference();
  }
  return answer;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PostWrites>> PostWrites::Prepare(const Base& base) {
  std::unique_ptr<PostWrites> writes(new PostWrites(base));
  RETURN_IF_ERROR(writes->PrepareAll());
  return writes;
}

absl::Status PostWrites::PrepareAll() {
  const std::pair<Statement*, absl::string_view> statements[] = {
      {&update_body_, "UPDATE posts SET content_type = ?, content = ?, preview = ? WHERE key = ?"},
      {&delete_categories_, "DELETE FROM post_categories WHERE post_key = ?"},
      {&touch_post_,
       "UPDATE posts SET revision = revision + 1, modified_us = max(modified_us, ?) WHERE key = ?"},
      {&set_post_has_attachments_, "UPDATE posts SET has_attachments = 1 WHERE key = ?"},
      {&measure_attachments_,
       "SELECT count(*), coalesce(sum(size), 0) FROM attachments WHERE post_key = ?"},
      {&count_forwards_, "SELECT count(*) FROM forwards WHERE post_key = ?"},
      {&count_extensions_, "SELECT count(*) FROM post_extensions WHERE post_key = ?"},
      {&update_extension_,
       "UPDATE post_extensions SET content_json = ? WHERE post_key = ? AND name = ?"},
      {&delete_extension_, "DELETE FROM post_extensions WHERE post_key = ? AND name = ?"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, base_.db.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::Status PostWrites::CheckAuthor(const CallContext& context, const PostQueries::Post& post,
                                     const PostName& name, bool owners_may) {
  const bool by_user = context.required_member.has_value() && context.required_member->is_caller;
  if (!by_user) return absl::OkStatus();
  const std::string& user = context.required_member->user;
  if (post.author == user) return absl::OkStatus();
  if (owners_may) {
    ASSIGN_OR_RETURN(const auto member,
                     base_.reads.FindMember(post.group_key, name.thread.group.group, user));
    if (member.has_value() && member->role() == v1::Member::ROLE_OWNER) return absl::OkStatus();
  }
  return NotTheAuthorError(name.Canonical());
}

absl::StatusOr<v1::Post> PostWrites::Place(int64_t group_key, const v1::ConversationThread& thread,
                                           absl::Time time, const v1::Post& sent,
                                           const PostingRules::Author& author) {
  v1::Post stored;
  *stored.mutable_categories() = sent.categories();
  if (sent.has_body()) *stored.mutable_body() = sent.body();
  *stored.mutable_sender() = author.sender;
  *stored.mutable_new_participants() = sent.new_participants();
  for (const v1::Attachment& attachment : sent.attachments()) {
    *stored.add_attachments() = WithoutContent(attachment);
  }
  PlacePost(thread, time, stored);
  ASSIGN_OR_RETURN(const std::optional<v1::Group> group, base_.reads.ReadGroup(group_key));
  if (!group.has_value()) return absl::InternalError("a group that was there is gone");
  *stored.mutable_from() = FromOf(*group, stored.sender());
  return stored;
}

absl::StatusOr<v1::Post> PostWrites::CreatePost(const CreateContext& context,
                                                const ThreadName& name, const NewPost& post) {
  const std::string& group = name.group.group;
  ASSIGN_OR_RETURN(const int64_t group_key,
                   base_.reads.ResolveGroup(context.required_member, group));
  ASSIGN_OR_RETURN(const auto past, base_.past_requests.Find(context, group_key));
  if (past.has_value()) return base_.posts.GetPostWithAttachments(group_key, {name, *past});

  ASSIGN_OR_RETURN(const ReadQueries::Thread thread, base_.reads.ResolveThread(group_key, name));
  if (post.in_reply_to.has_value()) {
    RETURN_IF_ERROR(base_.posts.ResolvePost(group_key, {name, *post.in_reply_to}).status());
  }
  ASSIGN_OR_RETURN(const PostingRules::Author author,
                   base_.rules.ResolveAuthor(context, group_key, group, post.post, "post.sender"));
  if (thread.is_locked) return ThreadLockedError(name.Canonical());
  ASSIGN_OR_RETURN(const ThreadSummary::ToLine line,
                   base_.summary.ExtendToLine(thread.key, name, post.post.new_participants()));
  int64_t added_bytes = BytesOf(post.post) + line.new_bytes;
  if (!thread.has_had_posts) {
    ASSIGN_OR_RETURN(const int64_t replaced, base_.usage.MeasureSummary(thread.key));
    added_bytes -= replaced;
  }
  RETURN_IF_ERROR(base_.usage.CheckFits(group_key, name.group.group, {.bytes = added_bytes}));

  ASSIGN_OR_RETURN(const absl::Time time, base_.summary.TimeOfNextPost(thread.key, context.now));
  ASSIGN_OR_RETURN(v1::Post stored, Place(group_key, MakeThreadHeader(name, thread.conversation),
                                          time, post.post, author));
  if (post.in_reply_to.has_value())
    stored.set_in_reply_to(PostName{name, *post.in_reply_to}.Canonical());
  RETURN_IF_ERROR(InsertPost(thread.key, stored, post, author));
  RETURN_IF_ERROR(base_.summary.InsertNewRecipients(thread.key, line));
  RETURN_IF_ERROR(base_.summary.DeriveAfterCreate(thread, stored, post.preview));
  RETURN_IF_ERROR(base_.summary.Touch(thread.key, time));
  RETURN_IF_ERROR(base_.usage.AddBytes(group_key, thread.key, added_bytes));
  ASSIGN_OR_RETURN(const Uuid id, RequireUuid(stored.id()));
  RETURN_IF_ERROR(base_.changes.Append(
      group_key, {ChangeEvent::kPostCreated, thread.conversation, name.thread, id}));
  RETURN_IF_ERROR(base_.past_requests.Remember(context, group_key, id));
  return stored;
}

absl::StatusOr<v1::Post> PostWrites::UpdatePost(const ChangeContext& context, const PostName& name,
                                                const PostChanges& changes) {
  ASSIGN_OR_RETURN(const int64_t group_key,
                   base_.reads.ResolveGroup(context.required_member, name.thread.group.group));
  ASSIGN_OR_RETURN(const PostQueries::Post post, base_.posts.ResolvePost(group_key, name));
  RETURN_IF_ERROR(CheckAuthor(context, post, name, /*owners_may=*/false));
  RETURN_IF_ERROR(CheckEtag(context, post.revision, kPostType, name.Canonical()));
  ASSIGN_OR_RETURN(const v1::Post before, base_.posts.GetPost(group_key, name));
  if (!changes.body.has_value() && !changes.categories.has_value()) return before;
  v1::Post after = before;
  if (changes.body.has_value()) *after.mutable_body() = *changes.body;
  if (changes.categories.has_value()) *after.mutable_categories() = *changes.categories;
  const int64_t added_bytes = BytesOf(after) - BytesOf(before);
  RETURN_IF_ERROR(
      base_.usage.CheckFits(group_key, name.thread.group.group, {.bytes = added_bytes}));
  if (changes.body.has_value()) {
    RETURN_IF_ERROR(Query(update_body_)
                        .BindText(changes.body->content_type())
                        .BindText(changes.body->content())
                        .BindText(changes.preview)
                        .Bind(post.key)
                        .Run());
    RETURN_IF_ERROR(base_.summary.DeriveAfterEdit(post, changes.preview));
  }
  if (changes.categories.has_value()) {
    RETURN_IF_ERROR(Query(delete_categories_).Bind(post.key).Run());
    RETURN_IF_ERROR(base_.rows.InsertCategories(post.key, *changes.categories));
  }
  RETURN_IF_ERROR(base_.usage.AddBytes(group_key, post.thread.key, added_bytes));
  RETURN_IF_ERROR(TouchPost(post, name, context.now));
  return base_.posts.GetPost(group_key, name);
}

absl::Status PostWrites::DeletePost(const ChangeContext& context, const PostName& name) {
  ASSIGN_OR_RETURN(const int64_t group_key,
                   base_.reads.ResolveGroup(context.required_member, name.thread.group.group));
  ASSIGN_OR_RETURN(const PostQueries::Post post, base_.posts.ResolvePost(group_key, name));
  RETURN_IF_ERROR(CheckAuthor(context, post, name, /*owners_may=*/true));
  RETURN_IF_ERROR(CheckEtag(context, post.revision, kPostType, name.Canonical()));
  ASSIGN_OR_RETURN(const int64_t bytes, base_.usage.MeasurePost(post.key));
  RETURN_IF_ERROR(base_.purges.PurgePost(post.key));
  RETURN_IF_ERROR(base_.usage.AddBytes(group_key, post.thread.key, -bytes));
  RETURN_IF_ERROR(base_.summary.DeriveAfterDelete(post, name.post));
  RETURN_IF_ERROR(base_.summary.Touch(post.thread.key, context.now));
  return NoteChange(ChangeEvent::kPostDeleted, post, name);
}

absl::StatusOr<v1::Forward> PostWrites::ForwardPost(const CreateContext& context,
                                                    const PostName& name,
                                                    const v1::Forward& forward) {
  ASSIGN_OR_RETURN(const int64_t group_key,
                   base_.reads.ResolveGroup(context.required_member, name.thread.group.group));
  ASSIGN_OR_RETURN(const auto past, base_.past_requests.Find(context, group_key));
  if (past.has_value()) return base_.posts.GetForward(group_key, name, *past);

  ASSIGN_OR_RETURN(const PostQueries::Post post, base_.posts.ResolvePost(group_key, name));
  RETURN_IF_ERROR(CheckForwardFits(post.key, name));
  RETURN_IF_ERROR(
      base_.usage.CheckFits(group_key, name.thread.group.group, {.bytes = BytesOf(forward)}));
  ASSIGN_OR_RETURN(const Uuid id, RequireUuid(forward.id()));
  RETURN_IF_ERROR(base_.rows.InsertForward(post.key, id, forward));
  RETURN_IF_ERROR(base_.usage.AddBytes(group_key, post.thread.key, BytesOf(forward)));
  RETURN_IF_ERROR(base_.changes.Append(
      group_key,
      {ChangeEvent::kPostForwarded, post.thread.conversation, name.thread.thread, name.post, id}));
  RETURN_IF_ERROR(base_.past_requests.Remember(context, group_key, id));
  return forward;
}

absl::StatusOr<v1::Attachment> PostWrites::CreateAttachment(const CreateContext& context,
                                                            const PostName& name,
                                                            const v1::Attachment& attachment) {
  ASSIGN_OR_RETURN(const int64_t group_key,
                   base_.reads.ResolveGroup(context.required_member, name.thread.group.group));
  ASSIGN_OR_RETURN(const auto past, base_.past_requests.Find(context, group_key));
  if (past.has_value())
    return base_.posts.GetAttachment(group_key, {name, *past}, /*with_content=*/false);

  ASSIGN_OR_RETURN(const PostQueries::Post post, base_.posts.ResolvePost(group_key, name));
  RETURN_IF_ERROR(CheckAuthor(context, post, name, /*owners_may=*/false));
  RETURN_IF_ERROR(CheckAttachmentFits(post.key, name, attachment));
  RETURN_IF_ERROR(
      base_.usage.CheckFits(group_key, name.thread.group.group, {.bytes = BytesOf(attachment)}));
  RETURN_IF_ERROR(base_.rows.InsertAttachment(post.key, attachment, ContentOf(attachment)));
  RETURN_IF_ERROR(base_.usage.AddBytes(group_key, post.thread.key, BytesOf(attachment)));
  RETURN_IF_ERROR(Query(set_post_has_attachments_).Bind(post.key).Run());
  RETURN_IF_ERROR(base_.summary.DeriveAfterAttaching(post.thread.key));
  RETURN_IF_ERROR(TouchPost(post, name, context.now));
  ASSIGN_OR_RETURN(const Uuid id, RequireUuid(attachment.id()));
  RETURN_IF_ERROR(base_.past_requests.Remember(context, group_key, id));
  return WithoutContent(attachment);
}

absl::Status PostWrites::CheckAttachmentFits(int64_t post_key, const PostName& name,
                                             const v1::Attachment& attachment) {
  Query query(measure_attachments_);
  query.Bind(post_key);
  ASSIGN_OR_RETURN([[maybe_unused]] const bool row, query.Step());
  const bool fits = query.Integer(0) < kMaxAttachmentsPerPost &&
                    query.Integer(1) + attachment.size() <= kMaxAttachmentBytesPerPost;
  if (fits) return absl::OkStatus();
  return TooManyAttachmentsError(name.Canonical(), kMaxAttachmentsPerPost,
                                 kMaxAttachmentBytesPerPost);
}

absl::Status PostWrites::CheckExtensionFits(int64_t post_key, const PostName& name) {
  ASSIGN_OR_RETURN(const int64_t extensions, Count(count_extensions_, post_key));
  if (extensions < kMaxExtensionsPerPost) return absl::OkStatus();
  return TooManyExtensionsError(name.Canonical(), kMaxExtensionsPerPost);
}

absl::Status PostWrites::CheckForwardFits(int64_t post_key, const PostName& name) {
  ASSIGN_OR_RETURN(const int64_t forwards, Count(count_forwards_, post_key));
  if (forwards < kMaxForwardsPerPost) return absl::OkStatus();
  return TooManyForwardsError(name.Canonical(), kMaxForwardsPerPost);
}

absl::StatusOr<v1::Extension> PostWrites::CreateExtension(const CreateContext& context,
                                                          const PostName& name,
                                                          const v1::Extension& extension) {
  ASSIGN_OR_RETURN(const int64_t group_key,
                   base_.reads.ResolveGroup(context.required_member, name.thread.group.group));
  ASSIGN_OR_RETURN(const auto past, base_.past_requests.Find(context, group_key));
  const ExtensionName extension_name{name, extension.extension_name()};
  if (past.has_value()) return base_.posts.GetExtension(group_key, extension_name, *past);

  ASSIGN_OR_RETURN(const PostQueries::Post post, base_.posts.ResolvePost(group_key, name));
  const auto existing = base_.posts.GetExtension(post, extension_name);
  if (existing.ok()) return AlreadyExistsError(kExtensionType, extension.name());
  if (!absl::IsNotFound(existing.status())) return existing.status();
  RETURN_IF_ERROR(CheckExtensionFits(post.key, name));
  RETURN_IF_ERROR(
      base_.usage.CheckFits(group_key, name.thread.group.group, {.bytes = BytesOf(extension)}));
  const Uuid id = Uuid::V7(context.now);
  RETURN_IF_ERROR(base_.rows.InsertExtension(post.key, id, extension));
  RETURN_IF_ERROR(base_.usage.AddBytes(group_key, post.thread.key, BytesOf(extension)));
  RETURN_IF_ERROR(TouchPost(post, name, context.now));
  RETURN_IF_ERROR(base_.past_requests.Remember(context, group_key, id));
  return extension;
}

absl::StatusOr<v1::Extension> PostWrites::UpdateExtension(const ChangeContext& context,
                                                          const ExtensionName& name,
                                                          const std::string& content_json) {
  ASSIGN_OR_RETURN(const int64_t group_key,
                   base_.reads.ResolveGroup(context.required_member, name.post.thread.group.group));
  ASSIGN_OR_RETURN(const PostQueries::Post post, base_.posts.ResolvePost(group_key, name.post));
  ASSIGN_OR_RETURN(v1::Extension extension, base_.posts.GetExtension(post, name));
  RETURN_IF_ERROR(CheckEtag(context, post.revision, kPostType, name.post.Canonical()));
  const int64_t added_bytes = BytesOf(content_json) - BytesOf(extension.content_json());
  RETURN_IF_ERROR(
      base_.usage.CheckFits(group_key, name.post.thread.group.group, {.bytes = added_bytes}));
  RETURN_IF_ERROR(Query(update_extension_)
                      .BindText(content_json)
                      .Bind(post.key)
                      .BindText(name.extension)
                      .Run());
  RETURN_IF_ERROR(base_.usage.AddBytes(group_key, post.thread.key, added_bytes));
  RETURN_IF_ERROR(TouchPost(post, name.post, context.now));
  extension.set_content_json(content_json);
  return extension;
}

absl::Status PostWrites::DeleteExtension(const ChangeContext& context, const ExtensionName& name) {
  ASSIGN_OR_RETURN(const int64_t group_key,
                   base_.reads.ResolveGroup(context.required_member, name.post.thread.group.group));
  ASSIGN_OR_RETURN(const PostQueries::Post post, base_.posts.ResolvePost(group_key, name.post));
  ASSIGN_OR_RETURN(const v1::Extension extension, base_.posts.GetExtension(post, name));
  RETURN_IF_ERROR(CheckEtag(context, post.revision, kPostType, name.post.Canonical()));
  RETURN_IF_ERROR(Query(delete_extension_).Bind(post.key).BindText(name.extension).Run());
  RETURN_IF_ERROR(base_.usage.AddBytes(group_key, post.thread.key, -BytesOf(extension)));
  return TouchPost(post, name.post, context.now);
}

absl::Status PostWrites::InsertPost(int64_t thread_key, const v1::Post& stored, const NewPost& sent,
                                    const PostingRules::Author& author) {
  RowInserts::PostRow row;
  ASSIGN_OR_RETURN(row.id, RequireUuid(stored.id()));
  row.revision = kFirstRevision;
  if (author.user.has_value()) row.author = *author.user;
  row.in_reply_to = sent.in_reply_to;
  row.preview = sent.preview;
  ASSIGN_OR_RETURN(const int64_t post_key, base_.rows.InsertPost(thread_key, stored, row));
  for (int i = 0; i < stored.attachments_size(); ++i) {
    RETURN_IF_ERROR(base_.rows.InsertAttachment(post_key, stored.attachments(i),
                                                ContentOf(sent.post.attachments(i))));
  }
  for (const v1::Extension& extension : sent.post.extensions()) {
    RETURN_IF_ERROR(base_.rows.InsertExtension(post_key, row.id, extension));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> PostWrites::Count(Statement& statement, int64_t post_key) {
  Query query(statement);
  query.Bind(post_key);
  ASSIGN_OR_RETURN([[maybe_unused]] const bool row, query.Step());
  return query.Integer(0);
}

absl::Status PostWrites::TouchPost(const PostQueries::Post& post, const PostName& name,
                                   absl::Time now) {
  RETURN_IF_ERROR(Query(touch_post_).Bind(absl::ToUnixMicros(now)).Bind(post.key).Run());
  RETURN_IF_ERROR(base_.summary.Touch(post.thread.key, now));
  return NoteChange(ChangeEvent::kPostUpdated, post, name);
}

absl::Status PostWrites::NoteChange(ChangeEvent event, const PostQueries::Post& post,
                                    const PostName& name) {
  return base_.changes.Append(post.group_key,
                              {event, post.thread.conversation, name.thread.thread, name.post});
}

}  // namespace threadstore::sqlite
