#ifndef THREADSTORE_SERVER_SERVICE_CHANGE_FEED_H_
#define THREADSTORE_SERVER_SERVICE_CHANGE_FEED_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/authenticator.h"
#include "server/base/byte_budget.h"
#include "server/base/mutex.h"
#include "server/base/shares.h"
#include "server/domain/change_query.h"
#include "server/store/thread_store.h"

namespace threadstore {

// What a watch sends to its caller. Send and End are called on the feed's thread only, which they
// must not block.
class WatchSink {
 public:
  // Parts that, one after the other, are a serialized v1::WatchThreadsResponse. Other watches may
  // have the same ones.
  using Message = std::vector<std::shared_ptr<const std::string>>;

  virtual ~WatchSink() = default;

  // Sends a message. The next comes only after ChangeFeed::Taken.
  virtual void Send(Message message) = 0;

  // Who watches, as CallContext::caller. From any thread; always the same.
  virtual uint64_t caller() const = 0;

  // Ends the watch, whose place is free by now. Called once at most, and the last call; the message
  // before may still be on its way.
  virtual void End(absl::Status status) = 0;
};

// Tells watches of changes as they happen. Thread-safe.
//
// While there are watches, it follows the log of changes for all of them, and keeps what is newest
// as it is sent. A watch that is behind that reads the log by itself until it has caught up. Who
// may see a group is looked at anew when a watch reads by itself, and otherwise before it is sent
// anything, if it has not been for a second.
//
// The store never waits for a watch, and a watch for another only while those that are slow have
// all the memory for messages on their way.
class ChangeFeed {
 public:
  struct Options {
    // Watches that may be open at once, half of them for one caller; one more is refused with
    // TOO_MANY_STREAMS.
    int max_watches = 1000;

    // How long a caller may take for a message; then its watch ends with WATCH_TOO_SLOW.
    absl::Duration take_timeout = absl::Seconds(30);

    // How long a watch is silent if nothing changes.
    absl::Duration bookmark_interval = absl::Seconds(10);

    // For how long a caller who may see a group is believed still to be one.
    absl::Duration access_interval = absl::Seconds(1);

    // How much is kept: changes, and their bytes. A watch that has kept up, and then has not taken
    // a message before what follows it is dropped here, ends with WATCH_TOO_SLOW.
    size_t max_changes = 16'384;
    size_t max_bytes = size_t{32} << 20;
  };

  struct Watch {
    std::shared_ptr<WatchSink> sink;
    ChangeQuery query;
    std::optional<RequiredMember> required_member;

    // The authenticator's in which the caller's credentials count. In another one the watch ends
    // with INVALID_CREDENTIALS: whose credentials still count comes back.
    uint64_t generation = 0;

    // When to end it with OK.
    absl::Time end = absl::InfiniteFuture();
  };

  // All must outlive this but the options. From the memory messages on their way are taken.
  ChangeFeed(ThreadStore& store, const Authenticator& authenticator, ByteBudget& memory,
             const Options& options);

  // As Close.
  ~ChangeFeed();

  ChangeFeed(const ChangeFeed&) = delete;
  ChangeFeed& operator=(const ChangeFeed&) = delete;

  // Begins a watch: its first message, which may have no changes, comes as soon as it is known
  // where it begins. If it is refused, its sink is not called.
  absl::Status Add(Watch watch);

  // The watch's message has been taken.
  void Taken(const WatchSink& sink);

  // The watch ends, whoever ends it: its place is free for another when this returns. To be called
  // before its caller can hear of the end; again does nothing.
  void Leave(const WatchSink& sink);

  // The watch is over, and nothing of it is on its way. Leaves, if that has not been done. Its sink
  // may be called until it is destroyed, which is when nothing is read for it any more.
  void Remove(const WatchSink& sink);

  // Ends all watches with OK, and lets none in any more.
  void Drain();

  // Drains, and ends the thread. Neither the store nor any sink is called after this.
  void Close();

 private:
  using Task = absl::AnyInvocable<void() &&>;

  // A watch as it stands. The thread's own.
  struct State {
    Watch watch;
    uint64_t fingerprint = 0;
    std::optional<ChangePosition> position;  // None until it is known where the watch begins.
    std::string token;                       // The last that its caller has.
    absl::Time checked_at = absl::InfinitePast();
    absl::Time sent_at = absl::InfinitePast();
    size_t bytes_taken = 0;                 // From the memory, for the message on its way.
    WatchSink::Message unsent;              // Waits for memory.
    std::string unsent_token;               // What is in there.
    std::optional<absl::Status> then_ends;  // After what is on its way.
    bool is_reading = false;
    bool is_sending = false;
    bool was_checked = false;    // For what is to be sent next.
    bool has_begun = false;      // Whether it has sent anything.
    bool has_caught_up = false;  // Whether its last read found all there was.
    bool has_kept_up = false;    // Whether its last message came from what is kept here.
    bool group_is_deleted = false;
    bool has_ended = false;
  };
  using States = std::map<const WatchSink*, State>;

  // A change as it is sent, and whose it is.
  struct Entry {
    StoredChange change;  // Without its resource.
    std::shared_ptr<const std::string> bytes;
  };

  void Post(Task task);
  void Run();
  State* Find(const WatchSink* sink);

  // Reads what is new in the log, if anybody watches.
  void Follow();
  void OnFollowed(absl::StatusOr<ChangePage> page);
  void Keep(StoredChange& change);
  void Forget();
  bool IsKept(const State& state) const;

  // Does what is next for a watch: waits, reads, sends or ends.
  void Advance(State& state);
  void AdvanceAll();
  void Read(State& state, bool only_check);
  void OnRead(const WatchSink* sink, bool only_check, absl::Time began,
              absl::StatusOr<ChangePage> page);

  // The next message from what is kept; nothing if no change is the watch's.
  WatchSink::Message TakeKept(State& state);

  // Sends the changes with a token, as soon as there is memory.
  void Send(State& state, WatchSink::Message message);
  void SendUnsent(State& state);
  void End(State& state, absl::Status status);
  void EndIfTooSlow(State& state);
  void EndIfWithdrawn(State& state, uint64_t generation);

  ThreadStore& store_;
  const Authenticator& authenticator_;
  ByteBudget& memory_;
  const Options options_;

  std::atomic<bool> has_watches_ = false;

  Mutex mutex_;
  CondVar wake_;
  CondVar read_ended_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  bool has_changed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<const WatchSink*> open_ ABSL_GUARDED_BY(mutex_);  // Who have places.
  Shares shares_ ABSL_GUARDED_BY(mutex_);                               // Of the places.
  int reads_ ABSL_GUARDED_BY(mutex_) = 0;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;

  // The thread's own. Kept are the changes after `kept_after_`, up to `followed_`; nothing is while
  // that is absent.
  States states_;
  std::deque<Entry> kept_;
  size_t kept_bytes_ = 0;
  int64_t kept_after_ = 0;
  std::optional<ChangePosition> followed_;
  bool is_following_ = false;  // Whether a read is on its way.
  bool may_have_more_ = false;
  absl::Time follow_not_before_ = absl::InfinitePast();  // After a read that failed.
  absl::Time next_tick_ = absl::InfinitePast();

  std::thread thread_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_CHANGE_FEED_H_
