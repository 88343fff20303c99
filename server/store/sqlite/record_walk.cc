#include "server/store/sqlite/record_walk.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/domain/resource_name.h"
#include "server/domain/timestamp.h"
#include "server/store/sqlite/columns.h"

namespace threadstore::sqlite {
namespace {

absl::StatusOr<int64_t> ReadInteger(Query& query) {
  ASSIGN_OR_RETURN([[maybe_unused]] const bool row, query.Step());
  return query.Integer(0);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordWalk>> RecordWalk::Prepare(Database& db, ReadQueries& reads,
                                                                PostQueries& posts) {
  std::unique_ptr<RecordWalk> walk(new RecordWalk(reads, posts));
  RETURN_IF_ERROR(walk->PrepareAll(db));
  return walk;
}

absl::Status RecordWalk::PrepareAll(Database& db) {
  const std::pair<Statement*, std::string> statements[] = {
      {&count_all_,
       "SELECT (SELECT count(*) FROM groups) + (SELECT count(*) FROM members)"
       " + (SELECT count(*) FROM group_senders) + (SELECT count(*) FROM conversations)"
       " + (SELECT count(*) FROM threads) + (SELECT count(*) FROM posts)"
       " + (SELECT count(*) FROM attachments) + (SELECT count(*) FROM post_extensions)"
       " + (SELECT count(*) FROM forwards)"},
      {&count_threads_, "SELECT count(*) FROM threads"},
      {&count_threads_of_group_, "SELECT count(*) FROM threads WHERE group_key = ?"},
      {&list_groups_, absl::StrCat("SELECT ", kGroupColumns,
                                   ", groups.key FROM groups WHERE deleted = 0 ORDER BY id")},
      {&list_conversations_,
       "SELECT key, id, topic, created_us FROM conversations"
       " WHERE group_key = ? AND deleted = 0 ORDER BY id"},
      {&list_threads_,
       absl::StrCat(
           "SELECT ", kThreadColumns,
           ", threads.has_had_posts"
           " FROM threads JOIN conversations ON conversations.key = threads.conversation_key"
           " WHERE threads.deleted = 0 AND threads.conversation_key = ?"
           " ORDER BY threads.id")},
      {&list_posts_, absl::StrCat("SELECT ", kPostColumns,
                                  ", posts.author FROM posts WHERE thread_key = ? ORDER BY id")},
      {&list_attachments_, absl::StrCat("SELECT ", kAttachmentColumns,
                                        " FROM attachments WHERE post_key = ? ORDER BY id")},
      {&list_extensions_, "SELECT name FROM post_extensions WHERE post_key = ? ORDER BY name"},
      {&list_forwards_, "SELECT id FROM forwards WHERE post_key = ? ORDER BY id"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, db.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> RecordWalk::EstimateCount(const std::optional<std::string>& group) {
  Query all(count_all_);
  ASSIGN_OR_RETURN(const int64_t records, ReadInteger(all));
  if (!group.has_value()) return records;
  ASSIGN_OR_RETURN(const int64_t key, reads_.ResolveGroup(std::nullopt, *group));
  Query threads(count_threads_);
  ASSIGN_OR_RETURN(const int64_t all_threads, ReadInteger(threads));
  Query of_group(count_threads_of_group_);
  of_group.Bind(key);
  ASSIGN_OR_RETURN(const int64_t threads_of_group, ReadInteger(of_group));
  const double share =
      all_threads == 0 ? 1
                       : static_cast<double>(threads_of_group) / static_cast<double>(all_threads);
  return static_cast<int64_t>(static_cast<double>(records) * share);
}

absl::Status RecordWalk::Run(const std::optional<std::string>& group, Emit emit) {
  if (group.has_value()) {
    ASSIGN_OR_RETURN(const int64_t key, reads_.ResolveGroup(std::nullopt, *group));
    ASSIGN_OR_RETURN(std::optional<v1::Group> found, reads_.ReadGroup(key));
    if (!found.has_value()) return NotFoundError(kGroupType, MakeGroupName(*group));
    return WalkGroup(key, *std::move(found), emit);
  }
  Query rows(list_groups_);
  while (true) {
    ASSIGN_OR_RETURN(const bool found, rows.Step());
    if (!found) return absl::OkStatus();
    RETURN_IF_ERROR(
        WalkGroup(rows.Integer(kGroupColumnCount), ReadQueries::ReadGroupRow(rows), emit));
  }
}

absl::Status RecordWalk::WalkGroup(int64_t key, v1::Group group, Emit emit) {
  Place place{key, {std::move(group), Uuid(), Uuid()}};
  v1::Record record;
  *record.mutable_group() = place.post_context.group;
  RETURN_IF_ERROR(emit(std::move(record)));
  RETURN_IF_ERROR(WalkMembers(place, emit));
  RETURN_IF_ERROR(WalkSenders(place, SenderList::kAccepted, emit));
  RETURN_IF_ERROR(WalkSenders(place, SenderList::kRejected, emit));
  return WalkConversations(place, emit);
}

absl::Status RecordWalk::WalkMembers(const Place& place, Emit emit) {
  MemberQuery query;
  query.group = place.post_context.group.id();
  query.limit = kMaxPageSize;
  while (true) {
    ASSIGN_OR_RETURN(MemberPage page, reads_.ListMembers(place.group_key, query));
    for (v1::Member& member : page.members) {
      query.after_id = member.id();
      v1::Record record;
      *record.mutable_member() = std::move(member);
      RETURN_IF_ERROR(emit(std::move(record)));
    }
    if (!page.has_more) return absl::OkStatus();
  }
}

absl::Status RecordWalk::WalkSenders(const Place& place, SenderList list, Emit emit) {
  SenderQuery query;
  query.list.group.group = place.post_context.group.id();
  query.list.list = list;
  query.limit = kMaxPageSize;
  while (true) {
    ASSIGN_OR_RETURN(SenderPage page, reads_.ListSenders(place.group_key, query));
    for (v1::Sender& sender : page.senders) {
      query.after_id = sender.id();
      v1::Record record;
      *record.mutable_sender() = std::move(sender);
      RETURN_IF_ERROR(emit(std::move(record)));
    }
    if (!page.has_more) return absl::OkStatus();
  }
}

absl::Status RecordWalk::WalkConversations(Place& place, Emit emit) {
  Query rows(list_conversations_);
  rows.Bind(place.group_key);
  while (true) {
    ASSIGN_OR_RETURN(const bool found, rows.Step());
    if (!found) return absl::OkStatus();
    ASSIGN_OR_RETURN(place.post_context.conversation, ReadUuid(rows, 1));
    v1::Record record;
    v1::Conversation& conversation = *record.mutable_conversation();
    conversation.set_id(place.post_context.conversation.ToString());
    conversation.set_name(
        MakeConversationName(place.post_context.group.id(), place.post_context.conversation));
    conversation.set_topic(std::string(rows.Text(2)));
    *conversation.mutable_created_date_time() = FromMicros(rows.Integer(3));
    RETURN_IF_ERROR(emit(std::move(record)));
    RETURN_IF_ERROR(WalkThreads(place, rows.Integer(0), emit));
  }
}

absl::Status RecordWalk::WalkThreads(Place& place, int64_t conversation_key, Emit emit) {
  Query rows(list_threads_);
  rows.Bind(conversation_key);
  while (true) {
    ASSIGN_OR_RETURN(const bool found, rows.Step());
    if (!found) return absl::OkStatus();
    ASSIGN_OR_RETURN(place.post_context.thread, ReadUuid(rows, 1));
    const bool has_had_posts = rows.Boolean(kThreadColumnCount);
    v1::Record record;
    record.mutable_thread()->set_has_had_posts(has_had_posts);
    ASSIGN_OR_RETURN(*record.mutable_thread()->mutable_thread(),
                     reads_.ReadThreadRow(rows, place.post_context.group.id(), ThreadView()));
    RETURN_IF_ERROR(emit(std::move(record)));
    if (has_had_posts) RETURN_IF_ERROR(WalkPosts(place, rows.Integer(0), emit));
  }
}

absl::Status RecordWalk::WalkPosts(const Place& place, int64_t thread_key, Emit emit) {
  Query rows(list_posts_);
  rows.Bind(thread_key);
  while (true) {
    ASSIGN_OR_RETURN(const bool found, rows.Step());
    if (!found) return absl::OkStatus();
    v1::Record record;
    v1::PostRecord& post = *record.mutable_post();
    ASSIGN_OR_RETURN(*post.mutable_post(),
                     posts_.ReadPostRow(rows, place.post_context, PostView()));
    post.mutable_post()->clear_from();
    if (!rows.IsNull(kPostColumnCount)) post.set_author(std::string(rows.Text(kPostColumnCount)));
    const bool has_attachments = post.post().has_attachments();
    ASSIGN_OR_RETURN(const Uuid id, ReadUuid(rows, 1));
    RETURN_IF_ERROR(emit(std::move(record)));
    RETURN_IF_ERROR(WalkPost(place, rows.Integer(0), id, has_attachments, emit));
  }
}

absl::Status RecordWalk::WalkPost(const Place& place, int64_t post_key, const Uuid& id,
                                  bool has_attachments, Emit emit) {
  PostName name;
  name.thread.group.group = place.post_context.group.id();
  name.thread.thread = place.post_context.thread;
  name.post = id;
  if (has_attachments) {
    const std::string post_name = name.Canonical();
    Query attachments(list_attachments_);
    attachments.Bind(post_key);
    while (true) {
      ASSIGN_OR_RETURN(const bool found, attachments.Step());
      if (!found) break;
      v1::Record record;
      ASSIGN_OR_RETURN(*record.mutable_attachment(),
                       posts_.ReadAttachmentRow(attachments, post_name, /*with_content=*/true));
      RETURN_IF_ERROR(emit(std::move(record)));
    }
  }
  Query extensions(list_extensions_);
  extensions.Bind(post_key);
  while (true) {
    ASSIGN_OR_RETURN(const bool found, extensions.Step());
    if (!found) break;
    v1::Record record;
    ASSIGN_OR_RETURN(*record.mutable_extension(),
                     posts_.GetExtension(place.group_key, {name, std::string(extensions.Text(0))}));
    RETURN_IF_ERROR(emit(std::move(record)));
  }
  Query forwards(list_forwards_);
  forwards.Bind(post_key);
  while (true) {
    ASSIGN_OR_RETURN(const bool found, forwards.Step());
    if (!found) return absl::OkStatus();
    ASSIGN_OR_RETURN(const Uuid forward, ReadUuid(forwards, 0));
    v1::Record record;
    ASSIGN_OR_RETURN(*record.mutable_forward(), posts_.GetForward(place.group_key, name, forward));
    RETURN_IF_ERROR(emit(std::move(record)));
  }
}

}  // namespace threadstore::sqlite
