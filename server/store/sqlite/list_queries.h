#ifndef THREADSTORE_SERVER_STORE_SQLITE_LIST_QUERIES_H_
#define THREADSTORE_SERVER_STORE_SQLITE_LIST_QUERIES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/expansions.h"
#include "server/store/sqlite/filter_sql.h"
#include "server/store/sqlite/list_sql.h"
#include "server/store/sqlite/post_queries.h"
#include "server/store/sqlite/read_queries.h"
#include "server/store/thread_store.h"

namespace threadstore::sqlite {

// Lists of groups, and gets and lists of threads, conversations and posts, as ThreadStore promises
// them. Prepared on one connection; as ReadQueries and PostQueries, on which they are built.
class ListQueries {
 public:
  // All must outlive the queries.
  static absl::StatusOr<std::unique_ptr<ListQueries>> Prepare(Database& db, ReadQueries& threads,
                                                              PostQueries& posts,
                                                              const Clock& clock);

  absl::StatusOr<GroupPage> ListGroups(const GroupQuery& query);

  absl::StatusOr<v1::Conversation> GetConversation(int64_t group_key, const ConversationName& name,
                                                   const ConversationView& view);
  absl::StatusOr<ConversationPage> ListConversations(int64_t group_key,
                                                     const ConversationQuery& query);

  absl::StatusOr<v1::ConversationThread> GetThread(int64_t group_key, const ThreadName& name,
                                                   const ThreadView& view);
  absl::StatusOr<ThreadPage> ListThreads(int64_t group_key, const ThreadQuery& query);

  absl::StatusOr<v1::Post> GetPost(int64_t group_key, const PostName& name, const PostView& view);
  absl::StatusOr<PostPage> ListPosts(int64_t group_key, const PostQuery& query);

 private:
  ListQueries(Database& db, ReadQueries& threads, PostQueries& posts, const Clock& clock)
      : db_(db), threads_(threads), posts_(posts), clock_(clock) {}
  absl::Status PrepareAll();

  // What is counted, for the error if it is too much.
  struct Counted {
    absl::string_view type;
    std::string name;
    absl::string_view what;
  };

  // How many rows of a list pass. `make_sql` makes of a filter's expression, or of none, a
  // statement with one column; `bind` binds what follows the filter's values.
  template <typename MakeSql, typename BindRest>
  absl::StatusOr<int64_t> Count(const std::optional<FilterNode>& filter,
                                const std::vector<FilterField>& fields,
                                const std::vector<FilterColumn>& columns, MakeSql make_sql,
                                BindRest bind, const Counted& counted);

  // Refuses to sort too much.
  absl::Status CheckSortable(ThreadOrder order, Statement& count, int64_t parent_key,
                             absl::string_view type, absl::string_view name,
                             absl::string_view what);

  Database& db_;
  ReadQueries& threads_;
  PostQueries& posts_;
  const Clock& clock_;
  std::unique_ptr<Expansions> expansions_;

  // Lists without a filter. By ListScope and ThreadOrder.
  static constexpr int kScopes = 2;
  static constexpr int kOrders = 6;
  Statement list_groups_[3];  // By their scope.
  Statement list_threads_[kScopes][kOrders];
  Statement list_conversations_[kOrders];
  Statement list_posts_[2];  // By whether the newest come first.

  Statement count_threads_[kScopes];
  Statement count_conversations_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_LIST_QUERIES_H_
