#include "server/config.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/status_macros.h"
#include "server/http/forwarded.h"
#include "server/http/http_syntax.h"

namespace threadstore {
namespace {

constexpr char kSqlitePrefix[] = "sqlite:";
constexpr size_t kMinQueue = 1;
constexpr size_t kMaxQueue = 1'000'000;
constexpr int kMaxReaderThreads = 256;
constexpr int kMaxRate = 1'000'000;
constexpr int kMinDefaultBurst = 20;
constexpr int kMaxConnections = 1'000'000;
constexpr int kMaxConcurrentStreams = 1'000'000;
constexpr size_t kMaxDiskReserve = size_t{1} << 50;
constexpr int64_t kMaxGroupThreads = 1'000'000'000;
constexpr int64_t kMaxGroupBytes = int64_t{1} << 50;
constexpr absl::Duration kMaxConnectionAge = absl::Hours(24 * 20);  // gRPC has int milliseconds.
constexpr size_t kMinRequestMemory = size_t{8} << 20;  // More than the largest request.
constexpr size_t kMaxRequestMemory = size_t{1} << 40;
constexpr absl::Duration kMaxTimeout = absl::Hours(1);
constexpr int64_t kMaxChanges = 1'000'000'000;
constexpr int kMaxWatches = 1'000'000;
constexpr absl::Duration kMaxRetention = absl::Hours(24 * 30);

absl::Status Wrong(absl::string_view flag, absl::string_view rule) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, " ", rule));
}

absl::Status CheckDuration(absl::string_view flag, absl::Duration value, absl::Duration min,
                           absl::Duration max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return Wrong(flag, absl::StrCat("must be between ", absl::FormatDuration(min), " and ",
                                  absl::FormatDuration(max)));
}

template <typename T>
absl::Status CheckNumber(absl::string_view flag, T value, T min, T max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return Wrong(flag, absl::StrCat("must be between ", min, " and ", max));
}

std::string EnvironmentName(const std::string& flag) {
  return absl::StrCat("THREADSTORE_", absl::AsciiStrToUpper(flag));
}

// CLI11 passes over variables that are set, but empty.
bool IsEmptyInEnvironment(const std::string& flag) {
  const char* const value = getenv(EnvironmentName(flag).c_str());  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr && *value == '\0';
}

// The arguments, last first, as CLI11 takes them. It takes `--flag ""`, but not `--flag=`.
std::vector<std::string> ReversedArguments(int argc, const char* const* argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) {
    const absl::string_view argument = argv[i];
    const bool has_empty_value = absl::StartsWith(argument, "--") && argument.back() == '=';
    if (has_empty_value) arguments.emplace_back();
    arguments.emplace_back(has_empty_value ? argument.substr(0, argument.size() - 1) : argument);
  }
  return arguments;
}

// Adds a flag whose name, environment variable and default all come from one place.
template <typename T>
CLI::Option* AddFlag(CLI::App& app, const std::string& name, T& value, const std::string& help) {
  return app.add_option("--" + name, value, help)
      ->envname(EnvironmentName(name))
      ->capture_default_str();
}

// Values are divided by commas, and may also come in several flags.
CLI::Option* AddListFlag(CLI::App& app, const std::string& name, std::vector<std::string>& value,
                         const std::string& help) {
  return AddFlag(app, name, value, help)->delimiter(',')->default_str("");
}

void AddBooleanFlag(CLI::App& app, const std::string& name, bool& value, const std::string& help) {
  app.add_flag("--" + name, value, help)
      ->envname(EnvironmentName(name))
      ->default_str(value ? "true" : "false");
}

void AddDurationFlag(CLI::App& app, const std::string& name, absl::Duration& value,
                     const std::string& help) {
  const auto parse = [&value, name](const std::string& text) {
    if (!absl::ParseDuration(text, &value)) {
      throw CLI::ValidationError("--" + name, "must be a duration such as 30s, 5m or 24h");
    }
  };
  app.add_option_function<std::string>("--" + name, parse, help)
      ->envname(EnvironmentName(name))
      ->default_str(absl::FormatDuration(value))
      ->type_name("DURATION");
}

void AddStoreFlags(CLI::App& app, Config& config) {
  AddFlag(app, "store", config.store, "Where data lives: sqlite:PATH")->type_name("STORE");
  AddBooleanFlag(app, "allow_network_filesystem", config.allow_network_filesystem,
                 "Serve a store on a network file system, where data can be lost");
}

void AddServeFlags(CLI::App& app, Config& config) {
  AddFlag(app, "listen", config.listen, "Where gRPC is served; port 0 takes a free one")
      ->type_name("HOST:PORT");
  AddFlag(app, "http_listen", config.http_listen,
          "Where Graph's JSON is served over HTTP; empty is nowhere")
      ->type_name("HOST:PORT");
  if (IsEmptyInEnvironment("http_listen")) config.http_listen.clear();
  AddListFlag(app, "http_cors_origins", config.http_cors_origins,
              "Sites whose pages may call the HTTP face, such as https://app.example.com")
      ->type_name("ORIGIN,...");
  AddFlag(app, "http_public_url", config.http_public_url,
          "How clients reach the HTTP face, for links; by default as the request says")
      ->type_name("URL");
  AddBooleanFlag(app, "http_docs", config.http_docs,
                 "Serve a description of the HTTP face, and pages to try it");
  AddListFlag(app, "trusted_proxies", config.trusted_proxies,
              "Proxies whose Forwarded and X-Forwarded-* headers are believed")
      ->type_name("IP[/BITS],...");
  AddFlag(app, "tls_cert", config.tls_cert,
          "PEM file of certificates, to serve both faces over TLS; read again when it changes")
      ->type_name("FILE");
  AddFlag(app, "tls_key", config.tls_key, "PEM file of the certificate's key")->type_name("FILE");
  AddFlag(app, "tls_client_ca", config.tls_client_ca,
          "PEM file of certificates that vouch for clients, who then must have one, too")
      ->type_name("FILE");
  AddStoreFlags(app, config);
  AddFlag(app, "auth", config.auth,
          "How callers are told apart: none (the metadata x-threadstore-user names a user), token"
          " (shared secrets), or jwt (JSON Web Tokens)")
      ->type_name("none|token|jwt");
  AddFlag(app, "auth_config", config.auth_config,
          "YAML file of issuers, tokens and grants; read again when it changes")
      ->type_name("FILE");
  AddFlag(app, "jwt_issuer", config.jwt_issuer, "The iss of tokens that are believed")
      ->type_name("ISSUER");
  AddListFlag(app, "jwt_audience", config.jwt_audience, "One of these is in the aud of such tokens")
      ->type_name("AUDIENCE,...");
  AddFlag(app, "jwks", config.jwks, "The issuer's JSON Web Key Set: a file, or an https URL")
      ->type_name("FILE|URL");
  AddBooleanFlag(app, "allow_unauthenticated", config.allow_unauthenticated,
                 "Serve --auth=none on addresses that others can reach");
  AddBooleanFlag(app, "audit_log", config.audit_log, "Say in the log who has changed what");
  AddBooleanFlag(app, "reflection", config.reflection,
                 "Serve gRPC reflection, which takes a thread for each of its calls");
  AddDurationFlag(app, "default_timeout", config.default_timeout,
                  "Deadline of calls that come with none, and time to take an answer");
  AddDurationFlag(app, "drain_timeout", config.drain_timeout,
                  "How long calls in flight may take after SIGTERM");
  AddFlag(app, "max_connections", config.max_connections,
          "Connections that may be open at once, to each of gRPC and HTTP")
      ->type_name("CONNECTIONS");
  AddFlag(app, "max_concurrent_streams", config.max_concurrent_streams,
          "Calls in flight on one connection")
      ->type_name("CALLS");
  AddDurationFlag(app, "max_connection_age", config.max_connection_age,
                  "How long a connection takes new calls");
  AddDurationFlag(app, "max_connection_age_grace", config.max_connection_age_grace,
                  "How long calls in flight may take after that");
  AddDurationFlag(app, "keepalive_time", config.keepalive_time,
                  "How long a connection may be silent before it is asked for a sign of life");
  AddDurationFlag(app, "keepalive_timeout", config.keepalive_timeout,
                  "How long to wait for the sign of life");
  AddDurationFlag(app, "keepalive_min_interval", config.keepalive_min_interval,
                  "How often clients may ask for a sign of life");
  AddBooleanFlag(app, "channelz", config.channelz,
                 "Serve gRPC channelz, which shows callers' addresses to whoever can connect");
  AddFlag(app, "rate_limit", config.rate_limit,
          "Calls a second that each caller may make; 0 is no limit")
      ->type_name("CALLS");
  AddFlag(app, "rate_burst", config.rate_burst,
          "Calls that a caller may make at once; 0 is --rate_limit, but at least 20")
      ->type_name("CALLS");
  AddFlag(app, "write_queue", config.write_queue,
          "Writes that may wait for the store, half of them for one caller")
      ->type_name("CALLS");
  AddFlag(app, "read_queue", config.read_queue,
          "Reads that may wait for the store, half of them for one caller")
      ->type_name("CALLS");
  AddFlag(app, "reader_threads", config.reader_threads, "Threads that read the store")
      ->type_name("THREADS");
  AddFlag(app, "request_memory", config.request_memory,
          "Memory for requests in flight; as much again for answers, and for what is sent to"
          " watches (bytes, or 64MiB)")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("BYTES");
  AddFlag(app, "disk_reserve", config.disk_reserve,
          "Disk space that only deletions may use (bytes, or 64MiB)")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("BYTES");
  AddFlag(app, "group_max_threads", config.group_max_threads,
          "Threads that each group may have; 0 is no quota")
      ->type_name("THREADS");
  AddFlag(app, "group_max_bytes", config.group_max_bytes,
          "Text and content that each group may have in its threads (bytes, or 64MiB); 0 is no"
          " quota")
      ->transform(CLI::AsSizeValue(false))
      ->type_name("BYTES");
  AddDurationFlag(app, "request_id_retention", config.request_id_retention,
                  "How long request_ids are remembered");
  AddDurationFlag(app, "change_retention", config.change_retention,
                  "How long changes are kept for those who follow them");
  AddFlag(app, "max_changes", config.max_changes, "Changes that are kept at most")
      ->type_name("CHANGES");
  AddFlag(app, "max_watches", config.max_watches,
          "Watches that may be open at once, half of them for one caller")
      ->type_name("WATCHES");
}

absl::Status CheckListen(absl::string_view flag, const std::string& text, const Config& config) {
  const absl::StatusOr<HostPort> address = ParseHostPort(text);
  if (!address.ok()) return Wrong(flag, address.status().message());
  if (config.auth != "none" || address->is_loopback() || config.allow_unauthenticated) {
    return absl::OkStatus();
  }
  return Wrong(flag, absl::StrCat(text,
                                  " can be reached by others, and --auth=none does not tell "
                                  "them apart; give --allow_unauthenticated if a proxy does"));
}

absl::Status CheckAuth(const Config& config) {
  const bool has_issuer_flags =
      !config.jwt_issuer.empty() || !config.jwt_audience.empty() || !config.jwks.empty();
  if (config.auth == "none") {
    if (has_issuer_flags)
      return Wrong("auth", "must be jwt for --jwt_issuer and what belongs to it");
    if (!config.auth_config.empty()) return Wrong("auth", "must be token or jwt for --auth_config");
    return absl::OkStatus();
  }
  if (config.allow_unauthenticated) {
    return Wrong("allow_unauthenticated", "is for --auth=none");
  }
  if (config.auth == "token") {
    if (has_issuer_flags)
      return Wrong("auth", "must be jwt for --jwt_issuer and what belongs to it");
    if (config.auth_config.empty()) return Wrong("auth_config", "must name the tokens' file");
    return absl::OkStatus();
  }
  if (config.auth != "jwt") return Wrong("auth", "must be none, token or jwt");
  if (!has_issuer_flags) {
    if (config.auth_config.empty()) {
      return Wrong("jwt_issuer", "or --auth_config must say whose tokens are believed");
    }
    return absl::OkStatus();
  }
  if (config.jwt_issuer.empty()) return Wrong("jwt_issuer", "is missing");
  if (config.jwt_audience.empty()) return Wrong("jwt_audience", "is missing");
  if (config.jwks.empty()) return Wrong("jwks", "is missing");
  return absl::OkStatus();
}

absl::Status CheckHttp(const Config& config) {
  for (const std::string& origin : config.http_cors_origins) {
    if (!ParseWebOrigin(origin).has_value()) {
      return Wrong("http_cors_origins",
                   absl::StrCat("has '", origin, "', which is not http(s)://HOST[:PORT]"));
    }
  }
  absl::string_view path;
  if (!config.http_public_url.empty() &&
      (!ParseWebOrigin(config.http_public_url, &path).has_value() ||
       path.find_first_of("?#") != path.npos)) {
    return Wrong("http_public_url", "must be an http or https URL without query and fragment");
  }
  const absl::StatusOr<TrustedProxies> proxies = TrustedProxies::Parse(config.trusted_proxies);
  if (!proxies.ok()) return Wrong("trusted_proxies", proxies.status().message());
  return absl::OkStatus();
}

// One line, without the hint on another line that CLI11 may add.
std::string FirstLine(absl::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

bool HostPort::is_loopback() const {
  if (host == "localhost") return true;
  in_addr ipv4;
  if (inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return (ntohl(ipv4.s_addr) >> 24) == 127;
  in6_addr ipv6;
  return inet_pton(AF_INET6, host.c_str(), &ipv6) == 1 && IN6_IS_ADDR_LOOPBACK(&ipv6);
}

std::string HostPort::ToString() const {
  return absl::StrContains(host, ':') ? absl::StrCat("[", host, "]:", port)
                                      : absl::StrCat(host, ":", port);
}

absl::StatusOr<HostPort> ParseHostPort(const std::string& text) {
  const size_t colon = text.rfind(':');
  HostPort result;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(text.substr(colon + 1), &result.port) || result.port < 0 ||
      result.port > UINT16_MAX) {
    return absl::InvalidArgumentError("must be HOST:PORT with a port of 0 to 65535");
  }
  absl::string_view host = absl::string_view(text).substr(0, colon);
  const bool bracketed = absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
  if (host.empty() || (absl::StrContains(host, ':') && !bracketed)) {
    return absl::InvalidArgumentError("must be HOST:PORT, an IPv6 host in brackets");
  }
  result.host = std::string(host);
  return result;
}

std::string Config::sqlite_path() const {
  return std::string(absl::StripPrefix(store, kSqlitePrefix));
}

int Config::effective_rate_burst() const {
  return rate_burst > 0 ? rate_burst : std::max(rate_limit, kMinDefaultBurst);
}

absl::Status Validate(const Config& config) {
  RETURN_IF_ERROR(CheckAuth(config));
  RETURN_IF_ERROR(CheckListen("listen", config.listen, config));
  if (!config.http_listen.empty()) {
    RETURN_IF_ERROR(CheckListen("http_listen", config.http_listen, config));
  }
  RETURN_IF_ERROR(CheckHttp(config));
  if (config.tls_cert.empty() != config.tls_key.empty()) {
    return Wrong(config.tls_cert.empty() ? "tls_cert" : "tls_key", "is missing: TLS needs both");
  }
  if (!config.tls_client_ca.empty() && config.tls_cert.empty()) {
    return Wrong("tls_client_ca", "needs --tls_cert and --tls_key");
  }
  if (!absl::StartsWith(config.store, kSqlitePrefix) || config.sqlite_path().empty()) {
    return Wrong("store", "must be sqlite:PATH");
  }
  RETURN_IF_ERROR(
      CheckDuration("default_timeout", config.default_timeout, absl::Milliseconds(1), kMaxTimeout));
  RETURN_IF_ERROR(
      CheckDuration("drain_timeout", config.drain_timeout, absl::ZeroDuration(), kMaxTimeout));
  RETURN_IF_ERROR(CheckNumber("max_connections", config.max_connections, 1, kMaxConnections));
  RETURN_IF_ERROR(CheckNumber("max_concurrent_streams", config.max_concurrent_streams, 1,
                              kMaxConcurrentStreams));
  RETURN_IF_ERROR(CheckDuration("max_connection_age", config.max_connection_age, absl::Seconds(1),
                                kMaxConnectionAge));
  RETURN_IF_ERROR(CheckDuration("max_connection_age_grace", config.max_connection_age_grace,
                                absl::Seconds(1), kMaxTimeout));
  RETURN_IF_ERROR(
      CheckDuration("keepalive_time", config.keepalive_time, absl::Seconds(1), kMaxTimeout));
  RETURN_IF_ERROR(
      CheckDuration("keepalive_timeout", config.keepalive_timeout, absl::Seconds(1), kMaxTimeout));
  RETURN_IF_ERROR(CheckDuration("keepalive_min_interval", config.keepalive_min_interval,
                                absl::Milliseconds(1), kMaxTimeout));
  RETURN_IF_ERROR(CheckNumber("write_queue", config.write_queue, kMinQueue, kMaxQueue));
  RETURN_IF_ERROR(CheckNumber("read_queue", config.read_queue, kMinQueue, kMaxQueue));
  RETURN_IF_ERROR(CheckNumber("reader_threads", config.reader_threads, 1, kMaxReaderThreads));
  RETURN_IF_ERROR(CheckNumber("rate_limit", config.rate_limit, 0, kMaxRate));
  RETURN_IF_ERROR(CheckNumber("rate_burst", config.rate_burst, 0, kMaxRate));
  if (config.rate_burst > 0 && config.rate_limit == 0) {
    return Wrong("rate_burst", "needs --rate_limit");
  }
  RETURN_IF_ERROR(
      CheckNumber("request_memory", config.request_memory, kMinRequestMemory, kMaxRequestMemory));
  RETURN_IF_ERROR(CheckNumber("disk_reserve", config.disk_reserve, size_t{0}, kMaxDiskReserve));
  RETURN_IF_ERROR(
      CheckNumber("group_max_threads", config.group_max_threads, int64_t{0}, kMaxGroupThreads));
  RETURN_IF_ERROR(
      CheckNumber("group_max_bytes", config.group_max_bytes, int64_t{0}, kMaxGroupBytes));
  RETURN_IF_ERROR(CheckDuration("request_id_retention", config.request_id_retention,
                                absl::Seconds(1), kMaxRetention));
  RETURN_IF_ERROR(
      CheckDuration("change_retention", config.change_retention, absl::Seconds(1), kMaxRetention));
  RETURN_IF_ERROR(CheckNumber("max_changes", config.max_changes, int64_t{1}, kMaxChanges));
  return CheckNumber("max_watches", config.max_watches, 1, kMaxWatches);
}

absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv) {
  CommandLine result;
  CLI::App app("Threadstore keeps the conversation threads of groups.", "threadstored");
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", std::string("threadstored ") + THREADSTORE_VERSION);
  CLI::App* const serve = app.add_subcommand(
      "serve", "Serve until SIGTERM. Every flag can also be given as THREADSTORE_FLAG.");
  AddServeFlags(*serve, result.config);
  CLI::App* const migrate = app.add_subcommand(
      "migrate", "Bring the store to this version's schema, after a backup, and end.");
  AddStoreFlags(*migrate, result.config);
  CLI::App* const version = app.add_subcommand("version", "Print the version and end.");
  try {
    app.parse(ReversedArguments(argc, argv));
  } catch (const CLI::CallForVersion& request) {
    result.output = absl::StrCat(request.what(), "\n");
    return result;
  } catch (const CLI::CallForHelp&) {
    const auto& chosen = app.get_subcommands();
    result.output = chosen.empty() ? app.help() : chosen.front()->help();
    return result;
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(FirstLine(error.what()));
  }
  if (app.get_subcommands().empty()) {
    return absl::InvalidArgumentError("a subcommand is required: serve, migrate or version");
  }
  if (version->parsed()) {
    result.output = absl::StrCat("threadstored ", THREADSTORE_VERSION, "\n");
    return result;
  }
  for (std::vector<std::string>* const list :
       {&result.config.http_cors_origins, &result.config.trusted_proxies,
        &result.config.jwt_audience}) {
    std::erase(*list, "");
  }
  result.command = serve->parsed() ? CommandLine::Command::kServe : CommandLine::Command::kMigrate;
  RETURN_IF_ERROR(Validate(result.config));
  return result;
}

}  // namespace threadstore
