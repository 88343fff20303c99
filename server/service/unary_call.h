#ifndef THREADSTORE_SERVER_SERVICE_UNARY_CALL_H_
#define THREADSTORE_SERVER_SERVICE_UNARY_CALL_H_

#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/empty.pb.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/auth/authenticator.h"
#include "server/auth/principal.h"
#include "server/base/byte_budget.h"
#include "server/base/clock.h"
#include "server/base/executor.h"
#include "server/base/shares.h"
#include "server/domain/resource_name.h"
#include "server/domain/validation.h"
#include "server/service/caller.h"
#include "server/service/calls_in_flight.h"
#include "server/service/rate_limiter.h"
#include "server/store/thread_store.h"

// The steps that every RPC shares: parse, count the bytes, set a deadline, learn who is calling,
// check the permission, run the handler, and finish exactly once.
//
// Requests arrive as bytes, not as messages, because gRPC 1.51 answers UNIMPLEMENTED with an
// empty message for bytes that it cannot parse.
namespace threadstore {

// What the services are built on. Everything outlives the server.
struct ServiceContext {
  ThreadStore& store;
  const Authenticator& authenticator;
  const Clock& clock;

  // Charged for each call by whoever makes it.
  RateLimiter& rate_limiter;

  // For the bytes of requests until their calls are finished.
  ByteBudget& request_memory;

  // Whose they are, once that is known.
  ByteShares& request_shares;

  // For the bytes of answers until gRPC has sent them. Apart, so that clients that do not read
  // theirs do not keep others from writing.
  ByteBudget& answer_memory;

  // Closed to drain.
  CallsInFlight& calls;

  // The deadline of a call that comes with none.
  absl::Duration default_timeout;

  // Handles large requests, whose text takes long to look through, off gRPC's few threads. What
  // waits there is bounded by request_memory.
  Executor& large_requests;

  // What the HTTP face of this process is known by.
  const std::string& face_secret;

  // Whether the log says who has changed what.
  bool logs_changes = false;
};

// What a call does, and so what its answer may take. What has been written may not be refused any
// more, so memory for the answer is looked at before. Writes, however many wait, leave some memory
// to reads.
enum class CallKind {
  kRead,    // Refused if its answer does not fit.
  kWrite,   // Answers with about what the request has; refused while answers take all memory.
  kUpdate,  // Answers with a whole post or thread, for which memory is set aside at the start.
};

// The part of a call that does not depend on its types. Deletes itself when gRPC is done.
class UnaryReactor : public grpc::ServerUnaryReactor, private CallsInFlight::Call {
 public:
  UnaryReactor(const ServiceContext& services, absl::string_view method,
               grpc::CallbackServerContext* context, grpc::ByteBuffer* response)
      : services_(services), method_(method), context_(context), response_(response) {}

  // Everything before anyone asks who is calling. `message` receives the request, whose bytes are
  // given up.
  absl::Status Begin(CallKind kind, grpc::ByteBuffer& bytes, google::protobuf::Message& message);

  // The rest of what comes before the handler; `done` is told at once, or on another thread.
  void Identify(CallKind kind, absl::AnyInvocable<void(absl::Status) &&> done);

  // Whether the handler is to run on ServiceContext::large_requests.
  bool is_large() const;

  // OK if the caller still waits.
  absl::Status CheckWanted() const;

  // Says in the log that the call has changed the resource of that name.
  void LogChange(const std::string& resource) const;

  void FinishWith(const absl::Status& status);
  void FinishWith(const google::protobuf::MessageLite& message, CallKind kind);

  const ServiceContext& services() const { return services_; }
  const Principal& principal() const { return caller_.principal; }
  CallContext MakeCallContext(std::optional<RequiredMember> required_member) const;

 protected:
  ~UnaryReactor() override = default;

 private:
  void OnDone() override;
  void Cancel() override { context_->TryCancel(); }

  void GiveRequestBack();

  absl::Status ReserveForAnswer(CallKind kind);

  // False if the memory is not left and the call may still be refused.
  bool TakeForAnswer(size_t bytes, CallKind kind);

  const ServiceContext& services_;
  const absl::string_view method_;
  grpc::CallbackServerContext* const context_;
  grpc::ByteBuffer* const response_;
  bool entered_ = false;
  size_t request_bytes_ = 0;
  size_t answer_bytes_ = 0;
  absl::Time deadline_ = absl::InfiniteFuture();
  Caller caller_;
};

template <typename Request>
class UnaryReactorOf final : public UnaryReactor {
 public:
  using UnaryReactor::UnaryReactor;

  // Dropped when it has been passed on, or the call is finished: gRPC may keep the call until the
  // client has read the answer.
  std::unique_ptr<Request> request = std::make_unique<Request>();

  // The resource that a call changes whose answer does not name it.
  std::string subject;
};

template <typename Message>
concept HasName = requires(const Message& message) {
  message.name();
};

// A call that awaits its answer: a move-only obligation to finish it. Dropped unfinished, it
// ends as INTERNAL, so that no caller waits for ever and the server can shut down.
template <typename RequestType, typename ResponseType, CallKind kKind>
class UnaryCall {
 public:
  using Request = RequestType;
  using Response = ResponseType;
  static constexpr CallKind kCallKind = kKind;

  explicit UnaryCall(UnaryReactorOf<Request>* reactor) : reactor_(reactor) {}
  UnaryCall(UnaryCall&& other) noexcept : reactor_(std::exchange(other.reactor_, nullptr)) {}
  UnaryCall& operator=(UnaryCall&&) = delete;
  ~UnaryCall() {
    if (reactor_ != nullptr) {
      std::move(*this).Finish(absl::InternalError("the call was dropped unfinished"));
    }
  }

  // Valid until it is dropped, at the latest by finishing the call.
  const Request& request() const { return *reactor_->request; }

  // For handlers that have made of the request all that the store needs: both would take memory
  // while the call waits.
  void DropRequest() { reactor_->request.reset(); }

  const Principal& principal() const { return reactor_->principal(); }
  CallerKind caller_kind() const {
    return principal().is_user() ? CallerKind::kUser : CallerKind::kApplication;
  }
  const ServiceContext& services() const { return reactor_->services(); }
  CallContext MakeCallContext(std::optional<RequiredMember> required_member) const {
    return reactor_->MakeCallContext(std::move(required_member));
  }

  // `hash` tells the hash of the request; it is asked only for requests that have an id.
  CreateContext MakeCreateContext(std::optional<RequiredMember> required_member, absl::Time now,
                                  std::optional<Uuid> request_id,
                                  absl::FunctionRef<std::string()> hash) const {
    CreateContext context;
    static_cast<CallContext&>(context) = MakeCallContext(std::move(required_member));
    context.now = now;
    if (request_id.has_value()) {
      context.request = RequestKey{*request_id, hash(), principal().Key()};
    }
    return context;
  }

  ChangeContext MakeChangeContext(std::optional<RequiredMember> required_member,
                                  std::string etag) const {
    ChangeContext context;
    static_cast<CallContext&>(context) = MakeCallContext(std::move(required_member));
    context.etag = std::move(etag);
    context.now = services().clock.Now();
    return context;
  }

  // From any thread.
  void Finish(const absl::StatusOr<Response>& result) && {
    UnaryReactorOf<Request>* const reactor = std::exchange(reactor_, nullptr);
    reactor->request.reset();
    if (result.ok()) {
      if constexpr (kKind != CallKind::kRead && HasName<Response>) {
        reactor->LogChange(result->name());
      } else if constexpr (kKind != CallKind::kRead) {
        reactor->LogChange(CanonicalName(reactor->subject));
      }
      reactor->FinishWith(*result, kKind);
    } else {
      reactor->FinishWith(result.status());
    }
  }

 private:
  UnaryReactorOf<Request>* reactor_;
};

// The callback of a store call: ends `call` with the result, which is a status alone if the
// response is empty. Drops the call's request.
template <typename Call>
auto Finisher(Call call) {
  call.DropRequest();
  using Response = typename Call::Response;
  if constexpr (std::is_same_v<Response, google::protobuf::Empty>) {
    return [call = std::move(call)](const absl::Status& status) mutable {
      if (!status.ok()) return std::move(call).Finish(status);
      std::move(call).Finish(Response());
    };
  } else {
    return [call = std::move(call)](const absl::StatusOr<Response>& result) mutable {
      std::move(call).Finish(result);
    };
  }
}

// Lets a handler answer a call, on whatever thread this is.
template <typename Call>
void Handle(Call call, absl::Status (*handler)(Call&)) {
  const absl::Status status = handler(call);
  if (!status.ok()) std::move(call).Finish(status);
}

// Lets a handler answer a call that has begun.
template <typename Call>
void HandleBegun(Call call, UnaryReactorOf<typename Call::Request>* reactor,
                 absl::Status (*handler)(Call&)) {
  if constexpr (Call::kCallKind != CallKind::kRead && !HasName<typename Call::Response>) {
    reactor->subject = call.request().name();
  }
  if (!reactor->is_large()) return Handle(std::move(call), handler);
  reactor->services().large_requests.Add([reactor, call = std::move(call), handler]() mutable {
    const absl::Status wanted = reactor->CheckWanted();
    if (!wanted.ok()) return std::move(call).Finish(wanted);
    Handle(std::move(call), handler);
  });
}

// Begins a call and hands it to `handler`, a function of the call that returns OK after it has
// passed the call on, or the error to finish it with.
template <typename Call>
grpc::ServerUnaryReactor* StartUnaryCall(const ServiceContext& services, absl::string_view method,
                                         grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response,
                                         absl::Status (*handler)(Call&)) {
  using Reactor = UnaryReactorOf<typename Call::Request>;
  auto* const reactor = new Reactor(services, method, context, response);
  Call call(reactor);
  // gRPC made the buffer for this call and does not look at it again; to keep it would keep the
  // request twice.
  auto& bytes = const_cast<grpc::ByteBuffer&>(*request);
  const absl::Status begun = reactor->Begin(Call::kCallKind, bytes, *reactor->request);
  if (!begun.ok()) {
    std::move(call).Finish(begun);
    return reactor;
  }
  reactor->Identify(Call::kCallKind,
                    [reactor, call = std::move(call), handler](absl::Status status) mutable {
                      if (!status.ok()) return std::move(call).Finish(std::move(status));
                      HandleBegun(std::move(call), reactor, handler);
                    });
  return reactor;
}

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_UNARY_CALL_H_
