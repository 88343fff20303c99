#include "server/store/sqlite/change_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/status_macros.h"

namespace threadstore::sqlite {
namespace {

// Entries looked at in one go for one whose time is not still to come.
constexpr int64_t kLookAhead = 1000;

}  // namespace

absl::StatusOr<std::unique_ptr<ChangeLog>> ChangeLog::Prepare(Database& db, const Clock& clock,
                                                              const ChangeRetention& retention) {
  std::unique_ptr<ChangeLog> log(new ChangeLog(clock, retention));
  const std::pair<Statement*, absl::string_view> statements[] = {
      {&log->insert_,
       "INSERT INTO changes (group_key, event, changed_us, conversation_id, thread_id, post_id,"
       " forward_id, group_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"},
      {&log->read_bounds_,
       "SELECT (SELECT min(sequence) FROM changes), (SELECT max(sequence) FROM changes)"},
      {&log->find_dated_,
       "SELECT sequence, changed_us FROM changes"
       " WHERE sequence >= ? AND sequence < ? AND changed_us <= ?"
       " ORDER BY sequence LIMIT 1"},
      {&log->find_last_expired_,
       "SELECT sequence FROM changes WHERE sequence >= ? AND sequence <= ? AND changed_us < ?"
       " ORDER BY sequence DESC LIMIT 1"},
      {&log->delete_until_, "DELETE FROM changes WHERE sequence <= ?"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, db.Prepare(sql));
  }
  return log;
}

absl::Status ChangeLog::Append(int64_t group_key, const ChangeNote& note) {
  Query insert(insert_);
  insert.Bind(group_key)
      .Bind(static_cast<int64_t>(note.event))
      .Bind(absl::ToUnixMicros(clock_.Now()));
  for (const std::optional<Uuid>* id :
       {&note.conversation, &note.thread, &note.post, &note.forward}) {
    if (id->has_value()) {
      insert.BindBlob((*id)->bytes());
    } else {
      insert.BindNull();
    }
  }
  if (note.group.empty()) {
    insert.BindNull();
  } else {
    insert.BindText(note.group);
  }
  RETURN_IF_ERROR(insert.Run());
  ++appended_;
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ChangeLog::Trim(int64_t max_rows) {
  int64_t oldest = 0;
  int64_t newest = 0;
  {
    Query query(read_bounds_);
    ASSIGN_OR_RETURN([[maybe_unused]] const bool row, query.Step());
    if (query.IsNull(0)) return 0;
    oldest = query.Integer(0);
    newest = query.Integer(1);
  }
  const int64_t last = std::min({oldest + max_rows, newest, needed_from_}) - 1;
  if (last < oldest) return 0;
  ASSIGN_OR_RETURN(const int64_t last_expired, FindLastExpired(oldest, last, newest));
  const int64_t last_too_many = std::min(newest - retention_.entries, last);
  const int64_t end = std::max(last_expired, last_too_many);
  if (end < oldest) return 0;
  RETURN_IF_ERROR(Query(delete_until_).Bind(end).Run());
  return end - oldest + 1;
}

// Entries are in the order of time, whatever the clock said: one that is too old makes those before
// it so. Those whose times are still to come, because the clock was wrong, say nothing.
absl::StatusOr<int64_t> ChangeLog::FindLastExpired(int64_t oldest, int64_t last, int64_t newest) {
  const absl::Time now = clock_.Now();
  const int64_t expired_us = absl::ToUnixMicros(now - retention_.age);
  const int64_t none = oldest - 1;
  first_dated_ = std::max(first_dated_, oldest);
  {
    Query query(find_dated_);
    const int64_t end = std::min(first_dated_ + kLookAhead, newest + 1);
    query.Bind(first_dated_).Bind(end).Bind(absl::ToUnixMicros(now));
    ASSIGN_OR_RETURN(const bool found, query.Step());
    first_dated_ = found ? query.Integer(0) : end;
    if (!found || query.Integer(1) >= expired_us) return none;
  }
  if (first_dated_ >= last) return last;
  Query query(find_last_expired_);
  query.Bind(first_dated_).Bind(last).Bind(expired_us);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  return found ? query.Integer(0) : none;
}

}  // namespace threadstore::sqlite
