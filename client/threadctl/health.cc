#include <memory>

#include "absl/strings/str_cat.h"
#include "client/threadctl/command.h"
#include "grpc/health/v1/health.pb.h"

namespace threadstore::threadctl {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

absl::Status CheckHealth(const HealthCheckRequest& request, ThreadClient& client,
                         Printer& printer) {
  ASSIGN_OR_RETURN(const HealthCheckResponse response, client.CheckHealth(request));
  const std::string& status = HealthCheckResponse::ServingStatus_Name(response.status());
  printer.PrintResource(response, {{"status", status}});
  if (response.status() == HealthCheckResponse::SERVING) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("the server is ", status));
}

}  // namespace

void AddHealthCommand(CLI::App& app, Command* command) {
  const auto request = std::make_shared<HealthCheckRequest>();
  CLI::App* verb = AddVerb(app, "health", "Asks whether the server takes calls.",
                           "Asks once, by grpc.health.v1. The exit status is 0 only if the answer "
                           "is SERVING.\n\n"
                           "Example:\n"
                           "  threadctl health --service=threadstore.v1.ThreadService");
  verb->add_option("--service", *request->mutable_service(),
                   "A service of the server; without it, the server as a whole");
  SetCommand(verb, command, request, &CheckHealth);
}

}  // namespace threadstore::threadctl
