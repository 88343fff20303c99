#include "server/store/sqlite/database.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/telemetry/log.h"

namespace threadstore::sqlite {
namespace {

absl::Status ToStatus(int code, absl::string_view context, absl::string_view detail) {
  const std::string message = absl::StrCat(context, ": ", detail, " (SQLite code ", code, ")");
  switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return absl::AlreadyExistsError(message);
    default:
      break;
  }
  const int primary_code = code & 0xFF;
  switch (primary_code) {
    case SQLITE_FULL:
      return StoreFullError();
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(message);
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::FailedPreconditionError(message);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      log::Error("store busy", {{"error", message}});
      return StoreBusyError();
    default:
      return absl::InternalError(message);
  }
}

// The file of a connection that sqlite3_file_control gives for `pointer`, null if it is not open.
sqlite3_file* FileOf(sqlite3* db, int pointer) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(db, nullptr, pointer, &file);
  return file != nullptr && file->pMethods != nullptr ? file : nullptr;
}

// The errno of the last call on the file that failed; 0 if none has.
int LastErrno(sqlite3* db, int pointer) {
  sqlite3_file* const file = FileOf(db, pointer);
  int error = 0;
  if (file != nullptr) file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error);
  return error;
}

// Whether an I/O error is a want of space that SQLite, which knows only ENOSPC in a write, takes
// for a failure of the disk.
bool IsOutOfSpace(sqlite3* db) {
  const int code = sqlite3_extended_errcode(db);
  // The shared memory of the log, which is a file too, could not grow.
  if (code == SQLITE_IOERR_SHMSIZE) return true;
  if (code != SQLITE_IOERR_WRITE) return false;
  const auto wants_space = [](int error) { return error == EDQUOT || error == EFBIG; };
  const auto is_harmless = [](int error) { return error == 0 || error == ENOSPC; };
  const int database = LastErrno(db, SQLITE_FCNTL_FILE_POINTER);
  const int log = LastErrno(db, SQLITE_FCNTL_JOURNAL_POINTER);
  // Which of the two has just failed is not known; one that ever failed otherwise is not trusted.
  return (wants_space(database) && (wants_space(log) || is_harmless(log))) ||
         (wants_space(log) && is_harmless(database));
}

absl::Status ErrorOf(sqlite3* db, absl::string_view context) {
  if (IsOutOfSpace(db)) return StoreFullError();
  return ToStatus(sqlite3_extended_errcode(db), context, sqlite3_errmsg(db));
}

int OpenFlags(Database::Mode mode) {
  // One thread at a time uses a connection, so SQLite's own mutexes are of no use.
  constexpr int kCommon = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  switch (mode) {
    case Database::Mode::kReadOnly:
      return kCommon | SQLITE_OPEN_READONLY;
    case Database::Mode::kReadWrite:
      return kCommon | SQLITE_OPEN_READWRITE;
    case Database::Mode::kReadWriteCreate:
      return kCommon | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  }
  return kCommon;
}

bool ContainsText(absl::string_view text, absl::string_view part) {
  // Linear, whatever the text repeats; string_view's search is not.
  return memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
}

bool StartsWithText(absl::string_view text, absl::string_view part) {
  return absl::StartsWith(text, part);
}

bool EndsWithText(absl::string_view text, absl::string_view part) {
  return absl::EndsWith(text, part);
}

template <bool (*test)(absl::string_view text, absl::string_view part)>
void TestText(sqlite3_context* context, int /*count*/, sqlite3_value** arguments) {
  for (const int i : {0, 1}) {
    if (sqlite3_value_type(arguments[i]) == SQLITE_NULL) return sqlite3_result_null(context);
  }
  // As a blob, since text would be copied to end it with a NUL.
  const auto text_of = [](sqlite3_value* value) {
    const auto* bytes = static_cast<const char*>(sqlite3_value_blob(value));
    const auto size = static_cast<size_t>(sqlite3_value_bytes(value));
    return bytes == nullptr ? absl::string_view("") : absl::string_view(bytes, size);
  };
  sqlite3_result_int(context, test(text_of(arguments[0]), text_of(arguments[1])) ? 1 : 0);
}

int AddTextFunctions(sqlite3* db) {
  using Function = void (*)(sqlite3_context*, int, sqlite3_value**);
  constexpr std::pair<const char*, Function> kFunctions[] = {
      {"text_contains", &TestText<&ContainsText>},
      {"text_starts_with", &TestText<&StartsWithText>},
      {"text_ends_with", &TestText<&EndsWithText>},
  };
  constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  for (const auto& [name, function] : kFunctions) {
    const int code = sqlite3_create_function_v2(db, name, /*nArg=*/2, kFlags, nullptr, function,
                                                nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path, Mode mode) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, OpenFlags(mode), nullptr);
  std::unique_ptr<Database> db(new Database(handle));
  if (code != SQLITE_OK) return ToStatus(code, "open", sqlite3_errstr(code));
  // SQLite falls back to reading, and a server would start that can write nothing.
  if (mode != Mode::kReadOnly && sqlite3_db_readonly(handle, "main") == 1)
    return absl::FailedPreconditionError("the file may not be written");
  if (const int added = AddTextFunctions(handle); added != SQLITE_OK) {
    return ToStatus(added, "open", sqlite3_errstr(added));
  }
  // Takes the place of SQLite's own hook, which would checkpoint inside commits.
  sqlite3_wal_hook(handle, &OnCommit, db.get());
  return db;
}

int Database::OnCommit(void* database, sqlite3* /*db*/, const char* /*schema*/, int wal_frames) {
  // https://www.sqlite.org/fileformat2.html#walformat
  constexpr int64_t kLogHeaderBytes = 32;
  constexpr int64_t kFrameHeaderBytes = 24;
  auto& self = *static_cast<Database*>(database);
  self.wal_frames_ = wal_frames;
  if (self.page_bytes_ > 0) {
    self.log_bytes_ = kLogHeaderBytes + wal_frames * (kFrameHeaderBytes + self.page_bytes_);
  }
  return SQLITE_OK;
}

Database::~Database() {
  // Closing the last connection is a checkpoint.
  if (!CheckLogIsWhole().ok()) {
    sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  }
  // A connection with statements left cannot be closed.
  begin_immediate_.reset();
  begin_.reset();
  commit_.reset();
  if (sqlite3_close(db_) != SQLITE_OK) {
    log::Error("database not closed", {{"error", sqlite3_errmsg(db_)}});
  }
}

absl::Status Database::Execute(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return ErrorOf(db_, sql.substr(0, 80));
  }
  return absl::OkStatus();
}

absl::StatusOr<Statement> Database::Prepare(absl::string_view sql) {
  sqlite3_stmt* stmt = nullptr;
  if (sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                         &stmt, nullptr) != SQLITE_OK) {
    return ErrorOf(db_, sql);
  }
  return Statement(stmt);
}

absl::StatusOr<int64_t> Database::QueryInteger(absl::string_view sql) {
  ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  Query query(statement);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return absl::InternalError(absl::StrCat(sql, ": no row"));
  return query.Integer(0);
}

absl::StatusOr<std::string> Database::QueryText(absl::string_view sql) {
  ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  Query query(statement);
  ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return absl::InternalError(absl::StrCat(sql, ": no row"));
  return std::string(query.Text(0));
}

int64_t Database::total_changes() const { return sqlite3_total_changes64(db_); }

int64_t Database::last_insert_rowid() const { return sqlite3_last_insert_rowid(db_); }

bool Database::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

absl::Status Database::Checkpoint(bool truncate) {
  RETURN_IF_ERROR(CheckLogIsWhole());
  if (truncate) log_bytes_ = 0;
  const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  const int code = sqlite3_wal_checkpoint_v2(db_, nullptr, mode, nullptr, nullptr);
  // What a reader kept back is moved by the next checkpoint.
  if (code != SQLITE_OK && (code & 0xFF) != SQLITE_BUSY) {
    return ErrorOf(db_, "checkpoint");
  }
  return absl::OkStatus();
}

absl::Status Database::RewriteLog() {
  ASSIGN_OR_RETURN(page_bytes_, QueryInteger("PRAGMA page_size"));
  sqlite3_file* const log = FileOf(db_, SQLITE_FCNTL_JOURNAL_POINTER);
  if (log == nullptr) return absl::OkStatus();
  const auto check = [](int code) {
    return code == SQLITE_OK ? absl::OkStatus()
                             : ToStatus(code, "rewrite the log", sqlite3_errstr(code));
  };
  sqlite3_int64 size = 0;
  RETURN_IF_ERROR(check(log->pMethods->xFileSize(log, &size)));
  if (size == 0) return absl::OkStatus();
  // SQLite writes less than 128 KiB at once.
  std::string part(size_t{64} << 10, '\0');
  for (sqlite3_int64 offset = 0; offset < size; offset += static_cast<sqlite3_int64>(part.size())) {
    const int bytes =
        static_cast<int>(std::min(size - offset, static_cast<sqlite3_int64>(part.size())));
    RETURN_IF_ERROR(check(log->pMethods->xRead(log, part.data(), bytes, offset)));
    RETURN_IF_ERROR(check(log->pMethods->xWrite(log, part.data(), bytes, offset)));
  }
  log_bytes_ = size;
  return check(log->pMethods->xSync(log, SQLITE_SYNC_NORMAL));
}

absl::Status Database::CheckFiles() {
  int has_moved = 0;
  if (sqlite3_file_control(db_, nullptr, SQLITE_FCNTL_HAS_MOVED, &has_moved) != SQLITE_OK) {
    return ErrorOf(db_, "has_moved");
  }
  if (has_moved != 0) return absl::DataLossError("the database file was deleted or replaced");
  struct stat log;
  const std::string log_path = sqlite3_filename_wal(sqlite3_db_filename(db_, "main"));
  const ino_t inode = stat(log_path.c_str(), &log) == 0 ? log.st_ino : 0;
  if (log_inode_ == 0) log_inode_ = inode;
  if (inode != log_inode_) return absl::DataLossError("the log was deleted or replaced");
  return CheckLogIsWhole();
}

// SQLite writes on where it believes the log to end. The hole before that reads as zeros, which a
// checkpoint would move into the database file, over its first page too.
absl::Status Database::CheckLogIsWhole() {
  sqlite3_file* const log = FileOf(db_, SQLITE_FCNTL_JOURNAL_POINTER);
  if (log_bytes_ == 0 || log == nullptr) return absl::OkStatus();
  sqlite3_int64 size = 0;
  const int code = log->pMethods->xFileSize(log, &size);
  if (code != SQLITE_OK) return ToStatus(code, "size of the log", sqlite3_errstr(code));
  if (size < log_bytes_) return absl::DataLossError("the log was cut");
  return absl::OkStatus();
}

absl::Status Database::CopyTo(const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Database> target, Open(path, Mode::kReadWriteCreate));
  sqlite3_backup* backup = sqlite3_backup_init(target->db_, "main", db_, "main");
  if (backup == nullptr) return ErrorOf(target->db_, "backup");
  constexpr int kAllPages = -1;
  const int step = sqlite3_backup_step(backup, kAllPages);
  const int code = sqlite3_backup_finish(backup);
  if (step != SQLITE_DONE || code != SQLITE_OK) return ErrorOf(target->db_, "backup");
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Database::FreeBytes() {
  ASSIGN_OR_RETURN(const int64_t pages, QueryInteger("PRAGMA freelist_count"));
  ASSIGN_OR_RETURN(const int64_t page_size, QueryInteger("PRAGMA page_size"));
  return pages * page_size;
}

std::vector<std::string> Database::StatementTexts() const {
  std::vector<std::string> texts;
  sqlite3_stmt* stmt = nullptr;
  while ((stmt = sqlite3_next_stmt(db_, stmt)) != nullptr) texts.emplace_back(sqlite3_sql(stmt));
  return texts;
}

void Database::SetBusyTimeout(absl::Duration timeout) {
  sqlite3_busy_timeout(db_, static_cast<int>(absl::ToInt64Milliseconds(timeout)));
}

std::string Database::LibraryVersion() { return sqlite3_libversion(); }
int Database::LibraryVersionNumber() { return sqlite3_libversion_number(); }

Statement::~Statement() { sqlite3_finalize(stmt_); }

Statement::Statement(Statement&& other) noexcept : stmt_(std::exchange(other.stmt_, nullptr)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(stmt_, other.stmt_);
  return *this;
}

int64_t Statement::TakeSteps() {
  return sqlite3_stmt_status(stmt_, SQLITE_STMTSTATUS_VM_STEP, /*resetFlg=*/1);
}

Query::~Query() {
  sqlite3_reset(stmt_);
  sqlite3_clear_bindings(stmt_);
}

Query& Query::Bind(int64_t value) {
  bind_error_ |= sqlite3_bind_int64(stmt_, next_parameter_++, value);
  return *this;
}

Query& Query::BindText(absl::string_view value) {
  // A null pointer would bind NULL where an empty text is meant.
  const char* data = value.data() == nullptr ? "" : value.data();
  bind_error_ |= sqlite3_bind_text(stmt_, next_parameter_++, data, static_cast<int>(value.size()),
                                   SQLITE_STATIC);
  return *this;
}

Query& Query::BindBlob(absl::string_view value) {
  const char* data = value.data() == nullptr ? "" : value.data();
  bind_error_ |= sqlite3_bind_blob(stmt_, next_parameter_++, data, static_cast<int>(value.size()),
                                   SQLITE_STATIC);
  return *this;
}

Query& Query::BindNull() {
  bind_error_ |= sqlite3_bind_null(stmt_, next_parameter_++);
  return *this;
}

absl::StatusOr<bool> Query::Step() {
  sqlite3* const db = sqlite3_db_handle(stmt_);
  if (bind_error_ != SQLITE_OK || next_parameter_ != sqlite3_bind_parameter_count(stmt_) + 1) {
    return absl::InternalError(absl::StrCat(sqlite3_sql(stmt_), ": wrong parameters"));
  }
  switch (sqlite3_step(stmt_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return ErrorOf(db, sqlite3_sql(stmt_));
  }
}

absl::Status Query::Run() {
  ASSIGN_OR_RETURN(const bool row, Step());
  if (row) return absl::InternalError(absl::StrCat(sqlite3_sql(stmt_), ": unexpected row"));
  return absl::OkStatus();
}

int64_t Query::Integer(int column) const { return sqlite3_column_int64(stmt_, column); }

absl::string_view Query::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(stmt_, column));
  return {text, static_cast<size_t>(sqlite3_column_bytes(stmt_, column))};
}

absl::string_view Query::Blob(int column) const {
  const auto* blob = static_cast<const char*>(sqlite3_column_blob(stmt_, column));
  return {blob, static_cast<size_t>(sqlite3_column_bytes(stmt_, column))};
}

bool Query::IsNull(int column) const { return sqlite3_column_type(stmt_, column) == SQLITE_NULL; }

absl::StatusOr<Transaction> Transaction::Begin(Database& db) {
  return BeginWith(db, db.begin_immediate_, "BEGIN IMMEDIATE");
}

absl::StatusOr<Transaction> Transaction::BeginRead(Database& db) {
  return BeginWith(db, db.begin_, "BEGIN");
}

absl::StatusOr<Transaction> Transaction::BeginWith(Database& db, std::unique_ptr<Statement>& begin,
                                                   absl::string_view sql) {
  if (begin == nullptr) {
    ASSIGN_OR_RETURN(Statement statement, db.Prepare(sql));
    begin = std::make_unique<Statement>(std::move(statement));
  }
  if (db.commit_ == nullptr) {
    ASSIGN_OR_RETURN(Statement statement, db.Prepare("COMMIT"));
    db.commit_ = std::make_unique<Statement>(std::move(statement));
  }
  RETURN_IF_ERROR(Query(*begin).Run());
  return Transaction(&db);
}

Transaction::~Transaction() {
  if (db_ != nullptr) Rollback();
}

absl::Status Transaction::Commit() {
  absl::Status status = Query(*db_->commit_).Run();
  if (!status.ok()) Rollback();
  db_ = nullptr;
  return status;
}

void Transaction::Rollback() {
  // SQLite has rolled back by itself after some errors.
  if (!db_->in_transaction()) return;
  if (const absl::Status status = db_->Execute("ROLLBACK"); !status.ok()) {
    log::Error("rollback failed", {{"error", std::string(status.message())}});
  }
}

}  // namespace threadstore::sqlite
