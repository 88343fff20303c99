#include "server/http/grpc_face.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "server/base/errors.h"
#include "server/base/face_metadata.h"

namespace threadstore {
namespace {

using google::protobuf::Message;
using google::protobuf::MessageLite;
using google::protobuf::MethodDescriptor;

// What a call needs until it has ended.
struct Call {
  grpc::ClientContext context;
  std::string path;
  std::unique_ptr<Message> response;
  GrpcFace::Done done;
};

class InProcessGrpcFace final : public GrpcFace {
 public:
  InProcessGrpcFace(std::shared_ptr<grpc::Channel> channel, std::string secret)
      : stub_(std::move(channel)), secret_(std::move(secret)) {}

  void Call(const MethodDescriptor& rpc, const HttpCaller& caller, const Message& request,
            Done done) override {
    auto* const call = new struct Call;
    call->path = absl::StrCat("/", rpc.service()->full_name(), "/", rpc.name());
    call->response = NewMessage(*rpc.output_type());
    call->done = std::move(done);
    call->context.AddMetadata(face_metadata::kSecret, secret_);
    call->context.AddMetadata(face_metadata::kPeer, caller.peer);
    if (caller.is_charged) call->context.AddMetadata(face_metadata::kCharged, "1");
    for (const std::string& user : caller.users) {
      call->context.AddMetadata("x-threadstore-user-bin", user);
    }
    for (const std::string& authorization : caller.authorizations) {
      call->context.AddMetadata(face_metadata::kAuthorization, authorization);
    }
    if (caller.certificate_names.has_value()) {
      call->context.AddMetadata(face_metadata::kSubject, caller.certificate_names->subject);
      for (const std::string& id : caller.certificate_names->spiffe_ids) {
        call->context.AddMetadata(face_metadata::kSpiffeId, id);
      }
    }
    const MessageLite* const sent = &request;
    MessageLite* const response = call->response.get();
    stub_.UnaryCall(&call->context, call->path, grpc::StubOptions(), sent, response,
                    [call](const grpc::Status& status) {
                      const std::unique_ptr<struct Call> owned(call);
                      Done done = std::move(call->done);
                      if (!status.ok()) {
                        std::move(done)(StatusFromWire(status.error_code(), status.error_message(),
                                                       status.error_details()));
                      } else {
                        std::move(done)(std::move(call->response));
                      }
                    });
  }

 private:
  grpc::TemplatedGenericStub<MessageLite, MessageLite> stub_;
  const std::string secret_;
};

}  // namespace

std::unique_ptr<GrpcFace> MakeGrpcFace(std::shared_ptr<grpc::Channel> channel, std::string secret) {
  return std::make_unique<InProcessGrpcFace>(std::move(channel), std::move(secret));
}

}  // namespace threadstore
