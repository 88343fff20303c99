#ifndef THREADSTORE_SERVER_SERVICE_STREAM_CALL_H_
#define THREADSTORE_SERVER_SERVICE_STREAM_CALL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/auth/principal.h"
#include "server/base/mutex.h"
#include "server/service/caller.h"
#include "server/service/calls_in_flight.h"
#include "server/service/unary_call.h"

namespace threadstore {

// What streams share, apart from gRPC's reactors: entering and leaving, who is calling, the budget
// of answers, the time that a client has to take one, the drain, and that one thread at a time
// decides what comes next.
//
// A stream is driven by steps. Whatever happens to it is written down, under a lock of its own, and
// then Wake is called; Step looks at what is written down and does the next thing.
class StreamCall : private CallsInFlight::Call {
 protected:
  StreamCall(const ServiceContext& services, absl::string_view method,
             grpc::CallbackServerContext* context)
      : services_(services), method_(method), context_(context) {}
  ~StreamCall() = default;

  enum class Progress {
    kMore,   // There may be more to do at once.
    kWait,   // Something must happen first.
    kEnded,  // The stream has been finished; it may be gone.
  };

  // Never called by two threads at once, nor inside itself.
  virtual Progress Step() = 0;

  virtual void Destroy() = 0;

  // Lets Step run until there is nothing to do, on this thread or on the one that runs it already.
  void Wake();

  // Before anything else. `done` is told an error if the call may not go on, at once or on another
  // thread; the call must not end before. `held_bytes` are those of a request that waits meanwhile.
  void Enter(size_t held_bytes, absl::AnyInvocable<void(absl::Status) &&> done);

  // When gRPC is done with the call. The stream is destroyed when nothing keeps it any more.
  void Leave();

  // What is under way on a thread that is not gRPC's keeps the stream from Keep until Release,
  // which comes after its Wake: as soon as it has written down what happened, another thread may
  // end the stream. Once ended it waits for nobody, and Wake does nothing.
  void Keep() { ++keepers_; }
  void Release();

  // The bytes of an answer that is about to be handed to gRPC; Taken must follow. A client that
  // does not take it in time is cut off with DEADLINE_EXCEEDED.
  grpc::ByteBuffer Answer(const google::protobuf::MessageLite& message);
  void Taken();

  // Without a deadline but the caller's, which gRPC minds.
  CallContext MakeCallContext() const;

  const ServiceContext& services() const { return services_; }
  absl::string_view method() const { return method_; }
  const Principal& principal() const { return caller_.principal; }
  uint64_t caller() const { return caller_.number; }
  bool draining() const { return draining_; }

 private:
  void Cancel() override;
  void Drain() override;

  const ServiceContext& services_;
  const absl::string_view method_;
  grpc::CallbackServerContext* const context_;
  Caller caller_;
  bool entered_ = false;
  std::atomic<int> keepers_ = 1;  // gRPC is one.
  size_t answer_bytes_ = 0;
  std::atomic<bool> draining_ = false;

  Mutex wake_mutex_;
  bool awake_ ABSL_GUARDED_BY(wake_mutex_) = false;
  bool woken_again_ ABSL_GUARDED_BY(wake_mutex_) = false;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_STREAM_CALL_H_
