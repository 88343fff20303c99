#include "server/store/sqlite/exports.h"

#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/record_walk.h"
#include "server/store/sqlite/store_file.h"

namespace threadstore::sqlite {
namespace {

// An export takes minutes rather than seconds.
constexpr absl::Duration kRetryDelay = absl::Seconds(10);

}  // namespace

// Passes chunks from the thread that reads them to whoever asks for the next. Thread-safe.
class ChunkHandoff {
 public:
  using Taker = absl::AnyInvocable<void(absl::StatusOr<RecordChunk>) &&>;

  // Asks for the next chunk.
  void Take(Taker taker) {
    absl::StatusOr<RecordChunk> end = RecordChunk();
    {
      MutexLock lock(&mutex_);
      if (!end_.has_value()) {
        taker_ = std::move(taker);
        changed_.NotifyAll();
        return;
      }
      end = *std::exchange(end_, std::nullopt);
    }
    std::move(taker)(std::move(end));
  }

  // Waits until somebody asks for a chunk, and gives it. An error if nobody will.
  absl::Status Give(RecordChunk chunk) {
    std::optional<Taker> taker;
    {
      MutexLock lock(&mutex_);
      while (!taker_.has_value() && !abandoned_ && !closed_) changed_.Wait(&mutex_);
      if (abandoned_) return CancelledError();
      if (closed_) return ShuttingDownError();
      taker = std::exchange(taker_, std::nullopt);
    }
    std::move (*taker)(std::move(chunk));
    return absl::OkStatus();
  }

  // Leaves the last chunk, or an error, for whoever asks next.
  void GiveLast(absl::StatusOr<RecordChunk> end) {
    std::optional<Taker> taker;
    {
      MutexLock lock(&mutex_);
      if (!taker_.has_value()) {
        end_ = std::move(end);
        return;
      }
      taker = std::exchange(taker_, std::nullopt);
    }
    std::move (*taker)(std::move(end));
  }

  // Nobody asks any more.
  void Abandon() {
    {
      MutexLock lock(&mutex_);
      abandoned_ = true;
    }
    changed_.NotifyAll();
  }

  void Close() {
    {
      MutexLock lock(&mutex_);
      closed_ = true;
    }
    changed_.NotifyAll();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::optional<Taker> taker_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::StatusOr<RecordChunk>> end_ ABSL_GUARDED_BY(mutex_);
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

namespace {

class Export final : public RecordExport {
 public:
  // `leave` is called when nobody takes any more of it.
  Export(std::shared_ptr<ChunkHandoff> handoff, int64_t estimated_count,
         absl::AnyInvocable<void() &&> leave)
      : handoff_(std::move(handoff)), estimated_count_(estimated_count), leave_(std::move(leave)) {}
  ~Export() override {
    handoff_->Abandon();
    std::move(leave_)();
  }

  int64_t estimated_count() const override { return estimated_count_; }
  void Next(ChunkHandoff::Taker done) override { handoff_->Take(std::move(done)); }

 private:
  const std::shared_ptr<ChunkHandoff> handoff_;
  const int64_t estimated_count_;
  absl::AnyInvocable<void() &&> leave_;
};

// Gathers records into chunks.
class ChunkFiller {
 public:
  explicit ChunkFiller(ChunkHandoff& handoff) : handoff_(handoff) {}

  absl::Status Add(v1::Record record) {
    const bool is_full =
        bytes_ >= kExportMessageBytes || chunk_.records.size() >= kMaxRecordsPerMessage;
    if (is_full) {
      chunk_.has_more = true;
      RETURN_IF_ERROR(handoff_.Give(std::exchange(chunk_, RecordChunk())));
      bytes_ = 0;
    }
    bytes_ += record.ByteSizeLong();
    chunk_.records.Add(std::move(record));
    return absl::OkStatus();
  }

  RecordChunk TakeLast() { return std::move(chunk_); }

 private:
  ChunkHandoff& handoff_;
  RecordChunk chunk_;
  size_t bytes_ = 0;
};

}  // namespace

Exports::Exports(std::string path, int max_exports, const Clock& clock,
                 std::function<void(const absl::Status&)> on_error)
    : path_(std::move(path)),
      max_exports_(max_exports),
      clock_(clock),
      on_error_(std::move(on_error)),
      shares_(static_cast<size_t>(max_exports)),
      threads_(std::make_unique<Executor>("export", static_cast<size_t>(max_exports))) {}

Exports::~Exports() { Close(); }

void Exports::Open(CallContext context, std::optional<std::string> group,
                   ThreadStore::Callback<std::unique_ptr<RecordExport>> done) {
  absl::Status refusal = Start(context, group, done);
  if (!refusal.ok()) std::move(done)(std::move(refusal));
}

absl::Status Exports::Start(CallContext& context, std::optional<std::string>& group,
                            ThreadStore::Callback<std::unique_ptr<RecordExport>>& done) {
  MutexLock lock(&mutex_);
  if (closing_) return ShuttingDownError();
  const bool is_full = active_.size() >= static_cast<size_t>(max_exports_);
  if (is_full || !shares_.TryTake(context.caller)) return TooManyStreamsError(kRetryDelay);
  auto handoff = std::make_shared<ChunkHandoff>();
  active_.insert(handoff);
  ++open_;
  threads_->Add([this, handoff = std::move(handoff), context = std::move(context),
                 group = std::move(group), done = std::move(done)]() mutable {
    absl::StatusOr<RecordChunk> end = Run(context, group, handoff, done);
    --open_;
    // Before the caller hears of the end, and begins another.
    Leave(handoff, context.caller);
    if (!end.ok()) on_error_(end.status());
    // Without a snapshot there is nobody yet who could ask for chunks.
    if (done != nullptr) return std::move(done)(std::move(end).status());
    handoff->GiveLast(std::move(end));
  });
  return absl::OkStatus();
}

void Exports::Leave(const std::shared_ptr<ChunkHandoff>& handoff, uint64_t caller) {
  MutexLock lock(&mutex_);
  if (active_.erase(handoff) > 0) shares_.GiveBack(caller);
}

absl::StatusOr<RecordChunk> Exports::Run(
    const CallContext& context, const std::optional<std::string>& group,
    const std::shared_ptr<ChunkHandoff>& handoff,
    ThreadStore::Callback<std::unique_ptr<RecordExport>>& done) {
  RETURN_IF_ERROR(CheckWanted(context, clock_.Now()));
  ASSIGN_OR_RETURN(const std::unique_ptr<Database> db, OpenForReading(path_));
  ASSIGN_OR_RETURN(const std::unique_ptr<ReadQueries> reads, ReadQueries::Prepare(*db));
  ASSIGN_OR_RETURN(const std::unique_ptr<PostQueries> posts, PostQueries::Prepare(*db, *reads));
  ASSIGN_OR_RETURN(const std::unique_ptr<RecordWalk> walk,
                   RecordWalk::Prepare(*db, *reads, *posts));
  ASSIGN_OR_RETURN(Transaction snapshot, Transaction::BeginRead(*db));
  ASSIGN_OR_RETURN(const int64_t estimated_count, walk->EstimateCount(group));
  std::move(done)(std::make_unique<Export>(
      handoff, estimated_count,
      [this, handoff, caller = context.caller] { Leave(handoff, caller); }));
  done = nullptr;
  ChunkFiller chunks(*handoff);
  RETURN_IF_ERROR(
      walk->Run(group, [&chunks](v1::Record record) { return chunks.Add(std::move(record)); }));
  RETURN_IF_ERROR(snapshot.Commit());
  return chunks.TakeLast();
}

void Exports::Close() {
  {
    MutexLock lock(&mutex_);
    closing_ = true;
    for (const std::shared_ptr<ChunkHandoff>& handoff : active_) handoff->Close();
  }
  threads_.reset();
}

}  // namespace threadstore::sqlite
