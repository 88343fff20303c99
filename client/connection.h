#ifndef THREADSTORE_CLIENT_CONNECTION_H_
#define THREADSTORE_CLIENT_CONNECTION_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/thread_client.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "server/base/mutex.h"
#include "server/base/status_macros.h"
#include "server/base/uuid.h"
#include "threadstore/v1/admin_service.grpc.pb.h"
#include "threadstore/v1/conversation_service.grpc.pb.h"
#include "threadstore/v1/group_service.grpc.pb.h"
#include "threadstore/v1/post_service.grpc.pb.h"
#include "threadstore/v1/thread_service.grpc.pb.h"

// What the parts of the client library share; not installed.
namespace threadstore {

// The error as its callers get it, with the server's details as payloads.
absl::Status ToStatus(const grpc::Status& status);

// Whether a header that is text can carry it.
bool IsPrintableAscii(absl::string_view text);

// The token in a file: see ThreadClient::Options. UNAVAILABLE, with a message that names the file,
// if there is none that a header can carry.
absl::StatusOr<std::string> ReadTokenFile(const std::string& path);

// How long the server asks to wait before the next try, if it does.
std::optional<absl::Duration> ServersDelay(const absl::Status& status);

// Whether a server that stops has dropped a call before it looked at it, unless the caller itself
// has cancelled it.
bool IsDropped(const absl::Status& status);

// How long to wait after the try of this number, from 0, at most `longest` unless the server asks
// for more. Spread, so that clients refused together do not come back together.
absl::Duration Backoff(const absl::Status& status, int number,
                       absl::Duration longest = absl::InfiniteDuration());

// The channel, and what all calls have in common. Thread-safe.
class ThreadClient::Connection {
 public:
  // A method of a service's stub.
  template <typename Stub, typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  explicit Connection(const Options& options);

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

  absl::StatusOr<grpc::health::v1::HealthCheckResponse> CheckHealth(
      const grpc::health::v1::HealthCheckRequest& request);

  // For streams, which are begun on a stub with a context that has been prepared. That waits a
  // moment for a connection.
  template <typename Stub>
  Stub& stub() {
    return std::get<Stub>(stubs_);
  }
  void PrepareStream(grpc::ClientContext* context);

 private:
  // When a call that failed with UNAVAILABLE may be sent again.
  enum class Repeat { kAlways, kIfNothingWritten, kNever };

  void AddCredentials(grpc::ClientContext* context);
  std::string Token();
  static bool MayRepeat(const absl::Status& status, Repeat repeat);

  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(Method<Stub, Request, Response> method, const Request& request,
                                Repeat repeat) {
    Response response;
    RETURN_IF_ERROR(Try(repeat, [&](grpc::ClientContext* context) {
      return (stub<Stub>().*method)(context, request, &response);
    }));
    return response;
  }

  absl::Status Try(Repeat repeat, const std::function<grpc::Status(grpc::ClientContext*)>& call);

  const Options options_;
  const std::shared_ptr<grpc::Channel> channel_;
  std::tuple<v1::AdminService::Stub, v1::ConversationService::Stub, v1::GroupService::Stub,
             v1::PostService::Stub, v1::ThreadService::Stub>
      stubs_;
  grpc::TemplatedGenericStub<grpc::health::v1::HealthCheckRequest,
                             grpc::health::v1::HealthCheckResponse>
      health_;

  Mutex mutex_;
  std::string token_ ABSL_GUARDED_BY(mutex_);  // The last that could be had.
};

}  // namespace threadstore

#endif  // THREADSTORE_CLIENT_CONNECTION_H_
