// What thread_store.h promises of every kind of write, kept wherever the disk fails.

#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "tests/store/faulty_vfs.h"
#include "tests/store/store_in_use.h"
#include "tests/store/stored_rows.h"
#include "tests/store/write_kinds.h"
#include "tests/testing/blocking_store.h"
#include "tests/testing/error_matchers.h"
#include "tests/testing/status_matchers.h"

namespace threadstore::testing {
namespace {

using Fault = FaultyVfs::Fault;

// Any number will do; one that finds a fault is worth keeping as a test.
constexpr uint32_t kSeed = 20261128;

// Of a write with more calls than this only every second, third and so on is failed, so that the
// tests do not take long.
constexpr int64_t kMaxPlaces = 40;

// Writes beside which what was deleted goes to the last row.
constexpr int kPurgingWrites = 20;

// A copy of the scene that one write is done on, with a checkpoint after it.
class Trial : public StoreInUse {
 public:
  Trial(const WriteKind& kind, uint32_t seed) : kind_(kind), random_(seed) {
    options().checkpoint_frames = 1;
  }

  void Close() {
    StoreInUse::Close();
    EXPECT_LE(failures(), 1);
    if (has_failed_) {
      EXPECT_EQ(failures(), 1) << "whoever runs the store is to know";
    }
  }

  // Whether it takes no writes any more.
  bool has_failed() const { return has_failed_; }

  absl::Status Write() { return StoreInUse::Write(kind_); }

  // Is refused, and has the writer remove some of what was deleted.
  void WriteNothing() { BlockingStore(store()).DeleteGroup({}, "no-such-group").IgnoreError(); }

  // Changes nothing, but writes.
  absl::Status WriteTheSameAgain() {
    MemberName name;
    name.list.group.group = "g";
    name.user = "ann";
    MemberChanges changes;
    changes.display_name = "Name of ann";
    return BlockingStore(store()).UpdateMember({}, name, changes).status();
  }

  // The kind's write, what it leaves to purge, and a write after it. Returns what the write came
  // to.
  absl::Status Use() {
    const absl::Status written = Write();
    for (int i = 0; i < kPurgingWrites; ++i) WriteNothing();
    const absl::Status after = WriteTheSameAgain();
    WriteNothing();  // Comes after the checkpoint.
    if (!disk().has_failed()) return written;
    EXPECT_THAT(BlockingStore(store()).GetGroup({}, "g"), IsOk()) << "reads go on";
    const absl::Status health = WriteTheSameAgain();
    if (health.ok()) {
      EXPECT_TRUE(written.ok() || after.ok()) << "one call failed, and two writes";
    } else {
      EXPECT_THAT(health, HasReason(v1::ERROR_REASON_STORE_FAILED));
      has_failed_ = true;
    }
    return written;
  }

  void RestorePower() { disk().RestorePower(random_); }

 private:
  const WriteKind& kind_;
  bool has_failed_ = false;
  std::mt19937 random_;
};

class EachCallOfAWriteFails : public ::testing::TestWithParam<std::tuple<WriteKind, Fault>> {
 protected:
  static const WriteKind& kind() { return std::get<WriteKind>(GetParam()); }
  static Fault fault() { return std::get<Fault>(GetParam()); }

  // Learns what there is before and after the write, and how many calls can fail.
  void DoItWell() {
    Trial trial(kind(), kSeed);
    ASSERT_NO_FATAL_FAILURE(trial.Open());
    before_ = trial.Rows();
    const int64_t calls_before = trial.disk().calls(fault());
    ASSERT_THAT(trial.Use(), IsOk());
    after_ = trial.Rows();
    trial.Close();
    calls_ = trial.disk().calls(fault()) - calls_before;
    ASSERT_NE(before_, after_);
    CheckStoredFile(trial.database());
  }

  void FailAt(int64_t place) {
    SCOPED_TRACE(absl::StrCat("the call after ", place, " others fails"));
    Trial trial(kind(), kSeed + static_cast<uint32_t>(place));
    ASSERT_NO_FATAL_FAILURE(trial.Open());
    trial.disk().FailOnce(place, fault());
    absl::Status written = trial.Use();
    if (fault() == Fault::kDiskFull) {
      EXPECT_FALSE(trial.has_failed()) << "a full disk is no failure";
    }
    if (!written.ok() && !trial.has_failed()) {
      EXPECT_THAT(written, HasReason(v1::ERROR_REASON_STORE_FULL));
      written = trial.Write();
      EXPECT_THAT(written, IsOk());
    }
    trial.Close();
    trial.disk().StopFailing();
    trial.RestorePower();

    ASSERT_NO_FATAL_FAILURE(trial.Open());
    const std::string rows = trial.Rows();
    if (written.ok()) {
      ASSERT_EQ(rows, after_) << "an acknowledged write is lost";
    } else if (ErrorReasonOf(written) == v1::ERROR_REASON_WRITE_OUTCOME_UNKNOWN) {
      ASSERT_TRUE(rows == before_ || rows == after_) << "a write is there by half: " << rows;
    } else {
      ASSERT_EQ(rows, before_) << "a refused write is there, or another is lost: " << written;
    }
    if (rows == before_) {
      EXPECT_THAT(trial.Write(), IsOk());
      ASSERT_EQ(trial.Rows(), after_);
    }
    trial.Close();
    CheckStoredFile(trial.database());
  }

  std::string before_;
  std::string after_;
  int64_t calls_ = 0;
};

TEST_P(EachCallOfAWriteFails, AndTheWriteIsThereWholeOrNotAtAll) {
  ASSERT_NO_FATAL_FAILURE(DoItWell());
  const int64_t stride = (calls_ + kMaxPlaces - 1) / kMaxPlaces;
  int64_t places = 0;
  for (int64_t place = 0; place < calls_; place += stride, ++places) {
    FailAt(place);
    if (HasFailure()) return;
  }
  std::cout << kind().name << ": " << places << " of " << calls_ << " calls failed" << std::endl;
}

std::string NameOf(Fault fault) {
  switch (fault) {
    case Fault::kAnyCall:
      return "IoError";
    case Fault::kSync:
      return "FailedSync";
    case Fault::kDiskFull:
      return "DiskFull";
    case Fault::kTornWrite:
      return "TornWrite";
  }
  return "";
}

INSTANTIATE_TEST_SUITE_P(Disk, EachCallOfAWriteFails,
                         ::testing::Combine(::testing::ValuesIn(WriteKinds()),
                                            ::testing::Values(Fault::kAnyCall, Fault::kDiskFull,
                                                              Fault::kTornWrite)),
                         [](const auto& info) {
                           return absl::StrCat(std::get<WriteKind>(info.param).name, "_",
                                               NameOf(std::get<Fault>(info.param)));
                         });

}  // namespace
}  // namespace threadstore::testing
