#ifndef THREADSTORE_SERVER_STORE_SQLITE_SEARCH_INDEXER_H_
#define THREADSTORE_SERVER_STORE_SQLITE_SEARCH_INDEXER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/base/shares.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/search_index.h"
#include "server/store/sqlite/search_source.h"
#include "server/store/sqlite/writer.h"
#include "server/store/thread_store.h"

namespace threadstore::sqlite {

// Keeps the index of words up to date: reads what has changed on a connection of its own, finds the
// words on its own thread, and hands the documents to the writer, which only stores them. It does
// so some time after a change, in batches, or at once while a search waits for it.
//
// Thread-safe.
class SearchIndexer {
 public:
  struct Options {
    // Searches that may wait, half of them for one caller; one more is refused with QUEUE_FULL.
    size_t queue_capacity = 0;

    // How long a search waits for the index at most.
    absl::Duration max_wait;

    // How long a change may wait for others to be indexed with, if no search asks for it.
    absl::Duration delay;
  };

  // Ends the wait of a search: with OK when the index has what it needs.
  using Resume = absl::AnyInvocable<void(absl::Status) &&>;

  // `db` cannot write. The clock must outlive the indexer.
  SearchIndexer(std::unique_ptr<Database> db, std::unique_ptr<SearchSource> source, Options options,
                const Clock& clock);

  // As Close.
  ~SearchIndexer();

  // Begins. The writer must outlive the indexer.
  void Start(Writer& writer);

  // To be called after commits. Returns at once.
  void NoteCommit();

  // Calls `resume` when the index has all up to a change; or with UNAVAILABLE / SEARCH_INDEX_BEHIND
  // if that takes too long, and with CANCELLED or DEADLINE_EXCEEDED if the caller no longer waits.
  // On the indexer's thread, which it must not block, or on the calling one if the search is
  // refused.
  void Await(CallContext context, int64_t sequence, Resume resume);

  // Ends the searches that wait, the thread and the connection. Before the writer is closed.
  void Close();

 private:
  struct Waiting {
    CallContext context;
    int64_t sequence;
    absl::Time give_up;
    Resume resume;
  };

  absl::Status Enqueue(Waiting& waiting);

  void Run();

  // Waits until there is something to index. False when the indexer closes.
  bool AwaitWork();

  // Indexes a batch. Returns how far the index is.
  absl::StatusOr<SearchState> IndexBatch();
  absl::StatusOr<SearchBatch> ReadBatch();
  absl::Status Write(std::vector<SearchDocument> documents, const SearchState& after);

  // Ends the waits of searches that have what they need, or have waited for too long.
  void ResumeSearches(const absl::StatusOr<SearchState>& state);
  void Log(const absl::Status& status);

  absl::Time NextEvent(absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  std::unique_ptr<Database> db_;
  std::unique_ptr<SearchSource> source_;
  const Options options_;
  const Clock& clock_;
  Writer* writer_ = nullptr;
  bool has_more_ = false;                       // The thread's only.
  absl::Time retry_at_ = absl::InfinitePast();  // Likewise.
  absl::Time last_log_ = absl::InfinitePast();  // Likewise.

  Mutex mutex_;
  CondVar changed_or_closing_;
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  Shares shares_ ABSL_GUARDED_BY(mutex_);  // Of those who wait.
  absl::Time changed_at_ ABSL_GUARDED_BY(mutex_) =
      absl::InfiniteFuture();  // What is not looked at.
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_SEARCH_INDEXER_H_
