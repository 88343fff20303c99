#ifndef THREADSTORE_SERVER_STORE_SQLITE_SEARCH_SOURCE_H_
#define THREADSTORE_SERVER_STORE_SQLITE_SEARCH_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/uuid.h"
#include "server/domain/words.h"
#include "server/store/sqlite/database.h"

namespace threadstore::sqlite {

// How far the index of words is.
struct SearchState {
  int64_t words_version = 0;
  int64_t last_sequence = 0;  // Of the changes that it has.

  // The last that it has of the posts, and of the threads without posts, that were there before it;
  // absent when it has all of them.
  std::optional<int64_t> last_post_key;
  std::optional<int64_t> last_thread_key;

  bool operator==(const SearchState&) const = default;

  // Whether it has all up to that change, by the words of today.
  bool Has(int64_t sequence) const {
    return words_version == kWordsVersion && last_sequence >= sequence &&
           !last_post_key.has_value() && !last_thread_key.has_value();
  }
};

// A post, or a thread without posts, as it stands in the tables.
struct SearchText {
  int64_t group_key = 0;
  int64_t thread_key = 0;
  std::optional<int64_t> post_key;
  Uuid id;  // The post's, or the thread's: keys may be given again.
  int64_t time_us = 0;
  std::string topic;
  std::string content_type;
  std::string content;
};

// What to index next, and how far the index is then.
struct SearchBatch {
  SearchState before;
  SearchState after;
  std::vector<SearchText> texts;
  bool is_last = false;  // Whether it ends with the newest change.
};

// What the index of words is made from, read on a connection of its own.
class SearchSource {
 public:
  // `db` must outlive it.
  static absl::StatusOr<std::unique_ptr<SearchSource>> Prepare(Database& db);

  absl::StatusOr<SearchState> ReadState();

  // The change that the index has to have before a group is searched: its newest, or one that is
  // after it.
  absl::StatusOr<int64_t> NeededSequence(int64_t group_key, const SearchState& state);

  // The next changes and, if there are not many, the next of the posts and threads that were there
  // before. It is bounded in rows and bytes. Within one snapshot.
  absl::StatusOr<SearchBatch> ReadBatch();

 private:
  // Reads one batch.
  class Reading;

  Statement read_state_;
  Statement newest_sequence_;
  Statement newest_of_group_;
  Statement list_changes_;
  Statement find_post_;
  Statement find_topic_;
  Statement list_posts_;
  Statement list_topics_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_SEARCH_SOURCE_H_
