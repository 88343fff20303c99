#ifndef THREADSTORE_TESTS_STORE_CONFORMANCE_H_
#define THREADSTORE_TESTS_STORE_CONFORMANCE_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/base/sha256.h"
#include "server/domain/resource.h"
#include "server/domain/timestamp.h"
#include "tests/store/engine_under_test.h"
#include "tests/testing/blocking_store.h"
#include "tests/testing/error_matchers.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/proto_matchers.h"
#include "tests/testing/status_matchers.h"

// What the conformance tests share.
namespace threadstore::testing {

inline RequiredMember Member(const std::string& user) { return {.user = user}; }
inline RequiredMember Owner(const std::string& user) {
  return {.user = user, .must_be_owner = true};
}
inline RequiredMember ThroughJoinedGroups(const std::string& user) {
  return {.user = user, .hides_group = true};
}

inline CallContext As(RequiredMember member) {
  CallContext context;
  context.required_member = std::move(member);
  return context;
}

inline v1::Member MakeMember(const std::string& group, const std::string& user,
                             v1::Member::Role role = v1::Member::ROLE_MEMBER) {
  v1::Member member;
  member.set_name(MakeMemberName(group, user));
  member.set_id(user);
  member.set_display_name("Name of " + user);
  member.set_mail(user + "@example.com");
  member.set_role(role);
  return member;
}

inline MemberListName OwnersOf(const std::string& group) {
  MemberListName owners;
  owners.group.group = group;
  owners.owners_only = true;
  return owners;
}
inline MemberName MemberOf(const std::string& group, const std::string& user) {
  MemberName name;
  name.list.group.group = group;
  name.user = user;
  return name;
}
inline MemberName OwnerOf(const std::string& group, const std::string& user) {
  return {OwnersOf(group), user};
}

template <typename Page>
std::vector<std::string> IdsOf(const Page& items) {
  std::vector<std::string> ids;
  ids.reserve(static_cast<size_t>(items.size()));
  for (const auto& item : items) ids.push_back(item.id());
  return ids;
}

class Conformance : public ::testing::Test {
 protected:
  void SetUp() override {
    engine_ = MakeEngineUnderTest();
    Open({});
  }

  void TearDown() override {
    store_.reset();
    engine_->CheckIntegrity();
  }

  void Open(const EngineSettings& settings) {
    store_.reset();
    store_ = engine_->Open(settings, clock_);
    ASSERT_NE(store_, nullptr);
    db_ = std::make_unique<BlockingStore>(*store_);
  }

  v1::Group MakeGroup(const std::string& id) {
    v1::CreateGroupRequest request;
    request.set_group_id(id);
    request.mutable_group()->set_display_name("Display " + id);
    request.mutable_group()->set_mail(id + "@example.com");
    request.mutable_group()->set_description("What " + id + " is for");
    request.mutable_group()->set_mail_nickname(id);
    return BuildGroup(request, clock_.Now());
  }

  void CreateGroup(const std::string& id) {
    ASSERT_THAT(db_->CreateGroup({}, MakeGroup(id)), IsOk());
  }

  v1::ConversationThread MakeThread(const std::string& group, const std::string& text_format,
                                    std::optional<Uuid> conversation = std::nullopt) {
    clock_.Advance(absl::Milliseconds(1));
    ThreadParent parent;
    parent.group.group = group;
    parent.conversation = conversation;
    return BuildThread(parent, ParseText<v1::ConversationThread>(text_format), clock_.Now());
  }

  v1::ConversationThread CreateThread(const std::string& group,
                                      const std::string& text_format = "topic: 't'",
                                      std::optional<Uuid> conversation = std::nullopt) {
    const auto created =
        db_->CreateThread({}, group, conversation, MakeThread(group, text_format, conversation));
    EXPECT_THAT(created, IsOk());
    return created.value_or(v1::ConversationThread());
  }

  CreateContext WithRequest(const Uuid& id, const std::string& content = "content",
                            const std::string& principal = "user:ann") {
    CreateContext context;
    context.now = clock_.Now();
    context.request = RequestKey{id, Sha256(content), principal};
    return context;
  }

  std::vector<v1::ConversationThread> Walk(ThreadQuery query) {
    std::vector<v1::ConversationThread> all;
    while (true) {
      const auto page = db_->ListThreads({}, query);
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) return all;
      EXPECT_LE(page->threads.size(), query.limit);
      all.insert(all.end(), page->threads.begin(), page->threads.end());
      if (!page->has_more) return all;
      query.after = page->last;
    }
  }

  FakeClock clock_;
  std::unique_ptr<EngineUnderTest> engine_;
  std::unique_ptr<ThreadStore> store_;
  std::unique_ptr<BlockingStore> db_;
};

inline Uuid IdOf(const v1::ConversationThread& thread) { return *Uuid::Parse(thread.id()); }
inline Uuid ConversationOf(const v1::ConversationThread& thread) {
  return *Uuid::Parse(thread.conversation_id());
}

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_STORE_CONFORMANCE_H_
