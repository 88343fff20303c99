#ifndef THREADSTORE_SERVER_STORE_SQLITE_SEARCH_QUERIES_H_
#define THREADSTORE_SERVER_STORE_SQLITE_SEARCH_QUERIES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/read_queries.h"
#include "server/store/sqlite/search_source.h"
#include "server/store/thread_store.h"

namespace threadstore::sqlite {

// A search's page; or, if the index is behind, the change that it needs to have first.
struct SearchAnswer {
  SearchPage page;
  std::optional<int64_t> needs;
};

// The queries of searches, prepared on a reader's connection; as ReadQueries, on which they are
// built.
class SearchQueries {
 public:
  // Both must outlive the queries.
  static absl::StatusOr<std::unique_ptr<SearchQueries>> Prepare(Database& db, ReadQueries& threads);

  // Searches the index, if it has all up to the change `needed`, or without one all of the group
  // that the snapshot has.
  absl::StatusOr<SearchAnswer> Search(int64_t group_key, const SearchQuery& query,
                                      std::optional<int64_t> needed);

  // The statement behind searches by time, for tests of its plan.
  static std::string NewestFirstSql();

 private:
  // A match, as a row has it.
  struct Match {
    int64_t document;
    int64_t thread_key;
    ThreadName thread;
    std::optional<Uuid> post;
    bool is_visible;
  };

  explicit SearchQueries(ReadQueries& threads) : threads_(threads) {}

  absl::StatusOr<SearchPage> SearchNewestFirst(int64_t group_key, const SearchQuery& query);
  absl::StatusOr<SearchPage> SearchByRank(int64_t group_key, const SearchQuery& query);

  static absl::StatusOr<Match> ReadMatch(const Query& row, const SearchQuery& query);

  using ThreadKeys = absl::flat_hash_set<int64_t>;

  // Of threads, those of which a page before has had a match.
  absl::StatusOr<ThreadKeys> FindEarlier(const std::string& expression, const ThreadKeys& threads,
                                         const SearchQuery& query);

  // False if the page has no room for it.
  absl::StatusOr<bool> AddResult(int64_t group_key, const Match& match, size_t& bytes,
                                 SearchPage& page);

  ReadQueries& threads_;
  std::unique_ptr<SearchSource> source_;
  Statement newest_first_;
  Statement by_rank_;
  Statement list_newer_matches_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_SEARCH_QUERIES_H_
