// Any bytes as a name of each kind: refused, or a name within one group whose canonical form is
// read as the same again, and which every alias of the group leads to.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/domain/change_query.h"
#include "server/domain/resource_name.h"
#include "tests/fuzz/require.h"

namespace threadstore::testing {
namespace {

// What a name was read as.
struct Reading {
  std::string canonical;
  std::string group;
  bool is_alias = false;  // Whether it is certain to be written otherwise than it was.
};

bool IsAlias(const GroupName& group) { return group.collection != GroupName::Collection::kGroups; }
bool IsAlias(const ThreadName& thread) {
  return IsAlias(thread.group) || thread.conversation.has_value();
}
bool IsAlias(const PostName& post) { return IsAlias(post.thread); }

Reading Read(const GroupName& name) { return {name.Canonical(), name.group, IsAlias(name)}; }
Reading Read(const ThreadParent& name) {
  return {name.Canonical(), name.group.group, IsAlias(name.group)};
}
Reading Read(const ConversationName& name) {
  return {MakeConversationName(name.group.group, name.conversation), name.group.group,
          IsAlias(name.group)};
}
Reading Read(const ChangeScope& name) {
  const bool is_alias =
      IsAlias(*name.group) || (name.conversation.has_value() && name.thread.has_value());
  return {name.Canonical(), name.group->group, is_alias};
}
Reading Read(const ThreadName& name) { return {name.Canonical(), name.group.group, IsAlias(name)}; }
Reading Read(const PostName& name) {
  return {name.Canonical(), name.thread.group.group, IsAlias(name)};
}
Reading Read(const AttachmentName& name) {
  return {MakeAttachmentName(name.post.Canonical(), name.attachment), name.post.thread.group.group,
          IsAlias(name.post)};
}
Reading Read(const ForwardName& name) {
  return {MakeForwardName(name.post.Canonical(), name.forward), name.post.thread.group.group,
          IsAlias(name.post)};
}
Reading Read(const ExtensionName& name) {
  return {MakeExtensionName(name.post.Canonical(), name.extension), name.post.thread.group.group,
          IsAlias(name.post)};
}
Reading Read(const SenderListName& name) {
  return {name.Canonical(), name.group.group, IsAlias(name.group)};
}
Reading Read(const SenderName& name) {
  return {MakeSenderName(name.list.group.group, name.list.list, name.sender), name.list.group.group,
          IsAlias(name.list.group)};
}
Reading Read(const MemberListName& name) {
  return {name.Canonical(), name.group.group, IsAlias(name.group)};
}
Reading Read(const MemberName& name) {
  return {name.Canonical(), name.list.group.group, IsAlias(name.list.group)};
}

// The name with the prefixes of extension ids, of which the canonical form has none, taken away.
std::string WithoutExtensionPrefix(absl::string_view name) {
  constexpr absl::string_view kSegment = "/extensions/";
  const size_t begin = name.find(kSegment);
  if (begin == absl::string_view::npos) return std::string(name);
  absl::string_view id = name.substr(begin + kSegment.size());
  while (absl::ConsumePrefix(&id, "microsoft.graph.openTypeExtension.") ||
         absl::ConsumePrefix(&id, "Microsoft.OutlookServices.OpenTypeExtension.")) {
  }
  return absl::StrCat(name.substr(0, begin), kSegment, id);
}

void RequireRefused(const absl::Status& status) {
  Require(absl::IsInvalidArgument(status) && !status.message().empty(), status.ToString());
}

template <typename Name>
void Try(absl::StatusOr<Name> (*parse)(absl::string_view), absl::string_view text) {
  const absl::StatusOr<Name> name = parse(text);
  if (!name.ok()) return RequireRefused(name.status());
  const Reading reading = Read(*name);
  const std::string& canonical = reading.canonical;

  Require(CheckGroupId(reading.group).ok(), reading.group);
  const std::string group = MakeGroupName(reading.group);
  Require(canonical == group || absl::StartsWith(canonical, group + "/"), canonical);
  Require(canonical.find("//") == std::string::npos && !absl::EndsWith(canonical, "/"), canonical);
  if (!reading.is_alias) {
    // Ids of the server's, and nothing else, are read in either case.
    Require(absl::EqualsIgnoreCase(WithoutExtensionPrefix(text), canonical), canonical);
  }

  const std::string in_group(absl::StripPrefix(canonical, "groups/"));
  for (const absl::string_view collection :
       {"groups/", "me/joinedGroups/", "users/someone@x/joinedGroups/"}) {
    const absl::StatusOr<Name> again = parse(absl::StrCat(collection, in_group));
    Require(again.ok(), again.status().ToString());
    Require(Read(*again).canonical == canonical, Read(*again).canonical);
  }
}

void TryUser(absl::string_view text) {
  const absl::StatusOr<UserName> user = ParseUserName(text);
  if (!user.ok()) return RequireRefused(user.status());
  Require(user->is_me == user->user.empty(), "both me and a user, or neither");
  Require((user->is_me ? "me" : MakeUserName(user->user)) == text, user->user);
  Require(user->is_me || CheckUserId(user->user).ok(), user->user);
}

void TryIds(absl::string_view text) {
  for (const absl::Status& status :
       {CheckGroupId(text), CheckUserId(text), CheckApplicationId(text)}) {
    if (!status.ok()) RequireRefused(status);
  }
  const absl::StatusOr<std::string> extension = ParseExtensionId(text);
  if (!extension.ok()) return RequireRefused(extension.status());
  Require(ParseExtensionId(*extension) == extension, *extension);
}

void TryAll(absl::string_view text) {
  Try(ParseGroupName, text);
  Try(ParseThreadParent, text);
  Try(ParseConversationName, text);
  Try(ParseChangeScope, text);
  Try(ParseThreadName, text);
  Try(ParsePostName, text);
  Try(ParseAttachmentName, text);
  Try(ParseExtensionName, text);
  Try(ParseForwardName, text);
  Try(ParseSenderListName, text);
  Try(ParseSenderName, text);
  Try(ParseMemberListName, text);
  Try(ParseMemberName, text);
  TryUser(text);
  TryIds(text);
}

}  // namespace
}  // namespace threadstore::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  threadstore::testing::TryAll({reinterpret_cast<const char*>(data), size});
  return 0;
}
