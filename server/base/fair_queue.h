#ifndef THREADSTORE_SERVER_BASE_FAIR_QUEUE_H_
#define THREADSTORE_SERVER_BASE_FAIR_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "server/base/shares.h"

namespace threadstore {

// A bounded queue whose callers, told apart as in server/base/shares.h, take turns: each gives the
// first of its items and goes to the end of the line, where one who comes anew stands, too. 0
// stands in line as everyone does. Push and pop take the same time however much waits. Not
// thread-safe.
template <typename Item>
class FairQueue {
 public:
  // Each caller may have its share of `capacity` items.
  explicit FairQueue(size_t capacity) : capacity_(capacity) {}

  bool empty() const { return turns_.empty(); }

  // False, and `item` is as it was, if the queue is full or `caller` has its share of it.
  bool TryPush(uint64_t caller, Item& item) {
    if (size_ >= capacity_) return false;
    const auto [place, is_first] = callers_.try_emplace(caller);
    if (is_first) {
      place->second = turns_.insert(turns_.end(), Turn{caller, {}});
    } else if (place->second->items.size() >= ShareOf(caller, capacity_)) {
      return false;
    }
    place->second->items.push_back(std::move(item));
    ++size_;
    return true;
  }

  // The queue must not be empty.
  Item Pop() {
    Turn& turn = turns_.front();
    Item item = std::move(turn.items.front());
    turn.items.pop_front();
    --size_;
    if (turn.items.empty()) {
      callers_.erase(turn.caller);
      turns_.pop_front();
    } else {
      turns_.splice(turns_.end(), turns_, turns_.begin());
    }
    return item;
  }

 private:
  // A caller who has items here. They are a list because most callers have one: a deque allocates
  // half a kilobyte for it.
  struct Turn {
    uint64_t caller;
    std::list<Item> items;
  };

  const size_t capacity_;
  size_t size_ = 0;
  std::list<Turn> turns_;  // In the order of the line.
  absl::flat_hash_map<uint64_t, typename std::list<Turn>::iterator> callers_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_FAIR_QUEUE_H_
