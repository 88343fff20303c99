#ifndef THREADSTORE_SERVER_STORE_SQLITE_STORE_FILE_H_
#define THREADSTORE_SERVER_STORE_SQLITE_STORE_FILE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/migrator.h"
#include "server/store/sqlite/database.h"

// Opening the file of a store: whose it is, where it lies, what is in it. Failures that an
// operator can mend are FAILED_PRECONDITION, with a message that says how.
namespace threadstore {

struct SqliteOptions;

namespace sqlite {

// Keeps a second server from starting on the same file: a lock on `{path}.lock`, held until
// destroyed. A side file, because closing any descriptor of a database file would drop SQLite's
// own locks on it; so `path` must be what ResolvePath returned.
class FileLock {
 public:
  static absl::StatusOr<FileLock> Acquire(const std::string& path);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

// The one absolute name of the file at `options.path`, all symbolic links followed; it need not
// exist. Refuses a folder that does not exist or lies on a network file system, where SQLite's
// locks and shared memory do not work; a file with several names (hard links), which the lock could
// not keep a second server from; and, without changing it, a file that is not a database or is
// another application's.
absl::StatusOr<std::string> ResolvePath(const SqliteOptions& options);

// Opens the connection that writes, on an existing store or a new one.
absl::StatusOr<std::unique_ptr<Database>> OpenForWriting(const std::string& path);

absl::StatusOr<std::unique_ptr<Database>> OpenForReading(const std::string& path);

// Migrates the store, after writing `{path}.v{version}.bak`.
absl::StatusOr<MigrationResult> MigrateFile(Database& db, const std::string& path,
                                            const std::vector<Migration>& migrations);

}  // namespace sqlite
}  // namespace threadstore

#endif  // THREADSTORE_SERVER_STORE_SQLITE_STORE_FILE_H_
