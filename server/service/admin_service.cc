#include "server/service/admin_service.h"

#include "grpcpp/impl/codegen/server_callback_handlers.h"
#include "server/service/export_stream.h"
#include "server/service/unary_service.h"

namespace threadstore {

AdminServiceImpl::AdminServiceImpl(const ServiceContext& services) {
  const google::protobuf::MethodDescriptor& import =
      FindMethod(v1::AdminService::service_full_name(), *v1::ImportThreadsRequest::descriptor(),
                 *v1::ImportThreadsResponse::descriptor());
  MarkMethodRawCallback(import.index(),
                        new grpc::internal::CallbackBidiHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
                            [this, &services, &import](grpc::CallbackServerContext* context) {
                              auto* const stream =
                                  new ImportStream(services, import.full_name(), context, imports_);
                              stream->Start();
                              return stream;
                            }));
  const google::protobuf::MethodDescriptor& exports =
      FindMethod(v1::AdminService::service_full_name(), *v1::ExportThreadsRequest::descriptor(),
                 *v1::ExportThreadsResponse::descriptor());
  MarkMethodRawCallback(
      exports.index(),
      new grpc::internal::CallbackServerStreamingHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
          [&services, &exports](grpc::CallbackServerContext* context,
                                const grpc::ByteBuffer* request) {
            auto* const stream = new ExportStream(services, exports.full_name(), context);
            // gRPC made the buffer for this call and does not look at it again.
            stream->Start(const_cast<grpc::ByteBuffer&>(*request));
            return stream;
          }));
}

}  // namespace threadstore
