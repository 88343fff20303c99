#ifndef THREADSTORE_SERVER_SERVICE_POST_SERVICE_H_
#define THREADSTORE_SERVER_SERVICE_POST_SERVICE_H_

#include "server/service/unary_service.h"
#include "threadstore/v1/post_service.grpc.pb.h"

namespace threadstore {

// threadstore.v1.PostService over a store. The contract is in the proto.
class PostServiceImpl final : public UnaryService<v1::PostService> {
 public:
  explicit PostServiceImpl(const ServiceContext& services);
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_POST_SERVICE_H_
