#include "server/service/group_service.h"

#include <utility>

#include "google/protobuf/empty.pb.h"
#include "server/auth/access.h"
#include "server/base/status_macros.h"
#include "server/domain/page_token.h"
#include "server/domain/resource.h"
#include "server/domain/validation.h"

namespace threadstore {
namespace {

using google::protobuf::Empty;

using CreateGroupCall = UnaryCall<v1::CreateGroupRequest, v1::Group, CallKind::kWrite>;
using GetGroupCall = UnaryCall<v1::GetGroupRequest, v1::Group, CallKind::kRead>;
using ListGroupsCall = UnaryCall<v1::ListGroupsRequest, v1::ListGroupsResponse, CallKind::kRead>;
using ListJoinedGroupsCall =
    UnaryCall<v1::ListJoinedGroupsRequest, v1::ListJoinedGroupsResponse, CallKind::kRead>;
using DeleteGroupCall = UnaryCall<v1::DeleteGroupRequest, Empty, CallKind::kWrite>;
using AddMemberCall = UnaryCall<v1::AddMemberRequest, v1::Member, CallKind::kWrite>;
using RemoveMemberCall = UnaryCall<v1::RemoveMemberRequest, Empty, CallKind::kWrite>;
using ListMembersCall = UnaryCall<v1::ListMembersRequest, v1::ListMembersResponse, CallKind::kRead>;

// The token of the page after one that ends with `last_id`, empty if there is none.
std::string NextPageToken(bool has_more, uint64_t fingerprint, const std::string& last_id) {
  if (!has_more) return "";
  internal::v1::PageToken token;
  token.set_query_fingerprint(fingerprint);
  token.set_last_id(last_id);
  return EncodePageToken(token);
}

template <typename Call>
void FinishEmpty(Call call, const absl::Status& status) {
  if (status.ok()) {
    std::move(call).Finish(Empty());
  } else {
    std::move(call).Finish(status);
  }
}

// Finishes ListGroups or ListJoinedGroups.
template <typename Response, typename Call>
void FinishGroupPage(Call call, absl::StatusOr<GroupPage> page, uint64_t fingerprint) {
  if (!page.ok()) return std::move(call).Finish(page.status());
  Response response;
  response.mutable_groups()->Swap(&page->groups);
  const int size = response.groups_size();
  response.set_next_page_token(NextPageToken(
      page->has_more, fingerprint, size > 0 ? response.groups(size - 1).id() : std::string()));
  std::move(call).Finish(response);
}

absl::Status HandleCreateGroup(CreateGroupCall& call) {
  ASSIGN_OR_RETURN(const CreateGroupInput input, Validate(call.request()));
  const absl::Time now = call.services().clock.Now();
  v1::Group group = BuildGroup(call.request(), now);
  std::optional<v1::Member> owner;
  if (call.principal().is_user()) {
    owner.emplace();
    owner->set_id(call.principal().id);
    owner->set_role(v1::Member::ROLE_OWNER);
  }
  std::string hash;
  if (input.request_id.has_value()) hash = HashRequest(call.request());
  CreateContext context =
      call.MakeCreateContext(std::nullopt, now, input.request_id, std::move(hash));
  ThreadStore& store = call.services().store;
  store.CreateGroup(std::move(context), std::move(group), std::move(owner),
                    [call = std::move(call)](const absl::StatusOr<v1::Group>& created) mutable {
                      std::move(call).Finish(created);
                    });
  return absl::OkStatus();
}

absl::Status HandleGetGroup(GetGroupCall& call) {
  ASSIGN_OR_RETURN(const GroupName name, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member, ResolveAccess(call.principal(), name, "name"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.GetGroup(std::move(context), name.group,
                 [call = std::move(call)](const absl::StatusOr<v1::Group>& group) mutable {
                   std::move(call).Finish(group);
                 });
  return absl::OkStatus();
}

absl::Status HandleListGroups(ListGroupsCall& call) {
  ASSIGN_OR_RETURN(ListGroupsInput input, Validate(call.request()));
  if (call.principal().is_user()) input.query.member = call.principal().id;
  CallContext context = call.MakeCallContext(std::nullopt);
  ThreadStore& store = call.services().store;
  store.ListGroups(std::move(context), std::move(input.query),
                   [call = std::move(call),
                    fingerprint = input.fingerprint](absl::StatusOr<GroupPage> page) mutable {
                     FinishGroupPage<v1::ListGroupsResponse>(std::move(call), std::move(page),
                                                             fingerprint);
                   });
  return absl::OkStatus();
}

absl::Status HandleListJoinedGroups(ListJoinedGroupsCall& call) {
  const absl::string_view calling_user =
      call.principal().is_user() ? absl::string_view(call.principal().id) : absl::string_view();
  ASSIGN_OR_RETURN(ListJoinedGroupsInput input, Validate(call.request(), calling_user));
  ASSIGN_OR_RETURN(input.query.member, ResolveUser(call.principal(), input.user, "parent"));
  CallContext context = call.MakeCallContext(std::nullopt);
  ThreadStore& store = call.services().store;
  store.ListGroups(std::move(context), std::move(input.query),
                   [call = std::move(call),
                    fingerprint = input.fingerprint](absl::StatusOr<GroupPage> page) mutable {
                     FinishGroupPage<v1::ListJoinedGroupsResponse>(std::move(call), std::move(page),
                                                                   fingerprint);
                   });
  return absl::OkStatus();
}

absl::Status HandleDeleteGroup(DeleteGroupCall& call) {
  ASSIGN_OR_RETURN(const GroupName name, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member, ResolveOwnerAccess(call.principal(), name, "name"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  const bool force = call.request().force();
  ThreadStore& store = call.services().store;
  store.DeleteGroup(std::move(context), name.group, force,
                    [call = std::move(call)](const absl::Status& status) mutable {
                      FinishEmpty(std::move(call), status);
                    });
  return absl::OkStatus();
}

absl::Status HandleAddMember(AddMemberCall& call) {
  ASSIGN_OR_RETURN(const GroupName group, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member, ResolveOwnerAccess(call.principal(), group, "parent"));
  v1::Member member = BuildMember(group, call.request().member());
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.AddMember(std::move(context), group.group, std::move(member),
                  [call = std::move(call)](const absl::StatusOr<v1::Member>& added) mutable {
                    std::move(call).Finish(added);
                  });
  return absl::OkStatus();
}

absl::Status HandleRemoveMember(RemoveMemberCall& call) {
  ASSIGN_OR_RETURN(const MemberName name, Validate(call.request()));
  const bool leaves = call.principal().is_user() && call.principal().id == name.user;
  ASSIGN_OR_RETURN(auto required_member,
                   leaves ? ResolveAccess(call.principal(), name.group, "name")
                          : ResolveOwnerAccess(call.principal(), name.group, "name"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.RemoveMember(std::move(context), name.group.group, name.user,
                     [call = std::move(call)](const absl::Status& status) mutable {
                       FinishEmpty(std::move(call), status);
                     });
  return absl::OkStatus();
}

absl::Status HandleListMembers(ListMembersCall& call) {
  ASSIGN_OR_RETURN(ListMembersInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member, ResolveAccess(call.principal(), input.group, "parent"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.ListMembers(std::move(context), std::move(input.query),
                    [call = std::move(call),
                     fingerprint = input.fingerprint](absl::StatusOr<MemberPage> page) mutable {
                      if (!page.ok()) return std::move(call).Finish(page.status());
                      v1::ListMembersResponse response;
                      response.mutable_members()->Swap(&page->members);
                      const int size = response.members_size();
                      response.set_next_page_token(NextPageToken(
                          page->has_more, fingerprint,
                          size > 0 ? response.members(size - 1).id() : std::string()));
                      std::move(call).Finish(response);
                    });
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* GroupServiceImpl::CreateGroup(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return StartUnaryCall(services_, "threadstore.v1.GroupService.CreateGroup", context, request,
                        response, HandleCreateGroup);
}

grpc::ServerUnaryReactor* GroupServiceImpl::GetGroup(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  return StartUnaryCall(services_, "threadstore.v1.GroupService.GetGroup", context, request,
                        response, HandleGetGroup);
}

grpc::ServerUnaryReactor* GroupServiceImpl::ListGroups(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  return StartUnaryCall(services_, "threadstore.v1.GroupService.ListGroups", context, request,
                        response, HandleListGroups);
}

grpc::ServerUnaryReactor* GroupServiceImpl::ListJoinedGroups(grpc::CallbackServerContext* context,
                                                             const grpc::ByteBuffer* request,
                                                             grpc::ByteBuffer* response) {
  return StartUnaryCall(services_, "threadstore.v1.GroupService.ListJoinedGroups", context, request,
                        response, HandleListJoinedGroups);
}

grpc::ServerUnaryReactor* GroupServiceImpl::DeleteGroup(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return StartUnaryCall(services_, "threadstore.v1.GroupService.DeleteGroup", context, request,
                        response, HandleDeleteGroup);
}

grpc::ServerUnaryReactor* GroupServiceImpl::AddMember(grpc::CallbackServerContext* context,
                                                      const grpc::ByteBuffer* request,
                                                      grpc::ByteBuffer* response) {
  return StartUnaryCall(services_, "threadstore.v1.GroupService.AddMember", context, request,
                        response, HandleAddMember);
}

grpc::ServerUnaryReactor* GroupServiceImpl::RemoveMember(grpc::CallbackServerContext* context,
                                                         const grpc::ByteBuffer* request,
                                                         grpc::ByteBuffer* response) {
  return StartUnaryCall(services_, "threadstore.v1.GroupService.RemoveMember", context, request,
                        response, HandleRemoveMember);
}

grpc::ServerUnaryReactor* GroupServiceImpl::ListMembers(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return StartUnaryCall(services_, "threadstore.v1.GroupService.ListMembers", context, request,
                        response, HandleListMembers);
}

}  // namespace threadstore
