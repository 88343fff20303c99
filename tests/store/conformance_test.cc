#include "tests/store/conformance.h"

#include <functional>
#include <future>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/domain/limits.h"
#include "tests/testing/store_block.h"

namespace threadstore::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// --- Groups

TEST_F(Conformance, GroupIsReturnedAsStored) {
  const v1::Group group = MakeGroup("g");
  EXPECT_THAT(db_->CreateGroup({}, group), IsOkAndHolds(EqualsProto(group)));
  EXPECT_THAT(db_->GetGroup({}, "g"), IsOkAndHolds(EqualsProto(group)));
  Open({});
  EXPECT_THAT(db_->GetGroup({}, "g"), IsOkAndHolds(EqualsProto(group)));
}

TEST_F(Conformance, GroupIdsAreUniqueAndCaseSensitive) {
  CreateGroup("g");
  EXPECT_THAT(db_->CreateGroup({}, MakeGroup("g")), HasReason(v1::ERROR_REASON_RESOURCE_EXISTS));
  CreateGroup("G");
  EXPECT_THAT(db_->GetGroup({}, "x"), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
}

TEST_F(Conformance, OwnerIsStoredWithItsGroup) {
  const v1::Member ann = MakeMember("g", "ann", v1::Member::ROLE_OWNER);
  ASSERT_THAT(db_->CreateGroup({}, MakeGroup("g"), ann), IsOk());
  const auto members = db_->ListMembers({}, {.group = "g", .limit = 10});
  ASSERT_THAT(members, IsOk());
  EXPECT_THAT(members->members, ElementsAre(EqualsProto(ann)));
}

TEST_F(Conformance, FirstMembersAreStoredWithTheirGroup) {
  const v1::Member ann = MakeMember("g", "ann", v1::Member::ROLE_OWNER);
  const v1::Member bob = MakeMember("g", "bob");
  const v1::Member cyd = MakeMember("g", "cyd", v1::Member::ROLE_OWNER);
  ASSERT_THAT(db_->CreateGroup({}, MakeGroup("g"), std::vector<v1::Member>{cyd, ann, bob}), IsOk());
  EXPECT_THAT(db_->ListMembers({}, {.group = "g", .limit = 10})->members,
              ElementsAre(EqualsProto(ann), EqualsProto(bob), EqualsProto(cyd)));
  EXPECT_THAT(db_->CreateGroup({}, MakeGroup("g"), std::vector<v1::Member>{MakeMember("g", "dan")}),
              HasReason(v1::ERROR_REASON_RESOURCE_EXISTS));
  EXPECT_THAT(db_->GetMember({}, MemberOf("g", "dan")),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
}

TEST_F(Conformance, GroupsAreListedByIdInPages) {
  for (const char* id : {"b", "a", "C", "d"}) CreateGroup(id);
  auto page = db_->ListGroups({}, {.limit = 3});
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(IdsOf(page->groups), ElementsAre("C", "a", "b"));
  EXPECT_TRUE(page->has_more);
  page = db_->ListGroups({}, {.after_id = "b", .limit = 3});
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(IdsOf(page->groups), ElementsAre("d"));
  EXPECT_FALSE(page->has_more);
  page = db_->ListGroups({}, {.after_id = "a", .limit = 2});
  EXPECT_FALSE(page->has_more) << "a full page that is the last";
}

TEST_F(Conformance, GroupsOfAMemberAreThoseItIsIn) {
  for (const char* id : {"a", "b", "c"}) CreateGroup(id);
  ASSERT_THAT(db_->AddMember({}, "a", MakeMember("a", "ann")), IsOk());
  ASSERT_THAT(db_->AddMember({}, "c", MakeMember("c", "ann")), IsOk());
  ASSERT_THAT(db_->AddMember({}, "b", MakeMember("b", "bob")), IsOk());
  const auto page = db_->ListGroups({}, {.member = "ann", .limit = 1});
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(IdsOf(page->groups), ElementsAre("a"));
  EXPECT_TRUE(page->has_more);
  const auto rest = db_->ListGroups({}, {.member = "ann", .after_id = "a", .limit = 5});
  EXPECT_THAT(IdsOf(rest->groups), ElementsAre("c"));
  EXPECT_THAT(db_->ListGroups({}, {.member = "eve", .limit = 5})->groups, IsEmpty());
}

TEST_F(Conformance, GroupsOfAUserAreAlsoThoseItsCredentialsName) {
  for (const char* id : {"a", "b", "c", "d", "e"}) CreateGroup(id);
  for (const char* id : {"b", "d"}) {
    ASSERT_THAT(db_->AddMember({}, id, MakeMember(id, "ann")), IsOk());
  }
  GroupQuery query{.member = "ann", .vouched = {"a", "d", "e", "none"}, .limit = 2, .count = true};
  auto page = db_->ListGroups({}, query);
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(IdsOf(page->groups), ElementsAre("a", "b"));
  EXPECT_TRUE(page->has_more);
  EXPECT_EQ(page->total_size, 4);
  query.after_id = "b";
  query.limit = 5;
  page = db_->ListGroups({}, query);
  EXPECT_THAT(IdsOf(page->groups), ElementsAre("d", "e"));
  ASSERT_THAT(db_->DeleteGroup({}, "e"), IsOk());
  query.filter = ParseFilter("id ne 'd'", GroupFilterFields()).value();
  query.after_id.clear();
  EXPECT_THAT(IdsOf(db_->ListGroups({}, query)->groups), ElementsAre("a", "b"));
}

TEST_F(Conformance, WhoIsVouchedForNeedsNoMembership) {
  CreateGroup("g");
  RequiredMember eve{.user = "eve", .is_vouched_for = true};
  EXPECT_THAT(db_->GetGroup(As(eve), "g"), IsOk());
  EXPECT_THAT(db_->GetGroup(As(eve), "none"), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  eve.must_be_owner = true;
  EXPECT_THAT(db_->DeleteGroup(As(eve), "g"), HasReason(v1::ERROR_REASON_NOT_A_MEMBER));
}

TEST_F(Conformance, GroupsAreFiltered) {
  for (const char* id : {"a", "b", "c", "d"}) CreateGroup(id);
  GroupChanges changes;
  changes.mail_nickname = "sales";
  for (const char* id : {"b", "d"}) ASSERT_THAT(db_->UpdateGroup({}, id, changes), IsOk());
  for (const char* id : {"a", "b"}) {
    ASSERT_THAT(db_->AddMember({}, id, MakeMember(id, "ann")), IsOk());
  }
  const auto ids = [&](const std::string& filter, const std::optional<std::string>& member = {}) {
    GroupQuery query;
    query.member = member;
    query.filter = ParseFilter(filter, GroupFilterFields()).value();
    query.limit = 1;
    std::vector<std::string> found;
    while (true) {
      const auto page = db_->ListGroups({}, query);
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) return found;
      for (const v1::Group& group : page->groups) found.push_back(group.id());
      if (!page->has_more) return found;
      query.after_id = page->last;
    }
  };
  EXPECT_THAT(ids("mailNickname eq 'sales'"), ElementsAre("b", "d"));
  EXPECT_THAT(ids("mailNickname eq 'sales'", "ann"), ElementsAre("b"));
  EXPECT_THAT(ids("id in ('a', 'c', 'x')"), ElementsAre("a", "c"));
  EXPECT_THAT(ids("startswith(displayName, 'Display') and mail ne 'a@example.com'"),
              ElementsAre("b", "c", "d"));
  EXPECT_THAT(ids("description eq 'What c is for'"), ElementsAre("c"));
  EXPECT_THAT(ids("createdDateTime lt 2000-01-01T00:00:00Z"), IsEmpty());
  EXPECT_THAT(ids("groupTypes/any(c:c eq 'Unified')", "ann"), ElementsAre("a", "b"));
  EXPECT_THAT(ids("groupTypes/any(c:c eq 'Other') or securityEnabled eq true"), IsEmpty());
  EXPECT_THAT(ids("mailEnabled and id le 'b'"), ElementsAre("a", "b"));
}

TEST_F(Conformance, DeletedGroupIsGoneForEveryReaderAndItsIdIsFree) {
  ASSERT_THAT(db_->CreateGroup({}, MakeGroup("g"), MakeMember("g", "ann", v1::Member::ROLE_OWNER)),
              IsOk());
  ASSERT_THAT(db_->DeleteGroup({}, "g"), IsOk());
  EXPECT_THAT(db_->GetGroup({}, "g"), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  EXPECT_THAT(db_->DeleteGroup({}, "g"), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  EXPECT_THAT(db_->ListGroups({}, {.limit = 5})->groups, IsEmpty());
  EXPECT_THAT(db_->ListGroups({}, {.member = "ann", .limit = 5})->groups, IsEmpty());
  EXPECT_THAT(db_->ListMembers({}, {.group = "g", .limit = 5}),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  CreateGroup("g");
  EXPECT_THAT(db_->ListMembers({}, {.group = "g", .limit = 5})->members, IsEmpty())
      << "a new group has none of the old one's members";
}

TEST_F(Conformance, GroupWithThreadsIsNotDeleted) {
  CreateGroup("g");
  CreateThread("g");
  EXPECT_THAT(db_->DeleteGroup({}, "g"), HasReason(v1::ERROR_REASON_GROUP_NOT_EMPTY));
  EXPECT_THAT(db_->GetGroup({}, "g"), IsOk());
}

TEST_F(Conformance, GroupDeletedByForceTakesItsThreadsWithIt) {
  CreateGroup("g");
  CreateGroup("other");
  const v1::ConversationThread thread = CreateThread("g");
  const Uuid id = *Uuid::Parse(thread.id());
  const Uuid conversation = *Uuid::Parse(thread.conversation_id());
  CreateThread("g", "topic: 'second'", conversation);
  const v1::ConversationThread kept = CreateThread("other");
  ASSERT_THAT(db_->DeleteGroup({}, "g", /*force=*/true), IsOk());
  const auto check_gone = [&] {
    EXPECT_THAT(db_->GetThread({}, "g", std::nullopt, id),
                HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
    EXPECT_THAT(db_->GetThread({}, "g", conversation, id),
                HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
    EXPECT_THAT(db_->CreateThread({}, "g", conversation, MakeThread("g", "", conversation)),
                HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  };
  check_gone();
  CreateGroup("g");
  check_gone();
  EXPECT_THAT(db_->ListThreads({}, {.group = "g", .limit = 5})->threads, IsEmpty());
  EXPECT_THAT(db_->GetThread({}, "other", std::nullopt, *Uuid::Parse(kept.id())),
              IsOkAndHolds(EqualsProto(kept)));
}

// --- Members

TEST_F(Conformance, MembersAreListedByIdInPages) {
  CreateGroup("g");
  for (const char* user : {"bob", "Ann", "cyd"}) {
    const v1::Member member = MakeMember("g", user);
    EXPECT_THAT(db_->AddMember({}, "g", member), IsOkAndHolds(EqualsProto(member)));
  }
  auto page = db_->ListMembers({}, {.group = "g", .limit = 2});
  EXPECT_THAT(IdsOf(page->members), ElementsAre("Ann", "bob"));
  EXPECT_TRUE(page->has_more);
  page = db_->ListMembers({}, {.group = "g", .after_id = "bob", .limit = 2});
  EXPECT_THAT(page->members, ElementsAre(EqualsProto(MakeMember("g", "cyd"))));
  EXPECT_FALSE(page->has_more);
}

TEST_F(Conformance, MemberIsAddedOnce) {
  CreateGroup("g");
  ASSERT_THAT(db_->AddMember({}, "g", MakeMember("g", "ann")), IsOk());
  EXPECT_THAT(db_->AddMember({}, "g", MakeMember("g", "ann", v1::Member::ROLE_OWNER)),
              HasReason(v1::ERROR_REASON_RESOURCE_EXISTS));
  EXPECT_THAT(db_->ListMembers({}, {.group = "g", .limit = 5})->members,
              ElementsAre(EqualsProto(MakeMember("g", "ann"))));
}

TEST_F(Conformance, LastOwnerStays) {
  ASSERT_THAT(db_->CreateGroup({}, MakeGroup("g"), MakeMember("g", "ann", v1::Member::ROLE_OWNER)),
              IsOk());
  ASSERT_THAT(db_->AddMember({}, "g", MakeMember("g", "bob")), IsOk());
  EXPECT_THAT(db_->RemoveMember({}, "g", "ann"), HasReason(v1::ERROR_REASON_LAST_OWNER));
  ASSERT_THAT(db_->AddMember({}, "g", MakeMember("g", "cyd", v1::Member::ROLE_OWNER)), IsOk());
  EXPECT_THAT(db_->RemoveMember({}, "g", "ann"), IsOk());
  EXPECT_THAT(db_->RemoveMember({}, "g", "ann"), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  EXPECT_THAT(db_->RemoveMember({}, "g", "bob"), IsOk());
}

TEST_F(Conformance, MemberIsRead) {
  CreateGroup("g");
  const v1::Member ann = MakeMember("g", "ann");
  ASSERT_THAT(db_->AddMember({}, "g", ann), IsOk());
  EXPECT_THAT(db_->GetMember({}, MemberOf("g", "ann")), IsOkAndHolds(EqualsProto(ann)));
  EXPECT_THAT(db_->GetMember({}, OwnerOf("g", "ann")),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  EXPECT_THAT(db_->GetMember({}, MemberOf("g", "bob")),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  ASSERT_THAT(db_->AddMember({}, "g", MakeMember("g", "bob", v1::Member::ROLE_OWNER)), IsOk());
  EXPECT_THAT(db_->GetMember({}, OwnerOf("g", "bob")),
              IsOkAndHolds(EqualsProto(MakeMember("g", "bob", v1::Member::ROLE_OWNER))));
}

TEST_F(Conformance, MemberIsChanged) {
  CreateGroup("g");
  v1::Member ann = MakeMember("g", "ann");
  ASSERT_THAT(db_->AddMember({}, "g", ann), IsOk());
  MemberChanges changes;
  changes.mail = "";
  changes.display_name = "Anna";
  changes.role = v1::Member::ROLE_OWNER;
  ann.set_mail("");
  ann.set_display_name("Anna");
  ann.set_role(v1::Member::ROLE_OWNER);
  EXPECT_THAT(db_->UpdateMember({}, MemberOf("g", "ann"), changes), IsOkAndHolds(EqualsProto(ann)));
  EXPECT_THAT(db_->UpdateMember({}, OwnerOf("g", "ann"), {}), IsOkAndHolds(EqualsProto(ann)));
  EXPECT_THAT(db_->UpdateMember({}, MemberOf("g", "bob"), changes),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  Open({});
  EXPECT_THAT(db_->GetMember({}, MemberOf("g", "ann")), IsOkAndHolds(EqualsProto(ann)));
}

TEST_F(Conformance, LastOwnerIsNotDemoted) {
  CreateGroup("g");
  ASSERT_THAT(db_->AddMember({}, "g", MakeMember("g", "ann", v1::Member::ROLE_OWNER)), IsOk());
  ASSERT_THAT(db_->AddMember({}, "g", MakeMember("g", "bob")), IsOk());
  MemberChanges demotes;
  demotes.role = v1::Member::ROLE_MEMBER;
  EXPECT_THAT(db_->UpdateMember({}, MemberOf("g", "ann"), demotes),
              HasReason(v1::ERROR_REASON_LAST_OWNER));
  EXPECT_THAT(db_->RemoveMember({}, OwnerOf("g", "ann")), HasReason(v1::ERROR_REASON_LAST_OWNER));
  EXPECT_THAT(db_->UpdateMember({}, MemberOf("g", "bob"), demotes), IsOk());
  EXPECT_THAT(db_->GetMember({}, OwnerOf("g", "ann")), IsOk());
  ASSERT_THAT(db_->AddMember({}, OwnersOf("g"), MakeMember("g", "bob", v1::Member::ROLE_OWNER)),
              IsOk());
  EXPECT_THAT(db_->UpdateMember({}, MemberOf("g", "ann"), demotes),
              IsOkAndHolds(EqualsProto(MakeMember("g", "ann"))));
}

TEST_F(Conformance, MembersBecomeOwnersAndOwnersMembers) {
  CreateGroup("g");
  ASSERT_THAT(db_->AddMember({}, "g", MakeMember("g", "ann")), IsOk());
  v1::Member owner;
  owner.set_id("ann");
  owner.set_name("groups/g/members/ann");
  owner.set_role(v1::Member::ROLE_OWNER);
  const v1::Member ann = MakeMember("g", "ann", v1::Member::ROLE_OWNER);
  EXPECT_THAT(db_->AddMember({}, OwnersOf("g"), owner), IsOkAndHolds(EqualsProto(ann)))
      << "texts that are not given stay";
  EXPECT_THAT(db_->AddMember({}, OwnersOf("g"), owner),
              HasReason(v1::ERROR_REASON_RESOURCE_EXISTS));
  const v1::Member bob = MakeMember("g", "bob", v1::Member::ROLE_OWNER);
  EXPECT_THAT(db_->AddMember({}, OwnersOf("g"), bob), IsOkAndHolds(EqualsProto(bob)));

  EXPECT_THAT(db_->RemoveMember({}, OwnerOf("g", "ann")), IsOk());
  EXPECT_THAT(db_->GetMember({}, MemberOf("g", "ann")),
              IsOkAndHolds(EqualsProto(MakeMember("g", "ann"))));
  EXPECT_THAT(db_->RemoveMember({}, OwnerOf("g", "ann")),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  owner.set_display_name("Anna");
  EXPECT_EQ(db_->AddMember({}, OwnersOf("g"), owner)->display_name(), "Anna");
}

TEST_F(Conformance, MembersAreListedByRole) {
  CreateGroup("g");
  for (const char* user : {"ann", "cyd", "eve"}) {
    ASSERT_THAT(db_->AddMember({}, "g", MakeMember("g", user, v1::Member::ROLE_OWNER)), IsOk());
  }
  for (const char* user : {"bob", "dan"}) {
    ASSERT_THAT(db_->AddMember({}, "g", MakeMember("g", user)), IsOk());
  }
  auto page = db_->ListMembers({}, {.group = "g", .is_owner = true, .limit = 2});
  EXPECT_THAT(IdsOf(page->members), ElementsAre("ann", "cyd"));
  EXPECT_TRUE(page->has_more);
  page = db_->ListMembers({}, {.group = "g", .is_owner = true, .after_id = "cyd", .limit = 2});
  EXPECT_THAT(IdsOf(page->members), ElementsAre("eve"));
  EXPECT_FALSE(page->has_more);
  page = db_->ListMembers({}, {.group = "g", .is_owner = false, .limit = 2});
  EXPECT_THAT(IdsOf(page->members), ElementsAre("bob", "dan"));
  EXPECT_FALSE(page->has_more);
}

// --- Who sees what, on every call that names a group

TEST_F(Conformance, EveryCallOnAGroupChecksTheRequiredMember) {
  ASSERT_THAT(db_->CreateGroup({}, MakeGroup("g"), MakeMember("g", "ann", v1::Member::ROLE_OWNER)),
              IsOk());
  ASSERT_THAT(db_->AddMember({}, "g", MakeMember("g", "bob")), IsOk());
  const v1::ConversationThread thread = CreateThread("g");
  using Call = std::function<absl::Status(const std::string& group, const CallContext&)>;
  const std::pair<const char*, Call> calls[] = {
      {"GetGroup",
       [&](auto& group, auto& context) { return db_->GetGroup(context, group).status(); }},
      {"ListMembers",
       [&](auto& group, auto& context) {
         return db_->ListMembers(context, {.group = group, .limit = 1}).status();
       }},
      {"GetThread",
       [&](auto& group, auto& context) {
         return db_->GetThread(context, group, std::nullopt, IdOf(thread)).status();
       }},
      {"ListThreads",
       [&](auto& group, auto& context) {
         return db_->ListThreads(context, {.group = group, .limit = 1}).status();
       }},
      {"CreateThread",
       [&](auto& group, auto& context) {
         CreateContext create;
         static_cast<CallContext&>(create) = context;
         return db_->CreateThread(create, group, std::nullopt, MakeThread(group, "topic: 't'"))
             .status();
       }},
      {"AddMember",
       [&](auto& group, auto& context) {
         return db_->AddMember(context, group, MakeMember(group, "new")).status();
       }},
      {"GetMember",
       [&](auto& group, auto& context) {
         return db_->GetMember(context, MemberOf(group, "new")).status();
       }},
      {"UpdateMember",
       [&](auto& group, auto& context) {
         return db_->UpdateMember(context, MemberOf(group, "new"), {}).status();
       }},
      {"RemoveMember",
       [&](auto& group, auto& context) { return db_->RemoveMember(context, group, "new"); }},
  };
  for (const auto& [name, call] : calls) {
    SCOPED_TRACE(name);
    for (const char* group : {"g", "no-such-group"}) {
      SCOPED_TRACE(group);
      EXPECT_THAT(call(group, As(Member("eve"))), HasReason(v1::ERROR_REASON_NOT_A_MEMBER));
      EXPECT_THAT(call(group, As(ThroughJoinedGroups("eve"))),
                  HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
    }
    EXPECT_THAT(call("no-such-group", {}), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
    EXPECT_THAT(call("g", As(Owner("bob"))), HasReason(v1::ERROR_REASON_NOT_AN_OWNER));
    EXPECT_THAT(call("g", As(Member("bob"))), IsOk());
  }
  EXPECT_THAT(db_->DeleteGroup(As(Owner("bob")), "g"), HasReason(v1::ERROR_REASON_NOT_AN_OWNER));
  EXPECT_THAT(db_->DeleteGroup(As(Owner("eve")), "g"), HasReason(v1::ERROR_REASON_NOT_A_MEMBER));
}

// --- Threads

TEST_F(Conformance, ThreadIsReturnedAsStored) {
  CreateGroup("g");
  const v1::ConversationThread thread = MakeThread("g", R"pb(
    topic: "Grüße \xF0\x9F\x8C\x8D"
    to_recipients { email_address { name: "Name value" address: "Address value" } }
    to_recipients {}
    to_recipients { email_address {} }
    to_recipients { email_address { name: "" } }
    cc_recipients { email_address { address: "" } }
    cc_recipients {}
    has_attachments: true
    last_delivered_date_time { seconds: -62135596800 nanos: 1000 }
    unique_senders: "b"
    unique_senders: "a"
    unique_senders: "b"
    preview: "Preview value"
    is_locked: true
  )pb");
  EXPECT_THAT(db_->CreateThread({}, "g", std::nullopt, thread), IsOkAndHolds(EqualsProto(thread)));
  EXPECT_THAT(db_->GetThread({}, "g", std::nullopt, IdOf(thread)),
              IsOkAndHolds(EqualsProto(thread)));
  EXPECT_THAT(db_->GetThread({}, "g", ConversationOf(thread), IdOf(thread)),
              IsOkAndHolds(EqualsProto(thread)));
  EXPECT_THAT(db_->ListThreads({}, {.group = "g", .limit = 5})->threads,
              ElementsAre(EqualsProto(thread)));
  Open({});
  EXPECT_THAT(db_->GetThread({}, "g", std::nullopt, IdOf(thread)),
              IsOkAndHolds(EqualsProto(thread)));
}

TEST_F(Conformance, ThreadOfAConversationTakesItsTopicUnlessItHasOne) {
  CreateGroup("g");
  const v1::ConversationThread first = CreateThread("g", "topic: 'first'");
  const Uuid conversation = ConversationOf(first);
  EXPECT_EQ(CreateThread("g", "", conversation).topic(), "first");
  const v1::ConversationThread own = CreateThread("g", "topic: 'own'", conversation);
  EXPECT_EQ(own.topic(), "own");
  EXPECT_EQ(own.conversation_id(), first.conversation_id());
  EXPECT_THAT(Walk({.group = "g", .conversation = conversation, .limit = 2}), SizeIs(3));
}

TEST_F(Conformance, ConversationsAreOfTheirGroupOnly) {
  CreateGroup("g");
  CreateGroup("other");
  const v1::ConversationThread thread = CreateThread("g");
  const Uuid conversation = ConversationOf(thread);
  const Uuid unknown = Uuid::V7(clock_.Now());
  for (const auto& [group, id] : {std::pair("other", conversation), std::pair("g", unknown)}) {
    EXPECT_THAT(db_->CreateThread({}, group, id, MakeThread(group, "topic: 't'", id)),
                HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
    EXPECT_THAT(db_->ListThreads({}, {.group = group, .conversation = id, .limit = 1}),
                HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
    EXPECT_THAT(db_->GetThread({}, group, id, IdOf(thread)),
                HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  }
  EXPECT_THAT(db_->GetThread({}, "other", std::nullopt, IdOf(thread)),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  EXPECT_THAT(Walk({.group = "other", .limit = 5}), IsEmpty());
}

TEST_F(Conformance, ThreadsAreListedInEachOrderByGroupAndByConversation) {
  CreateGroup("g");
  CreateGroup("other");
  CreateThread("other");
  const v1::ConversationThread a =
      CreateThread("g", "topic: 'a' last_delivered_date_time { seconds: 20 }");
  const Uuid conversation = ConversationOf(a);
  const v1::ConversationThread b =
      CreateThread("g", "topic: 'b' last_delivered_date_time { seconds: 30 }", conversation);
  const v1::ConversationThread c =
      CreateThread("g", "topic: 'c' last_delivered_date_time { seconds: 20 }", conversation);
  const v1::ConversationThread d =
      CreateThread("g", "topic: 'd' last_delivered_date_time { seconds: -5 }");
  const auto walk = [&](ThreadOrder order, std::optional<Uuid> scope, int32_t limit) {
    std::string topics;
    for (const auto& thread :
         Walk({.group = "g", .conversation = scope, .order = order, .limit = limit})) {
      topics += thread.topic();
    }
    return topics;
  };
  for (int32_t limit : {1, 2, 3, 100}) {
    SCOPED_TRACE(limit);
    EXPECT_EQ(walk(ThreadOrder::kNewestActivity, std::nullopt, limit), "bcad");
    EXPECT_EQ(walk(ThreadOrder::kOldestCreated, std::nullopt, limit), "abcd");
    EXPECT_EQ(walk(ThreadOrder::kNewestCreated, std::nullopt, limit), "dcba");
    EXPECT_EQ(walk(ThreadOrder::kNewestActivity, conversation, limit), "bca");
    EXPECT_EQ(walk(ThreadOrder::kOldestCreated, conversation, limit), "abc");
    EXPECT_EQ(walk(ThreadOrder::kNewestCreated, conversation, limit), "cba");
  }
}

TEST_F(Conformance, CursorNeedNotNameAThread) {
  CreateGroup("g");
  const v1::ConversationThread a = CreateThread("g", "topic: 'a'");
  clock_.Advance(absl::Milliseconds(1));
  const Uuid between = Uuid::V7(clock_.Now());
  const v1::ConversationThread b = CreateThread("g", "topic: 'b'");
  const auto page = db_->ListThreads({}, {.group = "g",
                                          .order = ThreadOrder::kOldestCreated,
                                          .after = ThreadCursor{between, 0},
                                          .limit = 5});
  EXPECT_THAT(IdsOf(page->threads), ElementsAre(b.id()));
}

TEST_F(Conformance, PageOfLargeThreadsEndsEarly) {
  CreateGroup("g");
  v1::ConversationThread large = MakeThread("g", "topic: 'large'");
  for (int i = 0; i < kMaxRecipients; ++i) {
    auto& email = *large.add_to_recipients()->mutable_email_address();
    email.set_name(std::string(1000, 'n'));
    email.set_address(std::string(kMaxAddressBytes, 'a'));
  }
  constexpr int kThreads = 8;
  for (int i = 0; i < kThreads; ++i) {
    const v1::ConversationThread ids = MakeThread("g", "topic: 'large'");
    large.set_id(ids.id());
    large.set_name(ids.name());
    large.set_conversation_id(ids.conversation_id());
    ASSERT_THAT(db_->CreateThread({}, "g", std::nullopt, large), IsOk());
  }
  const auto page = db_->ListThreads({}, {.group = "g", .limit = kThreads});
  ASSERT_THAT(page, IsOk());
  EXPECT_TRUE(page->has_more);
  EXPECT_LT(page->threads.size(), kThreads);
  EXPECT_GT(page->threads.size(), 1);
  EXPECT_THAT(Walk({.group = "g", .limit = kThreads}), SizeIs(kThreads));
}

TEST_F(Conformance, WriteThatFailsMidwayLeavesNothing) {
  CreateGroup("g");
  const v1::ConversationThread first = CreateThread("g");
  v1::ConversationThread clash = MakeThread("g", "topic: 'clash'");
  clash.set_id(first.id());
  EXPECT_FALSE(db_->CreateThread({}, "g", std::nullopt, clash).ok());
  EXPECT_THAT(
      db_->ListThreads({}, {.group = "g", .conversation = ConversationOf(clash), .limit = 1}),
      HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  EXPECT_THAT(db_->GetThread({}, "g", std::nullopt, IdOf(first)), IsOkAndHolds(EqualsProto(first)));
}

// --- Idempotency

TEST_F(Conformance, RepeatedRequestReturnsTheSameThread) {
  CreateGroup("g");
  const Uuid request = Uuid::V7(clock_.Now());
  const auto first =
      db_->CreateThread(WithRequest(request), "g", std::nullopt, MakeThread("g", "topic: 't'"));
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(
      db_->CreateThread(WithRequest(request), "g", std::nullopt, MakeThread("g", "topic: 't'")),
      IsOkAndHolds(EqualsProto(*first)));
  Open({});
  EXPECT_THAT(
      db_->CreateThread(WithRequest(request), "g", std::nullopt, MakeThread("g", "topic: 't'")),
      IsOkAndHolds(EqualsProto(*first)));
  EXPECT_THAT(Walk({.group = "g", .limit = 5}), SizeIs(1));
}

TEST_F(Conformance, AnotherRequestUnderTheSameIdIsRefused) {
  CreateGroup("g");
  const Uuid request = Uuid::V7(clock_.Now());
  ASSERT_THAT(
      db_->CreateThread(WithRequest(request), "g", std::nullopt, MakeThread("g", "topic: 't'")),
      IsOk());
  EXPECT_THAT(db_->CreateThread(WithRequest(request, "other content"), "g", std::nullopt,
                                MakeThread("g", "topic: 't'")),
              HasReason(v1::ERROR_REASON_REQUEST_ID_REUSED));
  EXPECT_THAT(Walk({.group = "g", .limit = 5}), SizeIs(1));
}

TEST_F(Conformance, RequestIdsArePerPrincipalAndGroup) {
  CreateGroup("g");
  CreateGroup("h");
  const Uuid request = Uuid::V7(clock_.Now());
  for (const auto& [group, principal] :
       {std::pair("g", "user:ann"), std::pair("g", "user:bob"), std::pair("h", "user:ann")}) {
    EXPECT_THAT(db_->CreateThread(WithRequest(request, "c", principal), group, std::nullopt,
                                  MakeThread(group, "topic: 't'")),
                IsOk());
  }
  EXPECT_THAT(Walk({.group = "g", .limit = 5}), SizeIs(2));
  EXPECT_THAT(Walk({.group = "h", .limit = 5}), SizeIs(1));
}

TEST_F(Conformance, RequestIdIsForgottenAfterTheRetention) {
  Open({.request_id_retention = absl::Hours(1)});
  CreateGroup("g");
  const Uuid request = Uuid::V7(clock_.Now());
  const auto create = [&](const std::string& content) {
    return db_->CreateThread(WithRequest(request, content), "g", std::nullopt,
                             MakeThread("g", "topic: 't'"));
  };
  ASSERT_THAT(create("a"), IsOk());
  clock_.Advance(absl::Minutes(59));
  ASSERT_THAT(create("b"), HasReason(v1::ERROR_REASON_REQUEST_ID_REUSED));
  clock_.Advance(absl::Minutes(2));
  ASSERT_THAT(create("b"), IsOk());
  ASSERT_THAT(create("b"), IsOk());
  EXPECT_THAT(Walk({.group = "g", .limit = 5}), SizeIs(2));
}

TEST_F(Conformance, RefusedRequestIsNotRemembered) {
  CreateGroup("g");
  const Uuid request = Uuid::V7(clock_.Now());
  const Uuid unknown = Uuid::V7(clock_.Now());
  EXPECT_THAT(db_->CreateThread(WithRequest(request, "a"), "g", unknown,
                                MakeThread("g", "topic: 't'", unknown)),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  EXPECT_THAT(db_->CreateThread(WithRequest(request, "b"), "g", std::nullopt,
                                MakeThread("g", "topic: 't'")),
              IsOk());
}

TEST_F(Conformance, RepeatedCreateGroupReturnsItWhileItExists) {
  const Uuid request = Uuid::V7(clock_.Now());
  const v1::Group group = MakeGroup("g");
  ASSERT_THAT(db_->CreateGroup(WithRequest(request), group), IsOk());
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(db_->CreateGroup(WithRequest(request), MakeGroup("g")),
              IsOkAndHolds(EqualsProto(group)));
  EXPECT_THAT(db_->CreateGroup(WithRequest(request, "other"), MakeGroup("h")),
              HasReason(v1::ERROR_REASON_REQUEST_ID_REUSED));
  EXPECT_THAT(db_->CreateGroup(WithRequest(request, "content", "user:bob"), MakeGroup("h")),
              IsOk());
  ASSERT_THAT(db_->DeleteGroup({}, "g"), IsOk());
  EXPECT_THAT(db_->CreateGroup(WithRequest(request), MakeGroup("g")),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  CreateGroup("g");
  EXPECT_THAT(db_->CreateGroup(WithRequest(request), MakeGroup("g")),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND))
      << "the group that another request made is not this one's";
}

TEST_F(Conformance, RepeatedCreateGroupTellsNothingToWhoHasLeft) {
  const Uuid request = Uuid::V7(clock_.Now());
  const v1::Member ann = MakeMember("g", "ann", v1::Member::ROLE_OWNER);
  ASSERT_THAT(db_->CreateGroup(WithRequest(request), MakeGroup("g"), ann), IsOk());
  ASSERT_THAT(db_->AddMember({}, "g", MakeMember("g", "bob", v1::Member::ROLE_OWNER)), IsOk());
  ASSERT_THAT(db_->CreateGroup(WithRequest(request), MakeGroup("g"), ann), IsOk());
  ASSERT_THAT(db_->RemoveMember({}, "g", "ann"), IsOk());
  EXPECT_THAT(db_->CreateGroup(WithRequest(request), MakeGroup("g"), ann),
              HasReason(v1::ERROR_REASON_NOT_A_MEMBER));
}

TEST_F(Conformance, ARequestSentManyTimesAtOnceMakesOneThread) {
  CreateGroup("g");
  const Uuid request = Uuid::V7(clock_.Now());
  constexpr int kCalls = 100;
  std::vector<std::promise<absl::StatusOr<v1::ConversationThread>>> answers(kCalls);
  for (auto& answer : answers) {
    store_->CreateThread(WithRequest(request), "g", std::nullopt, MakeThread("g", "topic: 't'"),
                         [&answer](absl::StatusOr<v1::ConversationThread> thread) {
                           answer.set_value(std::move(thread));
                         });
  }
  std::set<std::string> ids;
  for (auto& answer : answers) {
    const auto thread = answer.get_future().get();
    ASSERT_THAT(thread, IsOk());
    ids.insert(thread->SerializeAsString());
  }
  EXPECT_THAT(ids, SizeIs(1));
  EXPECT_THAT(Walk({.group = "g", .limit = 5}), SizeIs(1));
}

// --- Queues, deadlines, closing

TEST_F(Conformance, WritesOfManyThreadsAreAllKept) {
  CreateGroup("g");
  constexpr int kThreads = 8;
  constexpr int kWritesEach = 200;
  std::vector<std::thread> writers;
  writers.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    writers.emplace_back([&] {
      for (int n = 0; n < kWritesEach; ++n) CreateThread("g");
    });
  }
  for (std::thread& writer : writers) writer.join();
  std::set<std::string> ids;
  for (const auto& thread :
       Walk({.group = "g", .order = ThreadOrder::kOldestCreated, .limit = 100})) {
    ids.insert(thread.id());
  }
  EXPECT_THAT(ids, SizeIs(kThreads * kWritesEach));
}

TEST_F(Conformance, OneRefusedWriteDoesNotDisturbItsNeighbours) {
  CreateGroup("g");
  const v1::ConversationThread existing = CreateThread("g");
  WriterBlock block(*store_);
  std::vector<std::promise<absl::Status>> outcomes(6);
  const auto submit = [&](size_t index, CreateContext context, const std::string& group,
                          v1::ConversationThread thread) {
    store_->CreateThread(std::move(context), group, std::nullopt, std::move(thread),
                         [&outcomes, index](absl::StatusOr<v1::ConversationThread> result) {
                           outcomes[index].set_value(std::move(result).status());
                         });
  };
  CreateContext expired;
  expired.deadline = clock_.Now() - absl::Seconds(1);
  CreateContext cancelled;
  cancelled.cancelled = [] { return true; };
  v1::ConversationThread clash = MakeThread("g", "topic: 'clash'");
  clash.set_id(existing.id());
  submit(0, {}, "g", MakeThread("g", "topic: 'first'"));
  submit(1, {}, "no-such-group", MakeThread("no-such-group", "topic: 't'"));
  submit(2, expired, "g", MakeThread("g", "topic: 'expired'"));
  submit(3, cancelled, "g", MakeThread("g", "topic: 'cancelled'"));
  submit(4, {}, "g", clash);
  submit(5, {}, "g", MakeThread("g", "topic: 'last'"));
  block.Release();
  EXPECT_THAT(outcomes[0].get_future().get(), IsOk());
  EXPECT_THAT(outcomes[1].get_future().get(), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  EXPECT_THAT(outcomes[2].get_future().get(), HasReason(v1::ERROR_REASON_DEADLINE_EXCEEDED));
  EXPECT_THAT(outcomes[3].get_future().get(), HasReason(v1::ERROR_REASON_CANCELLED));
  EXPECT_FALSE(outcomes[4].get_future().get().ok());
  EXPECT_THAT(outcomes[5].get_future().get(), IsOk());
  std::vector<std::string> topics;
  for (const auto& thread : Walk({.group = "g", .limit = 10})) topics.push_back(thread.topic());
  EXPECT_THAT(topics, UnorderedElementsAre("t", "first", "last"));
}

TEST_F(Conformance, FullQueueRefusesAtOnceWithATimeToRetry) {
  Open({.write_queue = 2});
  CreateGroup("g");
  WriterBlock block(*store_);
  std::vector<std::promise<absl::Status>> outcomes(3);
  for (auto& outcome : outcomes) {
    store_->CreateThread({}, "g", std::nullopt, MakeThread("g", "topic: 't'"),
                         [&outcome](absl::StatusOr<v1::ConversationThread> result) {
                           outcome.set_value(std::move(result).status());
                         });
  }
  const absl::Status refused = outcomes[2].get_future().get();
  EXPECT_THAT(refused, HasReason(v1::ERROR_REASON_QUEUE_FULL));
  EXPECT_TRUE(refused.GetPayload("type.googleapis.com/google.rpc.RetryInfo").has_value());
  block.Release();
  EXPECT_THAT(outcomes[0].get_future().get(), IsOk());
  EXPECT_THAT(outcomes[1].get_future().get(), IsOk());
}

TEST_F(Conformance, OneCallerMayHaveHalfOfTheWriteQueue) {
  constexpr uint64_t kAnn = 1;
  constexpr uint64_t kBob = 2;
  Open({.write_queue = 4});
  CreateGroup("g");
  WriterBlock block(*store_);
  std::vector<std::promise<absl::Status>> outcomes(6);
  const auto submit = [&](size_t index, uint64_t caller) {
    CreateContext context;
    context.caller = caller;
    store_->CreateThread(context, "g", std::nullopt, MakeThread("g", "topic: 't'"),
                         [&outcome = outcomes[index]](auto result) {
                           outcome.set_value(std::move(result).status());
                         });
  };
  submit(0, kAnn);
  submit(1, kAnn);
  submit(2, kAnn);
  const absl::Status refused = outcomes[2].get_future().get();
  EXPECT_THAT(refused, HasReason(v1::ERROR_REASON_QUEUE_FULL));
  EXPECT_TRUE(refused.GetPayload("type.googleapis.com/google.rpc.RetryInfo").has_value());
  submit(3, kBob);
  submit(4, kBob);
  submit(5, kBob);
  EXPECT_THAT(outcomes[5].get_future().get(), HasReason(v1::ERROR_REASON_QUEUE_FULL));
  block.Release();
  for (const size_t index : {0, 1, 3, 4}) {
    EXPECT_THAT(outcomes[index].get_future().get(), IsOk());
  }
  // What has been written is given back.
  CreateContext again;
  again.caller = kAnn;
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(db_->CreateThread(again, "g", std::nullopt, MakeThread("g", "topic: 't'")), IsOk());
  }
}

TEST_F(Conformance, ReadsHonourDeadlineAndCancellation) {
  CreateGroup("g");
  CallContext expired;
  expired.deadline = clock_.Now();
  EXPECT_THAT(db_->GetGroup(expired, "g"), HasReason(v1::ERROR_REASON_DEADLINE_EXCEEDED));
  CallContext cancelled;
  cancelled.cancelled = [] { return true; };
  EXPECT_THAT(db_->GetGroup(cancelled, "g"), HasReason(v1::ERROR_REASON_CANCELLED));
}

TEST_F(Conformance, CloseEndsWhatWasAcceptedAndRefusesTheRest) {
  CreateGroup("g");
  WriterBlock block(*store_);
  std::vector<std::promise<absl::Status>> outcomes(20);
  for (auto& outcome : outcomes) {
    store_->CreateThread({}, "g", std::nullopt, MakeThread("g", "topic: 't'"),
                         [&outcome](absl::StatusOr<v1::ConversationThread> result) {
                           outcome.set_value(std::move(result).status());
                         });
  }
  block.Release();
  store_->Close();
  for (auto& outcome : outcomes) EXPECT_THAT(outcome.get_future().get(), IsOk());
  EXPECT_THAT(db_->CreateGroup({}, MakeGroup("h")), HasReason(v1::ERROR_REASON_SHUTTING_DOWN));
  EXPECT_THAT(db_->GetGroup({}, "g"), HasReason(v1::ERROR_REASON_SHUTTING_DOWN));
  Open({});
  EXPECT_THAT(Walk({.group = "g", .limit = 100}), SizeIs(outcomes.size()));
}

}  // namespace
}  // namespace threadstore::testing
