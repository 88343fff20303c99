#ifndef THREADSTORE_SERVER_HTTP_HTTP_MESSAGE_H_
#define THREADSTORE_SERVER_HTTP_HTTP_MESSAGE_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "server/base/certificate_names.h"

// Requests and answers of HTTP (RFC 9110), apart from how they travel.
namespace threadstore {

// Header fields in the order they came. Names are compared without regard to case.
class HttpHeaders {
 public:
  void Add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }

  // The first value; empty if there is none.
  absl::string_view Get(absl::string_view name) const {
    for (const auto& [field, value] : fields_) {
      if (absl::EqualsIgnoreCase(field, name)) return value;
    }
    return "";
  }

  bool Has(absl::string_view name) const { return Count(name) > 0; }

  int Count(absl::string_view name) const {
    int count = 0;
    for (const auto& [field, value] : fields_) count += absl::EqualsIgnoreCase(field, name) ? 1 : 0;
    return count;
  }

  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct HttpRequest {
  std::string method;  // Upper case, as it came.
  std::string target;  // In origin form: a path, and `?` with a query if there is one.
  HttpHeaders headers;
  std::string body;  // Without its content coding.

  // As the client sees it: behind a trusted proxy, what that says (see forwarded.h).
  std::string peer;    // The client's address without its port, such as 127.0.0.1, or "unknown".
  std::string scheme;  // http or https.
  std::string host;    // HOST, or HOST:PORT, in lower case; empty if a request is no HTTP.

  // Whose certificate the client of the connection has shown, which is a proxy if one is between.
  std::optional<CertificateNames> certificate_names = std::nullopt;

  bool is_tls = false;       // It came over TLS to this server.
  bool is_in_batch = false;  // It is a part of another request.
};

// The rest of an answer whose body is made while it is sent.
class HttpBodySource {
 public:
  virtual ~HttpBodySource() = default;

  // Tells `done`, on any thread and perhaps before it returns, the next part of the body; an empty
  // part is the end. RESOURCE_EXHAUSTED is no end: the same part is asked for again, a little later
  // and for as long as a client has to take one. On another error the connection is cut, as there
  // is no other way to tell the client. Called again only after `done` was, on a thread that may
  // take milliseconds.
  //
  // That a client is gone is noticed only by sending, so a source that may wait for long sends
  // something now and then.
  virtual void Next(absl::AnyInvocable<void(absl::StatusOr<std::string>) &&> done) = 0;
};

struct HttpResponse {
  int status = 200;

  // Without those of the connection and the body: Connection, Date, Content-Length,
  // Transfer-Encoding.
  HttpHeaders headers;

  std::string body;

  // The body is somebody's, whatever its Content-Type says.
  bool is_foreign = false;

  // If not null, what follows `body`.
  std::unique_ptr<HttpBodySource> rest = nullptr;
};

// One request that awaits its answer. Not thread-safe but where it says so.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;

  // May be moved from.
  virtual HttpRequest& request() = 0;

  // Frees the body, whose memory would otherwise be counted until the answer.
  virtual void ReleaseBody() { request().body = std::string(); }

  // Runs `step` soon on a thread that may take milliseconds, not on the calling one. From any
  // thread.
  virtual void Run(absl::AnyInvocable<void() &&> step) = 0;

  // Called exactly once; from any thread.
  virtual void Respond(HttpResponse response) = 0;
};

// What answers requests. Thread-safe.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  // Takes a request on a thread that may take milliseconds but does not wait. An exchange that is
  // dropped without an answer is answered 500 by its maker.
  virtual void Handle(std::unique_ptr<HttpExchange> exchange) = 0;

  // The answer to a request that is refused before it can be handled, or is not HTTP: `status` is
  // 400, 403, 408, 413, 414, 415, 417, 431, 500, 503 or 505. `request` has what is known of it.
  // Does not take milliseconds; what the status demands of headers is added to the answer.
  virtual HttpResponse Refuse(const HttpRequest& request, int status,
                              absl::string_view message) = 0;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_HTTP_MESSAGE_H_
