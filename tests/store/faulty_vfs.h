#ifndef THREADSTORE_TESTS_STORE_FAULTY_VFS_H_
#define THREADSTORE_TESTS_STORE_FAULTY_VFS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

struct sqlite3_file;
struct sqlite3_vfs;

namespace threadstore::testing {

// SQLite's default file layer (https://www.sqlite.org/vfs.html) while it lives, one at a time. It
// passes every call on to the real one, unless it is told to fail some of them, and remembers
// what has not been synced yet, so that a test can cut the power; the real files are never synced,
// since only that memory counts. Calls that only close, unlock or unmap are never failed: the real
// ones cannot report anything either.
//
// Thread-safe.
class FaultyVfs {
 public:
  enum class Fault {
    kAnyCall,    // Any call fails, with SQLITE_IOERR_* or SQLITE_CANTOPEN, and does nothing.
    kSync,       // The same for syncs; other calls do not count. As on Linux, what was to be synced
                 // can be read until the power goes, and is never written.
    kDiskFull,   // A write fails with SQLITE_FULL after half of it; other calls do not count.
    kTornWrite,  // The same with SQLITE_IOERR_WRITE.
  };

  FaultyVfs();
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  // Calls so far that the fault could have struck.
  int64_t calls(Fault fault = Fault::kAnyCall) const;

  // Fails one call: the one after `skipped` others, unless StopFailing comes first.
  void FailOnce(int64_t skipped, Fault fault);
  void StopFailing();

  // Whether FailOnce's call has come.
  bool has_failed() const;

  // Fails every call that makes a file larger, for want of space, until told otherwise.
  void SetDiskFull(bool full);

  // Fails every call after `skipped` others: the power is gone, or the process.
  void CutPower(int64_t skipped);

  // Only the process was gone: its files hold what it wrote.
  void Revive();

  // The power is back. Each file holds what was synced and, of what was written since, what
  // `random` chooses: a disk may have kept any of it, or part of a write. No file may be open.
  void RestorePower(std::mt19937& random);

 private:
  struct Methods;
  struct File;

  struct Change {
    int64_t offset;
    std::string bytes;
    bool truncates;  // Cuts the file at `offset`.
  };
  struct Disk {
    std::string synced;
    std::vector<Change> changes;  // Since then.
  };

  // What to do with a call.
  enum class Call { kWrite, kSync, kOther };
  enum class Verdict { kPassOn, kFail, kFailFull, kFailTorn };  // The last two after half of it.
  static bool Strikes(Fault fault, Call call);
  Verdict Judge(Call call);

  bool is_disk_full() const;

  // What was written to the file since it was last synced will never be.
  void ForgetChanges(const File& file);

  // Takes what a file holds when it is first opened for synced.
  void Know(const std::string& path);

  mutable std::mutex mutex_;
  int64_t calls_ = 0;
  int64_t syncs_ = 0;   // Of these.
  int64_t writes_ = 0;  // Likewise.
  std::optional<int64_t> calls_until_failure_;
  Fault fault_ = Fault::kAnyCall;
  bool has_failed_ = false;
  bool disk_full_ = false;
  std::optional<int64_t> power_cut_at_;
  std::map<std::string, Disk> disks_;  // By path.
  sqlite3_vfs* const real_;
  const std::unique_ptr<sqlite3_vfs> vfs_;
};

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_STORE_FAULTY_VFS_H_
