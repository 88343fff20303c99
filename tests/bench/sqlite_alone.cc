// SQLite alone, for tests/bench/moving.py: writes the rows of so many threads, each in a
// conversation of its own, with prepared statements, in batches, and does nothing else.
//
//   sqlite_alone FILE THREADS BATCH MIGRATION...

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

namespace {

sqlite3* db = nullptr;

void Check(int result) {
  if (result == SQLITE_OK || result == SQLITE_DONE) return;
  std::cerr << sqlite3_errmsg(db) << "\n";
  std::exit(EXIT_FAILURE);  // NOLINT(concurrency-mt-unsafe)
}

void Execute(const std::string& sql) {
  Check(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr));
}

std::string ReadFile(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class Insert {
 public:
  explicit Insert(const char* sql) {
    Check(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt_, nullptr));
  }
  ~Insert() { sqlite3_finalize(stmt_); }
  Insert(const Insert&) = delete;
  Insert& operator=(const Insert&) = delete;

  Insert& Bind(int64_t value) {
    Check(sqlite3_bind_int64(stmt_, next_++, value));
    return *this;
  }
  Insert& BindText(const char* text) {
    Check(sqlite3_bind_text(stmt_, next_++, text, -1, SQLITE_STATIC));
    return *this;
  }
  Insert& BindId(const unsigned char* id) {
    Check(sqlite3_bind_blob(stmt_, next_++, id, 16, SQLITE_STATIC));
    return *this;
  }
  Insert& BindNull() {
    Check(sqlite3_bind_null(stmt_, next_++));
    return *this;
  }
  void Run() {
    Check(sqlite3_step(stmt_));
    Check(sqlite3_reset(stmt_));
    next_ = 1;
  }

 private:
  sqlite3_stmt* stmt_ = nullptr;
  int next_ = 1;
};

// A UUIDv7 of so many microseconds.
void MakeId(uint64_t micros, uint64_t low, unsigned char* id) {
  const uint64_t high = (micros / 1000) << 16 | 0x7000 | (micros % 1000) * 4096 / 1000;
  for (int i = 0; i < 8; ++i) {
    id[i] = static_cast<unsigned char>(high >> (56 - 8 * i));
    id[8 + i] = static_cast<unsigned char>(low >> (56 - 8 * i));
  }
}

void WriteThreads(int64_t threads, int64_t batch) {
  Insert conversation(
      "INSERT INTO conversations (group_key, id, topic, created_us, deleted)"
      " VALUES (?, ?, ?, ?, 0)");
  Insert thread(
      "INSERT INTO threads (group_key, conversation_key, id, topic, has_attachments,"
      " last_delivered_us, preview, is_locked, revision, created_us, modified_us, has_had_posts)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  Insert recipient(
      "INSERT INTO recipients (thread_key, kind, position, has_email_address, name, address)"
      " VALUES (?, ?, ?, ?, ?, ?)");
  Insert sender("INSERT INTO unique_senders (thread_key, position, name) VALUES (?, ?, ?)");
  Insert change(
      "INSERT INTO changes (group_key, event, changed_us, conversation_id, thread_id, post_id,"
      " forward_id) VALUES (?, ?, ?, ?, ?, ?, ?)");
  Execute(
      "INSERT INTO groups (id, display_name, mail, created_us, allow_external_senders, deleted)"
      " VALUES ('bench', '', '', 0, 0, 0)");
  const int64_t group = sqlite3_last_insert_rowid(db);
  uint64_t random = 0x9E3779B97F4A7C15;
  for (int64_t i = 0; i < threads; ++i) {
    if (i % batch == 0) Execute(i == 0 ? "BEGIN IMMEDIATE" : "COMMIT; BEGIN IMMEDIATE");
    unsigned char conversation_id[16];
    unsigned char thread_id[16];
    const int64_t micros = int64_t{1'700'000'000'000'000} + 1'000 * i;
    MakeId(static_cast<uint64_t>(micros), random, conversation_id);
    random = random * 6364136223846793005 + 1442695040888963407;
    MakeId(static_cast<uint64_t>(micros), random, thread_id);
    random = random * 6364136223846793005 + 1442695040888963407;
    conversation.Bind(group).BindId(conversation_id).BindText("Topic value").Bind(micros).Run();
    const int64_t conversation_key = sqlite3_last_insert_rowid(db);
    thread.Bind(group).Bind(conversation_key).BindId(thread_id).BindText("Topic value").Bind(1);
    thread.Bind(micros).BindText("Preview value").Bind(1).Bind(1).Bind(micros).Bind(micros).Bind(0);
    thread.Run();
    const int64_t thread_key = sqlite3_last_insert_rowid(db);
    recipient.Bind(thread_key)
        .Bind(0)
        .Bind(0)
        .Bind(1)
        .BindText("Name value")
        .BindText("Address value");
    recipient.Run();
    recipient.Bind(thread_key).Bind(1).Bind(0).Bind(0).BindNull().BindNull().Run();
    sender.Bind(thread_key).Bind(0).BindText("Unique Senders value").Run();
    change.Bind(group).Bind(0).Bind(micros).BindId(conversation_id).BindId(thread_id).BindNull();
    change.BindNull().Run();
  }
  Execute("COMMIT");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return EXIT_FAILURE;
  Check(sqlite3_open(argv[1], &db));
  // As server/store/sqlite/store_file.cc and the writer have it.
  Execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;"
      "PRAGMA secure_delete = OFF; PRAGMA wal_autocheckpoint = 4096");
  for (int i = 4; i < argc; ++i) Execute(ReadFile(argv[i]));
  const auto begin = std::chrono::steady_clock::now();
  WriteThreads(std::atoll(argv[2]), std::atoll(argv[3]));
  std::cout << std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()
            << "\n";
  Check(sqlite3_close(db));
}
