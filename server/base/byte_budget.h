#ifndef THREADSTORE_SERVER_BASE_BYTE_BUDGET_H_
#define THREADSTORE_SERVER_BASE_BYTE_BUDGET_H_

#include <atomic>
#include <cstddef>

namespace threadstore {

// Counts the bytes of something against a limit. Thread-safe.
class ByteBudget {
 public:
  explicit ByteBudget(size_t limit) : limit_(limit) {}

  ByteBudget(const ByteBudget&) = delete;
  ByteBudget& operator=(const ByteBudget&) = delete;

  size_t limit() const { return limit_; }

  // Takes `bytes` from the budget; takes nothing and returns false if they are not left. What
  // was taken must be given back.
  bool TryTake(size_t bytes) { return TryTakeOf(limit_, bytes); }

  // Likewise for what may be held for long, such as writes while the disk is slow: leaves an eighth
  // of the limit to those who call TryTake. If nothing is taken, it may take all.
  bool TryTakeUnreserved(size_t bytes) {
    constexpr size_t kReservedPart = 8;
    if (TryTakeOf(limit_ - limit_ / kReservedPart, bytes)) return true;
    size_t nothing = 0;
    return bytes <= limit_ &&
           used_.compare_exchange_strong(nothing, bytes, std::memory_order_relaxed);
  }

  // Whether nothing is left.
  bool IsUsedUp() const { return used_.load(std::memory_order_relaxed) >= limit_; }

  // Takes `bytes` even if they are not left.
  void Take(size_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }

  void GiveBack(size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

 private:
  bool TryTakeOf(size_t limit, size_t bytes) {
    size_t used = used_.load(std::memory_order_relaxed);
    do {
      if (used > limit || bytes > limit - used) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }

  const size_t limit_;
  std::atomic<size_t> used_ = 0;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_BYTE_BUDGET_H_
