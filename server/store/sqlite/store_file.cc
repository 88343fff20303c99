#include "server/store/sqlite/store_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/base/status_macros.h"
#include "server/base/uuid.h"

namespace threadstore::sqlite {
namespace {

// "Thrd", in the database header (PRAGMA application_id).
constexpr int64_t kApplicationId = 0x54687264;

// File systems whose locks or shared memory cannot be relied on, from statfs(2) and
// linux/magic.h. FUSE is among them because it may hide any of the others.
constexpr std::pair<uint32_t, absl::string_view> kNetworkFileSystems[] = {
    {0x6969, "NFS"},      {0x517B, "SMB"},      {0xFF534D42, "CIFS"},   {0xFE534D42, "SMB2"},
    {0x65735546, "FUSE"}, {0x01021997, "9P"},   {0x00C36400, "Ceph"},   {0x5346414F, "AFS"},
    {0x73757245, "Coda"}, {0x47504653, "GPFS"}, {0x0BD00BD0, "Lustre"},
};

absl::Status CannotBackUp(absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("the backup failed: ", why));
}

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::string ErrorText(int error) {
  return std::error_code(error, std::generic_category()).message();
}

absl::Status CannotUse(const std::string& path, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("cannot use the store ", path, ": ", why));
}

// Turns SQLite's refusal of a file into words for an operator; other statuses stay.
absl::Status Explain(const absl::Status& status, const std::string& path) {
  if (absl::IsDataLoss(status)) {
    return CannotUse(path,
                     absl::StrCat("it is damaged or not an SQLite database; ", status.message()));
  }
  if (absl::IsUnavailable(status)) {
    return CannotUse(path, absl::StrCat("another process holds it; ", status.message()));
  }
  if (absl::IsFailedPrecondition(status)) return CannotUse(path, status.message());
  return status;
}

absl::Status CheckOwner(Database& db, const std::string& path) {
  ASSIGN_OR_RETURN(const int64_t application_id, db.QueryInteger("PRAGMA application_id"));
  if (application_id == kApplicationId) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t objects, db.QueryInteger("SELECT count(*) FROM sqlite_schema"));
  if (application_id == 0 && objects == 0) return absl::OkStatus();
  return CannotUse(path, "it is a database of another application");
}

// PRAGMAs are each connection's own, so both kinds are set here and nowhere else.
absl::Status Configure(Database& db, bool writes) {
  // A view or trigger in a tampered file must not run functions.
  RETURN_IF_ERROR(db.Execute("PRAGMA trusted_schema = OFF"));
  // An I/O error on mapped memory would kill the process.
  RETURN_IF_ERROR(db.Execute("PRAGMA mmap_size = 0"));
  RETURN_IF_ERROR(db.Execute("PRAGMA temp_store = MEMORY"));
  if (!writes) {
    RETURN_IF_ERROR(db.Execute("PRAGMA cache_size = -8192"));
    return db.Execute("PRAGMA query_only = ON");
  }
  RETURN_IF_ERROR(db.Execute("PRAGMA cache_size = -32768"));
  ASSIGN_OR_RETURN(const std::string mode, db.QueryText("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return absl::FailedPreconditionError("the file system does not support a write-ahead log");
  }
  // An acknowledged write is on disk.
  RETURN_IF_ERROR(db.Execute("PRAGMA synchronous = FULL"));
  RETURN_IF_ERROR(db.Execute("PRAGMA journal_size_limit = 67108864"));
  // Debian turns it on. Overwriting freed pages with zeros costs a tenth of the write rate;
  // encryption at rest is the volume's.
  return db.Execute("PRAGMA secure_delete = OFF");
}

// How long the writer's connection waits for another's lock. Only a checkpoint that truncates
// ever has to.
constexpr absl::Duration kWriterBusyTimeout = absl::Milliseconds(250);

class FileMigrationTarget final : public MigrationTarget {
 public:
  FileMigrationTarget(Database& db, const std::string& path) : db_(db), path_(path) {}

  absl::StatusOr<SchemaVersion> ReadVersion() override {
    ASSIGN_OR_RETURN(const int64_t tables,
                     db_.QueryInteger("SELECT count(*) FROM sqlite_schema"
                                      " WHERE type = 'table' AND name = 'store_metadata'"));
    if (tables == 0) return SchemaVersion{};
    ASSIGN_OR_RETURN(Statement statement,
                     db_.Prepare("SELECT version, min_compatible_version FROM store_metadata"));
    Query query(statement);
    ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return absl::FailedPreconditionError("its schema version is missing");
    return SchemaVersion{static_cast<int>(query.Integer(0)), static_cast<int>(query.Integer(1))};
  }

  absl::Status Apply(const Migration& migration, SchemaVersion after) override {
    ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(db_));
    RETURN_IF_ERROR(db_.Execute(std::string(migration.sql)));
    RETURN_IF_ERROR(Record(after));
    RETURN_IF_ERROR(db_.Execute(absl::StrCat("PRAGMA application_id = ", kApplicationId)));
    return transaction.Commit();
  }

  // A copy that is whole under its final name, or not there under it.
  absl::Status Backup(int version) override {
    const std::string backup = absl::StrCat(path_, ".v", version, ".bak");
    const std::string unfinished = absl::StrCat(backup, ".tmp");
    std::error_code error;
    std::filesystem::remove(unfinished, error);
    if (error) return CannotBackUp(error.message());
    RETURN_IF_ERROR(db_.CopyTo(unfinished));
    std::filesystem::rename(unfinished, backup, error);
    if (error) return CannotBackUp(error.message());
    return SyncFolder();
  }

 private:
  absl::Status Record(SchemaVersion version) {
    const Uuid store_id = Uuid::V7(absl::Now());
    ASSIGN_OR_RETURN(Statement statement,
                     db_.Prepare("INSERT INTO store_metadata"
                                 " (singleton, version, min_compatible_version, store_id)"
                                 " VALUES (1, ?1, ?2, ?3) ON CONFLICT (singleton) DO UPDATE"
                                 " SET version = ?1, min_compatible_version = ?2"));
    return Query(statement)
        .Bind(version.version)
        .Bind(version.min_compatible_version)
        .BindBlob(store_id.bytes())
        .Run();
  }

  absl::Status SyncFolder() {
    const int folder = open(FolderOf(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return CannotBackUp(ErrorText(errno));
    const int result = fsync(folder);
    const int error = errno;
    close(folder);
    return result == 0 ? absl::OkStatus() : CannotBackUp(ErrorText(error));
  }

  Database& db_;
  const std::string path_;
};

}  // namespace

absl::StatusOr<FileLock> FileLock::Acquire(const std::string& path) {
  const std::string lock_path = absl::StrCat(path, ".lock");
  constexpr mode_t kOwnerOnly = 0600;
  const int descriptor = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kOwnerOnly);
  if (descriptor < 0) {
    return CannotUse(path, absl::StrCat("cannot open ", lock_path, ": ", ErrorText(errno)));
  }
  FileLock lock(descriptor);
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    return CannotUse(path, errno == EWOULDBLOCK
                               ? std::string("another server is using it")
                               : absl::StrCat("cannot lock ", lock_path, ": ", ErrorText(errno)));
  }
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock::~FileLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::Status CheckLocation(const std::string& path, bool allow_network_filesystem) {
  const std::string folder = FolderOf(path);
  struct statfs info;
  if (statfs(folder.c_str(), &info) != 0) {
    return CannotUse(path, absl::StrCat("folder ", folder, ": ", ErrorText(errno)));
  }
  if (allow_network_filesystem) return absl::OkStatus();
  for (const auto& [type, name] : kNetworkFileSystems) {
    if (static_cast<uint32_t>(info.f_type) == type) {
      return CannotUse(path, absl::StrCat("folder ", folder, " is on a network file system (", name,
                                          "), where data can be lost; use a local or block volume,"
                                          " or --allow_network_filesystem at your own risk"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Database>> OpenForWriting(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return CannotUse(path, "it is a folder");
  absl::StatusOr<std::unique_ptr<Database>> db =
      Database::Open(path, Database::Mode::kReadWriteCreate);
  if (!db.ok()) return Explain(db.status(), path);
  (*db)->SetBusyTimeout(kWriterBusyTimeout);
  const absl::Status owned = CheckOwner(**db, path);
  if (!owned.ok()) return Explain(owned, path);
  const absl::Status configured = Configure(**db, /*writes=*/true);
  if (!configured.ok()) return Explain(configured, path);
  return db;
}

absl::StatusOr<std::unique_ptr<Database>> OpenForReading(const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<Database> db, Database::Open(path, Database::Mode::kReadOnly));
  RETURN_IF_ERROR(Configure(*db, /*writes=*/false));
  return db;
}

absl::StatusOr<MigrationResult> MigrateFile(Database& db, const std::string& path,
                                            const std::vector<Migration>& migrations) {
  FileMigrationTarget target(db, path);
  absl::StatusOr<MigrationResult> result = Migrate(target, migrations);
  if (!result.ok()) return Explain(result.status(), path);
  return result;
}

}  // namespace threadstore::sqlite
