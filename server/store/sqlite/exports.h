#ifndef THREADSTORE_SERVER_STORE_SQLITE_EXPORTS_H_
#define THREADSTORE_SERVER_STORE_SQLITE_EXPORTS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/executor.h"
#include "server/base/mutex.h"
#include "server/base/shares.h"
#include "server/store/thread_store.h"

namespace threadstore::sqlite {

class ChunkHandoff;

// The exports in progress. Each has a thread, which waits while nobody takes what it has read, and
// a connection with one snapshot, until it has read all. Thread-safe.
class Exports {
 public:
  // One caller may have half of `max_exports`. `on_error` hears what may be a fault of the file.
  // `clock` must outlive the exports.
  Exports(std::string path, int max_exports, const Clock& clock,
          std::function<void(const absl::Status&)> on_error);

  // As Close.
  ~Exports();

  // As ThreadStore::OpenExport.
  void Open(CallContext context, std::optional<std::string> group,
            ThreadStore::Callback<std::unique_ptr<RecordExport>> done);

  // Whether any snapshot may be open: the log cannot start over then.
  bool any_open() const { return open_ > 0; }

  // Refuses further exports, ends those in progress with SHUTTING_DOWN, and closes the connections.
  void Close();

 private:
  // Takes what it is given if there is a place.
  absl::Status Start(CallContext& context, std::optional<std::string>& group,
                     ThreadStore::Callback<std::unique_ptr<RecordExport>>& done);

  // Gives the place of an export back, unless that has been done.
  void Leave(const std::shared_ptr<ChunkHandoff>& handoff, uint64_t caller);

  // The whole of an export but its last chunk, which it returns. Calls `done` when it has a
  // snapshot, and ends when all has been read or nobody takes it any more.
  absl::StatusOr<RecordChunk> Run(const CallContext& context,
                                  const std::optional<std::string>& group,
                                  const std::shared_ptr<ChunkHandoff>& handoff,
                                  ThreadStore::Callback<std::unique_ptr<RecordExport>>& done);

  const std::string path_;
  const int max_exports_;
  const Clock& clock_;
  const std::function<void(const absl::Status&)> on_error_;
  std::atomic<int> open_ = 0;  // Of any kind, until they have let go of their snapshots.

  Mutex mutex_;
  // Those that have a place. Abandoned ones have none, though their threads may not know it yet.
  std::set<std::shared_ptr<ChunkHandoff>> active_ ABSL_GUARDED_BY(mutex_);
  Shares shares_ ABSL_GUARDED_BY(mutex_);  // Of those that are active.
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<Executor> threads_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_EXPORTS_H_
