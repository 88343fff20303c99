#include "client/thread_client.h"

#include <algorithm>
#include <functional>
#include <future>
#include <optional>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "google/protobuf/empty.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "server/base/error_details.h"
#include "server/base/status_macros.h"
#include "server/base/uuid.h"
#include "threadstore/v1/group_service.grpc.pb.h"
#include "threadstore/v1/thread_service.grpc.pb.h"

namespace threadstore {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr int kMaxTries = 5;
constexpr absl::Duration kFirstBackoff = absl::Milliseconds(200);

// As long as the waits of all tries together.
constexpr absl::Duration kConnectPatience = absl::Seconds(3);

// gRPC's own waits between attempts to connect are 1 s at first, which would turn quick tries
// into repetitions of the first error, and grow to 2 min, which would keep a long-lived client
// away from a server that is back.
constexpr int kFirstReconnectBackoffMillis = 100;
constexpr int kMaxReconnectBackoffMillis = 5000;

// When a call that failed with UNAVAILABLE may be sent again.
enum class Repeat { kAlways, kIfNothingWritten, kNever };

bool IsPrintableAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isprint(static_cast<unsigned char>(c)); });
}

absl::Status ToStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  // A peer may send any number.
  const bool is_known = status.error_code() <= grpc::StatusCode::UNAUTHENTICATED;
  absl::Status result(
      is_known ? static_cast<absl::StatusCode>(status.error_code()) : absl::StatusCode::kUnknown,
      status.error_message());
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) {
    for (const auto& detail : details.details()) {
      result.SetPayload(detail.type_url(), absl::Cord(detail.value()));
    }
  }
  return result;
}

std::optional<absl::Duration> ServersDelay(const absl::Status& status) {
  const auto retry = ErrorDetailOf<google::rpc::RetryInfo>(status);
  if (!retry.has_value()) return std::nullopt;
  return absl::Seconds(retry->retry_delay().seconds()) +
         absl::Nanoseconds(retry->retry_delay().nanos());
}

bool MayRepeat(const absl::Status& status, Repeat repeat) {
  if (repeat == Repeat::kNever) return false;
  if (absl::IsResourceExhausted(status)) return ServersDelay(status).has_value();
  const v1::ErrorReason reason = ErrorReasonOf(status);
  // A server that stops may drop a call as cancelled before it has looked at it; this client
  // cancels none.
  const bool is_dropped = absl::IsCancelled(status) && reason == v1::ERROR_REASON_UNSPECIFIED;
  if (!absl::IsUnavailable(status) && !is_dropped) return false;
  return repeat == Repeat::kAlways || reason == v1::ERROR_REASON_SHUTTING_DOWN ||
         reason == v1::ERROR_REASON_STORE_BUSY || reason == v1::ERROR_REASON_STORE_FAILED;
}

// How long to wait after the try of this number, from 0. Spread, so that clients refused
// together do not come back together.
absl::Duration Backoff(const absl::Status& status, int number) {
  thread_local absl::BitGen random;
  if (const std::optional<absl::Duration> delay = ServersDelay(status); delay.has_value()) {
    return *delay * absl::Uniform(random, 1.0, 1.5);
  }
  return kFirstBackoff * (1 << number) * absl::Uniform(random, 0.5, 1.0);
}

template <typename Request>
Request WithRequestId(Request request) {
  if (request.request_id().empty()) request.set_request_id(Uuid::V7(absl::Now()).ToString());
  return request;
}

}  // namespace

// The channel, and what all calls have in common.
class ThreadClient::Connection {
 public:
  explicit Connection(const Options& options)
      : options_(options),
        channel_(grpc::CreateCustomChannel(options.server, grpc::InsecureChannelCredentials(),
                                           ChannelArguments())),
        groups_(channel_),
        threads_(channel_),
        health_(channel_) {}

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::GroupService::Stub::*method)(grpc::ClientContext*,
                                                                               const Request&,
                                                                               Response*),
                                const Request& request, Repeat repeat) {
    return CallOn(groups_, method, request, repeat);
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::ThreadService::Stub::*method)(
                                    grpc::ClientContext*, const Request&, Response*),
                                const Request& request, Repeat repeat) {
    return CallOn(threads_, method, request, repeat);
  }

  absl::StatusOr<HealthCheckResponse> CheckHealth(const HealthCheckRequest& request) {
    HealthCheckResponse response;
    RETURN_IF_ERROR(Try(Repeat::kNever, [&](grpc::ClientContext* context) {
      // Shared, since the callback may still be leaving the promise when this thread goes on.
      const auto status = std::make_shared<std::promise<grpc::Status>>();
      health_.UnaryCall(context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request,
                        &response,
                        [status](grpc::Status ended) { status->set_value(std::move(ended)); });
      return status->get_future().get();
    }));
    return response;
  }

 private:
  static grpc::ChannelArguments ChannelArguments() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectBackoffMillis);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectBackoffMillis);
    // The server bounds its answers.
    arguments.SetMaxReceiveMessageSize(-1);
    return arguments;
  }

  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> CallOn(Stub& stub,
                                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                               Response*),
                                  const Request& request, Repeat repeat) {
    Response response;
    RETURN_IF_ERROR(Try(repeat, [&](grpc::ClientContext* context) {
      return (stub.*method)(context, request, &response);
    }));
    return response;
  }

  absl::Status Try(Repeat repeat, const std::function<grpc::Status(grpc::ClientContext*)>& call) {
    const absl::Time deadline = absl::Now() + options_.timeout;
    if (repeat == Repeat::kIfNothingWritten) {
      // Half of the timeout is left to the call, which reports what is wrong with the connection.
      const absl::Duration patience = std::min(kConnectPatience, options_.timeout / 2);
      channel_->WaitForConnected(absl::ToChronoTime(absl::Now() + patience));
    }
    for (int number = 0;; ++number) {
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(deadline));
      AddCredentials(&context);
      absl::Status status = ToStatus(call(&context));
      if (status.ok() || number + 1 == kMaxTries || !MayRepeat(status, repeat)) return status;
      const absl::Duration backoff = Backoff(status, number);
      if (absl::Now() + backoff >= deadline) return status;
      absl::SleepFor(backoff);
    }
  }

  void AddCredentials(grpc::ClientContext* context) const {
    if (!options_.token.empty()) {
      context->AddMetadata("authorization", absl::StrCat("Bearer ", options_.token));
    }
    if (!options_.user.empty()) context->AddMetadata("x-threadstore-user", options_.user);
  }

  const Options options_;
  const std::shared_ptr<grpc::Channel> channel_;
  v1::GroupService::Stub groups_;
  v1::ThreadService::Stub threads_;
  grpc::TemplatedGenericStub<HealthCheckRequest, HealthCheckResponse> health_;
};

absl::StatusOr<std::unique_ptr<ThreadClient>> ThreadClient::Create(const Options& options) {
  if (options.server.empty()) return absl::InvalidArgumentError("the server's address is empty");
  // gRPC ends the process when it is handed a header that it cannot send.
  for (const auto& [what, value] : {std::pair("token", options.token), {"user", options.user}}) {
    if (!IsPrintableAscii(value)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the ", what, " holds characters other than printable ASCII"));
    }
  }
  return std::unique_ptr<ThreadClient>(new ThreadClient(std::make_unique<Connection>(options)));
}

ThreadClient::ThreadClient(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)) {}

ThreadClient::~ThreadClient() = default;

absl::StatusOr<v1::Group> ThreadClient::CreateGroup(v1::CreateGroupRequest request) {
  return connection_->Call(&v1::GroupService::Stub::CreateGroup, WithRequestId(std::move(request)),
                           Repeat::kAlways);
}

absl::StatusOr<v1::Group> ThreadClient::GetGroup(const v1::GetGroupRequest& request) {
  return connection_->Call(&v1::GroupService::Stub::GetGroup, request, Repeat::kAlways);
}

absl::StatusOr<v1::ListGroupsResponse> ThreadClient::ListGroups(
    const v1::ListGroupsRequest& request) {
  return connection_->Call(&v1::GroupService::Stub::ListGroups, request, Repeat::kAlways);
}

absl::StatusOr<v1::ListJoinedGroupsResponse> ThreadClient::ListJoinedGroups(
    const v1::ListJoinedGroupsRequest& request) {
  return connection_->Call(&v1::GroupService::Stub::ListJoinedGroups, request, Repeat::kAlways);
}

absl::Status ThreadClient::DeleteGroup(const v1::DeleteGroupRequest& request) {
  return connection_->Call(&v1::GroupService::Stub::DeleteGroup, request, Repeat::kIfNothingWritten)
      .status();
}

absl::StatusOr<v1::Member> ThreadClient::AddMember(const v1::AddMemberRequest& request) {
  return connection_->Call(&v1::GroupService::Stub::AddMember, request, Repeat::kIfNothingWritten);
}

absl::Status ThreadClient::RemoveMember(const v1::RemoveMemberRequest& request) {
  return connection_
      ->Call(&v1::GroupService::Stub::RemoveMember, request, Repeat::kIfNothingWritten)
      .status();
}

absl::StatusOr<v1::ListMembersResponse> ThreadClient::ListMembers(
    const v1::ListMembersRequest& request) {
  return connection_->Call(&v1::GroupService::Stub::ListMembers, request, Repeat::kAlways);
}

absl::StatusOr<v1::ConversationThread> ThreadClient::CreateThread(v1::CreateThreadRequest request) {
  return connection_->Call(&v1::ThreadService::Stub::CreateThread,
                           WithRequestId(std::move(request)), Repeat::kAlways);
}

absl::StatusOr<v1::ConversationThread> ThreadClient::GetThread(
    const v1::GetThreadRequest& request) {
  return connection_->Call(&v1::ThreadService::Stub::GetThread, request, Repeat::kAlways);
}

absl::StatusOr<v1::ListThreadsResponse> ThreadClient::ListThreads(
    const v1::ListThreadsRequest& request) {
  return connection_->Call(&v1::ThreadService::Stub::ListThreads, request, Repeat::kAlways);
}

absl::StatusOr<HealthCheckResponse> ThreadClient::CheckHealth(const HealthCheckRequest& request) {
  return connection_->CheckHealth(request);
}

}  // namespace threadstore
