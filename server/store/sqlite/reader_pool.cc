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
    : clock_(clock), queue_(queue_capacity), connections_(std::move(connections)) {
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
  const bool accepted = queue_.TryPush(item.context.caller, item);
  return accepted ? absl::OkStatus() : QueueFullError(kRetryDelay);
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

std::optional<ReaderPool::Item> ReaderPool::AwaitNext() {
  MutexLock lock(&mutex_);
  while (queue_.empty() && !closing_) not_empty_.Wait(&mutex_);
  if (queue_.empty()) return std::nullopt;
  return queue_.Pop();
}

void ReaderPool::Run(Connection& connection) {
  while (std::optional<Item> item = AwaitNext()) {
    absl::Status wanted = CheckWanted(item->context, clock_.Now());
    Connection* const available = wanted.ok() ? &connection : nullptr;
    std::move(item->read)(std::move(wanted), item->context, available);
  }
}

}  // namespace threadstore::sqlite
