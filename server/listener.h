#ifndef THREADSTORE_SERVER_LISTENER_H_
#define THREADSTORE_SERVER_LISTENER_H_

#include <functional>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace threadstore {

struct HostPort;

// Listens on a TCP address and accepts connections on a thread of its own.
//
// In gRPC's place, because the listener of gRPC 1.51 ends for good when descriptors run out, and
// does not bound its connections.
class Listener {
 public:
  // Takes an accepted, non-blocking socket and owns it. Called on the listener's thread.
  using OnConnection = std::function<void(int descriptor)>;

  // Begins to listen; connections wait until Start. UNAVAILABLE, with the cause, if the address
  // cannot be listened on. Port 0 takes a free one.
  static absl::StatusOr<std::unique_ptr<Listener>> Listen(const HostPort& address);

  // As Stop.
  virtual ~Listener() = default;

  // The port that is listened on.
  virtual int port() const = 0;

  // Begins to accept. A connection beyond `max_connections` open ones is closed at once. While the
  // process has no descriptor left, connections wait. Called once.
  virtual void Start(int max_connections, OnConnection on_connection) = 0;

  // Gives back the place of a socket that its owner is about to close. Those whose owner does not
  // tell are looked for when there seem to be too many, but not all the time. From any thread.
  virtual void OnClosing(int descriptor) = 0;

  // When the connection of a peer, as gRPC names it, was accepted; nothing if there is none.
  virtual std::optional<absl::Time> AcceptedAt(absl::string_view peer) = 0;

  // Closes the listening socket and ends the thread. Accepted sockets are their owners'.
  virtual void Stop() = 0;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_LISTENER_H_
