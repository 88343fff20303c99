#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/base/status_macros.h"
#include "server/domain/field_checks.h"
#include "server/domain/limits.h"
#include "server/domain/page_token.h"
#include "server/domain/validation.h"

namespace threadstore {
namespace {

using google::protobuf::RepeatedPtrField;

constexpr char kNoRole[] = "must be ROLE_MEMBER or ROLE_OWNER";

// Of a new member, or of a list: no role at all is one too.
void CheckRole(const std::string& field, v1::Member::Role role, const MemberListName& list,
               Violations& violations) {
  if (!v1::Member::Role_IsValid(role)) {
    violations.Add(field, kNoRole);
  } else if (list.owners_only && role == v1::Member::ROLE_MEMBER) {
    violations.Add(field, "must be ROLE_OWNER or not given under owners");
  }
}

// `path` is that of the member in the request.
void CheckNewMember(const std::string& path, const v1::Member& member, const MemberListName& list,
                    Violations& violations) {
  CheckStatus(path + ".id", CheckUserId(member.id()), violations);
  CheckMemberTexts(path, member, violations);
  CheckRole(path + ".role", member.role(), list, violations);
}

void CheckFirstMembers(const RepeatedPtrField<v1::Member>& members, Violations& violations) {
  if (!CheckCount("members", members.size(), kMaxMembersPerCreate, violations)) return;
  absl::flat_hash_set<absl::string_view> ids;
  for (int i = 0; i < members.size(); ++i) {
    const std::string path = absl::StrCat("members[", i, "]");
    CheckNewMember(path, members[i], MemberListName(), violations);
    if (!ids.insert(members[i].id()).second) {
      violations.Add(path + ".id", "must differ from those of the other members");
    }
  }
}

}  // namespace

absl::StatusOr<CreateGroupInput> Validate(const v1::CreateGroupRequest& request) {
  Violations violations;
  if (!request.group_id().empty()) {
    CheckStatus("group_id", CheckGroupId(request.group_id()), violations);
  }
  CheckGroupTexts("group", request.group(), violations);
  CheckFirstMembers(request.members(), violations);
  CreateGroupInput input;
  input.request_id = CheckRequestId(request.request_id(), violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<GroupName> Validate(const v1::GetGroupRequest& request) {
  return ValidateName("name", ParseGroupName(request.name()));
}

absl::StatusOr<UpdateGroupInput> Validate(const v1::UpdateGroupRequest& request) {
  Violations violations;
  const v1::Group& group = request.group();
  UpdateGroupInput input;
  input.group = violations.Take("group.name", ParseGroupName(group.name()));
  const UpdateMask mask(
      request.update_mask(),
      {"display_name", "mail", "allow_external_senders", "description", "mail_nickname"},
      violations);
  input.changes_display_name = mask.Changes("display_name", !group.display_name().empty());
  input.changes_mail = mask.Changes("mail", !group.mail().empty());
  input.changes_allow_external_senders =
      mask.Changes("allow_external_senders", group.allow_external_senders());
  input.changes_description = mask.Changes("description", !group.description().empty());
  input.changes_mail_nickname = mask.Changes("mail_nickname", !group.mail_nickname().empty());
  CheckGroupTexts("group", group, violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<GroupName> Validate(const v1::DeleteGroupRequest& request) {
  return ValidateName("name", ParseGroupName(request.name()));
}

absl::StatusOr<MemberListName> Validate(const v1::AddMemberRequest& request) {
  Violations violations;
  MemberListName list = violations.Take("parent", ParseMemberListName(request.parent()));
  CheckNewMember("member", request.member(), list, violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return list;
}

absl::StatusOr<MemberName> Validate(const v1::GetMemberRequest& request) {
  return ValidateName("name", ParseMemberName(request.name()));
}

absl::StatusOr<UpdateMemberInput> Validate(const v1::UpdateMemberRequest& request) {
  Violations violations;
  const v1::Member& member = request.member();
  UpdateMemberInput input;
  input.member = violations.Take("member.name", ParseMemberName(member.name()));
  const UpdateMask mask(request.update_mask(), {"role", "display_name", "mail"}, violations);
  input.changes_role = mask.Changes("role", member.role() != v1::Member::ROLE_UNSPECIFIED);
  input.changes_display_name = mask.Changes("display_name", !member.display_name().empty());
  input.changes_mail = mask.Changes("mail", !member.mail().empty());
  CheckMemberTexts("member", member, violations);
  // To change a role to none, as to a member's, would let a mask of `*` demote by accident.
  const bool is_role =
      member.role() == v1::Member::ROLE_MEMBER || member.role() == v1::Member::ROLE_OWNER;
  if (input.changes_role && !is_role) violations.Add("member.role", kNoRole);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<MemberName> Validate(const v1::RemoveMemberRequest& request) {
  return ValidateName("name", ParseMemberName(request.name()));
}

absl::StatusOr<ListMembersInput> Validate(const v1::ListMembersRequest& request) {
  Violations violations;
  ListMembersInput input;
  input.parent = violations.Take("parent", ParseMemberListName(request.parent()));
  CheckRole("role", request.role(), input.parent, violations);
  input.query.group = input.parent.group.group;
  if (input.parent.owners_only || request.role() != v1::Member::ROLE_UNSPECIFIED) {
    input.query.is_owner = request.role() != v1::Member::ROLE_MEMBER;
  }
  input.query.limit = CheckPageSize(request.page_size(), violations);
  input.fingerprint = QueryFingerprint(
      "ListMembers", input.parent.group.Canonical(), /*order=*/"",
      input.query.is_owner.has_value() ? (*input.query.is_owner ? "owners" : "others") : "");
  input.query.after_id =
      CheckPageToken(request.page_token(), input.fingerprint, violations).last_id();
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<SenderName> Validate(const v1::AddSenderRequest& request) {
  Violations violations;
  SenderName sender;
  sender.list = violations.Take("parent", ParseSenderListName(request.parent()));
  sender.sender = request.sender().id();
  CheckStatus("sender.id", CheckUserId(sender.sender), violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return sender;
}

absl::StatusOr<SenderName> Validate(const v1::RemoveSenderRequest& request) {
  return ValidateName("name", ParseSenderName(request.name()));
}

absl::StatusOr<ListSendersInput> Validate(const v1::ListSendersRequest& request) {
  Violations violations;
  ListSendersInput input;
  input.parent = violations.Take("parent", ParseSenderListName(request.parent()));
  input.query.list = input.parent;
  input.query.limit = CheckPageSize(request.page_size(), violations);
  input.fingerprint = QueryFingerprint("ListSenders", input.parent.Canonical());
  input.query.after_id =
      CheckPageToken(request.page_token(), input.fingerprint, violations).last_id();
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<ListGroupsInput> Validate(const v1::ListGroupsRequest& request) {
  Violations violations;
  ListGroupsInput input;
  input.query.limit = CheckPageSize(request.page_size(), violations);
  input.query.filter = CheckFilter(request.filter(), GroupFilterFields(), violations);
  input.query.count = request.include_total_size();
  input.fingerprint = QueryFingerprint("ListGroups", "", /*order=*/"", request.filter());
  input.query.after_id =
      CheckPageToken(request.page_token(), input.fingerprint, violations).last_id();
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<UserName> Validate(const v1::GetUserRequest& request) {
  return ValidateName("name", ParseUserName(request.name()));
}

absl::StatusOr<ListJoinedGroupsInput> Validate(const v1::ListJoinedGroupsRequest& request,
                                               absl::string_view calling_user) {
  Violations violations;
  ListJoinedGroupsInput input;
  input.user = violations.Take("parent", ParseUserName(request.parent()));
  input.query.limit = CheckPageSize(request.page_size(), violations);
  input.query.filter = CheckFilter(request.filter(), GroupFilterFields(), violations);
  input.fingerprint = QueryFingerprint(
      "ListJoinedGroups", input.user.is_me ? calling_user : absl::string_view(input.user.user),
      /*order=*/"", request.filter());
  input.query.after_id =
      CheckPageToken(request.page_token(), input.fingerprint, violations).last_id();
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

}  // namespace threadstore
