#include "server/store/sqlite/change_queries.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/sha256.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/domain/resource_name.h"
#include "server/domain/timestamp.h"
#include "server/store/sqlite/columns.h"

namespace threadstore::sqlite {
namespace {

using v1::ThreadChange;

absl::StatusOr<std::optional<Uuid>> ReadOptionalUuid(const Query& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  ASSIGN_OR_RETURN(const Uuid id, ReadUuid(row, column));
  return id;
}

void BindOptionalUuid(const std::optional<Uuid>& id, Query& query) {
  if (id.has_value()) {
    query.BindBlob(id->bytes());
  } else {
    query.BindNull();
  }
}

ThreadName MakeThread(absl::string_view group, const Uuid& thread) {
  ThreadName name;
  name.group.group = std::string(group);
  name.thread = thread;
  return name;
}

absl::Status UnlessNotFound(const absl::Status& status) {
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

size_t BytesOf(const std::vector<StoredChange>& changes) {
  size_t bytes = 0;
  for (const StoredChange& change : changes) bytes += change.change.ByteSizeLong();
  return bytes;
}

}  // namespace

// Keeps a page within its limits.
class ChangeQueries::PageBuilder {
 public:
  PageBuilder(const ChangeQuery& query, ChangePage& page)
      : limit_(static_cast<size_t>(query.limit)), max_bytes_(query.max_bytes), page_(page) {}

  ChangePosition& next() { return page_.next; }
  const ChangePage& page() const { return page_; }
  bool IsFull() const { return page_.changes.size() >= limit_; }

  // Adds what belongs together. False if it has to wait for the next page.
  bool Add(std::vector<StoredChange> changes) {
    const size_t bytes = BytesOf(changes);
    if (IsFull() || (!page_.changes.empty() && bytes_ + bytes > max_bytes_)) return false;
    bytes_ += bytes;
    std::move(changes.begin(), changes.end(), std::back_inserter(page_.changes));
    return true;
  }

 private:
  const size_t limit_;
  const size_t max_bytes_;
  ChangePage& page_;
  size_t bytes_ = 0;
};

absl::StatusOr<std::unique_ptr<ChangeQueries>> ChangeQueries::Prepare(Database& db,
                                                                      ReadQueries& threads,
                                                                      PostQueries& posts,
                                                                      ListQueries& lists) {
  std::unique_ptr<ChangeQueries> queries(new ChangeQueries(threads, posts, lists));
  RETURN_IF_ERROR(queries->PrepareAll(db));
  return queries;
}

absl::Status ChangeQueries::PrepareAll(Database& db) {
  const std::pair<Statement*, absl::string_view> statements[] = {
      {&read_bounds_,
       "SELECT (SELECT min(sequence) FROM changes), (SELECT max(sequence) FROM changes)"},
      {&read_group_, "SELECT id, deleted FROM groups WHERE key = ?"},
      {&list_,
       "SELECT sequence, group_key, event, changed_us, conversation_id, thread_id, post_id,"
       " forward_id, group_id FROM changes"
       " WHERE sequence > ?1 AND sequence <= ?2"
       " AND (?3 IS NULL OR group_key = ?3) AND (?4 IS NULL OR event = ?4)"
       " AND (?5 IS NULL OR conversation_id = ?5) AND (?6 IS NULL OR thread_id = ?6)"
       " ORDER BY sequence"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, db.Prepare(sql));
  }
  ASSIGN_OR_RETURN(Statement read_store, db.Prepare("SELECT store_id FROM store_metadata"));
  Query query(read_store);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return absl::DataLossError("the store has no id");
  ASSIGN_OR_RETURN(secret_, ReadUuid(query, 0));
  return absl::OkStatus();
}

absl::StatusOr<ChangePage> ChangeQueries::List(const CallContext& context,
                                               const ChangeQuery& query) {
  ASSIGN_OR_RETURN(const Bounds log, ReadBounds());
  const bool resumes = query.after.has_value();
  ASSIGN_OR_RETURN(ChangePage page,
                   resumes ? Resume(context, query, log) : Begin(context, query, log));
  if (query.limit > 0) {
    PageBuilder builder(query, page);
    bool is_listed = true;
    const bool begins = !resumes && query.start == ChangeStart::kBeginning;
    if (begins || page.next.listed.has_value()) {
      ASSIGN_OR_RETURN(is_listed, ListResources(query.scope, builder));
    }
    if (is_listed) RETURN_IF_ERROR(ListLog(query.scope, log, builder));
  }
  page.has_more = page.next.listed.has_value() || page.next.sequence < log.newest;
  return page;
}

absl::StatusOr<ChangeQueries::Bounds> ChangeQueries::ReadBounds() {
  Query query(read_bounds_);
  ASSIGN_OR_RETURN([[maybe_unused]] const bool row, query.Step());
  if (query.IsNull(0)) return Bounds();
  return Bounds{query.Integer(0), query.Integer(1)};
}

absl::StatusOr<ChangePage> ChangeQueries::Begin(const CallContext& context,
                                                const ChangeQuery& query, const Bounds& log) {
  ChangePage page;
  page.next.sequence = log.newest;
  const ChangeScope& scope = query.scope;
  if (scope.group.has_value()) {
    ASSIGN_OR_RETURN(const int64_t key,
                     threads_.ResolveGroup(context.required_member, scope.group->group));
    RETURN_IF_ERROR(CheckExists(key, scope));
    page.next.group_key = key;
  } else if (query.start == ChangeStart::kBeginning) {
    return absl::InternalError("all groups have no beginning");
  }
  page.next.seal = SealOf(page.next.group_key);
  return page;
}

absl::StatusOr<ChangePage> ChangeQueries::Resume(const CallContext& context,
                                                 const ChangeQuery& query, const Bounds& log) {
  ChangePage page;
  page.next = *query.after;
  const bool is_ours = page.next.seal == SealOf(page.next.group_key);
  if (query.scope.group.has_value()) {
    const int64_t key = page.next.group_key.value_or(0);
    if (is_ours) {
      ASSIGN_OR_RETURN(page.group_is_deleted, IsDeleted(key));
    }
    if (page.group_is_deleted) {
      page.next.listed.reset();
    } else {
      ASSIGN_OR_RETURN(const int64_t now_key,
                       threads_.ResolveGroup(context.required_member, query.scope.group->group));
      if (now_key != key) return DeltaTokenExpiredError();
    }
  }
  const bool is_kept = page.next.sequence >= log.oldest - 1 && page.next.sequence <= log.newest;
  if (!is_ours || !is_kept) return DeltaTokenExpiredError();
  return page;
}

Uuid ChangeQueries::SealOf(std::optional<int64_t> group_key) const {
  const std::string group = group_key.has_value() ? absl::StrCat(*group_key) : "-";
  return *Uuid::FromBytes(HmacSha256(secret_.bytes(), group).substr(0, Uuid::kBytes));
}

absl::Status ChangeQueries::CheckExists(int64_t group_key, const ChangeScope& scope) {
  const std::string& group = scope.group->group;
  if (scope.thread.has_value()) {
    ThreadName name = MakeThread(group, *scope.thread);
    name.conversation = scope.conversation;
    return threads_.ResolveThread(group_key, name).status();
  }
  if (!scope.conversation.has_value()) return absl::OkStatus();
  return threads_.ResolveConversation(group_key, group, *scope.conversation).status();
}

absl::StatusOr<bool> ChangeQueries::IsDeleted(int64_t group_key) {
  Query query(read_group_);
  query.Bind(group_key);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  return !found || query.Boolean(1);
}

absl::StatusOr<bool> ChangeQueries::ListResources(const ChangeScope& scope, PageBuilder& page) {
  std::optional<ChangePosition::Listed>& listed = page.next().listed;
  if (scope.thread.has_value() && !listed.has_value()) {
    listed = ChangePosition::Listed{*scope.thread, std::nullopt};
  }
  while (true) {
    if (listed.has_value()) {
      ASSIGN_OR_RETURN(const bool all_posts, ListPosts(scope, page));
      if (!all_posts) return false;
    }
    if (scope.thread.has_value()) break;
    ThreadQuery query;
    query.group = scope.group->group;
    query.conversation = scope.conversation;
    query.order = ThreadOrder::kOldestCreated;
    if (listed.has_value()) query.after = ThreadCursor{listed->thread};
    query.limit = 1;
    const int64_t group_key = *page.next().group_key;
    absl::StatusOr<ThreadPage> found = lists_.ListThreads(group_key, query);
    RETURN_IF_ERROR(UnlessNotFound(found.status()));
    if (!found.ok()) break;
    if (found->threads.empty()) {
      if (!found->has_more) break;
      // All that was looked at has been deleted, and so may be much more.
      listed = ChangePosition::Listed{found->last.id, std::nullopt};
      return false;
    }

    v1::ConversationThread& thread = found->threads[0];
    StoredChange change;
    change.sequence = page.next().sequence;
    change.group_key = group_key;
    ASSIGN_OR_RETURN(change.conversation, RequireUuid(thread.conversation_id()));
    ASSIGN_OR_RETURN(change.thread, RequireUuid(thread.id()));
    change.change.set_kind(ThreadChange::KIND_CREATED);
    change.change.set_name(thread.name());
    *change.change.mutable_change_time() = thread.created_date_time();
    change.change.mutable_thread()->Swap(&thread);
    const Uuid id = *change.thread;
    if (!page.Add({std::move(change)})) return false;
    listed = ChangePosition::Listed{id, std::nullopt};
  }
  listed.reset();
  return true;
}

absl::StatusOr<bool> ChangeQueries::ListPosts(const ChangeScope& scope, PageBuilder& page) {
  ChangePosition::Listed& listed = *page.next().listed;
  PostQuery query;
  query.thread = MakeThread(scope.group->group, listed.thread);
  query.limit = 1;
  const int64_t group_key = *page.next().group_key;
  while (true) {
    query.after = listed.post;
    absl::StatusOr<PostPage> found = lists_.ListPosts(group_key, query);
    RETURN_IF_ERROR(UnlessNotFound(found.status()));
    if (!found.ok() || found->posts.empty()) return true;

    v1::Post& post = found->posts[0];
    std::vector<StoredChange> changes(1);
    StoredChange& change = changes[0];
    change.sequence = page.next().sequence;
    change.group_key = group_key;
    ASSIGN_OR_RETURN(change.conversation, RequireUuid(post.conversation_id()));
    change.thread = listed.thread;
    ASSIGN_OR_RETURN(change.post, RequireUuid(post.id()));
    change.change.set_kind(ThreadChange::KIND_CREATED);
    change.change.set_name(post.name());
    *change.change.mutable_change_time() = post.created_date_time();
    change.change.mutable_post()->Swap(&post);
    const Uuid id = *change.post;
    RETURN_IF_ERROR(AddAttachments(changes));
    if (!page.Add(std::move(changes))) return false;
    listed.post = id;
  }
}

absl::Status ChangeQueries::ListLog(const ChangeScope& scope, const Bounds& log,
                                    PageBuilder& page) {
  ChangePosition& next = page.next();
  const int64_t end = std::min(log.newest, next.sequence + kMaxChangesExamined);
  Query rows(list_);
  rows.Bind(next.sequence).Bind(end);
  if (next.group_key.has_value()) {
    rows.Bind(*next.group_key);
  } else {
    rows.BindNull();
  }
  if (page.page().group_is_deleted) {
    rows.Bind(static_cast<int64_t>(ChangeEvent::kGroupDeleted)).BindNull().BindNull();
  } else {
    rows.BindNull();
    // A thread is found by itself, whatever way its name goes.
    static constexpr std::optional<Uuid> kAny;
    BindOptionalUuid(scope.thread.has_value() ? kAny : scope.conversation, rows);
    BindOptionalUuid(scope.thread, rows);
  }
  while (!page.IsFull()) {
    ASSIGN_OR_RETURN(const bool found, rows.Step());
    if (!found) {
      next.sequence = end;
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const Event event, ReadEvent(rows));
    ASSIGN_OR_RETURN(std::vector<StoredChange> changes, Expand(event, scope));
    if (!page.Add(std::move(changes))) return absl::OkStatus();
    next.sequence = event.sequence;
  }
  return absl::OkStatus();
}

absl::StatusOr<ChangeQueries::Event> ChangeQueries::ReadEvent(const Query& row) {
  Event event;
  event.sequence = row.Integer(0);
  event.group_key = row.Integer(1);
  event.note.event = static_cast<ChangeEvent>(row.Integer(2));
  event.changed_us = row.Integer(3);
  ASSIGN_OR_RETURN(event.note.conversation, ReadOptionalUuid(row, 4));
  ASSIGN_OR_RETURN(event.note.thread, ReadOptionalUuid(row, 5));
  ASSIGN_OR_RETURN(event.note.post, ReadOptionalUuid(row, 6));
  ASSIGN_OR_RETURN(event.note.forward, ReadOptionalUuid(row, 7));
  if (!row.IsNull(8)) event.group_id = std::string(row.Text(8));
  Query group(read_group_);
  group.Bind(event.group_key);
  ASSIGN_OR_RETURN(const bool found, group.Step());
  event.group_is_deleted = !found || group.Boolean(1);
  if (found) event.group_id = std::string(group.Text(0));
  return event;
}

absl::StatusOr<std::vector<StoredChange>> ChangeQueries::Expand(const Event& event,
                                                                const ChangeScope& scope) {
  std::vector<StoredChange> changes;
  // What was in a group that is gone cannot be named, and its deletion says all there is to say.
  if (event.group_id.empty()) return changes;
  const ChangeNote& note = event.note;
  const auto add = [&](ThreadChange::Kind kind, std::string name,
                       absl::Status (ChangeQueries::*read)(const Event&, ThreadChange&),
                       bool is_of_post = false) -> absl::Status {
    StoredChange change;
    change.sequence = event.sequence;
    change.group_key = event.group_key;
    change.conversation = note.conversation;
    change.thread = note.thread;
    if (is_of_post) change.post = note.post;
    change.change.set_kind(kind);
    change.change.set_name(std::move(name));
    *change.change.mutable_change_time() = FromMicros(event.changed_us);
    if (!IsInScope(change, scope, event.group_key)) return absl::OkStatus();
    if (read != nullptr && !event.group_is_deleted) {
      RETURN_IF_ERROR(UnlessNotFound((this->*read)(event, change.change)));
    }
    changes.push_back(std::move(change));
    return absl::OkStatus();
  };
  const auto add_thread = [&](ThreadChange::Kind kind) {
    const bool is_gone = kind == ThreadChange::KIND_DELETED;
    return add(kind, MakeThreadName(event.group_id, *note.thread),
               is_gone ? nullptr : &ChangeQueries::ReadThread);
  };
  const auto add_post = [&](ThreadChange::Kind kind) {
    const bool is_gone = kind == ThreadChange::KIND_DELETED;
    return add(kind, MakePostName(event.group_id, *note.thread, *note.post),
               is_gone ? nullptr : &ChangeQueries::ReadPost, /*is_of_post=*/true);
  };

  switch (note.event) {
    case ChangeEvent::kThreadCreated:
      RETURN_IF_ERROR(add_thread(ThreadChange::KIND_CREATED));
      if (note.post.has_value()) RETURN_IF_ERROR(add_post(ThreadChange::KIND_CREATED));
      break;
    case ChangeEvent::kThreadUpdated:
      RETURN_IF_ERROR(add_thread(ThreadChange::KIND_UPDATED));
      break;
    case ChangeEvent::kThreadDeleted:
      RETURN_IF_ERROR(add_thread(ThreadChange::KIND_DELETED));
      break;
    case ChangeEvent::kPostCreated:
      RETURN_IF_ERROR(add_post(ThreadChange::KIND_CREATED));
      RETURN_IF_ERROR(add_thread(ThreadChange::KIND_UPDATED));
      break;
    case ChangeEvent::kPostUpdated:
      RETURN_IF_ERROR(add_post(ThreadChange::KIND_UPDATED));
      RETURN_IF_ERROR(add_thread(ThreadChange::KIND_UPDATED));
      break;
    case ChangeEvent::kPostDeleted:
      RETURN_IF_ERROR(add_post(ThreadChange::KIND_DELETED));
      RETURN_IF_ERROR(add_thread(ThreadChange::KIND_UPDATED));
      break;
    case ChangeEvent::kPostForwarded:
      RETURN_IF_ERROR(add(
          ThreadChange::KIND_CREATED,
          MakeForwardName(MakePostName(event.group_id, *note.thread, *note.post), *note.forward),
          &ChangeQueries::ReadForward, /*is_of_post=*/true));
      break;
    case ChangeEvent::kConversationDeleted:
      RETURN_IF_ERROR(add(ThreadChange::KIND_DELETED,
                          MakeConversationName(event.group_id, *note.conversation), nullptr));
      break;
    case ChangeEvent::kGroupDeleted:
      // Positions come from callers: one made up must not tell what groups there were.
      if (scope.group.has_value() && scope.group->group != event.group_id) break;
      RETURN_IF_ERROR(add(ThreadChange::KIND_DELETED, MakeGroupName(event.group_id), nullptr));
      break;
  }
  RETURN_IF_ERROR(AddAttachments(changes));
  return changes;
}

absl::Status ChangeQueries::ReadThread(const Event& event, ThreadChange& change) {
  const ThreadName name = MakeThread(event.group_id, *event.note.thread);
  ASSIGN_OR_RETURN(*change.mutable_thread(), threads_.GetThread(event.group_key, name));
  return absl::OkStatus();
}

absl::Status ChangeQueries::ReadPost(const Event& event, ThreadChange& change) {
  const PostName name{MakeThread(event.group_id, *event.note.thread), *event.note.post};
  ASSIGN_OR_RETURN(*change.mutable_post(), posts_.GetPost(event.group_key, name));
  return absl::OkStatus();
}

absl::Status ChangeQueries::ReadForward(const Event& event, ThreadChange& change) {
  const PostName name{MakeThread(event.group_id, *event.note.thread), *event.note.post};
  ASSIGN_OR_RETURN(*change.mutable_forward(),
                   posts_.GetForward(event.group_key, name, *event.note.forward));
  return absl::OkStatus();
}

absl::Status ChangeQueries::AddAttachments(std::vector<StoredChange>& changes) {
  const size_t bytes = BytesOf(changes);
  size_t room = kMaxPageBytes - std::min(kMaxPageBytes, bytes);
  for (StoredChange& change : changes) {
    if (!change.change.post().has_attachments()) continue;
    v1::Post& post = *change.change.mutable_post();
    AttachmentQuery query;
    ASSIGN_OR_RETURN(query.post, ParsePostName(post.name()));
    query.limit = kMaxAttachmentsPerPost;
    ASSIGN_OR_RETURN(AttachmentPage page, posts_.ListAttachments(change.group_key, query));
    for (v1::Attachment& attachment : page.attachments) {
      const size_t size = attachment.ByteSizeLong();
      if (size > room) break;
      room -= size;
      *post.add_attachments() = std::move(attachment);
    }
  }
  return absl::OkStatus();
}

}  // namespace threadstore::sqlite
