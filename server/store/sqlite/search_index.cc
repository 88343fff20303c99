#include "server/store/sqlite/search_index.h"

#include <algorithm>
#include <utility>

#include "server/base/status_macros.h"

namespace threadstore::sqlite {
namespace {

// The keys of a microsecond. What is imported may have only seconds, and so have many of one time:
// then some of them stand among those of the microseconds after.
constexpr int64_t kKeysPerMicrosecond = 32;
constexpr int64_t kMaxMicroseconds = int64_t{1} << 57;

// A place by chance, but the same whenever the document is indexed anew.
int64_t PlaceOf(const Uuid& id, int attempt) {
  uint64_t mixed = static_cast<uint64_t>(attempt);
  for (const char byte : id.bytes()) {
    constexpr uint64_t kPrime = 1099511628211;  // FNV-1a
    mixed = (mixed ^ static_cast<unsigned char>(byte)) * kPrime;
  }
  return static_cast<int64_t>(mixed >> 1);
}

void BindOptional(std::optional<int64_t> value, Query& query) {
  if (value.has_value()) {
    query.Bind(*value);
  } else {
    query.BindNull();
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<SearchIndex>> SearchIndex::Prepare(Database& db, const Room& room) {
  std::unique_ptr<SearchIndex> index(new SearchIndex(room));
  const std::pair<Statement*, absl::string_view> statements[] = {
      {&index->has_post_, "SELECT 1 FROM posts WHERE key = ? AND thread_key = ? AND id = ?"},
      {&index->has_topic_,
       "SELECT 1 FROM threads WHERE key = ? AND id = ?"
       " AND NOT EXISTS (SELECT 1 FROM posts WHERE posts.thread_key = threads.key)"},
      {&index->find_document_of_post_,
       "SELECT key, topic, body FROM search_documents WHERE post_key = ?"},
      {&index->find_document_of_topic_,
       "SELECT key, topic, body FROM search_documents"
       " WHERE thread_key = ? AND post_key IS NULL"},
      {&index->has_document_, "SELECT 1 FROM search_documents WHERE key = ?"},
      {&index->remove_words_, "DELETE FROM search_index WHERE rowid = ?"},
      {&index->delete_document_, "DELETE FROM search_documents WHERE key = ?"},
      {&index->insert_document_,
       "INSERT INTO search_documents (key, group_key, thread_key, post_key, topic, body)"
       " VALUES (?, ?, ?, ?, ?, ?)"},
      {&index->read_texts_, "SELECT topic, body, thread FROM search_texts WHERE key = ?"},
      {&index->insert_words_,
       "INSERT INTO search_index (rowid, topic, body, thread) VALUES (?, ?, ?, ?)"},
      {&index->save_state_,
       "UPDATE search_state SET words_version = ?, last_sequence = ?, last_post_key = ?,"
       " last_thread_key = ?"},
      {&index->last_sequence_, "SELECT last_sequence FROM search_state"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, db.Prepare(sql));
  }
  return index;
}

absl::Status SearchIndex::Add(const std::vector<SearchDocument>& documents,
                              const SearchState& after) {
  RETURN_IF_ERROR(room_.Check());
  // In the order of keys: FTS5 writes out what it has gathered whenever a key is before the last.
  Steps steps;
  for (const SearchDocument& document : documents) RETURN_IF_ERROR(Plan(document, steps));
  for (const auto& [key, step] : steps) {
    if (step.removes) RETURN_IF_ERROR(Remove(key));
    if (step.adds != nullptr) RETURN_IF_ERROR(Insert(key, *step.adds));
  }
  return SaveState(after);
}

absl::Status SearchIndex::Plan(const SearchDocument& document, Steps& steps) {
  ASSIGN_OR_RETURN(const bool is_there, IsThere(document));
  if (!is_there) return absl::OkStatus();
  const bool is_post = document.post_key.has_value();
  {
    Query present(is_post ? find_document_of_post_ : find_document_of_topic_);
    present.Bind(is_post ? *document.post_key : document.thread_key);
    ASSIGN_OR_RETURN(const bool found, present.Step());
    if (found) {
      const bool is_same =
          present.Text(1) == document.topic_words && present.Text(2) == document.body_words;
      if (!is_same) steps[present.Integer(0)] = {true, &document};
      return absl::OkStatus();
    }
  }
  ASSIGN_OR_RETURN(const int64_t key, FindFreeKey(document, steps));
  steps[key] = {false, &document};
  if (!is_post) return absl::OkStatus();
  // With the thread's first post.
  Query topic(find_document_of_topic_);
  topic.Bind(document.thread_key);
  ASSIGN_OR_RETURN(const bool has_topic, topic.Step());
  if (has_topic) steps[topic.Integer(0)].removes = true;
  return absl::OkStatus();
}

absl::StatusOr<bool> SearchIndex::IsThere(const SearchDocument& document) {
  if (!document.post_key.has_value()) {
    Query topic(has_topic_);
    topic.Bind(document.thread_key).BindBlob(document.id.bytes());
    return topic.Step();
  }
  Query post(has_post_);
  post.Bind(*document.post_key).Bind(document.thread_key).BindBlob(document.id.bytes());
  return post.Step();
}

absl::StatusOr<int64_t> SearchIndex::FindFreeKey(const SearchDocument& document,
                                                 const Steps& steps) {
  const int64_t time_us = std::clamp<int64_t>(document.time_us, 0, kMaxMicroseconds);
  const int64_t first = time_us * kKeysPerMicrosecond;
  int64_t places = kKeysPerMicrosecond;
  for (int attempt = 0;; ++attempt) {
    // As a rule the first is free.
    const int64_t key = attempt == 0 ? first : first + PlaceOf(document.id, attempt) % places;
    // After many in vain, among more.
    constexpr int kAttemptsPerSize = 8;
    constexpr int64_t kMaxPlaces = int64_t{1} << 40;
    if ((attempt + 1) % kAttemptsPerSize == 0) places = std::min(places * 2, kMaxPlaces);
    if (steps.contains(key)) continue;
    Query taken(has_document_);
    taken.Bind(key);
    ASSIGN_OR_RETURN(const bool is_taken, taken.Step());
    if (!is_taken) return key;
  }
}

absl::Status SearchIndex::Remove(int64_t key) {
  RETURN_IF_ERROR(Query(remove_words_).Bind(key).Run());
  return Query(delete_document_).Bind(key).Run();
}

absl::Status SearchIndex::Insert(int64_t key, const SearchDocument& document) {
  {
    Query insert(insert_document_);
    insert.Bind(key).Bind(document.group_key).Bind(document.thread_key);
    BindOptional(document.post_key, insert);
    RETURN_IF_ERROR(insert.BindText(document.topic_words).BindText(document.body_words).Run());
  }
  Query texts(read_texts_);
  texts.Bind(key);
  ASSIGN_OR_RETURN(const bool found, texts.Step());
  if (!found) return absl::InternalError("a document that was there is gone");
  // INSERT with SELECT would make FTS5 write out what it has gathered, for a savepoint.
  return Query(insert_words_)
      .Bind(key)
      .BindText(texts.Text(0))
      .BindText(texts.Text(1))
      .BindText(texts.Text(2))
      .Run();
}

absl::Status SearchIndex::SaveState(const SearchState& state) {
  Query save(save_state_);
  save.Bind(state.words_version).Bind(state.last_sequence);
  BindOptional(state.last_post_key, save);
  BindOptional(state.last_thread_key, save);
  return save.Run();
}

absl::StatusOr<int64_t> SearchIndex::FirstNeededSequence() {
  Query query(last_sequence_);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return absl::DataLossError("the state of the index of words is missing");
  return query.Integer(0) + 1;
}

}  // namespace threadstore::sqlite
