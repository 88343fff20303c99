#include "server/domain/resource_name.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/limits.h"
#include "tests/testing/status_matchers.h"

namespace threadstore {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

constexpr char kId[] = "01934f6e-8f00-7abc-8def-0123456789ab";
constexpr char kOther[] = "01934f6e-8f00-7abc-8def-0123456789ac";

TEST(ResourceNameTest, ThreadParentTakesEveryAlias) {
  struct Case {
    std::string name;
    GroupName::Collection collection;
    std::string user;
    bool in_conversation;
  };
  const std::string conversation = std::string("/conversations/") + kId;
  const Case cases[] = {
      {"groups/g", GroupName::Collection::kGroups, "", false},
      {"groups/g" + conversation, GroupName::Collection::kGroups, "", true},
      {"me/joinedGroups/g", GroupName::Collection::kMyJoinedGroups, "", false},
      {"me/joinedGroups/g" + conversation, GroupName::Collection::kMyJoinedGroups, "", true},
      {"users/a@b.c/joinedGroups/g", GroupName::Collection::kUserJoinedGroups, "a@b.c", false},
      {"users/Jo Ü/joinedGroups/g" + conversation, GroupName::Collection::kUserJoinedGroups, "Jo Ü",
       true},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    ASSERT_OK_AND_ASSIGN(const ThreadParent parent, ParseThreadParent(c.name));
    EXPECT_EQ(parent.group.group, "g");
    EXPECT_EQ(parent.group.collection, c.collection);
    EXPECT_EQ(parent.group.user, c.user);
    EXPECT_EQ(parent.conversation.has_value(), c.in_conversation);
    EXPECT_EQ(parent.Canonical(), "groups/g" + (c.in_conversation ? conversation : ""));
  }
}

TEST(ResourceNameTest, MalformedThreadParentsAreRefused) {
  for (const std::string& name : {
           std::string(""),
           std::string("/"),
           std::string("groups"),
           std::string("groups/"),
           std::string("/groups/g"),
           std::string("groups/g/"),
           std::string("groups//g"),
           std::string("Groups/g"),
           std::string("groups/."),
           std::string("groups/.."),
           std::string("groups/a b"),
           std::string("groups/ü"),
           std::string("groups/g\0", 9),
           std::string("groups/g/threads"),
           std::string("groups/g/conversations"),
           std::string("groups/g/conversations/"),
           std::string("groups/g/conversations/c"),
           std::string("groups/g/conversations/") + kId + "/",
           std::string("groups/g/conversations/") + kId + "/threads/" + kId,
           std::string("me"),
           std::string("me/joinedGroups"),
           std::string("me/groups/g"),
           std::string("users/joinedGroups/g"),
           std::string("users//joinedGroups/g"),
           std::string("users/a/groups/g"),
           std::string("groups/") + std::string(kMaxGroupIdBytes + 1, 'g'),
       }) {
    EXPECT_THAT(ParseThreadParent(name), StatusIs(absl::StatusCode::kInvalidArgument)) << name;
  }
}

TEST(ResourceNameTest, ThreadNameTakesEveryAlias) {
  const std::string thread = std::string("/threads/") + kId;
  const std::string through = std::string("/conversations/") + kOther + thread;
  for (const std::string prefix : {"groups/g", "me/joinedGroups/g", "users/u/joinedGroups/g"}) {
    ASSERT_OK_AND_ASSIGN(const ThreadName direct, ParseThreadName(prefix + thread));
    EXPECT_EQ(direct.thread.ToString(), kId);
    EXPECT_FALSE(direct.conversation.has_value());
    ASSERT_OK_AND_ASSIGN(const ThreadName scoped, ParseThreadName(prefix + through));
    EXPECT_EQ(scoped.thread.ToString(), kId);
    EXPECT_EQ(scoped.conversation->ToString(), kOther);
  }
  for (const std::string name :
       {"groups/g", "groups/g/threads", "groups/g/threads/", "groups/g/threads/x"}) {
    EXPECT_THAT(ParseThreadName(name), StatusIs(absl::StatusCode::kInvalidArgument)) << name;
  }
  EXPECT_THAT(ParseThreadName("groups/g" + thread + "/posts"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ResourceNameTest, UuidsInNamesAreOfEitherCase) {
  ASSERT_OK_AND_ASSIGN(const ThreadName name,
                       ParseThreadName("groups/g/threads/01934F6E-8F00-7ABC-8DEF-0123456789AB"));
  EXPECT_EQ(name.thread.ToString(), kId);
}

TEST(ResourceNameTest, WhatBelongsToAThreadTakesEveryAliasOfIt) {
  const std::string thread = std::string("/threads/") + kOther;
  const std::string through = std::string("/conversations/") + kOther + thread;
  const std::string post = std::string("/posts/") + kId;
  const std::string canonical = "groups/g" + thread + post;
  for (const std::string& prefix :
       {"groups/g" + thread, "me/joinedGroups/g" + thread, "users/ann/joinedGroups/g" + through}) {
    SCOPED_TRACE(prefix);
    ASSERT_OK_AND_ASSIGN(const PostName name, ParsePostName(prefix + post));
    EXPECT_EQ(name.Canonical(), canonical);
    ASSERT_OK_AND_ASSIGN(const AttachmentName attachment,
                         ParseAttachmentName(prefix + post + "/attachments/" + kOther));
    EXPECT_EQ(attachment.post.Canonical(), canonical);
    EXPECT_EQ(attachment.attachment.ToString(), kOther);
    ASSERT_OK_AND_ASSIGN(const ExtensionName extension,
                         ParseExtensionName(prefix + post + "/extensions/org.example.e-1_X"));
    EXPECT_EQ(extension.post.Canonical(), canonical);
    EXPECT_EQ(extension.extension, "org.example.e-1_X");
  }
  for (const std::string& bad : {"groups/g" + thread, "groups/g" + post, canonical + "/",
                                 canonical + "/attachments", "groups/g" + thread + "/posts/x"}) {
    EXPECT_THAT(ParsePostName(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
  for (const std::string& bad :
       {canonical, canonical + "/attachments", canonical + "/attachments/x",
        canonical + "/attachments/" + kId + "/"}) {
    EXPECT_THAT(ParseAttachmentName(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
}

TEST(ResourceNameTest, ExtensionsComeWithAndWithoutGraphsPrefix) {
  for (const std::string name : {"org.example", "microsoft.graph.openTypeExtension.org.example",
                                 "Microsoft.OutlookServices.OpenTypeExtension.org.example"}) {
    ASSERT_OK_AND_ASSIGN(const std::string id, ParseExtensionId(name));
    EXPECT_EQ(id, "org.example");
  }
  EXPECT_THAT(ParseExtensionId(std::string(kMaxExtensionNameBytes, 'e')), IsOk());
  for (const std::string& bad :
       {std::string(""), std::string("microsoft.graph.openTypeExtension."), std::string("a b"),
        std::string("a/b"), std::string("é"), std::string(kMaxExtensionNameBytes + 1, 'e')}) {
    EXPECT_THAT(ParseExtensionId(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
}

TEST(ResourceNameTest, ConversationName) {
  const std::string conversation = std::string("/conversations/") + kId;
  for (const std::string prefix : {"groups/g", "me/joinedGroups/g", "users/ann/joinedGroups/g"}) {
    ASSERT_OK_AND_ASSIGN(const ConversationName name, ParseConversationName(prefix + conversation));
    EXPECT_EQ(name.group.group, "g");
    EXPECT_EQ(name.conversation.ToString(), kId);
  }
  for (const std::string& bad :
       {std::string("groups/g"), std::string("groups/g/conversations"),
        std::string("groups/g/conversations/x"), "groups/g" + conversation + "/threads"}) {
    EXPECT_THAT(ParseConversationName(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
}

TEST(ResourceNameTest, Senders) {
  ASSERT_OK_AND_ASSIGN(const SenderListName list,
                       ParseSenderListName("me/joinedGroups/g/rejectedSenders"));
  EXPECT_EQ(list.Canonical(), "groups/g/rejectedSenders");
  ASSERT_OK_AND_ASSIGN(const SenderName sender,
                       ParseSenderName("groups/g/acceptedSenders/ann@example.org"));
  EXPECT_EQ(sender.list.Canonical(), "groups/g/acceptedSenders");
  EXPECT_EQ(sender.sender, "ann@example.org");
  EXPECT_EQ(MakeSenderName("g", SenderList::kAccepted, "ann@example.org"),
            "groups/g/acceptedSenders/ann@example.org");
  for (const std::string bad : {"groups/g", "groups/g/senders", "groups/g/acceptedSenders/ann"}) {
    EXPECT_THAT(ParseSenderListName(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
  for (const std::string bad : {"groups/g/acceptedSenders", "groups/g/acceptedSenders/",
                                "groups/g/acceptedSenders/a/b", "groups/g/members/ann"}) {
    EXPECT_THAT(ParseSenderName(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
}

TEST(ResourceNameTest, NamesAreBuiltAsTheyAreRead) {
  const Uuid id = *Uuid::Parse(kId);
  const std::string post = MakePostName("g", id, id);
  EXPECT_EQ(ParsePostName(post)->Canonical(), post);
  EXPECT_EQ(MakePostName(MakeThreadName("g", id), id), post);
  EXPECT_EQ(ParseAttachmentName(MakeAttachmentName(post, id))->attachment, id);
  EXPECT_EQ(ParseExtensionName(MakeExtensionName(post, "e"))->extension, "e");
  EXPECT_EQ(MakeForwardName(post, id), post + "/forwards/" + kId);
}

TEST(ResourceNameTest, WhateverBelongsToAGroupHasOneCanonicalName) {
  const std::string thread = absl::StrCat("/threads/", kId);
  const std::string in_conversation = absl::StrCat("/conversations/", kOther, thread);
  for (const char* group : {"groups/g", "me/joinedGroups/g", "users/ann/joinedGroups/g"}) {
    for (const std::string& rest :
         {std::string(), absl::StrCat("/conversations/", kId), thread,
          absl::StrCat(thread, "/posts/", kOther), std::string("/members/Ann"),
          std::string("/owners/ann"), std::string("/acceptedSenders/x y")}) {
      EXPECT_EQ(CanonicalName(group + rest), "groups/g" + rest);
    }
    EXPECT_EQ(CanonicalName(group + in_conversation), "groups/g" + thread);
    EXPECT_EQ(
        CanonicalName(absl::StrCat(group, in_conversation, "/posts/", absl::AsciiStrToUpper(kOther),
                                   "/extensions/microsoft.graph.openTypeExtension.e")),
        absl::StrCat("groups/g", thread, "/posts/", kOther, "/extensions/e"));
  }
  EXPECT_EQ(CanonicalName("users/ann"), "users/ann");
  EXPECT_EQ(CanonicalName(""), "");
}

TEST(ResourceNameTest, MemberName) {
  ASSERT_OK_AND_ASSIGN(const MemberName name, ParseMemberName("groups/g/members/ann@x.org"));
  EXPECT_EQ(name.list.group.group, "g");
  EXPECT_FALSE(name.list.owners_only);
  EXPECT_EQ(name.user, "ann@x.org");
  EXPECT_EQ(name.Canonical(), MakeMemberName("g", "ann@x.org"));
  ASSERT_OK_AND_ASSIGN(const MemberName owner, ParseMemberName("me/joinedGroups/g/owners/ann"));
  EXPECT_TRUE(owner.list.owners_only);
  EXPECT_EQ(owner.Canonical(), "groups/g/owners/ann");
  for (const std::string bad :
       {"groups/g/members", "groups/g/members/", "groups/g/members/a/b", "groups/g/member/a",
        "groups/g/members/a\x01", "groups/g/owners", "groups/g/owners/"}) {
    EXPECT_THAT(ParseMemberName(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
}

TEST(ResourceNameTest, MemberListName) {
  ASSERT_OK_AND_ASSIGN(const MemberListName members, ParseMemberListName("groups/g"));
  EXPECT_FALSE(members.owners_only);
  EXPECT_EQ(members.Canonical(), "groups/g");
  ASSERT_OK_AND_ASSIGN(const MemberListName owners,
                       ParseMemberListName("users/ann/joinedGroups/g/owners"));
  EXPECT_TRUE(owners.owners_only);
  EXPECT_EQ(owners.Canonical(), "groups/g/owners");
  for (const std::string bad :
       {"groups/g/members", "groups/g/owners/", "owners", "groups/owners/"}) {
    EXPECT_THAT(ParseMemberListName(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
}

TEST(ResourceNameTest, UserName) {
  ASSERT_OK_AND_ASSIGN(const UserName me, ParseUserName("me"));
  EXPECT_TRUE(me.is_me);
  ASSERT_OK_AND_ASSIGN(const UserName ann, ParseUserName("users/ann"));
  EXPECT_FALSE(ann.is_me);
  EXPECT_EQ(ann.user, "ann");
  for (const std::string bad : {"", "me/", "users", "users/", "users/a/b", "user/a"}) {
    EXPECT_THAT(ParseUserName(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
}

TEST(ResourceNameTest, GroupIdRules) {
  for (const std::string& id : {std::string("a"), std::string("A-Z_0.9~"), std::string("..."),
                                std::string(kMaxGroupIdBytes, 'g')}) {
    EXPECT_THAT(CheckGroupId(id), IsOk()) << id;
  }
  for (const std::string& id :
       {std::string(""), std::string("."), std::string(".."), std::string("a/b"), std::string("a%"),
        std::string("a\n"), std::string(kMaxGroupIdBytes + 1, 'g')}) {
    EXPECT_THAT(CheckGroupId(id),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1 to 128")))
        << id;
  }
}

TEST(ResourceNameTest, UserIdRules) {
  for (const std::string& id : {std::string("a"), std::string("Jürgen Müller"),
                                std::string("\xC2\xA0"), std::string(kMaxUserIdBytes, 'u')}) {
    EXPECT_THAT(CheckUserId(id), IsOk()) << id;
  }
  for (const std::string& id :
       {std::string(""), std::string("a/b"), std::string("a\0", 2), std::string("a\x7f"),
        std::string("\xC2\x85"), std::string("ev\xFFil"), std::string("\x80"), std::string("\t"),
        std::string(kMaxUserIdBytes + 1, 'u')}) {
    EXPECT_THAT(CheckUserId(id), StatusIs(absl::StatusCode::kInvalidArgument)) << id;
  }
}

}  // namespace
}  // namespace threadstore
