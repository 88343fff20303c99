#include "server/store/sqlite/search_indexer.h"

#include <algorithm>
#include <future>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/base/thread_name.h"
#include "server/domain/words.h"
#include "server/telemetry/log.h"

namespace threadstore::sqlite {
namespace {

// For a search that finds no place to wait in.
constexpr absl::Duration kQueueRetryDelay = absl::Milliseconds(100);

// After a failure, such as a full disk.
constexpr absl::Duration kRetryPause = absl::Seconds(1);

// How often the same trouble is logged at most.
constexpr absl::Duration kLogInterval = absl::Seconds(10);

class IndexWrite final : public Write {
 public:
  IndexWrite(std::vector<SearchDocument> documents, const SearchState& after,
             std::promise<absl::Status> outcome)
      : documents_(std::move(documents)), after_(after), outcome_(std::move(outcome)) {}

  const CallContext& context() const override { return context_; }
  absl::Status Apply(WriteQueries& queries) override {
    return queries.search_index().Add(documents_, after_);
  }
  void Finish(absl::Status outcome) override { outcome_.set_value(std::move(outcome)); }

 private:
  const CallContext context_;
  const std::vector<SearchDocument> documents_;
  const SearchState after_;
  std::promise<absl::Status> outcome_;
};

SearchDocument MakeDocument(const SearchText& text) {
  SearchDocument document;
  document.group_key = text.group_key;
  document.thread_key = text.thread_key;
  document.post_key = text.post_key;
  document.id = text.id;
  document.time_us = text.time_us;
  document.topic_words = WordsOf(text.topic);
  document.body_words = WordsOfBody(text.content_type, text.content);
  return document;
}

}  // namespace

SearchIndexer::SearchIndexer(std::unique_ptr<Database> db, std::unique_ptr<SearchSource> source,
                             Options options, const Clock& clock)
    : db_(std::move(db)),
      source_(std::move(source)),
      options_(options),
      clock_(clock),
      shares_(options.queue_capacity) {}

SearchIndexer::~SearchIndexer() { Close(); }

void SearchIndexer::Start(Writer& writer) {
  writer_ = &writer;
  // What a process before has left.
  NoteCommit();
  thread_ = std::thread([this] {
    SetThreadName("indexer");
    Run();
  });
}

void SearchIndexer::NoteCommit() {
  {
    MutexLock lock(&mutex_);
    if (changed_at_ != absl::InfiniteFuture()) return;
    changed_at_ = absl::Now();
  }
  changed_or_closing_.NotifyOne();
}

void SearchIndexer::Await(CallContext context, int64_t sequence, Resume resume) {
  const absl::Duration left = context.deadline - clock_.Now();
  const absl::Time give_up = absl::Now() + std::min(options_.max_wait, left);
  Waiting waiting{std::move(context), sequence, give_up, std::move(resume)};
  absl::Status accepted = Enqueue(waiting);
  if (accepted.ok()) {
    changed_or_closing_.NotifyOne();
  } else {
    std::move(waiting.resume)(std::move(accepted));
  }
}

absl::Status SearchIndexer::Enqueue(Waiting& waiting) {
  MutexLock lock(&mutex_);
  if (closing_) return ShuttingDownError();
  if (waiting_.size() >= options_.queue_capacity || !shares_.TryTake(waiting.context.caller)) {
    return QueueFullError(kQueueRetryDelay);
  }
  waiting_.push_back(std::move(waiting));
  // The writer may not have told of the commit yet.
  changed_at_ = std::min(changed_at_, absl::Now());
  return absl::OkStatus();
}

void SearchIndexer::Close() {
  {
    MutexLock lock(&mutex_);
    closing_ = true;
  }
  changed_or_closing_.NotifyOne();
  if (thread_.joinable()) thread_.join();
  std::vector<Waiting> left;
  {
    MutexLock lock(&mutex_);
    left.swap(waiting_);
  }
  for (Waiting& waiting : left) std::move(waiting.resume)(ShuttingDownError());
  source_.reset();
  db_.reset();
}

void SearchIndexer::Run() {
  while (AwaitWork()) {
    const absl::StatusOr<SearchState> state = IndexBatch();
    if (!state.ok()) {
      has_more_ = true;
      retry_at_ = absl::Now() + kRetryPause;
      Log(state.status());
    }
    ResumeSearches(state);
  }
}

bool SearchIndexer::AwaitWork() {
  MutexLock lock(&mutex_);
  while (!closing_) {
    const absl::Time now = absl::Now();
    const absl::Time next = NextEvent(now);
    if (next <= now) break;
    changed_or_closing_.WaitFor(&mutex_, next - now);
  }
  changed_at_ = absl::InfiniteFuture();
  return !closing_;
}

absl::Time SearchIndexer::NextEvent(absl::Time now) const {
  absl::Time next =
      has_more_ ? now : changed_at_ + (waiting_.empty() ? options_.delay : absl::Duration());
  next = std::max(next, retry_at_);
  for (const Waiting& waiting : waiting_) next = std::min(next, waiting.give_up);
  return next;
}

absl::StatusOr<SearchState> SearchIndexer::IndexBatch() {
  ASSIGN_OR_RETURN(const SearchBatch batch, ReadBatch());
  std::vector<SearchDocument> documents;
  documents.reserve(batch.texts.size());
  for (const SearchText& text : batch.texts) documents.push_back(MakeDocument(text));
  if (batch.after != batch.before) RETURN_IF_ERROR(Write(std::move(documents), batch.after));
  has_more_ = !batch.is_last;
  return batch.after;
}

absl::StatusOr<SearchBatch> SearchIndexer::ReadBatch() {
  ASSIGN_OR_RETURN(Transaction snapshot, Transaction::BeginRead(*db_));
  ASSIGN_OR_RETURN(SearchBatch batch, source_->ReadBatch());
  RETURN_IF_ERROR(snapshot.Commit());
  return batch;
}

absl::Status SearchIndexer::Write(std::vector<SearchDocument> documents, const SearchState& after) {
  std::promise<absl::Status> promise;
  std::future<absl::Status> outcome = promise.get_future();
  writer_->SubmitOwn(std::make_unique<IndexWrite>(std::move(documents), after, std::move(promise)));
  return outcome.get();
}

void SearchIndexer::ResumeSearches(const absl::StatusOr<SearchState>& state) {
  const absl::Time now = absl::Now();
  const auto has_all = [&](const Waiting& waiting) {
    return state.ok() && state->Has(waiting.sequence);
  };
  std::vector<Waiting> ended;
  {
    MutexLock lock(&mutex_);
    const auto first_ended = std::stable_partition(
        waiting_.begin(), waiting_.end(),
        [&](const Waiting& waiting) { return !has_all(waiting) && now < waiting.give_up; });
    ended.assign(std::make_move_iterator(first_ended), std::make_move_iterator(waiting_.end()));
    waiting_.erase(first_ended, waiting_.end());
    for (const Waiting& waiting : ended) shares_.GiveBack(waiting.context.caller);
  }
  for (Waiting& waiting : ended) {
    absl::Status outcome = CheckWanted(waiting.context, clock_.Now());
    if (outcome.ok() && !has_all(waiting)) outcome = SearchIndexBehindError(kRetryPause);
    std::move(waiting.resume)(std::move(outcome));
  }
}

void SearchIndexer::Log(const absl::Status& status) {
  if (absl::IsDataLoss(status)) return writer_->Fail(status);
  const absl::Time now = absl::Now();
  // The writer has told of the others.
  const bool is_news = ErrorReasonOf(status) == v1::ERROR_REASON_UNSPECIFIED;
  if (!is_news || now - last_log_ < kLogInterval) return;
  last_log_ = now;
  log::Error("indexing failed", {{"error", std::string(status.message())}});
}

}  // namespace threadstore::sqlite
