#ifndef THREADSTORE_SERVER_BASE_BYTE_SHARES_H_
#define THREADSTORE_SERVER_BASE_BYTE_SHARES_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "google/protobuf/stubs/logging.h"
#include "server/base/mutex.h"

namespace threadstore {

// Who holds the bytes of a budget: nobody may hold more than a share, unless it is all in one
// piece. What is held altogether is for the ByteBudget beside it to count. Thread-safe.
//
// Callers are told apart by number (see CallContext::caller). 0 is nobody in particular, and may
// hold all.
class ByteShares {
 public:
  explicit ByteShares(size_t share) : share_(share) {}

  ByteShares(const ByteShares&) = delete;
  ByteShares& operator=(const ByteShares&) = delete;

  // Takes `bytes` for `caller`, which must be given back. False, and nothing is taken, if it would
  // hold more than its share, and holds something already.
  bool TryTake(uint64_t caller, size_t bytes) {
    if (caller == 0 || bytes == 0) return true;
    MutexLock lock(&mutex_);
    const auto [held, is_first] = held_.try_emplace(caller, bytes);
    if (is_first) return true;
    if (bytes > share_ || held->second > share_ - bytes) return false;
    held->second += bytes;
    return true;
  }

  void GiveBack(uint64_t caller, size_t bytes) {
    if (caller == 0 || bytes == 0) return;
    MutexLock lock(&mutex_);
    const auto held = held_.find(caller);
    GOOGLE_CHECK(held != held_.end() && held->second >= bytes);
    held->second -= bytes;
    if (held->second == 0) held_.erase(held);
  }

 private:
  const size_t share_;
  Mutex mutex_;
  absl::flat_hash_map<uint64_t, size_t> held_ ABSL_GUARDED_BY(mutex_);  // Of those who hold any.
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_BYTE_SHARES_H_
