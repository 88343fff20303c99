#include "server/http/http_connection.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "server/telemetry/log.h"

namespace threadstore {
namespace {

// How long to wait for room for the next part of an answer.
constexpr absl::Duration kPartRetryDelay = absl::Milliseconds(50);

namespace asio = boost::asio;

constexpr int kBadRequest = 400;
constexpr int kForbidden = 403;
constexpr int kRequestTimeout = 408;
constexpr int kBodyTooLarge = 413;
constexpr int kUnsupportedMediaType = 415;
constexpr int kInternalServerError = 500;
constexpr int kServiceUnavailable = 503;

constexpr char kShuttingDown[] = "The server is shutting down.";
constexpr char kNoMemory[] = "The server has no memory left for requests.";

constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

asio::const_buffer Buffer(absl::string_view text) { return {text.data(), text.size()}; }

std::string AddressText(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  }
  return address.to_string();
}

// The fields that a status demands.
void AddStatusFields(HttpResponse& response) {
  if (response.status == kUnsupportedMediaType) response.headers.Add("Accept-Encoding", "gzip");
  if (response.status == kServiceUnavailable && !response.headers.Has("Retry-After")) {
    response.headers.Add("Retry-After", absl::StrCat(kHttpRetryAfterSeconds));
  }
}

}  // namespace

class HttpConnection::Exchange final : public HttpExchange {
 public:
  Exchange(std::shared_ptr<HttpConnection> connection, HttpRequest request,
           std::unique_ptr<BodyCharge> charge)
      : connection_(std::move(connection)),
        charge_(std::move(charge)),
        request_(std::move(request)) {}

  ~Exchange() override {
    if (connection_ == nullptr) return;
    log::Error("http request dropped", {{"method", request_.method}});
    Refuse(kInternalServerError, "The server failed to answer.");
  }

  HttpRequest& request() override { return request_; }

  void ReleaseBody() override {
    request_.body = std::string();
    charge_.reset();
  }

  void Run(absl::AnyInvocable<void() &&> step) override {
    connection_->context_.executor.Add(std::move(step));
  }

  void Respond(HttpResponse response) override {
    // What is charged may be gone with the connection.
    charge_.reset();
    const std::shared_ptr<HttpConnection> connection = std::move(connection_);
    asio::post(connection->stream_->socket().get_executor(),
               [connection, response = std::move(response)]() mutable {
                 connection->Respond(std::move(response));
               });
  }

  void Refuse(int status, absl::string_view message) {
    HttpResponse response = connection_->context_.handler.Refuse(request_, status, message);
    AddStatusFields(response);
    Respond(std::move(response));
  }

  // Hands the request to the handler, without the coding of its body.
  static void Begin(std::unique_ptr<Exchange> exchange, ContentCoding coding) {
    if (coding == ContentCoding::kGzip && !exchange->Decode()) return;
    HttpHandler& handler = exchange->connection_->context_.handler;
    handler.Handle(std::move(exchange));
  }

 private:
  // Returns false if it has refused the request.
  bool Decode() {
    absl::StatusOr<std::string> decoded = DecodeGzip(request_.body, kMaxHttpBodyBytes);
    if (!decoded.ok()) {
      const bool is_too_large = absl::IsOutOfRange(decoded.status());
      const bool is_bad = absl::IsInvalidArgument(decoded.status());
      Refuse(is_too_large ? kBodyTooLarge
             : is_bad     ? kBadRequest
                          : kServiceUnavailable,
             decoded.status().message());
      return false;
    }
    if (!charge_->TryGrowTo(decoded->size())) {
      Refuse(kServiceUnavailable, kNoMemory);
      return false;
    }
    request_.body = *std::move(decoded);
    return true;
  }

  std::shared_ptr<HttpConnection> connection_;  // Null when it has been answered.
  std::unique_ptr<BodyCharge> charge_;          // Outlives the body.
  HttpRequest request_;
};

// Takes the next part of an answer from its source; a source that drops it has failed.
class HttpConnection::PartReceiver {
 public:
  explicit PartReceiver(std::shared_ptr<HttpConnection> connection)
      : connection_(std::move(connection)) {}
  PartReceiver(PartReceiver&&) = default;
  PartReceiver& operator=(PartReceiver&&) = delete;
  ~PartReceiver() {
    if (connection_ != nullptr) (*this)(absl::InternalError("no part came"));
  }

  void operator()(absl::StatusOr<std::string> part) {
    const std::shared_ptr<HttpConnection> connection = std::move(connection_);
    asio::post(
        connection->stream_->socket().get_executor(),
        [connection, part = std::move(part)]() mutable { connection->OnPart(std::move(part)); });
  }

 private:
  std::shared_ptr<HttpConnection> connection_;
};

HttpConnection::HttpConnection(HttpConnectionContext& context, std::unique_ptr<Stream> stream)
    : context_(context),
      stream_(std::move(stream)),
      descriptor_(stream_->socket().native_handle()),
      timer_(stream_->socket().get_executor()),
      accepted_at_(absl::Now()) {
  ErrorCode error;  // The peer may be gone: then reading tells.
  peer_ = AddressText(stream_->socket().remote_endpoint(error).address());
  const auto local = stream_->socket().local_endpoint(error);
  const std::string address = AddressText(local.address());
  local_host_ = absl::StrContains(address, ':') ? absl::StrCat("[", address, "]:", local.port())
                                                : absl::StrCat(address, ":", local.port());
}

HttpConnection::~HttpConnection() = default;

void HttpConnection::Start() {
  asio::post(stream_->socket().get_executor(), [self = shared_from_this()] {
    self->SetTimer(self->context_.timeouts.head);
    self->stream_->Handshake([self](const ErrorCode& error, size_t) {
      if (self->state_ != State::kHandshake) return;
      if (error) return self->Close();
      self->certificate_names_ = self->stream_->PeerCertificate();
      self->AwaitRequest();
    });
  });
}

void HttpConnection::Drain() { Post(&HttpConnection::DrainOnStrand); }
void HttpConnection::Cut() { Post(&HttpConnection::CutOnStrand); }

void HttpConnection::Post(void (HttpConnection::*step)()) {
  asio::post(stream_->socket().get_executor(),
             [self = shared_from_this(), step] { (self.get()->*step)(); });
}

// Replaces the timer there was. An infinite one never ends.
void HttpConnection::SetTimer(absl::Duration timeout) {
  const uint64_t generation = ++timer_generation_;
  timer_.cancel();
  if (timeout == absl::InfiniteDuration()) return;
  timer_.expires_after(absl::ToChronoNanoseconds(timeout));
  timer_.async_wait([self = shared_from_this(), generation](const ErrorCode& error) {
    if (!error && generation == self->timer_generation_) self->OnTimeout();
  });
}

void HttpConnection::OnTimeout() {
  switch (state_) {
    case State::kHead:
    case State::kBody:
      return InterruptReading(kRequestTimeout, "The request did not come in time.");
    case State::kWriting:
      return CutOnStrand();
    case State::kHandshake:
    case State::kIdle:
    case State::kLinger:
      return Close();
    case State::kHandling:
    case State::kClosed:
      return;
  }
}

void HttpConnection::AwaitRequest() {
  state_ = State::kIdle;
  if (context_.draining) return Linger();
  parser_ = std::make_unique<RequestParser>();
  body_charge_.reset();
  SetTimer(context_.timeouts.idle);
  ParseMore();
}

void HttpConnection::ReadMore() {
  if (interruption_.has_value()) return Refuse(interruption_->status, interruption_->message);
  is_reading_ = true;
  stream_->Read(asio::buffer(read_buffer_),
                [self = shared_from_this()](const ErrorCode& error, size_t bytes) {
                  self->OnRead(error, bytes);
                });
}

void HttpConnection::OnRead(const ErrorCode& error, size_t bytes) {
  is_reading_ = false;
  if (state_ == State::kClosed) return;
  if (interruption_.has_value()) return Refuse(interruption_->status, interruption_->message);
  if (error) return Close();
  input_.append(read_buffer_.data(), bytes);
  ParseMore();
}

void HttpConnection::ParseMore() {
  while (true) {
    switch (parser_->Read(input_)) {
      case RequestParser::Progress::kNeedsMore:
        if (!HoldBody()) return Refuse(kServiceUnavailable, kNoMemory);
        if (state_ == State::kIdle && !input_.empty()) {
          state_ = State::kHead;
          SetTimer(context_.timeouts.head);
        }
        return ReadMore();
      case RequestParser::Progress::kHead:
        state_ = State::kBody;
        if (!AcceptHead()) return;
        if (!parser_->has_body()) return Handle();
        SetTimer(context_.timeouts.body);
        if (parser_->expects_continue() && input_.empty()) return SendContinue();
        break;
      case RequestParser::Progress::kDone:
        if (!HoldBody()) return Refuse(kServiceUnavailable, kNoMemory);
        return Handle();
      case RequestParser::Progress::kRefused:
        return Refuse(parser_->refusal().status, parser_->refusal().message);
    }
  }
}

// Looks at all there is to see before the body comes. Returns false if it has refused the request.
bool HttpConnection::AcceptHead() {
  HttpRequest& request = parser_->request();
  request.peer = peer_;
  request.certificate_names = certificate_names_;
  request.is_tls = stream_->is_tls();
  request.scheme = request.is_tls ? "https" : "http";
  const std::string requested_host = request.host;
  if (request.host.empty()) request.host = local_host_;
  ApplyForwarded(context_.trusted_proxies, request);

  const std::string why_refused = context_.cors.WhyRefused(request, requested_host);
  const std::optional<ContentCoding> coding = ContentCodingOf(request.headers);
  if (!why_refused.empty()) {
    Refuse(kForbidden, why_refused);
  } else if (context_.draining) {
    Refuse(kServiceUnavailable, kShuttingDown);
  } else if (!coding.has_value()) {
    Refuse(kUnsupportedMediaType, "The Content-Encoding of a body is gzip or none.");
  } else if (context_.answer_memory.IsUsedUp()) {
    Refuse(kServiceUnavailable, "The server has no memory left for answers.");
  } else {
    coding_ = *coding;
    body_charge_ =
        std::make_unique<BodyCharge>(context_.request_memory, context_.body_shares, request.peer);
    return true;
  }
  return false;
}

bool HttpConnection::HoldBody() {
  return body_charge_ == nullptr || body_charge_->TryGrowTo(parser_->request().body.size());
}

void HttpConnection::SendContinue() {
  stream_->Write({Buffer(kContinue)}, [self = shared_from_this()](const ErrorCode& error, size_t) {
    if (self->state_ != State::kBody) return;
    if (error) return self->Close();
    self->ReadMore();
  });
}

// Refuses the request that is being read as soon as nothing is under way on the stream.
void HttpConnection::InterruptReading(int status, absl::string_view message) {
  interruption_ = {status, std::string(message)};
  ErrorCode error;
  if (is_reading_) stream_->socket().cancel(error);
}

void HttpConnection::Handle() {
  SetTimer(absl::InfiniteDuration());
  state_ = State::kHandling;
  HttpRequest& request = parser_->request();
  is_head_request_ = request.method == "HEAD";
  is_http_1_0_ = parser_->is_http_1_0();
  closes_ = !parser_->keeps_alive();
  origin_ = std::string(request.headers.Get("Origin"));
  if (CorsPolicy::IsPreflight(request)) return Send(CorsPolicy::AnswerPreflight(request));
  auto exchange =
      std::make_unique<Exchange>(shared_from_this(), std::move(request), std::move(body_charge_));
  context_.executor.Add([exchange = std::move(exchange), coding = coding_]() mutable {
    Exchange::Begin(std::move(exchange), coding);
  });
}

// Answers what is not, or not yet, a request to be handled. What follows cannot be told.
void HttpConnection::Refuse(int status, absl::string_view message) {
  const HttpRequest& request = parser_->request();
  is_head_request_ = request.method == "HEAD";
  closes_ = true;
  origin_ = std::string(request.headers.Get("Origin"));
  HttpResponse response = context_.handler.Refuse(request, status, message);
  AddStatusFields(response);
  Send(std::move(response));
}

void HttpConnection::Respond(HttpResponse response) {
  if (state_ == State::kHandling) Send(std::move(response));
}

void HttpConnection::Send(HttpResponse response) {
  context_.cors.Decorate(origin_, response);
  if (!AreSendable(response.headers)) {
    log::Error("http answer has unusable headers");
    response = HttpResponse();
    response.status = kInternalServerError;
  }
  closes_ = closes_ || context_.draining || absl::Now() - accepted_at_ > context_.max_age;
  ResponseFraming framing;
  if (HasNoBody(response.status)) {
    framing.body = BodyFraming::kNone;
  } else if (response.rest == nullptr) {
    framing.length = response.body.size();
  } else {
    framing.body = is_http_1_0_ ? BodyFraming::kUntilClose : BodyFraming::kChunked;
    closes_ = closes_ || is_http_1_0_;
  }
  framing.closes = closes_;
  framing.tells_it_stays_open = is_http_1_0_;
  framing_ = framing.body;
  head_ = FormatHead(response, framing, absl::Now());
  body_.clear();
  if (!is_head_request_ && framing_ != BodyFraming::kNone) {
    body_ = std::move(response.body);
    rest_ = std::move(response.rest);
  }
  if (framing_ == BodyFraming::kChunked && !body_.empty()) head_ += FormatChunkLine(body_.size());
  parser_.reset();
  body_charge_.reset();
  Write();
}

// Sends head_ and body_.
void HttpConnection::Write() {
  state_ = State::kWriting;
  answer_charge_ =
      std::make_unique<AnswerCharge>(context_.answer_memory, head_.size() + body_.size());
  std::vector<asio::const_buffer> buffers = {Buffer(head_), Buffer(body_)};
  if (framing_ == BodyFraming::kChunked && !body_.empty()) buffers.push_back(Buffer(kEndOfChunk));
  SetTimer(context_.timeouts.answer);
  stream_->Write(buffers, [self = shared_from_this()](const ErrorCode& error, size_t) {
    self->OnWritten(error);
  });
}

void HttpConnection::OnWritten(const ErrorCode& error) {
  answer_charge_.reset();
  if (state_ != State::kWriting) return;
  if (error) return Close();
  if (rest_ != nullptr) {
    part_deadline_ = absl::Now() + context_.timeouts.answer;
    return AskForPart();
  }
  FinishAnswer();
}

void HttpConnection::AskForPart() {
  SetTimer(absl::InfiniteDuration());
  context_.executor.Add(
      [source = rest_.get(), receiver = PartReceiver(shared_from_this())]() mutable {
        source->Next(std::move(receiver));
      });
}

// When those who take their answers have made room.
void HttpConnection::AskForPartLater() {
  const uint64_t generation = ++timer_generation_;
  timer_.cancel();
  timer_.expires_after(absl::ToChronoNanoseconds(kPartRetryDelay));
  timer_.async_wait([self = shared_from_this(), generation](const ErrorCode& error) {
    const bool is_due = !error && generation == self->timer_generation_;
    if (is_due && self->state_ == State::kWriting) self->AskForPart();
  });
}

void HttpConnection::OnPart(absl::StatusOr<std::string> part) {
  if (state_ != State::kWriting) return;
  if (absl::IsResourceExhausted(part.status()) && absl::Now() < part_deadline_) {
    return AskForPartLater();
  }
  if (!part.ok()) return CutOnStrand();
  const bool is_chunked = framing_ == BodyFraming::kChunked;
  body_ = *std::move(part);
  if (body_.empty()) rest_.reset();
  if (body_.empty() && !is_chunked) return FinishAnswer();
  head_.clear();
  if (is_chunked) head_ = body_.empty() ? std::string(kLastChunk) : FormatChunkLine(body_.size());
  Write();
}

void HttpConnection::FinishAnswer() {
  head_ = std::string();
  body_ = std::string();
  if (closes_) return Linger();
  AwaitRequest();
}

void HttpConnection::Linger() {
  state_ = State::kLinger;
  SetTimer(context_.timeouts.linger);
  stream_->Finish([self = shared_from_this()](const ErrorCode& error, size_t) {
    if (self->state_ != State::kLinger) return;
    if (error) return self->Close();
    self->Discard();
  });
}

void HttpConnection::Discard() {
  stream_->socket().async_read_some(asio::buffer(read_buffer_),
                                    [self = shared_from_this()](const ErrorCode& error, size_t) {
                                      if (self->state_ != State::kLinger) return;
                                      if (error) return self->Close();
                                      self->Discard();
                                    });
}

void HttpConnection::DrainOnStrand() {
  switch (state_) {
    case State::kHandshake:
    case State::kIdle:
      return Close();
    case State::kHead:
    case State::kBody:
      return InterruptReading(kServiceUnavailable, kShuttingDown);
    case State::kHandling:
    case State::kWriting:
    case State::kLinger:
    case State::kClosed:
      return;
  }
}

void HttpConnection::CutOnStrand() {
  if (state_ == State::kClosed) return;
  ErrorCode error;  // A socket that cannot be set up so is closed all the same.
  stream_->socket().set_option(asio::socket_base::linger(true, 0), error);
  Close();
}

void HttpConnection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  SetTimer(absl::InfiniteDuration());
  context_.observer.OnClosing(*this);
  ErrorCode error;
  stream_->socket().close(error);
}

}  // namespace threadstore
