#include "server/store/sqlite/search_queries.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/domain/resource_name.h"
#include "server/store/sqlite/columns.h"

namespace threadstore::sqlite {
namespace {

// The columns of a match, in the order of ReadMatch.
constexpr char kSelectMatch[] =
    "SELECT search_documents.key, search_documents.thread_key, threads.id, posts.id,"
    " threads.deleted = 0 AND conversations.deleted = 0";

// CROSS JOIN keeps the matches in their order, outermost.
constexpr char kJoinMatch[] =
    " CROSS JOIN threads ON threads.key = search_documents.thread_key"
    " CROSS JOIN conversations ON conversations.key = threads.conversation_key"
    " LEFT JOIN posts ON posts.key = search_documents.post_key";

// The terms in FTS5's language (https://www.sqlite.org/fts5.html#full_text_query_syntax), each word
// behind its group as in search_texts. Words have letters, digits and marks only, so that nothing a
// caller sends has a meaning there.
std::string MakeExpression(int64_t group_key, const std::vector<SearchTerm>& terms) {
  return absl::StrJoin(terms, " AND ", [&](std::string* out, const SearchTerm& term) {
    absl::StrAppend(out, "\"",
                    absl::StrJoin(term.words, " ",
                                  [&](std::string* words, const std::string& word) {
                                    absl::StrAppend(words, group_key, "g", word);
                                  }),
                    term.is_prefix ? "\" *" : "\"");
  });
}

// How many matches are read before it is asked which of their threads a page before has had. FTS5
// gathers all that a beginning of words finds whenever it is asked, a hundredth of a second for
// 100,000 documents; whole words it seeks.
size_t MatchesAtOnce(const SearchQuery& query) {
  const bool has_prefix = std::any_of(query.terms.begin(), query.terms.end(),
                                      [](const SearchTerm& term) { return term.is_prefix; });
  return has_prefix ? 500 : 1;
}

}  // namespace

std::string SearchQueries::NewestFirstSql() {
  return absl::StrCat(kSelectMatch,
                      " FROM search_index"
                      " CROSS JOIN search_documents ON search_documents.key = search_index.rowid",
                      kJoinMatch,
                      " WHERE search_index MATCH ? AND search_index.rowid < ?"
                      " ORDER BY search_index.rowid DESC LIMIT ?");
}

absl::StatusOr<std::unique_ptr<SearchQueries>> SearchQueries::Prepare(Database& db,
                                                                      ReadQueries& threads) {
  std::unique_ptr<SearchQueries> queries(new SearchQueries(threads));
  ASSIGN_OR_RETURN(queries->source_, SearchSource::Prepare(db));
  ASSIGN_OR_RETURN(queries->newest_first_, db.Prepare(NewestFirstSql()));
  ASSIGN_OR_RETURN(queries->by_rank_,
                   db.Prepare(absl::StrCat(
                       kSelectMatch,
                       " FROM (SELECT document, score FROM"
                       "  (SELECT rowid AS document, bm25(search_index) AS score FROM search_index"
                       "   WHERE search_index MATCH ? ORDER BY rowid DESC LIMIT ?)"
                       "  ORDER BY score, document DESC LIMIT ?) AS best"
                       " CROSS JOIN search_documents ON search_documents.key = best.document",
                       kJoinMatch, " ORDER BY best.score, best.document DESC")));
  ASSIGN_OR_RETURN(
      queries->list_newer_matches_,
      db.Prepare("SELECT search_documents.thread_key FROM search_index"
                 " CROSS JOIN search_documents ON search_documents.key = search_index.rowid"
                 " WHERE search_index MATCH ? AND search_index.rowid >= ?"));
  return queries;
}

absl::StatusOr<SearchAnswer> SearchQueries::Search(int64_t group_key, const SearchQuery& query,
                                                   std::optional<int64_t> needed) {
  ASSIGN_OR_RETURN(const SearchState state, source_->ReadState());
  if (!needed.has_value()) {
    ASSIGN_OR_RETURN(needed, source_->NeededSequence(group_key, state));
  }
  SearchAnswer answer;
  if (!state.Has(*needed)) {
    answer.needs = needed;
    return answer;
  }
  ASSIGN_OR_RETURN(answer.page, query.order == SearchOrder::kRank
                                    ? SearchByRank(group_key, query)
                                    : SearchNewestFirst(group_key, query));
  return answer;
}

absl::StatusOr<SearchPage> SearchQueries::SearchNewestFirst(int64_t group_key,
                                                            const SearchQuery& query) {
  const std::string expression = MakeExpression(group_key, query.terms);
  Query rows(newest_first_);
  rows.BindText(expression)
      .Bind(query.after.value_or(std::numeric_limits<int64_t>::max()))
      .Bind(kMaxDocumentsPerSearchPage + 1);
  SearchPage page;
  size_t bytes = 0;
  int looked_at = 0;
  ThreadKeys seen;
  const size_t at_once = MatchesAtOnce(query);
  std::vector<Match> matches;
  matches.reserve(at_once);
  do {
    matches.clear();
    ThreadKeys unknown;
    while (matches.size() < at_once) {
      ASSIGN_OR_RETURN(page.has_more, rows.Step());
      if (!page.has_more) break;
      ASSIGN_OR_RETURN(matches.emplace_back(), ReadMatch(rows, query));
      const Match& match = matches.back();
      if (match.is_visible && !seen.contains(match.thread_key)) unknown.insert(match.thread_key);
    }
    ASSIGN_OR_RETURN(const ThreadKeys earlier, FindEarlier(expression, unknown, query));
    seen.insert(earlier.begin(), earlier.end());
    for (const Match& match : matches) {
      const bool is_full =
          page.results.size() == query.limit || looked_at == kMaxDocumentsPerSearchPage;
      bool fits = !is_full;
      if (fits && match.is_visible && seen.insert(match.thread_key).second) {
        ASSIGN_OR_RETURN(fits, AddResult(group_key, match, bytes, page));
      }
      if (!fits) {
        page.has_more = true;
        return page;
      }
      page.last = match.document;
      ++looked_at;
    }
  } while (page.has_more);
  return page;
}

absl::StatusOr<SearchPage> SearchQueries::SearchByRank(int64_t group_key,
                                                       const SearchQuery& query) {
  const std::string expression = MakeExpression(group_key, query.terms);
  Query rows(by_rank_);
  rows.BindText(expression).Bind(kMaxWeighedDocuments).Bind(kMaxRankedDocuments);
  SearchPage page;
  size_t bytes = 0;
  ThreadKeys seen;
  // Those of the pages before are gone through again, as a thread counts where it is best.
  const int64_t begin = query.after.value_or(0);
  for (int64_t place = 0;; ++place) {
    ASSIGN_OR_RETURN(const bool found, rows.Step());
    page.has_more = found;
    if (!found || page.results.size() == query.limit) return page;
    ASSIGN_OR_RETURN(const Match match, ReadMatch(rows, query));
    const bool is_new = match.is_visible && !seen.contains(match.thread_key);
    if (is_new && place >= begin) {
      ASSIGN_OR_RETURN(const bool fits, AddResult(group_key, match, bytes, page));
      if (!fits) return page;
    }
    if (is_new) seen.insert(match.thread_key);
    page.last = place + 1;
  }
}

absl::StatusOr<SearchQueries::Match> SearchQueries::ReadMatch(const Query& row,
                                                              const SearchQuery& query) {
  Match match;
  match.document = row.Integer(0);
  match.thread_key = row.Integer(1);
  match.thread.group.group = query.group;
  ASSIGN_OR_RETURN(match.thread.thread, ReadUuid(row, 2));
  if (!row.IsNull(3)) {
    ASSIGN_OR_RETURN(match.post, ReadUuid(row, 3));
  }
  match.is_visible = row.Boolean(4);
  return match;
}

absl::StatusOr<SearchQueries::ThreadKeys> SearchQueries::FindEarlier(const std::string& expression,
                                                                     const ThreadKeys& threads,
                                                                     const SearchQuery& query) {
  ThreadKeys found;
  if (!query.after.has_value() || threads.empty()) return found;
  const std::string in_threads = absl::StrCat(
      expression, " AND thread : (",
      absl::StrJoin(threads, " OR ",
                    [](std::string* out, int64_t key) { absl::StrAppend(out, "\"t", key, "\""); }),
      ")");
  Query newer(list_newer_matches_);
  newer.BindText(in_threads).Bind(*query.after);
  while (found.size() < threads.size()) {
    ASSIGN_OR_RETURN(const bool has_match, newer.Step());
    if (!has_match) break;
    found.insert(newer.Integer(0));
  }
  return found;
}

absl::StatusOr<bool> SearchQueries::AddResult(int64_t group_key, const Match& match, size_t& bytes,
                                              SearchPage& page) {
  v1::SearchResult result;
  ASSIGN_OR_RETURN(*result.mutable_thread(), threads_.GetThread(group_key, match.thread));
  if (match.post.has_value()) result.set_post(PostName{match.thread, *match.post}.Canonical());
  bytes += result.ByteSizeLong();
  if (bytes > kMaxPageBytes && !page.results.empty()) return false;
  page.results.Add(std::move(result));
  return true;
}

}  // namespace threadstore::sqlite
