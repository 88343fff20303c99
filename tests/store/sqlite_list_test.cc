// What lists cost in SQLite: the plans of statements, and what pages look at, however deep they are
// and whatever they skip.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/limits.h"
#include "server/store/sqlite/change_queries.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/expansions.h"
#include "server/store/sqlite/filter_sql.h"
#include "server/store/sqlite/list_queries.h"
#include "server/store/sqlite/list_sql.h"
#include "server/store/sqlite/record_walk.h"
#include "server/store/sqlite/search_queries.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/sqlite/write_queries.h"
#include "tests/testing/error_matchers.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace threadstore::testing {
namespace {

using sqlite::Database;
using sqlite::ListScope;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr ThreadOrder kOrders[] = {ThreadOrder::kNewestActivity, ThreadOrder::kOldestActivity,
                                   ThreadOrder::kOldestCreated,  ThreadOrder::kNewestCreated,
                                   ThreadOrder::kTopicAscending, ThreadOrder::kTopicDescending};
constexpr ListScope kScopes[] = {ListScope::kGroup, ListScope::kConversation};

// What programs filter by; without one first.
constexpr const char* kThreadFilters[] = {
    "",
    "lastDeliveredDateTime ge 2026-01-01T00:00:00Z",
    "createdDateTime ge 2026-01-01T00:00:00Z and createdDateTime lt 2026-02-01T00:00:00Z",
    "lastModifiedDateTime gt 2026-01-01T00:00:00Z",
    "hasAttachments eq true",
    "isLocked eq true and topic eq 'a' or uniqueSenders/any(s:s eq 'Ann')",
    "startswith(topic,'a') or contains(preview,'b')",
    "id in (00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-000000000002)",
    "conversationId eq '00000000-0000-0000-0000-000000000001'",
};
constexpr const char* kConversationFilters[] = {
    "",
    "hasAttachments eq true and lastDeliveredDateTime ge 2026-01-01T00:00:00Z",
    "createdDateTime ge 2026-01-01T00:00:00Z",
    "topic eq 'a' or startswith(preview,'b')",
    "uniqueSenders/any(s:s eq 'Ann')",
};
constexpr const char* kPostFilters[] = {
    "",
    "receivedDateTime ge 2026-01-01T00:00:00Z and createdDateTime lt 2026-02-01T00:00:00Z",
    "hasAttachments eq true",
    "sender/emailAddress/address eq 'ann@example.com'",
    "categories/any(c:c eq 'red')",
    "inReplyTo eq '00000000-0000-0000-0000-000000000001'",
    "contains(body/content,'a')",
};

// Group 1 with conversation 1, of which all threads are.
constexpr int64_t kKey = 1;

// Parameters are all numbered, or none is.
int64_t CountParameters(const std::string& sql) {
  int64_t numbered = 0;
  for (size_t at = sql.find('?'); at != std::string::npos; at = sql.find('?', at + 1)) {
    numbered = std::max(numbered, std::strtol(sql.c_str() + at + 1, nullptr, 10));
  }
  return numbered > 0 ? numbered : std::count(sql.begin(), sql.end(), '?');
}

std::vector<std::string> CompiledFilters(absl::Span<const char* const> texts,
                                         const std::vector<FilterField>& fields,
                                         const std::vector<sqlite::FilterColumn>& columns) {
  std::vector<std::string> compiled;
  for (const absl::string_view text : texts) {
    std::string& expression = compiled.emplace_back();
    if (text.empty()) continue;
    const auto filter = ParseFilter(text, fields);
    EXPECT_THAT(filter, IsOk()) << text;
    if (filter.ok()) expression = sqlite::CompileFilter(*filter, fields, columns).expression;
  }
  return compiled;
}

class SqliteListTest : public ::testing::Test {
 protected:
  void SetUp() override {
    { ASSERT_THAT(OpenSqliteStore(options_, clock_), IsOk()); }
    ASSERT_OK_AND_ASSIGN(db_, Database::Open(options_.path, Database::Mode::kReadWrite));
    ASSERT_OK_AND_ASSIGN(threads_, sqlite::ReadQueries::Prepare(*db_));
    ASSERT_OK_AND_ASSIGN(posts_, sqlite::PostQueries::Prepare(*db_, *threads_));
    ASSERT_OK_AND_ASSIGN(lists_, sqlite::ListQueries::Prepare(*db_, *threads_, *posts_, clock_));
  }

  std::string PlanOf(const std::string& sql) {
    auto statement = db_->Prepare(absl::StrCat("EXPLAIN QUERY PLAN ", sql));
    EXPECT_THAT(statement, IsOk()) << sql;
    if (!statement.ok()) return "";
    sqlite::Query plan(*statement);
    for (auto left = CountParameters(sql); left > 0; --left) plan.Bind(1);
    std::string text;
    while (*plan.Step()) absl::StrAppend(&text, std::string(plan.Text(3)), "\n");
    return text;
  }

  // Threads 1 to `count` of increasing activity, id and topic.
  void InsertThreads(int count, bool deleted = false) {
    const std::string numbers = absl::StrCat(
        "WITH RECURSIVE numbers(n) AS"
        " (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ",
        count, ")");
    ASSERT_THAT(
        db_->Execute(absl::StrCat(
            "BEGIN;"
            "INSERT INTO groups (key, id, display_name, mail, created_us, deleted)"
            " VALUES (1, 'g', '', '', 0, 0);"
            "INSERT INTO conversations (key, group_key, id, topic, created_us)"
            " VALUES (1, 1, zeroblob(16), 't', 0);",
            numbers,
            "INSERT INTO threads (key, group_key, conversation_key, id, topic, has_attachments,"
            " last_delivered_us, preview, is_locked, revision, created_us, modified_us, deleted)"
            " SELECT n, 1, 1, CAST(printf('%016d', n) AS BLOB), printf('%09d', n), 0, n, 'p', 0, 1,"
            " n, n, ",
            deleted ? 1 : 0, " FROM numbers; COMMIT")),
        IsOk());
  }

  // Conversations 1 to `count`, each with a thread.
  void InsertConversations(int count) {
    InsertThreads(count);
    ASSERT_THAT(db_->Execute("BEGIN; DELETE FROM conversations;"
                             "INSERT INTO conversations (key, group_key, id, topic, created_us)"
                             " SELECT key, 1, id, topic, created_us FROM threads;"
                             "UPDATE threads SET conversation_key = key; COMMIT"),
                IsOk());
  }

  // Walks a list, and returns how many resources each page has.
  template <typename Query, typename Page>
  std::vector<int> PageSizes(Query query,
                             absl::StatusOr<Page> (sqlite::ListQueries::*list)(int64_t,
                                                                               const Query&)) {
    std::vector<int> sizes;
    while (true) {
      const auto page = ((*lists_).*list)(kKey, query);
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) return sizes;
      sizes.push_back(ItemsOf(*page).size());
      if (!page->has_more) return sizes;
      query.after = page->last;
    }
  }

  static const auto& ItemsOf(const ThreadPage& page) { return page.threads; }
  static const auto& ItemsOf(const ConversationPage& page) { return page.conversations; }

  const TempDir folder_;
  FakeClock clock_;
  const SqliteOptions options_ = {.path = folder_.File("threads.db")};
  std::unique_ptr<Database> db_;
  std::unique_ptr<sqlite::ReadQueries> threads_;
  std::unique_ptr<sqlite::PostQueries> posts_;
  std::unique_ptr<sqlite::ListQueries> lists_;
};

// --- Plans

TEST_F(SqliteListTest, ListsOfThreadsUseTheIndexOfTheirOrder) {
  const std::pair<ThreadOrder, std::pair<const char*, const char*>> indexes[] = {
      {ThreadOrder::kNewestActivity,
       {"threads_by_activity (group_key=? AND last_delivered_us>? AND "
        "(last_delivered_us,id)<(?,?))",
        "threads_by_conversation_activity (conversation_key=? AND last_delivered_us>? AND"
        " (last_delivered_us,id)<(?,?))"}},
      {ThreadOrder::kOldestActivity,
       {"threads_by_activity (group_key=? AND (last_delivered_us,id)>(?,?) AND "
        "last_delivered_us<?)",
        "threads_by_conversation_activity (conversation_key=? AND (last_delivered_us,id)>(?,?) AND"
        " last_delivered_us<?)"}},
      {ThreadOrder::kOldestCreated,
       {"threads_by_id (group_key=? AND id>? AND id<?)",
        "threads_by_conversation_id (conversation_key=? AND id>? AND id<?)"}},
      {ThreadOrder::kNewestCreated,
       {"threads_by_id (group_key=? AND id>? AND id<?)",
        "threads_by_conversation_id (conversation_key=? AND id>? AND id<?)"}},
  };
  for (const std::string& filter :
       CompiledFilters(kThreadFilters, ThreadFilterFields(), sqlite::ThreadFilterColumns())) {
    for (const auto& [order, index] : indexes) {
      for (const ListScope scope : kScopes) {
        const std::string sql = sqlite::ListThreadsSql(scope, order, filter);
        EXPECT_THAT(PlanOf(sql),
                    AllOf(HasSubstr(scope == ListScope::kGroup ? index.first : index.second),
                          Not(HasSubstr("SCAN")), Not(HasSubstr("TEMP B-TREE"))))
            << sql;
      }
    }
  }
}

TEST_F(SqliteListTest, ListsOfGroupsUseTheIndexOfTheirOrder) {
  ASSERT_OK_AND_ASSIGN(const FilterNode node,
                       ParseFilter("id ne 'x' and groupTypes/any(c: c eq 'Unified') or mail eq 'm'",
                                   GroupFilterFields()));
  const std::string filter =
      sqlite::CompileFilter(node, GroupFilterFields(), sqlite::GroupFilterColumns()).expression;
  for (const std::string& expression : {std::string(), filter}) {
    EXPECT_THAT(
        PlanOf(sqlite::ListGroupsSql(sqlite::GroupScope::kAll, expression)),
        AllOf(HasSubstr("groups USING INDEX groups_by_id (id>?)"), Not(HasSubstr("TEMP B-TREE"))));
    EXPECT_THAT(
        PlanOf(sqlite::ListGroupsSql(sqlite::GroupScope::kOfUser, expression)),
        AllOf(HasSubstr("INDEX members_by_user (user_id=? AND group_id>?)"),
              HasSubstr("groups USING INTEGER PRIMARY KEY"), Not(HasSubstr("TEMP B-TREE"))));
    EXPECT_THAT(PlanOf(sqlite::ListGroupsSql(sqlite::GroupScope::kOfUserAndOthers, expression)),
                AllOf(HasSubstr("INDEX members_by_user (user_id=? AND group_id>?)"),
                      HasSubstr("groups USING INDEX groups_by_id (id=?)")));
  }
}

TEST_F(SqliteListTest, ListsOfConversationsAndPostsUseTheIndexOfTheirOrder) {
  const std::pair<ThreadOrder, const char*> indexes[] = {
      {ThreadOrder::kNewestActivity, "threads_by_activity (group_key=? AND last_delivered_us>?"},
      {ThreadOrder::kOldestActivity,
       "threads_by_activity (group_key=? AND (last_delivered_us,id)>(?,?)"},
      {ThreadOrder::kOldestCreated, "conversations_by_id (group_key=? AND id>? AND id<?)"},
      {ThreadOrder::kNewestCreated, "conversations_by_id (group_key=? AND id>? AND id<?)"},
  };
  for (const std::string& filter : CompiledFilters(kConversationFilters, ConversationFilterFields(),
                                                   sqlite::ConversationFilterColumns())) {
    for (const auto& [order, index] : indexes) {
      const std::string sql = sqlite::ListConversationsSql(order, filter);
      // The senders of a conversation are read through a subquery.
      std::string plan = PlanOf(sql);
      absl::StrReplaceAll({{"SCAN senders", ""}}, &plan);
      EXPECT_THAT(plan,
                  AllOf(HasSubstr(index), Not(HasSubstr("SCAN")), Not(HasSubstr("TEMP B-TREE"))))
          << sql;
    }
  }
  for (const std::string& filter :
       CompiledFilters(kPostFilters, PostFilterFields(), sqlite::PostFilterColumns())) {
    for (const bool newest_first : {false, true}) {
      const std::string sql = sqlite::ListPostsSql(newest_first, filter);
      EXPECT_THAT(PlanOf(sql), AllOf(HasSubstr("posts_by_id (thread_key=? AND id>? AND id<?)"),
                                     Not(HasSubstr("SCAN")), Not(HasSubstr("TEMP B-TREE"))))
          << sql;
    }
  }
}

TEST_F(SqliteListTest, CountsReadTheIndexThatBoundsThem) {
  for (const ThreadOrder order : kOrders) {
    for (const ListScope scope : kScopes) {
      EXPECT_THAT(PlanOf(sqlite::PassingThreadsSql(scope, sqlite::CountingOrder(order))),
                  AllOf(HasSubstr(scope == ListScope::kGroup ? "(group_key=? AND"
                                                             : "(conversation_key=? AND"),
                        Not(HasSubstr("SCAN")), Not(HasSubstr("TEMP B-TREE"))));
    }
  }
  EXPECT_THAT(PlanOf(sqlite::PassingConversationsSql()),
              AllOf(HasSubstr("conversations_by_id (group_key=? AND id>? AND id<?)"),
                    Not(HasSubstr("TEMP B-TREE"))));
  EXPECT_THAT(PlanOf(sqlite::PassingPostsSql()),
              AllOf(HasSubstr("posts_by_id (thread_key=? AND id>? AND id<?)"),
                    Not(HasSubstr("TEMP B-TREE"))));
  EXPECT_THAT(PlanOf(sqlite::PassingGroupsSql(sqlite::GroupScope::kAll)),
              HasSubstr("groups_by_id (id>?)"));
  EXPECT_THAT(PlanOf(sqlite::PassingGroupsSql(sqlite::GroupScope::kOfUser)),
              HasSubstr("members_by_user (user_id=? AND group_id>?)"));
}

TEST_F(SqliteListTest, ExpansionsReadTheirRowsInOrder) {
  EXPECT_THAT(PlanOf(sqlite::Expansions::ThreadsSql()),
              AllOf(HasSubstr("threads_by_conversation_activity (conversation_key=?)"),
                    Not(HasSubstr("TEMP B-TREE"))));
  EXPECT_THAT(PlanOf(sqlite::Expansions::PostsSql()),
              AllOf(HasSubstr("posts USING INDEX posts_by_id (thread_key=? AND id<?)"),
                    HasSubstr("beyond USING COVERING INDEX posts_by_id (thread_key=?)"),
                    Not(HasSubstr("TEMP B-TREE"))));
  EXPECT_THAT(PlanOf(sqlite::Expansions::AttachmentsSql()),
              HasSubstr("attachments USING INDEX attachments_by_id (post_key=?)"));
  EXPECT_THAT(PlanOf(sqlite::Expansions::ExtensionsSql()),
              HasSubstr("post_extensions USING INDEX post_extensions_by_name (post_key=?)"));
  EXPECT_THAT(PlanOf(sqlite::Expansions::RepliedToSql()),
              HasSubstr("posts USING INDEX posts_by_id (thread_key=? AND id=?)"));
}

TEST_F(SqliteListTest, OrdersByTopicSortKeysOnly) {
  for (const ThreadOrder order : {ThreadOrder::kTopicAscending, ThreadOrder::kTopicDescending}) {
    for (const std::string& filter :
         CompiledFilters(kThreadFilters, ThreadFilterFields(), sqlite::ThreadFilterColumns())) {
      for (const ListScope scope : kScopes) {
        EXPECT_THAT(
            PlanOf(sqlite::ListThreadsSql(scope, order, filter)),
            AllOf(HasSubstr(scope == ListScope::kGroup ? "(group_key=?)" : "(conversation_key=?)"),
                  HasSubstr("USE TEMP B-TREE FOR ORDER BY"), HasSubstr("SCAN sorted"),
                  HasSubstr("SEARCH threads USING INTEGER PRIMARY KEY (rowid=?)"),
                  Not(HasSubstr("SCAN threads"))));
      }
    }
    for (const std::string& filter :
         CompiledFilters(kConversationFilters, ConversationFilterFields(),
                         sqlite::ConversationFilterColumns())) {
      EXPECT_THAT(PlanOf(sqlite::ListConversationsSql(order, filter)),
                  AllOf(HasSubstr("(group_key=?)"), HasSubstr("SCAN sorted"),
                        HasSubstr("SEARCH conversations USING INTEGER PRIMARY KEY (rowid=?)"),
                        Not(HasSubstr("SCAN conversations"))));
    }
  }
}

// --- Costs

TEST_F(SqliteListTest, CountsLookAtABoundedNumberOfRows) {
  InsertThreads(kMaxRowsCounted);
  ASSERT_OK_AND_ASSIGN(const FilterNode none, ParseFilter("topic eq 'x'", ThreadFilterFields()));
  // Times are microseconds since 1970.
  ASSERT_OK_AND_ASSIGN(
      const FilterNode late,
      ParseFilter("lastDeliveredDateTime gt 1970-01-01T00:00:00.099990Z", ThreadFilterFields()));
  const auto count = [&](const std::optional<FilterNode>& filter,
                         ThreadOrder order = ThreadOrder::kNewestActivity) {
    return lists_->ListThreads(
        kKey, {.group = "g", .order = order, .filter = filter, .limit = 1, .count = true});
  };
  for (const ThreadOrder order : kOrders) {
    EXPECT_EQ(count(std::nullopt, order)->total_size, kMaxRowsCounted);
    EXPECT_EQ(count(none, order)->total_size, 0);
    EXPECT_EQ(count(late, order)->total_size, 10);
  }
  ASSERT_THAT(db_->Execute("INSERT INTO threads (group_key, conversation_key, id, topic,"
                           " has_attachments, last_delivered_us, preview, is_locked, revision,"
                           " created_us, modified_us)"
                           " VALUES (1, 1, zeroblob(16), 't', 0, 0, 'p', 0, 1, 0, 0)"),
              IsOk());
  EXPECT_THAT(count(std::nullopt), HasReason(v1::ERROR_REASON_TOO_MANY_TO_COUNT));
  EXPECT_THAT(count(none), HasReason(v1::ERROR_REASON_TOO_MANY_TO_COUNT));
  EXPECT_EQ(count(late)->total_size, 10) << "a filter bounds what is looked at";
}

TEST_F(SqliteListTest, PagesOfGroupsLookAtABoundedNumberOfThem) {
  constexpr int kGroups = 25'000;
  ASSERT_THAT(db_->Execute(
                  absl::StrCat("WITH RECURSIVE numbers(n) AS"
                               " (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT ",
                               kGroups,
                               ") INSERT INTO groups (id, display_name, mail, created_us, deleted)"
                               " SELECT printf('%06d', n), '', '', n, 0 FROM numbers;"
                               "INSERT INTO members SELECT key, 'ann', '', '', 0, id FROM groups")),
              IsOk());
  ASSERT_OK_AND_ASSIGN(const FilterNode filter, ParseFilter("id eq '012345'", GroupFilterFields()));
  for (const std::optional<std::string>& member :
       {std::optional<std::string>(), std::optional<std::string>("ann")}) {
    GroupQuery query{.member = member, .filter = filter, .limit = 10};
    std::vector<int> sizes;
    while (true) {
      const auto page = lists_->ListGroups(query);
      ASSERT_THAT(page, IsOk());
      sizes.push_back(page->groups.size());
      if (!page->has_more) break;
      query.after_id = page->last;
    }
    EXPECT_THAT(sizes, ::testing::ElementsAre(0, 1, 0));
  }
}

TEST_F(SqliteListTest, PagesLookAtABoundedNumberOfRowsWhateverTheyFind) {
  constexpr int kThreads = 25'000;
  InsertThreads(kThreads);
  ASSERT_OK_AND_ASSIGN(const FilterNode filter,
                       ParseFilter("topic eq '000012345'", ThreadFilterFields()));
  for (const ThreadOrder order : kOrders) {
    for (const std::optional<Uuid>& conversation : {std::optional<Uuid>(), std::optional(Uuid())}) {
      EXPECT_THAT(PageSizes(ThreadQuery{.group = "g",
                                        .conversation = conversation,
                                        .order = order,
                                        .filter = filter,
                                        .limit = 10},
                            &sqlite::ListQueries::ListThreads),
                  ::testing::ElementsAre(0, 1, 0))
          << static_cast<int>(order);
    }
  }
  // All but the newest thread of a conversation are stepped over.
  EXPECT_THAT(
      PageSizes(ConversationQuery{.group = "g", .order = ThreadOrder::kNewestActivity, .limit = 10},
                &sqlite::ListQueries::ListConversations),
      ::testing::ElementsAre(1, 0, 0));
}

TEST_F(SqliteListTest, RowsThatWaitForThePurgeCountAsLookedAt) {
  InsertThreads(kMaxRowsExamined + 5, /*deleted=*/true);
  for (const ThreadOrder order : kOrders) {
    EXPECT_THAT(PageSizes(ThreadQuery{.group = "g", .order = order, .limit = 10},
                          &sqlite::ListQueries::ListThreads),
                ::testing::ElementsAre(0, 0));
  }
}

TEST_F(SqliteListTest, ChangesFromTheBeginningStepOverABoundedNumberOfDeletedThreads) {
  InsertThreads(2 * kMaxRowsExamined + 5, /*deleted=*/true);
  ASSERT_OK_AND_ASSIGN(const auto changes,
                       sqlite::ChangeQueries::Prepare(*db_, *threads_, *posts_, *lists_));
  ChangeQuery query;
  query.scope.group.emplace().group = "g";
  query.start = ChangeStart::kBeginning;
  query.limit = 10;
  int pages = 0;
  for (bool has_more = true; has_more; ++pages) {
    const auto page = changes->List({}, query);
    ASSERT_THAT(page, IsOk());
    EXPECT_THAT(page->changes, IsEmpty());
    query.after = page->next;
    has_more = page->has_more;
  }
  EXPECT_EQ(pages, 3);
}

TEST_F(SqliteListTest, BoundsOfAFilterAreBoundsOfWhatIsRead) {
  InsertThreads(25'000);
  // The newest three, and a few in the middle.
  for (const char* text :
       {"last_delivered_date_time gt 1970-01-01T00:00:00.024997Z and is_locked eq false",
        "last_delivered_date_time le 1970-01-01T00:00:00.012Z and"
        " last_delivered_date_time gt 1970-01-01T00:00:00.011997Z"}) {
    ASSERT_OK_AND_ASSIGN(const FilterNode filter, ParseFilter(text, ThreadFilterFields()));
    for (const ThreadOrder order : {ThreadOrder::kNewestActivity, ThreadOrder::kOldestActivity}) {
      EXPECT_THAT(
          PageSizes(ThreadQuery{.group = "g", .order = order, .filter = filter, .limit = 10},
                    &sqlite::ListQueries::ListThreads),
          ::testing::ElementsAre(3))
          << text << static_cast<int>(order);
    }
  }
}

TEST_F(SqliteListTest, TooManyAreNotSorted) {
  InsertConversations(kMaxRowsToSort + 1);
  const auto too_many = HasReason(v1::ERROR_REASON_TOO_MANY_TO_SORT);
  for (const ThreadOrder order : {ThreadOrder::kTopicAscending, ThreadOrder::kTopicDescending}) {
    EXPECT_THAT(lists_->ListThreads(kKey, {.group = "g", .order = order, .limit = 1}), too_many);
    EXPECT_THAT(lists_->ListConversations(kKey, {.group = "g", .order = order, .limit = 1}),
                too_many);
  }
  ASSERT_THAT(db_->Execute("DELETE FROM threads WHERE key = 5;"
                           "DELETE FROM conversations WHERE key = 5"),
              IsOk());
  const auto threads =
      lists_->ListThreads(kKey, {.group = "g", .order = ThreadOrder::kTopicDescending, .limit = 1});
  ASSERT_THAT(threads, IsOk());
  EXPECT_EQ(threads->threads[0].topic(), "000100001");
  const auto conversations = lists_->ListConversations(
      kKey, {.group = "g", .order = ThreadOrder::kTopicAscending, .limit = 1});
  ASSERT_THAT(conversations, IsOk());
  EXPECT_EQ(conversations->conversations[0].topic(), "000000001");
}

// --- Masks

TEST_F(SqliteListTest, WhatIsMaskedOutIsNotRead) {
  InsertThreads(1);
  ASSERT_THAT(
      db_->Execute("INSERT INTO recipients (thread_key, kind, position, has_email_address)"
                   " VALUES (1, 0, 0, 0);"
                   "INSERT INTO unique_senders (thread_key, position, name) VALUES (1, 0, 'Ann')"),
      IsOk());
  const auto threads = lists_->ListThreads(
      kKey, {.group = "g", .limit = 1, .view = {.recipients = false, .unique_senders = false}});
  ASSERT_THAT(threads, IsOk());
  EXPECT_THAT(threads->threads[0].to_recipients(), IsEmpty());
  EXPECT_THAT(threads->threads[0].unique_senders(), IsEmpty());
  const auto all = lists_->ListThreads(kKey, {.group = "g", .limit = 1});
  EXPECT_THAT(all->threads[0].to_recipients(), SizeIs(1));
  EXPECT_THAT(all->threads[0].unique_senders(), SizeIs(1));
}

TEST_F(SqliteListTest, PagesCostTheSameAtAnyDepth) {
  constexpr int kThreads = 20'000;
  InsertThreads(kThreads);
  for (const ThreadOrder order : kOrders) {
    if (sqlite::IsByTopic(order)) continue;
    ASSERT_OK_AND_ASSIGN(sqlite::Statement statement,
                         db_->Prepare(sqlite::ListThreadsSql(ListScope::kGroup, order)));
    const auto cost_after = [&](int n) {
      std::optional<ThreadCursor> after;
      if (n > 0) after = ThreadCursor{*Uuid::FromBytes(absl::StrFormat("%016d", n)), n};
      const sqlite::ListRange range(order, after, std::nullopt, ThreadFilterFields());
      sqlite::Query rows(statement);
      rows.Bind(kKey);
      range.Bind(rows);
      for (int i = 0; i < 50; ++i) EXPECT_TRUE(*rows.Step());
      return statement.TakeSteps();
    };
    cost_after(0);
    const int64_t at_the_start = cost_after(0);
    EXPECT_NEAR(static_cast<double>(cost_after(kThreads / 2)), static_cast<double>(at_the_start),
                50)
        << static_cast<int>(order);
  }
}

TEST_F(SqliteListTest, EveryStatementUsesAnIndexAndDoesNotSort) {
  ASSERT_OK_AND_ASSIGN(const auto writes,
                       sqlite::WriteQueries::Prepare(*db_, clock_, absl::Hours(1), {}, {}));
  ASSERT_OK_AND_ASSIGN(const auto changes,
                       sqlite::ChangeQueries::Prepare(*db_, *threads_, *posts_, *lists_));
  ASSERT_OK_AND_ASSIGN(const auto searches, sqlite::SearchQueries::Prepare(*db_, *threads_));
  ASSERT_OK_AND_ASSIGN(const auto walk, sqlite::RecordWalk::Prepare(*db_, *threads_, *posts_));
  // What reads more than it returns, or sorts, and why that is all right.
  const std::pair<const char*, const char*> exceptions[] = {
      {") AS theirs", "sorts one user's groups"},
      {") AS sorted", "orders by topic sort, up to kMaxRowsToSort"},
      {"SELECT max(key) FROM idempotency_keys", "the ends of the table"},
      {"FROM idempotency_keys ORDER BY key LIMIT", "the oldest rows of the table"},
      {"principal = ? AND resource_id IS NULL", "the rows of one request id"},
      {"WITH RECURSIVE labels", "the senders of one thread, by their first posts"},
      {"SELECT unique_senders.name FROM threads JOIN", "sorts within each thread only"},
      {"AS score FROM search_index", "kMaxWeighedDocuments"},
      {"(SELECT count(*) FROM groups) +", "what an export will have, counted at its beginning"},
      {"SELECT count(*) FROM threads", "the same"},
  };
  // Keys that are bound, what FTS5 finds by its own index, tables of one row, and indexes that
  // have only what is asked for.
  const char* const harmless[] = {"SCAN parents VIRTUAL TABLE",
                                  "SCAN newest VIRTUAL TABLE",
                                  "SCAN search_index VIRTUAL",
                                  "SCAN CONSTANT ROW",
                                  "SCAN (subquery",
                                  "SCAN search_state\n",
                                  "SCAN store_metadata\n",
                                  "SCAN groups USING INDEX groups_by_id",
                                  "SCAN groups USING INDEX groups_deleted",
                                  "SCAN threads USING INDEX threads_deleted",
                                  "SCAN conversations USING INDEX conversations_deleted"};
  int seen = 0;
  for (const std::string& sql : db_->StatementTexts()) {
    if (!absl::StrContains(sql, "SELECT") || absl::StrContains(sql, "'main'")) continue;
    ++seen;
    const bool is_exception =
        std::any_of(std::begin(exceptions), std::end(exceptions),
                    [&](const auto& exception) { return absl::StrContains(sql, exception.first); });
    if (is_exception) continue;
    std::string plan = PlanOf(sql);
    for (const char* text : harmless) absl::StrReplaceAll({{text, ""}}, &plan);
    EXPECT_THAT(plan, AllOf(Not(HasSubstr("SCAN")), Not(HasSubstr("TEMP B-TREE")))) << sql;
  }
  EXPECT_GT(seen, 60);
}

}  // namespace
}  // namespace threadstore::testing
