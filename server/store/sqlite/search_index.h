#ifndef THREADSTORE_SERVER_STORE_SQLITE_SEARCH_INDEX_H_
#define THREADSTORE_SERVER_STORE_SQLITE_SEARCH_INDEX_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/uuid.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/room.h"
#include "server/store/sqlite/search_source.h"

namespace threadstore::sqlite {

// A text with the words it has been found to have.
struct SearchDocument {
  int64_t group_key = 0;
  int64_t thread_key = 0;
  std::optional<int64_t> post_key;
  Uuid id;
  int64_t time_us = 0;
  std::string topic_words;
  std::string body_words;
};

// What the writer adds to the index of words. Documents go with their posts and threads (see
// PurgeQueries). Part of the writer's queries.
class SearchIndex {
 public:
  // Both must outlive it.
  static absl::StatusOr<std::unique_ptr<SearchIndex>> Prepare(Database& db, const Room& room);

  // Puts documents into the index, in place of what it has of the same posts and threads, and notes
  // how far it is. Documents of what has been deleted since they were read are left out.
  absl::Status Add(const std::vector<SearchDocument>& documents, const SearchState& after);

  // The first of the changes that the index still has to read; all before may be removed.
  absl::StatusOr<int64_t> FirstNeededSequence();

 private:
  // What to do about a key: remove what is there, put a document there, or both.
  struct Step {
    bool removes = false;
    const SearchDocument* adds = nullptr;
  };
  using Steps = std::map<int64_t, Step>;

  explicit SearchIndex(const Room& room) : room_(room) {}

  absl::Status Plan(const SearchDocument& document, Steps& steps);
  absl::StatusOr<bool> IsThere(const SearchDocument& document);
  absl::StatusOr<int64_t> FindFreeKey(const SearchDocument& document, const Steps& steps);
  absl::Status Remove(int64_t key);
  absl::Status Insert(int64_t key, const SearchDocument& document);
  absl::Status SaveState(const SearchState& state);

  const Room& room_;
  Statement has_post_;
  Statement has_topic_;
  Statement find_document_of_post_;
  Statement find_document_of_topic_;
  Statement has_document_;
  Statement remove_words_;
  Statement delete_document_;
  Statement insert_document_;
  Statement read_texts_;
  Statement insert_words_;
  Statement save_state_;
  Statement last_sequence_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_SEARCH_INDEX_H_
