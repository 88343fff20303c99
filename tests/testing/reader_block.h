#ifndef THREADSTORE_TESTS_TESTING_READER_BLOCK_H_
#define THREADSTORE_TESTS_TESTING_READER_BLOCK_H_

#include <future>
#include <utility>

#include "server/store/thread_store.h"

namespace threadstore::testing {

// Holds the reads of a store with one reader until released: a call whose cancelled() waits.
class ReaderBlock {
 public:
  explicit ReaderBlock(ThreadStore& store) {
    CallContext context;
    context.cancelled = [this] {
      if (!std::exchange(reached_, true)) {
        blocked_.set_value();
        release_.get_future().wait();
      }
      return true;
    };
    store.GetGroup(std::move(context), "no-such-group",
                   [this](const absl::StatusOr<v1::Group>&) { done_.set_value(); });
    blocked_.get_future().wait();
  }

  void Release() {
    release_.set_value();
    done_.get_future().wait();
  }

 private:
  bool reached_ = false;
  std::promise<void> blocked_;
  std::promise<void> release_;
  std::promise<void> done_;
};

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_TESTING_READER_BLOCK_H_
