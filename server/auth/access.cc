#include "server/auth/access.h"

#include <string>
#include <utility>

#include "server/base/errors.h"
#include "server/base/status_macros.h"

namespace threadstore {

absl::StatusOr<std::string> ResolveUser(const Principal& principal, const UserName& name,
                                        absl::string_view field) {
  if (name.is_me) {
    if (!principal.is_user()) return UserRequiredError(std::string(field));
    return principal.id;
  }
  if (principal.is_user() && name.user != principal.id) return NotSelfError(name.user);
  return name.user;
}

namespace {

// By the members that the store knows.
absl::StatusOr<std::optional<RequiredMember>> ResolveMember(const Principal& principal,
                                                            const GroupName& group,
                                                            absl::string_view field) {
  RequiredMember member;
  if (group.collection == GroupName::Collection::kGroups) {
    if (!principal.is_user()) return std::nullopt;
    member.user = principal.id;
    return member;
  }
  UserName name;
  name.is_me = group.collection == GroupName::Collection::kMyJoinedGroups;
  name.user = group.user;
  ASSIGN_OR_RETURN(member.user, ResolveUser(principal, name, field));
  member.is_caller = principal.is_user();
  member.hides_group = true;
  return member;
}

}  // namespace

absl::StatusOr<std::optional<RequiredMember>> ResolveAccess(const Principal& principal,
                                                            const GroupName& group,
                                                            absl::string_view field) {
  ASSIGN_OR_RETURN(std::optional<RequiredMember> member, ResolveMember(principal, group, field));
  if (principal.is_user()) {
    member->is_vouched_for = principal.IsInGroup(group.group);
    member->display_name = principal.display_name;
    member->mail = principal.mail;
  }
  return member;
}

absl::StatusOr<std::optional<RequiredMember>> ResolveOwnerAccess(const Principal& principal,
                                                                 const GroupName& group,
                                                                 absl::string_view field) {
  ASSIGN_OR_RETURN(std::optional<RequiredMember> member, ResolveMember(principal, group, field));
  if (member.has_value()) member->must_be_owner = principal.is_user();
  return member;
}

}  // namespace threadstore
