#ifndef THREADSTORE_SERVER_STORE_SQLITE_SQLITE_STORE_H_
#define THREADSTORE_SERVER_STORE_SQLITE_SQLITE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/domain/usage.h"
#include "server/store/migrator.h"
#include "server/store/thread_store.h"

namespace threadstore {

struct FileSystemInfo {
  uint32_t type = 0;       // As in linux/magic.h.
  int64_t free_bytes = 0;  // That an unprivileged process may still take.
};

// Of the file system that a file or folder is on. NOT_FOUND, or another error of statfs(2).
absl::StatusOr<FileSystemInfo> StatFileSystem(const std::string& path);

struct SqliteOptions {
  // The database file; created if it is not there. Beside it lie `{path}-wal`, `{path}-shm`,
  // `{path}.lock`, and the backups that migrations make.
  std::string path;

  // Threads, and connections, that read.
  int reader_threads = 2;

  // Threads that answer the callers of writes.
  int completion_threads = 2;

  // Writes, and reads, that may wait for their turn.
  size_t write_queue = 8192;
  size_t read_queue = 8192;

  // Exports in progress at once. Each keeps the log from starting over.
  int max_exports = 2;

  // How long a search waits for the index of words at most.
  absl::Duration search_wait = absl::Seconds(5);

  // How long a change may wait for others to be indexed with, if no search asks for it: callers who
  // write one after the other shall not wait for a commit of the index each time.
  absl::Duration index_delay = absl::Milliseconds(100);

  // How long request_ids are remembered.
  absl::Duration request_id_retention = absl::Hours(24);

  // How long changes are kept for those who follow them, and how many at most.
  absl::Duration change_retention = absl::Hours(168);
  int64_t max_changes = 1'000'000;

  // Pages of 4 KiB in the log between checkpoints: 16 MiB. Long enough that a page written by many
  // groups is copied once, short enough that recovery after a crash is quick.
  int checkpoint_frames = 4096;

  // With less than this left, in bytes, writes are refused with STORE_FULL, so that deletions and
  // purging, which make room, still have some to work in.
  int64_t disk_reserve = int64_t{64} << 20;

  GroupQuotas group_quotas = {};

  // Whether the file may lie where locks cannot be relied on.
  bool allow_network_filesystem = false;

  // Tests put another in its place.
  std::function<absl::StatusOr<FileSystemInfo>(const std::string& path)> stat_file_system =
      &StatFileSystem;

  // The schema to bring the file to.
  const std::vector<Migration>* migrations = &SqliteMigrations();

  // Called once, on a thread of the store's, when the store has failed (see ThreadStore): the
  // process should end, so that a restart can recover.
  std::function<void()> on_failure = [] {};
};

// Opens the store in the file, migrating it first. FAILED_PRECONDITION, with a message for an
// operator, if the file cannot be used: locked by another server, not a database, another
// application's, of an incompatible schema, on a network file system, not writable. Other
// errors are failures of the disk. `clock` must outlive the store.
absl::StatusOr<std::unique_ptr<ThreadStore>> OpenSqliteStore(const SqliteOptions& options,
                                                             const Clock& clock);

// Only migrates the file. The same errors.
absl::StatusOr<MigrationResult> MigrateSqliteStore(const SqliteOptions& options);

// The version of the SQLite library, and a warning about it for operators, empty if there is
// none.
std::string SqliteVersion();
std::string SqliteVersionWarning();

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_STORE_SQLITE_SQLITE_STORE_H_
