#ifndef THREADSTORE_SERVER_SERVICE_IMPORT_STREAM_H_
#define THREADSTORE_SERVER_SERVICE_IMPORT_STREAM_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/alarm.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/base/executor.h"
#include "server/base/mutex.h"
#include "server/base/shares.h"
#include "server/domain/record.h"
#include "server/service/stream_call.h"
#include "threadstore/v1/admin_service.pb.h"

namespace threadstore {

// What the imports of a server share. Thread-safe.
class Imports {
 public:
  // Parses and checks records, which takes milliseconds a message: too long for gRPC's threads.
  Executor& checks() { return checks_; }

  // False if as many as may are in progress, or half of them are the caller's; otherwise Leave must
  // follow.
  bool TryEnter(uint64_t caller);
  void Leave(uint64_t caller);

 private:
  // Each takes the memory of some messages, and all share one writer.
  static constexpr int kMaxImports = 4;

  Executor checks_{"import", 1};

  Mutex mutex_;
  int in_progress_ ABSL_GUARDED_BY(mutex_) = 0;
  Shares shares_ ABSL_GUARDED_BY(mutex_){kMaxImports};
};

// One ImportThreads: a message is read while the one before is checked and the records before those
// are written. One batch is with the store at a time, so that records are stored in their order
// whatever becomes of a batch; the writer waits for the next one for a fraction of what it spends
// on one. Nothing is read that there is no room for. Deletes itself when gRPC is done.
class ImportStream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                           private StreamCall {
 public:
  // `imports` must outlive it.
  ImportStream(const ServiceContext& services, absl::string_view method,
               grpc::CallbackServerContext* context, Imports& imports)
      : StreamCall(services, method, context), imports_(imports) {}

  // Once, first of all.
  void Start();

 private:
  // A record that has been checked.
  struct Entry {
    absl::StatusOr<CheckedRecord> record;
    std::string name;  // Of one that is refused.
    size_t bytes;      // Its share of the budget of requests.
  };

  // Records that are with the store, and what became of those that never went there.
  struct Batch {
    struct Item {
      absl::Status refusal;
      std::string name;
    };
    std::vector<Item> items;
    std::shared_ptr<const std::vector<CheckedRecord>> records;  // Of the items without a refusal.
    size_t bytes = 0;
  };

  Progress Step() override;
  void Destroy() override { delete this; }
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  absl::Status Begin();

  // On the thread that checks.
  void CheckMessage();
  absl::StatusOr<std::vector<Entry>> CheckRecords();

  // Each begins what it can begin now.
  void ReadMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CheckMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool CanStore() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Progress EndIfDone() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Makes a batch of what has been checked.
  void TakeBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void Store();
  void Stored(absl::StatusOr<std::vector<RecordOutcome>> outcomes);
  void Acknowledge(const std::vector<RecordOutcome>& outcomes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddRefusal(int64_t index, const std::string& name, const absl::Status& refusal)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendAcknowledgement() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Tries again later what was refused, unless that has been tried for too long.
  void TryLater(const absl::Status& refusal) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TryAgain();

  void Fail(absl::Status failure) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End();
  void GiveBack(size_t bytes);

  Imports& imports_;
  bool is_counted_ = false;
  bool ended_ = false;
  std::atomic<size_t> held_bytes_ = 0;  // Of the budget of requests.

  Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);

  // What is under way. The buffer that is read into is gRPC's meanwhile, the message is the
  // checking thread's, and the batch the store's.
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool checking_ ABSL_GUARDED_BY(mutex_) = false;
  bool entering_ ABSL_GUARDED_BY(mutex_) = true;  // Until it is known who is calling.
  bool storing_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;  // For the alarm, to try again.
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer message_;
  Batch batch_;
  grpc::ByteBuffer outgoing_;
  std::optional<grpc::Alarm> alarm_;

  bool has_incoming_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_message_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_batch_ ABSL_GUARDED_BY(mutex_) = false;
  bool reads_ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Entry> checked_ ABSL_GUARDED_BY(mutex_);
  size_t checked_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time give_up_at_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();

  v1::ImportThreadsResponse acknowledgement_ ABSL_GUARDED_BY(mutex_);
  bool has_news_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_acknowledged_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t refused_count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_IMPORT_STREAM_H_
