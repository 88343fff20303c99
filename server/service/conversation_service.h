#ifndef THREADSTORE_SERVER_SERVICE_CONVERSATION_SERVICE_H_
#define THREADSTORE_SERVER_SERVICE_CONVERSATION_SERVICE_H_

#include "server/service/unary_service.h"
#include "threadstore/v1/conversation_service.grpc.pb.h"

namespace threadstore {

// threadstore.v1.ConversationService over a store. The contract is in the proto.
class ConversationServiceImpl final : public UnaryService<v1::ConversationService> {
 public:
  explicit ConversationServiceImpl(const ServiceContext& services);
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_CONVERSATION_SERVICE_H_
