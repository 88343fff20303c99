#ifndef THREADSTORE_SERVER_SERVICE_UNARY_SERVICE_H_
#define THREADSTORE_SERVER_SERVICE_UNARY_SERVICE_H_

#include <utility>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "grpcpp/impl/codegen/server_callback_handlers.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/service/unary_call.h"

namespace threadstore {

// The method of a service that takes and returns messages of these types. Every method has a
// request type of its own, so there is at most one; the process ends if there is none.
const google::protobuf::MethodDescriptor& FindMethod(const char* service,
                                                     const google::protobuf::Descriptor& request,
                                                     const google::protobuf::Descriptor& response);

// A gRPC service whose methods are handlers of unary calls, or streams. `Generated` is what protoc
// makes for it, such as v1::ThreadService.
//
// Does for each handler what a Generated::WithRawCallbackMethod_... and a virtual function would.
template <typename Generated>
class UnaryService : public Generated::Service {
 protected:
  // `services` must outlive this.
  explicit UnaryService(const ServiceContext& services) : services_(services) {}

  // Lets `handler` (see StartUnaryCall) answer the method that has its call's request and response.
  template <typename Call>
  void Serve(absl::Status (*handler)(Call&)) {
    const google::protobuf::MethodDescriptor& method =
        FindMethod(Generated::service_full_name(), *Call::Request::descriptor(),
                   *Call::Response::descriptor());
    this->MarkMethodRawCallback(
        method.index(),
        new grpc::internal::CallbackUnaryHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
            [this, &method, handler](grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
              return StartUnaryCall(services_, method.full_name(), context, request, response,
                                    handler);
            }));
  }

  // Lets `start`, a function of the services, the method's name, and the context and bytes of a
  // call, begin calls of the method that takes such requests and streams such responses.
  template <typename Request, typename Response, typename Start>
  void ServeStream(Start start) {
    const google::protobuf::MethodDescriptor& method =
        FindMethod(Generated::service_full_name(), *Request::descriptor(), *Response::descriptor());
    this->MarkMethodRawCallback(
        method.index(),
        new grpc::internal::CallbackServerStreamingHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
            [this, &method, start = std::move(start)](grpc::CallbackServerContext* context,
                                                      const grpc::ByteBuffer* request) {
              return start(services_, method.full_name(), context, request);
            }));
  }

 private:
  const ServiceContext& services_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_UNARY_SERVICE_H_
