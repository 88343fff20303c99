#ifndef THREADSTORE_SERVER_HTTP_GRPC_FACE_H_
#define THREADSTORE_SERVER_HTTP_GRPC_FACE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "server/base/certificate_names.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace threadstore {

// What a request of HTTP says of its caller, to be passed on as it is.
struct HttpCaller {
  std::vector<std::string> users;           // Every value of `x-threadstore-user`.
  std::vector<std::string> authorizations;  // Every value of `Authorization`.
  std::string peer;                         // The client's address, without its port.

  // Whose certificate the client has shown; nothing if it was asked for none.
  std::optional<CertificateNames> certificate_names = std::nullopt;

  // Whether a call for the same request has been charged to its caller: a request counts once,
  // however many calls it takes.
  bool is_charged = false;
};

// The gRPC face of this server, as its HTTP face calls it. Thread-safe.
class GrpcFace {
 public:
  using Done =
      absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<google::protobuf::Message>>) &&>;

  virtual ~GrpcFace() = default;

  // Calls a unary RPC and tells `done` its answer, or its error with the google.rpc details as
  // payloads. On a thread of gRPC's, which must not be held up; not before this returns.
  virtual void Call(const google::protobuf::MethodDescriptor& rpc, const HttpCaller& caller,
                    const google::protobuf::Message& request, Done done) = 0;
};

// Calls through the in-process channel of the server. `secret` is what the server knows its own
// HTTP face by: see server/service/caller.h. Calls have no deadline of their own: the server ends
// them after its default timeout with an error that says whether anything was written.
std::unique_ptr<GrpcFace> MakeGrpcFace(std::shared_ptr<grpc::Channel> channel, std::string secret);

// An empty message of a type that is linked in.
inline std::unique_ptr<google::protobuf::Message> NewMessage(
    const google::protobuf::Descriptor& type) {
  auto& factory = *google::protobuf::MessageFactory::generated_factory();
  return std::unique_ptr<google::protobuf::Message>(factory.GetPrototype(&type)->New());
}

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_GRPC_FACE_H_
