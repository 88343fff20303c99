#ifndef THREADSTORE_SERVER_STORE_SQLITE_COLUMNS_H_
#define THREADSTORE_SERVER_STORE_SQLITE_COLUMNS_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/uuid.h"
#include "server/domain/resource_name.h"
#include "server/store/sqlite/database.h"
#include "server/store/thread_store.h"
#include "threadstore/v1/conversation_thread.pb.h"

// How values of several tables stand in columns.
namespace threadstore::sqlite {

// ETAG_MISMATCH if the context asks for another etag than that of the revision.
absl::Status CheckEtag(const ChangeContext& context, int64_t revision, absl::string_view type,
                       absl::string_view name);

// The id in a column. DATA_LOSS if it is none.
absl::StatusOr<Uuid> ReadUuid(const Query& row, int column);

// The id in a resource or a name to store, which the domain has made or checked.
absl::StatusOr<Uuid> RequireUuid(absl::string_view text);

// The columns that ReadQueries and PostQueries make resources of. Those of threads need
// `conversations` as well.
inline constexpr char kGroupColumns[] =
    "groups.id, groups.display_name, groups.mail, groups.created_us,"
    " groups.allow_external_senders, groups.description, groups.mail_nickname";
inline constexpr int kGroupColumnCount = 7;
inline constexpr char kThreadColumns[] =
    "threads.key, threads.id, threads.topic, threads.has_attachments, threads.last_delivered_us,"
    " threads.preview, threads.is_locked, threads.revision, threads.created_us,"
    " threads.modified_us, conversations.id";
inline constexpr int kThreadColumnCount = 11;
inline constexpr char kConversationColumns[] =
    "conversations.key, conversations.id, conversations.topic, conversations.created_us";
inline constexpr int kConversationColumnCount = 4;
// Without the content, which lists that leave out posts must not touch.
inline constexpr char kPostColumns[] =
    "posts.key, posts.id, posts.created_us, posts.modified_us, posts.revision, posts.sender_name,"
    " posts.sender_address, posts.has_attachments, posts.in_reply_to, posts.content_type";
inline constexpr int kPostColumnCount = 10;
inline constexpr char kAttachmentColumns[] =
    "attachments.key, attachments.id, attachments.kind, attachments.display_name,"
    " attachments.content_type, attachments.size, attachments.is_inline, attachments.attached_us,"
    " attachments.content_id, attachments.source_url, attachments.provider_type,"
    " attachments.permission, attachments.is_folder";
inline constexpr int kAttachmentColumnCount = 13;
inline constexpr char kExtensionColumns[] = "post_extensions.name, post_extensions.content_json";
inline constexpr int kExtensionColumnCount = 2;

// The kinds of recipients, and the lists of senders, as numbers.
inline constexpr int kToRecipient = 0;
inline constexpr int kCcRecipient = 1;
constexpr int ListColumn(SenderList list) { return list == SenderList::kAccepted ? 0 : 1; }

// What is in the column `deleted` of a conversation. One that was imported is not seen before its
// first thread: a conversation without threads has nothing to say of itself.
enum class ConversationState { kThere = 0, kDeleted = 1, kAwaitsThread = 2 };

enum class AttachmentKind { kFile = 0, kItem = 1, kReference = 2 };

// Ids before and after all others: ids have 16 bytes, so a longer run of 0xFF is after them.
inline constexpr absl::string_view kBeforeFirstId = "";
inline constexpr absl::string_view kAfterLastId =
    "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF";

// A recipient as three columns: has_email_address, name, address.
v1::Recipient ReadRecipient(const Query& row, int first_column);
void BindRecipient(const v1::Recipient& recipient, Query& query);

// Text whose absence is not the same as empty text.
void BindOptionalText(bool is_present, absl::string_view text, Query& query);

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_COLUMNS_H_
