// Searches: what is found, in which order, and that every write acknowledged before is looked at.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/domain/limits.h"
#include "server/domain/words.h"
#include "tests/store/conformance.h"

namespace threadstore::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SearchConformance : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    v1::Group group = MakeGroup("g");
    group.set_allow_external_senders(true);
    ASSERT_THAT(db_->CreateGroup({}, group), IsOk());
  }

  static SearchQuery MakeQuery(const std::string& text, const std::string& group = "g") {
    SearchQuery query;
    query.group = group;
    query.terms = *ParseSearch(text);
    query.limit = 50;
    return query;
  }

  absl::StatusOr<SearchPage> Search(const SearchQuery& query) {
    return db_->SearchThreads({}, query);
  }

  // The topics of the threads that are found.
  std::vector<std::string> Found(const std::string& text, const std::string& group = "g") {
    const auto page = Search(MakeQuery(text, group));
    EXPECT_THAT(page, IsOk());
    std::vector<std::string> topics;
    if (!page.ok()) return topics;
    EXPECT_FALSE(page->has_more);
    for (const auto& result : page->results) topics.push_back(result.thread().topic());
    return topics;
  }

  v1::ConversationThread CreateThreadWithPost(const std::string& topic, const std::string& content,
                                              const std::string& content_type = "text") {
    v1::ConversationThread sent = MakeThread("g", absl::StrCat("topic: '", topic, "'"));
    *sent.add_posts() = MakePost(content, content_type);
    sent.set_preview(MakePreview(sent.posts(0).body()));
    const auto created = db_->CreateThread({}, "g", std::nullopt, sent);
    EXPECT_THAT(created, IsOk());
    return created.value_or(v1::ConversationThread());
  }

  v1::Post MakePost(const std::string& content, const std::string& content_type = "text") {
    v1::Post post;
    post.mutable_body()->set_content(content);
    post.mutable_body()->set_content_type(content_type);
    post.mutable_sender()->mutable_email_address()->set_address("ann@example.com");
    return BuildPost(post, clock_.Now());
  }

  v1::Post Reply(const v1::ConversationThread& thread, const std::string& content) {
    clock_.Advance(absl::Milliseconds(1));
    CreateContext context;
    context.now = clock_.Now();
    NewPost post;
    post.post = MakePost(content);
    post.preview = MakePreview(post.post.body());
    const auto created = db_->CreatePost(context, NameOf(thread), post);
    EXPECT_THAT(created, IsOk());
    return created.value_or(v1::Post());
  }

  ChangeContext Changing() {
    clock_.Advance(absl::Milliseconds(1));
    ChangeContext context;
    context.now = clock_.Now();
    return context;
  }

  void Edit(const v1::ConversationThread& thread, const v1::Post& post,
            const std::string& content) {
    PostChanges changes;
    changes.body = MakePost(content).body();
    changes.preview = content;
    EXPECT_THAT(db_->UpdatePost(Changing(), NameOf(thread, post), changes), IsOk());
  }

  static ThreadName NameOf(const v1::ConversationThread& thread, const std::string& group = "g") {
    ThreadName name;
    name.group.group = group;
    name.thread = IdOf(thread);
    return name;
  }

  static PostName NameOf(const v1::ConversationThread& thread, const v1::Post& post) {
    return {NameOf(thread), *Uuid::Parse(post.id())};
  }
};

// --- What is found

TEST_F(SearchConformance, ThreadIsFoundByItsTopic) {
  const v1::ConversationThread thread = CreateThread("g", "topic: 'Budget for Zürich'");
  const auto page = Search(MakeQuery("zurich"));
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->results, SizeIs(1));
  EXPECT_THAT(page->results[0].thread(), EqualsProto(thread));
  EXPECT_EQ(page->results[0].post(), "");
  EXPECT_FALSE(page->has_more);
  EXPECT_THAT(Found("budget ZURICH"), SizeIs(1));
  EXPECT_THAT(Found("bern"), IsEmpty());
  EXPECT_THAT(Found("budget bern"), IsEmpty()) << "all words have to be there";
  EXPECT_THAT(Found("budge"), IsEmpty()) << "whole words";
}

TEST_F(SearchConformance, ThreadIsFoundByAPostTogetherWithTheTopic) {
  const v1::ConversationThread thread = CreateThreadWithPost("Budget", "We meet on Monday");
  const v1::Post reply = Reply(thread, "Tuesday is better");
  auto page = Search(MakeQuery("monday"));
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->results, SizeIs(1));
  EXPECT_EQ(page->results[0].post(), thread.posts(0).name());
  page = Search(MakeQuery("budget"));
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->results, SizeIs(1));
  EXPECT_EQ(page->results[0].post(), reply.name()) << "the newest post";
  EXPECT_EQ(page->results[0].thread().preview(), "Tuesday is better");
  EXPECT_THAT(Found("budget tuesday"), ElementsAre("Budget"));
  EXPECT_THAT(Found("monday tuesday"), IsEmpty()) << "words of two posts";
}

TEST_F(SearchConformance, PhraseIsFoundInItsOrderOnly) {
  CreateThreadWithPost("Release plan", "one two, three");
  EXPECT_THAT(Found("\"one two three\""), SizeIs(1));
  EXPECT_THAT(Found("\"two three\" one"), SizeIs(1));
  EXPECT_THAT(Found("\"one three\""), IsEmpty());
  EXPECT_THAT(Found("\"two one\""), IsEmpty());
  EXPECT_THAT(Found("three one"), SizeIs(1));
  EXPECT_THAT(Found("\"plan one\""), IsEmpty()) << "a phrase across topic and post";
}

TEST_F(SearchConformance, PrefixIsTheBeginningOfAnyWord) {
  CreateThread("g", "topic: 'Planning'");
  CreateThread("g", "topic: 'The plan'");
  CreateThread("g", "topic: 'Airplane'");
  EXPECT_THAT(Found("plan*"), ElementsAre("The plan", "Planning"));
  EXPECT_THAT(Found("plann* "), ElementsAre("Planning"));
  EXPECT_THAT(Found("plan* the"), ElementsAre("The plan"));
}

TEST_F(SearchConformance, TextWithoutSpacesIsFoundByItsParts) {
  CreateThreadWithPost("ja", "東京都の予算案");
  CreateThreadWithPost("th", "ภาษาไทยง่ายมาก");
  for (const char* part : {"東京", "京都", "の予算", "東京都の予算案", "都", "案", "京"}) {
    EXPECT_THAT(Found(part), ElementsAre("ja")) << part;
  }
  EXPECT_THAT(Found("東都"), IsEmpty());
  EXPECT_THAT(Found("東京 予算"), ElementsAre("ja"));
  EXPECT_THAT(Found("ไทย"), ElementsAre("th"));
  EXPECT_THAT(Found("ง่าย"), ElementsAre("th"));
  EXPECT_THAT(Found("ไทยมาก"), IsEmpty());
}

TEST_F(SearchConformance, HtmlIsFoundByWhatAReaderSees) {
  CreateThreadWithPost("t", "<p class='hidden'>One<br>t<b>w</b>o &eacute;t&eacute;</p>", "html");
  EXPECT_THAT(Found("\"one two ete\""), SizeIs(1));
  EXPECT_THAT(Found("hidden"), IsEmpty());
  EXPECT_THAT(Found("p"), IsEmpty());
}

TEST_F(SearchConformance, TextIsNeverSyntax) {
  CreateThreadWithPost("and OR not", "near topic body thread");
  for (const char* query : {"OR", "NOT or", "AND", "near", "topic:and", "thread : body", "^near",
                            "(and)", "{body} : near", "and + or", "near;--", "'and'"}) {
    EXPECT_THAT(Found(query), SizeIs(1)) << query;
  }
  EXPECT_THAT(Found("t1"), IsEmpty());
  EXPECT_THAT(Found("1gand"), IsEmpty());
}

TEST_F(SearchConformance, GroupsAreSearchedApart) {
  CreateGroup("other");
  CreateThread("g", "topic: 'budget'");
  CreateThread("other", "topic: 'budget other'");
  EXPECT_THAT(Found("budget"), ElementsAre("budget"));
  EXPECT_THAT(Found("budget", "other"), ElementsAre("budget other"));
  EXPECT_THAT(Found("b*", "other"), ElementsAre("budget other"));
  EXPECT_THAT(Found("other"), IsEmpty());
}

TEST_F(SearchConformance, OnlyThoseInTheGroupMaySearchIt) {
  CreateThread("g", "topic: 'budget'");
  ASSERT_THAT(db_->AddMember({}, "g", MakeMember("g", "ann")), IsOk());
  EXPECT_THAT(db_->SearchThreads(As(Member("ann")), MakeQuery("budget"))->results, SizeIs(1));
  EXPECT_THAT(db_->SearchThreads(As(Member("eve")), MakeQuery("budget")),
              HasReason(v1::ERROR_REASON_NOT_A_MEMBER));
  EXPECT_THAT(db_->SearchThreads({}, MakeQuery("budget", "x")),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
}

// --- After each write

TEST_F(SearchConformance, EveryKindOfWriteIsSeen) {
  const v1::ConversationThread empty = CreateThread("g", "topic: 'empty'");
  EXPECT_THAT(Found("empty"), ElementsAre("empty"));
  const v1::Post first = Reply(empty, "apple");
  EXPECT_THAT(Found("empty"), ElementsAre("empty"));
  EXPECT_THAT(Found("empty apple"), ElementsAre("empty"));
  Edit(empty, first, "banana");
  EXPECT_THAT(Found("apple"), IsEmpty());
  EXPECT_THAT(Found("banana empty"), ElementsAre("empty"));
  ASSERT_THAT(db_->DeletePost(Changing(), NameOf(empty, first)), IsOk());
  EXPECT_THAT(Found("banana"), IsEmpty());
  const auto page = Search(MakeQuery("empty"));
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->results, SizeIs(1)) << "a thread whose only post is gone";
  EXPECT_EQ(page->results[0].post(), "");
  Reply(empty, "cherry");
  EXPECT_THAT(Found("cherry"), ElementsAre("empty"));
  ASSERT_THAT(db_->DeleteThread(Changing(), NameOf(empty)), IsOk());
  EXPECT_THAT(Found("cherry"), IsEmpty());
  EXPECT_THAT(Found("empty"), IsEmpty());
}

TEST_F(SearchConformance, ConversationsAndGroupsGoWithAllThatIsFoundInThem) {
  const v1::ConversationThread thread = CreateThreadWithPost("first", "apple");
  CreateThread("g", "topic: 'second apple'", ConversationOf(thread));
  EXPECT_THAT(Found("apple"), SizeIs(2));
  ConversationName name;
  name.group.group = "g";
  name.conversation = ConversationOf(thread);
  ASSERT_THAT(db_->DeleteConversation({}, name), IsOk());
  EXPECT_THAT(Found("apple"), IsEmpty());
  CreateThreadWithPost("third", "apple");
  ASSERT_THAT(db_->DeleteGroup({}, "g", /*force=*/true), IsOk());
  EXPECT_THAT(Search(MakeQuery("apple")), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  CreateGroup("g");
  EXPECT_THAT(Found("apple"), IsEmpty()) << "a new group has nothing of the old one's";
}

TEST_F(SearchConformance, ConversationIsFoundByEachOfItsThreads) {
  GroupName group;
  group.group = "g";
  const v1::Conversation conversation = BuildConversation(group, ParseText<v1::Conversation>(R"pb(
                                                            topic: "conversation"
                                                            threads { topic: "apple" }
                                                            threads {}
                                                          )pb"),
                                                          clock_.Now());
  ASSERT_THAT(db_->CreateConversation({}, "g", conversation), IsOk());
  EXPECT_THAT(Found("apple"), ElementsAre("apple"));
  EXPECT_THAT(Found("conversation"), ElementsAre("conversation"));
}

TEST_F(SearchConformance, WhatWasWrittenBeforeARestartIsFound) {
  CreateThreadWithPost("t", "apple");
  Open({});
  EXPECT_THAT(Found("apple"), ElementsAre("t"));
  EXPECT_THAT(Found("apple"), ElementsAre("t"));
}

TEST_F(SearchConformance, ManyWritesAreAllSeen) {
  constexpr int kThreads = 700;  // More than are indexed at once.
  for (int i = 0; i < kThreads; ++i) {
    store_->CreateThread({}, "g", std::nullopt, MakeThread("g", "topic: 'apple'"),
                         [](const absl::StatusOr<v1::ConversationThread>&) {});
  }
  CreateThread("g", "topic: 'last apple'");
  SearchQuery query = MakeQuery("apple");
  query.limit = kMaxPageSize;
  const auto page = Search(query);
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(page->results, SizeIs(kThreads + 1));
  EXPECT_EQ(page->results[0].thread().topic(), "last apple");
}

// --- Order and pages

TEST_F(SearchConformance, NewestMatchComesFirst) {
  const v1::ConversationThread a = CreateThreadWithPost("a", "apple");
  CreateThreadWithPost("b", "apple");
  EXPECT_THAT(Found("apple"), ElementsAre("b", "a"));
  Reply(a, "pear");
  EXPECT_THAT(Found("apple"), ElementsAre("b", "a")) << "a reply that does not match";
  const v1::Post newest = Reply(a, "apple");
  EXPECT_THAT(Found("apple"), ElementsAre("a", "b"));
  const auto page = Search(MakeQuery("apple"));
  EXPECT_EQ(page->results[0].post(), newest.name());
  Edit(a, newest, "plum");
  EXPECT_THAT(Found("apple"), ElementsAre("b", "a"));
}

TEST_F(SearchConformance, ThreadIsOneResultOnWhateverPage) {
  std::vector<std::string> expected;
  for (int i = 0; i < 10; ++i) {
    const v1::ConversationThread thread = CreateThreadWithPost(absl::StrCat("t", i), "apple");
    for (int reply = 0; reply < i % 3; ++reply) Reply(thread, "apple again");
    expected.insert(expected.begin(), thread.topic());
  }
  // Bumps one that stood in the middle.
  const v1::ConversationThread bumped = CreateThreadWithPost("bumped", "apple");
  const v1::ConversationThread after = CreateThreadWithPost("after", "apple");
  Reply(bumped, "apple");
  expected.insert(expected.begin(), "after");
  expected.insert(expected.begin(), "bumped");
  for (const char* text : {"apple", "app*", "app* apple"}) {
    for (const SearchOrder order : {SearchOrder::kNewestMatch, SearchOrder::kRank}) {
      for (const int limit : {1, 2, 3, 50}) {
        SearchQuery query = MakeQuery(text);
        query.limit = limit;
        query.order = order;
        std::vector<std::string> found;
        while (true) {
          const auto page = Search(query);
          ASSERT_THAT(page, IsOk());
          EXPECT_LE(page->results.size(), limit);
          for (const auto& result : page->results) found.push_back(result.thread().topic());
          if (!page->has_more) break;
          query.after = page->last;
        }
        if (order == SearchOrder::kNewestMatch) {
          EXPECT_EQ(found, expected) << text << limit;
        } else {
          EXPECT_THAT(found, ::testing::UnorderedElementsAreArray(expected)) << text << limit;
        }
      }
    }
  }
}

TEST_F(SearchConformance, ByRankTheBestComesFirst) {
  CreateThreadWithPost("best", "apple apple apple");
  CreateThreadWithPost("much else",
                       "an apple among a great many other words that say nothing of it");
  SearchQuery query = MakeQuery("apple");
  query.order = SearchOrder::kRank;
  const auto page = Search(query);
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->results, SizeIs(2));
  EXPECT_EQ(page->results[0].thread().topic(), "best");
  EXPECT_FALSE(page->has_more);
}

// Of one time there may be any number, as with what is imported.
TEST_F(SearchConformance, ThreadsOfOneTimeAreAllFound) {
  constexpr int kThreads = 300;
  const v1::ConversationThread before = CreateThread("g", "topic: 'before apple'");
  const v1::ConversationThread thread = MakeThread("g", "topic: 'apple'");
  for (int i = 0; i < kThreads; ++i) {
    v1::ConversationThread copy = thread;
    ThreadParent parent;
    parent.group.group = "g";
    copy = BuildThread(parent, copy, clock_.Now());
    ASSERT_THAT(db_->CreateThread({}, "g", std::nullopt, copy), IsOk());
  }
  CreateThread("g", "topic: 'after apple'");
  SearchQuery query = MakeQuery("apple");
  query.limit = kMaxPageSize;
  const auto page = Search(query);
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->results, SizeIs(kThreads + 2));
  EXPECT_EQ(page->results[0].thread().topic(), "after apple");
  EXPECT_EQ(page->results.rbegin()->thread().topic(), "before apple");
}

TEST_F(SearchConformance, SearchThatNobodyAwaitsIsNotBegun) {
  CallContext context;
  context.deadline = clock_.Now() - absl::Seconds(1);
  EXPECT_THAT(db_->SearchThreads(context, MakeQuery("apple")),
              HasReason(v1::ERROR_REASON_DEADLINE_EXCEEDED));
}

}  // namespace
}  // namespace threadstore::testing
