#include "client/stream.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/time/clock.h"
#include "client/connection.h"
#include "google/rpc/error_details.pb.h"
#include "server/base/error_details.h"
#include "server/base/status_macros.h"

namespace threadstore {
namespace {

// Long enough to leave a server alone that is away for long, short enough to be back soon after it.
constexpr absl::Duration kLongestBackoff = absl::Seconds(2);

absl::Status CancelledByCaller() { return absl::CancelledError("interrupted by the caller"); }

bool IsCancelled(const StreamOptions& options) {
  return options.cancellation != nullptr && options.cancellation->IsCancelled();
}

}  // namespace

Cancellation::Cancellation() : state_(std::make_unique<State>()) {}

Cancellation::~Cancellation() = default;

void Cancellation::Cancel() {
  MutexLock lock(&state_->mutex);
  state_->is_cancelled = true;
  state_->changed.NotifyAll();
  for (grpc::ClientContext* context : state_->contexts) context->TryCancel();
}

bool Cancellation::IsCancelled() const {
  MutexLock lock(&state_->mutex);
  return state_->is_cancelled;
}

StreamContext::StreamContext(Cancellation* cancellation) : cancellation_(cancellation) {
  if (cancellation_ == nullptr) return;
  MutexLock lock(&cancellation_->state_->mutex);
  cancellation_->state_->contexts.insert(&context_);
  // A call that begins with it ends at once.
  if (cancellation_->state_->is_cancelled) context_.TryCancel();
}

StreamContext::~StreamContext() {
  if (cancellation_ == nullptr) return;
  MutexLock lock(&cancellation_->state_->mutex);
  cancellation_->state_->contexts.erase(&context_);
}

void Retries::NoteProgress() {
  last_progress_ = absl::Now();
  number_ = 0;
}

absl::Status Retries::AwaitNext(const absl::Status& ended) {
  if (IsCancelled(options_)) return CancelledByCaller();
  if (!IsBreak(ended)) return ended;
  const absl::Duration wait = Backoff(ended, number_++, kLongestBackoff);
  if (absl::Now() + wait - last_progress_ > options_.patience) return ended;
  if (options_.on_break) options_.on_break(ended, wait);
  return Sleep(wait);
}

absl::Status Retries::Sleep(absl::Duration duration) {
  if (options_.cancellation == nullptr) {
    absl::SleepFor(duration);
    return absl::OkStatus();
  }
  Cancellation::State& state = *options_.cancellation->state_;
  const absl::Time end = absl::Now() + duration;
  MutexLock lock(&state.mutex);
  while (!state.is_cancelled && absl::Now() < end) {
    state.changed.WaitFor(&state.mutex, end - absl::Now());
  }
  return state.is_cancelled ? CancelledByCaller() : absl::OkStatus();
}

bool IsBreak(const absl::Status& error) {
  const auto info = ErrorDetailOf<google::rpc::ErrorInfo>(error);
  const bool may_still_count = absl::IsUnauthenticated(error) && info.has_value() &&
                               info->metadata().contains("delta_token");
  // Streams have no deadline of ours.
  const bool was_cut_off =
      absl::IsDeadlineExceeded(error) && ErrorReasonOf(error) == v1::ERROR_REASON_UNSPECIFIED;
  return absl::IsUnavailable(error) || IsDropped(error) || was_cut_off ||
         (absl::IsResourceExhausted(error) && ServersDelay(error).has_value()) || may_still_count ||
         ErrorReasonOf(error) == v1::ERROR_REASON_WATCH_TOO_SLOW;
}

absl::Status ThreadClient::WatchThreads(
    v1::WatchThreadsRequest request, const StreamOptions& options,
    const std::function<bool(const v1::WatchThreadsResponse&)>& on_response) {
  Retries retries(options);
  while (true) {
    StreamContext context(options.cancellation);
    connection_->PrepareStream(context.get());
    const auto stream =
        connection_->stub<v1::ThreadService::Stub>().WatchThreads(context.get(), request);
    v1::WatchThreadsResponse response;
    while (stream->Read(&response)) {
      retries.NoteProgress();
      if (!on_response(response)) {
        context.get()->TryCancel();
        stream->Finish();
        return absl::OkStatus();
      }
      request.set_delta_token(std::move(*response.mutable_delta_token()));
    }
    absl::Status ended = ToStatus(stream->Finish());
    if (ended.ok()) ended = absl::UnavailableError("the server has ended the watch");
    RETURN_IF_ERROR(retries.AwaitNext(ended));
  }
}

absl::Status ThreadClient::ExportThreads(
    const v1::ExportThreadsRequest& request, const StreamOptions& options,
    const std::function<absl::Status(const v1::ExportThreadsResponse&)>& on_response) {
  Retries retries(options);
  while (true) {
    StreamContext context(options.cancellation);
    connection_->PrepareStream(context.get());
    const auto stream =
        connection_->stub<v1::AdminService::Stub>().ExportThreads(context.get(), request);
    v1::ExportThreadsResponse response;
    bool has_begun = false;
    while (stream->Read(&response)) {
      has_begun = true;
      if (absl::Status status = on_response(response); !status.ok()) {
        context.get()->TryCancel();
        stream->Finish();
        return status;
      }
    }
    absl::Status ended = ToStatus(stream->Finish());
    if (ended.ok() || (has_begun && !IsCancelled(options))) return ended;
    RETURN_IF_ERROR(retries.AwaitNext(ended));
  }
}

}  // namespace threadstore
