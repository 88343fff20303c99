#include "server/store/sqlite/store_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/base/errno_text.h"
#include "server/base/secret.h"
#include "server/base/sha256.h"
#include "server/base/status_macros.h"
#include "server/base/uuid.h"
#include "server/store/sqlite/sqlite_store.h"

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

absl::Status CannotUse(const std::string& path, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("cannot use the store ", path, ": ", why));
}

// Turns SQLite's refusal of a file into words for an operator; other statuses stay.
absl::Status Explain(const absl::Status& status, const std::string& path) {
  if (absl::IsDataLoss(status)) {
    return CannotUse(path,
                     absl::StrCat("it is damaged or not an SQLite database; ", status.message()));
  }
  if (absl::IsUnavailable(status) || absl::IsFailedPrecondition(status)) {
    return CannotUse(path, status.message());
  }
  return status;
}

absl::Status CheckFileSystem(const std::string& path, const SqliteOptions& options) {
  if (options.allow_network_filesystem) return absl::OkStatus();
  const std::string folder = FolderOf(path);
  const absl::StatusOr<FileSystemInfo> info = options.stat_file_system(folder);
  if (!info.ok()) {
    return CannotUse(path, absl::StrCat("folder ", folder, ": ", info.status().message()));
  }
  for (const auto& [type, name] : kNetworkFileSystems) {
    if (info->type == type) {
      return CannotUse(path, absl::StrCat("folder ", folder, " is on a network file system (", name,
                                          "), where data can be lost; use a local or block volume,"
                                          " or --allow_network_filesystem at your own risk"));
    }
  }
  return absl::OkStatus();
}

// What the header of an SQLite database says
// (https://www.sqlite.org/fileformat2.html#the_database_header). Read here and not by SQLite, which
// recovers the log of any database it opens.
absl::Status CheckHeader(const std::string& path, uintmax_t size) {
  constexpr size_t kHeaderBytes = 100;
  constexpr size_t kApplicationIdOffset = 68;
  constexpr absl::string_view kMagic("SQLite format 3\0", 16);
  std::string header(kHeaderBytes, '\0');
  std::ifstream stream(path, std::ios::binary);
  stream.read(header.data(), static_cast<std::streamsize>(header.size()));
  if (stream.bad() || (!stream && size >= kHeaderBytes))
    return CannotUse(path, "it cannot be read");
  constexpr uintmax_t kPageBytes = 4096;
  const bool is_blank = header.find_first_not_of('\0') == std::string::npos;
  // The creation of a store was cut short before its first page was on disk.
  if (is_blank && size <= kPageBytes) return absl::OkStatus();
  if (size < kHeaderBytes || !absl::StartsWith(header, kMagic)) {
    return CannotUse(path, "it is not an SQLite database");
  }
  int64_t application_id = 0;
  for (size_t i = 0; i < 4; ++i) {
    application_id =
        (application_id << 8) | static_cast<unsigned char>(header[kApplicationIdOffset + i]);
  }
  // The same, before the store was claimed; it gets a write-ahead log only later.
  std::error_code error;
  const bool is_ours = application_id == kApplicationId;
  const bool is_unfinished = application_id == 0 && size <= kPageBytes &&
                             !std::filesystem::exists(path + "-wal", error) && !error;
  if (!is_ours && !is_unfinished) return CannotUse(path, "it is a database of another application");
  return absl::OkStatus();
}

absl::Status CheckFile(const std::filesystem::path& file) {
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) return CannotUse(file, "it is a folder");
  const uintmax_t names = std::filesystem::hard_link_count(file, error);
  if (error) return CannotUse(file, error.message());
  if (names > 1) {
    return CannotUse(file, "it has several names (hard links), and a server may use another one");
  }
  const uintmax_t size = std::filesystem::file_size(file, error);
  if (error) return CannotUse(file, error.message());
  return size == 0 ? absl::OkStatus() : CheckHeader(file, size);
}

// The header leaves open whose a small database is. An empty one becomes ours, before it gets a
// write-ahead log: so the header in the file itself says so, whatever of the log is lost.
absl::Status Claim(Database& db) {
  ASSIGN_OR_RETURN(const int64_t application_id, db.QueryInteger("PRAGMA application_id"));
  if (application_id == kApplicationId) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t objects, db.QueryInteger("SELECT count(*) FROM sqlite_schema"));
  if (objects > 0) return absl::FailedPreconditionError("it is a database of another application");
  return db.Execute(absl::StrCat("PRAGMA application_id = ", kApplicationId));
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
    // Nobody may guess it: it makes the seals of delta tokens.
    const Uuid store_id = *Uuid::FromBytes(Sha256(RandomSecret()).substr(0, Uuid::kBytes));
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
    if (folder < 0) return CannotBackUp(ErrnoText(errno));
    const int result = fsync(folder);
    const int error = errno;
    close(folder);
    return result == 0 ? absl::OkStatus() : CannotBackUp(ErrnoText(error));
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
    return CannotUse(path, absl::StrCat("cannot open ", lock_path, ": ", ErrnoText(errno)));
  }
  FileLock lock(descriptor);
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    return CannotUse(path, errno == EWOULDBLOCK
                               ? std::string("another server is using it")
                               : absl::StrCat("cannot lock ", lock_path, ": ", ErrnoText(errno)));
  }
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock::~FileLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::StatusOr<std::string> ResolvePath(const SqliteOptions& options) {
  const std::string& path = options.path;
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::canonical(FolderOf(path), error);
  if (error) return CannotUse(path, absl::StrCat("folder ", FolderOf(path), ": ", error.message()));
  std::filesystem::path file = folder / std::filesystem::path(path).filename();
  const std::filesystem::file_status status = std::filesystem::status(file, error);
  if (std::filesystem::exists(status)) {
    file = std::filesystem::canonical(file, error);
    if (error) return CannotUse(path, error.message());
  } else if (std::filesystem::is_symlink(file)) {
    return CannotUse(path, "it is a symbolic link that leads nowhere");
  }
  RETURN_IF_ERROR(CheckFileSystem(file.string(), options));
  if (std::filesystem::exists(status)) RETURN_IF_ERROR(CheckFile(file));
  return file.string();
}

absl::StatusOr<std::unique_ptr<Database>> OpenForWriting(const std::string& path) {
  absl::StatusOr<std::unique_ptr<Database>> db =
      Database::Open(path, Database::Mode::kReadWriteCreate);
  if (!db.ok()) return Explain(db.status(), path);
  (*db)->SetBusyTimeout(kWriterBusyTimeout);
  const absl::Status claimed = Claim(**db);
  if (!claimed.ok()) return Explain(claimed, path);
  const absl::Status configured = Configure(**db, /*writes=*/true);
  if (!configured.ok()) return Explain(configured, path);
  const absl::Status rewritten = (*db)->RewriteLog();
  if (!rewritten.ok()) return Explain(rewritten, path);
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
