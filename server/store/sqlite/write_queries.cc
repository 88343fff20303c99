#include "server/store/sqlite/write_queries.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/domain/resource.h"
#include "server/domain/resource_name.h"
#include "server/domain/timestamp.h"
#include "server/store/sqlite/columns.h"

namespace threadstore::sqlite {
namespace {

// The name of a thread that is being created.
absl::StatusOr<ThreadName> NameOf(absl::string_view group, const v1::ConversationThread& thread) {
  ThreadName name;
  name.group.group = std::string(group);
  ASSIGN_OR_RETURN(name.thread, RequireUuid(thread.id()));
  return name;
}

// Of a thread as it is stored, with the draft's post.
int64_t BytesOf(const v1::ConversationThread& thread, const ThreadDraft& draft) {
  const int64_t of_post = draft.post.has_value() ? threadstore::BytesOf(draft.post->post) : 0;
  return threadstore::BytesOf(thread, draft.post.has_value()) + of_post;
}

}  // namespace

ThreadDraft::ThreadDraft(v1::ConversationThread with_post) : thread(std::move(with_post)) {
  if (thread.posts().empty()) return;
  post.emplace();
  post->post = std::move(*thread.mutable_posts(0));
  post->preview = thread.preview();
  thread.clear_posts();
}

absl::StatusOr<std::unique_ptr<WriteQueries>> WriteQueries::Prepare(
    Database& db, const Clock& clock, absl::Duration request_retention,
    const ChangeRetention& change_retention, const GroupQuotas& quotas) {
  std::unique_ptr<WriteQueries> queries(new WriteQueries());
  queries->db_ = &db;
  ASSIGN_OR_RETURN(queries->usage_, GroupUsage::Prepare(db, queries->room_, quotas));
  ASSIGN_OR_RETURN(queries->changes_, ChangeLog::Prepare(db, clock, change_retention));
  ASSIGN_OR_RETURN(queries->reads_, ReadQueries::Prepare(db));
  ASSIGN_OR_RETURN(queries->post_reads_, PostQueries::Prepare(db, *queries->reads_));
  ASSIGN_OR_RETURN(queries->lists_,
                   ListQueries::Prepare(db, *queries->reads_, *queries->post_reads_, clock));
  ASSIGN_OR_RETURN(queries->past_requests_, PastRequests::Prepare(db, request_retention));
  ASSIGN_OR_RETURN(queries->purges_,
                   PurgeQueries::Prepare(db, *queries->changes_, *queries->usage_));
  ASSIGN_OR_RETURN(queries->search_index_, SearchIndex::Prepare(db, queries->room_));
  ASSIGN_OR_RETURN(queries->posting_rules_,
                   PostingRules::Prepare(db, *queries->reads_, queries->room_));
  ASSIGN_OR_RETURN(queries->summary_, ThreadSummary::Prepare(db));
  ASSIGN_OR_RETURN(queries->rows_, RowInserts::Prepare(db, *queries->summary_));
  ASSIGN_OR_RETURN(
      queries->post_writes_,
      PostWrites::Prepare({db, *queries->reads_, *queries->post_reads_, *queries->past_requests_,
                           *queries->purges_, *queries->posting_rules_, *queries->summary_,
                           *queries->rows_, *queries->changes_, *queries->usage_}));
  ASSIGN_OR_RETURN(
      queries->records_,
      RecordWrites::Prepare({db, *queries->reads_, *queries->post_reads_, *queries->posting_rules_,
                             *queries->post_writes_, *queries->rows_, *queries->changes_,
                             *queries->usage_, clock, queries->room_}));
  RETURN_IF_ERROR(queries->PrepareAll(db));
  return queries;
}

absl::Status WriteQueries::PrepareAll(Database& db) {
  const std::pair<Statement*, absl::string_view> statements[] = {
      {&update_group_,
       "UPDATE groups SET display_name = coalesce(?, display_name), mail = coalesce(?, mail),"
       " description = coalesce(?, description), mail_nickname = coalesce(?, mail_nickname),"
       " allow_external_senders = coalesce(?, allow_external_senders) WHERE key = ?"},
      {&mark_group_deleted_, "UPDATE groups SET deleted = 1 WHERE key = ?"},
      {&update_member_,
       "UPDATE members SET display_name = ?, mail = ?, is_owner = ?"
       " WHERE group_key = ? AND user_id = ?"},
      {&delete_member_, "DELETE FROM members WHERE group_key = ? AND user_id = ?"},
      {&has_other_owner_,
       "SELECT EXISTS (SELECT 1 FROM members INDEXED BY members_by_role"
       " WHERE group_key = ? AND user_id <> ? AND is_owner = 1)"},
      {&has_thread_,
       "SELECT EXISTS (SELECT 1 FROM conversations WHERE group_key = ? AND deleted = 0)"},
      {&mark_conversation_deleted_, "UPDATE conversations SET deleted = 1 WHERE key = ?"},
      {&has_live_thread_,
       "SELECT EXISTS (SELECT 1 FROM threads WHERE conversation_key = ? AND deleted = 0)"},
      {&lock_thread_,
       "UPDATE threads SET is_locked = ?, revision = revision + 1,"
       " modified_us = max(modified_us, ?) WHERE key = ?"},
      {&mark_thread_deleted_, "UPDATE threads SET deleted = 1 WHERE key = ?"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, db.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> WriteQueries::TrimChanges(int64_t max_rows) {
  ASSIGN_OR_RETURN(const int64_t needed_from, search_index_->FirstNeededSequence());
  changes_->KeepFrom(needed_from);
  return changes_->Trim(max_rows);
}

absl::StatusOr<std::optional<v1::Group>> WriteQueries::CreateGroup(
    const CreateContext& context, const v1::Group& group, const std::vector<v1::Member>& members) {
  ASSIGN_OR_RETURN(const auto past, past_requests_->FindGroup(context));
  if (past.has_value()) {
    ASSIGN_OR_RETURN(std::optional<v1::Group> made, reads_->ReadGroup(*past));
    if (!made.has_value()) return NotFoundError(kGroupType, group.name());
    if (context.required_member.has_value()) {
      ASSIGN_OR_RETURN(const auto member,
                       reads_->FindMember(*past, made->id(), context.required_member->user));
      if (!member.has_value()) return NotAMemberError(made->name());
    }
    return made;
  }
  ASSIGN_OR_RETURN(const auto existing, reads_->FindGroup(group.id()));
  if (existing.has_value()) return AlreadyExistsError(kGroupType, group.name());
  RETURN_IF_ERROR(room_.Check());

  ASSIGN_OR_RETURN(const int64_t key, rows_->InsertGroup(group));
  for (const v1::Member& member : members) {
    RETURN_IF_ERROR(rows_->InsertMember(key, group.id(), member));
  }
  RETURN_IF_ERROR(past_requests_->Remember(context, key, std::nullopt));
  return std::nullopt;
}

absl::StatusOr<v1::Group> WriteQueries::UpdateGroup(const CallContext& context,
                                                    absl::string_view group,
                                                    const GroupChanges& changes) {
  ASSIGN_OR_RETURN(const int64_t key, reads_->ResolveGroup(context.required_member, group));
  const std::optional<std::string>* const texts[] = {&changes.display_name, &changes.mail,
                                                     &changes.description, &changes.mail_nickname};
  const bool has_changes = changes.allow_external_senders.has_value() ||
                           std::any_of(std::begin(texts), std::end(texts),
                                       [](const auto* text) { return text->has_value(); });
  if (has_changes) RETURN_IF_ERROR(room_.Check());
  Query update(update_group_);
  for (const std::optional<std::string>* text : texts) {
    BindOptionalText(text->has_value(),
                     text->has_value() ? absl::string_view(**text) : absl::string_view(), update);
  }
  if (changes.allow_external_senders.has_value()) {
    update.Bind(*changes.allow_external_senders ? 1 : 0);
  } else {
    update.BindNull();
  }
  RETURN_IF_ERROR(update.Bind(key).Run());
  ASSIGN_OR_RETURN(std::optional<v1::Group> changed, reads_->ReadGroup(key));
  if (!changed.has_value()) return absl::InternalError("a group that was there is gone");
  return *std::move(changed);
}

absl::Status WriteQueries::DeleteGroup(const CallContext& context, absl::string_view group,
                                       bool force) {
  ASSIGN_OR_RETURN(const int64_t key, reads_->ResolveGroup(context.required_member, group));
  if (!force) {
    Query query(has_thread_);
    query.Bind(key);
    ASSIGN_OR_RETURN([[maybe_unused]] const bool row, query.Step());
    if (query.Boolean(0)) return GroupNotEmptyError(MakeGroupName(group));
  }
  RETURN_IF_ERROR(Query(mark_group_deleted_).Bind(key).Run());
  ChangeNote note{ChangeEvent::kGroupDeleted};
  note.group = group;
  return changes_->Append(key, note);
}

absl::StatusOr<v1::Member> WriteQueries::AddMember(const CallContext& context,
                                                   const MemberListName& list,
                                                   const v1::Member& member) {
  const std::string& group = list.group.group;
  ASSIGN_OR_RETURN(const int64_t key, reads_->ResolveGroup(context.required_member, group));
  ASSIGN_OR_RETURN(std::optional<v1::Member> existing, reads_->FindMember(key, group, member.id()));
  if (!existing.has_value()) {
    RETURN_IF_ERROR(room_.Check());
    RETURN_IF_ERROR(rows_->InsertMember(key, group, member));
    return member;
  }
  const bool is_listed = !list.owners_only || existing->role() == v1::Member::ROLE_OWNER;
  if (is_listed) return AlreadyExistsError(kMemberType, member.name());
  MemberChanges changes;
  changes.role = v1::Member::ROLE_OWNER;
  if (!member.display_name().empty()) changes.display_name = member.display_name();
  if (!member.mail().empty()) changes.mail = member.mail();
  return ChangeMember(key, *std::move(existing), changes);
}

absl::StatusOr<v1::Member> WriteQueries::UpdateMember(const CallContext& context,
                                                      const MemberName& name,
                                                      const MemberChanges& changes) {
  ASSIGN_OR_RETURN(const int64_t key,
                   reads_->ResolveGroup(context.required_member, name.list.group.group));
  ASSIGN_OR_RETURN(v1::Member member, reads_->GetMember(key, name));
  return ChangeMember(key, std::move(member), changes);
}

absl::Status WriteQueries::RemoveMember(const CallContext& context, const MemberName& name) {
  ASSIGN_OR_RETURN(const int64_t key,
                   reads_->ResolveGroup(context.required_member, name.list.group.group));
  ASSIGN_OR_RETURN(v1::Member member, reads_->GetMember(key, name));
  if (name.list.owners_only) {
    MemberChanges changes;
    changes.role = v1::Member::ROLE_MEMBER;
    return ChangeMember(key, std::move(member), changes).status();
  }
  RETURN_IF_ERROR(CheckHasOtherOwner(key, member));
  return Query(delete_member_).Bind(key).BindText(name.user).Run();
}

absl::StatusOr<v1::Member> WriteQueries::ChangeMember(int64_t group_key, v1::Member member,
                                                      const MemberChanges& changes) {
  if (changes.role == v1::Member::ROLE_MEMBER) {
    RETURN_IF_ERROR(CheckHasOtherOwner(group_key, member));
  }
  const bool has_changes =
      changes.role.has_value() || changes.display_name.has_value() || changes.mail.has_value();
  if (!has_changes) return member;
  RETURN_IF_ERROR(room_.Check());
  if (changes.role.has_value()) member.set_role(*changes.role);
  if (changes.display_name.has_value()) member.set_display_name(*changes.display_name);
  if (changes.mail.has_value()) member.set_mail(*changes.mail);
  RETURN_IF_ERROR(Query(update_member_)
                      .BindText(member.display_name())
                      .BindText(member.mail())
                      .Bind(member.role() == v1::Member::ROLE_OWNER ? 1 : 0)
                      .Bind(group_key)
                      .BindText(member.id())
                      .Run());
  return member;
}

absl::Status WriteQueries::CheckHasOtherOwner(int64_t group_key, const v1::Member& member) {
  if (member.role() != v1::Member::ROLE_OWNER) return absl::OkStatus();
  Query query(has_other_owner_);
  query.Bind(group_key).BindText(member.id());
  ASSIGN_OR_RETURN([[maybe_unused]] const bool row, query.Step());
  return query.Boolean(0) ? absl::OkStatus() : LastOwnerError(member.name());
}

absl::StatusOr<std::optional<v1::ConversationThread>> WriteQueries::CreateThread(
    const CreateContext& context, absl::string_view group, const std::optional<Uuid>& conversation,
    ThreadDraft& draft) {
  ASSIGN_OR_RETURN(const int64_t group_key, reads_->ResolveGroup(context.required_member, group));
  ASSIGN_OR_RETURN(ThreadName name, NameOf(group, draft.thread));
  ASSIGN_OR_RETURN(const auto past, past_requests_->Find(context, group_key));
  if (past.has_value()) {
    name.thread = *past;
    ASSIGN_OR_RETURN(v1::ConversationThread made, reads_->GetThread(group_key, name));
    RETURN_IF_ERROR(AddFirstPost(group_key, name, made));
    return made;
  }

  int64_t conversation_key = 0;
  if (conversation.has_value()) {
    ASSIGN_OR_RETURN(const ReadQueries::Conversation existing,
                     reads_->ResolveConversation(group_key, group, *conversation));
    conversation_key = existing.key;
    if (draft.thread.topic().empty()) draft.thread.set_topic(existing.topic);
  }
  ASSIGN_OR_RETURN(const PostingRules::Author author,
                   ResolveAuthor(context, group_key, group, draft, "thread"));
  std::optional<v1::ConversationThread> placed;
  if (draft.post.has_value()) {
    ASSIGN_OR_RETURN(placed, PlaceThread(group_key, draft, author));
  }
  const v1::ConversationThread& thread = placed.has_value() ? *placed : draft.thread;
  const Usage added{.threads = 1, .bytes = BytesOf(thread, draft)};
  RETURN_IF_ERROR(usage_->CheckFits(group_key, group, added));
  if (!conversation.has_value()) {
    ASSIGN_OR_RETURN(const Uuid id, RequireUuid(thread.conversation_id()));
    ASSIGN_OR_RETURN(conversation_key, InsertConversation(group_key, id, thread.topic(),
                                                          thread.created_date_time(), added));
  }
  RETURN_IF_ERROR(InsertThread(group_key, conversation_key, thread, draft, author, added.bytes));
  if (conversation.has_value()) {
    RETURN_IF_ERROR(usage_->AddThread(group_key, conversation_key, added.bytes));
  }
  RETURN_IF_ERROR(past_requests_->Remember(context, group_key, name.thread));
  return placed;
}

absl::Status WriteQueries::AddFirstPost(int64_t group_key, const ThreadName& name,
                                        v1::ConversationThread& thread) {
  ASSIGN_OR_RETURN(std::optional<v1::Post> post, post_reads_->FindFirstPost(group_key, name));
  if (post.has_value()) *thread.add_posts() = *std::move(post);
  return absl::OkStatus();
}

absl::StatusOr<v1::ConversationThread> WriteQueries::UpdateThread(const ChangeContext& context,
                                                                  const ThreadName& name,
                                                                  const ThreadChanges& changes) {
  ASSIGN_OR_RETURN(const int64_t group_key,
                   reads_->ResolveGroup(context.required_member, name.group.group));
  ASSIGN_OR_RETURN(const ReadQueries::Thread thread, reads_->ResolveThread(group_key, name));
  RETURN_IF_ERROR(CheckEtag(context, thread.revision, kThreadType, name.Canonical()));
  if (changes.topic.value_or(thread.topic) != thread.topic)
    return InvalidFieldError("thread.topic", "must be the thread's own: it does not change");
  const bool is_locked = changes.is_locked.value_or(thread.is_locked);
  if (is_locked != thread.is_locked) {
    RETURN_IF_ERROR(room_.Check());
    RETURN_IF_ERROR(Query(lock_thread_)
                        .Bind(is_locked ? 1 : 0)
                        .Bind(absl::ToUnixMicros(context.now))
                        .Bind(thread.key)
                        .Run());
    RETURN_IF_ERROR(changes_->Append(
        group_key, {ChangeEvent::kThreadUpdated, thread.conversation, name.thread}));
  }
  return reads_->GetThread(group_key, name);
}

absl::Status WriteQueries::DeleteThread(const ChangeContext& context, const ThreadName& name) {
  ASSIGN_OR_RETURN(const int64_t group_key,
                   reads_->ResolveGroup(context.required_member, name.group.group));
  ASSIGN_OR_RETURN(const ReadQueries::Thread thread, reads_->ResolveThread(group_key, name));
  RETURN_IF_ERROR(CheckEtag(context, thread.revision, kThreadType, name.Canonical()));
  RETURN_IF_ERROR(Query(mark_thread_deleted_).Bind(thread.key).Run());
  RETURN_IF_ERROR(usage_->RemoveThread(group_key, thread.conversation_key, thread.key));
  RETURN_IF_ERROR(
      changes_->Append(group_key, {ChangeEvent::kThreadDeleted, thread.conversation, name.thread}));
  {
    Query query(has_live_thread_);
    query.Bind(thread.conversation_key);
    ASSIGN_OR_RETURN([[maybe_unused]] const bool row, query.Step());
    if (query.Boolean(0)) return absl::OkStatus();
  }
  return Query(mark_conversation_deleted_).Bind(thread.conversation_key).Run();
}

absl::StatusOr<v1::Conversation> WriteQueries::CreateConversation(
    const CreateContext& context, absl::string_view group, const v1::Conversation& conversation,
    const std::vector<ThreadDraft>& threads) {
  ASSIGN_OR_RETURN(const int64_t group_key, reads_->ResolveGroup(context.required_member, group));
  ConversationName name;
  name.group.group = std::string(group);
  ASSIGN_OR_RETURN(name.conversation, RequireUuid(conversation.id()));
  ASSIGN_OR_RETURN(const auto past, past_requests_->Find(context, group_key));
  if (past.has_value()) {
    name.conversation = *past;
    return ReadCreatedConversation(group_key, name);
  }

  std::vector<PostingRules::Author> authors;
  google::protobuf::RepeatedPtrField<v1::ConversationThread> placed;
  for (const ThreadDraft& draft : threads) {
    ASSIGN_OR_RETURN(PostingRules::Author author,
                     ResolveAuthor(context, group_key, group, draft,
                                   absl::StrCat("conversation.threads[", authors.size(), "]")));
    if (draft.post.has_value()) {
      ASSIGN_OR_RETURN(*placed.Add(), PlaceThread(group_key, draft, author));
    } else {
      *placed.Add() = draft.thread;
    }
    authors.push_back(std::move(author));
  }
  std::vector<int64_t> bytes;
  Usage added;
  for (const ThreadDraft& draft : threads) {
    bytes.push_back(BytesOf(placed[static_cast<int>(added.threads)], draft));
    ++added.threads;
    added.bytes += bytes.back();
  }
  RETURN_IF_ERROR(usage_->CheckFits(group_key, group, added));
  ASSIGN_OR_RETURN(const int64_t key,
                   InsertConversation(group_key, name.conversation, conversation.topic(),
                                      conversation.created_date_time(), added));
  for (size_t i = 0; i < threads.size(); ++i) {
    RETURN_IF_ERROR(InsertThread(group_key, key, placed[static_cast<int>(i)], threads[i],
                                 authors[i], bytes[i]));
  }
  RETURN_IF_ERROR(past_requests_->Remember(context, group_key, name.conversation));
  ASSIGN_OR_RETURN(v1::Conversation stored, reads_->GetConversation(group_key, name));
  stored.mutable_threads()->Swap(&placed);
  return stored;
}

absl::StatusOr<v1::Conversation> WriteQueries::ReadCreatedConversation(
    int64_t group_key, const ConversationName& name) {
  ASSIGN_OR_RETURN(v1::Conversation conversation, reads_->GetConversation(group_key, name));
  const int64_t created_us = ToMicros(conversation.created_date_time());
  ThreadQuery query;
  query.group = name.group.group;
  query.conversation = name.conversation;
  query.order = ThreadOrder::kOldestCreated;
  query.limit = kMaxThreadsPerCreate;
  ASSIGN_OR_RETURN(const ThreadPage page, lists_->ListThreads(group_key, query));
  for (const v1::ConversationThread& thread : page.threads) {
    // Those that came later are not part of what was created.
    const int64_t later_us = ToMicros(thread.created_date_time()) - created_us;
    if (later_us < 0 || later_us >= kMaxThreadsPerCreate) continue;
    v1::ConversationThread with_post = thread;
    ASSIGN_OR_RETURN(const ThreadName thread_name, NameOf(name.group.group, thread));
    RETURN_IF_ERROR(AddFirstPost(group_key, thread_name, with_post));
    const bool fits = conversation.ByteSizeLong() + with_post.ByteSizeLong() <= kMaxPageBytes;
    if (!fits) with_post.clear_posts();
    *conversation.add_threads() = std::move(with_post);
  }
  return conversation;
}

absl::Status WriteQueries::DeleteConversation(const CallContext& context,
                                              const ConversationName& name) {
  ASSIGN_OR_RETURN(const int64_t group_key,
                   reads_->ResolveGroup(context.required_member, name.group.group));
  ASSIGN_OR_RETURN(const ReadQueries::Conversation conversation,
                   reads_->ResolveConversation(group_key, name.group.group, name.conversation));
  RETURN_IF_ERROR(Query(mark_conversation_deleted_).Bind(conversation.key).Run());
  RETURN_IF_ERROR(usage_->RemoveConversation(group_key, conversation.key));
  return changes_->Append(group_key, {ChangeEvent::kConversationDeleted, name.conversation});
}

absl::StatusOr<PostingRules::Author> WriteQueries::ResolveAuthor(const CallContext& context,
                                                                 int64_t group_key,
                                                                 absl::string_view group,
                                                                 const ThreadDraft& draft,
                                                                 const std::string& field) {
  if (draft.post.has_value()) {
    return posting_rules_->ResolveAuthor(context, group_key, group, draft.post->post,
                                         absl::StrCat(field, ".posts[0].sender"));
  }
  RETURN_IF_ERROR(posting_rules_->CheckMemberMayPost(context, group_key, group));
  return PostingRules::Author();
}

absl::StatusOr<v1::ConversationThread> WriteQueries::PlaceThread(
    int64_t group_key, const ThreadDraft& draft, const PostingRules::Author& author) {
  v1::ConversationThread thread = draft.thread;
  const absl::Time created = absl::FromUnixMicros(ToMicros(thread.created_date_time()));
  ASSIGN_OR_RETURN(*thread.add_posts(),
                   post_writes_->Place(group_key, thread, created, draft.post->post, author));
  DeriveFromFirstPost(thread);
  if (thread.to_recipients_size() > kMaxRecipients)
    return TooManyRecipientsError(thread.name(), kMaxRecipients);
  return thread;
}

absl::StatusOr<int64_t> WriteQueries::InsertConversation(int64_t group_key, const Uuid& id,
                                                         absl::string_view topic,
                                                         const google::protobuf::Timestamp& created,
                                                         const Usage& usage) {
  ASSIGN_OR_RETURN(
      const std::optional<int64_t> key,
      rows_->InsertConversation(group_key, id, topic, created, ConversationState::kThere, usage));
  if (!key.has_value()) return absl::InternalError("the id of a new conversation is taken");
  usage_->AddConversation(group_key, usage);
  return *key;
}

absl::Status WriteQueries::InsertThread(int64_t group_key, int64_t conversation_key,
                                        const v1::ConversationThread& thread,
                                        const ThreadDraft& draft,
                                        const PostingRules::Author& author, int64_t bytes) {
  ASSIGN_OR_RETURN(const Uuid id, RequireUuid(thread.id()));
  ASSIGN_OR_RETURN(const std::optional<int64_t> thread_key,
                   rows_->InsertThread(group_key, conversation_key, id, thread, kFirstRevision,
                                       draft.post.has_value(), bytes));
  if (!thread_key.has_value()) return absl::InternalError("the id of a new thread is taken");
  ChangeNote note{ChangeEvent::kThreadCreated};
  ASSIGN_OR_RETURN(note.conversation, RequireUuid(thread.conversation_id()));
  note.thread = id;
  if (draft.post.has_value()) {
    RETURN_IF_ERROR(post_writes_->InsertPost(*thread_key, thread.posts(0), *draft.post, author));
    ASSIGN_OR_RETURN(note.post, RequireUuid(thread.posts(0).id()));
  }
  return changes_->Append(group_key, note);
}

}  // namespace threadstore::sqlite
