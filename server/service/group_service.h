#ifndef THREADSTORE_SERVER_SERVICE_GROUP_SERVICE_H_
#define THREADSTORE_SERVER_SERVICE_GROUP_SERVICE_H_

#include "server/service/unary_service.h"
#include "threadstore/v1/group_service.grpc.pb.h"

namespace threadstore {

// threadstore.v1.GroupService over a store. The contract is in the proto.
class GroupServiceImpl final : public UnaryService<v1::GroupService> {
 public:
  explicit GroupServiceImpl(const ServiceContext& services);
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_GROUP_SERVICE_H_
