#include "server/store/sqlite/group_usage.h"

#include <algorithm>
#include <utility>

#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/resource_name.h"

namespace threadstore::sqlite {
namespace {

// Whether what is there, with what is added, is more than a quota allows.
bool IsBeyond(int64_t before, int64_t added, int64_t quota) {
  return quota > 0 && added > 0 && before + added > quota;
}

}  // namespace

absl::StatusOr<std::unique_ptr<GroupUsage>> GroupUsage::Prepare(Database& db, const Room& room,
                                                                const GroupQuotas& quotas) {
  std::unique_ptr<GroupUsage> usage(new GroupUsage(room, quotas));
  RETURN_IF_ERROR(usage->PrepareAll(db));
  return usage;
}

absl::Status GroupUsage::PrepareAll(Database& db) {
  const std::pair<Statement*, absl::string_view> statements[] = {
      {&read_group_, "SELECT threads, bytes FROM group_usage WHERE group_key = ?"},
      {&add_to_group_,
       "INSERT INTO group_usage (group_key, threads, bytes) VALUES (?, ?, ?)"
       " ON CONFLICT (group_key) DO UPDATE"
       " SET threads = threads + excluded.threads, bytes = bytes + excluded.bytes"},
      {&add_to_conversation_,
       "UPDATE conversations SET threads = threads + ?, bytes = bytes + ? WHERE key = ?"},
      {&read_conversation_, "SELECT threads, bytes FROM conversations WHERE key = ?"},
      {&read_thread_, "SELECT bytes FROM threads WHERE key = ?"},
      {&add_to_thread_, "UPDATE threads SET bytes = bytes + ? WHERE key = ?"},
      {&add_to_conversation_of_thread_,
       "UPDATE conversations SET bytes = bytes + ?"
       " WHERE key = (SELECT conversation_key FROM threads WHERE key = ?)"},
      {&measure_post_,
       "SELECT coalesce(sum(length(CAST(text AS BLOB))), 0)"
       " + (SELECT coalesce(sum(size), 0) FROM attachments WHERE post_key = ?1)"
       " FROM (SELECT content AS text FROM posts WHERE key = ?1"
       "  UNION ALL SELECT name FROM post_categories WHERE post_key = ?1"
       "  UNION ALL SELECT name FROM post_participants WHERE post_key = ?1"
       "  UNION ALL SELECT address FROM post_participants WHERE post_key = ?1"
       "  UNION ALL SELECT display_name || content_type || content_id || source_url"
       "   || provider_type || permission FROM attachments WHERE post_key = ?1"
       "  UNION ALL SELECT name || content_json FROM post_extensions WHERE post_key = ?1"
       "  UNION ALL SELECT comment FROM forwards WHERE post_key = ?1"
       "  UNION ALL SELECT name FROM forwards JOIN forward_recipients"
       "   ON forward_key = forwards.key WHERE post_key = ?1"
       "  UNION ALL SELECT address FROM forwards JOIN forward_recipients"
       "   ON forward_key = forwards.key WHERE post_key = ?1)"},
      {&measure_summary_,
       "SELECT coalesce(sum(length(CAST(text AS BLOB))), 0)"
       " FROM (SELECT preview AS text FROM threads WHERE key = ?1"
       "  UNION ALL SELECT name FROM unique_senders WHERE thread_key = ?1)"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, db.Prepare(sql));
  }
  return absl::OkStatus();
}

void GroupUsage::Begin() {
  groups_.clear();
  added_bytes_ = 0;
}

absl::Status GroupUsage::Flush() {
  for (const auto& [group_key, group] : groups_) {
    if (group.added.threads == 0 && group.added.bytes == 0) continue;
    RETURN_IF_ERROR(Query(add_to_group_)
                        .Bind(group_key)
                        .Bind(group.added.threads)
                        .Bind(group.added.bytes)
                        .Run());
  }
  groups_.clear();
  return absl::OkStatus();
}

absl::Status GroupUsage::CheckFits(int64_t group_key, absl::string_view group, const Usage& added) {
  RETURN_IF_ERROR(CheckQuotas(group_key, group, added));
  return room_.Check();
}

absl::Status GroupUsage::CheckQuotas(int64_t group_key, absl::string_view group,
                                     const Usage& added) {
  if (quotas_.max_threads == 0 && quotas_.max_bytes == 0) return absl::OkStatus();
  Group& gathered = groups_[group_key];
  if (!gathered.before.has_value()) {
    ASSIGN_OR_RETURN(gathered.before, ReadBefore(group_key));
  }
  const int64_t threads = gathered.before->threads + gathered.added.threads;
  if (IsBeyond(threads, added.threads, quotas_.max_threads))
    return TooManyThreadsError(MakeGroupName(group), quotas_.max_threads);
  const int64_t bytes = gathered.before->bytes + gathered.added.bytes;
  if (IsBeyond(bytes, added.bytes, quotas_.max_bytes))
    return TooManyBytesError(MakeGroupName(group), quotas_.max_bytes);
  return absl::OkStatus();
}

void GroupUsage::AddConversation(int64_t group_key, const Usage& usage) { Add(group_key, usage); }

absl::Status GroupUsage::AddThread(int64_t group_key, int64_t conversation_key, int64_t bytes) {
  const Usage added{.threads = 1, .bytes = bytes};
  Add(group_key, added);
  return AddToConversation(conversation_key, added);
}

absl::Status GroupUsage::AddBytes(int64_t group_key, int64_t thread_key, int64_t bytes) {
  if (bytes == 0) return absl::OkStatus();
  Add(group_key, {.bytes = bytes});
  RETURN_IF_ERROR(Query(add_to_thread_).Bind(bytes).Bind(thread_key).Run());
  return Query(add_to_conversation_of_thread_).Bind(bytes).Bind(thread_key).Run();
}

absl::Status GroupUsage::RemoveThread(int64_t group_key, int64_t conversation_key,
                                      int64_t thread_key) {
  Usage removed{.threads = -1};
  {
    Query query(read_thread_);
    query.Bind(thread_key);
    ASSIGN_OR_RETURN([[maybe_unused]] const bool found, query.Step());
    removed.bytes = -query.Integer(0);
  }
  Add(group_key, removed);
  return AddToConversation(conversation_key, removed);
}

absl::Status GroupUsage::RemoveConversation(int64_t group_key, int64_t conversation_key) {
  Query query(read_conversation_);
  query.Bind(conversation_key);
  ASSIGN_OR_RETURN([[maybe_unused]] const bool found, query.Step());
  Add(group_key, {.threads = -query.Integer(0), .bytes = -query.Integer(1)});
  return absl::OkStatus();
}

absl::StatusOr<int64_t> GroupUsage::MeasurePost(int64_t post_key) {
  return Measure(measure_post_, post_key);
}

absl::StatusOr<int64_t> GroupUsage::MeasureSummary(int64_t thread_key) {
  return Measure(measure_summary_, thread_key);
}

absl::StatusOr<int64_t> GroupUsage::Measure(Statement& statement, int64_t key) {
  Query query(statement);
  query.Bind(key);
  ASSIGN_OR_RETURN([[maybe_unused]] const bool found, query.Step());
  return query.Integer(0);
}

void GroupUsage::Add(int64_t group_key, const Usage& added) {
  Usage& sum = groups_[group_key].added;
  sum.threads += added.threads;
  sum.bytes += added.bytes;
  added_bytes_ += std::max<int64_t>(added.bytes, 0);
}

absl::Status GroupUsage::AddToConversation(int64_t conversation_key, const Usage& added) {
  return Query(add_to_conversation_)
      .Bind(added.threads)
      .Bind(added.bytes)
      .Bind(conversation_key)
      .Run();
}

absl::StatusOr<Usage> GroupUsage::ReadBefore(int64_t group_key) {
  Query query(read_group_);
  query.Bind(group_key);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return Usage();
  return Usage{.threads = query.Integer(0), .bytes = query.Integer(1)};
}

}  // namespace threadstore::sqlite
