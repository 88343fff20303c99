#include "server/server.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.pb.h"
#include "grpc/support/log.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/impl/server_builder_option.h"
#include "grpcpp/impl/server_builder_plugin.h"
#include "server/domain/limits.h"
#include "server/service/group_service.h"
#include "server/service/thread_service.h"
#include "server/telemetry/log.h"

namespace threadstore {
namespace {

// For the last answers to reach their callers, and callers to see that the server goes away.
constexpr absl::Duration kConnectionGrace = absl::Seconds(1);

// Reflection is registered for every server of the process; this takes it out of one.
class WithoutReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins,
                  [](const auto& plugin) { return plugin->name() == "proto_server_reflection"; });
  }
};

void LogFromGrpc(gpr_log_func_args* entry) {
  const auto level = entry->severity == GPR_LOG_SEVERITY_ERROR ? log::Error : log::Info;
  level("grpc",
        {{"message", entry->message}, {"file", entry->file}, {"line", int64_t{entry->line}}});
}

class GrpcServer final : public Server {
 public:
  explicit GrpcServer(const ServiceContext& services)
      : services_(services), groups_(services), threads_(services) {}

  absl::Status Listen(const Options& options) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(options.address, grpc::InsecureServerCredentials(), &port_);
    builder.SetMaxReceiveMessageSize(static_cast<int>(kMaxRequestBytes));
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, static_cast<int>(kMaxMetadataBytes));
    // Otherwise two servers on one port would both start, and share its connections.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    if (!options.reflection) builder.SetOption(std::make_unique<WithoutReflection>());
    builder.RegisterService(&groups_);
    builder.RegisterService(&threads_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port_ == 0) {
      return absl::UnavailableError(
          absl::StrCat("cannot listen on ", options.address, "; the log has the cause"));
    }
    for (const char* service :
         {v1::GroupService::service_full_name(), v1::ThreadService::service_full_name()}) {
      server_->GetHealthCheckService()->SetServingStatus(service, true);
    }
    return absl::OkStatus();
  }

  int port() const override { return port_; }

  void StopServingHealth() override { server_->GetHealthCheckService()->Shutdown(); }

  // gRPC alone would wait for every stream and connection, however long a health check watches.
  void Shutdown(absl::Time deadline) override {
    services_.calls.CloseAndWait(deadline);
    server_->Shutdown(absl::ToChronoTime(absl::Now() + kConnectionGrace));
  }

 private:
  const ServiceContext& services_;
  GroupServiceImpl groups_;
  ThreadServiceImpl threads_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options,
                                                      const ServiceContext& services) {
  gpr_set_log_function(&LogFromGrpc);
  // Process-wide, read when a server is built.
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  // Reflection describes the health service only if its descriptor is linked in.
  grpc::health::v1::HealthCheckRequest::descriptor();

  auto server = std::make_unique<GrpcServer>(services);
  const absl::Status listening = server->Listen(options);
  if (!listening.ok()) return listening;
  return server;
}

}  // namespace threadstore
