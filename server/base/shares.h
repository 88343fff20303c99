#ifndef THREADSTORE_SERVER_BASE_SHARES_H_
#define THREADSTORE_SERVER_BASE_SHARES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "google/protobuf/stubs/logging.h"

namespace threadstore {

// How many places of something that is bounded, such as a queue, a caller may have: half of them,
// so that others find room whatever one caller does; but a single place is for anyone.
//
// Callers are told apart by number (see CallContext::caller). 0 is nobody in particular, such as
// the server itself, and may have all.
inline size_t ShareOf(uint64_t caller, size_t places) {
  return caller == 0 ? places : std::max<size_t>(1, places / 2);
}

// Who has such places: nobody gets more than ShareOf. How many are taken altogether is for whoever
// has the places to count. For a queue whose callers take turns see FairQueue. Not thread-safe.
class Shares {
 public:
  explicit Shares(size_t places) : places_(places) {}

  // Takes a place for `caller`, which must be given back. False, and nothing is taken, if it has
  // its share.
  bool TryTake(uint64_t caller) {
    if (caller == 0) return true;
    const auto [taken, is_first] = taken_.try_emplace(caller, 1);
    if (is_first) return true;
    if (taken->second >= ShareOf(caller, places_)) return false;
    ++taken->second;
    return true;
  }

  // More than was taken is a fault of the program, which GOOGLE_CHECK ends.
  void GiveBack(uint64_t caller) {
    if (caller == 0) return;
    const auto taken = taken_.find(caller);
    GOOGLE_CHECK(taken != taken_.end()) << "a place is given back twice";
    if (--taken->second == 0) taken_.erase(taken);
  }

 private:
  const size_t places_;
  absl::flat_hash_map<uint64_t, size_t> taken_;  // Of callers who have any.
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_SHARES_H_
