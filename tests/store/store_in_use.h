#ifndef THREADSTORE_TESTS_STORE_STORE_IN_USE_H_
#define THREADSTORE_TESTS_STORE_STORE_IN_USE_H_

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/store/faulty_vfs.h"
#include "tests/store/stored_rows.h"
#include "tests/store/write_kinds.h"
#include "tests/testing/blocking_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace threadstore::testing {

// A copy of the scene in use, on a disk that can fail. An hour has passed since it was made.
class StoreInUse {
 public:
  StoreInUse() {
    options_.path = folder_.File("threads.db");
    options_.reader_threads = 1;
    // No writes but the test's.
    options_.index_delay = absl::InfiniteDuration();
    options_.on_failure = [this] {
      ++failures_;
      failures_.notify_all();
    };
    Scene::Get().CopyTo(options_.path);
    clock_.Advance(absl::Hours(1));
  }

  // Opens it, or fails the test.
  void Open() {
    auto store = OpenSqliteStore(options_, clock_);
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }

  void Close() { store_.reset(); }

  // Ends the store as kill -9 does: nothing more is written, and that is no failure.
  void Kill() {
    const int failures = failures_;
    disk_.CutPower(0);
    Close();
    disk_.Revive();
    failures_ = failures;
  }

  absl::Status Write(const WriteKind& kind) {
    BlockingStore db(*store_);
    return kind.write(db, Scene::Get(), clock_.Now());
  }

  // When everything deleted has gone.
  std::string Rows() {
    PurgeAll(*store_, options_.path);
    return StoredRows(options_.path);
  }

  // Of a closed store: it opens, has these rows, goes on to write, and leaves a sound file.
  void ExpectRowsAfterRestart(const std::vector<std::string>& any_of) {
    ASSERT_NO_FATAL_FAILURE(Open());
    ASSERT_THAT(any_of, ::testing::Contains(Rows()));
    EXPECT_THAT(BlockingStore(*store_).UpdateGroup({}, "g", {}), IsOk());
    Close();
    CheckStoredFile(options_.path);
  }

  ThreadStore& store() { return *store_; }
  FaultyVfs& disk() { return disk_; }
  SqliteOptions& options() { return options_; }
  FakeClock& clock() { return clock_; }

  // A store that fails refuses writes before it says so.
  void AwaitFailure() const { failures_.wait(0); }

  // How often the store has said that it failed.
  int failures() const { return failures_; }
  std::string database() const { return options_.path; }
  std::string log() const { return options_.path + "-wal"; }

 private:
  const TempDir folder_;
  FakeClock clock_;
  FaultyVfs disk_;
  SqliteOptions options_;
  std::atomic<int> failures_ = 0;
  std::unique_ptr<ThreadStore> store_;
};

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_STORE_STORE_IN_USE_H_
