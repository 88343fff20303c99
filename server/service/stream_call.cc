#include "server/service/stream_call.h"

#include <utility>

#include "grpc/grpc.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/proto_buffer_writer.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"

namespace threadstore {

void StreamCall::Wake() {
  {
    MutexLock lock(&wake_mutex_);
    woken_again_ = true;
    if (awake_) return;
    awake_ = true;
    woken_again_ = false;
  }
  while (true) {
    const Progress progress = Step();
    if (progress == Progress::kEnded) return;
    if (progress == Progress::kMore) continue;
    MutexLock lock(&wake_mutex_);
    if (!std::exchange(woken_again_, false)) {
      awake_ = false;
      return;
    }
  }
}

void StreamCall::Enter(size_t held_bytes, absl::AnyInvocable<void(absl::Status) &&> done) {
  entered_ = services_.calls.TryEnterStream(*this);
  if (!entered_) return std::move(done)(ShuttingDownError());
  Keep();
  IdentifyCaller(services_, *context_, method_, held_bytes,
                 [this, done = std::move(done)](absl::StatusOr<Caller> caller) mutable {
                   const absl::Status status = caller.status();
                   if (caller.ok()) caller_ = *std::move(caller);
                   std::move(done)(status);
                   Release();
                 });
}

void StreamCall::Leave() {
  if (entered_) services_.calls.LeaveStream(*this);
  Release();
}

void StreamCall::Release() {
  if (--keepers_ == 0) Destroy();
}

grpc::ByteBuffer StreamCall::Answer(const google::protobuf::MessageLite& message) {
  answer_bytes_ = message.ByteSizeLong();
  services_.answer_memory.Take(answer_bytes_);
  services_.calls.Answer(*this);
  grpc::ByteBuffer bytes;
  bool own_buffer = false;
  // Fails only for messages beyond 2 GiB.
  grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::MessageLite>(message, &bytes,
                                                                                 &own_buffer);
  return bytes;
}

void StreamCall::Taken() {
  services_.calls.Taken(*this);
  services_.answer_memory.GiveBack(std::exchange(answer_bytes_, 0));
}

CallContext StreamCall::MakeCallContext() const {
  CallContext call;
  call.caller = caller_.number;
  call.cancelled = [context = context_] { return context->IsCancelled(); };
  return call;
}

// TryCancel would say CANCELLED, which is what callers do. Details cannot come along.
void StreamCall::Cancel() {
  grpc_call_cancel_with_status(context_->c_call(), GRPC_STATUS_DEADLINE_EXCEEDED,
                               "the stream's messages were not taken in time", nullptr);
}

void StreamCall::Drain() {
  draining_ = true;
  Wake();
}

}  // namespace threadstore
