#include <algorithm>
#include <deque>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/connection.h"
#include "client/stream.h"
#include "server/base/mutex.h"
#include "server/base/status_macros.h"

namespace threadstore {
namespace {

using Request = v1::ImportThreadsRequest;
using Response = v1::ImportThreadsResponse;

// What a request may hold, of records.
constexpr size_t kMaxBatchRecords = 1000;

// Large enough that messages cost little, small enough that some are on their way at any time.
constexpr size_t kBatchBytes = size_t{512} << 10;

absl::Status WrongAnswer() {
  return absl::InternalError("the server has answered for records that it was not sent");
}

// One call, whose answers a thread of its own collects.
class ImportStream {
 public:
  ImportStream(Cancellation* cancellation, const std::function<void(grpc::ClientContext*)>& prepare,
               v1::AdminService::Stub& stub)
      : context_(cancellation) {
    prepare(context_.get());
    stream_ = stub.ImportThreads(context_.get());
    reader_ = std::thread([this] { ReadAnswers(); });
  }

  ~ImportStream() {
    if (!reader_.joinable()) return;
    context_.get()->TryCancel();
    Finish().IgnoreError();
  }

  ImportStream(const ImportStream&) = delete;
  ImportStream& operator=(const ImportStream&) = delete;

  // Returns false if the stream has ended.
  bool Write(const Request& request) { return stream_->Write(request); }
  void WritesDone() { stream_->WritesDone(); }

  // Moves the answers so far to `answers`, if it is to `wait` at least one; returns false if there
  // will be no more.
  bool Take(bool wait, std::vector<Response>* answers) {
    MutexLock lock(&mutex_);
    while (wait && answers_.empty() && !has_ended_) changed_.Wait(&mutex_);
    answers->swap(answers_);
    answers_.clear();
    return !has_ended_;
  }

  // How the call has ended; waits for it. Once only, after what is to be taken.
  absl::Status Finish() {
    reader_.join();
    return ToStatus(stream_->Finish());
  }

 private:
  void ReadAnswers() {
    Response answer;
    while (stream_->Read(&answer)) {
      MutexLock lock(&mutex_);
      answers_.push_back(std::move(answer));
      changed_.NotifyAll();
    }
    MutexLock lock(&mutex_);
    has_ended_ = true;
    changed_.NotifyAll();
  }

  StreamContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream_;
  std::thread reader_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<Response> answers_ ABSL_GUARDED_BY(mutex_);
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

class ThreadImport::Session {
 public:
  Session(ThreadClient& client, Options options)
      : connection_(*client.connection_), options_(std::move(options)), retries_(options_.stream) {}

  const Totals& totals() const { return totals_; }

  int64_t FirstUnacknowledged(int64_t otherwise) const {
    return waiting_.empty() ? otherwise : waiting_.front().number;
  }

  absl::Status Add(v1::Record record, int64_t number) {
    RETURN_IF_ERROR(failure_);
    const size_t bytes = record.ByteSizeLong();
    if (bytes > kMaxRecordBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("is ", bytes, " bytes large; a record has at most ", kMaxRecordBytes));
    }
    waiting_.push_back({std::move(record), bytes, number, /*was_sent_before=*/false});
    waiting_bytes_ += bytes;
    unsent_bytes_ += bytes;
    return failure_ = MakeRoom();
  }

  absl::StatusOr<Totals> Finish() {
    RETURN_IF_ERROR(failure_);
    failure_ = SendRest();
    RETURN_IF_ERROR(failure_);
    failure_ = absl::FailedPreconditionError("the import is finished");
    return totals_;
  }

 private:
  struct Waiting {
    v1::Record record;
    size_t bytes;
    int64_t number;
    bool was_sent_before;  // on a stream that has broken
  };

  bool IsFull() const {
    return !waiting_.empty() && (waiting_.size() >= options_.max_unacknowledged ||
                                 waiting_bytes_ >= options_.max_unacknowledged_bytes);
  }

  bool HasUnsent() const { return sent_ < waiting_.size(); }

  bool HasFullBatch() const {
    return waiting_.size() - sent_ >= kMaxBatchRecords || unsent_bytes_ >= kBatchBytes;
  }

  absl::Status MakeRoom() {
    RETURN_IF_ERROR(TakeAnswers(/*wait=*/false));
    while (HasFullBatch() || IsFull()) {
      RETURN_IF_ERROR(HasUnsent() ? SendBatch() : TakeAnswers(/*wait=*/true));
    }
    return absl::OkStatus();
  }

  absl::Status SendRest() {
    while (HasUnsent() || stream_ != nullptr) {
      while (HasUnsent()) RETURN_IF_ERROR(SendBatch());
      if (stream_ == nullptr) continue;
      stream_->WritesDone();
      RETURN_IF_ERROR(EndStream());
    }
    return absl::OkStatus();
  }

  // Sends some of those that are not sent, or if the stream has ended begins another.
  absl::Status SendBatch() {
    if (stream_ == nullptr) {
      stream_ = std::make_unique<ImportStream>(
          options_.stream.cancellation,
          [this](grpc::ClientContext* context) { connection_.PrepareStream(context); },
          connection_.stub<v1::AdminService::Stub>());
      answered_.Clear();
    }
    Request batch;
    size_t bytes = 0;
    size_t end = sent_;
    while (end < waiting_.size() && end - sent_ < kMaxBatchRecords &&
           (end == sent_ || bytes + waiting_[end].bytes <= kBatchBytes)) {
      *batch.add_records() = waiting_[end].record;
      bytes += waiting_[end++].bytes;
    }
    if (!stream_->Write(batch)) return EndStream();
    sent_ = end;
    unsent_bytes_ -= bytes;
    return absl::OkStatus();
  }

  absl::Status TakeAnswers(bool wait) {
    if (stream_ == nullptr) return absl::OkStatus();
    std::vector<Response> answers;
    const bool goes_on = stream_->Take(wait, &answers);
    for (const Response& answer : answers) RETURN_IF_ERROR(TakeAnswer(answer));
    return goes_on ? absl::OkStatus() : EndStream();
  }

  // Takes the answers until the stream ends. If something is not acknowledged then, waits until it
  // can be sent again.
  absl::Status EndStream() {
    std::vector<Response> answers;
    for (bool goes_on = true; goes_on;) {
      goes_on = stream_->Take(/*wait=*/true, &answers);
      for (const Response& answer : answers) RETURN_IF_ERROR(TakeAnswer(answer));
      answers.clear();
    }
    absl::Status ended = stream_->Finish();
    stream_.reset();
    for (size_t i = 0; i < sent_; ++i) waiting_[i].was_sent_before = true;
    sent_ = 0;
    unsent_bytes_ = waiting_bytes_;
    if (waiting_.empty()) return absl::OkStatus();
    if (ended.ok()) ended = absl::UnavailableError("the server has ended the import");
    return retries_.AwaitNext(ended);
  }

  absl::Status TakeAnswer(const Response& answer) {
    const int64_t count = answer.acknowledged_count() - answered_.acknowledged_count();
    if (count < 0 || count > static_cast<int64_t>(sent_)) return WrongAnswer();
    for (const v1::ImportRefusal& refusal : answer.refusals()) {
      const int64_t i = refusal.record_index() - answered_.acknowledged_count();
      if (i < 0 || i >= count) return WrongAnswer();
      ++totals_.refused;
      if (!options_.on_refusal) continue;
      v1::ImportRefusal renumbered = refusal;
      renumbered.set_record_index(waiting_[i].number);
      options_.on_refusal(renumbered);
    }
    Acknowledge(count, answer.stored_count() - answered_.stored_count(),
                answer.skipped_count() - answered_.skipped_count());
    answered_ = answer;
    return absl::OkStatus();
  }

  void Acknowledge(int64_t count, int64_t stored, int64_t skipped) {
    int64_t sent_before = 0;
    for (int64_t i = 0; i < count; ++i) {
      sent_before += waiting_.front().was_sent_before ? 1 : 0;
      waiting_bytes_ -= waiting_.front().bytes;
      waiting_.pop_front();
    }
    sent_ -= count;
    totals_.stored += stored;
    totals_.skipped += skipped;
    totals_.skipped_after_break += std::min(skipped, sent_before);
    if (count > 0) retries_.NoteProgress();
  }

  ThreadClient::Connection& connection_;
  const Options options_;
  Retries retries_;
  std::deque<Waiting> waiting_;
  size_t waiting_bytes_ = 0;
  size_t unsent_bytes_ = 0;
  size_t sent_ = 0;                       // of those waiting, on this stream
  std::unique_ptr<ImportStream> stream_;  // null if there is none yet, or it has ended
  Response answered_;                     // the latest answer of this stream
  Totals totals_;
  absl::Status failure_;
};

ThreadImport::ThreadImport(ThreadClient& client, Options options)
    : session_(std::make_unique<Session>(client, std::move(options))) {}

ThreadImport::~ThreadImport() = default;

absl::Status ThreadImport::Add(v1::Record record, int64_t number) {
  return session_->Add(std::move(record), number);
}

absl::StatusOr<ThreadImport::Totals> ThreadImport::Finish() { return session_->Finish(); }

const ThreadImport::Totals& ThreadImport::totals() const { return session_->totals(); }

int64_t ThreadImport::FirstUnacknowledged(int64_t otherwise) const {
  return session_->FirstUnacknowledged(otherwise);
}

}  // namespace threadstore
