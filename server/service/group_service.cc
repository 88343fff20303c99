#include "server/service/group_service.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/empty.pb.h"
#include "server/auth/access.h"
#include "server/auth/permissions.h"
#include "server/base/errors.h"
#include "server/base/sha256.h"
#include "server/base/status_macros.h"
#include "server/domain/resource.h"
#include "server/domain/validation.h"
#include "server/service/page_finisher.h"

namespace threadstore {
namespace {

using google::protobuf::Empty;

using CreateGroupCall = UnaryCall<v1::CreateGroupRequest, v1::Group, CallKind::kWrite>;
using GetGroupCall = UnaryCall<v1::GetGroupRequest, v1::Group, CallKind::kRead>;
using ListGroupsCall = UnaryCall<v1::ListGroupsRequest, v1::ListGroupsResponse, CallKind::kRead>;
using ListJoinedGroupsCall =
    UnaryCall<v1::ListJoinedGroupsRequest, v1::ListJoinedGroupsResponse, CallKind::kRead>;
using UpdateGroupCall = UnaryCall<v1::UpdateGroupRequest, v1::Group, CallKind::kWrite>;
using DeleteGroupCall = UnaryCall<v1::DeleteGroupRequest, Empty, CallKind::kWrite>;
using AddMemberCall = UnaryCall<v1::AddMemberRequest, v1::Member, CallKind::kWrite>;
using GetMemberCall = UnaryCall<v1::GetMemberRequest, v1::Member, CallKind::kRead>;
using UpdateMemberCall = UnaryCall<v1::UpdateMemberRequest, v1::Member, CallKind::kWrite>;
using RemoveMemberCall = UnaryCall<v1::RemoveMemberRequest, Empty, CallKind::kWrite>;
using ListMembersCall = UnaryCall<v1::ListMembersRequest, v1::ListMembersResponse, CallKind::kRead>;
using AddSenderCall = UnaryCall<v1::AddSenderRequest, v1::Sender, CallKind::kWrite>;
using RemoveSenderCall = UnaryCall<v1::RemoveSenderRequest, Empty, CallKind::kWrite>;
using GetUserCall = UnaryCall<v1::GetUserRequest, v1::User, CallKind::kRead>;
using ListSendersCall = UnaryCall<v1::ListSendersRequest, v1::ListSendersResponse, CallKind::kRead>;

// Which an application has none of.
std::vector<std::string> GroupsByCredentials(const Principal& principal) {
  if (principal.groups == nullptr) return {};
  return {principal.groups->begin(), principal.groups->end()};
}

// The id of a group whose caller gave none. Of the same request again it is the same.
std::string ChooseGroupId(const Principal& principal, const std::optional<Uuid>& request_id,
                          absl::Time now) {
  if (!request_id.has_value()) return Uuid::V7(now).ToString();
  const std::string known_by = absl::StrCat(principal.Key(), "\n", request_id->ToString());
  return Uuid::FromBytes(Sha256(known_by).substr(0, Uuid::kBytes))->ToString();
}

absl::Status HandleCreateGroup(CreateGroupCall& call) {
  ASSIGN_OR_RETURN(const CreateGroupInput input, Validate(call.request()));
  const absl::Time now = call.services().clock.Now();
  // Of a group that a directory knows by that id, the tokens of others may already say that they
  // are in it: it is not for its first finder to own.
  const bool may_choose_id = !call.principal().is_user() ||
                             !call.services().authenticator.NamesGroups() ||
                             (call.principal().permissions & kAdmin) != 0;
  if (!call.request().group_id().empty() && !may_choose_id) {
    return MissingPermissionError(PermissionName(kAdmin));
  }
  v1::CreateGroupRequest request = call.request();
  if (request.group_id().empty()) {
    request.set_group_id(ChooseGroupId(call.principal(), input.request_id, now));
  }
  v1::Group group = BuildGroup(request, now);
  std::optional<std::string> creator;
  std::optional<RequiredMember> required_member;
  if (call.principal().is_user()) {
    creator = call.principal().id;
    required_member = RequiredMember{.user = *creator};
  }
  std::vector<v1::Member> members = BuildFirstMembers(request, creator);
  CreateContext context = call.MakeCreateContext(std::move(required_member), now, input.request_id,
                                                 [&] { return HashRequest(call.request()); });
  ThreadStore& store = call.services().store;
  store.CreateGroup(std::move(context), std::move(group), std::move(members),
                    Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleGetGroup(GetGroupCall& call) {
  ASSIGN_OR_RETURN(const GroupName name, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member, ResolveAccess(call.principal(), name, "name"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.GetGroup(std::move(context), name.group, Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleListGroups(ListGroupsCall& call) {
  ASSIGN_OR_RETURN(ListGroupsInput input, Validate(call.request()));
  if (call.principal().is_user()) {
    input.query.member = call.principal().id;
    input.query.vouched = GroupsByCredentials(call.principal());
  }
  CallContext context = call.MakeCallContext(std::nullopt);
  ThreadStore& store = call.services().store;
  store.ListGroups(std::move(context), std::move(input.query),
                   PageFinisher(std::move(call), input.fingerprint, &GroupPage::groups,
                                &v1::ListGroupsResponse::mutable_groups));
  return absl::OkStatus();
}

absl::Status HandleListJoinedGroups(ListJoinedGroupsCall& call) {
  const absl::string_view calling_user =
      call.principal().is_user() ? absl::string_view(call.principal().id) : absl::string_view();
  ASSIGN_OR_RETURN(ListJoinedGroupsInput input, Validate(call.request(), calling_user));
  ASSIGN_OR_RETURN(input.query.member, ResolveUser(call.principal(), input.user, "parent"));
  input.query.vouched = GroupsByCredentials(call.principal());
  CallContext context = call.MakeCallContext(std::nullopt);
  ThreadStore& store = call.services().store;
  store.ListGroups(std::move(context), std::move(input.query),
                   PageFinisher(std::move(call), input.fingerprint, &GroupPage::groups,
                                &v1::ListJoinedGroupsResponse::mutable_groups));
  return absl::OkStatus();
}

absl::Status HandleUpdateGroup(UpdateGroupCall& call) {
  ASSIGN_OR_RETURN(UpdateGroupInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveOwnerAccess(call.principal(), input.group, "group.name"));
  const v1::Group& sent = call.request().group();
  GroupChanges changes;
  if (input.changes_display_name) changes.display_name = sent.display_name();
  if (input.changes_mail) changes.mail = sent.mail();
  if (input.changes_allow_external_senders) {
    changes.allow_external_senders = sent.allow_external_senders();
  }
  if (input.changes_description) changes.description = sent.description();
  if (input.changes_mail_nickname) changes.mail_nickname = sent.mail_nickname();
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.UpdateGroup(std::move(context), std::move(input.group.group), std::move(changes),
                    Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleDeleteGroup(DeleteGroupCall& call) {
  ASSIGN_OR_RETURN(const GroupName name, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member, ResolveOwnerAccess(call.principal(), name, "name"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  const bool force = call.request().force();
  ThreadStore& store = call.services().store;
  store.DeleteGroup(std::move(context), name.group, force, Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleAddMember(AddMemberCall& call) {
  ASSIGN_OR_RETURN(MemberListName list, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveOwnerAccess(call.principal(), list.group, "parent"));
  v1::Member member = BuildMember(list, call.request().member());
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.AddMember(std::move(context), std::move(list), std::move(member),
                  Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleGetMember(GetMemberCall& call) {
  ASSIGN_OR_RETURN(MemberName name, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member, ResolveAccess(call.principal(), name.list.group, "name"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.GetMember(std::move(context), std::move(name), Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleUpdateMember(UpdateMemberCall& call) {
  ASSIGN_OR_RETURN(UpdateMemberInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveOwnerAccess(call.principal(), input.member.list.group, "member.name"));
  const v1::Member& sent = call.request().member();
  MemberChanges changes;
  if (input.changes_role) changes.role = sent.role();
  if (input.changes_display_name) changes.display_name = sent.display_name();
  if (input.changes_mail) changes.mail = sent.mail();
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.UpdateMember(std::move(context), std::move(input.member), std::move(changes),
                     Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleRemoveMember(RemoveMemberCall& call) {
  ASSIGN_OR_RETURN(MemberName name, Validate(call.request()));
  const GroupName& group = name.list.group;
  const bool leaves = call.principal().is_user() && call.principal().id == name.user;
  ASSIGN_OR_RETURN(auto required_member, leaves
                                             ? ResolveAccess(call.principal(), group, "name")
                                             : ResolveOwnerAccess(call.principal(), group, "name"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.RemoveMember(std::move(context), std::move(name), Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleListMembers(ListMembersCall& call) {
  ASSIGN_OR_RETURN(ListMembersInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.parent.group, "parent"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.ListMembers(std::move(context), std::move(input.query),
                    PageFinisher(std::move(call), input.fingerprint, &MemberPage::members,
                                 &v1::ListMembersResponse::mutable_members));
  return absl::OkStatus();
}

absl::Status HandleAddSender(AddSenderCall& call) {
  ASSIGN_OR_RETURN(SenderName name, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveOwnerAccess(call.principal(), name.list.group, "parent"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.AddSender(std::move(context), std::move(name), Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleRemoveSender(RemoveSenderCall& call) {
  ASSIGN_OR_RETURN(SenderName name, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveOwnerAccess(call.principal(), name.list.group, "name"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.RemoveSender(std::move(context), std::move(name), Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleListSenders(ListSendersCall& call) {
  ASSIGN_OR_RETURN(ListSendersInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.parent.group, "parent"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.ListSenders(std::move(context), std::move(input.query),
                    PageFinisher(std::move(call), input.fingerprint, &SenderPage::senders,
                                 &v1::ListSendersResponse::mutable_senders));
  return absl::OkStatus();
}

// Users are not the store's: what is known of one is what its own credentials say.
absl::Status HandleGetUser(GetUserCall& call) {
  ASSIGN_OR_RETURN(const UserName name, Validate(call.request()));
  const Principal& principal = call.principal();
  v1::User user;
  ASSIGN_OR_RETURN(*user.mutable_id(), ResolveUser(principal, name, "name"));
  user.set_name(MakeUserName(user.id()));
  if (principal.is_user()) {
    user.set_display_name(principal.display_name);
    user.set_mail(principal.mail);
  }
  std::move(call).Finish(user);
  return absl::OkStatus();
}

}  // namespace

GroupServiceImpl::GroupServiceImpl(const ServiceContext& services) : UnaryService(services) {
  Serve(HandleCreateGroup);
  Serve(HandleGetGroup);
  Serve(HandleListGroups);
  Serve(HandleListJoinedGroups);
  Serve(HandleUpdateGroup);
  Serve(HandleDeleteGroup);
  Serve(HandleAddMember);
  Serve(HandleGetMember);
  Serve(HandleUpdateMember);
  Serve(HandleRemoveMember);
  Serve(HandleListMembers);
  Serve(HandleAddSender);
  Serve(HandleRemoveSender);
  Serve(HandleListSenders);
  Serve(HandleGetUser);
}

}  // namespace threadstore
