#include "server/http/cors.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace threadstore {
namespace {

constexpr absl::string_view kMethods = "GET, HEAD, POST, PUT, PATCH, DELETE";
constexpr absl::string_view kExposed =
    "request-id, client-request-id, Location, Retry-After, ETag, Preference-Applied, "
    "OData-Version";

// Chromium keeps none longer.
constexpr absl::string_view kMaxAgeSeconds = "7200";

bool IsLoopback(absl::string_view host) {
  host = WithoutPort(host);
  if (host == "localhost") return true;
  in_addr ipv4;
  if (inet_pton(AF_INET, std::string(host).c_str(), &ipv4) == 1) {
    return ntohl(ipv4.s_addr) >> 24 == IN_LOOPBACKNET;
  }
  in6_addr ipv6;
  return absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]") &&
         inet_pton(AF_INET6, std::string(host).c_str(), &ipv6) == 1 && IN6_IS_ADDR_LOOPBACK(&ipv6);
}

}  // namespace

CorsPolicy::CorsPolicy(Options options) : options_(std::move(options)) {}

bool CorsPolicy::IsAllowed(absl::string_view origin) const {
  const std::optional<WebOrigin> parsed = ParseWebOrigin(origin);
  return parsed.has_value() && std::find(options_.allowed.begin(), options_.allowed.end(),
                                         *parsed) != options_.allowed.end();
}

std::string CorsPolicy::WhyRefused(const HttpRequest& request,
                                   absl::string_view requested_host) const {
  if (options_.loopback_only && !requested_host.empty() && !IsLoopback(requested_host) &&
      !(options_.own.has_value() &&
        MakeWebOrigin(options_.own->scheme, requested_host) == options_.own)) {
    return absl::StrCat("The server listens on loopback and does not serve the host ",
                        requested_host, ".");
  }
  if (!options_.refuse_others || !request.headers.Has("Origin")) return "";
  // Two would let one be checked and the other be meant.
  const absl::string_view origin = request.headers.Get("Origin");
  const std::optional<WebOrigin> parsed = ParseWebOrigin(origin);
  if (request.headers.Count("Origin") == 1 && parsed.has_value() &&
      (IsAllowed(origin) || parsed == options_.own ||
       *parsed == MakeWebOrigin(request.scheme, request.host))) {
    return "";
  }
  return "Pages of other sites may not call this server; see --http_cors_origins.";
}

bool CorsPolicy::IsPreflight(const HttpRequest& request) {
  return request.method == "OPTIONS" && request.headers.Has("Origin") &&
         request.headers.Has("Access-Control-Request-Method");
}

HttpResponse CorsPolicy::AnswerPreflight(const HttpRequest& request) {
  HttpResponse response;
  response.status = 204;
  response.headers.Add("Access-Control-Allow-Methods", std::string(kMethods));
  // Clients of Graph send many fields of their own: which ones does not matter.
  const absl::string_view fields = request.headers.Get("Access-Control-Request-Headers");
  if (!fields.empty()) {
    response.headers.Add("Access-Control-Allow-Headers", std::string(fields));
  }
  response.headers.Add("Access-Control-Max-Age", std::string(kMaxAgeSeconds));
  return response;
}

void CorsPolicy::Decorate(absl::string_view origin, HttpResponse& response) const {
  if (options_.allowed.empty()) return;
  response.headers.Add("Vary", "Origin");
  if (!IsAllowed(origin)) return;
  response.headers.Add("Access-Control-Allow-Origin", std::string(origin));
  response.headers.Add("Access-Control-Expose-Headers", std::string(kExposed));
}

}  // namespace threadstore
