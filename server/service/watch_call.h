#ifndef THREADSTORE_SERVER_SERVICE_WATCH_CALL_H_
#define THREADSTORE_SERVER_SERVICE_WATCH_CALL_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/base/mutex.h"
#include "server/service/caller.h"
#include "server/service/calls_in_flight.h"
#include "server/service/change_feed.h"
#include "server/service/unary_call.h"
#include "threadstore/v1/thread_service.pb.h"

namespace threadstore {

// What watches are built on. Everything outlives the server's calls.
struct WatchServices {
  ChangeFeed& feed;

  // When a watch that begins now should end by itself, given its peer as gRPC names it: before the
  // connection is cut off for its age.
  std::function<absl::Time(absl::string_view peer)> end_of_watch;
};

// A call of WatchThreads: the steps that it shares with every RPC, and then what the feed sends.
class WatchCall final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                        public WatchSink,
                        private CallsInFlight::Call {
 public:
  // Begins a call. It deletes itself when gRPC and the feed are done with it.
  static grpc::ServerWriteReactor<grpc::ByteBuffer>* Start(const ServiceContext& services,
                                                           const WatchServices& watches,
                                                           absl::string_view method,
                                                           grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* request);

  void Send(Message message) override;
  uint64_t caller() const override { return caller_number_; }
  void End(absl::Status status) override;

 private:
  WatchCall(const ServiceContext& services, const WatchServices& watches, absl::string_view method,
            grpc::CallbackServerContext* context)
      : services_(services), watches_(watches), method_(method), context_(context) {}

  // Everything before anyone asks who is calling.
  absl::Status Begin(grpc::ByteBuffer& bytes);

  // Everything else before the feed takes over.
  absl::Status Follow(absl::StatusOr<Caller> caller);
  absl::StatusOr<ChangeFeed::Watch> MakeWatch(const Principal& caller) const;
  void EndBeginning(absl::Status status);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;
  void Cancel() override { context_->TryCancel(); }

  const ServiceContext& services_;
  const WatchServices& watches_;
  const absl::string_view method_;
  grpc::CallbackServerContext* const context_;
  std::shared_ptr<WatchCall> self_;  // Until gRPC is done.
  bool entered_ = false;
  bool is_fed_ = false;
  uint64_t caller_number_ = 0;  // Known before the feed has it.
  v1::WatchThreadsRequest request_;
  size_t request_bytes_ = 0;

  Mutex mutex_;
  bool begins_ ABSL_GUARDED_BY(mutex_) = true;
  bool was_cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ByteBuffer message_ ABSL_GUARDED_BY(mutex_);  // gRPC's until OnWriteDone.
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_WATCH_CALL_H_
