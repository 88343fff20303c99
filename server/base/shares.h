#ifndef THREADSTORE_SERVER_BASE_SHARES_H_
#define THREADSTORE_SERVER_BASE_SHARES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"

namespace threadstore {

// Who has the places of something that is bounded, such as a queue: nobody may have more than half
// of them, so that others find room whatever one caller does. How many are taken altogether is for
// whoever has the places to count. Not thread-safe.
//
// Callers are told apart by number (see CallContext::caller). 0 is nobody in particular, such as
// the server itself, and may have all.
class Shares {
 public:
  // Of a single place, one caller may have all.
  explicit Shares(size_t places) : share_(std::max<size_t>(1, places / 2)) {}

  // Takes a place for `caller`, which must be given back. False, and nothing is taken, if it has
  // its share.
  bool TryTake(uint64_t caller) {
    if (caller == 0) return true;
    const auto [taken, is_first] = taken_.try_emplace(caller, 1);
    if (is_first) return true;
    if (taken->second >= share_) return false;
    ++taken->second;
    return true;
  }

  void GiveBack(uint64_t caller) {
    if (caller == 0) return;
    const auto taken = taken_.find(caller);
    if (--taken->second == 0) taken_.erase(taken);
  }

 private:
  const size_t share_;
  absl::flat_hash_map<uint64_t, size_t> taken_;  // Of callers who have any.
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_SHARES_H_
