#include "server/server.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpc/compression.h"
#include "grpc/health/v1/health.pb.h"
#include "grpc/support/log.h"
#include "grpcpp/ext/channelz_service_plugin.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/impl/server_builder_option.h"
#include "grpcpp/impl/server_builder_plugin.h"
#include "grpcpp/resource_quota.h"
#include "server/base/byte_budget.h"
#include "server/base/status_macros.h"
#include "server/config.h"
#include "server/domain/limits.h"
#include "server/http/http_server.h"
#include "server/listener.h"
#include "server/service/admin_service.h"
#include "server/service/change_feed.h"
#include "server/service/conversation_service.h"
#include "server/service/group_service.h"
#include "server/service/post_service.h"
#include "server/service/thread_service.h"
#include "server/telemetry/log.h"
#include "server/tls_credentials.h"
#include "server/tls_watcher.h"

namespace threadstore {
namespace {

// For the last answers to reach their callers, and callers to see that the server goes away.
constexpr absl::Duration kConnectionGrace = absl::Seconds(1);

// Plugins are registered for every server of the process; this takes one out of a server.
class Without final : public grpc::ServerBuilderOption {
 public:
  explicit Without(absl::string_view plugin) : plugin_(plugin) {}
  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins, [this](const auto& plugin) { return plugin->name() == plugin_; });
  }

 private:
  const std::string plugin_;
};

// What gRPC may hold, as a multiple of what we may. It cancels calls at random when it has no more,
// so our refusals, which say why and when to come back, must come first.
constexpr size_t kGrpcMemoryFactor = 2;

// For the handshake of TLS, and for the first frame of HTTP/2: as long as the HTTP face waits for a
// head. gRPC's own two minutes let whoever sends nothing keep all places of connections taken.
constexpr absl::Duration kHandshakeTimeout = absl::Seconds(10);

// Reflection keeps a thread for each of its streams, and nothing else has such threads; one waits
// for the next stream. Who asks in one stream, as grpcurl does, is done in no time.
constexpr int kMaxSyncThreads = 32 + 1;

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

void LimitConnections(const Config& config, grpc::ServerBuilder& builder) {
  const std::pair<const char*, int> arguments[] = {
      {GRPC_ARG_MAX_CONCURRENT_STREAMS, config.max_concurrent_streams},
      {GRPC_ARG_MAX_CONNECTION_AGE_MS, Milliseconds(config.max_connection_age)},
      {GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, Milliseconds(config.max_connection_age_grace)},
      {GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(config.keepalive_time)},
      {GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(config.keepalive_timeout)},
      {GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1},
      {GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
       Milliseconds(config.keepalive_min_interval)},
      // Otherwise keepalive pings end after two that no data has followed.
      {GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0},
      // Such probes lower windows when memory gets short, and gRPC 1.51 resets a stream that ends
      // with an empty frame while that has made its window negative.
      {GRPC_ARG_HTTP2_BDP_PROBE, 0},
      {GRPC_ARG_MAX_METADATA_SIZE, static_cast<int>(kMaxMetadataBytes)},
      {GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, Milliseconds(kHandshakeTimeout)},
      // gRPC 1.51 decompresses a message, of any size, before it looks at how large it has become.
      {GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1 << GRPC_COMPRESS_NONE},
      {GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0},
  };
  for (const auto& [name, value] : arguments) builder.AddChannelArgument(name, value);
  builder.SetMaxReceiveMessageSize(static_cast<int>(kMaxRequestBytes));
  builder.SetResourceQuota(grpc::ResourceQuota("server")
                               .Resize(kGrpcMemoryFactor * config.request_memory)
                               .SetMaxThreads(kMaxSyncThreads));
}

void LogFromGrpc(gpr_log_func_args* entry) {
  const auto level = entry->severity == GPR_LOG_SEVERITY_ERROR ? log::Error : log::Info;
  level("grpc",
        {{"message", entry->message}, {"file", entry->file}, {"line", int64_t{entry->line}}});
}

// How long clients may take to take what they are sent.
absl::Duration TakeTimeout(const Config& config) {
  // A shorter time would cut off clients that are only busy.
  constexpr absl::Duration kMinTakeTimeout = absl::Seconds(1);
  return std::max(config.default_timeout, kMinTakeTimeout);
}

ChangeFeed::Options MakeFeedOptions(const Config& config) {
  ChangeFeed::Options options;
  options.max_watches = config.max_watches;
  options.take_timeout = TakeTimeout(config);
  return options;
}

// `config` is valid, and has an HTTP face. Without TLS, `tls` is null.
HttpServer::Options MakeHttpOptions(const Config& config, const TlsWatcher* tls,
                                    Listener& listener) {
  HttpServer::Options options;
  if (tls != nullptr) options.tls = [tls] { return tls->Current(); };
  for (const std::string& origin : config.http_cors_origins) {
    options.cors.allowed.push_back(*ParseWebOrigin(origin));
  }
  const bool believes_everyone = config.auth == "none";
  options.cors.refuse_others = believes_everyone;
  options.cors.loopback_only =
      believes_everyone && ParseHostPort(config.http_listen)->is_loopback();
  absl::string_view path;
  options.cors.own = ParseWebOrigin(config.http_public_url, &path);
  options.trusted_proxies = *TrustedProxies::Parse(config.trusted_proxies);
  options.timeouts.answer = TakeTimeout(config);
  options.max_connection_age = config.max_connection_age;
  options.on_closing = [&listener](int descriptor) { listener.OnClosing(descriptor); };
  return options;
}

class BothFaces final : public Server {
 public:
  BothFaces(const Config& config, const ServiceContext& services)
      : services_(services),
        admin_(services),
        max_connection_age_(config.max_connection_age),
        max_connection_age_grace_(config.max_connection_age_grace),
        watch_memory_(config.request_memory),
        feed_(services.store, services.authenticator, watch_memory_, MakeFeedOptions(config)),
        watches_{feed_, [this](absl::string_view peer) { return EndOfWatch(peer); }},
        conversations_(services),
        groups_(services),
        posts_(services),
        threads_(services, watches_) {}

  ~BothFaces() override {
    if (http_listener_ != nullptr) http_listener_->Stop();
  }

  absl::Status Listen(const Config& config, const HttpHandlerFactory& make_handler) {
    credentials_ = grpc::InsecureServerCredentials();
    if (!config.tls_cert.empty()) {
      ASSIGN_OR_RETURN(tls_,
                       TlsWatcher::Start({config.tls_cert, config.tls_key, config.tls_client_ca}));
      credentials_ = MakeTlsCredentials(*tls_);
    }
    ASSIGN_OR_RETURN(const HostPort address, ParseHostPort(config.listen));
    ASSIGN_OR_RETURN(listener_, Listener::Listen(address));
    if (!config.http_listen.empty()) {
      ASSIGN_OR_RETURN(const HostPort http_address, ParseHostPort(config.http_listen));
      ASSIGN_OR_RETURN(http_listener_, Listener::Listen(http_address));
    }
    grpc::ServerBuilder builder;
    LimitConnections(config, builder);
    if (!config.reflection) builder.SetOption(std::make_unique<Without>("proto_server_reflection"));
    if (!config.channelz) builder.SetOption(std::make_unique<Without>("channelz_service"));
    builder.RegisterService(&admin_);
    builder.RegisterService(&conversations_);
    builder.RegisterService(&groups_);
    builder.RegisterService(&posts_);
    builder.RegisterService(&threads_);
    using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
    acceptor_ = builder.experimental().AddExternalConnectionAcceptor(Type::FROM_FD, credentials_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr)
      return absl::InternalError("gRPC does not start; the log has the cause");
    for (const char* service :
         {v1::AdminService::service_full_name(), v1::ConversationService::service_full_name(),
          v1::GroupService::service_full_name(), v1::PostService::service_full_name(),
          v1::ThreadService::service_full_name()}) {
      server_->GetHealthCheckService()->SetServingStatus(service, true);
    }
    if (http_listener_ != nullptr) {
      handler_ = make_handler(server_->InProcessChannel(grpc::ChannelArguments()));
      ASSIGN_OR_RETURN(
          http_, HttpServer::Start(MakeHttpOptions(config, tls_.get(), *http_listener_), *handler_,
                                   services_.request_memory, services_.answer_memory));
      http_listener_->Start(config.max_connections,
                            [this](int descriptor) { http_->Accept(descriptor); });
    }
    listener_->Start(config.max_connections, [this](int descriptor) {
      grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
      connection.fd = descriptor;
      acceptor_->HandleNewConnection(&connection);
    });
    return absl::OkStatus();
  }

  int port() const override { return listener_->port(); }
  int http_port() const override { return http_listener_ == nullptr ? 0 : http_listener_->port(); }

  void StopServingHealth() override { server_->GetHealthCheckService()->Shutdown(); }

  // gRPC alone would wait for every stream and connection, however long a health check watches.
  void Shutdown(absl::Time deadline) override {
    feed_.Drain();
    if (http_ != nullptr) {
      http_listener_->Stop();
      http_->Shutdown(deadline);
    }
    services_.calls.CloseAndWait(deadline);
    listener_->Stop();
    server_->Shutdown(absl::ToChronoTime(absl::Now() + kConnectionGrace));
    feed_.Close();
  }

 private:
  // gRPC lets a connection take no new calls at its age, which it varies by a tenth, and cuts it
  // off after the grace. A watch that begins when most of the age is over began before that, so its
  // connection has the grace, too.
  absl::Time EndOfWatch(absl::string_view peer) {
    constexpr double kEarliest = 0.9;
    const absl::Time now = absl::Now();
    const absl::Time accepted = listener_->AcceptedAt(peer).value_or(absl::InfinitePast());
    return std::max(now, accepted + kEarliest * max_connection_age_) +
           max_connection_age_grace_ / 2;
  }

  const ServiceContext& services_;
  AdminServiceImpl admin_;
  const absl::Duration max_connection_age_;
  const absl::Duration max_connection_age_grace_;
  ByteBudget watch_memory_;  // Slow watches must not take what answers are written with.
  ChangeFeed feed_;
  const WatchServices watches_;
  ConversationServiceImpl conversations_;
  GroupServiceImpl groups_;
  PostServiceImpl posts_;
  ThreadServiceImpl threads_;
  std::unique_ptr<TlsWatcher> tls_;  // Null without TLS. Asked by both faces.
  std::shared_ptr<grpc::ServerCredentials> credentials_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Listener> listener_;  // Hands connections to the server, so it ends first.

  std::unique_ptr<HttpHandler> handler_;
  std::unique_ptr<Listener> http_listener_;
  std::unique_ptr<HttpServer> http_;  // Tells the listener of the last connections.
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Config& config,
                                                      const ServiceContext& services,
                                                      const HttpHandlerFactory& make_handler) {
  gpr_set_log_function(&LogFromGrpc);
  // Process-wide, read when a server is built.
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::channelz::experimental::InitChannelzService();
  // Reflection describes the health service only if its descriptor is linked in.
  grpc::health::v1::HealthCheckRequest::descriptor();

  auto server = std::make_unique<BothFaces>(config, services);
  const absl::Status listening = server->Listen(config, make_handler);
  if (!listening.ok()) return listening;
  return server;
}

}  // namespace threadstore
