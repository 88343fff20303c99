#ifndef THREADSTORE_SERVER_SERVICE_THREAD_SERVICE_H_
#define THREADSTORE_SERVER_SERVICE_THREAD_SERVICE_H_

#include "server/service/unary_service.h"
#include "threadstore/v1/thread_service.grpc.pb.h"

namespace threadstore {

// threadstore.v1.ThreadService over a store. The contract is in the proto.
class ThreadServiceImpl final : public UnaryService<v1::ThreadService> {
 public:
  explicit ThreadServiceImpl(const ServiceContext& services);
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_THREAD_SERVICE_H_
