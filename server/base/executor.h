#ifndef THREADSTORE_SERVER_BASE_EXECUTOR_H_
#define THREADSTORE_SERVER_BASE_EXECUTOR_H_

#include <cstddef>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "server/base/mutex.h"

namespace threadstore {

// A fixed number of threads that run tasks in the order they came. Tasks must not throw.
// Thread-safe.
//
// The queue has no bound of its own: use it where what feeds it is bounded, as the store's
// completions are by the calls in flight.
class Executor {
 public:
  using Task = absl::AnyInvocable<void() &&>;

  // `name` is shown for each thread by tools such as top; at most 15 bytes of it.
  Executor(const std::string& name, size_t threads);

  // Runs what is queued, then ends the threads. No task may be added any more.
  ~Executor();

  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  void Add(Task task);

  // Adds several tasks under one lock. Leaves `tasks` empty.
  void AddAll(std::vector<Task>& tasks);

 private:
  void Run();

  Mutex mutex_;
  CondVar not_empty_;
  std::deque<Task> queue_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_EXECUTOR_H_
