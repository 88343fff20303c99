#ifndef THREADSTORE_SERVER_STORE_SQLITE_WRITER_H_
#define THREADSTORE_SERVER_STORE_SQLITE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/executor.h"
#include "server/base/mutex.h"
#include "server/base/shares.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/write_queries.h"
#include "server/store/thread_store.h"

namespace threadstore::sqlite {

// One write, waiting for its transaction.
class Write {
 public:
  virtual ~Write() = default;

  virtual const CallContext& context() const = 0;

  // Does the work inside a transaction. May be called again after a rollback.
  virtual absl::Status Apply(WriteQueries& queries) = 0;

  // Tells the caller the outcome; OK means that what Apply did last is on disk. Called once.
  virtual void Finish(absl::Status outcome) = 0;
};

// Owns the one connection that writes, and the thread it belongs to. Writes that wait, up to
// a thousand, are done in one transaction, so that they share one fsync; then all their callers are
// told, on the executor. A write that fails by its contract does not disturb the others.
//
// This connection is also the only one that checkpoints. SQLite before 3.51.3 can lose commits
// if one connection checkpoints while another commits ("WAL-reset" bug), so there must never be
// a second one that does either.
//
// Thread-safe.
class Writer {
 public:
  struct Options {
    // Writes that may wait, half of them for one caller; one more is refused with QUEUE_FULL.
    size_t queue_capacity = 0;

    // Frames (4 KiB pages) in the log between checkpoints.
    int checkpoint_frames = 0;

    // With less space than this, in bytes, writes are refused with STORE_FULL, except those that
    // only delete. Space is what `free_space` says of the disk, and what lies unused in the file.
    int64_t disk_reserve = 0;
    std::function<int64_t()> free_space;

    // Called on the writer's thread after a commit that has noted changes; must not block.
    std::function<void()> on_changes;

    // Tells whether a reader keeps its snapshot for long: the log cannot be cut then.
    std::function<bool()> is_snapshot_held;

    // Called once, from the writer's thread or that of Fail, when the store can no longer be
    // trusted to keep what it is given: a failed fsync, an I/O error or corruption.
    std::function<void(const absl::Status& cause)> on_failure;
  };

  // `db` is in WAL mode and migrated. The clock and the executor must outlive the writer.
  Writer(std::unique_ptr<Database> db, std::unique_ptr<WriteQueries> queries, Options options,
         const Clock& clock, Executor& completions);

  // As Close.
  ~Writer();

  // Refused writes are finished before this returns, on the calling thread.
  void Submit(std::unique_ptr<Write> write);

  // Likewise, for the store's own work, which is not refused while callers fill the queue. Whoever
  // does it has few that wait.
  void SubmitOwn(std::unique_ptr<Write> write);

  // Refuses further writes, does those that wait, and ends the thread. Their callers have been
  // handed to the executor when this returns.
  void Close();

  // Makes the writer refuse what comes from now on, as after a failure of its own. For readers
  // that find the file corrupt.
  void Fail(const absl::Status& cause);

 private:
  using Group = std::vector<std::unique_ptr<Write>>;

  // What became of a write. One that is left out failed after it had changed rows: the
  // transaction was rolled back and begun anew without it.
  struct Outcome {
    absl::Status status;
    bool left_out = false;
  };

  // Takes `write` if it is accepted: if less than `capacity` wait.
  absl::Status Enqueue(std::unique_ptr<Write>& write, size_t capacity);
  void SubmitTo(size_t capacity, std::unique_ptr<Write> write);

  void Run();
  Group TakeGroup();
  void DoGroup(Group group);

  // Runs the group's writes in one transaction and commits it; without enough space, those of them
  // that only delete. If it fails, the status is the outcome of every write, refused ones too: what
  // they were refused for may not have come to be.
  absl::Status CommitGroup(const Group& group, std::vector<Outcome>& outcomes);

  // One try of it. STORE_FULL if it does not fit; with `deletions_only` it does not try more.
  absl::Status TryGroup(const Group& group, bool deletions_only, std::vector<Outcome>& outcomes);

  // Applies the writes that are not left out. Returns false if one of them has to be, and the
  // transaction begun anew; an error if the transaction cannot succeed at all.
  absl::StatusOr<bool> ApplyAll(const Group& group, std::vector<Outcome>& outcomes);

  // Tells of changes that have been committed.
  void TellOfChanges();

  // Fails the store if its file or its log has been deleted, replaced or cut: writes would be lost.
  absl::Status CheckFiles();

  // Whether there is more space than the reserve, or an error. Inside a transaction.
  absl::StatusOr<bool> HasRoom();

  // Tells the operator when a group did not fit, or one has been written again. Space may come and
  // go: not too often.
  void LogRoom(bool has_room);

  void PurgeWhenIdle();

  // How many rows had been written, and changes noted, when a transaction began.
  struct Start {
    int64_t rows;
    uint64_t changes;
  };

  // Removes rows that nothing needs any more, beside the writes of a group, in proportion to what
  // they have written. Returns what written_since_purged_ is when this has been committed.
  absl::StatusOr<int64_t> PurgeBeside(size_t group_size, const Start& start);

  // Does so in a transaction of its own. Returns whether there are more.
  absl::StatusOr<bool> PurgeStep();
  void CheckpointIfDue();
  void Checkpoint(bool truncate);

  // The status to answer with: if the file cannot be trusted any more, fails the store.
  absl::Status FailIfFatal(const absl::Status& status);
  void LogOrFail(absl::string_view work, const absl::Status& status);

  absl::Duration RetryDelay() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The writer's thread only.
  const std::unique_ptr<Database> db_;
  const std::unique_ptr<WriteQueries> queries_;
  int last_wal_frames_ = 0;
  int next_checkpoint_frames_;
  uint64_t told_changes_ = 0;
  bool more_to_purge_ = true;         // Until it has been looked for.
  int64_t written_since_purged_ = 0;  // Its cost, since nothing was left to purge.
  bool is_idle_ = false;              // Whether there was nothing to write the last time.
  bool logged_room_ = true;
  absl::Time last_room_log_ = absl::InfinitePast();
  absl::Time last_maintenance_log_ = absl::InfinitePast();

  const Options options_;
  const Clock& clock_;
  Executor& completions_;

  Mutex mutex_;
  CondVar not_empty_;
  std::deque<std::unique_ptr<Write>> queue_ ABSL_GUARDED_BY(mutex_);
  Shares shares_ ABSL_GUARDED_BY(mutex_);  // Of the queue.
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration time_per_write_ ABSL_GUARDED_BY(mutex_);  // A moving average.
  std::thread thread_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_WRITER_H_
