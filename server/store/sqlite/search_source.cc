#include "server/store/sqlite/search_source.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "server/base/status_macros.h"
#include "server/store/sqlite/change_log.h"
#include "server/store/sqlite/columns.h"

namespace threadstore::sqlite {
namespace {

// Bound how long a snapshot is held, the memory of a batch, and the time that its write keeps
// others waiting: some milliseconds.
constexpr int64_t kMaxRows = 512;
constexpr size_t kMaxTexts = 256;
constexpr size_t kMaxBytes = size_t{1} << 20;

// How far back it is looked for the newest change of a group: some hundredths of a second.
constexpr int64_t kMaxChangesBehind = 500'000;

std::optional<int64_t> OptionalInteger(const Query& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.Integer(column);
}

}  // namespace

absl::StatusOr<std::unique_ptr<SearchSource>> SearchSource::Prepare(Database& db) {
  auto source = std::make_unique<SearchSource>();
  const std::pair<Statement*, absl::string_view> statements[] = {
      {&source->read_state_,
       "SELECT words_version, last_sequence, last_post_key, last_thread_key FROM search_state"},
      {&source->newest_sequence_, "SELECT coalesce(max(sequence), 0) FROM changes"},
      {&source->newest_of_group_,
       "SELECT sequence FROM changes WHERE sequence > ? AND group_key = ?"
       " ORDER BY sequence DESC LIMIT 1"},
      {&source->list_changes_,
       "SELECT sequence, event, group_key, thread_id, post_id FROM changes"
       " WHERE sequence > ? ORDER BY sequence LIMIT ?"},
      {&source->find_post_,
       "SELECT posts.key, threads.group_key, threads.key, posts.id, posts.created_us,"
       " threads.topic, posts.content_type, posts.content, threads.deleted = 0"
       " FROM threads JOIN posts ON posts.thread_key = threads.key"
       " WHERE threads.group_key = ? AND threads.id = ? AND posts.id = ?"},
      {&source->find_topic_,
       "SELECT key, group_key, key, id, created_us, topic, NULL, NULL,"
       " deleted = 0 AND NOT EXISTS (SELECT 1 FROM posts WHERE posts.thread_key = threads.key)"
       " FROM threads WHERE group_key = ? AND id = ?"},
      {&source->list_posts_,
       "SELECT posts.key, threads.group_key, threads.key, posts.id, posts.created_us,"
       " threads.topic, posts.content_type, posts.content, threads.deleted = 0"
       " FROM posts JOIN threads ON threads.key = posts.thread_key"
       " WHERE posts.key > ? ORDER BY posts.key LIMIT ?"},
      {&source->list_topics_,
       "SELECT key, group_key, key, id, created_us, topic, NULL, NULL,"
       " deleted = 0 AND NOT EXISTS (SELECT 1 FROM posts WHERE posts.thread_key = threads.key)"
       " FROM threads WHERE key > ? ORDER BY key LIMIT ?"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, db.Prepare(sql));
  }
  return source;
}

absl::StatusOr<SearchState> SearchSource::ReadState() {
  Query query(read_state_);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return absl::DataLossError("the state of the index of words is missing");
  return SearchState{query.Integer(0), query.Integer(1), OptionalInteger(query, 2),
                     OptionalInteger(query, 3)};
}

// What the index lacks is others' as a rule, such as an import's, and no reason to wait.
absl::StatusOr<int64_t> SearchSource::NeededSequence(int64_t group_key, const SearchState& state) {
  Query newest(newest_sequence_);
  ASSIGN_OR_RETURN([[maybe_unused]] const bool found, newest.Step());
  const int64_t begin = std::max(state.last_sequence, newest.Integer(0) - kMaxChangesBehind);
  Query of_group(newest_of_group_);
  of_group.Bind(begin).Bind(group_key);
  ASSIGN_OR_RETURN(const bool has_change, of_group.Step());
  return has_change ? of_group.Integer(0) : begin;
}

class SearchSource::Reading {
 public:
  explicit Reading(SearchSource& source) : source_(source) {}

  absl::StatusOr<SearchBatch> Read() && {
    ASSIGN_OR_RETURN(batch_.before, source_.ReadState());
    batch_.after = batch_.before;
    if (batch_.before.words_version != kWordsVersion) BeginAnew();
    RETURN_IF_ERROR(ReadChanges());
    if (batch_.after.last_post_key.has_value())
      RETURN_IF_ERROR(ReadOld(source_.list_posts_, Kind::kPost, batch_.after.last_post_key));
    if (!batch_.after.last_post_key.has_value() && batch_.after.last_thread_key.has_value())
      RETURN_IF_ERROR(ReadOld(source_.list_topics_, Kind::kTopic, batch_.after.last_thread_key));
    batch_.is_last = !IsFull();
    return std::move(batch_);
  }

 private:
  enum class Kind { kPost, kTopic };

  bool IsFull() const {
    return rows_ >= kMaxRows || batch_.texts.size() >= kMaxTexts || bytes_ >= kMaxBytes;
  }

  // Documents of other words are replaced one by one: each belongs to a post or a thread.
  void BeginAnew() {
    batch_.after.words_version = kWordsVersion;
    batch_.after.last_post_key = 0;
    batch_.after.last_thread_key = 0;
  }

  absl::Status ReadChanges() {
    Query rows(source_.list_changes_);
    rows.Bind(batch_.after.last_sequence).Bind(kMaxRows);
    while (!IsFull()) {
      ASSIGN_OR_RETURN(const bool found, rows.Step());
      if (!found) return absl::OkStatus();
      ++rows_;
      RETURN_IF_ERROR(ReadChange(rows));
      batch_.after.last_sequence = rows.Integer(0);
    }
    return absl::OkStatus();
  }

  // What has been deleted has taken its words along.
  absl::Status ReadChange(const Query& change) {
    switch (static_cast<ChangeEvent>(change.Integer(1))) {
      case ChangeEvent::kThreadCreated:
      case ChangeEvent::kPostCreated:
      case ChangeEvent::kPostUpdated:
      case ChangeEvent::kPostDeleted:
        break;
      default:
        return absl::OkStatus();
    }
    const int64_t group = change.Integer(2);
    const absl::string_view thread = change.Blob(3);
    const absl::string_view post = change.Blob(4);
    if (!post.empty()) {
      Query row(source_.find_post_);
      row.Bind(group).BindBlob(thread).BindBlob(post);
      ASSIGN_OR_RETURN(const bool found, row.Step());
      if (found) return Add(Kind::kPost, row);
    }
    Query row(source_.find_topic_);
    row.Bind(group).BindBlob(thread);
    ASSIGN_OR_RETURN(const bool found, row.Step());
    return found ? Add(Kind::kTopic, row) : absl::OkStatus();
  }

  // Of those that are in no change; none are left when it has not filled the batch.
  absl::Status ReadOld(Statement& list, Kind kind, std::optional<int64_t>& last_key) {
    Query rows(list);
    rows.Bind(*last_key).Bind(kMaxRows);
    while (!IsFull()) {
      ASSIGN_OR_RETURN(const bool found, rows.Step());
      if (!found) {
        last_key.reset();
        return absl::OkStatus();
      }
      ++rows_;
      RETURN_IF_ERROR(Add(kind, rows));
      last_key = rows.Integer(0);
    }
    return absl::OkStatus();
  }

  absl::Status Add(Kind kind, const Query& row) {
    if (!row.Boolean(8)) return absl::OkStatus();
    // Once for all of its changes, or if it is old and has changed.
    if (!seen_.insert({kind, row.Integer(0)}).second) return absl::OkStatus();
    SearchText text;
    if (kind == Kind::kPost) text.post_key = row.Integer(0);
    text.group_key = row.Integer(1);
    text.thread_key = row.Integer(2);
    ASSIGN_OR_RETURN(text.id, ReadUuid(row, 3));
    text.time_us = row.Integer(4);
    text.topic = std::string(row.Text(5));
    text.content_type = std::string(row.Text(6));
    text.content = std::string(row.Text(7));
    bytes_ += text.topic.size() + text.content.size();
    batch_.texts.push_back(std::move(text));
    return absl::OkStatus();
  }

  SearchSource& source_;
  SearchBatch batch_;
  int64_t rows_ = 0;
  size_t bytes_ = 0;
  absl::flat_hash_set<std::pair<Kind, int64_t>> seen_;  // By their keys.
};

absl::StatusOr<SearchBatch> SearchSource::ReadBatch() { return Reading(*this).Read(); }

}  // namespace threadstore::sqlite
