#ifndef THREADSTORE_SERVER_SERVICE_CALLS_IN_FLIGHT_H_
#define THREADSTORE_SERVER_SERVICE_CALLS_IN_FLIGHT_H_

#include <cstddef>
#include <list>
#include <set>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"

namespace threadstore {

// The calls that have begun and whose end gRPC has not reported yet. Cancels those whose clients do
// not take their answers; can be closed, to drain. Thread-safe.
class CallsInFlight {
 public:
  class Call {
   public:
    // Makes gRPC end the call soon. Called at most once, from any thread, while the call is in
    // flight; must not block.
    virtual void Cancel() = 0;

    // The server drains: a stream, which would go on for long, is to end by itself soon. Called at
    // most once, while the call is in flight.
    virtual void Drain() {}

   protected:
    Call() = default;
    ~Call() = default;

   private:
    friend class CallsInFlight;
    absl::Time overdue_at_;
    std::list<Call*>::iterator place_;
    bool is_answered_ = false;
  };

  // A call whose answer was not taken in `answer_timeout` is cancelled within a second after it.
  explicit CallsInFlight(absl::Duration answer_timeout);

  // No call may be in flight.
  ~CallsInFlight();

  CallsInFlight(const CallsInFlight&) = delete;
  CallsInFlight& operator=(const CallsInFlight&) = delete;

  // False once this is closed; otherwise Leave must follow, and the call live until then.
  bool TryEnter();
  void Leave(Call& call);

  // Likewise for a stream, which hears of the drain.
  bool TryEnterStream(Call& stream);
  void LeaveStream(Call& stream);

  // The call's answer is about to be handed to gRPC. At most once, between TryEnter and Leave,
  // unless it has been taken.
  void Answer(Call& call);

  // The answer has been taken, and the call goes on.
  void Taken(Call& call);

  // Lets no call in any more, and returns when none is in flight, or at `deadline`.
  void CloseAndWait(absl::Time deadline);

 private:
  void CancelOverdueCalls();
  void DrainStreams() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const absl::Duration answer_timeout_;

  Mutex mutex_;
  CondVar empty_;
  CondVar ending_;
  size_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  // In the order in which they become overdue.
  std::list<Call*> answered_ ABSL_GUARDED_BY(mutex_);
  std::set<Call*> streams_ ABSL_GUARDED_BY(mutex_);
  Call* draining_ ABSL_GUARDED_BY(mutex_) = nullptr;
  CondVar drained_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_CALLS_IN_FLIGHT_H_
