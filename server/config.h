#ifndef THREADSTORE_SERVER_CONFIG_H_
#define THREADSTORE_SERVER_CONFIG_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

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

  // How callers are told apart: none, token or jwt.
  std::string auth = "none";

  // A YAML file of issuers, tokens and grants, which is read again when it changes.
  std::string auth_config;

  // Of auth=jwt: whose tokens are believed, for which audiences, and where the issuer's keys are: a
  // file, or an https URL. More issuers are in auth_config.
  std::string jwt_issuer;
  std::vector<std::string> jwt_audience;
  std::string jwks;

  // Where Graph's JSON is served over HTTP; empty is nowhere.
  std::string http_listen = "127.0.0.1:8080";

  // The sites, as SCHEME://HOST[:PORT], whose pages browsers let call the HTTP face.
  std::vector<std::string> http_cors_origins;

  // How clients reach the HTTP face, for the links in its answers. Empty takes the scheme and the
  // host of each request.
  std::string http_public_url;

  // Serves a description of the HTTP face, and pages to try it.
  bool http_docs = false;

  // The addresses, as IP or IP/BITS, whose Forwarded and X-Forwarded-* headers are believed.
  std::vector<std::string> trusted_proxies;

  // PEM files of the server's certificates and their key: both faces are then served over TLS, and
  // otherwise in plain text. Read again when they change.
  std::string tls_cert;
  std::string tls_key;

  // PEM file of the certificates that vouch for clients: both faces then serve only clients with a
  // certificate of one of them. Read again when it changes.
  std::string tls_client_ca;

  // Lets auth=none be served on addresses that others can reach.
  bool allow_unauthenticated = false;

  // Lets the store's file lie on a network file system.
  bool allow_network_filesystem = false;

  // Says in the log who has changed what.
  bool audit_log = true;

  // Serves gRPC reflection, so that grpcurl needs no proto files.
  bool reflection = true;

  // The deadline of calls that come with none, and the time that every caller has to take its
  // answer.
  absl::Duration default_timeout = absl::Seconds(30);

  // How long calls in flight may take after SIGTERM before they are cancelled. Kubernetes kills
  // after 30 s by default.
  absl::Duration drain_timeout = absl::Seconds(20);

  // Connections that may be open at once, to each of the faces. Each takes a descriptor and about
  // 50 KiB.
  int max_connections = 1024;

  // Calls in flight on one connection; further ones wait in the client. Each takes about 10 KiB and
  // its headers.
  int max_concurrent_streams = 100;

  // A connection is closed after this time, so that clients spread over new replicas: it takes no
  // new calls, and those in flight get the grace. gRPC varies the age by a tenth.
  absl::Duration max_connection_age = absl::Minutes(30);
  absl::Duration max_connection_age_grace = absl::Seconds(30);

  // A connection on which nothing comes for this time is asked for a sign of life, and closed if
  // none comes in time: a peer that is gone, or does not read, holds nothing for long.
  absl::Duration keepalive_time = absl::Seconds(60);
  absl::Duration keepalive_timeout = absl::Seconds(20);

  // How often clients may ask the same, with or without calls in flight; one that asks more often
  // is sent away. Go and Java clients in Kubernetes are often set to 20 s or 30 s.
  absl::Duration keepalive_min_interval = absl::Seconds(10);

  // Serves grpc.channelz.v1. It shows every peer's address to whoever can connect.
  bool channelz = false;

  // Writes, and reads, that may wait for the store, half of them for one caller. A full write queue
  // is about a quarter of a second of work.
  size_t write_queue = 8192;
  size_t read_queue = 8192;

  // Threads that read the store; one a core is enough, since they seldom wait for the disk.
  int reader_threads = 2;

  // Calls a second that each caller may make; 0 is no limit. And calls that it may make at once,
  // after it has made none for a while; 0 is those of a second, or 20, as many as a $batch has, if
  // that is more.
  int rate_limit = 0;
  int rate_burst = 0;

  // Bytes of all requests in flight, as they are in memory. Answers in flight may take as much
  // again, so may what is on its way to watches, and gRPC twice as much for what it has received of
  // requests that are not complete.
  size_t request_memory = size_t{64} << 20;

  // Space on the store's disk, in bytes, that only deletions and the removal of what was deleted
  // may use.
  size_t disk_reserve = size_t{64} << 20;

  // The threads that each group may have, and the bytes of what callers wrote in them, as
  // server/domain/usage.h counts them; 0 is no quota.
  int64_t group_max_threads = 0;
  int64_t group_max_bytes = 0;

  // How long request_ids are remembered.
  absl::Duration request_id_retention = absl::Hours(24);

  // How long changes are kept for those who follow them, so that they can go on where they stopped;
  // and how many at most, at about 60 bytes each.
  absl::Duration change_retention = absl::Hours(168);
  int64_t max_changes = 1'000'000;

  // Watches that may be open at once, half of them for one caller.
  int max_watches = 1000;

  // The file of an sqlite: store.
  std::string sqlite_path() const;

  // `rate_burst`, or what stands for 0.
  int effective_rate_burst() const;
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
