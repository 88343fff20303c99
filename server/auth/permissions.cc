#include "server/auth/permissions.h"

#include <algorithm>
#include <iterator>

#include "server/auth/principal.h"
#include "server/base/errors.h"

namespace threadstore {
namespace {

constexpr Permission kPermissions[] = {kGroupConversationRead, kGroupConversationReadWrite,
                                       kGroupRead, kGroupReadWrite, kAdmin};

constexpr Permissions kReadsConversations =
    kGroupConversationRead | kGroupConversationReadWrite | kGroupRead | kGroupReadWrite;
constexpr Permissions kWritesConversations = kGroupConversationReadWrite | kGroupReadWrite;
constexpr Permissions kReadsGroups = kGroupRead | kGroupReadWrite | kAdmin;

// Any one of a rule's permissions is enough. That a user acts only on groups it is in, and only
// owners manage them, is checked by the store.
struct Rule {
  absl::string_view method;
  Permissions for_users;
  Permissions for_applications;
};

constexpr Rule kRules[] = {
    {"threadstore.v1.AdminService.ExportThreads", kAdmin, kAdmin},
    {"threadstore.v1.AdminService.ImportThreads", kAdmin, kAdmin},
    {"threadstore.v1.ConversationService.CreateConversation", kWritesConversations,
     kWritesConversations},
    {"threadstore.v1.ConversationService.DeleteConversation", kWritesConversations,
     kWritesConversations},
    {"threadstore.v1.ConversationService.GetConversation", kReadsConversations,
     kReadsConversations},
    {"threadstore.v1.ConversationService.ListConversations", kReadsConversations,
     kReadsConversations},
    {"threadstore.v1.GroupService.AddMember", kGroupReadWrite, kAdmin},
    {"threadstore.v1.GroupService.AddSender", kGroupReadWrite, kAdmin},
    {"threadstore.v1.GroupService.CreateGroup", kGroupReadWrite, kAdmin},
    {"threadstore.v1.GroupService.DeleteGroup", kGroupReadWrite, kAdmin},
    {"threadstore.v1.GroupService.GetGroup", kReadsGroups, kReadsGroups},
    {"threadstore.v1.GroupService.GetMember", kReadsGroups, kReadsGroups},
    {"threadstore.v1.GroupService.GetUser", kReadsGroups | kReadsConversations,
     kReadsGroups | kReadsConversations},
    {"threadstore.v1.GroupService.ListGroups", kReadsGroups, kReadsGroups},
    {"threadstore.v1.GroupService.ListJoinedGroups", kReadsGroups, kReadsGroups},
    {"threadstore.v1.GroupService.ListMembers", kReadsGroups, kReadsGroups},
    {"threadstore.v1.GroupService.ListSenders", kReadsGroups, kReadsGroups},
    {"threadstore.v1.GroupService.RemoveMember", kGroupReadWrite, kAdmin},
    {"threadstore.v1.GroupService.RemoveSender", kGroupReadWrite, kAdmin},
    {"threadstore.v1.GroupService.UpdateGroup", kGroupReadWrite, kAdmin},
    {"threadstore.v1.GroupService.UpdateMember", kGroupReadWrite, kAdmin},
    {"threadstore.v1.PostService.CreateAttachment", kWritesConversations, kWritesConversations},
    {"threadstore.v1.PostService.CreateExtension", kWritesConversations, kWritesConversations},
    {"threadstore.v1.PostService.DeleteExtension", kWritesConversations, kWritesConversations},
    {"threadstore.v1.PostService.DeletePost", kWritesConversations, kWritesConversations},
    {"threadstore.v1.PostService.ForwardPost", kWritesConversations, kWritesConversations},
    {"threadstore.v1.PostService.GetAttachment", kReadsConversations, kReadsConversations},
    {"threadstore.v1.PostService.GetExtension", kReadsConversations, kReadsConversations},
    {"threadstore.v1.PostService.GetPost", kReadsConversations, kReadsConversations},
    {"threadstore.v1.PostService.ListAttachments", kReadsConversations, kReadsConversations},
    {"threadstore.v1.PostService.ListExtensions", kReadsConversations, kReadsConversations},
    {"threadstore.v1.PostService.ListPosts", kReadsConversations, kReadsConversations},
    {"threadstore.v1.PostService.ReplyToPost", kWritesConversations, kWritesConversations},
    {"threadstore.v1.PostService.UpdateExtension", kWritesConversations, kWritesConversations},
    {"threadstore.v1.PostService.UpdatePost", kWritesConversations, kWritesConversations},
    {"threadstore.v1.ThreadService.CreateThread", kWritesConversations, kWritesConversations},
    {"threadstore.v1.ThreadService.DeleteThread", kWritesConversations, kWritesConversations},
    {"threadstore.v1.ThreadService.GetThread", kReadsConversations, kReadsConversations},
    {"threadstore.v1.ThreadService.ListThreadChanges", kReadsConversations, kReadsConversations},
    {"threadstore.v1.ThreadService.ListThreads", kReadsConversations, kReadsConversations},
    {"threadstore.v1.ThreadService.ReplyToThread", kWritesConversations, kWritesConversations},
    {"threadstore.v1.ThreadService.SearchThreads", kReadsConversations, kReadsConversations},
    {"threadstore.v1.ThreadService.UpdateThread", kWritesConversations, kWritesConversations},
    {"threadstore.v1.ThreadService.WatchThreads", kReadsConversations, kReadsConversations},
};

const Rule* FindRule(absl::string_view method) {
  const auto* rule = std::find_if(std::begin(kRules), std::end(kRules),
                                  [method](const Rule& r) { return r.method == method; });
  return rule == std::end(kRules) ? nullptr : rule;
}

// Permissions are numbered from the least to the most.
Permission LeastOf(Permissions permissions) {
  return static_cast<Permission>(permissions & (~permissions + 1));
}

}  // namespace

absl::string_view PermissionName(Permission permission) {
  switch (permission) {
    case kGroupConversationRead:
      return "Group-Conversation.Read.All";
    case kGroupConversationReadWrite:
      return "Group-Conversation.ReadWrite.All";
    case kGroupRead:
      return "Group.Read.All";
    case kGroupReadWrite:
      return "Group.ReadWrite.All";
    case kAdmin:
      return "Threadstore.Admin";
  }
  return "";
}

std::optional<Permission> PermissionNamed(absl::string_view name) {
  for (const Permission permission : kPermissions) {
    if (PermissionName(permission) == name) return permission;
  }
  return std::nullopt;
}

std::vector<absl::string_view> PermissionNames() {
  std::vector<absl::string_view> names;
  for (const Permission permission : kPermissions) names.push_back(PermissionName(permission));
  return names;
}

absl::Status CheckPermission(const Principal& principal, absl::string_view method) {
  const Rule* rule = FindRule(method);
  // A method without a rule is closed to everyone but administrators.
  Permissions sufficient = kAdmin;
  if (rule != nullptr) sufficient = principal.is_user() ? rule->for_users : rule->for_applications;
  if ((principal.permissions & sufficient) != 0) return absl::OkStatus();
  return MissingPermissionError(PermissionName(LeastOf(sufficient)));
}

bool HasPermissionRule(absl::string_view method) { return FindRule(method) != nullptr; }

}  // namespace threadstore
