#ifndef THREADSTORE_SERVER_STORE_SQLITE_POSTING_RULES_H_
#define THREADSTORE_SERVER_STORE_SQLITE_POSTING_RULES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/read_queries.h"
#include "server/store/sqlite/room.h"
#include "server/store/thread_store.h"

namespace threadstore::sqlite {

// Whose posts a group takes, and its lists of senders that say so. Part of the writer's queries.
class PostingRules {
 public:
  // All of it must outlive the rules.
  static absl::StatusOr<std::unique_ptr<PostingRules>> Prepare(Database& db, ReadQueries& reads,
                                                               const Room& room);

  // Who a post is by.
  struct Author {
    std::optional<std::string> user;  // Absent if an application posts.
    v1::Recipient sender;
  };

  // The author of a post: the required member if that is who calls, otherwise the sender it names
  // or, if it names none, the required member. SENDER_NOT_ALLOWED if the group does not take posts
  // from it, INVALID_ARGUMENT, naming `field`, if a user names somebody else.
  absl::StatusOr<Author> ResolveAuthor(const CallContext& context, int64_t group_key,
                                       absl::string_view group, const v1::Post& post,
                                       const std::string& field);

  // SENDER_NOT_ALLOWED if a user calls from whom the group does not take posts.
  absl::Status CheckMemberMayPost(const CallContext& context, int64_t group_key,
                                  absl::string_view group);

  absl::Status AddSender(const CallContext& context, const SenderName& sender);
  absl::Status RemoveSender(const CallContext& context, const SenderName& sender);

 private:
  PostingRules(Database& db, ReadQueries& reads, const Room& room)
      : db_(db), reads_(reads), room_(room) {}
  absl::Status PrepareAll();

  // By whom a group can know a sender.
  struct Identities {
    std::vector<std::string> ids;
    bool is_member = false;
  };
  absl::Status CheckMayPost(int64_t group_key, absl::string_view group,
                            const Identities& identities);
  absl::StatusOr<bool> IsAnyListed(int64_t group_key, SenderList list,
                                   const Identities& identities);
  absl::StatusOr<bool> IsListed(int64_t group_key, SenderList list, absl::string_view sender);

  Database& db_;
  ReadQueries& reads_;
  const Room& room_;
  Statement find_posting_rules_;
  Statement is_listed_;
  Statement insert_sender_;
  Statement delete_sender_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_POSTING_RULES_H_
