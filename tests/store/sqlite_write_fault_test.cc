// What thread_store.h promises of every kind of write, kept wherever the disk fails.

#include <cstdint>
#include <functional>
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
constexpr int64_t kMaxPlaces = 32;

// Writes beside which what was deleted goes to the last row.
constexpr int kPurgingWrites = 20;

// So that each write brings a checkpoint, and so that none does.
constexpr int kEachTime = 1;
constexpr int kNever = 1'000'000;

// A copy of the scene that one write is done on.
class Trial : public StoreInUse {
 public:
  Trial(const WriteKind& kind, int checkpoint_frames, int64_t place)
      : kind_(kind), random_(kSeed + static_cast<uint32_t>(place)) {
    options().checkpoint_frames = checkpoint_frames;
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
    absl::Status written = Write();
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

class FaultOfAWrite : public ::testing::Test {
 protected:
  // Has the fault at each place that there is when all goes well, and looks what is left of the
  // write.
  void ForEachPlace(const WriteKind& kind, int checkpoint_frames, Fault fault,
                    const std::function<absl::Status(Trial& trial, int64_t place)>& use) {
    Trial well(kind, checkpoint_frames, /*place=*/0);
    ASSERT_NO_FATAL_FAILURE(well.Open());
    const std::string before = well.Rows();
    const int64_t first = well.disk().calls(fault);
    ASSERT_THAT(well.Use(), IsOk());
    well.Close();
    const int64_t calls = well.disk().calls(fault) - first;
    ASSERT_NO_FATAL_FAILURE(well.Open());
    const std::string after = well.Rows();
    ASSERT_NE(before, after);

    const int64_t stride = (calls + kMaxPlaces - 1) / kMaxPlaces;
    int64_t places = 0;
    for (int64_t place = 0; place < calls; place += stride, ++places) {
      SCOPED_TRACE(absl::StrCat("after ", place, " of ", calls, " calls"));
      Trial trial(kind, checkpoint_frames, place);
      ASSERT_NO_FATAL_FAILURE(trial.Open());
      const absl::Status written = use(trial, place);
      trial.Close();
      trial.disk().StopFailing();
      trial.RestorePower();
      ExpectWholeOrNotAtAll(trial, written, before, after);
      if (HasFailure()) return;
    }
    std::cout << kind.name << ": " << places << " of " << calls << " places" << std::endl;
  }

 private:
  static void ExpectWholeOrNotAtAll(Trial& trial, const absl::Status& written,
                                    const std::string& before, const std::string& after) {
    ASSERT_NO_FATAL_FAILURE(trial.Open());
    const std::string rows = trial.Rows();
    if (written.ok()) {
      ASSERT_EQ(rows, after) << "an acknowledged write is lost";
    } else if (ErrorReasonOf(written) == v1::ERROR_REASON_WRITE_OUTCOME_UNKNOWN) {
      ASSERT_TRUE(rows == before || rows == after) << "a write is there by half: " << rows;
    } else {
      ASSERT_EQ(rows, before) << "a refused write is there, or another is lost: " << written;
    }
    if (rows == before) {
      EXPECT_THAT(trial.Write(), IsOk());
      ASSERT_EQ(trial.Rows(), after);
    }
    trial.Close();
    CheckStoredFile(trial.database());
  }
};

class EachCallOfAWriteFails : public FaultOfAWrite,
                              public ::testing::WithParamInterface<std::tuple<WriteKind, Fault>> {};

// And then the power goes, too.
TEST_P(EachCallOfAWriteFails, AndTheWriteIsThereWholeOrNotAtAll) {
  const auto& [kind, fault_of_test] = GetParam();
  const Fault fault = fault_of_test;
  ForEachPlace(kind, kEachTime, fault, [fault](Trial& trial, int64_t place) {
    trial.disk().FailOnce(place, fault);
    absl::Status written = trial.Use();
    if (fault == Fault::kDiskFull) {
      EXPECT_FALSE(trial.has_failed()) << "a full disk is no failure";
    }
    if (!written.ok() && !trial.has_failed()) {
      EXPECT_THAT(written, HasReason(v1::ERROR_REASON_STORE_FULL));
      written = trial.Write();
      EXPECT_THAT(written, IsOk());
    }
    return written;
  });
}

class PowerCutDuringAWrite : public FaultOfAWrite,
                             public ::testing::WithParamInterface<WriteKind> {};

TEST_P(PowerCutDuringAWrite, LeavesTheWriteWholeOrNotAtAll) {
  ForEachPlace(GetParam(), kNever, Fault::kAnyCall, [](Trial& trial, int64_t place) {
    trial.disk().CutPower(place);
    return trial.Write();
  });
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

INSTANTIATE_TEST_SUITE_P(Disk, PowerCutDuringAWrite, ::testing::ValuesIn(WriteKinds()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace threadstore::testing
