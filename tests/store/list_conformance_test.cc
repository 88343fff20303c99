// Lists of threads, conversations and posts: their orders, filters and expansions, and what they
// promise while others write.

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/domain/limits.h"
#include "server/domain/page_token.h"
#include "server/domain/validation.h"
#include "tests/store/post_conformance.h"

namespace threadstore::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr ThreadOrder kOrders[] = {ThreadOrder::kNewestActivity, ThreadOrder::kOldestActivity,
                                   ThreadOrder::kOldestCreated,  ThreadOrder::kNewestCreated,
                                   ThreadOrder::kTopicAscending, ThreadOrder::kTopicDescending};

FilterNode Parse(const std::string& text, const std::vector<FilterField>& fields) {
  auto filter = ParseFilter(text, fields);
  EXPECT_THAT(filter, IsOk()) << text;
  return filter.value_or(FilterNode{});
}

// Advances with each look at it.
class TickingClock final : public Clock {
 public:
  explicit TickingClock(absl::Time start, absl::Duration tick)
      : micros_(absl::ToUnixMicros(start)), tick_us_(absl::ToInt64Microseconds(tick)) {}
  absl::Time Now() const override { return absl::FromUnixMicros(micros_ += tick_us_); }

 private:
  mutable std::atomic<int64_t> micros_;
  const int64_t tick_us_;
};

class ListConformance : public PostConformance {
 protected:
  // Opens the store again with a clock that goes on by `tick` whenever it is read.
  void OpenWithTicks(absl::Duration tick) {
    store_.reset();
    ticking_clock_ = std::make_unique<TickingClock>(clock_.Now(), tick);
    store_ = engine_->Open({}, *ticking_clock_);
    db_ = std::make_unique<BlockingStore>(*store_);
  }

  // The topics of the threads in an order, in pages of `limit`.
  std::string Topics(ThreadOrder order, int32_t limit,
                     std::optional<Uuid> conversation = std::nullopt) {
    std::string topics;
    for (const auto& thread :
         Walk({.group = "g", .conversation = conversation, .order = order, .limit = limit})) {
      topics += thread.topic();
    }
    return topics;
  }

  // All pages of a list; `see` is given each.
  template <typename Query, typename List, typename See>
  void ForEachPage(Query query, List list, See see) {
    while (true) {
      const auto page = ((*db_).*list)({}, query);
      ASSERT_THAT(page, IsOk());
      see(*page);
      if (!page->has_more) return;
      query.after = page->last;
    }
  }

  template <typename Query, typename Page>
  std::vector<std::string> IdsOfAll(Query query,
                                    absl::StatusOr<Page> (BlockingStore::*list)(CallContext,
                                                                                Query)) {
    std::vector<std::string> ids;
    ForEachPage(query, list, [&ids](const Page& page) {
      const std::vector<std::string> listed = IdsOf(ItemsOf(page));
      ids.insert(ids.end(), listed.begin(), listed.end());
    });
    return ids;
  }

  static const auto& ItemsOf(const ThreadPage& page) { return page.threads; }
  static const auto& ItemsOf(const ConversationPage& page) { return page.conversations; }
  static const auto& ItemsOf(const PostPage& page) { return page.posts; }

 private:
  std::unique_ptr<TickingClock> ticking_clock_;
};

// --- Orders

TEST_F(ListConformance, ThreadsAreListedByOldestActivityAndByTopic) {
  const v1::ConversationThread b =
      CreateThread("g", "topic: 'b' last_delivered_date_time { seconds: 20 }");
  const Uuid conversation = ConversationOf(b);
  CreateThread("g", "topic: '\xC3\xA9' last_delivered_date_time { seconds: -30 }", conversation);
  CreateThread("g", "topic: 'B' last_delivered_date_time { seconds: 20 }", conversation);
  CreateThread("g", "topic: '\xF0\x9F\x8C\x8D' last_delivered_date_time { seconds: 7 }");
  for (const int32_t limit : {1, 2, 4, 5}) {
    SCOPED_TRACE(limit);
    EXPECT_EQ(Topics(ThreadOrder::kOldestActivity, limit),
              "\xC3\xA9\xF0\x9F\x8C\x8D"
              "bB");
    EXPECT_EQ(Topics(ThreadOrder::kTopicAscending, limit), "Bb\xC3\xA9\xF0\x9F\x8C\x8D");
    EXPECT_EQ(Topics(ThreadOrder::kTopicDescending, limit),
              "\xF0\x9F\x8C\x8D\xC3\xA9"
              "bB");
    EXPECT_EQ(Topics(ThreadOrder::kOldestActivity, limit, conversation),
              "\xC3\xA9"
              "bB");
    EXPECT_EQ(Topics(ThreadOrder::kTopicAscending, limit, conversation), "Bb\xC3\xA9");
    EXPECT_EQ(Topics(ThreadOrder::kTopicDescending, limit, conversation),
              "\xC3\xA9"
              "bB");
  }
}

TEST_F(ListConformance, ThreadsOfOneTopicAreEachListedOnce) {
  std::vector<std::string> ids(7);
  for (std::string& id : ids) id = CreateThread("g", "topic: 'same'").id();
  for (const int32_t limit : {1, 3, 7}) {
    EXPECT_EQ(IdsOf(Walk({.group = "g", .order = ThreadOrder::kTopicAscending, .limit = limit})),
              ids);
  }
  std::reverse(ids.begin(), ids.end());
  EXPECT_EQ(IdsOf(Walk({.group = "g", .order = ThreadOrder::kTopicDescending, .limit = 2})), ids);
}

TEST_F(ListConformance, ConversationsAreListedByOldestActivityAndByTopic) {
  const v1::ConversationThread b =
      CreateThread("g", "topic: 'b' last_delivered_date_time { seconds: 20 }");
  CreateThread("g", "topic: 'z' last_delivered_date_time { seconds: 1 }", ConversationOf(b));
  CreateThread("g", "topic: 'a' last_delivered_date_time { seconds: 10 }");
  CreateThread("g", "topic: 'c' last_delivered_date_time { seconds: 30 }");
  for (const int32_t limit : {1, 2, 3, 4}) {
    SCOPED_TRACE(limit);
    EXPECT_EQ(WalkConversations(ThreadOrder::kOldestActivity, limit), "abc");
    EXPECT_EQ(WalkConversations(ThreadOrder::kTopicAscending, limit), "abc");
    EXPECT_EQ(WalkConversations(ThreadOrder::kTopicDescending, limit), "cba");
  }
}

// --- Promises while others write

// Between the pages of each walk a thread is created, one is deleted, and two, of which one has
// been visited, get a post.
TEST_F(ListConformance, WhatExistedThroughoutIsVisitedWhileOthersWrite) {
  for (const bool conversations : {false, true}) {
    for (const ThreadOrder order : kOrders) {
      SCOPED_TRACE(absl::StrCat("order ", static_cast<int>(order), " of ",
                                conversations ? "conversations" : "threads"));
      const std::string group =
          absl::StrCat("g", static_cast<int>(order), conversations ? "c" : "t");
      CreateOpenGroup(group);
      std::vector<v1::ConversationThread> threads(24);
      for (size_t i = 0; i < threads.size(); ++i) {
        threads[i] = CreateThread(group, absl::StrCat("topic: '", (i * 7) % 24, "'"));
      }
      std::vector<size_t> kept;  // Neither deleted nor bumped.
      for (size_t i = 0; i < threads.size(); ++i) {
        if (i % 3 == 0) kept.push_back(i);
      }
      size_t to_delete = 1;  // Of every three.
      size_t to_bump = 2;
      const auto disturb = [&] {
        CreateThread(group, "topic: '1'");
        if (to_delete < threads.size()) {
          ASSERT_THAT(db_->DeleteThread(Changing(), NameOf(group, threads[to_delete])), IsOk());
        }
        for (const size_t bumped : {to_bump, threads.size() - 1 - (to_bump - 2)}) {
          if (bumped < threads.size() && bumped % 3 == 2) {
            CreatePost(NameOf(group, threads[bumped]), kAnnsPost);
          }
        }
        to_delete += 3;
        to_bump += 3;
      };
      std::map<std::string, int> visits;
      const auto see = [&](const auto& page) {
        for (const std::string& id : IdsOf(ItemsOf(page))) ++visits[id];
        disturb();
      };
      if (conversations) {
        ForEachPage(ConversationQuery{.group = group, .order = order, .limit = 3},
                    &BlockingStore::ListConversations, see);
      } else {
        ForEachPage(ThreadQuery{.group = group, .order = order, .limit = 3},
                    &BlockingStore::ListThreads, see);
      }
      const auto visits_of = [&](size_t i) {
        return visits[conversations ? threads[i].conversation_id() : threads[i].id()];
      };
      for (const size_t i : kept) EXPECT_EQ(visits_of(i), 1) << i;
      for (size_t i = 2; i < threads.size(); i += 3) {
        if (order == ThreadOrder::kNewestActivity) {
          EXPECT_LE(visits_of(i), 1) << i << ": bumped, it may be missed";
        } else if (order == ThreadOrder::kOldestActivity) {
          EXPECT_GE(visits_of(i), 1) << i << ": bumped, it may be visited twice";
        } else {
          EXPECT_EQ(visits_of(i), 1) << i;
        }
      }
    }
  }
}

// --- Filters

TEST_F(ListConformance, FiltersFindWhatMatchesInEveryOrder) {
  for (int i = 0; i < 12; ++i) {
    const v1::ConversationThread thread = CreateThread(
        "g", absl::StrCat("topic: '", i % 5, "' is_locked: ", i % 3 == 0 ? "true" : "false",
                          " last_delivered_date_time { seconds: ", 100 + (i * 5) % 12, " }"));
    if (i % 3 == 1) CreatePost(NameOf("g", thread), i % 2 == 0 ? kAnnsPost : kBobsPost);
  }
  const auto all = Walk({.group = "g", .order = ThreadOrder::kOldestCreated, .limit = 100});
  ASSERT_THAT(all, SizeIs(12));
  const std::string created = absl::FormatTime(
      "%Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixMicros(ToMicros(all[5].created_date_time())),
      absl::UTCTimeZone());
  std::vector<std::string> filters = {
      "isLocked eq true",
      "topic in ('1', '3') and not isLocked eq true",
      "uniqueSenders/any(s: s eq 'Bob')",
      "isLocked eq true and isLocked eq false",
      absl::StrCat("conversationId eq '", all[3].conversation_id(), "'"),
  };
  for (const char* comparison : {"eq", "ne", "lt", "le", "gt", "ge"}) {
    filters.push_back(absl::StrCat("createdDateTime ", comparison, " ", created));
    filters.push_back(absl::StrCat("lastDeliveredDateTime ", comparison, " 1970-01-01T00:01:45Z"));
    filters.push_back(absl::StrCat("lastDeliveredDateTime ", comparison,
                                   " 1970-01-01T00:01:45Z or isLocked eq true"));
  }
  filters.emplace_back(
      "lastDeliveredDateTime ge 1970-01-01T00:01:42Z and"
      " lastDeliveredDateTime lt 1970-01-01T00:01:47Z and lastDeliveredDateTime ge"
      " 1970-01-01T00:01:41Z and isLocked eq false");
  for (const std::string& text : filters) {
    SCOPED_TRACE(text);
    const FilterNode filter = Parse(text, ThreadFilterFields());
    for (const ThreadOrder order : kOrders) {
      std::vector<std::string> expected;
      for (const auto& thread : Walk({.group = "g", .order = order, .limit = 100})) {
        if (Matches(filter, ThreadFilterFields(), thread)) expected.push_back(thread.id());
      }
      for (const int32_t limit : {1, 5, 100}) {
        EXPECT_EQ(
            IdsOfAll(ThreadQuery{.group = "g", .order = order, .filter = filter, .limit = limit},
                     &BlockingStore::ListThreads),
            expected)
            << static_cast<int>(order) << " by " << limit;
      }
    }
  }
}

TEST_F(ListConformance, PostsAreFilteredInBothOrders) {
  const ThreadName thread = CreateThreadNamed();
  std::vector<v1::Post> posts(6);
  for (size_t i = 0; i < posts.size(); ++i) {
    posts[i] = CreatePost(thread, i % 2 == 0 ? kAnnsPost : kBobsPost);
  }
  const std::string third = absl::FormatTime(
      "%Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixMicros(ToMicros(posts[3].created_date_time())),
      absl::UTCTimeZone());
  for (const std::string& text :
       {std::string("contains(body/content, 'Bob')"),
        std::string("sender/emailAddress/name eq 'Ann'"), "createdDateTime ge " + third,
        "receivedDateTime lt " + third,
        "receivedDateTime le " + third + " and createdDateTime gt " +
            absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ",
                             absl::FromUnixMicros(ToMicros(posts[1].created_date_time())),
                             absl::UTCTimeZone()),
        "createdDateTime eq " + third + " or contains(body/content, 'Ann')"}) {
    SCOPED_TRACE(text);
    const FilterNode filter = Parse(text, PostFilterFields());
    std::vector<std::string> expected;
    for (const v1::Post& post : posts) {
      if (Matches(filter, PostFilterFields(), post)) expected.push_back(post.id());
    }
    ASSERT_THAT(expected, ::testing::Not(IsEmpty()));
    for (const bool newest_first : {false, true}) {
      EXPECT_EQ(
          IdsOfAll(
              PostQuery{
                  .thread = thread, .newest_first = newest_first, .filter = filter, .limit = 2},
              &BlockingStore::ListPosts),
          expected);
      std::reverse(expected.begin(), expected.end());
    }
  }
}

TEST_F(ListConformance, PageLooksForWhatSeldomMatchesForABoundedTimeOnly) {
  for (int i = 0; i < 30; ++i) CreateThread("g", i == 20 ? "topic: 'needle'" : "topic: 'hay'");
  OpenWithTicks(kMaxFilterTime / 4);
  const FilterNode filter = Parse("topic eq 'needle'", ThreadFilterFields());
  for (const ThreadOrder order : kOrders) {
    int pages = 0;
    int found = 0;
    ForEachPage(ThreadQuery{.group = "g", .order = order, .filter = filter, .limit = 10},
                &BlockingStore::ListThreads, [&](const ThreadPage& page) {
                  ++pages;
                  found += page.threads.size();
                });
    EXPECT_EQ(found, 1);
    EXPECT_GE(pages, 30 / 4);
    EXPECT_LE(pages, 31);
  }
}

// --- Counts

TEST_F(ListConformance, ListsTellHowManyPassIfAsked) {
  const v1::ConversationThread first = CreateThread("g", "topic: 'a' is_locked: true");
  CreateThread("g", "topic: 'b'", ConversationOf(first));
  CreateThread("g", "topic: 'c' is_locked: true");
  const v1::ConversationThread deleted = CreateThread("g", "topic: 'd'");
  ASSERT_THAT(db_->DeleteThread({}, NameOf("g", deleted)), IsOk());
  const FilterNode locked = Parse("is_locked", ThreadFilterFields());
  for (const ThreadOrder order : kOrders) {
    ThreadQuery query{.group = "g", .order = order, .limit = 1};
    EXPECT_EQ(db_->ListThreads({}, query)->total_size, std::nullopt);
    query.count = true;
    auto page = db_->ListThreads({}, query);
    EXPECT_EQ(page->total_size, 3);
    query.after = page->last;
    EXPECT_EQ(db_->ListThreads({}, query)->total_size, 3) << "on whatever page";
    query.filter = locked;
    EXPECT_EQ(db_->ListThreads({}, query)->total_size, 2);
    query.conversation = ConversationOf(first);
    EXPECT_EQ(db_->ListThreads({}, query)->total_size, 1);

    ConversationQuery conversations{.group = "g", .order = order, .limit = 1, .count = true};
    EXPECT_EQ(db_->ListConversations({}, conversations)->total_size, 2);
    conversations.filter = Parse("topic eq 'c'", ConversationFilterFields());
    EXPECT_EQ(db_->ListConversations({}, conversations)->total_size, 1);
    conversations.filter = Parse("topic eq 'x'", ConversationFilterFields());
    EXPECT_EQ(db_->ListConversations({}, conversations)->total_size, 0);
  }
  const v1::ConversationThread thread = CreateThread("g", "topic: 'with posts'");
  for (const char* text : {"one", "two", "three"}) {
    CreatePost(
        NameOf("g", thread),
        absl::StrCat("sender { email_address { name: 'Ann' } } body { content: '", text, "' }"));
  }
  for (const bool newest_first : {false, true}) {
    PostQuery posts{
        .thread = NameOf("g", thread), .newest_first = newest_first, .limit = 1, .count = true};
    EXPECT_EQ(db_->ListPosts({}, posts)->total_size, 3);
    posts.filter = Parse("startswith(body/content, 't')", PostFilterFields());
    EXPECT_EQ(db_->ListPosts({}, posts)->total_size, 2);
  }
  CreateGroup("h");
  ASSERT_THAT(db_->AddMember({}, "h", MakeMember("h", "zoe")), IsOk());
  EXPECT_EQ(db_->ListGroups({}, {.limit = 1, .count = true})->total_size, 2);
  EXPECT_EQ(db_->ListGroups({}, {.after_id = "x", .limit = 1, .count = true})->total_size, 2);
  EXPECT_EQ(db_->ListGroups({}, {.member = "zoe", .limit = 1, .count = true})->total_size, 1);
  GroupQuery groups{.limit = 1, .count = true};
  groups.filter = Parse("id gt 'g'", GroupFilterFields());
  EXPECT_EQ(db_->ListGroups({}, groups)->total_size, 1);
}

TEST_F(ListConformance, CountingThatTakesTooLongIsRefused) {
  CreateThread("g", "topic: 'a'");
  CreateThread("g", "topic: 'b'");
  OpenWithTicks(kMaxCountTime);
  ThreadQuery query{.group = "g", .limit = 10, .count = true};
  EXPECT_THAT(db_->ListThreads({}, query), HasReason(v1::ERROR_REASON_TOO_MANY_TO_COUNT));
  query.count = false;
  EXPECT_THAT(db_->ListThreads({}, query), IsOk());
}

// --- Expansions

TEST_F(ListConformance, ThreadsAreExpandedByTheirFirstPostsAndWhatTheseHave) {
  const v1::ConversationThread created = CreateThread("g", "topic: 't'");
  const ThreadName thread = NameOf("g", created);
  CreateThread("g", "topic: 'without posts'");
  const v1::Post first =
      CreatePost(thread, absl::StrCat(kAnnsPost, "attachments {", kFile,
                                      "} extensions {"
                                      " extension_name: 'e' content_json: '{}' }"));
  NewPost reply = MakePost(kBobsPost);
  reply.in_reply_to = *Uuid::Parse(first.id());
  ASSERT_THAT(db_->CreatePost(Creating(), thread, reply), IsOk());
  const std::vector<v1::Post> posts = PostsOf(thread);
  ThreadView view;
  view.posts.emplace();
  auto page = db_->ListThreads(
      {}, {.group = "g", .order = ThreadOrder::kOldestCreated, .limit = 5, .view = view});
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(page->threads, SizeIs(2));
  EXPECT_THAT(page->threads[0].posts(), ElementsAre(EqualsProto(posts[0]), EqualsProto(posts[1])));
  EXPECT_EQ(page->threads[0].posts_next_page_token(), "");
  EXPECT_THAT(page->threads[1].posts(), IsEmpty());

  view.posts->attachments = view.posts->extensions = view.posts->in_reply_to_post = true;
  const auto expanded = db_->GetThread({}, thread, view);
  ASSERT_THAT(expanded, IsOk());
  const PostName first_name = NameOf(thread, first);
  v1::Post whole = posts[0];
  *whole.mutable_attachments() =
      db_->ListAttachments({}, {.post = first_name, .limit = 5})->attachments;
  *whole.mutable_extensions() =
      db_->ListExtensions({}, {.post = first_name, .limit = 5})->extensions;
  v1::Post replying = posts[1];
  *replying.mutable_in_reply_to_post() = posts[0];
  EXPECT_THAT(expanded->posts(), ElementsAre(EqualsProto(whole), EqualsProto(replying)));
  EXPECT_THAT(whole.attachments(), SizeIs(1));
  EXPECT_THAT(whole.extensions(), SizeIs(1));

  const PostView post_view{.attachments = true, .extensions = true, .in_reply_to_post = true};
  EXPECT_THAT(db_->GetPost({}, first_name, post_view), IsOkAndHolds(EqualsProto(whole)));
  const auto listed = db_->ListPosts({}, {.thread = thread, .limit = 5, .view = post_view});
  ASSERT_THAT(listed, IsOk());
  EXPECT_THAT(listed->posts, ElementsAre(EqualsProto(whole), EqualsProto(replying)));

  ASSERT_THAT(db_->DeletePost(Changing(), first_name), IsOk());
  const auto alone = db_->GetPost({}, NameOf(thread, posts[1]), post_view);
  ASSERT_THAT(alone, IsOk());
  EXPECT_FALSE(alone->has_in_reply_to_post()) << "it has been deleted";
  EXPECT_EQ(alone->in_reply_to(), posts[0].name());
}

TEST_F(ListConformance, ConversationsAreExpandedByTheirNewestThreads) {
  const v1::ConversationThread first =
      CreateThread("g", "topic: 'a' last_delivered_date_time { seconds: 5 }");
  const Uuid conversation = ConversationOf(first);
  CreateThread("g", "topic: 'b' last_delivered_date_time { seconds: 9 }", conversation);
  const v1::ConversationThread deleted =
      CreateThread("g", "topic: 'c' last_delivered_date_time { seconds: 8 }", conversation);
  CreateThread("g", "topic: 'd' last_delivered_date_time { seconds: 7 }");
  ASSERT_THAT(db_->DeleteThread(Changing(), NameOf("g", deleted)), IsOk());
  const ConversationView view{.threads = true};
  const auto page = db_->ListConversations({}, {.group = "g", .limit = 5, .view = view});
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->conversations, SizeIs(2));
  EXPECT_THAT(page->conversations[1].threads(), SizeIs(1));
  const auto expanded = db_->GetConversation({}, ConversationNameOf("g", conversation), view);
  ASSERT_THAT(expanded, IsOk());
  EXPECT_THAT(page->conversations[0], EqualsProto(*expanded));
  EXPECT_EQ(IdsOf(expanded->threads()),
            IdsOf(Walk({.group = "g", .conversation = conversation, .limit = 5})));
  EXPECT_THAT(expanded->threads(1), EqualsProto(Get(NameOf("g", first))));
}

TEST_F(ListConformance, WhatIsBeyondTheExpansionHasAToken) {
  const v1::ConversationThread created = CreateThread("g", "topic: 't'");
  const ThreadName thread = NameOf("g", created);
  const Uuid conversation = ConversationOf(created);
  for (int i = 0; i < kMaxExpanded + 2; ++i) CreatePost(thread, kAnnsPost);
  for (int i = 0; i < kMaxExpanded + 2; ++i) CreateThread("g", "topic: 'more'", conversation);

  ThreadView view;
  view.posts.emplace();
  const auto expanded = db_->GetThread({}, thread, view);
  ASSERT_THAT(expanded, IsOk());
  ASSERT_THAT(expanded->posts(), SizeIs(kMaxExpanded));
  v1::ListPostsRequest posts;
  posts.set_parent(created.name());
  posts.set_page_token(expanded->posts_next_page_token());
  ASSERT_OK_AND_ASSIGN(const ListPostsInput posts_after, Validate(posts));
  const auto more_posts = db_->ListPosts({}, posts_after.query);
  EXPECT_THAT(more_posts->posts, SizeIs(2));
  EXPECT_GT(more_posts->posts[0].id(), expanded->posts().rbegin()->id());

  const auto whole =
      db_->GetConversation({}, ConversationNameOf("g", conversation), {.threads = true});
  ASSERT_THAT(whole, IsOk());
  ASSERT_THAT(whole->threads(), SizeIs(kMaxExpanded));
  v1::ListThreadsRequest threads;
  threads.set_parent(whole->name());
  threads.set_page_token(whole->threads_next_page_token());
  ASSERT_OK_AND_ASSIGN(const ListThreadsInput threads_after, Validate(threads));
  const auto more_threads = db_->ListThreads({}, threads_after.query);
  EXPECT_THAT(more_threads->threads, SizeIs(3));
}

// Whatever is expanded, an answer fits into a message, and the tokens lead to all of the rest.
TEST_F(ListConformance, ExpandedPagesStayWithinTheirSize) {
  std::set<std::string> all;
  for (int i = 0; i < 4; ++i) {
    const ThreadName thread = CreateThreadNamed();
    NewPost large = MakePost(kAnnsPost);
    // The third has more than fits, the others one fitting post each.
    large.post.mutable_body()->set_content(std::string(kMaxBodyBytes, 'x'));
    for (int post = 0; post < (i == 2 ? 4 : 1); ++post) {
      all.insert(db_->CreatePost(Creating(), thread, large)->id());
    }
  }
  std::set<std::string> seen;
  int threads = 0;
  ThreadView view;
  view.posts.emplace();
  ForEachPage(
      ThreadQuery{.group = "g", .order = ThreadOrder::kOldestCreated, .limit = 10, .view = view},
      &BlockingStore::ListThreads, [&](const ThreadPage& page) {
        size_t bytes = 0;
        ASSERT_THAT(page.threads, ::testing::Not(IsEmpty()));
        for (const auto& thread : page.threads) {
          bytes += thread.ByteSizeLong();
          ++threads;
          for (const v1::Post& post : thread.posts()) seen.insert(post.id());
          if (thread.posts_next_page_token().empty()) continue;
          v1::ListPostsRequest rest;
          rest.set_parent(thread.name());
          rest.set_page_token(thread.posts_next_page_token());
          ASSERT_OK_AND_ASSIGN(const ListPostsInput input, Validate(rest));
          ForEachPage(input.query, &BlockingStore::ListPosts, [&](const PostPage& posts) {
            for (const v1::Post& post : posts.posts) seen.insert(post.id());
          });
        }
        EXPECT_LE(bytes, kMaxPageBytes);
      });
  EXPECT_EQ(threads, 4);
  EXPECT_EQ(seen, all);
}

TEST_F(ListConformance, OnePostWithMoreThanFitsHasTokensForTheRest) {
  const ThreadName thread = CreateThreadNamed();
  const PostName post = NameOf(thread, CreatePost(thread, kAnnsPost));
  CreatePost(thread, kBobsPost);
  std::string url;
  while (url.size() < 4 * kMaxUrlCharacters) url += "\xF0\x9F\x8C\x8D";
  for (int i = 0; i < kMaxAttachmentsPerPost; ++i) {
    v1::Attachment attachment = MakeAttachment(post, kReference);
    attachment.mutable_reference()->set_source_url(url);
    ASSERT_THAT(db_->CreateAttachment(Creating(), post, attachment), IsOk());
  }
  const std::string content =
      absl::StrCat("{\"a\":\"", std::string(kMaxExtensionBytes - 8, 'x'), "\"}");
  for (int i = 0; i < kMaxExtensionsPerPost; ++i) {
    ASSERT_THAT(
        db_->CreateExtension(Creating(), post, MakeExtension(post, absl::StrCat("e", i), content)),
        IsOk());
  }
  const PostView view{.attachments = true, .extensions = true, .in_reply_to_post = true};
  const auto whole = db_->GetPost({}, post, view);
  ASSERT_THAT(whole, IsOk());
  EXPECT_LE(whole->ByteSizeLong(), kMaxPageBytes);
  EXPECT_THAT(whole->attachments(), SizeIs(kMaxAttachmentsPerPost));
  EXPECT_EQ(whole->attachments_next_page_token(), "");
  EXPECT_LT(whole->extensions_size(), kMaxExtensionsPerPost);
  EXPECT_GT(whole->extensions_size(), 0);
  v1::ListExtensionsRequest rest;
  rest.set_parent(whole->name());
  rest.set_page_token(whole->extensions_next_page_token());
  ASSERT_OK_AND_ASSIGN(const ListExtensionsInput input, Validate(rest));
  EXPECT_THAT(db_->ListExtensions({}, input.query)->extensions,
              SizeIs(kMaxExtensionsPerPost - whole->extensions_size()));

  auto page = db_->ListPosts({}, {.thread = thread, .limit = 5, .view = view});
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(page->posts, ElementsAre(EqualsProto(*whole)));
  EXPECT_TRUE(page->has_more);
  page = db_->ListPosts({}, {.thread = thread, .after = page->last, .limit = 5, .view = view});
  EXPECT_THAT(page->posts, SizeIs(1));
  EXPECT_FALSE(page->has_more);
  page = db_->ListPosts({}, {.thread = thread, .newest_first = true, .limit = 5, .view = view});
  EXPECT_THAT(page->posts, SizeIs(1)) << "what does not fit is left to the next page";
  EXPECT_TRUE(page->has_more);

  ThreadView expanded;
  expanded.posts = view;
  const auto with_posts = db_->GetThread({}, thread, expanded);
  EXPECT_THAT(with_posts->posts(), IsEmpty()) << "a thread has whole posts or none";
  EXPECT_NE(with_posts->posts_next_page_token(), "");
}

}  // namespace
}  // namespace threadstore::testing
