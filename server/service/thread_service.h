#ifndef THREADSTORE_SERVER_SERVICE_THREAD_SERVICE_H_
#define THREADSTORE_SERVER_SERVICE_THREAD_SERVICE_H_

#include "server/service/unary_call.h"
#include "threadstore/v1/thread_service.grpc.pb.h"

namespace threadstore {

// threadstore.v1.ThreadService over a store. The contract is in the proto.
class ThreadServiceImpl final
    : public v1::ThreadService::WithRawCallbackMethod_CreateThread<
          v1::ThreadService::WithRawCallbackMethod_GetThread<
              v1::ThreadService::WithRawCallbackMethod_ListThreads<v1::ThreadService::Service>>> {
 public:
  explicit ThreadServiceImpl(const ServiceContext& services) : services_(services) {}

  grpc::ServerUnaryReactor* CreateThread(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetThread(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListThreads(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;

 private:
  const ServiceContext& services_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_THREAD_SERVICE_H_
