// threadstored: reads the flags, builds the server from the bottom up, serves, and drains.

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "google/protobuf/stubs/common.h"
#include "grpcpp/grpcpp.h"
#include "server/authentication.h"
#include "server/base/byte_budget.h"
#include "server/base/clock.h"
#include "server/base/executor.h"
#include "server/base/secret.h"
#include "server/config.h"
#include "server/http/graph_handler.h"
#include "server/http/grpc_face.h"
#include "server/server.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/telemetry/log.h"
#include "server/telemetry/log_writer.h"

namespace threadstore {
namespace {

// How much longer than the drain timeout the process may take to end.
constexpr absl::Duration kDrainGrace = absl::Seconds(10);

// A shorter time to take an answer would end calls whose clients are only busy.
constexpr absl::Duration kMinAnswerTimeout = absl::Seconds(1);

// How long whoever takes the log may keep the process from ending.
constexpr absl::Duration kFlushLimit = absl::Seconds(1);

int Fail(int exit_status, absl::string_view message) {
  log::Flush(kFlushLimit);
  std::cerr << absl::StrCat("threadstored: ", message, "\n") << std::flush;
  return exit_status;
}

// A store that cannot be used is the operator's to mend; anything else is the disk's.
int ExitStatusOf(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) ? EX_DATAERR : EX_IOERR;
}

// Blocked in every thread, so that only the main thread's sigwait receives them.
sigset_t BlockShutdownSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

SqliteOptions MakeStoreOptions(const Config& config) {
  SqliteOptions options;
  options.path = config.sqlite_path();
  options.reader_threads = config.reader_threads;
  options.write_queue = config.write_queue;
  options.read_queue = config.read_queue;
  options.request_id_retention = config.request_id_retention;
  options.change_retention = config.change_retention;
  options.max_changes = config.max_changes;
  options.disk_reserve = static_cast<int64_t>(config.disk_reserve);
  options.group_quotas = {config.group_max_threads, config.group_max_bytes};
  options.allow_network_filesystem = config.allow_network_filesystem;
  return options;
}

void LogStart(const Config& config) {
  log::Info(
      "start",
      {{"version", THREADSTORE_VERSION},
       {"grpc_version", grpc::Version()},
       {"protobuf_version", google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION)},
       {"sqlite_version", SqliteVersion()},
       {"listen", config.listen},
       {"http_listen", config.http_listen},
       {"http_cors_origins", absl::StrJoin(config.http_cors_origins, ",")},
       {"http_public_url", config.http_public_url},
       {"http_docs", config.http_docs},
       {"trusted_proxies", absl::StrJoin(config.trusted_proxies, ",")},
       {"tls_cert", config.tls_cert},
       {"tls_key", config.tls_key},
       {"tls_client_ca", config.tls_client_ca},
       {"store", config.store},
       {"auth", config.auth},
       {"auth_config", config.auth_config},
       {"jwt_issuer", config.jwt_issuer},
       {"jwt_audience", absl::StrJoin(config.jwt_audience, ",")},
       {"jwks", config.jwks},
       {"allow_unauthenticated", config.allow_unauthenticated},
       {"allow_network_filesystem", config.allow_network_filesystem},
       {"audit_log", config.audit_log},
       {"reflection", config.reflection},
       {"default_timeout", absl::FormatDuration(config.default_timeout)},
       {"drain_timeout", absl::FormatDuration(config.drain_timeout)},
       {"max_connections", int64_t{config.max_connections}},
       {"max_concurrent_streams", int64_t{config.max_concurrent_streams}},
       {"max_connection_age", absl::FormatDuration(config.max_connection_age)},
       {"max_connection_age_grace", absl::FormatDuration(config.max_connection_age_grace)},
       {"keepalive_time", absl::FormatDuration(config.keepalive_time)},
       {"keepalive_timeout", absl::FormatDuration(config.keepalive_timeout)},
       {"keepalive_min_interval", absl::FormatDuration(config.keepalive_min_interval)},
       {"channelz", config.channelz},
       {"rate_limit", int64_t{config.rate_limit}},
       {"rate_burst", int64_t{config.effective_rate_burst()}},
       {"write_queue", static_cast<int64_t>(config.write_queue)},
       {"read_queue", static_cast<int64_t>(config.read_queue)},
       {"reader_threads", int64_t{config.reader_threads}},
       {"request_memory", static_cast<int64_t>(config.request_memory)},
       {"disk_reserve", static_cast<int64_t>(config.disk_reserve)},
       {"group_max_threads", config.group_max_threads},
       {"group_max_bytes", config.group_max_bytes},
       {"request_id_retention", absl::FormatDuration(config.request_id_retention)},
       {"change_retention", absl::FormatDuration(config.change_retention)},
       {"max_changes", config.max_changes},
       {"max_watches", int64_t{config.max_watches}}});
  if (const std::string warning = SqliteVersionWarning(); !warning.empty()) {
    log::Warning("sqlite version", {{"message", warning}});
  }
}

// Ends the process if draining hangs, so that a supervisor can start it again.
void StartDrainWatchdog(absl::Duration limit) {
  std::thread([limit] {
    absl::SleepFor(limit);
    log::Error("drain did not end", {{"limit", absl::FormatDuration(limit)}});
    log::Flush(kFlushLimit);
    _exit(EX_IOERR);
  }).detach();
}

// Each connection takes a descriptor.
void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    log::Warning("descriptor limit not raised", {{"limit", static_cast<int64_t>(limit.rlim_cur)}});
  }
}

void PrepareProcess() {
  signal(SIGPIPE, SIG_IGN);
  // A file that may not grow is to fail like a full disk.
  signal(SIGXFSZ, SIG_IGN);
  // The store and its backups are for this user alone.
  umask(077);
  RaiseDescriptorLimit();
  // Debian builds Abseil with its deadlock detector on, which costs every gRPC call.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  log::CaptureLibraryLogs();
}

// A valid HOST:PORT with the port that was taken.
std::string WithPort(const std::string& listen, int port) {
  HostPort address = *ParseHostPort(listen);
  address.port = port;
  return address.ToString();
}

// Half of the cores, so that the other calls have some however many large requests come.
size_t LargeRequestThreads() { return std::max(1U, std::thread::hardware_concurrency() / 2); }

int Serve(const Config& config) {
  const sigset_t signals = BlockShutdownSignals();
  const log::Writer log_writer;
  LogStart(config);

  const SystemClock clock;
  // Before the store, which is migrated when it is opened.
  absl::StatusOr<std::unique_ptr<Authentication>> authentication =
      Authentication::Make(config, clock);
  if (!authentication.ok()) return Fail(EX_USAGE, authentication.status().message());

  std::atomic<bool> store_failed = false;
  SqliteOptions store_options = MakeStoreOptions(config);
  store_options.on_failure = [&store_failed] {
    store_failed = true;
    kill(getpid(), SIGTERM);
  };
  absl::StatusOr<std::unique_ptr<ThreadStore>> store = OpenSqliteStore(store_options, clock);
  if (!store.ok()) return Fail(ExitStatusOf(store.status()), store.status().message());

  const SteadyClock steady_clock;
  RateLimiter rate_limiter({config.rate_limit, config.effective_rate_burst()}, steady_clock);
  ByteBudget request_memory(config.request_memory);
  ByteShares request_shares(config.request_memory);
  ByteBudget answer_memory(config.request_memory);
  CallsInFlight calls(std::max(config.default_timeout, kMinAnswerTimeout));
  Executor large_requests("large-requests", LargeRequestThreads());
  const std::string face_secret = RandomSecret();
  const ServiceContext services{**store,
                                (*authentication)->authenticator(),
                                clock,
                                rate_limiter,
                                request_memory,
                                request_shares,
                                answer_memory,
                                calls,
                                config.default_timeout,
                                large_requests,
                                face_secret,
                                config.audit_log};
  const HttpHandlerFactory make_handler = [&](std::shared_ptr<grpc::Channel> channel) {
    return MakeGraphHandler({config.http_public_url, config.http_docs},
                            MakeGrpcFace(std::move(channel), face_secret), clock, answer_memory);
  };
  absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(config, services, make_handler);
  if (!server.ok()) {
    return Fail(absl::IsInvalidArgument(server.status()) ? EX_USAGE : EX_UNAVAILABLE,
                server.status().message());
  }

  const std::string grpc = WithPort(config.listen, (*server)->port());
  const std::string http =
      config.http_listen.empty() ? "" : WithPort(config.http_listen, (*server)->http_port());
  std::cout << "ready grpc=" << grpc << (http.empty() ? "" : " http=") << http << std::endl;
  log::Info("ready", {{"grpc", grpc}, {"http", http}});

  int signal_number = 0;
  sigwait(&signals, &signal_number);
  log::Info("drain", {{"cause", store_failed ? "store failed"
                                             : absl::StrCat("SIG", sigabbrev_np(signal_number))}});
  StartDrainWatchdog(config.drain_timeout + kDrainGrace);
  (*server)->StopServingHealth();
  (*server)->Shutdown(absl::Now() + config.drain_timeout);
  store->reset();
  log::Info("stopped");
  return store_failed ? EX_IOERR : EX_OK;
}

int MigrateStore(const Config& config) {
  const absl::StatusOr<MigrationResult> result = MigrateSqliteStore(MakeStoreOptions(config));
  if (!result.ok()) return Fail(ExitStatusOf(result.status()), result.status().message());
  if (result->from == result->to) {
    std::cout << "schema version " << result->to << ", nothing to do\n";
  } else {
    std::cout << "migrated from schema version " << result->from << " to " << result->to << "\n";
  }
  return EX_OK;
}

int Main(int argc, char** argv) {
  const absl::StatusOr<CommandLine> command_line = ParseCommandLine(argc, argv);
  if (!command_line.ok()) {
    return Fail(EX_USAGE,
                absl::StrCat(command_line.status().message(), " (see threadstored --help)"));
  }
  PrepareProcess();
  switch (command_line->command) {
    case CommandLine::Command::kServe:
      return Serve(command_line->config);
    case CommandLine::Command::kMigrate:
      return MigrateStore(command_line->config);
    case CommandLine::Command::kPrint:
      std::cout << command_line->output;
      return EX_OK;
  }
  return EX_SOFTWARE;
}

}  // namespace
}  // namespace threadstore

int main(int argc, char** argv) { return threadstore::Main(argc, argv); }
