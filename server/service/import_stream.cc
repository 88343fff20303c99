#include "server/service/import_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/service/status.h"
#include "server/service/wire_message.h"
#include "server/telemetry/log.h"

namespace threadstore {
namespace {

constexpr absl::Duration kTooManyRetryDelay = absl::Seconds(10);

// Of a batch. Large enough that the cost of a commit, and of the pages it writes, is shared; small
// enough that other writers wait some hundredths of a second at most.
constexpr size_t kBatchRecords = 512;
constexpr size_t kBatchBytes = size_t{8} << 20;

// Refusals that wait for the client to take those before; more are not made.
constexpr int kMaxUnsentRefusals = 1000;

// Where the refusal does not say when to come back.
constexpr absl::Duration kRetryDelay = absl::Milliseconds(100);

absl::Duration RetryDelayOf(const absl::Status& refusal) {
  const auto retry = ErrorDetailOf<google::rpc::RetryInfo>(refusal);
  if (!retry.has_value()) return kRetryDelay;
  return absl::Seconds(retry->retry_delay().seconds()) +
         absl::Nanoseconds(retry->retry_delay().nanos());
}

bool IsTransient(const absl::Status& status) {
  switch (ErrorReasonOf(status)) {
    case v1::ERROR_REASON_QUEUE_FULL:
    case v1::ERROR_REASON_STORE_BUSY:
    case v1::ERROR_REASON_REQUEST_MEMORY_FULL:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool Imports::TryEnter(uint64_t caller) {
  MutexLock lock(&mutex_);
  if (in_progress_ >= kMaxImports || !shares_.TryTake(caller)) return false;
  ++in_progress_;
  return true;
}

void Imports::Leave(uint64_t caller) {
  MutexLock lock(&mutex_);
  --in_progress_;
  shares_.GiveBack(caller);
}

void ImportStream::Start() {
  Enter(/*held_bytes=*/0, [this](absl::Status entered) {
    const absl::Status begun = entered.ok() ? Begin() : std::move(entered);
    {
      MutexLock lock(&mutex_);
      entering_ = false;
      if (!begun.ok()) Fail(begun);
    }
    Wake();
  });
}

absl::Status ImportStream::Begin() {
  is_counted_ = imports_.TryEnter(caller());
  if (!is_counted_) return TooManyStreamsError(kTooManyRetryDelay);
  log::Info("import began", {{"principal", principal().Key()}, {"token_id", principal().token_id}});
  return absl::OkStatus();
}

StreamCall::Progress ImportStream::Step() {
  {
    MutexLock lock(&mutex_);
    if (entering_) return Progress::kWait;
    if (draining()) Fail(ShuttingDownError());
    if (has_news_ && !writing_) {
      SendAcknowledgement();
      return Progress::kMore;
    }
    if (failure_.ok()) {
      ReadMore();
      CheckMore();
    } else if (waiting_) {
      alarm_->Cancel();
    }
    if (!CanStore()) {
      const Progress progress = EndIfDone();
      if (progress != Progress::kEnded) return progress;
      ended_ = true;
    } else {
      if (!has_batch_) TakeBatch();
      storing_ = true;
    }
  }
  // Without the lock: either may call back at once.
  if (!ended_) {
    Store();
    return Progress::kMore;
  }
  End();
  return Progress::kEnded;
}

void ImportStream::ReadMore() {
  const bool has_room = checked_.size() < kBatchRecords && checked_bytes_ < kBatchBytes;
  if (reading_ || has_incoming_ || reads_ended_ || !has_room) return;
  reading_ = true;
  StartRead(&incoming_);
}

void ImportStream::CheckMore() {
  if (has_incoming_ && !has_message_) {
    message_.Swap(&incoming_);
    incoming_.Clear();
    has_incoming_ = false;
    has_message_ = true;
    ReadMore();
  }
  if (!has_message_ || checking_ || waiting_) return;
  checking_ = true;
  Keep();
  imports_.checks().Add([this] {
    CheckMessage();
    Release();
  });
}

bool ImportStream::CanStore() const {
  return failure_.ok() && !storing_ && !waiting_ && (has_batch_ || !checked_.empty()) &&
         acknowledgement_.refusals_size() < kMaxUnsentRefusals;
}

StreamCall::Progress ImportStream::EndIfDone() {
  if (checking_ || storing_ || writing_ || waiting_) return Progress::kWait;
  const bool is_done =
      reads_ended_ && !has_incoming_ && !has_message_ && checked_.empty() && !has_batch_;
  if (failure_.ok() && !is_done) return Progress::kWait;
  if (failure_.ok() && !has_acknowledged_) {
    has_news_ = true;
    return Progress::kMore;
  }
  return Progress::kEnded;
}

void ImportStream::CheckMessage() {
  absl::StatusOr<std::vector<Entry>> entries = CheckRecords();
  {
    MutexLock lock(&mutex_);
    checking_ = false;
    if (entries.ok()) {
      give_up_at_ = absl::InfiniteFuture();
      has_message_ = false;
      for (Entry& entry : *entries) {
        checked_bytes_ += entry.bytes;
        checked_.push_back(std::move(entry));
      }
    } else if (IsTransient(entries.status())) {
      TryLater(entries.status());
    } else {
      Fail(entries.status());
    }
  }
  Wake();
}

absl::StatusOr<std::vector<ImportStream::Entry>> ImportStream::CheckRecords() {
  v1::ImportThreadsRequest request;
  if (message_.Length() > kMaxImportMessageBytes) {
    return InvalidFieldError(
        "records", absl::StrCat("must have at most ", kMaxImportMessageBytes, " bytes together"));
  }
  ASSIGN_OR_RETURN(const size_t size, MeasureMessage(message_, request, kMaxImportFields));
  if (!services().request_shares.TryTakeUnreserved(caller(), size)) {
    return RequestMemoryFullError(kRetryDelay);
  }
  if (!services().request_memory.TryTakeUnreserved(size)) {
    services().request_shares.GiveBack(caller(), size);
    return RequestMemoryFullError(kRetryDelay);
  }
  held_bytes_ += size;
  RETURN_IF_ERROR(ParseMessage(message_, request));
  message_.Clear();
  const auto count = static_cast<size_t>(request.records_size());
  if (count > kMaxRecordsPerMessage) {
    return InvalidFieldError("records",
                             absl::StrCat("must have at most ", kMaxRecordsPerMessage, " entries"));
  }
  std::vector<Entry> entries;
  entries.reserve(count);
  for (v1::Record& record : *request.mutable_records()) {
    std::string name = CutMessage(NameOf(record));
    Entry& entry = entries.emplace_back(Entry{CheckRecord(std::move(record)), "", size / count});
    if (!entry.record.ok()) entry.name = std::move(name);
  }
  if (entries.empty()) {
    GiveBack(size);
  } else {
    entries.back().bytes += size % count;
  }
  return entries;
}

void ImportStream::TakeBatch() {
  std::vector<CheckedRecord> records;
  while (!checked_.empty() && batch_.items.size() < kBatchRecords && batch_.bytes < kBatchBytes) {
    Entry entry = std::move(checked_.front());
    checked_.pop_front();
    checked_bytes_ -= entry.bytes;
    batch_.bytes += entry.bytes;
    batch_.items.push_back({entry.record.status(), std::move(entry.name)});
    if (entry.record.ok()) records.push_back(*std::move(entry.record));
  }
  batch_.records = std::make_shared<const std::vector<CheckedRecord>>(std::move(records));
  has_batch_ = true;
}

void ImportStream::Store() {
  if (batch_.records->empty()) return Stored(std::vector<RecordOutcome>());
  Keep();
  services().store.ImportRecords(MakeCallContext(), batch_.records,
                                 [this](absl::StatusOr<std::vector<RecordOutcome>> outcomes) {
                                   Stored(std::move(outcomes));
                                   Release();
                                 });
}

void ImportStream::Stored(absl::StatusOr<std::vector<RecordOutcome>> outcomes) {
  {
    MutexLock lock(&mutex_);
    storing_ = false;
    if (outcomes.ok()) {
      give_up_at_ = absl::InfiniteFuture();
      Acknowledge(*outcomes);
      GiveBack(batch_.bytes);
      batch_ = Batch();
      has_batch_ = false;
    } else if (IsTransient(outcomes.status())) {
      TryLater(outcomes.status());
    } else {
      Fail(outcomes.status());
    }
  }
  Wake();
}

void ImportStream::Acknowledge(const std::vector<RecordOutcome>& outcomes) {
  auto outcome = outcomes.begin();
  auto record = batch_.records->begin();
  int64_t index = acknowledgement_.acknowledged_count();
  int64_t stored = 0;
  int64_t skipped = 0;
  for (const Batch::Item& item : batch_.items) {
    if (!item.refusal.ok()) {
      AddRefusal(index, item.name, item.refusal);
    } else {
      if (!outcome->refusal.ok()) {
        AddRefusal(index, record->name, outcome->refusal);
      } else {
        ++(outcome->is_stored ? stored : skipped);
      }
      ++outcome;
      ++record;
    }
    ++index;
  }
  acknowledgement_.set_acknowledged_count(index);
  acknowledgement_.set_stored_count(acknowledgement_.stored_count() + stored);
  acknowledgement_.set_skipped_count(acknowledgement_.skipped_count() + skipped);
  has_news_ = true;
}

void ImportStream::AddRefusal(int64_t index, const std::string& name, const absl::Status& refusal) {
  v1::ImportRefusal& added = *acknowledgement_.add_refusals();
  added.set_record_index(index);
  added.set_name(name);
  added.set_reason(ErrorReasonOf(refusal));
  added.set_message(CutMessage(refusal.message()));
  ++refused_count_;
}

void ImportStream::SendAcknowledgement() {
  has_news_ = false;
  has_acknowledged_ = true;
  writing_ = true;
  outgoing_ = Answer(acknowledgement_);
  acknowledgement_.clear_refusals();
  StartWrite(&outgoing_);
}

void ImportStream::TryLater(const absl::Status& refusal) {
  const absl::Time now = absl::Now();
  give_up_at_ = std::min(give_up_at_, now + services().default_timeout);
  if (now >= give_up_at_) return Fail(refusal);
  waiting_ = true;
  Keep();
  // On another thread, since the stream may end with it, and must not take the alarm along. Each
  // time another alarm, since the one before may still be returning from its callback.
  alarm_.emplace().Set(absl::ToChronoTime(now + RetryDelayOf(refusal)),
                       [this](bool) { imports_.checks().Add([this] { TryAgain(); }); });
}

void ImportStream::TryAgain() {
  {
    MutexLock lock(&mutex_);
    waiting_ = false;
  }
  Wake();
  Release();
}

void ImportStream::Fail(absl::Status failure) {
  if (failure_.ok()) failure_ = std::move(failure);
}

void ImportStream::GiveBack(size_t bytes) {
  held_bytes_ -= bytes;
  services().request_memory.GiveBack(bytes);
  services().request_shares.GiveBack(caller(), bytes);
}

void ImportStream::End() {
  absl::Status end;
  v1::ImportThreadsResponse counts;
  int64_t refused_count = 0;
  {
    MutexLock lock(&mutex_);
    end = failure_;
    counts.Swap(&acknowledgement_);
    refused_count = refused_count_;
  }
  // Callers who are refused could fill the log.
  if (is_counted_) {
    log::Info("import ended", {{"records", counts.acknowledged_count()},
                               {"stored", counts.stored_count()},
                               {"skipped", counts.skipped_count()},
                               {"refused", refused_count},
                               {"code", absl::StatusCodeToString(end.code())},
                               {"principal", principal().Key()},
                               {"token_id", principal().token_id}});
  }
  // Before the client hears of the end, and begins another.
  if (std::exchange(is_counted_, false)) imports_.Leave(caller());
  Finish(ToGrpcStatus(end, method()));
}

void ImportStream::OnReadDone(bool ok) {
  {
    MutexLock lock(&mutex_);
    reading_ = false;
    if (ok) {
      has_incoming_ = true;
    } else {
      reads_ended_ = true;
    }
  }
  Wake();
}

void ImportStream::OnWriteDone(bool ok) {
  Taken();
  {
    MutexLock lock(&mutex_);
    writing_ = false;
    if (!ok) Fail(CancelledError());
  }
  Wake();
}

void ImportStream::OnCancel() {
  {
    MutexLock lock(&mutex_);
    Fail(CancelledError());
  }
  Wake();
}

void ImportStream::OnDone() {
  GiveBack(held_bytes_);
  Leave();
}

}  // namespace threadstore
