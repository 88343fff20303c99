#include "server/store/sqlite/writer.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/base/thread_name.h"
#include "server/telemetry/log.h"

namespace threadstore::sqlite {
namespace {

// Bounds how long the first write of a group waits for the last, and the memory of a
// transaction. Past a few hundred the fsync is a small part of a group's time.
constexpr size_t kMaxGroupSize = 1024;

// From 256 MiB on a checkpoint also waits, for at most the connection's busy timeout, for
// readers that keep the log from starting over.
constexpr int kTruncateFrames = 65536;

// With each group the writer also removes rows that nothing needs any more. Of requests and changes
// twice as many as the group may have added, so that no more are kept than should be. Of what is
// deleted, whose rows only take up space, so little that nobody notices; but the longer there is no
// end of it, the more: a share of what the group has written, which grows by one with each
// kCostPerPurgeShare that is written, up to twice as much. Otherwise whoever deletes all that is
// written would fill the disk with what counts against no quota. So of what is deleted one by one,
// and costs no more to remove than to write, about half of kCostPerPurgeShare waits at most: 4,000
// rows, or 16 MiB of content. A group that writes little, as one of refused writes does, is taken
// for one of kPurgedRowsAtOnce, since it must not keep what is deleted for ever.
constexpr int64_t kPurgedRequestsPerWrite = 2;
constexpr int64_t kTrimmedPerChange = 2;
constexpr int64_t kMinTrimmedChanges = 16;
constexpr int64_t kMinPurgeCost = 4;
constexpr int64_t kMaxPurgeShare = 2;
constexpr int64_t kCostPerPurgeShare = 8192;

// With nothing else to do it removes rows in transactions of this length, so that a write that
// comes meanwhile does not wait long.
constexpr absl::Duration kPurgeStepTime = absl::Microseconds(500);
constexpr int64_t kPurgedRowsAtOnce = 32;

// How long the writer waits for work before it looks for rows to remove.
constexpr absl::Duration kIdleInterval = absl::Seconds(1);

// The same when it knows of some: longer than callers who write one after the other pause.
constexpr absl::Duration kPurgePause = absl::Milliseconds(5);

constexpr absl::Duration kMinRetryDelay = absl::Milliseconds(10);
constexpr absl::Duration kMaxRetryDelay = absl::Seconds(30);
constexpr absl::Duration kInitialTimePerWrite = absl::Microseconds(100);

// How often the same trouble is logged at most.
constexpr absl::Duration kLogInterval = absl::Seconds(10);

bool IsFatal(const absl::Status& status) { return absl::IsDataLoss(status); }

bool IsStoreFull(const absl::Status& status) {
  return ErrorReasonOf(status) == v1::ERROR_REASON_STORE_FULL;
}

}  // namespace

Writer::Writer(std::unique_ptr<Database> db, std::unique_ptr<WriteQueries> queries, Options options,
               const Clock& clock, Executor& completions)
    : db_(std::move(db)),
      queries_(std::move(queries)),
      next_checkpoint_frames_(options.checkpoint_frames),
      options_(std::move(options)),
      clock_(clock),
      completions_(completions),
      shares_(options_.queue_capacity),
      time_per_write_(kInitialTimePerWrite) {
  thread_ = std::thread([this] {
    SetThreadName("writer");
    Run();
  });
}

Writer::~Writer() { Close(); }

void Writer::Submit(std::unique_ptr<Write> write) {
  SubmitTo(options_.queue_capacity, std::move(write));
}

void Writer::SubmitOwn(std::unique_ptr<Write> write) {
  SubmitTo(std::numeric_limits<size_t>::max(), std::move(write));
}

void Writer::SubmitTo(size_t capacity, std::unique_ptr<Write> write) {
  absl::Status accepted = Enqueue(write, capacity);
  if (accepted.ok()) {
    not_empty_.NotifyOne();
  } else {
    write->Finish(std::move(accepted));
  }
}

absl::Status Writer::Enqueue(std::unique_ptr<Write>& write, size_t capacity) {
  MutexLock lock(&mutex_);
  if (closing_) return ShuttingDownError();
  if (failed_) return StoreFailedError();
  if (queue_.size() >= capacity || !shares_.TryTake(write->context().caller)) {
    return QueueFullError(RetryDelay());
  }
  queue_.push_back(std::move(write));
  return absl::OkStatus();
}

void Writer::Close() {
  {
    MutexLock lock(&mutex_);
    closing_ = true;
  }
  not_empty_.NotifyOne();
  if (thread_.joinable()) thread_.join();
}

void Writer::Fail(const absl::Status& cause) {
  {
    MutexLock lock(&mutex_);
    if (failed_) return;
    failed_ = true;
  }
  log::Error("store failed", {{"error", std::string(cause.message())}});
  options_.on_failure(cause);
}

absl::Status Writer::FailIfFatal(const absl::Status& status) {
  if (!IsFatal(status)) return status;
  Fail(status);
  return StoreFailedError();
}

void Writer::LogOrFail(absl::string_view work, const absl::Status& status) {
  if (FailIfFatal(status) != status) return;
  const absl::Time now = absl::Now();
  if (now - last_maintenance_log_ < kLogInterval) return;
  last_maintenance_log_ = now;
  log::Error("maintenance failed",
             {{"work", std::string(work)}, {"error", std::string(status.message())}});
}

void Writer::Run() {
  while (true) {
    Group group = TakeGroup();
    if (!group.empty()) {
      DoGroup(std::move(group));
      CheckpointIfDue();
      continue;
    }
    {
      MutexLock lock(&mutex_);
      if (closing_ && queue_.empty()) break;
    }
    PurgeWhenIdle();
    CheckpointIfDue();
  }
}

// Empty when nothing came for the idle interval, when there is more to purge, or when the
// writer closes.
Writer::Group Writer::TakeGroup() {
  MutexLock lock(&mutex_);
  const absl::Duration idle_interval = more_to_purge_ ? kPurgePause : kIdleInterval;
  while (queue_.empty() && !closing_ && !(more_to_purge_ && is_idle_)) {
    if (!not_empty_.WaitFor(&mutex_, idle_interval)) break;
  }
  is_idle_ = queue_.empty();
  const auto end = queue_.begin() + static_cast<ptrdiff_t>(std::min(queue_.size(), kMaxGroupSize));
  Group group(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
  for (const std::unique_ptr<Write>& write : group) shares_.GiveBack(write->context().caller);
  return group;
}

void Writer::DoGroup(Group group) {
  const absl::Time begin = absl::Now();
  std::vector<Outcome> outcomes(group.size());
  const absl::Status committed = CommitGroup(group, outcomes);
  std::vector<Executor::Task> completions;
  completions.reserve(group.size());
  for (size_t i = 0; i < group.size(); ++i) {
    // A refusal holds only if what it was decided on has been committed.
    absl::Status outcome = committed.ok() ? std::move(outcomes[i].status) : DeepCopy(committed);
    completions.push_back([write = std::move(group[i]), outcome = std::move(outcome)]() mutable {
      write->Finish(std::move(outcome));
    });
  }
  const absl::Duration spent = (absl::Now() - begin) / static_cast<int64_t>(completions.size());
  {
    MutexLock lock(&mutex_);
    time_per_write_ += (spent - time_per_write_) / 8;
  }
  completions_.AddAll(completions);
  if (committed.ok()) TellOfChanges();
}

void Writer::TellOfChanges() {
  const uint64_t appended = queries_->changes().appended();
  if (std::exchange(told_changes_, appended) != appended) options_.on_changes();
}

absl::Status Writer::CommitGroup(const Group& group, std::vector<Outcome>& outcomes) {
  {
    MutexLock lock(&mutex_);
    if (failed_) return StoreFailedError();
  }
  RETURN_IF_ERROR(CheckFiles());
  absl::Status status = TryGroup(group, /*deletions_only=*/false, outcomes);
  if (status.ok()) LogRoom(queries_->room().is_left());
  if (!IsStoreFull(status)) return status;
  LogRoom(false);
  // A log whose content has been moved starts over, in the space that it has.
  Checkpoint(/*truncate=*/false);
  return TryGroup(group, /*deletions_only=*/true, outcomes);
}

absl::Status Writer::TryGroup(const Group& group, bool deletions_only,
                              std::vector<Outcome>& outcomes) {
  while (true) {
    absl::StatusOr<Transaction> transaction = Transaction::Begin(*db_);
    if (!transaction.ok()) return FailIfFatal(transaction.status());
    absl::StatusOr<bool> has_room = deletions_only ? false : HasRoom();
    if (!has_room.ok()) return FailIfFatal(has_room.status());
    queries_->room().Set(*has_room);
    queries_->usage().Begin();
    const Start start{db_->total_changes(), queries_->changes().appended()};
    const absl::StatusOr<bool> applied = ApplyAll(group, outcomes);
    if (!applied.ok()) return FailIfFatal(applied.status());
    if (!*applied) continue;
    const absl::Status flushed = queries_->usage().Flush();
    if (!flushed.ok()) return FailIfFatal(flushed);
    // What is purged takes space in the log, which the deletions need more.
    absl::StatusOr<int64_t> purged = written_since_purged_;
    if (!deletions_only) purged = PurgeBeside(group.size(), start);
    if (!purged.ok()) return FailIfFatal(purged.status());
    absl::Status committed = transaction->Commit();
    if (committed.ok()) written_since_purged_ = *purged;
    if (committed.ok() || IsStoreFull(committed)) return committed;
    // After a failed fsync nobody knows what is on disk.
    Fail(committed);
    return WriteOutcomeUnknownError();
  }
}

absl::StatusOr<bool> Writer::ApplyAll(const Group& group, std::vector<Outcome>& outcomes) {
  for (size_t i = 0; i < group.size(); ++i) {
    Outcome& outcome = outcomes[i];
    if (outcome.left_out) continue;
    outcome.status = CheckWanted(group[i]->context(), clock_.Now());
    if (!outcome.status.ok()) continue;
    const int64_t changes_before = db_->total_changes();
    outcome.status = group[i]->Apply(*queries_);
    if (outcome.status.ok()) continue;
    // Some errors end the transaction. Without room a refusal for want of it is the write's own.
    const bool ends_group = IsFatal(outcome.status) || !db_->in_transaction() ||
                            (queries_->room().is_left() && IsStoreFull(outcome.status));
    if (ends_group) return outcome.status;
    if (db_->total_changes() != changes_before) {
      outcome.left_out = true;
      return false;
    }
  }
  return true;
}

absl::Status Writer::CheckFiles() { return FailIfFatal(db_->CheckFiles()); }

absl::StatusOr<bool> Writer::HasRoom() {
  int64_t room = options_.free_space();
  if (room < options_.disk_reserve) {
    ASSIGN_OR_RETURN(const int64_t in_file, db_->FreeBytes());
    room += in_file;
  }
  return room >= options_.disk_reserve;
}

void Writer::LogRoom(bool has_room) {
  if (has_room == logged_room_) return;
  const absl::Time now = absl::Now();
  if (now - last_room_log_ < kLogInterval) return;
  last_room_log_ = now;
  logged_room_ = has_room;
  if (has_room) {
    log::Info("disk has room again");
  } else {
    log::Error("disk full, writes are refused", {{"disk_reserve", options_.disk_reserve}});
  }
}

void Writer::PurgeWhenIdle() {
  more_to_purge_ = false;
  {
    MutexLock lock(&mutex_);
    if (failed_) return;
  }
  if (!CheckFiles().ok()) return;
  const absl::StatusOr<bool> more = PurgeStep();
  if (!more.ok()) return LogOrFail("purge", more.status());
  more_to_purge_ = *more;
  if (!*more) written_since_purged_ = 0;
}

absl::StatusOr<int64_t> Writer::PurgeBeside(size_t group_size, const Start& start) {
  int64_t written = kPurgedRowsAtOnce;
  // Without room a large commit would fail, and be tried again with each group.
  if (queries_->room().is_left()) {
    written = std::max(written, PurgeQueries::CostOf(db_->total_changes() - start.rows,
                                                     queries_->usage().added_bytes()));
  }
  const int64_t written_since = written_since_purged_ + written;
  const int64_t paced = std::min(written_since, kMaxPurgeShare * kCostPerPurgeShare);
  const int64_t max_cost = std::max(kMinPurgeCost, written * paced / kCostPerPurgeShare);
  ASSIGN_OR_RETURN(const int64_t cost, queries_->purges().PurgeDeleted(max_cost));
  RETURN_IF_ERROR(
      queries_->past_requests()
          .Purge(clock_.Now(), kPurgedRequestsPerWrite * static_cast<int64_t>(group_size))
          .status());
  // What was purged has been noted, too.
  const auto changes = static_cast<int64_t>(queries_->changes().appended() - start.changes);
  RETURN_IF_ERROR(
      queries_->TrimChanges(std::max(kMinTrimmedChanges, kTrimmedPerChange * changes)).status());
  if (cost < max_cost) return 0;
  more_to_purge_ = true;
  return written_since;
}

absl::StatusOr<bool> Writer::PurgeStep() {
  const absl::Time end = absl::Now() + kPurgeStepTime;
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  bool more = true;
  while (more && absl::Now() < end) {
    ASSIGN_OR_RETURN(const int64_t requests,
                     queries_->past_requests().Purge(clock_.Now(), kPurgedRowsAtOnce));
    ASSIGN_OR_RETURN(const int64_t rows, queries_->purges().PurgeDeleted(kPurgedRowsAtOnce));
    ASSIGN_OR_RETURN(const int64_t changes, queries_->TrimChanges(kPurgedRowsAtOnce));
    more =
        requests >= kPurgedRowsAtOnce || changes >= kPurgedRowsAtOnce || rows >= kPurgedRowsAtOnce;
  }
  RETURN_IF_ERROR(transaction.Commit());
  TellOfChanges();
  return more;
}

void Writer::CheckpointIfDue() {
  {
    MutexLock lock(&mutex_);
    if (failed_) return;
  }
  const int frames = db_->wal_frames();
  const bool started_over = frames < last_wal_frames_;
  if (started_over) next_checkpoint_frames_ = options_.checkpoint_frames;
  last_wal_frames_ = frames;
  if (frames < next_checkpoint_frames_) return;
  next_checkpoint_frames_ = frames + options_.checkpoint_frames;
  // To wait for a reader that is going to keep its snapshot would be in vain.
  Checkpoint(/*truncate=*/frames >= kTruncateFrames && !options_.is_snapshot_held());
}

void Writer::Checkpoint(bool truncate) {
  const absl::Status status = db_->Checkpoint(truncate);
  if (!status.ok()) LogOrFail("checkpoint", status);
}

absl::Duration Writer::RetryDelay() const {
  const absl::Duration wait = time_per_write_ * static_cast<int64_t>(queue_.size());
  return std::clamp(wait, kMinRetryDelay, kMaxRetryDelay);
}

}  // namespace threadstore::sqlite
