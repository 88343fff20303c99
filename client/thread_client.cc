#include "client/thread_client.h"

#include <algorithm>
#include <functional>
#include <future>
#include <optional>
#include <tuple>
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
#include "threadstore/v1/conversation_service.grpc.pb.h"
#include "threadstore/v1/group_service.grpc.pb.h"
#include "threadstore/v1/post_service.grpc.pb.h"
#include "threadstore/v1/thread_service.grpc.pb.h"

namespace threadstore {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

using Conversations = v1::ConversationService::Stub;
using Groups = v1::GroupService::Stub;
using Posts = v1::PostService::Stub;
using Threads = v1::ThreadService::Stub;

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

// A method of a service's stub.
template <typename Stub, typename Request, typename Response>
using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

}  // namespace

// The channel, and what all calls have in common.
class ThreadClient::Connection {
 public:
  explicit Connection(const Options& options)
      : options_(options),
        channel_(grpc::CreateCustomChannel(options.server, grpc::InsecureChannelCredentials(),
                                           ChannelArguments())),
        stubs_(channel_, channel_, channel_, channel_),
        health_(channel_) {}

  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Read(Method<Stub, Request, Response> method, const Request& request) {
    return Call(method, request, Repeat::kAlways);
  }

  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Create(Method<Stub, Request, Response> method, Request request) {
    if (request.request_id().empty()) request.set_request_id(Uuid::V7(absl::Now()).ToString());
    return Call(method, request, Repeat::kAlways);
  }

  // A write without a request_id.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Write(Method<Stub, Request, Response> method, const Request& request) {
    return Call(method, request, Repeat::kIfNothingWritten);
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
  absl::StatusOr<Response> Call(Method<Stub, Request, Response> method, const Request& request,
                                Repeat repeat) {
    Response response;
    RETURN_IF_ERROR(Try(repeat, [&](grpc::ClientContext* context) {
      return (std::get<Stub>(stubs_).*method)(context, request, &response);
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
  std::tuple<Conversations, Groups, Posts, Threads> stubs_;
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
  return connection_->Create(&Groups::CreateGroup, std::move(request));
}

absl::StatusOr<v1::Group> ThreadClient::GetGroup(const v1::GetGroupRequest& request) {
  return connection_->Read(&Groups::GetGroup, request);
}

absl::StatusOr<v1::ListGroupsResponse> ThreadClient::ListGroups(
    const v1::ListGroupsRequest& request) {
  return connection_->Read(&Groups::ListGroups, request);
}

absl::StatusOr<v1::ListJoinedGroupsResponse> ThreadClient::ListJoinedGroups(
    const v1::ListJoinedGroupsRequest& request) {
  return connection_->Read(&Groups::ListJoinedGroups, request);
}

absl::StatusOr<v1::Group> ThreadClient::UpdateGroup(const v1::UpdateGroupRequest& request) {
  return connection_->Write(&Groups::UpdateGroup, request);
}

absl::Status ThreadClient::DeleteGroup(const v1::DeleteGroupRequest& request) {
  return connection_->Write(&Groups::DeleteGroup, request).status();
}

absl::StatusOr<v1::Member> ThreadClient::AddMember(const v1::AddMemberRequest& request) {
  return connection_->Write(&Groups::AddMember, request);
}

absl::Status ThreadClient::RemoveMember(const v1::RemoveMemberRequest& request) {
  return connection_->Write(&Groups::RemoveMember, request).status();
}

absl::StatusOr<v1::ListMembersResponse> ThreadClient::ListMembers(
    const v1::ListMembersRequest& request) {
  return connection_->Read(&Groups::ListMembers, request);
}

absl::StatusOr<v1::Sender> ThreadClient::AddSender(const v1::AddSenderRequest& request) {
  return connection_->Write(&Groups::AddSender, request);
}

absl::Status ThreadClient::RemoveSender(const v1::RemoveSenderRequest& request) {
  return connection_->Write(&Groups::RemoveSender, request).status();
}

absl::StatusOr<v1::ListSendersResponse> ThreadClient::ListSenders(
    const v1::ListSendersRequest& request) {
  return connection_->Read(&Groups::ListSenders, request);
}

absl::StatusOr<v1::Conversation> ThreadClient::CreateConversation(
    v1::CreateConversationRequest request) {
  return connection_->Create(&Conversations::CreateConversation, std::move(request));
}

absl::StatusOr<v1::Conversation> ThreadClient::GetConversation(
    const v1::GetConversationRequest& request) {
  return connection_->Read(&Conversations::GetConversation, request);
}

absl::StatusOr<v1::ListConversationsResponse> ThreadClient::ListConversations(
    const v1::ListConversationsRequest& request) {
  return connection_->Read(&Conversations::ListConversations, request);
}

absl::Status ThreadClient::DeleteConversation(const v1::DeleteConversationRequest& request) {
  return connection_->Write(&Conversations::DeleteConversation, request).status();
}

absl::StatusOr<v1::ConversationThread> ThreadClient::CreateThread(v1::CreateThreadRequest request) {
  return connection_->Create(&Threads::CreateThread, std::move(request));
}

absl::StatusOr<v1::ConversationThread> ThreadClient::GetThread(
    const v1::GetThreadRequest& request) {
  return connection_->Read(&Threads::GetThread, request);
}

absl::StatusOr<v1::ListThreadsResponse> ThreadClient::ListThreads(
    const v1::ListThreadsRequest& request) {
  return connection_->Read(&Threads::ListThreads, request);
}

absl::StatusOr<v1::ConversationThread> ThreadClient::UpdateThread(
    const v1::UpdateThreadRequest& request) {
  return connection_->Write(&Threads::UpdateThread, request);
}

absl::Status ThreadClient::DeleteThread(const v1::DeleteThreadRequest& request) {
  return connection_->Write(&Threads::DeleteThread, request).status();
}

absl::StatusOr<v1::Post> ThreadClient::ReplyToThread(v1::ReplyToThreadRequest request) {
  return connection_->Create(&Threads::ReplyToThread, std::move(request));
}

absl::StatusOr<v1::SearchThreadsResponse> ThreadClient::SearchThreads(
    const v1::SearchThreadsRequest& request) {
  return connection_->Read(&Threads::SearchThreads, request);
}

absl::StatusOr<v1::ListThreadChangesResponse> ThreadClient::ListThreadChanges(
    const v1::ListThreadChangesRequest& request) {
  return connection_->Read(&Threads::ListThreadChanges, request);
}

absl::StatusOr<v1::Post> ThreadClient::GetPost(const v1::GetPostRequest& request) {
  return connection_->Read(&Posts::GetPost, request);
}

absl::StatusOr<v1::ListPostsResponse> ThreadClient::ListPosts(const v1::ListPostsRequest& request) {
  return connection_->Read(&Posts::ListPosts, request);
}

absl::StatusOr<v1::Post> ThreadClient::UpdatePost(const v1::UpdatePostRequest& request) {
  return connection_->Write(&Posts::UpdatePost, request);
}

absl::Status ThreadClient::DeletePost(const v1::DeletePostRequest& request) {
  return connection_->Write(&Posts::DeletePost, request).status();
}

absl::StatusOr<v1::Post> ThreadClient::ReplyToPost(v1::ReplyToPostRequest request) {
  return connection_->Create(&Posts::ReplyToPost, std::move(request));
}

absl::StatusOr<v1::Forward> ThreadClient::ForwardPost(v1::ForwardPostRequest request) {
  return connection_->Create(&Posts::ForwardPost, std::move(request));
}

absl::StatusOr<v1::Attachment> ThreadClient::CreateAttachment(v1::CreateAttachmentRequest request) {
  return connection_->Create(&Posts::CreateAttachment, std::move(request));
}

absl::StatusOr<v1::Attachment> ThreadClient::GetAttachment(
    const v1::GetAttachmentRequest& request) {
  return connection_->Read(&Posts::GetAttachment, request);
}

absl::StatusOr<v1::ListAttachmentsResponse> ThreadClient::ListAttachments(
    const v1::ListAttachmentsRequest& request) {
  return connection_->Read(&Posts::ListAttachments, request);
}

absl::StatusOr<v1::Extension> ThreadClient::CreateExtension(v1::CreateExtensionRequest request) {
  return connection_->Create(&Posts::CreateExtension, std::move(request));
}

absl::StatusOr<v1::Extension> ThreadClient::GetExtension(const v1::GetExtensionRequest& request) {
  return connection_->Read(&Posts::GetExtension, request);
}

absl::StatusOr<v1::ListExtensionsResponse> ThreadClient::ListExtensions(
    const v1::ListExtensionsRequest& request) {
  return connection_->Read(&Posts::ListExtensions, request);
}

absl::StatusOr<v1::Extension> ThreadClient::UpdateExtension(
    const v1::UpdateExtensionRequest& request) {
  return connection_->Write(&Posts::UpdateExtension, request);
}

absl::Status ThreadClient::DeleteExtension(const v1::DeleteExtensionRequest& request) {
  return connection_->Write(&Posts::DeleteExtension, request).status();
}

absl::StatusOr<HealthCheckResponse> ThreadClient::CheckHealth(const HealthCheckRequest& request) {
  return connection_->CheckHealth(request);
}

}  // namespace threadstore
