#ifndef THREADSTORE_CLIENT_STREAM_H_
#define THREADSTORE_CLIENT_STREAM_H_

#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/thread_client.h"
#include "grpcpp/client_context.h"
#include "server/base/mutex.h"

// What the streams of the client library share; not installed.
namespace threadstore {

struct Cancellation::State {
  Mutex mutex;
  CondVar changed;
  bool is_cancelled ABSL_GUARDED_BY(mutex) = false;
  std::set<grpc::ClientContext*> contexts ABSL_GUARDED_BY(mutex);
};

// The context of one stream, which its cancellation, if there is one, cancels.
class StreamContext {
 public:
  explicit StreamContext(Cancellation* cancellation);
  ~StreamContext();
  StreamContext(const StreamContext&) = delete;
  StreamContext& operator=(const StreamContext&) = delete;

  grpc::ClientContext* get() { return &context_; }

 private:
  grpc::ClientContext context_;
  Cancellation* const cancellation_;
};

// Decides whether a stream that has ended is begun again, and when.
class Retries {
 public:
  // `options` must outlive it.
  explicit Retries(const StreamOptions& options) : options_(options), last_progress_(absl::Now()) {}

  // The stream got on: patience begins anew.
  void NoteProgress();

  // Waits until the stream is to be begun again, and returns OK. Otherwise what the caller is to
  // be told: `ended`, or CANCELLED.
  absl::Status AwaitNext(const absl::Status& ended);

 private:
  absl::Status Sleep(absl::Duration duration);

  const StreamOptions& options_;
  absl::Time last_progress_;
  int number_ = 0;
};

}  // namespace threadstore

#endif  // THREADSTORE_CLIENT_STREAM_H_
