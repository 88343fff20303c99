#ifndef THREADSTORE_SERVER_SERVICE_THREAD_SERVICE_H_
#define THREADSTORE_SERVER_SERVICE_THREAD_SERVICE_H_

#include "server/service/unary_service.h"
#include "server/service/watch_call.h"
#include "threadstore/v1/thread_service.grpc.pb.h"

namespace threadstore {

// threadstore.v1.ThreadService over a store. The contract is in the proto.
class ThreadServiceImpl final : public UnaryService<v1::ThreadService> {
 public:
  // Both must outlive the service.
  ThreadServiceImpl(const ServiceContext& services, const WatchServices& watches);
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_THREAD_SERVICE_H_
