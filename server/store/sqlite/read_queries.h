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

  struct Thread {
    int64_t key;
    int64_t conversation_key;
    Uuid conversation;
    std::string topic;
    bool is_locked;
    bool has_had_posts;
    bool has_attachments;
    int64_t revision;
    int64_t created_us;
  };
  // NOT_FOUND if the group has no such thread, or it is in another conversation than the name says.
  absl::StatusOr<Thread> ResolveThread(int64_t group_key, const ThreadName& name);

  absl::StatusOr<std::optional<int64_t>> FindGroup(absl::string_view group);
  absl::StatusOr<std::optional<v1::Group>> ReadGroup(int64_t group_key);

  absl::StatusOr<std::optional<v1::Member>> FindMember(int64_t group_key, absl::string_view group,
                                                       absl::string_view user);

  // NOT_FOUND if the user is not on the list of the name.
  absl::StatusOr<v1::Member> GetMember(int64_t group_key, const MemberName& name);

  // By id or else by mail.
  absl::StatusOr<std::optional<v1::Member>> FindMemberByAddress(int64_t group_key,
                                                                absl::string_view group,
                                                                absl::string_view address);

  absl::StatusOr<MemberPage> ListMembers(int64_t group_key, const MemberQuery& query);
  absl::StatusOr<SenderPage> ListSenders(int64_t group_key, const SenderQuery& query);

  // NOT_FOUND as above. Neither is expanded, whatever the view says.
  absl::StatusOr<v1::Conversation> GetConversation(int64_t group_key, const ConversationName& name,
                                                   const ConversationView& view = {});
  absl::StatusOr<v1::ConversationThread> GetThread(int64_t group_key, const ThreadName& name,
                                                   const ThreadView& view = {});

  // What rows that begin with kGroupColumns, kThreadColumns or kConversationColumns say, and what
  // belongs to them in other tables.
  static v1::Group ReadGroupRow(const Query& row);
  absl::StatusOr<v1::ConversationThread> ReadThreadRow(const Query& row, absl::string_view group,
                                                       const ThreadView& view);
  absl::StatusOr<v1::Conversation> ReadConversationRow(const Query& row, absl::string_view group,
                                                       const ConversationView& view);

 private:
  absl::Status PrepareAll(Database& db);
  absl::Status ReadRecipients(int64_t thread_key, v1::ConversationThread& thread);
  absl::Status ReadNewestThread(int64_t conversation_key, v1::Conversation& conversation);
  absl::Status ReadConversationSenders(int64_t conversation_key, v1::Conversation& conversation);

  Statement find_group_;
  Statement read_group_;
  Statement find_member_;
  Statement find_member_by_mail_;
  Statement find_conversation_;
  Statement list_members_;
  Statement list_members_of_role_;
  Statement list_senders_;
  Statement find_thread_;
  Statement get_thread_;
  Statement get_conversation_;
  Statement read_newest_thread_;
  Statement has_attachments_;
  Statement list_conversation_senders_;
  Statement list_recipients_;
  Statement list_unique_senders_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_READ_QUERIES_H_
