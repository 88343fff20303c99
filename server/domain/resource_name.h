#ifndef THREADSTORE_SERVER_DOMAIN_RESOURCE_NAME_H_
#define THREADSTORE_SERVER_DOMAIN_RESOURCE_NAME_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/uuid.h"

// Resource names, parsed and built in one place. A parser takes the canonical name and every
// alias of it, and on failure returns an INVALID_ARGUMENT whose message is the description of
// a field violation, without the field.
namespace threadstore {

// The beginning of a name: a group, and how the caller came to it.
struct GroupName {
  enum class Collection {
    kGroups,            // groups/{group}
    kMyJoinedGroups,    // me/joinedGroups/{group}
    kUserJoinedGroups,  // users/{user}/joinedGroups/{group}
  };

  Collection collection = Collection::kGroups;
  std::string user;  // Of kUserJoinedGroups, otherwise empty.
  std::string group;

  // `groups/{group}`.
  std::string Canonical() const;
};

// What threads are created in and listed by: a group or one of its conversations.
struct ThreadParent {
  GroupName group;
  std::optional<Uuid> conversation;

  // `groups/{group}` or `groups/{group}/conversations/{conversation}`.
  std::string Canonical() const;
};

// A thread; `conversation` if the name goes through one.
struct ThreadName {
  GroupName group;
  std::optional<Uuid> conversation;
  Uuid thread;
};

struct MemberName {
  GroupName group;
  std::string user;
};

// The parent of ListJoinedGroups.
struct UserName {
  bool is_me = false;
  std::string user;  // Empty if is_me.
};

absl::StatusOr<GroupName> ParseGroupName(absl::string_view name);
absl::StatusOr<ThreadParent> ParseThreadParent(absl::string_view name);
absl::StatusOr<ThreadName> ParseThreadName(absl::string_view name);
absl::StatusOr<MemberName> ParseMemberName(absl::string_view name);
absl::StatusOr<UserName> ParseUserName(absl::string_view name);

// The rules for the ids that callers choose; the message is a violation's description.
absl::Status CheckGroupId(absl::string_view id);
absl::Status CheckUserId(absl::string_view id);

std::string MakeGroupName(absl::string_view group);
std::string MakeMemberName(absl::string_view group, absl::string_view user);
std::string MakeConversationName(absl::string_view group, const Uuid& conversation);
std::string MakeThreadName(absl::string_view group, const Uuid& thread);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_RESOURCE_NAME_H_
