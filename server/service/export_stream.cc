#include "server/service/export_stream.h"

#include <string>
#include <utility>

#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/domain/validation.h"
#include "server/service/status.h"
#include "server/service/wire_message.h"
#include "server/telemetry/log.h"
#include "threadstore/v1/admin_service.pb.h"

namespace threadstore {

void ExportStream::Start(grpc::ByteBuffer& request) {
  {
    MutexLock lock(&mutex_);
    reading_ = true;
  }
  // gRPC drops its own when this returns.
  Enter(request.Length(), [this, bytes = request](absl::Status entered) mutable {
    absl::Status begun = entered.ok() ? Open(bytes) : std::move(entered);
    if (begun.ok()) return;
    {
      MutexLock lock(&mutex_);
      reading_ = false;
      Fail(std::move(begun));
    }
    Wake();
  });
}

absl::Status ExportStream::Open(grpc::ByteBuffer& bytes) {
  v1::ExportThreadsRequest request;
  RETURN_IF_ERROR(MeasureMessage(bytes, request, kMaxRequestFields).status());
  RETURN_IF_ERROR(ParseMessage(bytes, request));
  bytes.Clear();
  ASSIGN_OR_RETURN(std::optional<std::string> group, Validate(request));
  Keep();
  services().store.OpenExport(MakeCallContext(), std::move(group),
                              [this](absl::StatusOr<std::unique_ptr<RecordExport>> opened) {
                                Opened(std::move(opened));
                                Release();
                              });
  return absl::OkStatus();
}

void ExportStream::Opened(absl::StatusOr<std::unique_ptr<RecordExport>> opened) {
  {
    MutexLock lock(&mutex_);
    reading_ = false;
    if (opened.ok()) {
      log::Info("export began",
                {{"principal", principal().Key()}, {"token_id", principal().token_id}});
      has_begun_ = true;
      export_ = *std::move(opened);
    } else {
      Fail(opened.status());
    }
  }
  Wake();
}

void ExportStream::Read(absl::StatusOr<RecordChunk> chunk) {
  {
    MutexLock lock(&mutex_);
    reading_ = false;
    if (chunk.ok()) {
      has_more_ = chunk->has_more;
      chunk_ = *std::move(chunk);
    } else {
      Fail(chunk.status());
    }
  }
  Wake();
}

StreamCall::Progress ExportStream::Step() {
  absl::Status end;
  bool has_begun = false;
  int64_t sent_count = 0;
  RecordExport* to_read = nullptr;
  {
    MutexLock lock(&mutex_);
    if (draining()) Fail(ShuttingDownError());
    if (failure_.ok() && chunk_.has_value() && !writing_) {
      SendChunk();
      return Progress::kMore;
    }
    const bool is_busy = reading_ || writing_;
    if (failure_.ok() && has_more_) {
      if (reading_ || chunk_.has_value()) return Progress::kWait;
      reading_ = true;
      to_read = export_.get();
    } else if (is_busy) {
      return Progress::kWait;
    } else {
      end = failure_;
      has_begun = has_begun_;
      sent_count = sent_count_;
      // Lets go of the snapshot before the client hears of the end.
      export_.reset();
    }
  }
  if (to_read == nullptr) {
    // Callers who are refused could fill the log.
    if (has_begun) {
      log::Info("export ended", {{"records", sent_count},
                                 {"code", absl::StatusCodeToString(end.code())},
                                 {"principal", principal().Key()},
                                 {"token_id", principal().token_id}});
    }
    Finish(ToGrpcStatus(end, method()));
    return Progress::kEnded;
  }
  Keep();
  to_read->Next([this](absl::StatusOr<RecordChunk> chunk) {
    Read(std::move(chunk));
    Release();
  });
  return Progress::kMore;
}

void ExportStream::SendChunk() {
  v1::ExportThreadsResponse response;
  response.mutable_records()->Swap(&chunk_->records);
  if (is_first_) response.set_estimated_count(export_->estimated_count());
  is_first_ = false;
  sent_count_ += response.records_size();
  chunk_.reset();
  writing_ = true;
  outgoing_ = Answer(response);
  StartWrite(&outgoing_);
}

void ExportStream::Fail(absl::Status failure) {
  if (failure_.ok()) failure_ = std::move(failure);
}

void ExportStream::OnWriteDone(bool ok) {
  Taken();
  {
    MutexLock lock(&mutex_);
    writing_ = false;
    if (!ok) Fail(CancelledError());
  }
  Wake();
}

void ExportStream::OnCancel() {
  {
    MutexLock lock(&mutex_);
    Fail(CancelledError());
  }
  Wake();
}

void ExportStream::OnDone() { Leave(); }

}  // namespace threadstore
