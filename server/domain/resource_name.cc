#include "server/domain/resource_name.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/protobuf/stubs/common.h"
#include "server/base/status_macros.h"
#include "server/domain/change_query.h"
#include "server/domain/limits.h"

namespace threadstore {
namespace {

constexpr absl::string_view kMembers = "members";
constexpr absl::string_view kOwners = "owners";
constexpr absl::string_view kAcceptedSenders = "acceptedSenders";
constexpr absl::string_view kRejectedSenders = "rejectedSenders";

// What Graph puts before an extension's name to make its id: now, and in older versions.
constexpr absl::string_view kExtensionPrefixes[] = {"microsoft.graph.openTypeExtension.",
                                                    "Microsoft.OutlookServices.OpenTypeExtension."};

absl::Status Malformed(absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat("must be ", expected));
}

bool IsGroupIdCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '~' ||
         c == '-';
}

// The segments of a name, taken from the front one after another.
class Segments {
 public:
  // More than any name has: what is longer ends in a segment that is no id.
  static constexpr int kMaxSegments = 16;

  explicit Segments(absl::string_view name)
      : segments_(absl::StrSplit(name, absl::MaxSplits('/', kMaxSegments))) {}

  bool AtEnd() const { return next_ == segments_.size(); }

  // Takes the next segment if it is `literal`.
  bool TakeLiteral(absl::string_view literal) {
    if (AtEnd() || segments_[next_] != literal) return false;
    ++next_;
    return true;
  }

  // Takes the next segment, an id; empty at the end.
  absl::string_view TakeId() { return AtEnd() ? absl::string_view() : segments_[next_++]; }

 private:
  const std::vector<absl::string_view> segments_;
  size_t next_ = 0;
};

// Takes the group that every name but a user's begins with.
absl::StatusOr<GroupName> TakeGroup(Segments& segments, absl::string_view expected) {
  GroupName name;
  if (segments.TakeLiteral("me")) {
    name.collection = GroupName::Collection::kMyJoinedGroups;
    if (!segments.TakeLiteral("joinedGroups")) return Malformed(expected);
  } else if (segments.TakeLiteral("users")) {
    name.collection = GroupName::Collection::kUserJoinedGroups;
    name.user = std::string(segments.TakeId());
    RETURN_IF_ERROR(CheckUserId(name.user));
    if (!segments.TakeLiteral("joinedGroups")) return Malformed(expected);
  } else if (!segments.TakeLiteral("groups")) {
    return Malformed(expected);
  }
  name.group = std::string(segments.TakeId());
  RETURN_IF_ERROR(CheckGroupId(name.group));
  return name;
}

absl::StatusOr<Uuid> TakeUuid(Segments& segments, absl::string_view what) {
  const std::optional<Uuid> uuid = Uuid::Parse(segments.TakeId());
  if (!uuid.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat("the ", what, " id must be a UUID"));
  }
  return *uuid;
}

// Takes `/conversations/{conversation}` if it comes next.
absl::StatusOr<std::optional<Uuid>> TakeConversation(Segments& segments) {
  if (!segments.TakeLiteral("conversations")) return std::nullopt;
  ASSIGN_OR_RETURN(const Uuid conversation, TakeUuid(segments, "conversation"));
  return conversation;
}

absl::StatusOr<ThreadName> TakeThread(Segments& segments, absl::string_view expected) {
  ThreadName thread;
  ASSIGN_OR_RETURN(thread.group, TakeGroup(segments, expected));
  ASSIGN_OR_RETURN(thread.conversation, TakeConversation(segments));
  if (!segments.TakeLiteral("threads")) return Malformed(expected);
  ASSIGN_OR_RETURN(thread.thread, TakeUuid(segments, "thread"));
  return thread;
}

absl::StatusOr<PostName> TakePost(Segments& segments, absl::string_view expected) {
  PostName post;
  ASSIGN_OR_RETURN(post.thread, TakeThread(segments, expected));
  if (!segments.TakeLiteral("posts")) return Malformed(expected);
  ASSIGN_OR_RETURN(post.post, TakeUuid(segments, "post"));
  return post;
}

absl::StatusOr<SenderListName> TakeSenderList(Segments& segments, absl::string_view expected) {
  SenderListName list;
  ASSIGN_OR_RETURN(list.group, TakeGroup(segments, expected));
  if (segments.TakeLiteral(kRejectedSenders)) {
    list.list = SenderList::kRejected;
  } else if (!segments.TakeLiteral(kAcceptedSenders)) {
    return Malformed(expected);
  }
  return list;
}

std::string CanonicalId(absl::string_view collection, absl::string_view id) {
  if (collection == "extensions") return ParseExtensionId(id).value_or(std::string(id));
  if (collection == "threads" || collection == "posts" || collection == "attachments") {
    if (const std::optional<Uuid> uuid = Uuid::Parse(id); uuid.has_value()) return uuid->ToString();
  }
  return std::string(id);
}

bool IsExtensionNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
}

// Whether text is UTF-8 without control characters. Ids also come in headers, which may hold any
// bytes.
bool IsPrintable(absl::string_view text) {
  if (!google::protobuf::internal::IsStructurallyValidUTF8(text.data(),
                                                           static_cast<int>(text.size()))) {
    return false;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are control characters too.
    const bool is_c1 =
        byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (absl::ascii_iscntrl(byte) || is_c1) return false;
  }
  return true;
}

}  // namespace

std::string GroupName::Canonical() const { return MakeGroupName(group); }

std::string ThreadName::Canonical() const { return MakeThreadName(group.group, thread); }

std::string PostName::Canonical() const {
  return MakePostName(thread.group.group, thread.thread, post);
}

std::string SenderListName::Canonical() const { return MakeSenderListName(group.group, list); }

std::string MemberListName::Canonical() const {
  return owners_only ? absl::StrCat(group.Canonical(), "/", kOwners) : group.Canonical();
}

std::string MemberName::Canonical() const {
  return absl::StrCat(list.group.Canonical(), "/", list.owners_only ? kOwners : kMembers, "/",
                      user);
}

std::string ThreadParent::Canonical() const {
  return conversation.has_value() ? MakeConversationName(group.group, *conversation)
                                  : group.Canonical();
}

std::string ChangeScope::Canonical() const {
  if (!group.has_value()) return MakeGroupName("-");
  if (thread.has_value()) return MakeThreadName(group->group, *thread);
  return ThreadParent{*group, conversation}.Canonical();
}

std::string CanonicalName(absl::string_view name) {
  Segments segments(name);
  const absl::StatusOr<GroupName> group = TakeGroup(segments, "");
  if (!group.ok()) return std::string(name);
  const absl::StatusOr<std::optional<Uuid>> conversation = TakeConversation(segments);
  if (!conversation.ok()) return std::string(name);
  // A thread's canonical name does not say its conversation.
  std::string canonical = segments.AtEnd() && conversation->has_value()
                              ? MakeConversationName(group->group, **conversation)
                              : group->Canonical();
  while (!segments.AtEnd()) {
    const absl::string_view collection = segments.TakeId();
    absl::StrAppend(&canonical, "/", collection, "/", CanonicalId(collection, segments.TakeId()));
  }
  return canonical;
}

absl::StatusOr<GroupName> ParseGroupName(absl::string_view name) {
  constexpr absl::string_view kExpected = "groups/{group} or an alias of it";
  Segments segments(name);
  ASSIGN_OR_RETURN(GroupName group, TakeGroup(segments, kExpected));
  if (!segments.AtEnd()) return Malformed(kExpected);
  return group;
}

absl::StatusOr<ThreadParent> ParseThreadParent(absl::string_view name) {
  constexpr absl::string_view kExpected =
      "groups/{group}, groups/{group}/conversations/{conversation} or an alias of them";
  Segments segments(name);
  ThreadParent parent;
  ASSIGN_OR_RETURN(parent.group, TakeGroup(segments, kExpected));
  ASSIGN_OR_RETURN(parent.conversation, TakeConversation(segments));
  if (!segments.AtEnd()) return Malformed(kExpected);
  return parent;
}

absl::StatusOr<ChangeScope> ParseChangeScope(absl::string_view name) {
  constexpr absl::string_view kExpected =
      "groups/{group}, groups/{group}/conversations/{conversation}, "
      "groups/{group}/threads/{thread} or an alias of them";
  Segments segments(name);
  ChangeScope scope;
  ASSIGN_OR_RETURN(scope.group, TakeGroup(segments, kExpected));
  ASSIGN_OR_RETURN(scope.conversation, TakeConversation(segments));
  if (segments.TakeLiteral("threads")) {
    ASSIGN_OR_RETURN(scope.thread, TakeUuid(segments, "thread"));
  }
  if (!segments.AtEnd()) return Malformed(kExpected);
  return scope;
}

absl::StatusOr<ConversationName> ParseConversationName(absl::string_view name) {
  constexpr absl::string_view kExpected =
      "groups/{group}/conversations/{conversation} or an alias of it";
  Segments segments(name);
  ConversationName conversation;
  ASSIGN_OR_RETURN(conversation.group, TakeGroup(segments, kExpected));
  ASSIGN_OR_RETURN(const std::optional<Uuid> id, TakeConversation(segments));
  if (!id.has_value() || !segments.AtEnd()) return Malformed(kExpected);
  conversation.conversation = *id;
  return conversation;
}

absl::StatusOr<ThreadName> ParseThreadName(absl::string_view name) {
  constexpr absl::string_view kExpected = "groups/{group}/threads/{thread} or an alias of it";
  Segments segments(name);
  ASSIGN_OR_RETURN(ThreadName thread, TakeThread(segments, kExpected));
  if (!segments.AtEnd()) return Malformed(kExpected);
  return thread;
}

absl::StatusOr<PostName> ParsePostName(absl::string_view name) {
  constexpr absl::string_view kExpected =
      "groups/{group}/threads/{thread}/posts/{post} or an alias of it";
  Segments segments(name);
  ASSIGN_OR_RETURN(PostName post, TakePost(segments, kExpected));
  if (!segments.AtEnd()) return Malformed(kExpected);
  return post;
}

absl::StatusOr<AttachmentName> ParseAttachmentName(absl::string_view name) {
  constexpr absl::string_view kExpected =
      "groups/{group}/threads/{thread}/posts/{post}/attachments/{attachment} or an alias of it";
  Segments segments(name);
  AttachmentName attachment;
  ASSIGN_OR_RETURN(attachment.post, TakePost(segments, kExpected));
  if (!segments.TakeLiteral("attachments")) return Malformed(kExpected);
  ASSIGN_OR_RETURN(attachment.attachment, TakeUuid(segments, "attachment"));
  if (!segments.AtEnd()) return Malformed(kExpected);
  return attachment;
}

absl::StatusOr<ForwardName> ParseForwardName(absl::string_view name) {
  constexpr absl::string_view kExpected =
      "groups/{group}/threads/{thread}/posts/{post}/forwards/{forward} or an alias of it";
  Segments segments(name);
  ForwardName forward;
  ASSIGN_OR_RETURN(forward.post, TakePost(segments, kExpected));
  if (!segments.TakeLiteral("forwards")) return Malformed(kExpected);
  ASSIGN_OR_RETURN(forward.forward, TakeUuid(segments, "forward"));
  if (!segments.AtEnd()) return Malformed(kExpected);
  return forward;
}

absl::StatusOr<ExtensionName> ParseExtensionName(absl::string_view name) {
  constexpr absl::string_view kExpected =
      "groups/{group}/threads/{thread}/posts/{post}/extensions/{extension} or an alias of it";
  Segments segments(name);
  ExtensionName extension;
  ASSIGN_OR_RETURN(extension.post, TakePost(segments, kExpected));
  if (!segments.TakeLiteral("extensions")) return Malformed(kExpected);
  ASSIGN_OR_RETURN(extension.extension, ParseExtensionId(segments.TakeId()));
  if (!segments.AtEnd()) return Malformed(kExpected);
  return extension;
}

absl::StatusOr<SenderListName> ParseSenderListName(absl::string_view name) {
  constexpr absl::string_view kExpected =
      "groups/{group}/acceptedSenders, groups/{group}/rejectedSenders or an alias of them";
  Segments segments(name);
  ASSIGN_OR_RETURN(SenderListName list, TakeSenderList(segments, kExpected));
  if (!segments.AtEnd()) return Malformed(kExpected);
  return list;
}

absl::StatusOr<SenderName> ParseSenderName(absl::string_view name) {
  constexpr absl::string_view kExpected =
      "groups/{group}/acceptedSenders/{sender}, groups/{group}/rejectedSenders/{sender} or an "
      "alias of them";
  Segments segments(name);
  SenderName sender;
  ASSIGN_OR_RETURN(sender.list, TakeSenderList(segments, kExpected));
  sender.sender = std::string(segments.TakeId());
  RETURN_IF_ERROR(CheckUserId(sender.sender));
  if (!segments.AtEnd()) return Malformed(kExpected);
  return sender;
}

absl::StatusOr<MemberListName> ParseMemberListName(absl::string_view name) {
  constexpr absl::string_view kExpected =
      "groups/{group}, groups/{group}/owners or an alias of them";
  Segments segments(name);
  MemberListName list;
  ASSIGN_OR_RETURN(list.group, TakeGroup(segments, kExpected));
  list.owners_only = segments.TakeLiteral(kOwners);
  if (!segments.AtEnd()) return Malformed(kExpected);
  return list;
}

absl::StatusOr<MemberName> ParseMemberName(absl::string_view name) {
  constexpr absl::string_view kExpected =
      "groups/{group}/members/{user}, groups/{group}/owners/{user} or an alias of them";
  Segments segments(name);
  MemberName member;
  ASSIGN_OR_RETURN(member.list.group, TakeGroup(segments, kExpected));
  member.list.owners_only = segments.TakeLiteral(kOwners);
  if (!member.list.owners_only && !segments.TakeLiteral(kMembers)) return Malformed(kExpected);
  member.user = std::string(segments.TakeId());
  RETURN_IF_ERROR(CheckUserId(member.user));
  if (!segments.AtEnd()) return Malformed(kExpected);
  return member;
}

absl::StatusOr<UserName> ParseUserName(absl::string_view name) {
  constexpr absl::string_view kExpected = "me or users/{user}";
  Segments segments(name);
  UserName user;
  if (segments.TakeLiteral("me")) {
    user.is_me = true;
  } else if (segments.TakeLiteral("users")) {
    user.user = std::string(segments.TakeId());
    RETURN_IF_ERROR(CheckUserId(user.user));
  } else {
    return Malformed(kExpected);
  }
  if (!segments.AtEnd()) return Malformed(kExpected);
  return user;
}

absl::Status CheckGroupId(absl::string_view id) {
  if (id.empty() || id.size() > kMaxGroupIdBytes || id == "." || id == ".." ||
      !std::all_of(id.begin(), id.end(), IsGroupIdCharacter)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a group id must be 1 to ", kMaxGroupIdBytes,
                     " characters of A-Z a-z 0-9 . _ ~ - and neither . nor .."));
  }
  return absl::OkStatus();
}

absl::Status CheckUserId(absl::string_view id) {
  if (!id.empty() && id.size() <= kMaxUserIdBytes && IsPrintable(id) && !absl::StrContains(id, '/'))
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a user id must be 1 to ", kMaxUserIdBytes,
                   " bytes without / and without control characters"));
}

absl::Status CheckApplicationId(absl::string_view id) {
  if (!id.empty() && id.size() <= kMaxApplicationIdBytes && IsPrintable(id)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("an application id must be 1 to ",
                                                 kMaxApplicationIdBytes,
                                                 " bytes of UTF-8 without control characters"));
}

absl::StatusOr<std::string> ParseExtensionId(absl::string_view name) {
  // However often: what is left must be the same when it is parsed again.
  while (absl::ConsumePrefix(&name, kExtensionPrefixes[0]) ||
         absl::ConsumePrefix(&name, kExtensionPrefixes[1])) {
  }
  if (name.empty() || name == "." || name == ".." || name.size() > kMaxExtensionNameBytes ||
      !std::all_of(name.begin(), name.end(), IsExtensionNameCharacter)) {
    return absl::InvalidArgumentError(absl::StrCat("an extension's name must be 1 to ",
                                                   kMaxExtensionNameBytes,
                                                   " characters of A-Z a-z 0-9 . _ -"));
  }
  return std::string(name);
}

std::string MakeGroupName(absl::string_view group) { return absl::StrCat("groups/", group); }

std::string MakeUserName(absl::string_view user) { return absl::StrCat("users/", user); }

std::string MakeMemberName(absl::string_view group, absl::string_view user) {
  return absl::StrCat(MakeGroupName(group), "/", kMembers, "/", user);
}

std::string MakeConversationName(absl::string_view group, const Uuid& conversation) {
  return absl::StrCat("groups/", group, "/conversations/", conversation.ToString());
}

std::string MakeThreadName(absl::string_view group, const Uuid& thread) {
  return absl::StrCat("groups/", group, "/threads/", thread.ToString());
}

std::string MakePostName(absl::string_view group, const Uuid& thread, const Uuid& post) {
  return MakePostName(MakeThreadName(group, thread), post);
}

std::string MakePostName(absl::string_view thread_name, const Uuid& post) {
  return absl::StrCat(thread_name, "/posts/", post.ToString());
}

std::string MakeAttachmentName(absl::string_view post_name, const Uuid& attachment) {
  return absl::StrCat(post_name, "/attachments/", attachment.ToString());
}

std::string MakeExtensionName(absl::string_view post_name, absl::string_view extension) {
  return absl::StrCat(post_name, "/extensions/", extension);
}

std::string MakeForwardName(absl::string_view post_name, const Uuid& forward) {
  return absl::StrCat(post_name, "/forwards/", forward.ToString());
}

std::string MakeSenderListName(absl::string_view group, SenderList list) {
  return absl::StrCat(MakeGroupName(group), "/",
                      list == SenderList::kAccepted ? kAcceptedSenders : kRejectedSenders);
}

std::string MakeSenderName(absl::string_view group, SenderList list, absl::string_view sender) {
  return absl::StrCat(MakeSenderListName(group, list), "/", sender);
}

}  // namespace threadstore
