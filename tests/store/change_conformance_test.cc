// The contract of ThreadStore::ListChanges.

#include <functional>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/change_query.h"
#include "server/domain/limits.h"
#include "tests/store/conformance.h"

namespace threadstore::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using v1::ThreadChange;

GroupName NameOfGroup(const std::string& group) {
  GroupName name;
  name.group = group;
  return name;
}

ChangeScope OfGroup(const std::string& group) { return {NameOfGroup(group), {}, {}}; }

class ChangeConformance : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    v1::Group group = MakeGroup("g");
    group.set_allow_external_senders(true);
    ASSERT_THAT(db_->CreateGroup({}, group), IsOk());
  }

  CreateContext Creating() {
    CreateContext context;
    context.now = clock_.Now();
    return context;
  }

  ChangeContext Changing() {
    ChangeContext context;
    context.now = clock_.Now();
    return context;
  }

  ChangePosition Now(ChangeScope scope) {
    ChangeQuery query;
    query.scope = std::move(scope);
    query.limit = 10;
    const auto page = db_->ListChanges({}, query);
    EXPECT_THAT(page, IsOk());
    EXPECT_THAT(page->changes, IsEmpty());
    EXPECT_FALSE(page->has_more);
    return page->next;
  }

  absl::StatusOr<ChangePage> ListAfter(ChangeScope scope, const ChangePosition& after,
                                       int32_t limit = 1000, const CallContext& context = {}) {
    ChangeQuery query;
    query.scope = std::move(scope);
    query.after = after;
    query.limit = limit;
    return db_->ListChanges(context, query);
  }

  // All changes up to now; `after` moves on.
  std::vector<StoredChange> Drain(const ChangeScope& scope, ChangePosition& after,
                                  int32_t limit = 1000) {
    std::vector<StoredChange> all;
    while (true) {
      auto page = ListAfter(scope, after, limit);
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) return all;
      EXPECT_LE(page->changes.size(), limit + 1);
      for (StoredChange& change : page->changes) all.push_back(std::move(change));
      after = page->next;
      if (!page->has_more) return all;
    }
  }

  // As from the beginning.
  std::vector<StoredChange> DrainAll(const ChangeScope& scope, int32_t limit = 1000) {
    ChangeQuery query;
    query.scope = scope;
    query.start = ChangeStart::kBeginning;
    query.limit = limit;
    auto page = db_->ListChanges({}, query);
    EXPECT_THAT(page, IsOk());
    if (!page.ok()) return {};
    std::vector<StoredChange> all = std::move(page->changes);
    if (page->has_more) {
      for (StoredChange& change : Drain(scope, page->next, limit)) all.push_back(std::move(change));
    }
    return all;
  }

  // Each change as `KIND name`, names without their group and ids as letters in the order in which
  // the test has named them; `*` behind what has its resource.
  std::vector<std::string> Told(const std::vector<StoredChange>& changes) {
    std::vector<std::string> told;
    for (const StoredChange& change : changes) {
      std::string name = change.change.name();
      for (const auto& [id, letter] : letters_) {
        if (const size_t at = name.find(id); at != std::string::npos) {
          name.replace(at, id.size(), letter);
        }
      }
      const absl::string_view kind = absl::StripPrefix(
          absl::string_view(ThreadChange::Kind_Name(change.change.kind())), "KIND_");
      const bool has_resource = change.change.resource_case() != ThreadChange::RESOURCE_NOT_SET;
      told.push_back(absl::StrCat(kind, " ", absl::StripPrefix(absl::string_view(name), "groups/"),
                                  has_resource ? "*" : ""));
    }
    return told;
  }

  // Changes are kept until the index of words has them.
  void AwaitIndex() {
    SearchQuery query;
    query.group = "g";
    query.terms = {SearchTerm{{"word"}, false}};
    query.limit = 1;
    EXPECT_THAT(db_->SearchThreads({}, query), IsOk());
  }

  v1::ConversationThread NewThread(const std::string& letter,
                                   const std::string& text = "topic: 't'",
                                   std::optional<Uuid> conversation = std::nullopt) {
    v1::ConversationThread thread = CreateThread("g", text, conversation);
    letters_[thread.id()] = letter;
    letters_[thread.conversation_id()] = "c" + letter;
    for (const v1::Post& post : thread.posts()) letters_[post.id()] = "p" + letter;
    return thread;
  }

  PostName Reply(const v1::ConversationThread& thread, const std::string& letter,
                 const std::string& text = "x") {
    clock_.Advance(absl::Milliseconds(1));
    NewPost post;
    v1::Post sent;
    sent.mutable_sender()->mutable_email_address()->set_name("Ann");
    sent.mutable_body()->set_content(text);
    post.post = BuildPost(sent, clock_.Now());
    const auto stored = db_->CreatePost(Creating(), NameOf(thread), post);
    EXPECT_THAT(stored, IsOk());
    letters_[stored->id()] = letter;
    return {NameOf(thread), *Uuid::Parse(stored->id())};
  }

  static ThreadName NameOf(const v1::ConversationThread& thread) {
    ThreadName name;
    name.group.group = "g";
    name.thread = IdOf(thread);
    return name;
  }

  std::map<std::string, std::string> letters_;
};

constexpr char kWithPost[] =
    "topic: 't' posts { sender { email_address { name: 'Ann' } } body { content: 'x' } }";

TEST_F(ChangeConformance, TellsOfEveryKindOfChange) {
  ChangePosition at = Now(OfGroup("g"));
  const auto thread = NewThread("a", kWithPost);
  EXPECT_THAT(Told(Drain(OfGroup("g"), at)),
              ElementsAre("CREATED g/threads/a*", "CREATED g/threads/a/posts/pa*"));
  const PostName post = Reply(thread, "p");
  EXPECT_THAT(Told(Drain(OfGroup("g"), at)),
              ElementsAre("CREATED g/threads/a/posts/p*", "UPDATED g/threads/a*"));
  ASSERT_THAT(db_->UpdateThread(Changing(), NameOf(thread), {.topic = {}, .is_locked = true}),
              IsOk());
  EXPECT_THAT(Told(Drain(OfGroup("g"), at)), ElementsAre("UPDATED g/threads/a*"));

  PostChanges edit;
  edit.body.emplace().set_content("edited");
  ASSERT_THAT(db_->UpdatePost(Changing(), post, edit), IsOk());
  v1::Attachment file;
  file.set_display_name("file");
  file.mutable_file()->set_content_bytes("content");
  ASSERT_THAT(db_->CreateAttachment(Creating(), post,
                                    BuildAttachment(post.Canonical(), file, clock_.Now())),
              IsOk());
  const auto edits = Drain(OfGroup("g"), at);
  EXPECT_THAT(Told(edits), ElementsAre("UPDATED g/threads/a/posts/p*", "UPDATED g/threads/a*",
                                       "UPDATED g/threads/a/posts/p*", "UPDATED g/threads/a*"));
  // As they are now, each time.
  auto expected = db_->GetPost({}, post);
  AttachmentQuery attachments;
  attachments.post = post;
  attachments.limit = 10;
  *expected->mutable_attachments() = db_->ListAttachments({}, attachments)->attachments;
  ASSERT_THAT(expected->attachments(), SizeIs(1));
  EXPECT_THAT(edits[0].change.post(), EqualsProto(*expected));
  EXPECT_THAT(edits[2].change.post(), EqualsProto(*expected));
  EXPECT_THAT(edits[3].change.thread(), EqualsProto(*db_->GetThread({}, NameOf(thread))));

  v1::ForwardPostRequest forward;
  forward.set_comment("for you");
  forward.add_to_recipients()->mutable_email_address()->set_address("bob@x");
  const auto forwarded =
      db_->ForwardPost(Creating(), post, BuildForward(post.Canonical(), forward, clock_.Now()));
  ASSERT_THAT(forwarded, IsOk());
  letters_[forwarded->id()] = "f";
  const auto forwards = Drain(OfGroup("g"), at);
  ASSERT_THAT(Told(forwards), ElementsAre("CREATED g/threads/a/posts/p/forwards/f*"));
  EXPECT_THAT(forwards[0].change.forward(), EqualsProto(*forwarded));

  ASSERT_THAT(db_->DeletePost(Changing(), post), IsOk());
  EXPECT_THAT(Told(Drain(OfGroup("g"), at)),
              ElementsAre("DELETED g/threads/a/posts/p", "UPDATED g/threads/a*"));
  ASSERT_THAT(db_->DeleteThread(Changing(), NameOf(thread)), IsOk());
  EXPECT_THAT(Told(Drain(OfGroup("g"), at)), ElementsAre("DELETED g/threads/a"));
}

TEST_F(ChangeConformance, WhatIsGoneMeanwhileComesWithoutItsResource) {
  ChangePosition at = Now(OfGroup("g"));
  const auto thread = NewThread("a", kWithPost);
  ASSERT_THAT(db_->DeleteThread(Changing(), NameOf(thread)), IsOk());
  EXPECT_THAT(
      Told(Drain(OfGroup("g"), at)),
      ElementsAre("CREATED g/threads/a", "CREATED g/threads/a/posts/pa", "DELETED g/threads/a"));
}

TEST_F(ChangeConformance, ChangesThatDoNothingAreNotTold) {
  const auto thread = NewThread("a");
  const ChangePosition at = Now(OfGroup("g"));
  ASSERT_THAT(db_->UpdateThread(Changing(), NameOf(thread), {.topic = {}, .is_locked = false}),
              IsOk());
  ChangePosition after = at;
  EXPECT_THAT(Drain(OfGroup("g"), after), IsEmpty());
  EXPECT_EQ(after, at);
}

TEST_F(ChangeConformance, ChangeTimesAreTheClocks) {
  ChangePosition at = Now(OfGroup("g"));
  NewThread("a");
  const auto changes = Drain(OfGroup("g"), at);
  ASSERT_THAT(changes, SizeIs(1));
  EXPECT_EQ(ToMicros(changes[0].change.change_time()), absl::ToUnixMicros(clock_.Now()));
}

TEST_F(ChangeConformance, ScopesSeparate) {
  CreateGroup("other");
  const auto a = NewThread("a");
  const auto b = NewThread("b");
  const ChangeScope conversation{NameOfGroup("g"), ConversationOf(a), {}};
  const ChangeScope thread{NameOfGroup("g"), {}, IdOf(a)};
  ChangePosition of_group = Now(OfGroup("g"));
  ChangePosition of_conversation = Now(conversation);
  ChangePosition of_thread = Now(thread);
  ChangePosition of_other = Now(OfGroup("other"));
  ChangePosition of_all = Now({});

  Reply(a, "1");
  Reply(b, "2");
  NewThread("d", "topic: 'in the same conversation'", ConversationOf(a));
  CreateThread("other");
  ASSERT_THAT(db_->UpdateThread(Changing(), NameOf(a), {.topic = {}, .is_locked = true}), IsOk());
  ASSERT_THAT(db_->DeleteThread(Changing(), NameOf(a)), IsOk());

  EXPECT_THAT(Told(Drain(OfGroup("g"), of_group)),
              ElementsAre("CREATED g/threads/a/posts/1", "UPDATED g/threads/a",
                          "CREATED g/threads/b/posts/2*", "UPDATED g/threads/b*",
                          "CREATED g/threads/d*", "UPDATED g/threads/a", "DELETED g/threads/a"));
  EXPECT_THAT(Told(Drain(conversation, of_conversation)),
              ElementsAre("CREATED g/threads/a/posts/1", "UPDATED g/threads/a",
                          "CREATED g/threads/d*", "UPDATED g/threads/a", "DELETED g/threads/a"));
  EXPECT_THAT(Told(Drain(thread, of_thread)),
              ElementsAre("CREATED g/threads/a/posts/1", "DELETED g/threads/a"));
  EXPECT_THAT(Drain(OfGroup("other"), of_other), SizeIs(1));
  EXPECT_THAT(Drain({}, of_all), SizeIs(8));
}

TEST_F(ChangeConformance, PagesKeepTogetherWhatChangedAtOnce) {
  ChangePosition at = Now(OfGroup("g"));
  for (int i = 0; i < 3; ++i) NewThread("a", kWithPost);
  const auto page = ListAfter(OfGroup("g"), at, 1);
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(page->changes, SizeIs(2));
  EXPECT_TRUE(page->has_more);
  EXPECT_THAT(Drain(OfGroup("g"), at, 3), SizeIs(6));
}

TEST_F(ChangeConformance, PagesHaveABoundOfBytes) {
  const auto thread = NewThread("a");
  ChangePosition at = Now(OfGroup("g"));
  for (int i = 0; i < 5; ++i) Reply(thread, "p", std::string(kMaxBodyBytes, 'x'));
  const auto page = ListAfter(OfGroup("g"), at);
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(page->changes, SizeIs(4));  // Two posts of a MiB, and the thread with each.
  EXPECT_TRUE(page->has_more);
  EXPECT_THAT(Drain(OfGroup("g"), at), SizeIs(10));
}

TEST_F(ChangeConformance, AttachmentsAreLeftOutThatDoNotFitIntoAMessage) {
  const auto thread = NewThread("a");
  const PostName post = Reply(thread, "p", std::string(kMaxBodyBytes, 'x'));
  v1::Attachment link;
  const std::string wide(kMaxAttachmentTextCharacters * 4, 'w');
  link.set_display_name("link");
  link.mutable_reference()->set_source_url(std::string(kMaxUrlCharacters * 4, 'u'));
  link.mutable_reference()->set_provider_type(wide);
  link.mutable_reference()->set_permission(wide);
  ChangePosition at = Now(OfGroup("g"));
  for (int i = 0; i < kMaxAttachmentsPerPost; ++i) {
    ASSERT_THAT(db_->CreateAttachment(Creating(), post,
                                      BuildAttachment(post.Canonical(), link, clock_.Now())),
                IsOk());
  }
  const auto page = ListAfter(OfGroup("g"), at, 1);
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->changes, SizeIs(2));
  size_t bytes = 0;
  for (const StoredChange& change : page->changes) bytes += change.change.ByteSizeLong();
  EXPECT_LE(bytes, kMaxPageBytes);
  const v1::Post& told = page->changes[0].change.post();
  EXPECT_TRUE(told.has_attachments());
  EXPECT_GT(told.attachments_size(), 100);
  EXPECT_LT(told.attachments_size(), kMaxAttachmentsPerPost);
}

TEST_F(ChangeConformance, TheBeginningIsWhatIsThereInOrderOfCreation) {
  const auto a = NewThread("a", kWithPost);
  const auto b = NewThread("b");
  NewThread("c", "topic: 't'", ConversationOf(a));
  Reply(b, "1");
  Reply(a, "2");
  const auto gone = NewThread("gone");
  ASSERT_THAT(db_->DeleteThread(Changing(), NameOf(gone)), IsOk());

  for (const int32_t limit : {1, 2, 3, 1000}) {
    SCOPED_TRACE(limit);
    EXPECT_THAT(Told(DrainAll(OfGroup("g"), limit)),
                ElementsAre("CREATED g/threads/a*", "CREATED g/threads/a/posts/pa*",
                            "CREATED g/threads/a/posts/2*", "CREATED g/threads/b*",
                            "CREATED g/threads/b/posts/1*", "CREATED g/threads/c*"));
    EXPECT_THAT(Told(DrainAll({NameOfGroup("g"), ConversationOf(a), {}}, limit)),
                ElementsAre("CREATED g/threads/a*", "CREATED g/threads/a/posts/pa*",
                            "CREATED g/threads/a/posts/2*", "CREATED g/threads/c*"));
    EXPECT_THAT(Told(DrainAll({NameOfGroup("g"), {}, IdOf(a)}, limit)),
                ElementsAre("CREATED g/threads/a/posts/pa*", "CREATED g/threads/a/posts/2*"));
  }
}

TEST_F(ChangeConformance, WhatChangesWhileTheBeginningIsListedFollowsIt) {
  const auto a = NewThread("a");
  const auto b = NewThread("b");
  ChangeQuery query;
  query.scope = OfGroup("g");
  query.start = ChangeStart::kBeginning;
  query.limit = 1;
  auto page = db_->ListChanges({}, query);
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(Told(page->changes), ElementsAre("CREATED g/threads/a*"));
  Reply(a, "p");
  ASSERT_THAT(db_->DeleteThread(Changing(), NameOf(b)), IsOk());
  EXPECT_THAT(Told(Drain(OfGroup("g"), page->next, 1)),
              ElementsAre("CREATED g/threads/a/posts/p*", "CREATED g/threads/a/posts/p*",
                          "UPDATED g/threads/a*", "DELETED g/threads/b"));
}

TEST_F(ChangeConformance, ThreadsOfADeletedConversationAreToldOfAsTheyAreRemoved) {
  v1::Conversation sent;
  sent.set_topic("t");
  for (int i = 0; i < 2; ++i) *sent.add_threads() = ParseText<v1::ConversationThread>(kWithPost);
  const auto created = db_->CreateConversation(
      Creating(), "g", BuildConversation(NameOfGroup("g"), sent, clock_.Now()));
  ASSERT_THAT(created, IsOk());
  letters_[created->id()] = "c";
  letters_[created->threads(0).id()] = "a";
  letters_[created->threads(1).id()] = "b";
  const Uuid conversation = *Uuid::Parse(created->id());
  const ChangeScope scopes[] = {OfGroup("g"), {NameOfGroup("g"), conversation, {}}};
  ChangePosition at[] = {Now(scopes[0]), Now(scopes[1])};
  ConversationName name;
  name.group.group = "g";
  name.conversation = conversation;
  ASSERT_THAT(db_->DeleteConversation({}, name), IsOk());
  for (int i = 0; i < 2; ++i) {
    std::vector<StoredChange> all;
    while (all.size() < 3) {
      for (StoredChange& change : Drain(scopes[i], at[i])) all.push_back(std::move(change));
    }
    EXPECT_THAT(Told(all), ElementsAre("DELETED g/conversations/c", "DELETED g/threads/a",
                                       "DELETED g/threads/b"));
  }
}

TEST_F(ChangeConformance, ADeletedGroupEndsItsChanges) {
  const auto thread = NewThread("a", kWithPost);
  ChangePosition at = Now(OfGroup("g"));
  ChangePosition of_thread = Now({NameOfGroup("g"), {}, IdOf(thread)});
  ChangePosition of_all = Now({});
  Reply(thread, "p");
  ASSERT_THAT(db_->DeleteGroup({}, "g", /*force=*/true), IsOk());
  CreateGroup("g");
  CreateThread("g");
  // Nobody can be a member of it any more.
  for (const CallContext& context : {CallContext(), As(Member("ann"))}) {
    const auto page = ListAfter(OfGroup("g"), at, 1000, context);
    ASSERT_THAT(page, IsOk());
    EXPECT_TRUE(page->group_is_deleted);
    EXPECT_FALSE(page->has_more);
    EXPECT_THAT(Told(page->changes), ElementsAre("DELETED g"));
  }
  EXPECT_THAT(Told(Drain({NameOfGroup("g"), {}, IdOf(thread)}, of_thread)),
              ElementsAre("DELETED g"));
  const auto all = Drain({}, of_all);
  ASSERT_GE(all.size(), 2);
  EXPECT_TRUE(IsGroupDeletion(all[all.size() - 2]));
}

TEST_F(ChangeConformance, TheDeletionOfAGroupIsNotToldInTheNameOfAnother) {
  CreateGroup("secret");
  const ChangePosition of_secret = Now(OfGroup("secret"));
  ASSERT_THAT(db_->DeleteGroup({}, "secret", /*force=*/true), IsOk());
  for (const bool is_purged : {false, true}) {
    if (is_purged) engine_->AwaitPurge();
    const auto page = ListAfter(OfGroup("g"), of_secret);
    ASSERT_THAT(page, IsOk());
    EXPECT_THAT(Told(page->changes), IsEmpty());
  }
}

TEST_F(ChangeConformance, WhoGuessesAPositionLearnsNothing) {
  CreateGroup("secret");
  const ChangePosition of_secret = Now(OfGroup("secret"));
  ChangePosition guessed = Now(OfGroup("g"));
  guessed.group_key = of_secret.group_key;
  for (const bool is_deleted : {false, true}) {
    if (is_deleted) {
      EXPECT_THAT(db_->DeleteGroup({}, "secret", /*force=*/true), IsOk());
    }
    EXPECT_THAT(ListAfter(OfGroup("secret"), guessed, 1, As(Member("ann"))),
                HasReason(v1::ERROR_REASON_NOT_A_MEMBER));
  }
  EXPECT_TRUE(ListAfter(OfGroup("secret"), of_secret, 1, As(Member("ann")))->group_is_deleted);
}

TEST_F(ChangeConformance, TheDeletionOfAGroupIsToldWhenNothingIsLeftOfIt) {
  NewThread("a", kWithPost);
  const ChangePosition of_all = Now({});
  const ChangePosition at = Now(OfGroup("g"));
  ASSERT_THAT(db_->DeleteGroup({}, "g", /*force=*/true), IsOk());
  engine_->AwaitPurge();
  EXPECT_THAT(Told(ListAfter({}, of_all)->changes), ElementsAre("DELETED g"));
  EXPECT_THAT(Told(ListAfter(OfGroup("g"), at)->changes), ElementsAre("DELETED g"));
}

// --- Who may, and from where

TEST_F(ChangeConformance, OnlyMembersFollowAGroup) {
  ASSERT_THAT(db_->AddMember({}, "g", MakeMember("g", "ann")), IsOk());
  const ChangePosition at = Now(OfGroup("g"));
  ChangeQuery query;
  query.scope = OfGroup("g");
  query.limit = 1;
  EXPECT_THAT(db_->ListChanges(As(Member("ann")), query), IsOk());
  EXPECT_THAT(db_->ListChanges(As(Member("bob")), query), HasReason(v1::ERROR_REASON_NOT_A_MEMBER));
  EXPECT_THAT(db_->ListChanges(As(ThroughJoinedGroups("bob")), query),
              StatusIs(absl::StatusCode::kNotFound));
  for (const int32_t limit : {0, 1}) {
    EXPECT_THAT(ListAfter(OfGroup("g"), at, limit, As(Member("ann"))), IsOk());
    EXPECT_THAT(ListAfter(OfGroup("g"), at, limit, As(Member("bob"))),
                HasReason(v1::ERROR_REASON_NOT_A_MEMBER));
  }
}

TEST_F(ChangeConformance, WithALimitOfNothingThePositionStays) {
  const ChangePosition at = Now(OfGroup("g"));
  NewThread("a");
  const auto page = ListAfter(OfGroup("g"), at, 0);
  ASSERT_THAT(page, IsOk());
  EXPECT_EQ(page->next, at);
  EXPECT_THAT(page->changes, IsEmpty());
  EXPECT_TRUE(page->has_more);
}

TEST_F(ChangeConformance, OnlyWhatIsThereCanBeFollowedFromTheStart) {
  const auto a = NewThread("a");
  const auto b = NewThread("b");
  const Uuid unknown = Uuid::V7(clock_.Now());
  for (const ChangeStart start : {ChangeStart::kBeginning, ChangeStart::kNow}) {
    for (const ChangeScope& scope : {OfGroup("unknown"), ChangeScope{NameOfGroup("g"), unknown, {}},
                                     ChangeScope{NameOfGroup("g"), {}, unknown},
                                     ChangeScope{NameOfGroup("g"), ConversationOf(b), IdOf(a)}}) {
      ChangeQuery query;
      query.scope = scope;
      query.start = start;
      query.limit = 1;
      EXPECT_THAT(db_->ListChanges({}, query), StatusIs(absl::StatusCode::kNotFound));
    }
  }
}

TEST_F(ChangeConformance, PositionsOfElsewhereAreExpired) {
  const auto is_expired = HasReason(v1::ERROR_REASON_DELTA_TOKEN_EXPIRED);
  CreateGroup("other");
  NewThread("a");
  const ChangePosition at = Now(OfGroup("g"));
  EXPECT_THAT(ListAfter(OfGroup("g"), at), IsOk());
  ChangePosition of_another_store = at;
  of_another_store.seal = Uuid::V7(clock_.Now());
  EXPECT_THAT(ListAfter(OfGroup("g"), of_another_store), is_expired);
  ChangePosition of_the_future = at;
  of_the_future.sequence += 1;
  EXPECT_THAT(ListAfter(OfGroup("g"), of_the_future), is_expired);
  EXPECT_THAT(ListAfter(OfGroup("other"), at), is_expired);
}

TEST_F(ChangeConformance, PositionsSurviveARestart) {
  ChangePosition at = Now(OfGroup("g"));
  NewThread("a");
  Open({});
  EXPECT_THAT(Told(Drain(OfGroup("g"), at)), ElementsAre("CREATED g/threads/a*"));
}

// --- What is forgotten

TEST_F(ChangeConformance, OldChangesAreForgottenAndTheirPositionsExpired) {
  Open({.change_retention = absl::Hours(1)});
  const ChangePosition before = Now(OfGroup("g"));
  NewThread("a");
  const ChangePosition between = Now(OfGroup("g"));
  clock_.Advance(absl::Minutes(30));
  NewThread("b");
  clock_.Advance(absl::Minutes(31));
  AwaitIndex();
  // What makes room for it is what is forgotten.
  NewThread("c");
  NewThread("d");
  EXPECT_THAT(ListAfter(OfGroup("g"), before), HasReason(v1::ERROR_REASON_DELTA_TOKEN_EXPIRED));
  EXPECT_THAT(Told(ListAfter(OfGroup("g"), between)->changes),
              ElementsAre("CREATED g/threads/b*", "CREATED g/threads/c*", "CREATED g/threads/d*"));
}

TEST_F(ChangeConformance, MoreChangesThanAreKeptAreForgotten) {
  Open({.max_changes = 3});
  std::vector<ChangePosition> positions;
  for (int i = 0; i < 10; ++i) {
    positions.push_back(Now(OfGroup("g")));
    NewThread("a");
    AwaitIndex();
  }
  EXPECT_THAT(ListAfter(OfGroup("g"), positions[5]),
              HasReason(v1::ERROR_REASON_DELTA_TOKEN_EXPIRED));
  EXPECT_THAT(ListAfter(OfGroup("g"), positions[7])->changes, SizeIs(3));
}

TEST_F(ChangeConformance, TheNewestChangeIsNeverForgotten) {
  Open({.change_retention = absl::Hours(1)});
  NewThread("a");
  ChangePosition at = Now(OfGroup("g"));
  clock_.Advance(absl::Hours(100));
  CreateGroup("no change");
  Open({.change_retention = absl::Hours(1)});
  NewThread("b");
  EXPECT_THAT(Told(Drain(OfGroup("g"), at)), ElementsAre("CREATED g/threads/b*"));
}

TEST_F(ChangeConformance, AClockThatWasWrongDelaysForgettingOnlyUntilItWasSetRight) {
  Open({.change_retention = absl::Hours(1)});
  const ChangePosition at = Now(OfGroup("g"));
  clock_.Advance(absl::Hours(10'000));
  for (int i = 0; i < 5; ++i) NewThread("a");
  clock_.Advance(-absl::Hours(10'000));
  NewThread("b");
  clock_.Advance(absl::Minutes(30));
  NewThread("c");
  EXPECT_THAT(ListAfter(OfGroup("g"), at), IsOk());
  clock_.Advance(absl::Minutes(31));
  AwaitIndex();
  for (int i = 0; i < 5; ++i) NewThread("d");
  EXPECT_THAT(ListAfter(OfGroup("g"), at), HasReason(v1::ERROR_REASON_DELTA_TOKEN_EXPIRED));
}

// --- Listening

TEST_F(ChangeConformance, ListenersAreCalledAfterWhatIsListed) {
  std::promise<void> called;
  store_->SetChangeListener([&called, first = true]() mutable {
    if (std::exchange(first, false)) called.set_value();
  });
  ChangePosition at = Now(OfGroup("g"));
  NewThread("a");
  called.get_future().wait();
  store_->SetChangeListener(nullptr);
  EXPECT_THAT(Drain(OfGroup("g"), at), SizeIs(1));
}

}  // namespace
}  // namespace threadstore::testing
