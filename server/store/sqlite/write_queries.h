#ifndef THREADSTORE_SERVER_STORE_SQLITE_WRITE_QUERIES_H_
#define THREADSTORE_SERVER_STORE_SQLITE_WRITE_QUERIES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/uuid.h"
#include "server/store/sqlite/change_log.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/group_usage.h"
#include "server/store/sqlite/list_queries.h"
#include "server/store/sqlite/past_requests.h"
#include "server/store/sqlite/post_queries.h"
#include "server/store/sqlite/post_writes.h"
#include "server/store/sqlite/posting_rules.h"
#include "server/store/sqlite/purge_queries.h"
#include "server/store/sqlite/read_queries.h"
#include "server/store/sqlite/record_writes.h"
#include "server/store/sqlite/room.h"
#include "server/store/sqlite/row_inserts.h"
#include "server/store/sqlite/search_index.h"
#include "server/store/sqlite/thread_summary.h"
#include "server/store/thread_store.h"

namespace threadstore::sqlite {

// A thread to create, and apart from it the post it comes with: what is answered is copied from the
// thread, which should not take the content of attachments along.
struct ThreadDraft {
  v1::ConversationThread thread;
  std::optional<NewPost> post;

  explicit ThreadDraft(v1::ConversationThread with_post);
};

// The writes of the store, prepared on the writer's connection. Each is called inside a
// transaction, and keeps the promises of thread_store.h about errors; on any other error it may
// have changed rows, and the transaction is rolled back. What a write is given does not depend on
// what it did before a rollback.
class WriteQueries {
 public:
  // `db` and `clock` must outlive the queries.
  static absl::StatusOr<std::unique_ptr<WriteQueries>> Prepare(
      Database& db, const Clock& clock, absl::Duration request_retention,
      const ChangeRetention& change_retention, const GroupQuotas& quotas);

  Room& room() { return room_; }
  GroupUsage& usage() { return *usage_; }
  ChangeLog& changes() { return *changes_; }
  PastRequests& past_requests() { return *past_requests_; }
  PurgeQueries& purges() { return *purges_; }
  PostingRules& posting_rules() { return *posting_rules_; }
  PostWrites& posts() { return *post_writes_; }
  RecordWrites& records() { return *records_; }
  SearchIndex& search_index() { return *search_index_; }

  // Forgets changes that are old and have been indexed, at most `max_rows`. Returns how many.
  absl::StatusOr<int64_t> TrimChanges(int64_t max_rows);

  // A create returns the resource that an earlier request of the same id made, or nothing when it
  // has stored the one it was given.
  absl::StatusOr<std::optional<v1::Group>> CreateGroup(const CreateContext& context,
                                                       const v1::Group& group,
                                                       const std::vector<v1::Member>& members);
  absl::StatusOr<v1::Group> UpdateGroup(const CallContext& context, absl::string_view group,
                                        const GroupChanges& changes);
  absl::Status DeleteGroup(const CallContext& context, absl::string_view group, bool force);

  absl::StatusOr<v1::Member> AddMember(const CallContext& context, const MemberListName& list,
                                       const v1::Member& member);
  absl::StatusOr<v1::Member> UpdateMember(const CallContext& context, const MemberName& name,
                                          const MemberChanges& changes);
  absl::Status RemoveMember(const CallContext& context, const MemberName& name);

  // Fills in the topic of the thread if it is to take the conversation's. With a post it returns
  // the answer in any case.
  absl::StatusOr<std::optional<v1::ConversationThread>> CreateThread(
      const CreateContext& context, absl::string_view group,
      const std::optional<Uuid>& conversation, ThreadDraft& draft);
  absl::StatusOr<v1::ConversationThread> UpdateThread(const ChangeContext& context,
                                                      const ThreadName& name,
                                                      const ThreadChanges& changes);
  absl::Status DeleteThread(const ChangeContext& context, const ThreadName& name);

  absl::StatusOr<v1::Conversation> CreateConversation(const CreateContext& context,
                                                      absl::string_view group,
                                                      const v1::Conversation& conversation,
                                                      const std::vector<ThreadDraft>& threads);
  absl::Status DeleteConversation(const CallContext& context, const ConversationName& name);

 private:
  WriteQueries() = default;
  absl::Status PrepareAll(Database& db);

  // `member` is as it is stored.
  absl::StatusOr<v1::Member> ChangeMember(int64_t group_key, v1::Member member,
                                          const MemberChanges& changes);

  // LAST_OWNER if the member is the only owner.
  absl::Status CheckHasOtherOwner(int64_t group_key, const v1::Member& member);

  absl::StatusOr<int64_t> InsertConversation(int64_t group_key, const Uuid& id,
                                             absl::string_view topic,
                                             const google::protobuf::Timestamp& created,
                                             const Usage& usage);

  // What has been created, as it is now, for those who send the same request again.
  absl::Status AddFirstPost(int64_t group_key, const ThreadName& name,
                            v1::ConversationThread& thread);
  absl::StatusOr<v1::Conversation> ReadCreatedConversation(int64_t group_key,
                                                           const ConversationName& name);

  // Refuses a thread whose group does not take posts from whoever creates it. Returns who its post
  // is by, if it has one. `field` is the thread's.
  absl::StatusOr<PostingRules::Author> ResolveAuthor(const CallContext& context, int64_t group_key,
                                                     absl::string_view group,
                                                     const ThreadDraft& draft,
                                                     const std::string& field);

  // The thread as stored and answered, with its post and what it derives from it.
  absl::StatusOr<v1::ConversationThread> PlaceThread(int64_t group_key, const ThreadDraft& draft,
                                                     const PostingRules::Author& author);

  // Stores a thread, of `bytes`; one that has been placed if it has a post.
  absl::Status InsertThread(int64_t group_key, int64_t conversation_key,
                            const v1::ConversationThread& thread, const ThreadDraft& draft,
                            const PostingRules::Author& author, int64_t bytes);

  Database* db_ = nullptr;
  Room room_;
  std::unique_ptr<GroupUsage> usage_;
  std::unique_ptr<ChangeLog> changes_;
  std::unique_ptr<ReadQueries> reads_;
  std::unique_ptr<PostQueries> post_reads_;
  std::unique_ptr<ListQueries> lists_;
  std::unique_ptr<PastRequests> past_requests_;
  std::unique_ptr<PurgeQueries> purges_;
  std::unique_ptr<PostingRules> posting_rules_;
  std::unique_ptr<ThreadSummary> summary_;
  std::unique_ptr<RowInserts> rows_;
  std::unique_ptr<PostWrites> post_writes_;
  std::unique_ptr<RecordWrites> records_;
  std::unique_ptr<SearchIndex> search_index_;

  Statement update_group_;
  Statement mark_group_deleted_;
  Statement update_member_;
  Statement delete_member_;
  Statement has_other_owner_;
  Statement has_thread_;
  Statement mark_conversation_deleted_;
  Statement has_live_thread_;
  Statement lock_thread_;
  Statement mark_thread_deleted_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_WRITE_QUERIES_H_
