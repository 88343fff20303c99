#include "server/service/watch_call.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "grpcpp/support/slice.h"
#include "server/auth/access.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/domain/validation.h"
#include "server/service/status.h"
#include "server/service/wire_message.h"

namespace threadstore {
namespace {

constexpr absl::Duration kMemoryRetryDelay = absl::Milliseconds(100);

// A slice that shares the text: watches of one group are all sent the same bytes.
grpc::Slice MakeSlice(std::shared_ptr<const std::string> text) {
  auto* const owner = new std::shared_ptr<const std::string>(std::move(text));
  // gRPC does not change what a slice has.
  return grpc::Slice(
      const_cast<char*>((*owner)->data()), (*owner)->size(),
      [](void* data) { delete static_cast<std::shared_ptr<const std::string>*>(data); }, owner);
}

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchCall::Start(const ServiceContext& services,
                                                             const WatchServices& watches,
                                                             absl::string_view method,
                                                             grpc::CallbackServerContext* context,
                                                             const grpc::ByteBuffer* request) {
  const std::shared_ptr<WatchCall> call(new WatchCall(services, watches, method, context));
  call->self_ = call;
  // As with unary calls, gRPC does not look at the buffer again.
  absl::Status begun = call->Begin(const_cast<grpc::ByteBuffer&>(*request));
  if (!begun.ok()) {
    call->EndBeginning(std::move(begun));
  } else {
    IdentifyCaller(services, *context, method, call->request_bytes_,
                   [call](absl::StatusOr<Caller> caller) {
                     call->EndBeginning(call->Follow(std::move(caller)));
                   });
  }
  return call.get();
}

absl::Status WatchCall::Begin(grpc::ByteBuffer& bytes) {
  entered_ = services_.calls.TryEnter();
  if (!entered_) return ShuttingDownError();
  if (context_->IsCancelled()) return CancelledError();
  ASSIGN_OR_RETURN(const size_t size, MeasureMessage(bytes, request_, kMaxRequestFields));
  if (!services_.request_memory.TryTake(size)) return RequestMemoryFullError(kMemoryRetryDelay);
  request_bytes_ = size;
  RETURN_IF_ERROR(ParseMessage(bytes, request_));
  bytes.Clear();
  const bool is_late = absl::FromChrono(context_->deadline()) <= services_.clock.Now();
  return is_late ? DeadlineExceededError() : absl::OkStatus();
}

absl::Status WatchCall::Follow(absl::StatusOr<Caller> caller) {
  RETURN_IF_ERROR(caller.status());
  if (context_->IsCancelled()) return CancelledError();
  ASSIGN_OR_RETURN(ChangeFeed::Watch watch, MakeWatch(caller->principal));
  caller_number_ = caller->number;
  watch.sink = self_;
  watch.generation = caller->generation;
  // Nor does it outlast what lets the caller watch.
  watch.end = std::min(watches_.end_of_watch(context_->peer()), caller->principal.valid_until);
  is_fed_ = true;
  absl::Status added = watches_.feed.Add(std::move(watch));
  if (!added.ok()) is_fed_ = false;
  return added;
}

absl::StatusOr<ChangeFeed::Watch> WatchCall::MakeWatch(const Principal& caller) const {
  ChangeFeed::Watch watch;
  ASSIGN_OR_RETURN(watch.query, Validate(request_, caller.is_user() ? CallerKind::kUser
                                                                    : CallerKind::kApplication));
  if (watch.query.scope.group.has_value()) {
    ASSIGN_OR_RETURN(watch.required_member,
                     ResolveAccess(caller, *watch.query.scope.group, "parent"));
  }
  return watch;
}

// What was cancelled meanwhile ends now.
void WatchCall::EndBeginning(absl::Status status) {
  services_.request_memory.GiveBack(std::exchange(request_bytes_, 0));
  request_.Clear();
  bool is_cancelled = false;
  {
    MutexLock lock(&mutex_);
    begins_ = false;
    is_cancelled = was_cancelled_;
  }
  if (!status.ok()) return End(std::move(status));
  if (is_cancelled) End(CancelledError());
}

void WatchCall::Send(Message message) {
  std::vector<grpc::Slice> slices;
  slices.reserve(message.size());
  for (auto& part : message) slices.push_back(MakeSlice(std::move(part)));
  MutexLock lock(&mutex_);
  if (has_ended_) return;
  message_ = grpc::ByteBuffer(slices.data(), slices.size());
  StartWrite(&message_);
}

void WatchCall::End(absl::Status status) {
  MutexLock lock(&mutex_);
  if (std::exchange(has_ended_, true)) return;
  // Before the client hears of the end, and begins another.
  if (is_fed_) watches_.feed.Leave(*this);
  if (entered_) services_.calls.Answer(*this);
  Finish(ToGrpcStatus(status, method_));
}

void WatchCall::OnWriteDone(bool ok) {
  if (ok) {
    watches_.feed.Taken(*this);
  } else {
    End(CancelledError());
  }
}

void WatchCall::OnCancel() {
  {
    MutexLock lock(&mutex_);
    was_cancelled_ = true;
    if (begins_) return;
  }
  End(CancelledError());
}

void WatchCall::OnDone() {
  if (is_fed_) watches_.feed.Remove(*this);
  if (entered_) services_.calls.Leave(*this);
  self_.reset();
}

}  // namespace threadstore
