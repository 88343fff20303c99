#ifndef THREADSTORE_SERVER_BASE_SHARES_H_
#define THREADSTORE_SERVER_BASE_SHARES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "google/protobuf/stubs/logging.h"
#include "server/base/mutex.h"

namespace threadstore {

// How much of something that is bounded, such as the places of a queue, a caller may have: half of
// it, so that others find room whatever one caller does; but the first that it takes is for anyone,
// however much that is at once.
//
// Callers are told apart by number (see CallContext::caller). 0 is nobody in particular, such as
// the server itself, and may have all.
inline size_t ShareOf(uint64_t caller, size_t total) {
  return caller == 0 ? total : std::max<size_t>(1, total / 2);
}

// Who has how much of it: nobody gets more than ShareOf. How much is taken altogether is for
// whoever has it to count. For a queue whose callers take turns see FairQueue. Not thread-safe.
class Shares {
 public:
  explicit Shares(size_t total) : total_(total) {}

  // Takes `amount` for `caller`, which must be given back. False, and nothing is taken, if `caller`
  // has something already and would have more than its share.
  bool TryTake(uint64_t caller, size_t amount = 1) {
    return TryTakeOf(ShareOf(caller, total_), caller, amount);
  }

  // Likewise for what may be held for long: leaves an eighth of the share to TryTake, as
  // ByteBudget::TryTakeUnreserved does.
  bool TryTakeUnreserved(uint64_t caller, size_t amount) {
    constexpr size_t kReservedPart = 8;
    const size_t share = ShareOf(caller, total_);
    return TryTakeOf(share - share / kReservedPart, caller, amount);
  }

  // More than was taken is a fault of the program, which GOOGLE_CHECK ends.
  void GiveBack(uint64_t caller, size_t amount = 1) {
    if (caller == 0 || amount == 0) return;
    const auto taken = taken_.find(caller);
    GOOGLE_CHECK(taken != taken_.end() && taken->second >= amount) << "more than was taken";
    taken->second -= amount;
    if (taken->second == 0) taken_.erase(taken);
  }

 private:
  bool TryTakeOf(size_t share, uint64_t caller, size_t amount) {
    if (caller == 0 || amount == 0) return true;
    const auto [taken, is_first] = taken_.try_emplace(caller, amount);
    if (is_first) return true;
    if (amount > share || taken->second > share - amount) return false;
    taken->second += amount;
    return true;
  }

  const size_t total_;
  absl::flat_hash_map<uint64_t, size_t> taken_;  // Of callers who have any.
};

// Such shares of the bytes of a ByteBudget. Thread-safe.
class ByteShares {
 public:
  explicit ByteShares(size_t total) : shares_(total) {}

  ByteShares(const ByteShares&) = delete;
  ByteShares& operator=(const ByteShares&) = delete;

  bool TryTake(uint64_t caller, size_t bytes) {
    MutexLock lock(&mutex_);
    return shares_.TryTake(caller, bytes);
  }

  bool TryTakeUnreserved(uint64_t caller, size_t bytes) {
    MutexLock lock(&mutex_);
    return shares_.TryTakeUnreserved(caller, bytes);
  }

  void GiveBack(uint64_t caller, size_t bytes) {
    MutexLock lock(&mutex_);
    shares_.GiveBack(caller, bytes);
  }

 private:
  Mutex mutex_;
  Shares shares_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_SHARES_H_
