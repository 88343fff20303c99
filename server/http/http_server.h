#ifndef THREADSTORE_SERVER_HTTP_HTTP_SERVER_H_
#define THREADSTORE_SERVER_HTTP_HTTP_SERVER_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/byte_budget.h"
#include "server/base/tls_identity.h"
#include "server/http/cors.h"
#include "server/http/forwarded.h"
#include "server/http/http_limits.h"
#include "server/http/http_message.h"

namespace threadstore {

// Serves HTTP/1.1 and HTTP/1.0 (RFC 9112) on connections that are handed to it: reads requests
// within the limits of http_limits.h, has them handled, and sends the answers. The requests of one
// connection are handled one after the other. Thread-safe.
class HttpServer {
 public:
  struct Options {
    // What the server is now, and whom it believes now, as each connection begins: never null; the
    // same pointer as long as nothing has changed. Empty if connections are not encrypted.
    std::function<std::shared_ptr<const TlsIdentity>()> tls = nullptr;

    CorsPolicy::Options cors = {};
    TrustedProxies trusted_proxies = {};
    HttpTimeouts timeouts = {};

    // A connection that is older is closed after an answer.
    absl::Duration max_connection_age = absl::InfiniteDuration();

    // Told, on any thread, that a socket which was handed over is about to be closed. May be empty.
    std::function<void(int descriptor)> on_closing = nullptr;
  };

  // Starts threads. The bodies of requests are counted against `request_memory`: those for which
  // none is left are refused. Answers are counted against `answer_memory`: while none is left, all
  // requests are. What is referred to must outlive the server. INVALID_ARGUMENT if the TLS identity
  // cannot be used.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const Options& options,
                                                           HttpHandler& handler,
                                                           ByteBudget& request_memory,
                                                           ByteBudget& answer_memory);

  // Whether OpenSSL takes an identity; INVALID_ARGUMENT, naming the flag, if it does not.
  static absl::Status CheckTls(const TlsIdentity& identity);

  // Cuts the connections that are left, and waits until no exchange is left either.
  virtual ~HttpServer() = default;

  // Takes an accepted, non-blocking TCP socket and owns it.
  virtual void Accept(int descriptor) = 0;

  // Takes no new requests: those that have come in part, or come now, are answered 503, and idle
  // connections closed. Returns when all requests are answered and all connections closed; at
  // `deadline` those that are left are cut. Called at most once.
  virtual void Shutdown(absl::Time deadline) = 0;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_HTTP_SERVER_H_
