#include "server/listener.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/errno_text.h"
#include "server/base/mutex.h"
#include "server/base/status_macros.h"
#include "server/base/thread_name.h"
#include "server/config.h"
#include "server/telemetry/log.h"

namespace threadstore {
namespace {

// Connections that the kernel keeps while none is accepted; it cuts this to net.core.somaxconn.
constexpr int kBacklog = 4096;

// How long to wait for descriptors or memory to be given back.
constexpr int kRetryMilliseconds = 100;

constexpr int kMaxAcceptedAtOnce = 64;

// How often it is looked which connections are still open, when there may be too many.
constexpr absl::Duration kForgetInterval = absl::Milliseconds(100);

// How often connections that are turned away are logged.
constexpr absl::Duration kLogInterval = absl::Seconds(10);

absl::Status CannotListen(const HostPort& address, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("cannot listen on ", address.ToString(), ": ", why));
}

void Enable(int socket, int level, int option) {
  constexpr int kOn = 1;
  setsockopt(socket, level, option, &kOn, sizeof kOn);
}

// IPv4 and IPv6 keep the port at the same place.
uint16_t& PortOf(sockaddr* address) {
  return address->sa_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(address)->sin6_port
                                        : reinterpret_cast<sockaddr_in*>(address)->sin_port;
}

// What tells a socket from another file that has its descriptor later; 0 if it is closed, or no
// socket.
ino_t InodeOf(int descriptor) {
  struct stat info;
  return fstat(descriptor, &info) == 0 && S_ISSOCK(info.st_mode) ? info.st_ino : 0;
}

// The address of a peer as gRPC writes it: a URI such as ipv4:127.0.0.1:4711.
std::string PeerUri(sockaddr_storage& peer) {
  char text[INET6_ADDRSTRLEN] = {};
  const uint16_t port = ntohs(PortOf(reinterpret_cast<sockaddr*>(&peer)));
  if (peer.ss_family != AF_INET6) {
    inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in&>(peer).sin_addr, text, sizeof text);
    return absl::StrCat("ipv4:", text, ":", port);
  }
  const in6_addr& address = reinterpret_cast<sockaddr_in6&>(peer).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    constexpr size_t kPrefixBytes = 12;
    inet_ntop(AF_INET, &address.s6_addr[kPrefixBytes], text, sizeof text);
    return absl::StrCat("ipv4:", text, ":", port);
  }
  inet_ntop(AF_INET6, &address, text, sizeof text);
  return absl::StrCat("ipv6:%5B", text, "%5D:", port);
}

class TcpListener final : public Listener {
 public:
  ~TcpListener() override {
    Stop();
    if (stop_event_ >= 0) close(stop_event_);
  }

  // Listens on `address`, with port 0 on the port that this listener has already. Returns false
  // and sets errno on failure.
  bool Add(sockaddr* address, socklen_t size) {
    if (stop_event_ < 0) stop_event_ = eventfd(0, EFD_CLOEXEC);
    if (stop_event_ < 0) return false;
    const int socket = ::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket < 0) return false;
    Enable(socket, SOL_SOCKET, SO_REUSEADDR);
    // Accepted sockets inherit it.
    Enable(socket, IPPROTO_TCP, TCP_NODELAY);
    if (PortOf(address) == 0) PortOf(address) = htons(static_cast<uint16_t>(port_));
    if (bind(socket, address, size) != 0 || listen(socket, kBacklog) != 0 ||
        getsockname(socket, address, &size) != 0) {
      const int error = errno;
      close(socket);
      errno = error;
      return false;
    }
    sockets_.push_back(socket);
    port_ = ntohs(PortOf(address));
    return true;
  }

  int port() const override { return port_; }

  void Start(int max_connections, OnConnection on_connection) override {
    on_connection_ = std::move(on_connection);
    max_connections_ = static_cast<size_t>(max_connections);
    thread_ = std::thread([this] {
      SetThreadName("listener");
      Run();
    });
  }

  std::optional<absl::Time> AcceptedAt(absl::string_view peer) override {
    MutexLock lock(&mutex_);
    std::optional<absl::Time> accepted;
    for (const auto& [descriptor, connection] : connections_) {
      // One that is closed may have had the same address and port.
      if (connection.peer == peer) accepted = std::max(accepted, {connection.accepted});
    }
    return accepted;
  }

  void OnClosing(int descriptor) override {
    MutexLock lock(&mutex_);
    connections_.erase(descriptor);
  }

  void Stop() override {
    constexpr uint64_t kOne = 1;
    if (thread_.joinable() && write(stop_event_, &kOne, sizeof kOne) == sizeof kOne) {
      thread_.join();
    }
    for (const int socket : std::exchange(sockets_, {})) close(socket);
  }

 private:
  void Run() {
    std::vector<pollfd> events = {{stop_event_, POLLIN, 0}};
    for (const int socket : sockets_) events.push_back({socket, POLLIN, 0});
    while (events[0].revents == 0) {
      constexpr int kForever = -1;
      poll(events.data(), events.size(), kForever);
      for (const pollfd& event : events) {
        if (event.fd == stop_event_ || event.revents == 0 || AcceptAll(event.fd)) continue;
        poll(events.data(), 1, kRetryMilliseconds);
      }
    }
  }

  // Accepts the connections that wait. Returns false if they have to wait longer: for descriptors
  // or memory, as a rule.
  bool AcceptAll(int socket) {
    // In turns, so that a flood keeps neither other addresses nor Stop waiting.
    for (int i = 0; i < kMaxAcceptedAtOnce; ++i) {
      const int connection = accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (connection >= 0) {
        Take(connection);
        continue;
      }
      if (errno == EAGAIN) return true;
      if (errno == ECONNABORTED || errno == EINTR || errno == EPROTO) continue;
      LogNowAndThen("connections wait", ErrnoText(errno));
      return false;
    }
    return true;
  }

  void Take(int connection) {
    sockaddr_storage peer;
    socklen_t size = sizeof peer;
    // One that has been reset meanwhile would only be an error in gRPC's log.
    if (getpeername(connection, reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
      close(connection);
      return;
    }
    if (CountConnections() >= max_connections_) ForgetClosed();
    if (CountConnections() >= max_connections_) {
      close(connection);
      return LogNowAndThen("connection refused", "max_connections are open");
    }
    {
      MutexLock lock(&mutex_);
      connections_[connection] = {InodeOf(connection), PeerUri(peer), absl::Now()};
    }
    on_connection_(connection);
  }

  size_t CountConnections() {
    MutexLock lock(&mutex_);
    return connections_.size();
  }

  // gRPC does not tell when it closes a connection. Its descriptor is then free, or another file's.
  void ForgetClosed() {
    const absl::Time now = absl::Now();
    if (now - last_forgotten_ < kForgetInterval) return;
    last_forgotten_ = now;
    MutexLock lock(&mutex_);
    std::erase_if(connections_,
                  [](const auto& entry) { return InodeOf(entry.first) != entry.second.inode; });
  }

  void LogNowAndThen(absl::string_view event, const std::string& cause) {
    const absl::Time now = absl::Now();
    if (now - last_log_ < kLogInterval) return;
    last_log_ = now;
    log::Warning(event, {{"cause", cause}});
  }

  std::vector<int> sockets_;
  int stop_event_ = -1;
  int port_ = 0;
  OnConnection on_connection_;
  size_t max_connections_ = 0;

  struct Connection {
    ino_t inode = 0;
    std::string peer;
    absl::Time accepted;
  };
  Mutex mutex_;
  // By descriptor; some may be closed.
  std::unordered_map<int, Connection> connections_ ABSL_GUARDED_BY(mutex_);

  // The thread's own.
  absl::Time last_forgotten_ = absl::InfinitePast();
  absl::Time last_log_ = absl::InfinitePast();

  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Listen(const HostPort& address) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code =
      getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (code != 0) return CannotListen(address, gai_strerror(code));
  const absl::Cleanup free_found = [found] { freeaddrinfo(found); };
  auto listener = std::make_unique<TcpListener>();
  // A name such as localhost may have several addresses, also one twice, or some that the machine
  // has not.
  std::set<std::string> seen;
  int error = 0;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    const std::string bytes(reinterpret_cast<const char*>(info->ai_addr), info->ai_addrlen);
    if (!seen.insert(bytes).second || listener->Add(info->ai_addr, info->ai_addrlen)) continue;
    error = errno;
    if (error != EADDRNOTAVAIL && error != EAFNOSUPPORT) {
      return CannotListen(address, ErrnoText(error));
    }
  }
  if (listener->port() == 0) return CannotListen(address, ErrnoText(error));
  return listener;
}

}  // namespace threadstore
