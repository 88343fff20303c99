#include "server/server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.pb.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "server/domain/limits.h"
#include "server/service/group_service.h"
#include "server/service/thread_service.h"

namespace threadstore {
namespace {

class GrpcServer final : public Server {
 public:
  explicit GrpcServer(const ServiceContext& services) : groups_(services), threads_(services) {}

  absl::Status Listen(const Options& options) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(options.address, grpc::InsecureServerCredentials(), &port_);
    builder.SetMaxReceiveMessageSize(static_cast<int>(kMaxRequestBytes));
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, static_cast<int>(kMaxMetadataBytes));
    // Otherwise two servers on one port would both start, and share its connections.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.RegisterService(&groups_);
    builder.RegisterService(&threads_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port_ == 0) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ", options.address));
    }
    for (const char* service :
         {v1::GroupService::service_full_name(), v1::ThreadService::service_full_name()}) {
      server_->GetHealthCheckService()->SetServingStatus(service, true);
    }
    return absl::OkStatus();
  }

  int port() const override { return port_; }

  void StopServingHealth() override { server_->GetHealthCheckService()->Shutdown(); }

  void Shutdown(absl::Time deadline) override { server_->Shutdown(absl::ToChronoTime(deadline)); }

 private:
  GroupServiceImpl groups_;
  ThreadServiceImpl threads_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options,
                                                      const ServiceContext& services) {
  // gRPC reads both from process-wide state when a server is built.
  grpc::EnableDefaultHealthCheckService(true);
  if (options.reflection) grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  // Reflection describes the health service only if its descriptor is linked in.
  grpc::health::v1::HealthCheckRequest::descriptor();

  auto server = std::make_unique<GrpcServer>(services);
  const absl::Status listening = server->Listen(options);
  if (!listening.ok()) return listening;
  return server;
}

}  // namespace threadstore
