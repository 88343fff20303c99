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
    : queue_capacity_(queue_capacity),
      clock_(clock),
      shares_(queue_capacity),
      connections_(std::move(connections)) {
  threads_.reserve(connections_.size());
  for (Connection& connection : connections_) {
    threads_.emplace_back([this, &connection] {
      SetThreadName("reader");
      Run(connection);
    });
  }
}

ReaderPool::~ReaderPool() { Close(); }

void ReaderPool::Submit(CallContext context, Read read) {
  Item item{std::move(context), std::move(read)};
  absl::Status accepted = Enqueue(item);
  if (accepted.ok()) {
    not_empty_.NotifyOne();
  } else {
    std::move(item.read)(std::move(accepted), item.context, nullptr);
  }
}

absl::Status ReaderPool::Enqueue(Item& item) {
  MutexLock lock(&mutex_);
  if (closing_) return ShuttingDownError();
  if (queue_.size() >= queue_capacity_ || !shares_.TryTake(item.context.caller)) {
    return QueueFullError(kRetryDelay);
  }
  queue_.push_back(std::move(item));
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

void ReaderPool::Run(Connection& connection) {
  while (true) {
    Item item;
    {
      MutexLock lock(&mutex_);
      while (queue_.empty() && !closing_) not_empty_.Wait(&mutex_);
      if (queue_.empty()) return;
      item = std::move(queue_.front());
      queue_.pop_front();
      shares_.GiveBack(item.context.caller);
    }
    absl::Status wanted = CheckWanted(item.context, clock_.Now());
    Connection* const available = wanted.ok() ? &connection : nullptr;
    std::move(item.read)(std::move(wanted), item.context, available);
  }
}

}  // namespace threadstore::sqlite
