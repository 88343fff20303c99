#ifndef THREADSTORE_TESTS_TESTING_STORE_BLOCK_H_
#define THREADSTORE_TESTS_TESTING_STORE_BLOCK_H_

#include <future>
#include <utility>

#include "server/store/thread_store.h"

namespace threadstore::testing {

// Holds a thread of a store until released: with a call whose cancelled() waits.
class StoreBlock {
 public:
  StoreBlock(const StoreBlock&) = delete;
  StoreBlock& operator=(const StoreBlock&) = delete;

  void Release() {
    released_ = true;
    release_.set_value();
    done_.get_future().wait();
  }

 protected:
  StoreBlock() = default;
  // The store's thread has let go of it, also where a test ends early.
  ~StoreBlock() {
    if (begun_ && !released_) Release();
  }

  // What to make the call with, before AwaitBlocked.
  CallContext WaitingContext() {
    begun_ = true;
    CallContext context;
    context.cancelled = [this] {
      if (!std::exchange(reached_, true)) {
        blocked_.set_value();
        release_.get_future().wait();
      }
      return true;
    };
    return context;
  }
  auto Done() {
    return [this](const auto& /*result*/) { done_.set_value(); };
  }

  void AwaitBlocked() { blocked_.get_future().wait(); }

 private:
  bool begun_ = false;
  bool released_ = false;
  bool reached_ = false;
  std::promise<void> blocked_;
  std::promise<void> release_;
  std::promise<void> done_;
};

// Holds the writer once it comes to a write that is begun after others, also on its own thread.
class LaterWriterBlock : public StoreBlock {
 public:
  void Begin(ThreadStore& store) {
    store.DeleteGroup(WaitingContext(), "no-such-group", /*force=*/false, Done());
  }
  using StoreBlock::AwaitBlocked;
};

// Holds the writer.
class WriterBlock final : public LaterWriterBlock {
 public:
  explicit WriterBlock(ThreadStore& store) {
    Begin(store);
    AwaitBlocked();
  }
};

// Holds the reads of a store with one reader.
class ReaderBlock final : public StoreBlock {
 public:
  explicit ReaderBlock(ThreadStore& store) {
    store.GetGroup(WaitingContext(), "no-such-group", Done());
    AwaitBlocked();
  }
};

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_TESTING_STORE_BLOCK_H_
