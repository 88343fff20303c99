// What becomes of a store whose files others damage: while it is closed and while it serves.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "tests/store/store_in_use.h"
#include "tests/store/write_kinds.h"
#include "tests/testing/blocking_store.h"
#include "tests/testing/error_matchers.h"
#include "tests/testing/status_matchers.h"

namespace threadstore::testing {
namespace {

// Of the database's file, and of a log's frame and what comes before it
// (https://www.sqlite.org/fileformat2.html#walformat).
constexpr int64_t kPageBytes = 4096;
constexpr int64_t kLogHeaderBytes = 32;
constexpr int64_t kFrameBytes = 24 + kPageBytes;

std::string ReadFile(const std::string& path) {
  std::stringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// The first refusal of a store that fails, or a later one.
auto HasFailed() {
  return ::testing::AnyOf(HasReason(v1::ERROR_REASON_WRITE_OUTCOME_UNKNOWN),
                          HasReason(v1::ERROR_REASON_STORE_FAILED));
}

// Changes some bytes of a file that a store may have open.
void Overwrite(const std::string& path, int64_t offset, const std::string& bytes) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(offset);
  file << bytes;
}

// --- The log of a process that was killed

// Every kind of write, one after the other, all of them in the log. `rows` are those after so many
// of them; `ends` where the log then ended.
struct KilledStore {
  std::string database;
  std::string log;
  std::vector<std::string> rows;
  std::vector<int64_t> ends;
};

KilledStore WriteAndKill() {
  KilledStore killed;
  StoreInUse used;
  used.Open();
  killed.rows.push_back(used.Rows());
  killed.ends.push_back(0);
  for (const WriteKind& kind : WriteKinds()) {
    EXPECT_THAT(used.Write(kind), IsOk()) << kind.name;
    killed.ends.push_back(static_cast<int64_t>(std::filesystem::file_size(used.log())));
    killed.rows.push_back(used.Rows());
  }
  used.Kill();
  killed.database = ReadFile(used.database());
  killed.log = ReadFile(used.log());
  return killed;
}

class LogOfAKilledStore : public ::testing::Test {
 protected:
  static const KilledStore& killed() {
    static const auto* const kKilled = new KilledStore(WriteAndKill());
    return *kKilled;
  }

  // What is whole in the first `bytes` of the log is there. The write after it may be too: between
  // its commit and the next what was deleted was purged.
  static void ExpectWritesUpTo(int64_t bytes, const std::string& log) {
    SCOPED_TRACE(
        absl::StrCat("of ", killed().log.size(), " bytes of the log ", bytes, " are good"));
    const auto next = std::ranges::upper_bound(killed().ends, bytes);
    const auto written = static_cast<size_t>(next - killed().ends.begin()) - 1;
    std::vector<std::string> any_of = {killed().rows[written]};
    if (next != killed().ends.end()) any_of.push_back(killed().rows[written + 1]);
    StoreInUse used;
    WriteFile(used.database(), killed().database);
    WriteFile(used.log(), log);
    used.ExpectRowsAfterRestart(any_of);
  }

  // The ends of all writes, and where most of the last frame, or only a byte of it, is missing.
  static std::vector<int64_t> Lengths() {
    std::vector<int64_t> lengths = {0, 1, kLogHeaderBytes};
    for (const int64_t end : killed().ends) {
      if (end == 0) continue;
      lengths.insert(lengths.end(), {end - kFrameBytes + 1, end - 1, end});
    }
    return lengths;
  }
};

TEST_F(LogOfAKilledStore, HasAllWritesBeforeTheOneThatWasCutOff) {
  for (const int64_t length : Lengths()) {
    ExpectWritesUpTo(length, killed().log.substr(0, static_cast<size_t>(length)));
    if (HasFailure()) return;
  }
}

TEST_F(LogOfAKilledStore, HasAllWritesBeforeADamagedByte) {
  for (int64_t end : killed().ends) {
    if (end == 0) continue;
    // Of the last frame, which without this byte is none.
    std::string log = killed().log;
    log[static_cast<size_t>(end - kPageBytes / 2)] ^= 1;
    ExpectWritesUpTo(end - kFrameBytes, log);
    if (HasFailure()) return;
  }
}

TEST_F(LogOfAKilledStore, HasAllWritesBeforeGarbage) {
  const std::string& log = killed().log;
  std::mt19937 random(20261128);
  std::string noise(3 * kFrameBytes, '\0');
  for (char& byte : noise) byte = static_cast<char>(random());
  const std::string first_frame = log.substr(kLogHeaderBytes, kFrameBytes);
  const std::string last_frame = log.substr(log.size() - kFrameBytes);
  for (const std::string& garbage : {noise, noise.substr(0, 100), std::string(kFrameBytes, '\0'),
                                     first_frame, last_frame, last_frame + noise}) {
    ExpectWritesUpTo(static_cast<int64_t>(log.size()), log + garbage);
  }
}

// --- Files that change under a store that serves

// Those whose rows do not depend on when what they delete is purged.
std::vector<WriteKind> KindsWithoutPurges() {
  const std::vector<WriteKind>& kinds = WriteKinds();
  return {kinds.begin(), std::ranges::find(kinds, std::string("DeleteThread"), &WriteKind::name)};
}

class FilesOfARunningStore : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(used_.Open());
    rows_ = {used_.Rows()};
    for (const WriteKind& kind : KindsWithoutPurges()) {
      ASSERT_THAT(used_.Write(kind), IsOk());
      rows_.push_back(used_.Rows());
    }
  }

  static const WriteKind& LastKind() { return WriteKinds().back(); }

  // No write is acknowledged from now on.
  void ExpectNoMoreWrites() {
    EXPECT_THAT(used_.Write(LastKind()), HasFailed());
    EXPECT_THAT(used_.Write(LastKind()), HasReason(v1::ERROR_REASON_STORE_FAILED));
    if (HasFailure()) return;
    used_.AwaitFailure();
    EXPECT_EQ(used_.failures(), 1);
  }

  StoreInUse used_;
  std::vector<std::string> rows_;  // After so many writes.
};

TEST_F(FilesOfARunningStore, GarbageBehindTheLogDoesNoHarm) {
  Overwrite(used_.log(), static_cast<int64_t>(std::filesystem::file_size(used_.log())),
            std::string(10'000, 'x'));
  EXPECT_THAT(used_.Write(LastKind()), IsOk());
  const std::string rows = used_.Rows();
  EXPECT_EQ(used_.failures(), 0);
  used_.Kill();
  used_.ExpectRowsAfterRestart({rows});
}

TEST_F(FilesOfARunningStore, DatabaseThatIsMovedHasEverythingWhenItIsBack) {
  std::filesystem::rename(used_.database(), used_.database() + ".moved");
  ExpectNoMoreWrites();
  used_.Close();
  std::filesystem::rename(used_.database() + ".moved", used_.database());
  used_.ExpectRowsAfterRestart({rows_.back()});
}

TEST_F(FilesOfARunningStore, DatabaseThatIsDeletedEndsWriting) {
  std::filesystem::remove(used_.database());
  ExpectNoMoreWrites();
}

TEST_F(FilesOfARunningStore, LogThatIsDeletedIsSavedWhenTheStoreCloses) {
  std::filesystem::remove(used_.log());
  ExpectNoMoreWrites();
  used_.Close();
  used_.ExpectRowsAfterRestart({rows_.back()});
}

TEST_F(FilesOfARunningStore, LogThatIsDeletedBeforeAKillIsLostWhole) {
  std::filesystem::remove(used_.log());
  ExpectNoMoreWrites();
  used_.Kill();
  used_.ExpectRowsAfterRestart({rows_.front()});
}

class CutLogOfARunningStore : public FilesOfARunningStore,
                              public ::testing::WithParamInterface<double> {};

// What was in the part that is gone is lost; but no write is acknowledged any more, and no other
// thing is damaged.
TEST_P(CutLogOfARunningStore, EndsWritingAndLeavesTheWritesBefore) {
  const auto size = static_cast<double>(std::filesystem::file_size(used_.log()));
  std::filesystem::resize_file(used_.log(), static_cast<uintmax_t>(size * GetParam()));
  ExpectNoMoreWrites();
  used_.Close();
  used_.ExpectRowsAfterRestart(rows_);
}

INSTANTIATE_TEST_SUITE_P(Parts, CutLogOfARunningStore,
                         ::testing::Values(0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999));

// The rows that a write leaves.
std::string RowsAfter(const WriteKind& kind) {
  StoreInUse used;
  used.Open();
  EXPECT_THAT(used.Write(kind), IsOk());
  return used.Rows();
}

// Its pages are in no write before it, so that half of it would show.
TEST(CutLog, OfOneWriteLeavesTheScene) {
  for (const WriteKind& kind : WriteKinds()) {
    SCOPED_TRACE(kind.name);
    StoreInUse used;
    ASSERT_NO_FATAL_FAILURE(used.Open());
    std::vector<std::string> any_of = {used.Rows()};
    // What is purged after a deletion is a write of its own, and may have been the last.
    if (absl::StartsWith(kind.name, "Delete")) any_of.push_back(RowsAfter(kind));
    ASSERT_THAT(used.Write(kind), IsOk());
    std::filesystem::resize_file(used.log(), std::filesystem::file_size(used.log()) - 1);
    used.Close();
    used.ExpectRowsAfterRestart(any_of);
    if (::testing::Test::HasFailure()) return;
  }
}

// All that a store answers of what is in it.
absl::StatusOr<std::vector<std::string>> ReadEverything(ThreadStore& store) {
  BlockingStore db(store);
  std::vector<std::string> lines;
  for (const std::string group : {"g", "h"}) {
    const auto threads = db.ListThreads({}, {.group = group, .limit = 100});
    if (!threads.ok()) return threads.status();
    for (const auto& thread : threads->threads) lines.push_back(thread.ShortDebugString());
  }
  auto opened = db.OpenExport({});
  if (!opened.ok()) return opened.status();
  while (true) {
    const auto chunk = BlockingStore::Next(**opened);
    if (!chunk.ok()) return chunk.status();
    for (const auto& record : chunk->records) lines.push_back(record.ShortDebugString());
    if (!chunk->has_more) return lines;
  }
}

class DamagedPage : public ::testing::TestWithParam<char> {};

// Each page of the file in turn becomes nonsense while a store serves, and good again afterwards,
// as when a cable was loose. Whatever is answered is right, and who finds the damage ends the
// writing.
TEST_P(DamagedPage, IsNeverTakenForData) {
  const std::string nonsense(kPageBytes, GetParam());
  std::vector<std::string> everything;
  std::vector<std::string> rows;
  int64_t pages = 0;
  const std::vector<WriteKind> kinds = KindsWithoutPurges();
  {
    StoreInUse used;
    pages = static_cast<int64_t>(std::filesystem::file_size(used.database())) / kPageBytes;
    ASSERT_NO_FATAL_FAILURE(used.Open());
    everything = *ReadEverything(used.store());
    rows.push_back(used.Rows());
    for (const WriteKind& kind : kinds) {
      ASSERT_THAT(used.Write(kind), IsOk());
      rows.push_back(used.Rows());
    }
  }
  int64_t found = 0;
  for (int64_t page = 0; page < pages; ++page) {
    SCOPED_TRACE(absl::StrCat("page ", page + 1, " of ", pages));
    StoreInUse used;
    ASSERT_NO_FATAL_FAILURE(used.Open());
    const int64_t offset = page * kPageBytes;
    const std::string good =
        ReadFile(used.database()).substr(static_cast<size_t>(offset), kPageBytes);
    Overwrite(used.database(), offset, nonsense);
    const auto read = ReadEverything(used.store());
    if (read.ok()) {
      EXPECT_EQ(*read, everything);
    }
    size_t written = 0;
    absl::Status status = absl::OkStatus();
    while (status.ok() && written < kinds.size()) {
      status = used.Write(kinds[written]);
      if (status.ok()) ++written;
    }
    if (!read.ok() || !status.ok()) {
      ++found;
      EXPECT_THAT(status, HasFailed());
    }
    used.Close();
    EXPECT_EQ(used.failures(), read.ok() && status.ok() ? 0 : 1);
    if (ReadFile(used.database()).substr(static_cast<size_t>(offset), kPageBytes) == nonsense) {
      Overwrite(used.database(), offset, good);
    }
    std::vector<std::string> any_of = {rows[written]};
    if (ErrorReasonOf(status) == v1::ERROR_REASON_WRITE_OUTCOME_UNKNOWN) {
      any_of.push_back(rows[written + 1]);
    }
    used.ExpectRowsAfterRestart(any_of);
    if (HasFailure()) return;
  }
  // The others had been read when the store was opened, or were written before they were read.
  EXPECT_GT(found, pages / 2);
}

INSTANTIATE_TEST_SUITE_P(Nonsense, DamagedPage, ::testing::Values('\0', '\xFF'),
                         [](const auto& info) { return info.param == 0 ? "Zeros" : "Ones"; });

}  // namespace
}  // namespace threadstore::testing
