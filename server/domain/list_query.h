#ifndef THREADSTORE_SERVER_DOMAIN_LIST_QUERY_H_
#define THREADSTORE_SERVER_DOMAIN_LIST_QUERY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/base/uuid.h"
#include "server/domain/filter.h"
#include "server/domain/resource_name.h"
#include "server/domain/words.h"

// What gets and lists ask of a store: which resources, in what order, after which, how many, and
// what of each.
namespace threadstore {

enum class ThreadOrder {
  kNewestActivity,   // By last_delivered_date_time and id, both descending.
  kOldestActivity,   // Likewise, ascending.
  kOldestCreated,    // By id, which as a UUIDv7 is the order of creation.
  kNewestCreated,    // By id, descending.
  kTopicAscending,   // By topic, by code point, and id.
  kTopicDescending,  // Likewise, both descending.
};

// A place in a list of threads: the last thread that a page has looked at. It need not exist any
// more.
struct ThreadCursor {
  Uuid id;
  int64_t last_delivered_us = 0;                    // Used in orders of activity.
  std::optional<std::string> topic = std::nullopt;  // In orders of topics.
};

// What of a post to return. A store may leave out what is not asked for, and need not.
struct PostView {
  bool body = true;
  bool categories = true;
  bool new_participants = true;

  // What it is expanded by: its attachments, without their content; its extensions; the post that
  // it replies to.
  bool attachments = false;
  bool extensions = false;
  bool in_reply_to_post = false;
};

// Likewise of a thread; with `posts` it is expanded by its first posts.
struct ThreadView {
  bool recipients = true;
  bool unique_senders = true;
  std::optional<PostView> posts = std::nullopt;
};

// Likewise of a conversation; with `threads` it is expanded by its newest threads.
struct ConversationView {
  bool has_attachments = true;
  bool newest_thread = true;  // Its last_delivered_date_time and preview.
  bool unique_senders = true;
  bool threads = false;
};

// Filters are over the fields that server/domain/filter.h says. With `count` a list also tells how
// many resources pass, wherever its page begins and ends.
struct ThreadQuery {
  std::string group;
  std::optional<Uuid> conversation = std::nullopt;
  ThreadOrder order = ThreadOrder::kNewestActivity;
  std::optional<FilterNode> filter = std::nullopt;
  std::optional<ThreadCursor> after = std::nullopt;
  int32_t limit = 0;
  ThreadView view = {};
  bool count = false;
};

// Orders are those of threads; in orders of activity a conversation stands where its newest thread
// does, and `after` is that thread.
struct ConversationQuery {
  std::string group;
  ThreadOrder order = ThreadOrder::kNewestActivity;
  std::optional<FilterNode> filter = std::nullopt;
  std::optional<ThreadCursor> after = std::nullopt;
  int32_t limit = 0;
  ConversationView view = {};
  bool count = false;
};

// By id, which for the posts of a thread is the order of time.
struct PostQuery {
  ThreadName thread;
  bool newest_first = false;
  std::optional<FilterNode> filter = std::nullopt;
  std::optional<Uuid> after = std::nullopt;
  int32_t limit = 0;
  PostView view = {};
  bool count = false;
};

// By id, which is the order in which they were attached.
struct AttachmentQuery {
  PostName post;
  bool with_content = false;
  std::optional<Uuid> after = std::nullopt;
  int32_t limit = 0;
};

struct ExtensionQuery {
  PostName post;
  std::string after_name = {};  // Empty: from the beginning.
  int32_t limit = 0;
};

struct SenderQuery {
  SenderListName list;
  std::string after_id = {};  // Empty: from the beginning.
  int32_t limit = 0;
};

enum class SearchOrder {
  kNewestMatch,  // By the time of the post that matches, descending.
  kRank,         // By how good a match is, the best first; no more than kMaxRankedDocuments.
};

struct SearchQuery {
  std::string group;
  std::vector<SearchTerm> terms;
  SearchOrder order = SearchOrder::kNewestMatch;
  std::optional<int64_t> after = std::nullopt;  // Where the page before ended, as it told.
  int32_t limit = 0;
};

struct GroupQuery {
  std::optional<std::string> member = std::nullopt;  // Only groups that this user is in.
  std::vector<std::string> vouched = {};             // Valid ids of groups that it is in, too.
  std::optional<FilterNode> filter = std::nullopt;
  std::string after_id = {};  // Empty: from the beginning.
  int32_t limit = 0;
  bool count = false;
};

struct MemberQuery {
  std::string group;
  std::optional<bool> is_owner = std::nullopt;  // Only owners, or only those who are none.
  std::string after_id = {};                    // Empty: from the beginning.
  int32_t limit = 0;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_LIST_QUERY_H_
