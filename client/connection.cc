#include "client/connection.h"

#include <algorithm>
#include <filesystem>
#include <future>
#include <string>
#include <system_error>

#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "server/base/errors.h"
#include "server/base/file_text.h"

namespace threadstore {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// What servers take as metadata.
constexpr size_t kMaxTokenBytes = size_t{32} << 10;

constexpr int kMaxTries = 5;
constexpr absl::Duration kFirstBackoff = absl::Milliseconds(200);

// As long as the waits of all tries together.
constexpr absl::Duration kConnectPatience = absl::Seconds(3);

// Between the tries of a stream nobody looks at the connection, so that what the server has sent to
// set it up is read only now.
constexpr absl::Duration kStreamConnectPatience = absl::Milliseconds(500);

// gRPC's own waits between attempts to connect are 1 s at first, which would turn quick tries
// into repetitions of the first error, and grow to 2 min, which would keep a long-lived client
// away from a server that is back.
constexpr int kFirstReconnectBackoffMillis = 100;
constexpr int kMaxReconnectBackoffMillis = 5000;

// A server that is gone without a word, as when its machine is, is noticed after both. Servers
// take no more than one ping in 10 s.
constexpr int kKeepaliveMillis = 20'000;
constexpr int kKeepaliveTimeoutMillis = 10'000;

grpc::ChannelArguments ChannelArguments() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectBackoffMillis);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectBackoffMillis);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMillis);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMillis);
  // Otherwise pings end after two that nothing of ours has followed: a watch sends nothing.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // The server bounds its answers.
  arguments.SetMaxReceiveMessageSize(-1);
  return arguments;
}

std::shared_ptr<grpc::ChannelCredentials> MakeCredentials(const ThreadClient::Options& options) {
  if (options.tls_roots.empty()) return grpc::InsecureChannelCredentials();
  return grpc::SslCredentials({.pem_root_certs = options.tls_roots,
                               .pem_private_key = options.tls_private_key,
                               .pem_cert_chain = options.tls_certificates});
}

}  // namespace

absl::Status ToStatus(const grpc::Status& status) {
  return StatusFromWire(status.error_code(), status.error_message(), status.error_details());
}

bool IsPrintableAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isprint(static_cast<unsigned char>(c)); });
}

absl::StatusOr<std::string> ReadTokenFile(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFileText(path, kMaxTokenBytes);
  if (!text.ok()) return absl::UnavailableError(absl::StrCat(path, " ", text.status().message()));
  const absl::string_view token = absl::StripAsciiWhitespace(*text);
  if (token.empty()) return absl::UnavailableError(absl::StrCat(path, " holds no token"));
  if (!IsPrintableAscii(token)) {
    return absl::UnavailableError(
        absl::StrCat(path, " holds characters other than printable ASCII"));
  }
  return std::string(token);
}

std::optional<absl::Duration> ServersDelay(const absl::Status& status) {
  const auto retry = ErrorDetailOf<google::rpc::RetryInfo>(status);
  if (!retry.has_value()) return std::nullopt;
  return absl::Seconds(retry->retry_delay().seconds()) +
         absl::Nanoseconds(retry->retry_delay().nanos());
}

bool IsDropped(const absl::Status& status) {
  return absl::IsCancelled(status) && ErrorReasonOf(status) == v1::ERROR_REASON_UNSPECIFIED;
}

absl::Duration Backoff(const absl::Status& status, int number, absl::Duration longest) {
  thread_local absl::BitGen random;
  if (const std::optional<absl::Duration> delay = ServersDelay(status); delay.has_value()) {
    return *delay * absl::Uniform(random, 1.0, 1.5);
  }
  // 2^20 times the first is days.
  const absl::Duration doubled = kFirstBackoff * (1 << std::min(number, 20));
  return std::min(doubled, longest) * absl::Uniform(random, 0.5, 1.0);
}

ThreadClient::Connection::Connection(const Options& options)
    : options_(options),
      channel_(
          grpc::CreateCustomChannel(options.server, MakeCredentials(options), ChannelArguments())),
      stubs_(channel_, channel_, channel_, channel_, channel_),
      health_(channel_),
      token_(options.token) {}

absl::StatusOr<HealthCheckResponse> ThreadClient::Connection::CheckHealth(
    const HealthCheckRequest& request) {
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

void ThreadClient::Connection::PrepareStream(grpc::ClientContext* context) {
  AddCredentials(context);
  channel_->WaitForConnected(absl::ToChronoTime(absl::Now() + kStreamConnectPatience));
}

std::string ThreadClient::Connection::Token() {
  if (options_.token_file.empty()) return options_.token;
  std::error_code error;
  // Others, such as pipes, are read once only.
  const bool may_change = std::filesystem::is_regular_file(options_.token_file, error);
  absl::StatusOr<std::string> read;
  if (may_change) read = ReadTokenFile(options_.token_file);
  MutexLock lock(&mutex_);
  if (may_change && read.ok()) token_ = *std::move(read);
  return token_;
}

void ThreadClient::Connection::AddCredentials(grpc::ClientContext* context) {
  if (const std::string token = Token(); !token.empty()) {
    // gRPC's own call credentials end every call on a channel without TLS, over loopback too.
    context->AddMetadata("authorization", absl::StrCat("Bearer ", token));
  }
  if (!options_.user.empty()) {
    context->AddMetadata(
        IsPrintableAscii(options_.user) ? "x-threadstore-user" : "x-threadstore-user-bin",
        options_.user);
  }
}

bool ThreadClient::Connection::MayRepeat(const absl::Status& status, Repeat repeat) {
  if (repeat == Repeat::kNever) return false;
  if (absl::IsResourceExhausted(status)) return ServersDelay(status).has_value();
  if (!absl::IsUnavailable(status) && !IsDropped(status)) return false;
  const v1::ErrorReason reason = ErrorReasonOf(status);
  return repeat == Repeat::kAlways || reason == v1::ERROR_REASON_SHUTTING_DOWN ||
         reason == v1::ERROR_REASON_STORE_BUSY || reason == v1::ERROR_REASON_STORE_FAILED;
}

absl::Status ThreadClient::Connection::Try(
    Repeat repeat, const std::function<grpc::Status(grpc::ClientContext*)>& call) {
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

}  // namespace threadstore
