#ifndef THREADSTORE_SERVER_CONFIG_H_
#define THREADSTORE_SERVER_CONFIG_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace threadstore {

// HOST:PORT, as flags give it; an IPv6 host is written in brackets.
struct HostPort {
  std::string host;  // Without brackets.
  int port = 0;

  bool is_loopback() const;
  std::string ToString() const;
};

// INVALID_ARGUMENT if `text` is not HOST:PORT with a port of 0 to 65535.
absl::StatusOr<HostPort> ParseHostPort(const std::string& text);

// The settings of a server. Each is a flag of the same name, and THREADSTORE_NAME in the
// environment; the flag wins.
struct Config {
  // Where gRPC is served. Loopback, so that a server started without thought is not open to the
  // network. Port 0 takes a free port.
  std::string listen = "127.0.0.1:50051";

  // Where data lives: sqlite:PATH.
  std::string store = "sqlite:threadstore.db";

  // How callers are told apart: none.
  std::string auth = "none";

  // Lets auth=none be served on addresses that others can reach.
  bool allow_unauthenticated = false;

  // Lets the store's file lie on a network file system.
  bool allow_network_filesystem = false;

  // Serves gRPC reflection, so that grpcurl needs no proto files.
  bool reflection = true;

  // The deadline of calls that come with none.
  absl::Duration default_timeout = absl::Seconds(30);

  // How long calls in flight may take after SIGTERM before they are cancelled. Kubernetes kills
  // after 30 s by default.
  absl::Duration drain_timeout = absl::Seconds(20);

  // Writes, and reads, that may wait for the store. A full write queue is about a quarter of a
  // second of work.
  size_t write_queue = 8192;
  size_t read_queue = 8192;

  // Threads that read the store; one a core is enough, since they seldom wait for the disk.
  int reader_threads = 2;

  // Bytes of all requests in flight.
  size_t request_memory = size_t{256} << 20;

  // How long request_ids are remembered.
  absl::Duration request_id_retention = absl::Hours(24);

  // The file of an sqlite: store.
  std::string sqlite_path() const;
};

// OK, or INVALID_ARGUMENT whose message names the flag and the rule it breaks.
absl::Status Validate(const Config& config);

// What a command line asks for.
struct CommandLine {
  enum class Command {
    kServe,
    kMigrate,
    kPrint,  // Only print `output`: help or version.
  };
  Command command = Command::kPrint;
  Config config;
  std::string output;
};

// Reads flags and environment, and validates the result. INVALID_ARGUMENT with one line for the
// user if they are wrong.
absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_CONFIG_H_
