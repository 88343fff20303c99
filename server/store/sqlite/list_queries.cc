#include "server/store/sqlite/list_queries.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/domain/resource_name.h"
#include "server/store/sqlite/columns.h"
#include "server/store/sqlite/filter_sql.h"
#include "server/store/sqlite/page.h"

namespace threadstore::sqlite {
namespace {

// The statement of a list: one that is kept or, with a filter, one made for it.
class ListStatement {
 public:
  // `make_sql` makes the statement of a filter's expression.
  template <typename MakeSql>
  static absl::StatusOr<ListStatement> Make(Database& db, Statement& unfiltered,
                                            const std::optional<FilterNode>& filter,
                                            const std::vector<FilterField>& fields,
                                            const std::vector<FilterColumn>& columns,
                                            MakeSql make_sql) {
    ListStatement list(&unfiltered);
    if (!filter.has_value()) return list;
    list.filter_ = CompileFilter(*filter, fields, columns);
    ASSIGN_OR_RETURN(list.filtered_, db.Prepare(make_sql(list.filter_.expression)));
    list.is_filtered_ = true;
    return list;
  }

  Statement& statement() { return is_filtered_ ? filtered_ : *unfiltered_; }
  void BindFilterTo(Query& rows) const {
    if (is_filtered_) BindFilter(filter_, rows);
  }

 private:
  explicit ListStatement(Statement* unfiltered) : unfiltered_(unfiltered) {}

  Statement* unfiltered_;
  bool is_filtered_ = false;
  FilterSql filter_;
  Statement filtered_;
};

// Where each resource of a page stands, and the key it is expanded by.
template <typename Place>
struct PageRow {
  int64_t key;
  Place place;
};

template <typename Place>
std::vector<int64_t> KeysOf(const std::vector<PageRow<Place>>& rows) {
  std::vector<int64_t> keys;
  keys.reserve(rows.size());
  for (const PageRow<Place>& row : rows) keys.push_back(row.key);
  return keys;
}

// After a page has been expanded: if it has lost resources by that, the next begins with them.
template <typename Page, typename Resources, typename Place>
void EndWhereItWasCut(const Resources& resources, const std::vector<PageRow<Place>>& rows,
                      Page& page) {
  const size_t left = static_cast<size_t>(resources.size());
  if (left == rows.size()) return;
  page.has_more = true;
  page.last = rows[left - 1].place;
}

GroupScope ScopeOf(const GroupQuery& query) {
  if (!query.member.has_value()) return GroupScope::kAll;
  return query.vouched.empty() ? GroupScope::kOfUser : GroupScope::kOfUserAndOthers;
}

// Ids of groups have nothing to escape.
std::string JsonArrayOf(const std::vector<std::string>& group_ids) {
  if (group_ids.empty()) return "[]";
  return absl::StrCat("[\"", absl::StrJoin(group_ids, "\",\""), "\"]");
}

absl::StatusOr<ThreadCursor> ReadPlace(const Query& row, int us_column, int id_column,
                                       int topic_column, ThreadOrder order) {
  ThreadCursor place;
  ASSIGN_OR_RETURN(place.id, ReadUuid(row, id_column));
  place.last_delivered_us = row.Integer(us_column);
  if (IsByTopic(order)) place.topic = std::string(row.Text(topic_column));
  return place;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ListQueries>> ListQueries::Prepare(Database& db,
                                                                  ReadQueries& threads,
                                                                  PostQueries& posts,
                                                                  const Clock& clock) {
  std::unique_ptr<ListQueries> queries(new ListQueries(db, threads, posts, clock));
  ASSIGN_OR_RETURN(queries->expansions_, Expansions::Prepare(db, threads, posts));
  RETURN_IF_ERROR(queries->PrepareAll());
  return queries;
}

absl::Status ListQueries::PrepareAll() {
  for (const GroupScope scope :
       {GroupScope::kAll, GroupScope::kOfUser, GroupScope::kOfUserAndOthers}) {
    ASSIGN_OR_RETURN(list_groups_[static_cast<int>(scope)], db_.Prepare(ListGroupsSql(scope)));
  }
  for (int scope = 0; scope < kScopes; ++scope) {
    const auto list_scope = static_cast<ListScope>(scope);
    ASSIGN_OR_RETURN(count_threads_[scope], db_.Prepare(CountThreadsSql(list_scope)));
    for (int order = 0; order < kOrders; ++order) {
      ASSIGN_OR_RETURN(list_threads_[scope][order],
                       db_.Prepare(ListThreadsSql(list_scope, static_cast<ThreadOrder>(order))));
    }
  }
  for (int order = 0; order < kOrders; ++order) {
    ASSIGN_OR_RETURN(list_conversations_[order],
                     db_.Prepare(ListConversationsSql(static_cast<ThreadOrder>(order))));
  }
  for (const bool newest_first : {false, true}) {
    ASSIGN_OR_RETURN(list_posts_[newest_first ? 1 : 0], db_.Prepare(ListPostsSql(newest_first)));
  }
  ASSIGN_OR_RETURN(count_conversations_, db_.Prepare(CountConversationsSql()));
  return absl::OkStatus();
}

absl::Status ListQueries::CheckSortable(ThreadOrder order, Statement& count, int64_t parent_key,
                                        absl::string_view type, absl::string_view name,
                                        absl::string_view what) {
  if (!IsByTopic(order)) return absl::OkStatus();
  Query query(count);
  query.Bind(parent_key).Bind(kMaxRowsToSort + 1);
  ASSIGN_OR_RETURN([[maybe_unused]] const bool found, query.Step());
  if (query.Integer(0) <= kMaxRowsToSort) return absl::OkStatus();
  return TooManyToSortError(type, name, what, kMaxRowsToSort);
}

template <typename MakeSql, typename BindRest>
absl::StatusOr<int64_t> ListQueries::Count(const std::optional<FilterNode>& filter,
                                           const std::vector<FilterField>& fields,
                                           const std::vector<FilterColumn>& columns,
                                           MakeSql make_sql, BindRest bind,
                                           const Counted& counted) {
  FilterSql sql;
  if (filter.has_value()) sql = CompileFilter(*filter, fields, columns);
  ASSIGN_OR_RETURN(Statement statement, db_.Prepare(make_sql(sql.expression)));
  Query rows(statement);
  BindFilter(sql, rows);
  bind(rows);
  const absl::Time start = clock_.Now();
  int64_t passing = 0;
  for (int examined = 0;; ++examined) {
    ASSIGN_OR_RETURN(const bool found, rows.Step());
    if (!found) return passing;
    if (examined == kMaxRowsCounted || clock_.Now() - start >= kMaxCountTime) {
      return TooManyToCountError(counted.type, counted.name, counted.what, kMaxRowsCounted);
    }
    if (rows.Boolean(0)) ++passing;
  }
}

// --- Groups

absl::StatusOr<GroupPage> ListQueries::ListGroups(const GroupQuery& query) {
  const GroupScope scope = ScopeOf(query);
  ASSIGN_OR_RETURN(
      ListStatement list,
      ListStatement::Make(db_, list_groups_[static_cast<int>(scope)], query.filter,
                          GroupFilterFields(), GroupFilterColumns(),
                          [&](absl::string_view filter) { return ListGroupsSql(scope, filter); }));
  // What is bound is not copied.
  const std::string vouched = JsonArrayOf(query.vouched);
  const auto bind = [&](Query& rows, absl::string_view after_id) {
    if (scope != GroupScope::kAll) rows.BindText(*query.member);
    rows.BindText(after_id);
    if (scope == GroupScope::kOfUserAndOthers) rows.BindText(vouched).BindText(after_id);
  };
  GroupPage page;
  if (query.count) {
    ASSIGN_OR_RETURN(
        page.total_size,
        Count(
            query.filter, GroupFilterFields(), GroupFilterColumns(),
            [&](absl::string_view filter) { return PassingGroupsSql(scope, filter); },
            [&](Query& rows) { bind(rows, ""); }, {kGroupType, MakeGroupName("-"), "groups"}));
  }
  Query rows(list.statement());
  list.BindFilterTo(rows);
  bind(rows, query.after_id);
  ASSIGN_OR_RETURN(page.has_more, FillPageOfPassing(
                                      rows, kGroupPasses, query.limit, clock_, page.groups,
                                      [](const Query& row) -> absl::StatusOr<v1::Group> {
                                        return ReadQueries::ReadGroupRow(row);
                                      },
                                      [&](const Query& row) -> absl::Status {
                                        page.last = std::string(row.Text(0));
                                        return absl::OkStatus();
                                      }));
  return page;
}

// --- Conversations

absl::StatusOr<v1::Conversation> ListQueries::GetConversation(int64_t group_key,
                                                              const ConversationName& name,
                                                              const ConversationView& view) {
  ASSIGN_OR_RETURN(v1::Conversation conversation, threads_.GetConversation(group_key, name, view));
  if (!view.threads) return conversation;
  ASSIGN_OR_RETURN(const ReadQueries::Conversation resolved,
                   threads_.ResolveConversation(group_key, name.group.group, name.conversation));
  google::protobuf::RepeatedPtrField<v1::Conversation> page;
  *page.Add() = std::move(conversation);
  RETURN_IF_ERROR(expansions_->AddThreads(name.group.group, {resolved.key}, page));
  return std::move(page[0]);
}

absl::StatusOr<ConversationPage> ListQueries::ListConversations(int64_t group_key,
                                                                const ConversationQuery& query) {
  RETURN_IF_ERROR(CheckSortable(query.order, count_conversations_, group_key, kGroupType,
                                MakeGroupName(query.group), "conversations"));
  ASSIGN_OR_RETURN(ListStatement list,
                   ListStatement::Make(db_, list_conversations_[static_cast<int>(query.order)],
                                       query.filter, ConversationFilterFields(),
                                       ConversationFilterColumns(), [&](absl::string_view filter) {
                                         return ListConversationsSql(query.order, filter);
                                       }));
  const ListRange range(query.order, query.after, query.filter, ConversationFilterFields());
  ConversationPage page;
  if (query.count) {
    const ListRange whole(ThreadOrder::kOldestCreated, std::nullopt, query.filter,
                          ConversationFilterFields());
    const auto bind = [&](Query& rows) {
      rows.Bind(group_key);
      whole.Bind(rows);
    };
    ASSIGN_OR_RETURN(page.total_size,
                     Count(query.filter, ConversationFilterFields(), ConversationFilterColumns(),
                           PassingConversationsSql, bind,
                           {kGroupType, MakeGroupName(query.group), "conversations"}));
  }
  std::vector<PageRow<ThreadCursor>> listed;
  {
    Query rows(list.statement());
    list.BindFilterTo(rows);
    rows.Bind(group_key);
    range.Bind(rows);
    ASSIGN_OR_RETURN(page.has_more,
                     FillPageOfPassing(
                         rows, kConversationPasses, query.limit, clock_, page.conversations,
                         [&](const Query& row) {
                           return threads_.ReadConversationRow(row, query.group, query.view);
                         },
                         [&](const Query& row) -> absl::Status {
                           ASSIGN_OR_RETURN(page.last,
                                            ReadPlace(row, kConversationPasses + 1,
                                                      kConversationPasses + 2, 2, query.order));
                           if (listed.size() < static_cast<size_t>(page.conversations.size())) {
                             listed.push_back({row.Integer(0), page.last});
                           }
                           return absl::OkStatus();
                         }));
  }
  if (!query.view.threads || page.conversations.empty()) return page;
  RETURN_IF_ERROR(expansions_->AddThreads(query.group, KeysOf(listed), page.conversations));
  EndWhereItWasCut(page.conversations, listed, page);
  return page;
}

// --- Threads

absl::StatusOr<v1::ConversationThread> ListQueries::GetThread(int64_t group_key,
                                                              const ThreadName& name,
                                                              const ThreadView& view) {
  ASSIGN_OR_RETURN(v1::ConversationThread thread, threads_.GetThread(group_key, name, view));
  if (!view.posts.has_value()) return thread;
  ASSIGN_OR_RETURN(const ReadQueries::Thread resolved, threads_.ResolveThread(group_key, name));
  google::protobuf::RepeatedPtrField<v1::ConversationThread> page;
  *page.Add() = std::move(thread);
  RETURN_IF_ERROR(
      expansions_->AddPosts(group_key, name.group.group, *view.posts, {resolved.key}, page));
  return std::move(page[0]);
}

absl::StatusOr<ThreadPage> ListQueries::ListThreads(int64_t group_key, const ThreadQuery& query) {
  ListScope scope = ListScope::kGroup;
  int64_t scope_key = group_key;
  std::string parent = MakeGroupName(query.group);
  if (query.conversation.has_value()) {
    ASSIGN_OR_RETURN(const ReadQueries::Conversation conversation,
                     threads_.ResolveConversation(group_key, query.group, *query.conversation));
    scope = ListScope::kConversation;
    scope_key = conversation.key;
    parent = MakeConversationName(query.group, *query.conversation);
  }
  const absl::string_view type = scope == ListScope::kGroup ? kGroupType : kConversationType;
  RETURN_IF_ERROR(CheckSortable(query.order, count_threads_[static_cast<int>(scope)], scope_key,
                                type, parent, "threads"));
  Statement& unfiltered = list_threads_[static_cast<int>(scope)][static_cast<int>(query.order)];
  ASSIGN_OR_RETURN(ListStatement list,
                   ListStatement::Make(db_, unfiltered, query.filter, ThreadFilterFields(),
                                       ThreadFilterColumns(), [&](absl::string_view filter) {
                                         return ListThreadsSql(scope, query.order, filter);
                                       }));
  const ListRange range(query.order, query.after, query.filter, ThreadFilterFields());
  ThreadPage page;
  if (query.count) {
    const ThreadOrder order = CountingOrder(query.order);
    const ListRange whole(order, std::nullopt, query.filter, ThreadFilterFields());
    const auto bind = [&](Query& rows) {
      rows.Bind(scope_key);
      whole.Bind(rows);
    };
    ASSIGN_OR_RETURN(
        page.total_size,
        Count(query.filter, ThreadFilterFields(), ThreadFilterColumns(),
              [&](absl::string_view filter) { return PassingThreadsSql(scope, order, filter); },
              bind, {type, parent, "threads"}));
  }
  std::vector<PageRow<ThreadCursor>> listed;
  {
    Query rows(list.statement());
    list.BindFilterTo(rows);
    rows.Bind(scope_key);
    range.Bind(rows);
    ASSIGN_OR_RETURN(
        page.has_more,
        FillPageOfPassing(
            rows, kThreadPasses, query.limit, clock_, page.threads,
            [&](const Query& row) { return threads_.ReadThreadRow(row, query.group, query.view); },
            [&](const Query& row) -> absl::Status {
              ASSIGN_OR_RETURN(page.last, ReadPlace(row, 4, 1, 2, query.order));
              if (listed.size() < static_cast<size_t>(page.threads.size())) {
                listed.push_back({row.Integer(0), page.last});
              }
              return absl::OkStatus();
            }));
  }
  if (!query.view.posts.has_value() || page.threads.empty()) return page;
  RETURN_IF_ERROR(expansions_->AddPosts(group_key, query.group, *query.view.posts, KeysOf(listed),
                                        page.threads));
  EndWhereItWasCut(page.threads, listed, page);
  return page;
}

// --- Posts

absl::StatusOr<v1::Post> ListQueries::GetPost(int64_t group_key, const PostName& name,
                                              const PostView& view) {
  ASSIGN_OR_RETURN(v1::Post post, posts_.GetPost(group_key, name, view));
  if (!view.attachments && !view.extensions && !view.in_reply_to_post) return post;
  ASSIGN_OR_RETURN(const PostQueries::Post resolved, posts_.ResolvePost(group_key, name));
  ASSIGN_OR_RETURN(const PostQueries::PostContext context,
                   posts_.MakePostContext(group_key, name.thread.group.group, name.thread.thread,
                                          resolved.thread.conversation));
  google::protobuf::RepeatedPtrField<v1::Post> page;
  *page.Add() = std::move(post);
  RETURN_IF_ERROR(expansions_->AddToPosts(context, view, {resolved.key}, page));
  return std::move(page[0]);
}

absl::StatusOr<PostPage> ListQueries::ListPosts(int64_t group_key, const PostQuery& query) {
  ASSIGN_OR_RETURN(const ReadQueries::Thread thread,
                   threads_.ResolveThread(group_key, query.thread));
  ASSIGN_OR_RETURN(const PostQueries::PostContext context,
                   posts_.MakePostContext(group_key, query.thread.group.group, query.thread.thread,
                                          thread.conversation));
  ASSIGN_OR_RETURN(
      ListStatement list,
      ListStatement::Make(db_, list_posts_[query.newest_first ? 1 : 0], query.filter,
                          PostFilterFields(), PostFilterColumns(), [&](absl::string_view filter) {
                            return ListPostsSql(query.newest_first, filter);
                          }));
  const ListRange range(query.newest_first, query.after, query.filter);
  PostPage page;
  if (query.count) {
    const ListRange whole(/*newest_first=*/false, std::nullopt, query.filter);
    const auto bind = [&](Query& rows) {
      rows.Bind(thread.key);
      whole.Bind(rows);
    };
    ASSIGN_OR_RETURN(page.total_size,
                     Count(query.filter, PostFilterFields(), PostFilterColumns(), PassingPostsSql,
                           bind, {kThreadType, query.thread.Canonical(), "posts"}));
  }
  std::vector<PageRow<Uuid>> listed;
  {
    Query rows(list.statement());
    list.BindFilterTo(rows);
    rows.Bind(thread.key);
    range.Bind(rows);
    ASSIGN_OR_RETURN(
        page.has_more,
        FillPageOfPassing(
            rows, kPostPasses, query.limit, clock_, page.posts,
            [&](const Query& row) { return posts_.ReadPostRow(row, context, query.view); },
            [&](const Query& row) -> absl::Status {
              ASSIGN_OR_RETURN(page.last, ReadUuid(row, 1));
              if (listed.size() < static_cast<size_t>(page.posts.size())) {
                listed.push_back({row.Integer(0), page.last});
              }
              return absl::OkStatus();
            }));
  }
  if (page.posts.empty()) return page;
  RETURN_IF_ERROR(expansions_->AddToPosts(context, query.view, KeysOf(listed), page.posts));
  EndWhereItWasCut(page.posts, listed, page);
  return page;
}

}  // namespace threadstore::sqlite
