#ifndef THREADSTORE_SERVER_SERVICE_ADMIN_SERVICE_H_
#define THREADSTORE_SERVER_SERVICE_ADMIN_SERVICE_H_

#include "server/service/import_stream.h"
#include "server/service/unary_call.h"
#include "threadstore/v1/admin_service.grpc.pb.h"

namespace threadstore {

// threadstore.v1.AdminService over a store. The contract is in the proto.
class AdminServiceImpl final : public v1::AdminService::Service {
 public:
  // `services` must outlive this.
  explicit AdminServiceImpl(const ServiceContext& services);

 private:
  Imports imports_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_ADMIN_SERVICE_H_
