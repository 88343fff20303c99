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

  // `groups/{group}/threads/{thread}`.
  std::string Canonical() const;
};

// A conversation; its threads have it as their ThreadParent.
struct ConversationName {
  GroupName group;
  Uuid conversation;
};

// What belongs to a thread: the thread's name, by whichever way, and an id.
struct PostName {
  ThreadName thread;
  Uuid post;

  // `groups/{group}/threads/{thread}/posts/{post}`.
  std::string Canonical() const;
};

struct AttachmentName {
  PostName post;
  Uuid attachment;
};

struct ForwardName {
  PostName post;
  Uuid forward;
};

// `extension` is the short name, whatever prefix it came with.
struct ExtensionName {
  PostName post;
  std::string extension;
};

// The two lists of senders that a group has.
enum class SenderList { kAccepted, kRejected };

struct SenderListName {
  GroupName group;
  SenderList list = SenderList::kAccepted;

  // `groups/{group}/acceptedSenders` or `groups/{group}/rejectedSenders`.
  std::string Canonical() const;
};

struct SenderName {
  SenderListName list;
  std::string sender;
};

// The members of a group, owners among them, or its owners alone.
struct MemberListName {
  GroupName group;
  bool owners_only = false;

  // `groups/{group}` or `groups/{group}/owners`.
  std::string Canonical() const;
};

// A member, looked for on a list.
struct MemberName {
  MemberListName list;
  std::string user;

  // `groups/{group}/members/{user}` or `groups/{group}/owners/{user}`. The former is what a member
  // is called in answers.
  std::string Canonical() const;
};

// A user: the parent of ListJoinedGroups, and the name of GetUser.
struct UserName {
  bool is_me = false;
  std::string user;  // Empty if is_me.
};

// The canonical name of whatever belongs to a group, so that nobody needs to know the aliases to
// find it in a log. What is no such name stays as it is.
std::string CanonicalName(absl::string_view name);

absl::StatusOr<GroupName> ParseGroupName(absl::string_view name);
absl::StatusOr<ThreadParent> ParseThreadParent(absl::string_view name);
absl::StatusOr<ThreadName> ParseThreadName(absl::string_view name);
absl::StatusOr<ConversationName> ParseConversationName(absl::string_view name);
absl::StatusOr<PostName> ParsePostName(absl::string_view name);
absl::StatusOr<AttachmentName> ParseAttachmentName(absl::string_view name);
absl::StatusOr<ExtensionName> ParseExtensionName(absl::string_view name);
absl::StatusOr<ForwardName> ParseForwardName(absl::string_view name);
absl::StatusOr<SenderListName> ParseSenderListName(absl::string_view name);
absl::StatusOr<SenderName> ParseSenderName(absl::string_view name);
absl::StatusOr<MemberListName> ParseMemberListName(absl::string_view name);
absl::StatusOr<MemberName> ParseMemberName(absl::string_view name);
absl::StatusOr<UserName> ParseUserName(absl::string_view name);

// The rules for the ids that callers choose; the message is a violation's description.
absl::Status CheckGroupId(absl::string_view id);
absl::Status CheckUserId(absl::string_view id);

// The rule for the names of applications, which come from credentials.
absl::Status CheckApplicationId(absl::string_view id);

// The short name of an extension; INVALID_ARGUMENT as above if it is none.
absl::StatusOr<std::string> ParseExtensionId(absl::string_view name);

std::string MakeGroupName(absl::string_view group);
std::string MakeUserName(absl::string_view user);
std::string MakeMemberName(absl::string_view group, absl::string_view user);
std::string MakeConversationName(absl::string_view group, const Uuid& conversation);
std::string MakeThreadName(absl::string_view group, const Uuid& thread);
std::string MakePostName(absl::string_view group, const Uuid& thread, const Uuid& post);

// `thread_name` and `post_name` are canonical.
std::string MakePostName(absl::string_view thread_name, const Uuid& post);
std::string MakeAttachmentName(absl::string_view post_name, const Uuid& attachment);
std::string MakeExtensionName(absl::string_view post_name, absl::string_view extension);
std::string MakeForwardName(absl::string_view post_name, const Uuid& forward);

std::string MakeSenderListName(absl::string_view group, SenderList list);
std::string MakeSenderName(absl::string_view group, SenderList list, absl::string_view sender);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_RESOURCE_NAME_H_
