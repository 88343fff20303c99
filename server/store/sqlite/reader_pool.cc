#include "server/store/sqlite/reader_pool.h"

#include "server/base/errors.h"
#include "server/base/thread_name.h"

namespace threadstore::sqlite {
namespace {

// A page of a list takes about a millisecond; a full queue is gone in less than this.
constexpr absl::Duration kRetryDelay = absl::Milliseconds(100);

}  // namespace

ReaderPool::ReaderPool(std::vector<Connection> connections, size_t queue_capacity,
                       const Clock& clock)
    : queue_capacity_(queue_capacity), clock_(clock), connections_(std::move(connections)) {
  threads_.reserve(connections_.size());
  for (Connection& connection : connections_) {
    threads_.emplace_back([this, queries = connection.queries.get()] {
      SetThreadName("reader");
      Run(*queries);
    });
  }
}

ReaderPool::~ReaderPool() { Close(); }

void ReaderPool::Submit(const CallContext& context, Read read) {
  absl::Status accepted = Enqueue(context, read);
  if (accepted.ok()) {
    not_empty_.NotifyOne();
  } else {
    std::move(read)(std::move(accepted), nullptr);
  }
}

absl::Status ReaderPool::Enqueue(const CallContext& context, Read& read) {
  MutexLock lock(&mutex_);
  if (closing_) return ShuttingDownError();
  if (queue_.size() >= queue_capacity_) return QueueFullError(kRetryDelay);
  queue_.push_back({context, std::move(read)});
  return absl::OkStatus();
}

void ReaderPool::Close() {
  {
    MutexLock lock(&mutex_);
    closing_ = true;
  }
  not_empty_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  connections_.clear();
}

void ReaderPool::Run(ReadQueries& queries) {
  while (true) {
    Item item;
    {
      MutexLock lock(&mutex_);
      while (queue_.empty() && !closing_) not_empty_.Wait(&mutex_);
      if (queue_.empty()) return;
      item = std::move(queue_.front());
      queue_.pop_front();
    }
    absl::Status wanted = CheckWanted(item.context, clock_.Now());
    ReadQueries* const available = wanted.ok() ? &queries : nullptr;
    std::move(item.read)(std::move(wanted), available);
  }
}

}  // namespace threadstore::sqlite
