#ifndef THREADSTORE_SERVER_HTTP_CORS_H_
#define THREADSTORE_SERVER_HTTP_CORS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/http/http_message.h"
#include "server/http/http_syntax.h"

namespace threadstore {

// Which pages of which sites a browser lets call the server (the Fetch standard's CORS protocol),
// and which it must not let where the server believes everyone. Immutable, so thread-safe.
class CorsPolicy {
 public:
  struct Options {
    // The sites whose pages may call.
    std::vector<WebOrigin> allowed = {};

    // Refuses the calls of all other pages but the server's own. Without it they are handled, but
    // browsers keep the answers from them. For servers to which every caller has all rights.
    bool refuse_others = false;

    // Refuses requests for a host that is neither this machine's loopback nor that of `own`. For
    // servers that listen on loopback: a site can point a name of its own there, and its pages are
    // then of the server's origin.
    bool loopback_only = false;

    // Where clients reach the server, if that is known.
    std::optional<WebOrigin> own = std::nullopt;
  };

  explicit CorsPolicy(Options options);

  // Why a request must be refused with 403; empty if it need not be. `requested_host` is its Host,
  // before what proxies say; it may be empty.
  std::string WhyRefused(const HttpRequest& request, absl::string_view requested_host) const;

  // Whether a browser asks with this what it may ask.
  static bool IsPreflight(const HttpRequest& request);

  // The answer to that; Decorate comes on top.
  static HttpResponse AnswerPreflight(const HttpRequest& request);

  // Adds to any answer to a request with this Origin, which may be empty, what browsers need to let
  // the page read it.
  void Decorate(absl::string_view origin, HttpResponse& response) const;

 private:
  bool IsAllowed(absl::string_view origin) const;

  const Options options_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_CORS_H_
