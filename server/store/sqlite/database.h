#ifndef THREADSTORE_SERVER_STORE_SQLITE_DATABASE_H_
#define THREADSTORE_SERVER_STORE_SQLITE_DATABASE_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

struct sqlite3;
struct sqlite3_stmt;

// SQLite's C interface with C++ ownership and absl::Status. Nothing outside this folder knows
// SQLite.
//
// Statuses are classified by SQLite's extended result code:
//   FULL                      RESOURCE_EXHAUSTED / STORE_FULL (see server/base/errors.h); so are an
//                             IOERR_WRITE that comes from a quota or a limit on the file's size,
//                             and IOERR_SHMSIZE
//   IOERR*, CORRUPT*, NOTADB  DATA_LOSS: the file cannot be trusted any more
//   CANTOPEN*, READONLY*, PERM, AUTH  FAILED_PRECONDITION
//   CONSTRAINT_*              ALREADY_EXISTS for a unique key, otherwise INTERNAL
//   BUSY*, LOCKED*            UNAVAILABLE / STORE_BUSY: another process has locked the file
//   anything else             INTERNAL
// Those without a reason carry SQLite's text, for the log only.
namespace threadstore::sqlite {

class Statement;

// A connection. It and its statements belong to one thread at a time.
//
// Statements may use text_contains(text, part), text_starts_with(text, part) and
// text_ends_with(text, part), which are 0, 1 or, if either is NULL, NULL. They compare bytes, and
// unlike LIKE take none for another.
class Database {
 public:
  enum class Mode { kReadOnly, kReadWrite, kReadWriteCreate };

  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path, Mode mode);
  ~Database();

  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs statements that return no rows, or whose rows do not matter.
  absl::Status Execute(const std::string& sql);

  // Prepares one statement, kept for the life of the connection. It must not outlive it.
  absl::StatusOr<Statement> Prepare(absl::string_view sql);

  // The first column of the first row of `sql`.
  absl::StatusOr<int64_t> QueryInteger(absl::string_view sql);
  absl::StatusOr<std::string> QueryText(absl::string_view sql);

  // Rows changed since the connection was opened, also by a transaction not yet committed.
  int64_t total_changes() const;

  // The row key that the last INSERT of this connection made.
  int64_t last_insert_rowid() const;

  bool in_transaction() const;

  // Moves what it can from the write-ahead log into the database file without waiting for
  // readers (SQLITE_CHECKPOINT_PASSIVE); with `truncate`, waits up to the busy timeout and, if
  // nobody reads, cuts the log to nothing. A reader in the way is no error. DATA_LOSS if the log
  // has been cut by someone else: what is missing must not be moved.
  absl::Status Checkpoint(bool truncate);

  // Writes the write-ahead log once more, as it is, and syncs it. A process that was killed may
  // have left commits in it that are only in the kernel's cache; SQLite takes them from there
  // without a sync, and after a sync that failed the kernel never writes them by itself
  // (https://wiki.postgresql.org/wiki/Fsync_Errors). What is acknowledged on top of them could be
  // lost with the power. Before any other connection is open.
  absl::Status RewriteLog();

  // DATA_LOSS if the path no longer leads to the open file, or that of the write-ahead log to the
  // one it led to at the first call, which a transaction must precede; or if the log is shorter
  // than this connection knows it to be.
  absl::Status CheckFiles();

  // Frames in the write-ahead log after the last commit of this connection.
  int wal_frames() const { return wal_frames_; }

  // Copies the database, with all that is committed, to a new file at `path`.
  absl::Status CopyTo(const std::string& path);

  // Bytes in the file that hold nothing and that the next writes use first.
  absl::StatusOr<int64_t> FreeBytes();

  // How long a statement waits for another connection's lock.
  void SetBusyTimeout(absl::Duration timeout);

  // The texts of all statements that are prepared, for tests of their plans.
  std::vector<std::string> StatementTexts() const;

  // The version of the SQLite library.
  static std::string LibraryVersion();
  static int LibraryVersionNumber();

 private:
  explicit Database(sqlite3* db) : db_(db) {}

  friend class Transaction;

  static int OnCommit(void* database, sqlite3* db, const char* schema, int wal_frames);

  absl::Status CheckLogIsWhole();

  sqlite3* const db_;
  int wal_frames_ = 0;
  int64_t page_bytes_ = 0;  // From RewriteLog on; so long the log is not known to have any bytes.
  int64_t log_bytes_ = 0;   // That the log has at least.
  ino_t log_inode_ = 0;     // As first seen by CheckFiles.
  // Prepared when they are first used.
  std::unique_ptr<Statement> begin_immediate_;
  std::unique_ptr<Statement> begin_;
  std::unique_ptr<Statement> commit_;
};

// A prepared statement. Used through Query, which resets it.
class Statement {
 public:
  Statement() = default;
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;

  // Steps of SQLite's virtual machine since it was last asked, for tests of what statements cost.
  int64_t TakeSteps();

 private:
  friend class Database;
  friend class Query;
  explicit Statement(sqlite3_stmt* stmt) : stmt_(stmt) {}

  sqlite3_stmt* stmt_ = nullptr;
};

// One execution of a statement: bind in the order of the `?` placeholders, step, read columns.
// Ends the execution when destroyed, so that no read transaction stays open.
//
// Text and blobs are bound without a copy: they must live until the Query is destroyed. Columns
// are views that end with the next Step.
class Query {
 public:
  explicit Query(Statement& statement) : stmt_(statement.stmt_) {}
  ~Query();

  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& Bind(int64_t value);
  Query& BindText(absl::string_view value);
  Query& BindBlob(absl::string_view value);
  Query& BindNull();

  // Goes to the next row; false if there is none.
  absl::StatusOr<bool> Step();

  // For statements that return no rows.
  absl::Status Run();

  int64_t Integer(int column) const;
  bool Boolean(int column) const { return Integer(column) != 0; }
  absl::string_view Text(int column) const;
  absl::string_view Blob(int column) const;
  bool IsNull(int column) const;

 private:
  sqlite3_stmt* const stmt_;
  int next_parameter_ = 1;
  int bind_error_ = 0;
};

// A transaction. Rolls back unless committed. One at a time on a connection.
class Transaction {
 public:
  // BEGIN IMMEDIATE: takes the lock of writers.
  static absl::StatusOr<Transaction> Begin(Database& db);

  // BEGIN: what is read until the end is one snapshot.
  static absl::StatusOr<Transaction> BeginRead(Database& db);

  ~Transaction();
  Transaction(Transaction&& other) noexcept : db_(other.db_) { other.db_ = nullptr; }
  Transaction& operator=(Transaction&&) = delete;

  // On failure the transaction has been rolled back, or, after DATA_LOSS, its fate is unknown.
  absl::Status Commit();

 private:
  explicit Transaction(Database* db) : db_(db) {}
  static absl::StatusOr<Transaction> BeginWith(Database& db, std::unique_ptr<Statement>& begin,
                                               absl::string_view sql);
  void Rollback();

  Database* db_;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_DATABASE_H_
