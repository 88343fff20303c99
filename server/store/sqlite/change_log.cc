#include "server/store/sqlite/change_log.h"

#include "absl/time/time.h"
#include "server/base/status_macros.h"

namespace threadstore::sqlite {

absl::StatusOr<std::unique_ptr<ChangeLog>> ChangeLog::Prepare(Database& db, const Clock& clock) {
  std::unique_ptr<ChangeLog> log(new ChangeLog(clock));
  ASSIGN_OR_RETURN(log->insert_, db.Prepare("INSERT INTO changes (group_key, event, changed_us,"
                                            " conversation_id, thread_id, post_id, forward_id)"
                                            " VALUES (?, ?, ?, ?, ?, ?, ?)"));
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
  return insert.Run();
}

}  // namespace threadstore::sqlite
