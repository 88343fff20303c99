#ifndef THREADSTORE_SERVER_SERVICE_GROUP_SERVICE_H_
#define THREADSTORE_SERVER_SERVICE_GROUP_SERVICE_H_

#include "server/service/unary_call.h"
#include "threadstore/v1/group_service.grpc.pb.h"

namespace threadstore {

// threadstore.v1.GroupService over a store. The contract is in the proto.
class GroupServiceImpl final
    : public v1::GroupService::WithRawCallbackMethod_CreateGroup<
          v1::GroupService::WithRawCallbackMethod_GetGroup<
              v1::GroupService::WithRawCallbackMethod_ListGroups<
                  v1::GroupService::WithRawCallbackMethod_ListJoinedGroups<
                      v1::GroupService::WithRawCallbackMethod_DeleteGroup<
                          v1::GroupService::WithRawCallbackMethod_AddMember<
                              v1::GroupService::WithRawCallbackMethod_RemoveMember<
                                  v1::GroupService::WithRawCallbackMethod_ListMembers<
                                      v1::GroupService::Service>>>>>>>> {
 public:
  explicit GroupServiceImpl(const ServiceContext& services) : services_(services) {}

  grpc::ServerUnaryReactor* CreateGroup(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetGroup(grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListGroups(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListJoinedGroups(grpc::CallbackServerContext* context,
                                             const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* DeleteGroup(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* AddMember(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* RemoveMember(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListMembers(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;

 private:
  const ServiceContext& services_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_GROUP_SERVICE_H_
