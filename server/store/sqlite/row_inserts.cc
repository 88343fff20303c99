#include "server/store/sqlite/row_inserts.h"

#include <utility>

#include "server/base/status_macros.h"
#include "server/domain/resource.h"
#include "server/domain/timestamp.h"

namespace threadstore::sqlite {
namespace {

AttachmentKind KindOf(const v1::Attachment& attachment) {
  if (attachment.has_file()) return AttachmentKind::kFile;
  return attachment.has_item() ? AttachmentKind::kItem : AttachmentKind::kReference;
}

}  // namespace

const std::string& ContentOf(const v1::Attachment& attachment) {
  return attachment.has_file() ? attachment.file().content_bytes() : attachment.item().item_json();
}

absl::StatusOr<std::unique_ptr<RowInserts>> RowInserts::Prepare(Database& db,
                                                                ThreadSummary& summary) {
  std::unique_ptr<RowInserts> inserts(new RowInserts(db, summary));
  RETURN_IF_ERROR(inserts->PrepareAll());
  return inserts;
}

absl::Status RowInserts::PrepareAll() {
  const std::pair<Statement*, absl::string_view> statements[] = {
      {&insert_group_,
       "INSERT INTO groups (id, display_name, mail, created_us, allow_external_senders, "
       "description,"
       " mail_nickname, deleted) VALUES (?, ?, ?, ?, ?, ?, ?, 0)"},
      {&insert_member_,
       "INSERT INTO members (group_key, user_id, display_name, mail, is_owner, group_id)"
       " VALUES (?, ?, ?, ?, ?, ?)"},
      {&insert_conversation_,
       "INSERT INTO conversations (group_key, id, topic, created_us, deleted, threads, bytes)"
       " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (group_key, id) DO NOTHING"},
      {&insert_thread_,
       "INSERT INTO threads (group_key, conversation_key, id, topic, has_attachments,"
       " last_delivered_us, preview, is_locked, revision, created_us, modified_us, has_had_posts,"
       " bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (group_key, id) DO "
       "NOTHING"},
      {&insert_post_,
       "INSERT INTO posts (thread_key, id, created_us, modified_us, revision, author, sender_name,"
       " sender_address, sender_label, has_attachments, in_reply_to, preview, content_type,"
       " content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&insert_category_,
       "INSERT INTO post_categories (post_key, position, name) VALUES (?, ?, ?)"},
      {&insert_participant_,
       "INSERT INTO post_participants (post_key, position, has_email_address, name, address)"
       " VALUES (?, ?, ?, ?, ?)"},
      {&insert_attachment_,
       "INSERT INTO attachments (post_key, id, kind, display_name, content_type, size, is_inline,"
       " attached_us, content_id, source_url, provider_type, permission, is_folder)"
       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      {&insert_content_, "INSERT INTO attachment_contents (attachment_key, content) VALUES (?, ?)"},
      {&insert_extension_,
       "INSERT INTO post_extensions (post_key, id, name, content_json) VALUES (?, ?, ?, ?)"},
      {&insert_forward_,
       "INSERT INTO forwards (post_key, id, created_us, comment) VALUES (?, ?, ?, ?)"},
      {&insert_forward_recipient_,
       "INSERT INTO forward_recipients (forward_key, position, has_email_address, name, address)"
       " VALUES (?, ?, ?, ?, ?)"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, db_.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> RowInserts::InsertGroup(const v1::Group& group) {
  RETURN_IF_ERROR(Query(insert_group_)
                      .BindText(group.id())
                      .BindText(group.display_name())
                      .BindText(group.mail())
                      .Bind(ToMicros(group.created_date_time()))
                      .Bind(group.allow_external_senders() ? 1 : 0)
                      .BindText(group.description())
                      .BindText(group.mail_nickname())
                      .Run());
  return db_.last_insert_rowid();
}

absl::Status RowInserts::InsertMember(int64_t group_key, absl::string_view group,
                                      const v1::Member& member) {
  return Query(insert_member_)
      .Bind(group_key)
      .BindText(member.id())
      .BindText(member.display_name())
      .BindText(member.mail())
      .Bind(member.role() == v1::Member::ROLE_OWNER ? 1 : 0)
      .BindText(group)
      .Run();
}

absl::StatusOr<std::optional<int64_t>> RowInserts::InsertConversation(
    int64_t group_key, const Uuid& id, absl::string_view topic,
    const google::protobuf::Timestamp& created, ConversationState state, const Usage& usage) {
  const int64_t changes_before = db_.total_changes();
  RETURN_IF_ERROR(Query(insert_conversation_)
                      .Bind(group_key)
                      .BindBlob(id.bytes())
                      .BindText(topic)
                      .Bind(ToMicros(created))
                      .Bind(static_cast<int64_t>(state))
                      .Bind(usage.threads)
                      .Bind(usage.bytes)
                      .Run());
  if (db_.total_changes() == changes_before) return std::nullopt;
  return db_.last_insert_rowid();
}

absl::StatusOr<std::optional<int64_t>> RowInserts::InsertThread(
    int64_t group_key, int64_t conversation_key, const Uuid& id,
    const v1::ConversationThread& thread, int64_t revision, bool has_had_posts, int64_t bytes) {
  const int64_t changes_before = db_.total_changes();
  RETURN_IF_ERROR(Query(insert_thread_)
                      .Bind(group_key)
                      .Bind(conversation_key)
                      .BindBlob(id.bytes())
                      .BindText(thread.topic())
                      .Bind(thread.has_attachments() ? 1 : 0)
                      .Bind(ToMicros(thread.last_delivered_date_time()))
                      .BindText(thread.preview())
                      .Bind(thread.is_locked() ? 1 : 0)
                      .Bind(revision)
                      .Bind(ToMicros(thread.created_date_time()))
                      .Bind(ToMicros(thread.last_modified_date_time()))
                      .Bind(has_had_posts ? 1 : 0)
                      .Bind(bytes)
                      .Run());
  if (db_.total_changes() == changes_before) return std::nullopt;
  const int64_t thread_key = db_.last_insert_rowid();
  RETURN_IF_ERROR(summary_.InsertPeople(thread_key, thread));
  return thread_key;
}

absl::StatusOr<int64_t> RowInserts::InsertPost(int64_t thread_key, const v1::Post& post,
                                               const PostRow& row) {
  const std::string label = SenderLabel(post.sender());
  const v1::EmailAddress& sender = post.sender().email_address();
  int64_t post_key = 0;
  {
    Query insert(insert_post_);
    insert.Bind(thread_key)
        .BindBlob(row.id.bytes())
        .Bind(ToMicros(post.created_date_time()))
        .Bind(ToMicros(post.last_modified_date_time()))
        .Bind(row.revision);
    BindOptionalText(row.author.has_value(), row.author.value_or(absl::string_view()), insert);
    BindOptionalText(sender.has_name(), sender.name(), insert);
    BindOptionalText(sender.has_address(), sender.address(), insert);
    insert.BindText(label).Bind(post.has_attachments() ? 1 : 0);
    if (row.in_reply_to.has_value()) {
      insert.BindBlob(row.in_reply_to->bytes());
    } else {
      insert.BindNull();
    }
    insert.BindText(row.preview);
    BindOptionalText(post.has_body(), post.body().content_type(), insert);
    BindOptionalText(post.has_body(), post.body().content(), insert);
    RETURN_IF_ERROR(insert.Run());
    post_key = db_.last_insert_rowid();
  }
  RETURN_IF_ERROR(InsertCategories(post_key, post.categories()));
  for (int i = 0; i < post.new_participants_size(); ++i) {
    Query insert(insert_participant_);
    insert.Bind(post_key).Bind(i);
    BindRecipient(post.new_participants(i), insert);
    RETURN_IF_ERROR(insert.Run());
  }
  return post_key;
}

absl::Status RowInserts::InsertCategories(
    int64_t post_key, const google::protobuf::RepeatedPtrField<std::string>& categories) {
  for (int i = 0; i < categories.size(); ++i) {
    RETURN_IF_ERROR(Query(insert_category_).Bind(post_key).Bind(i).BindText(categories[i]).Run());
  }
  return absl::OkStatus();
}

absl::Status RowInserts::InsertAttachment(int64_t post_key, const v1::Attachment& attachment,
                                          absl::string_view content) {
  ASSIGN_OR_RETURN(const Uuid id, RequireUuid(attachment.id()));
  const v1::ReferenceAttachment& reference = attachment.reference();
  RETURN_IF_ERROR(Query(insert_attachment_)
                      .Bind(post_key)
                      .BindBlob(id.bytes())
                      .Bind(static_cast<int64_t>(KindOf(attachment)))
                      .BindText(attachment.display_name())
                      .BindText(attachment.content_type())
                      .Bind(attachment.size())
                      .Bind(attachment.is_inline() ? 1 : 0)
                      .Bind(ToMicros(attachment.last_modified_date_time()))
                      .BindText(attachment.file().content_id())
                      .BindText(reference.source_url())
                      .BindText(reference.provider_type())
                      .BindText(reference.permission())
                      .Bind(reference.is_folder() ? 1 : 0)
                      .Run());
  if (attachment.has_reference()) return absl::OkStatus();
  return Query(insert_content_).Bind(db_.last_insert_rowid()).BindBlob(content).Run();
}

absl::Status RowInserts::InsertExtension(int64_t post_key, const Uuid& id,
                                         const v1::Extension& extension) {
  return Query(insert_extension_)
      .Bind(post_key)
      .BindBlob(id.bytes())
      .BindText(extension.extension_name())
      .BindText(extension.content_json())
      .Run();
}

absl::Status RowInserts::InsertForward(int64_t post_key, const Uuid& id,
                                       const v1::Forward& forward) {
  RETURN_IF_ERROR(Query(insert_forward_)
                      .Bind(post_key)
                      .BindBlob(id.bytes())
                      .Bind(ToMicros(forward.created_date_time()))
                      .BindText(forward.comment())
                      .Run());
  const int64_t forward_key = db_.last_insert_rowid();
  for (int i = 0; i < forward.to_recipients_size(); ++i) {
    Query insert(insert_forward_recipient_);
    insert.Bind(forward_key).Bind(i);
    BindRecipient(forward.to_recipients(i), insert);
    RETURN_IF_ERROR(insert.Run());
  }
  return absl::OkStatus();
}

}  // namespace threadstore::sqlite
