#ifndef THREADSTORE_SERVER_SERVICE_EXPORT_STREAM_H_
#define THREADSTORE_SERVER_SERVICE_EXPORT_STREAM_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/base/mutex.h"
#include "server/service/stream_call.h"
#include "server/store/thread_store.h"

namespace threadstore {

// One ExportThreads. Reads the next records while gRPC sends those before. Deletes itself when gRPC
// is done.
class ExportStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer>, private StreamCall {
 public:
  ExportStream(const ServiceContext& services, absl::string_view method,
               grpc::CallbackServerContext* context)
      : StreamCall(services, method, context) {}

  // Once, first of all.
  void Start(grpc::ByteBuffer& request);

 private:
  Progress Step() override;
  void Destroy() override { delete this; }
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  absl::Status Open(grpc::ByteBuffer& request);
  void Opened(absl::StatusOr<std::unique_ptr<RecordExport>> opened);
  void Read(absl::StatusOr<RecordChunk> chunk);

  void Fail(absl::Status failure) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendChunk() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<RecordExport> export_ ABSL_GUARDED_BY(mutex_);
  std::optional<RecordChunk> chunk_ ABSL_GUARDED_BY(mutex_);  // That is to be sent next.
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;              // Or opening.
  bool has_begun_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_more_ ABSL_GUARDED_BY(mutex_) = true;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t sent_count_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_first_ ABSL_GUARDED_BY(mutex_) = true;
  grpc::ByteBuffer outgoing_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_EXPORT_STREAM_H_
