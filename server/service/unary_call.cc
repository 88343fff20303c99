#include "server/service/unary_call.h"

#include <algorithm>
#include <string>
#include <utility>

#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/proto_buffer_writer.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/service/status.h"
#include "server/service/wire_message.h"
#include "server/telemetry/log.h"

namespace threadstore {
namespace {

// The largest post and the largest thread have less, by server/domain/limits.h.
constexpr size_t kMaxUpdateAnswerBytes = size_t{2} << 20;

// HTML of this size that is made to be slow takes a millisecond or two.
constexpr size_t kLargeRequestBytes = size_t{16} << 10;

constexpr absl::Duration kMemoryRetryDelay = absl::Milliseconds(100);

}  // namespace

absl::Status UnaryReactor::Begin(CallKind kind, grpc::ByteBuffer& bytes,
                                 google::protobuf::Message& message) {
  entered_ = services_.calls.TryEnter();
  if (!entered_) return ShuttingDownError();
  if (context_->IsCancelled()) return CancelledError();
  ASSIGN_OR_RETURN(const size_t size, MeasureMessage(bytes, message, kMaxRequestFields));
  ByteBudget& memory = services_.request_memory;
  const bool is_taken =
      kind == CallKind::kRead ? memory.TryTake(size) : memory.TryTakeUnreserved(size);
  if (!is_taken) return RequestMemoryFullError(kMemoryRetryDelay);
  request_bytes_ = size;
  RETURN_IF_ERROR(ParseMessage(bytes, message));
  bytes.Clear();
  const absl::Time now = services_.clock.Now();
  const bool has_deadline = context_->deadline() != std::chrono::system_clock::time_point::max();
  deadline_ =
      has_deadline ? absl::FromChrono(context_->deadline()) : now + services_.default_timeout;
  return deadline_ <= now ? DeadlineExceededError() : absl::OkStatus();
}

void UnaryReactor::Identify(CallKind kind, absl::AnyInvocable<void(absl::Status) &&> done) {
  IdentifyCaller(services_, *context_, method_, request_bytes_,
                 [this, kind, done = std::move(done)](absl::StatusOr<Caller> caller) mutable {
                   if (!caller.ok()) return std::move(done)(caller.status());
                   ByteShares& shares = services_.request_shares;
                   const bool is_taken =
                       kind == CallKind::kRead
                           ? shares.TryTake(caller->number, request_bytes_)
                           : shares.TryTakeUnreserved(caller->number, request_bytes_);
                   if (!is_taken) {
                     return std::move(done)(RequestMemoryFullError(kMemoryRetryDelay));
                   }
                   caller_ = *std::move(caller);
                   std::move(done)(ReserveForAnswer(kind));
                 });
}

absl::Status UnaryReactor::ReserveForAnswer(CallKind kind) {
  if (kind == CallKind::kWrite && services_.answer_memory.IsUsedUp())
    return RequestMemoryFullError(kMemoryRetryDelay);
  if (kind != CallKind::kUpdate) return absl::OkStatus();
  if (!services_.answer_memory.TryTakeUnreserved(kMaxUpdateAnswerBytes))
    return RequestMemoryFullError(kMemoryRetryDelay);
  answer_bytes_ = kMaxUpdateAnswerBytes;
  return absl::OkStatus();
}

bool UnaryReactor::is_large() const { return request_bytes_ > kLargeRequestBytes; }

absl::Status UnaryReactor::CheckWanted() const {
  return threadstore::CheckWanted(MakeCallContext(std::nullopt), services_.clock.Now());
}

void UnaryReactor::LogChange(const std::string& resource) const {
  if (!services_.logs_changes) return;
  log::Info("change", {{"method", std::string(method_)},
                       {"principal", principal().Key()},
                       {"token_id", principal().token_id},
                       {"resource", resource}});
}

void UnaryReactor::FinishWith(const absl::Status& status) {
  GiveRequestBack();
  if (entered_) services_.calls.Answer(*this);
  Finish(ToGrpcStatus(status, method_));
}

void UnaryReactor::FinishWith(const google::protobuf::MessageLite& message, CallKind kind) {
  if (!TakeForAnswer(message.ByteSizeLong(), kind)) {
    return FinishWith(RequestMemoryFullError(kMemoryRetryDelay));
  }
  GiveRequestBack();
  services_.calls.Answer(*this);
  bool own_buffer = false;
  Finish(grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::MessageLite>(
      message, response_, &own_buffer));
}

void UnaryReactor::GiveRequestBack() {
  const size_t bytes = std::exchange(request_bytes_, 0);
  services_.request_memory.GiveBack(bytes);
  services_.request_shares.GiveBack(caller_.number, bytes);
}

bool UnaryReactor::TakeForAnswer(size_t bytes, CallKind kind) {
  services_.answer_memory.GiveBack(std::exchange(answer_bytes_, 0));
  if (kind != CallKind::kRead) {
    services_.answer_memory.Take(bytes);
  } else if (!services_.answer_memory.TryTake(bytes)) {
    return false;
  }
  answer_bytes_ = bytes;
  return true;
}

CallContext UnaryReactor::MakeCallContext(std::optional<RequiredMember> required_member) const {
  CallContext call;
  call.required_member = std::move(required_member);
  call.caller = caller_.number;
  call.deadline = deadline_;
  call.cancelled = [context = context_] { return context->IsCancelled(); };
  return call;
}

void UnaryReactor::OnDone() {
  services_.answer_memory.GiveBack(answer_bytes_);
  if (entered_) services_.calls.Leave(*this);
  delete this;
}

}  // namespace threadstore
