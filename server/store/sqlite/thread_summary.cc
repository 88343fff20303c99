#include "server/store/sqlite/thread_summary.h"

#include <algorithm>
#include <string>
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

absl::StatusOr<std::unique_ptr<ThreadSummary>> ThreadSummary::Prepare(Database& db) {
  std::unique_ptr<ThreadSummary> summary(new ThreadSummary());
  RETURN_IF_ERROR(summary->PrepareAll(db));
  return summary;
}

absl::Status ThreadSummary::PrepareAll(Database& db) {
  const std::pair<Statement*, absl::string_view> statements[] = {
      {&read_newest_post_,
       "SELECT created_us, preview FROM posts WHERE thread_key = ? ORDER BY id DESC LIMIT 1"},
      {&touch_thread_,
       "UPDATE threads SET revision = revision + 1, modified_us = max(modified_us, ?)"
       " WHERE key = ?"},
      {&set_thread_has_attachments_, "UPDATE threads SET has_attachments = 1 WHERE key = ?"},
      {&set_preview_if_newest_,
       "UPDATE threads SET preview = ?1 WHERE key = ?2 AND ?3 ="
       " (SELECT key FROM posts WHERE thread_key = ?2 ORDER BY id DESC LIMIT 1)"},
      {&derive_thread_,
       "UPDATE threads SET has_attachments = ?, last_delivered_us = ?, preview = ?,"
       " has_had_posts = 1 WHERE key = ?"},
      {&has_earlier_post_of_sender_,
       "SELECT EXISTS (SELECT 1 FROM posts"
       " WHERE thread_key = ? AND id < ? AND sender_label = ?)"},
      {&any_post_has_attachments_,
       "SELECT EXISTS (SELECT 1 FROM posts WHERE thread_key = ? AND has_attachments = 1)"},
      {&count_senders_,
       "SELECT count(*), coalesce(max(name = ?2), 0) FROM unique_senders WHERE thread_key = ?1"},
      // Goes from sender to sender through the index, instead of through all posts.
      {&list_senders_of_posts_,
       "WITH RECURSIVE labels (label) AS ("
       " SELECT min(sender_label) FROM posts WHERE thread_key = ?1"
       " UNION ALL"
       " SELECT (SELECT min(sender_label) FROM posts"
       "  WHERE thread_key = ?1 AND sender_label > label)"
       " FROM labels WHERE label IS NOT NULL)"
       " SELECT label, (SELECT min(id) FROM posts WHERE thread_key = ?1 AND sender_label = label)"
       "  AS first_id"
       " FROM labels WHERE label IS NOT NULL ORDER BY first_id LIMIT ?2"},
      {&insert_sender_, "INSERT INTO unique_senders (thread_key, position, name) VALUES (?, ?, ?)"},
      {&delete_senders_, "DELETE FROM unique_senders WHERE thread_key = ?"},
      {&list_to_recipients_,
       "SELECT has_email_address, name, address FROM recipients"
       " WHERE thread_key = ? AND kind = 0 ORDER BY position"},
      {&insert_recipient_,
       "INSERT INTO recipients (thread_key, kind, position, has_email_address, name, address)"
       " VALUES (?, ?, ?, ?, ?, ?)"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, db.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::Status ThreadSummary::InsertPeople(int64_t thread_key, const v1::ConversationThread& thread) {
  RETURN_IF_ERROR(InsertRecipients(thread_key, kToRecipient, thread.to_recipients(), 0));
  RETURN_IF_ERROR(InsertRecipients(thread_key, kCcRecipient, thread.cc_recipients(), 0));
  for (int i = 0; i < thread.unique_senders_size(); ++i) {
    RETURN_IF_ERROR(InsertSender(thread_key, i, thread.unique_senders(i)));
  }
  return absl::OkStatus();
}

absl::Status ThreadSummary::InsertNewRecipients(int64_t thread_key, const ToLine& line) {
  return InsertRecipients(thread_key, kToRecipient, line.recipients, line.stored);
}

absl::Status ThreadSummary::InsertRecipients(int64_t thread_key, int kind,
                                             const Recipients& recipients, int first) {
  for (int i = first; i < recipients.size(); ++i) {
    Query insert(insert_recipient_);
    insert.Bind(thread_key).Bind(kind).Bind(i);
    BindRecipient(recipients[i], insert);
    RETURN_IF_ERROR(insert.Run());
  }
  return absl::OkStatus();
}

absl::Status ThreadSummary::InsertSender(int64_t thread_key, int64_t position,
                                         absl::string_view label) {
  return Query(insert_sender_).Bind(thread_key).Bind(position).BindText(label).Run();
}

absl::Status ThreadSummary::DeriveAfterEdit(const PostQueries::Post& post,
                                            absl::string_view preview) {
  return Query(set_preview_if_newest_).BindText(preview).Bind(post.thread.key).Bind(post.key).Run();
}

absl::Status ThreadSummary::DeriveAfterAttaching(int64_t thread_key) {
  return Query(set_thread_has_attachments_).Bind(thread_key).Run();
}

absl::StatusOr<absl::Time> ThreadSummary::TimeOfNextPost(int64_t thread_key, absl::Time now) {
  Query query(read_newest_post_);
  query.Bind(thread_key);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return now;
  return std::max(now, absl::FromUnixMicros(query.Integer(0) + 1));
}

absl::StatusOr<ThreadSummary::ToLine> ThreadSummary::ExtendToLine(int64_t thread_key,
                                                                  const ThreadName& name,
                                                                  const Recipients& participants) {
  ToLine line;
  if (participants.empty()) return line;
  Query query(list_to_recipients_);
  query.Bind(thread_key);
  while (true) {
    ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) break;
    *line.recipients.Add() = ReadRecipient(query, 0);
  }
  line.stored = line.recipients.size();
  AddParticipants(participants, line.recipients);
  if (line.recipients.size() > kMaxRecipients)
    return TooManyRecipientsError(name.Canonical(), kMaxRecipients);
  for (int i = line.stored; i < line.recipients.size(); ++i) {
    line.new_bytes += BytesOf(line.recipients[i]);
  }
  return line;
}

absl::Status ThreadSummary::DeriveAfterCreate(const ReadQueries::Thread& thread,
                                              const v1::Post& post, absl::string_view preview) {
  const bool has_attachments =
      post.has_attachments() || (thread.has_had_posts && thread.has_attachments);
  RETURN_IF_ERROR(Query(derive_thread_)
                      .Bind(has_attachments ? 1 : 0)
                      .Bind(ToMicros(post.created_date_time()))
                      .BindText(preview)
                      .Bind(thread.key)
                      .Run());
  if (!thread.has_had_posts) RETURN_IF_ERROR(Query(delete_senders_).Bind(thread.key).Run());
  return AddSender(thread.key, SenderLabel(post.sender()));
}

absl::Status ThreadSummary::DeriveAfterDelete(const PostQueries::Post& deleted, const Uuid& id) {
  const int64_t thread_key = deleted.thread.key;
  bool has_attachments = deleted.thread.has_attachments;
  if (deleted.has_attachments) {
    Query query(any_post_has_attachments_);
    query.Bind(thread_key);
    ASSIGN_OR_RETURN([[maybe_unused]] const bool row, query.Step());
    has_attachments = query.Boolean(0);
  }
  int64_t last_delivered_us = deleted.thread.created_us;
  std::string preview;
  {
    Query query(read_newest_post_);
    query.Bind(thread_key);
    ASSIGN_OR_RETURN(const bool found, query.Step());
    if (found) {
      last_delivered_us = query.Integer(0);
      preview = std::string(query.Text(1));
    }
  }
  RETURN_IF_ERROR(Query(derive_thread_)
                      .Bind(has_attachments ? 1 : 0)
                      .Bind(last_delivered_us)
                      .BindText(preview)
                      .Bind(thread_key)
                      .Run());
  // Only a sender's first post decides where, and whether, it is among the senders.
  {
    Query query(has_earlier_post_of_sender_);
    query.Bind(thread_key).BindBlob(id.bytes()).BindText(deleted.sender_label);
    ASSIGN_OR_RETURN([[maybe_unused]] const bool row, query.Step());
    if (query.Boolean(0)) return absl::OkStatus();
  }
  return ReplaceSenders(thread_key);
}

absl::Status ThreadSummary::AddSender(int64_t thread_key, absl::string_view label) {
  int64_t senders = 0;
  {
    Query query(count_senders_);
    query.Bind(thread_key).BindText(label);
    ASSIGN_OR_RETURN([[maybe_unused]] const bool row, query.Step());
    senders = query.Integer(0);
    if (query.Boolean(1) || senders >= kMaxUniqueSenders) return absl::OkStatus();
  }
  return InsertSender(thread_key, senders, label);
}

absl::Status ThreadSummary::ReplaceSenders(int64_t thread_key) {
  RETURN_IF_ERROR(Query(delete_senders_).Bind(thread_key).Run());
  Query rows(list_senders_of_posts_);
  rows.Bind(thread_key).Bind(kMaxUniqueSenders);
  for (int position = 0;; ++position) {
    ASSIGN_OR_RETURN(const bool found, rows.Step());
    if (!found) return absl::OkStatus();
    RETURN_IF_ERROR(InsertSender(thread_key, position, rows.Text(0)));
  }
}

absl::Status ThreadSummary::Touch(int64_t thread_key, absl::Time now) {
  return Query(touch_thread_).Bind(absl::ToUnixMicros(now)).Bind(thread_key).Run();
}

}  // namespace threadstore::sqlite
