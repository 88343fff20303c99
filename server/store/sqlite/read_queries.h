#ifndef THREADSTORE_SERVER_STORE_SQLITE_READ_QUERIES_H_
#define THREADSTORE_SERVER_STORE_SQLITE_READ_QUERIES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/uuid.h"
#include "server/store/sqlite/database.h"
#include "server/store/thread_store.h"

namespace threadstore::sqlite {

// The queries of the store, prepared on one connection: a reader's, or the writer's, which so
// sees its own transaction. Belongs to one thread at a time.
class ReadQueries {
 public:
  // `db` must outlive the queries.
  static absl::StatusOr<std::unique_ptr<ReadQueries>> Prepare(Database& db);

  // The key of the group, if the caller may act on it; otherwise the error that RequiredMember
  // promises.
  absl::StatusOr<int64_t> ResolveGroup(const std::optional<RequiredMember>& required_member,
                                       absl::string_view group);

  struct Conversation {
    int64_t key;
    std::string topic;
  };
  // NOT_FOUND if the group has no such conversation.
  absl::StatusOr<Conversation> ResolveConversation(int64_t group_key, absl::string_view group,
                                                   const Uuid& id);

  absl::StatusOr<std::optional<int64_t>> FindGroup(absl::string_view group);
  absl::StatusOr<std::optional<v1::Group>> ReadGroup(int64_t group_key);

  absl::StatusOr<std::optional<v1::Member>> FindMember(int64_t group_key, absl::string_view group,
                                                       absl::string_view user);

  absl::StatusOr<GroupPage> ListGroups(const GroupQuery& query);
  absl::StatusOr<MemberPage> ListMembers(int64_t group_key, const MemberQuery& query);

  // NOT_FOUND if the group has no such thread, or it is in another conversation than the one
  // given.
  absl::StatusOr<v1::ConversationThread> GetThread(int64_t group_key, absl::string_view group,
                                                   const std::optional<Uuid>& conversation,
                                                   const Uuid& thread);
  absl::StatusOr<ThreadPage> ListThreads(int64_t group_key, const ThreadQuery& query);

  // The statement behind ListThreads, for tests of its plan.
  enum class Scope { kGroup, kConversation };
  static std::string ListThreadsSql(Scope scope, ThreadOrder order);

 private:
  absl::Status PrepareAll(Database& db);
  absl::Status ReadThreadRow(const Query& row, absl::string_view group,
                             v1::ConversationThread& thread);
  absl::StatusOr<ThreadPage> ReadThreadPage(Query& rows, const ThreadQuery& query);

  Statement find_group_;
  Statement read_group_;
  Statement find_member_;
  Statement find_conversation_;
  Statement list_groups_;
  Statement list_joined_groups_;
  Statement list_members_;
  Statement get_thread_;
  Statement list_recipients_;
  Statement list_unique_senders_;

  // By Scope and ThreadOrder.
  static constexpr int kScopes = 2;
  static constexpr int kOrders = 3;
  Statement list_threads_[kScopes][kOrders];
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_READ_QUERIES_H_
