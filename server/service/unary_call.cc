#include "server/service/unary_call.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "grpcpp/support/proto_buffer_writer.h"
#include "server/auth/permissions.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/service/status.h"

namespace threadstore {
namespace {

constexpr char kUserMetadata[] = "x-threadstore-user";
constexpr absl::Duration kMemoryRetryDelay = absl::Milliseconds(100);

absl::string_view ToView(const grpc::string_ref& text) { return {text.data(), text.size()}; }

// gRPC gives peers as URIs, such as ipv4:127.0.0.1:4711 and ipv6:%5B::1%5D:4711.
bool IsLoopbackPeer(absl::string_view peer) {
  return absl::StartsWith(peer, "ipv4:127.") || absl::StartsWith(peer, "ipv6:%5B::1%5D:") ||
         absl::StartsWith(peer, "ipv6:[::1]:") || absl::StartsWith(peer, "unix:");
}

Credentials ReadCredentials(const grpc::CallbackServerContext& context) {
  Credentials credentials;
  const auto [begin, end] = context.client_metadata().equal_range(kUserMetadata);
  for (auto entry = begin; entry != end; ++entry) {
    credentials.users.push_back(ToView(entry->second));
  }
  credentials.from_loopback = IsLoopbackPeer(context.peer());
  return credentials;
}

bool Parse(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message) {
  grpc::ByteBuffer shared = bytes;
  grpc::ProtoBufferReader reader(&shared);
  return reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
}

}  // namespace

absl::Status UnaryReactor::Begin(google::protobuf::MessageLite& message) {
  entered_ = services_.calls.TryEnter();
  if (!entered_) return ShuttingDownError();
  const size_t bytes = request_->Length();
  if (!services_.request_memory.TryTake(bytes)) return RequestMemoryFullError(kMemoryRetryDelay);
  bytes_taken_ = bytes;
  if (!Parse(*request_, message)) return MalformedRequestError(message.GetTypeName());
  const absl::Time now = services_.clock.Now();
  deadline_ = context_->deadline() == std::chrono::system_clock::time_point::max()
                  ? now + services_.default_timeout
                  : absl::FromChrono(context_->deadline());
  if (deadline_ <= now) return DeadlineExceededError();
  ASSIGN_OR_RETURN(principal_, services_.authenticator.Authenticate(ReadCredentials(*context_)));
  return CheckPermission(principal_, method_);
}

void UnaryReactor::FinishWith(const absl::Status& status) { Finish(ToGrpcStatus(status, method_)); }

void UnaryReactor::FinishWith(const google::protobuf::MessageLite& message) {
  bool own_buffer = false;
  Finish(grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::MessageLite>(
      message, response_, &own_buffer));
}

CallContext UnaryReactor::MakeCallContext(std::optional<RequiredMember> required_member) const {
  CallContext call;
  call.required_member = std::move(required_member);
  call.deadline = deadline_;
  call.cancelled = [context = context_] { return context->IsCancelled(); };
  return call;
}

void UnaryReactor::OnDone() {
  services_.request_memory.GiveBack(bytes_taken_);
  if (entered_) services_.calls.Leave();
  delete this;
}

}  // namespace threadstore
