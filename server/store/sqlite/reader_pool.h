#ifndef THREADSTORE_SERVER_STORE_SQLITE_READER_POOL_H_
#define THREADSTORE_SERVER_STORE_SQLITE_READER_POOL_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/fair_queue.h"
#include "server/base/mutex.h"
#include "server/store/sqlite/change_queries.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/list_queries.h"
#include "server/store/sqlite/post_queries.h"
#include "server/store/sqlite/read_queries.h"
#include "server/store/sqlite/search_queries.h"
#include "server/store/thread_store.h"

namespace threadstore::sqlite {

// Threads that read, each on a connection of its own that cannot write. A read sees every write
// acknowledged before it began. Callers who have reads waiting take turns, each with one read,
// however long it takes; those of one caller begin in their order. Thread-safe.
class ReaderPool {
 public:
  struct Connection {
    std::unique_ptr<Database> db;
    std::unique_ptr<ReadQueries> queries;
    std::unique_ptr<PostQueries> posts;
    std::unique_ptr<ListQueries> lists;
    std::unique_ptr<ChangeQueries> changes;
    std::unique_ptr<SearchQueries> searches;
  };

  // Ends a read: with OK and a connection to run it on, or with the reason it is not run and
  // null. `context` is the one that was submitted.
  using Read = absl::AnyInvocable<void(absl::Status, const CallContext& context, Connection*) &&>;

  // `queue_capacity` reads may wait, half of them for one caller; one more is refused with
  // QUEUE_FULL.
  ReaderPool(std::vector<Connection> connections, size_t queue_capacity, const Clock& clock);

  // As Close.
  ~ReaderPool();

  // A refused read ends before this returns, on the calling thread.
  void Submit(CallContext context, Read read);

  // Refuses further reads, runs those that wait, ends the threads and closes the connections.
  void Close();

 private:
  struct Item {
    CallContext context;
    Read read;
  };

  // Takes `item` if it is accepted.
  absl::Status Enqueue(Item& item);

  // Waits for the next read. None when the pool is closing and nothing is left.
  std::optional<Item> AwaitNext();
  void Run(Connection& connection);

  const Clock& clock_;

  Mutex mutex_;
  CondVar not_empty_;
  FairQueue<Item> queue_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Connection> connections_;  // Each is its thread's until Close.
  std::vector<std::thread> threads_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_READER_POOL_H_
