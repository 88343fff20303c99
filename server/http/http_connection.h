#ifndef THREADSTORE_SERVER_HTTP_HTTP_CONNECTION_H_
#define THREADSTORE_SERVER_HTTP_HTTP_CONNECTION_H_

#include <array>
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/byte_budget.h"
#include "server/base/certificate_names.h"
#include "server/base/executor.h"
#include "server/base/shares.h"
#include "server/http/content_coding.h"
#include "server/http/cors.h"
#include "server/http/forwarded.h"
#include "server/http/http_limits.h"
#include "server/http/http_message.h"
#include "server/http/memory_charge.h"
#include "server/http/request_parser.h"
#include "server/http/response_head.h"
#include "server/http/stream.h"

namespace threadstore {

class HttpConnection;

// What the connections of a server share. Outlives them.
struct HttpConnectionContext {
  // Hears, on any thread, that a connection is about to close its socket.
  class Observer {
   public:
    virtual void OnClosing(HttpConnection& connection) = 0;

   protected:
    ~Observer() = default;
  };

  HttpHandler& handler;
  Observer& observer;
  const CorsPolicy cors;
  const TrustedProxies trusted_proxies;
  const HttpTimeouts timeouts;
  const absl::Duration max_age;  // After which a connection takes no more requests.
  ByteBudget& request_memory;
  ByteShares body_shares;  // Of it, by the networks that bodies come from.
  ByteBudget& answer_memory;
  Executor& executor;
  std::atomic<bool> draining = false;
};

// One connection: reads a request, has it handled, sends the answer, and so on. It lives as long as
// something is under way on it or holds an exchange of it. All of its state belongs to its stream's
// executor, a strand; the public methods are safe from any thread.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(HttpConnectionContext& context, std::unique_ptr<Stream> stream);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // Begins. Called once.
  void Start();

  // The server takes no new requests: closes the connection as soon as no answer is under way.
  void Drain();

  // Ends the connection at once, so that the peer sees an error.
  void Cut();

  // The socket's; until OnClosing has returned.
  int descriptor() const { return descriptor_; }

 private:
  class Exchange;
  class PartReceiver;

  using ErrorCode = Stream::ErrorCode;

  enum class State {
    kHandshake,
    kIdle,      // Nothing of the next request has come.
    kHead,      // Some of its head has.
    kBody,      // Its head has.
    kHandling,  // An exchange has it.
    kWriting,   // An answer is being sent or made.
    kLinger,    // The last answer is sent.
    kClosed,
  };

  void Post(void (HttpConnection::*step)());
  void SetTimer(absl::Duration timeout);
  void OnTimeout();

  void AwaitRequest();
  void ReadMore();
  void OnRead(const ErrorCode& error, size_t bytes);
  void ParseMore();
  bool AcceptHead();
  bool HoldBody();
  void SendContinue();
  void InterruptReading(int status, absl::string_view message);
  void Handle();

  void Refuse(int status, absl::string_view message);
  void Respond(HttpResponse response);
  void Send(HttpResponse response);
  void Write();
  void OnWritten(const ErrorCode& error);
  void AskForPart();
  void AskForPartLater();
  void OnPart(absl::StatusOr<std::string> part);
  void FinishAnswer();
  void Linger();
  void Discard();
  void DrainOnStrand();
  void CutOnStrand();
  void Close();

  HttpConnectionContext& context_;
  const std::unique_ptr<Stream> stream_;
  const int descriptor_;
  boost::asio::steady_timer timer_;
  uint64_t timer_generation_ = 0;
  absl::Time part_deadline_;  // Until when the next part of an answer may fail to come.
  const absl::Time accepted_at_;
  std::string peer_;
  std::string local_host_;
  std::optional<CertificateNames> certificate_names_;
  State state_ = State::kHandshake;

  // Of reading.
  std::array<char, kHttpReadBytes> read_buffer_;
  bool is_reading_ = false;
  std::optional<RequestParser::Refusal> interruption_;
  std::string input_;  // What has come and is not parsed.
  std::unique_ptr<RequestParser> parser_;
  std::unique_ptr<BodyCharge> body_charge_;
  ContentCoding coding_ = ContentCoding::kIdentity;

  // Of the request that is handled or answered.
  bool is_head_request_ = false;
  bool is_http_1_0_ = false;
  bool closes_ = false;  // The connection ends after the answer.
  std::string origin_;

  // Of the answer.
  std::string head_;
  std::string body_;
  std::unique_ptr<HttpBodySource> rest_;
  BodyFraming framing_ = BodyFraming::kLength;
  std::unique_ptr<AnswerCharge> answer_charge_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_HTTP_CONNECTION_H_
