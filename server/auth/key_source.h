#ifndef THREADSTORE_SERVER_AUTH_KEY_SOURCE_H_
#define THREADSTORE_SERVER_AUTH_KEY_SOURCE_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/auth/key_set.h"

namespace threadstore {

// When keys are fetched. Real time, since it bounds what others are asked for.
struct KeyRefresh {
  // After this time they are fetched again, so that a key that is withdrawn is not believed for
  // long.
  absl::Duration interval = absl::Minutes(5);

  // For a key that is not known they are fetched at once, but in the long run not more often than
  // this. So many times they are without having to wait, so that it does not matter how long ago
  // they were fetched: issuer and server may have been started together.
  absl::Duration min_interval = absl::Seconds(10);
  int burst = 3;

  // After a failure they are fetched again soon, and then twice as late each time up to `interval`.
  absl::Duration retry = absl::Seconds(1);
};

// The newest keys of an issuer that could be fetched. Has a thread. Thread-safe.
class KeySource {
 public:
  // The text of a JSON Web Key Set. May block; called on one thread at a time.
  using Fetch = std::function<absl::StatusOr<std::string>()>;

  // Those who wait at once for keys to be fetched. They need no valid token for that, and hold
  // their requests.
  static constexpr size_t kMaxWaiting = 100;

  // `name` is the issuer's, for the log. `on_withdrawal` is called on the source's thread when
  // tokens may have ceased to be verified (see KeySet::VerifiesAllOf).
  KeySource(std::string name, Fetch fetch, KeyRefresh refresh, std::function<void()> on_withdrawal);

  // Those who wait are called. Does not wait for a fetch that is under way.
  ~KeySource();

  KeySource(const KeySource&) = delete;
  KeySource& operator=(const KeySource&) = delete;

  // Null before the first could be fetched. The last good ones while the source is down.
  std::shared_ptr<const KeySet> keys() const;

  // Waits until they have been fetched, or have failed to be, for the first time; so long at most.
  void AwaitFirst(absl::Duration limit) const;

  // If they should be fetched again for the sake of a key that is not among them: has that done,
  // and returns true; `ready` is called on the source's thread, which it must not hold up. Returns
  // false, and leaves `ready` as it is, if the key is there, they have been fetched for the sake of
  // others too often of late, or too many wait.
  bool AwaitKey(absl::string_view key_id, absl::AnyInvocable<void() &&>& ready);

 private:
  struct Shared;

  // Shared with the thread, which a fetch that hangs may keep longer than this lives.
  const std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_AUTH_KEY_SOURCE_H_
