#ifndef THREADSTORE_SERVER_HTTP_MEMORY_CHARGE_H_
#define THREADSTORE_SERVER_HTTP_MEMORY_CHARGE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "server/base/byte_budget.h"
#include "server/base/network.h"
#include "server/base/shares.h"

namespace threadstore {

// The bytes of a body, taken from the memory of requests and from the share of the network that it
// comes from, since it is not known yet who calls. Given back in the end. Not thread-safe; `memory`
// and `shares` outlive it.
class BodyCharge {
 public:
  BodyCharge(ByteBudget& memory, ByteShares& shares, absl::string_view address)
      : memory_(memory),
        shares_(shares),
        network_(std::max<uint64_t>(1, absl::HashOf(NetworkOf(address)))) {}
  ~BodyCharge() {
    memory_.GiveBack(bytes_);
    shares_.GiveBack(network_, bytes_);
  }
  BodyCharge(const BodyCharge&) = delete;
  BodyCharge& operator=(const BodyCharge&) = delete;

  // Takes what is missing to `bytes`. Returns false if it is not left, but for what is reserved for
  // those who send none, or if it is more than the share.
  bool TryGrowTo(size_t bytes) {
    if (bytes <= bytes_) return true;
    const size_t more = bytes - bytes_;
    if (!shares_.TryTake(network_, more)) return false;
    if (!memory_.TryTakeUnreserved(more)) {
      shares_.GiveBack(network_, more);
      return false;
    }
    bytes_ = bytes;
    return true;
  }

 private:
  ByteBudget& memory_;
  ByteShares& shares_;
  const uint64_t network_;
  size_t bytes_ = 0;
};

// The bytes of an answer, taken from the memory of answers even if they are not left. Given back in
// the end. `memory` outlives it.
class AnswerCharge {
 public:
  AnswerCharge(ByteBudget& memory, size_t bytes) : memory_(memory), bytes_(bytes) {
    memory_.Take(bytes);
  }
  ~AnswerCharge() { memory_.GiveBack(bytes_); }
  AnswerCharge(const AnswerCharge&) = delete;
  AnswerCharge& operator=(const AnswerCharge&) = delete;

 private:
  ByteBudget& memory_;
  const size_t bytes_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_MEMORY_CHARGE_H_
