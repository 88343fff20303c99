#include "tests/store/faulty_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace threadstore::testing {
namespace {

constexpr char kName[] = "faulty";

}  // namespace

// What SQLite takes for its file; the real one's lies behind it in the same memory.
struct FaultyVfs::File {
  sqlite3_file base;
  FaultyVfs* vfs;
  std::string* path;  // Null for temporary files.
  sqlite3_file* real;
};

struct FaultyVfs::Methods {
  static File& Of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
  static FaultyVfs& Of(sqlite3_vfs* vfs) { return *static_cast<FaultyVfs*>(vfs->pAppData); }

  // Passes a call on unless it is to fail.
  template <typename Work>
  static int Try(FaultyVfs& vfs, int error, Work work, Call call = Call::kOther) {
    return vfs.Judge(call) == Verdict::kPassOn ? work() : error;
  }

  static int Close(sqlite3_file* base) {
    File& file = Of(base);
    const int code = file.real->pMethods->xClose(file.real);
    delete file.path;
    return code;
  }

  static int Read(sqlite3_file* base, void* data, int size, sqlite3_int64 offset) {
    sqlite3_file* const real = Of(base).real;
    return Try(*Of(base).vfs, SQLITE_IOERR_READ,
               [&] { return real->pMethods->xRead(real, data, size, offset); });
  }

  static int Write(sqlite3_file* base, const void* data, int size, sqlite3_int64 offset) {
    File& file = Of(base);
    FaultyVfs& vfs = *file.vfs;
    Verdict verdict = vfs.Judge(Call::kWrite);
    if (verdict == Verdict::kFail) return SQLITE_IOERR_WRITE;
    sqlite3_int64 file_size = 0;
    file.real->pMethods->xFileSize(file.real, &file_size);
    if (vfs.is_disk_full() && offset + size > file_size) verdict = Verdict::kFailFull;
    const int written = verdict == Verdict::kPassOn ? size : size / 2;
    const int code = file.real->pMethods->xWrite(file.real, data, written, offset);
    if (file.path != nullptr && code == SQLITE_OK) {
      const std::lock_guard lock(vfs.mutex_);
      vfs.disks_[*file.path].changes.push_back(
          {offset, std::string(static_cast<const char*>(data), written), /*truncates=*/false});
    }
    if (verdict == Verdict::kPassOn) return code;
    return verdict == Verdict::kFailFull ? SQLITE_FULL : SQLITE_IOERR_WRITE;
  }

  static int Truncate(sqlite3_file* base, sqlite3_int64 size) {
    File& file = Of(base);
    return Try(*file.vfs, SQLITE_IOERR_TRUNCATE, [&] {
      if (file.path != nullptr) {
        const std::lock_guard lock(file.vfs->mutex_);
        file.vfs->disks_[*file.path].changes.push_back({size, "", /*truncates=*/true});
      }
      return file.real->pMethods->xTruncate(file.real, size);
    });
  }

  static int Sync(sqlite3_file* base, int /*flags*/) {
    File& file = Of(base);
    const auto sync = [&file] {
      if (file.path != nullptr) {
        const std::lock_guard lock(file.vfs->mutex_);
        Disk& disk = file.vfs->disks_[*file.path];
        for (const Change& change : std::exchange(disk.changes, {})) Apply(change, disk.synced);
      }
      return SQLITE_OK;
    };
    const int code = Try(*file.vfs, SQLITE_IOERR_FSYNC, sync, Call::kSync);
    if (code != SQLITE_OK) file.vfs->ForgetChanges(file);
    return code;
  }

  static int FileSize(sqlite3_file* base, sqlite3_int64* size) {
    sqlite3_file* const real = Of(base).real;
    return Try(*Of(base).vfs, SQLITE_IOERR_FSTAT,
               [&] { return real->pMethods->xFileSize(real, size); });
  }

  static int Lock(sqlite3_file* base, int level) {
    sqlite3_file* const real = Of(base).real;
    return Try(*Of(base).vfs, SQLITE_IOERR_LOCK,
               [&] { return real->pMethods->xLock(real, level); });
  }

  static int Unlock(sqlite3_file* base, int level) {
    sqlite3_file* const real = Of(base).real;
    return real->pMethods->xUnlock(real, level);
  }

  static int CheckReservedLock(sqlite3_file* base, int* reserved) {
    sqlite3_file* const real = Of(base).real;
    return Try(*Of(base).vfs, SQLITE_IOERR_CHECKRESERVEDLOCK,
               [&] { return real->pMethods->xCheckReservedLock(real, reserved); });
  }

  static int FileControl(sqlite3_file* base, int operation, void* argument) {
    sqlite3_file* const real = Of(base).real;
    return real->pMethods->xFileControl(real, operation, argument);
  }

  static int SectorSize(sqlite3_file* base) {
    sqlite3_file* const real = Of(base).real;
    return real->pMethods->xSectorSize(real);
  }

  static int DeviceCharacteristics(sqlite3_file* base) {
    sqlite3_file* const real = Of(base).real;
    return real->pMethods->xDeviceCharacteristics(real);
  }

  static int ShmMap(sqlite3_file* base, int page, int page_size, int extend,
                    void volatile** memory) {
    sqlite3_file* const real = Of(base).real;
    FaultyVfs& vfs = *Of(base).vfs;
    return Try(vfs, SQLITE_IOERR_SHMMAP, [&] {
      if (!vfs.is_disk_full()) {
        return real->pMethods->xShmMap(real, page, page_size, extend, memory);
      }
      constexpr int kOnlyIfThere = 0;
      const int code = real->pMethods->xShmMap(real, page, page_size, kOnlyIfThere, memory);
      return code == SQLITE_OK && *memory == nullptr && extend != 0 ? SQLITE_IOERR_SHMSIZE : code;
    });
  }

  static int ShmLock(sqlite3_file* base, int offset, int count, int flags) {
    sqlite3_file* const real = Of(base).real;
    const auto call = [&] { return real->pMethods->xShmLock(real, offset, count, flags); };
    return (flags & SQLITE_SHM_UNLOCK) != 0 ? call()
                                            : Try(*Of(base).vfs, SQLITE_IOERR_SHMLOCK, call);
  }

  static void ShmBarrier(sqlite3_file* base) {
    sqlite3_file* const real = Of(base).real;
    real->pMethods->xShmBarrier(real);
  }

  static int ShmUnmap(sqlite3_file* base, int delete_it) {
    sqlite3_file* const real = Of(base).real;
    return real->pMethods->xShmUnmap(real, delete_it);
  }

  static int Open(sqlite3_vfs* base, const char* path, sqlite3_file* file_base, int flags,
                  int* flags_out) {
    FaultyVfs& vfs = Of(base);
    File& file = Of(file_base);
    file.base.pMethods = nullptr;
    return Try(vfs, SQLITE_CANTOPEN, [&] {
      file.real = reinterpret_cast<sqlite3_file*>(&file + 1);
      const int code = vfs.real_->xOpen(vfs.real_, path, file.real, flags, flags_out);
      if (code != SQLITE_OK) return code;
      file.vfs = &vfs;
      file.path = path == nullptr ? nullptr : new std::string(path);
      file.base.pMethods = &kFileMethods;
      if (file.path != nullptr) vfs.Know(*file.path);
      return SQLITE_OK;
    });
  }

  static int Delete(sqlite3_vfs* base, const char* path, int sync_folder) {
    FaultyVfs& vfs = Of(base);
    return Try(vfs, SQLITE_IOERR_DELETE, [&] {
      const int code = vfs.real_->xDelete(vfs.real_, path, sync_folder);
      const std::lock_guard lock(vfs.mutex_);
      vfs.disks_.erase(path);
      return code;
    });
  }

  static int Access(sqlite3_vfs* base, const char* path, int flags, int* result) {
    FaultyVfs& vfs = Of(base);
    return Try(vfs, SQLITE_IOERR_ACCESS,
               [&] { return vfs.real_->xAccess(vfs.real_, path, flags, result); });
  }

  static void Apply(const Change& change, std::string& content) {
    const auto offset = static_cast<size_t>(change.offset);
    if (change.truncates) return content.resize(offset);
    content.resize(std::max(content.size(), offset + change.bytes.size()));
    content.replace(offset, change.bytes.size(), change.bytes);
  }

  static const sqlite3_io_methods kFileMethods;
};

const sqlite3_io_methods FaultyVfs::Methods::kFileMethods = {
    .iVersion = 2,  // Without memory-mapped files, which the store does not use.
    .xClose = Close,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = FileSize,
    .xLock = Lock,
    .xUnlock = Unlock,
    .xCheckReservedLock = CheckReservedLock,
    .xFileControl = FileControl,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = DeviceCharacteristics,
    .xShmMap = ShmMap,
    .xShmLock = ShmLock,
    .xShmBarrier = ShmBarrier,
    .xShmUnmap = ShmUnmap,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

FaultyVfs::FaultyVfs()
    : real_(sqlite3_vfs_find(nullptr)), vfs_(std::make_unique<sqlite3_vfs>(*real_)) {
  vfs_->zName = kName;
  vfs_->pAppData = this;
  vfs_->szOsFile += static_cast<int>(sizeof(File));
  vfs_->xOpen = Methods::Open;
  vfs_->xDelete = Methods::Delete;
  vfs_->xAccess = Methods::Access;
  constexpr int kMakeDefault = 1;
  sqlite3_vfs_register(vfs_.get(), kMakeDefault);
}

FaultyVfs::~FaultyVfs() { sqlite3_vfs_unregister(vfs_.get()); }

bool FaultyVfs::Strikes(Fault fault, Call call) {
  switch (fault) {
    case Fault::kAnyCall:
      return true;
    case Fault::kSync:
      return call == Call::kSync;
    case Fault::kDiskFull:
    case Fault::kTornWrite:
      return call == Call::kWrite;
  }
  return false;
}

FaultyVfs::Verdict FaultyVfs::Judge(Call call) {
  const std::lock_guard lock(mutex_);
  const int64_t number = calls_++;
  if (call == Call::kSync) ++syncs_;
  if (call == Call::kWrite) ++writes_;
  if (power_cut_at_.has_value() && number >= *power_cut_at_) return Verdict::kFail;
  if (!Strikes(fault_, call) || !calls_until_failure_.has_value() ||
      (*calls_until_failure_)-- > 0) {
    return Verdict::kPassOn;
  }
  calls_until_failure_.reset();
  has_failed_ = true;
  if (fault_ == Fault::kDiskFull) return Verdict::kFailFull;
  return fault_ == Fault::kTornWrite ? Verdict::kFailTorn : Verdict::kFail;
}

void FaultyVfs::Know(const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = disks_.try_emplace(path);
  if (!is_new) return;
  std::stringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  entry->second.synced = content.str();
}

int64_t FaultyVfs::calls(Fault fault) const {
  const std::lock_guard lock(mutex_);
  if (fault == Fault::kSync) return syncs_;
  return fault == Fault::kAnyCall ? calls_ : writes_;
}

void FaultyVfs::FailOnce(int64_t skipped, Fault fault) {
  const std::lock_guard lock(mutex_);
  calls_until_failure_ = skipped;
  fault_ = fault;
  has_failed_ = false;
}

void FaultyVfs::StopFailing() {
  const std::lock_guard lock(mutex_);
  calls_until_failure_.reset();
}

bool FaultyVfs::has_failed() const {
  const std::lock_guard lock(mutex_);
  return has_failed_;
}

void FaultyVfs::SetDiskFull(bool full) {
  const std::lock_guard lock(mutex_);
  disk_full_ = full;
}

void FaultyVfs::CutPower(int64_t skipped) {
  const std::lock_guard lock(mutex_);
  power_cut_at_ = calls_ + skipped;
}

bool FaultyVfs::is_disk_full() const {
  const std::lock_guard lock(mutex_);
  return disk_full_;
}

void FaultyVfs::ForgetChanges(const File& file) {
  const std::lock_guard lock(mutex_);
  // Without power there is nothing to forget: RestorePower decides what was written.
  if (file.path != nullptr && !power_cut_at_.has_value()) disks_[*file.path].changes.clear();
}

void FaultyVfs::Revive() {
  const std::lock_guard lock(mutex_);
  power_cut_at_.reset();
}

void FaultyVfs::RestorePower(std::mt19937& random) {
  const std::lock_guard lock(mutex_);
  power_cut_at_.reset();
  for (auto& [path, disk] : disks_) {
    for (Change& change : std::exchange(disk.changes, {})) {
      enum { kLost, kKept, kTorn, kZeros, kEnd };
      const int fate = std::uniform_int_distribution(0, kEnd - 1)(random);
      if (fate == kLost) continue;
      if (fate == kTorn) change.bytes.resize(change.bytes.size() / 2);
      // The file has grown, but what was written there is lost.
      const size_t end = static_cast<size_t>(change.offset) + change.bytes.size();
      if (fate == kZeros && !change.truncates) {
        if (end > disk.synced.size()) disk.synced.resize(end);
        continue;
      }
      Methods::Apply(change, disk.synced);
    }
    std::ofstream(path, std::ios::binary | std::ios::trunc) << disk.synced;
    std::filesystem::remove(path + "-shm");
  }
}

}  // namespace threadstore::testing
