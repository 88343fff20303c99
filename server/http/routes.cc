#include "server/http/routes.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/api/annotations.pb.h"
#include "google/api/http.pb.h"
#include "google/protobuf/stubs/logging.h"
#include "server/http/graph_schema.h"
#include "server/http/graph_url.h"
#include "threadstore/v1/conversation_service.pb.h"
#include "threadstore/v1/group_service.pb.h"
#include "threadstore/v1/post_service.pb.h"
#include "threadstore/v1/thread_service.pb.h"

namespace threadstore {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

constexpr absl::string_view kAnnotatedVersion = "/v1.0/";
constexpr absl::string_view kAnyId = "*";

void SetPattern(const google::api::HttpRule& rule, Route& route, std::string& path) {
  switch (rule.pattern_case()) {
    case google::api::HttpRule::kGet:
      route.http_method = "GET";
      path = rule.get();
      return;
    case google::api::HttpRule::kPost:
      route.http_method = "POST";
      path = rule.post();
      return;
    case google::api::HttpRule::kPatch:
      route.http_method = "PATCH";
      path = rule.patch();
      return;
    case google::api::HttpRule::kDelete:
      route.http_method = "DELETE";
      path = rule.delete_();
      return;
    default:
      GOOGLE_LOG(FATAL) << "unknown kind of route: " << rule.ShortDebugString();
  }
}

// `/v1.0/{parent=groups/*}/threads`: at most one variable, of one or more whole segments.
std::unique_ptr<Route> MakeRoute(const MethodDescriptor& rpc, const google::api::HttpRule& rule) {
  auto route = std::make_unique<Route>();
  route->rpc = &rpc;
  route->body = rule.body();
  std::string path;
  SetPattern(rule, *route, path);
  GOOGLE_CHECK(absl::StartsWith(path, kAnnotatedVersion)) << path;
  absl::string_view rest = absl::string_view(path).substr(kAnnotatedVersion.size());
  const size_t open = rest.find('{');
  if (open != absl::string_view::npos) {
    const size_t equals = rest.find('=', open);
    const size_t close = rest.find('}', open);
    GOOGLE_CHECK(equals < close && close != absl::string_view::npos) << path;
    GOOGLE_CHECK(rest.find('{', close) == absl::string_view::npos) << path;
    route->field = std::string(rest.substr(open + 1, equals - open - 1));
    const absl::string_view inner = rest.substr(equals + 1, close - equals - 1);
    const std::vector<std::string> before =
        absl::StrSplit(rest.substr(0, open), '/', absl::SkipEmpty());
    const std::vector<std::string> inside = absl::StrSplit(inner, '/');
    const std::vector<std::string> after =
        absl::StrSplit(rest.substr(close + 1), '/', absl::SkipEmpty());
    route->field_begin = before.size();
    route->field_end = before.size() + inside.size();
    for (const auto* part : {&before, &inside, &after}) {
      route->segments.insert(route->segments.end(), part->begin(), part->end());
    }
  } else {
    route->segments = absl::StrSplit(rest, '/');
  }
  return route;
}

// An action or a function without its namespace and parentheses.
absl::string_view BareName(absl::string_view segment) {
  absl::ConsumePrefix(&segment, kGraphNamespace) && absl::ConsumePrefix(&segment, ".");
  absl::ConsumeSuffix(&segment, "()");
  return segment;
}

}  // namespace

struct Routes::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> any_id;
  std::map<std::string, const Route*, std::less<>> routes;  // By method.

  // Follows the path from segment `index` on. Adds the methods of what fits but for the method.
  const Route* Find(absl::string_view http_method, const std::vector<std::string>& segments,
                    size_t index, std::set<std::string>& allowed) const {
    if (index == segments.size()) {
      const auto found = routes.find(std::string(http_method));
      if (found != routes.end()) return found->second;
      for (const auto& [method, route] : routes) allowed.insert(method);
      return nullptr;
    }
    for (const Node* next : {Literal(segments[index]), AnyId(segments[index])}) {
      // What a literal segment allows is all that is allowed there.
      if (next == nullptr || !allowed.empty()) continue;
      const Route* const route = next->Find(http_method, segments, index + 1, allowed);
      if (route != nullptr) return route;
    }
    return nullptr;
  }

  const Node* Literal(const std::string& segment) const {
    auto found = literals.find(segment);
    if (found == literals.end()) found = literals.find(std::string(BareName(segment)));
    return found == literals.end() ? nullptr : found->second.get();
  }

  const Node* AnyId(const std::string& segment) const {
    return IsKeyword(segment) ? nullptr : any_id.get();
  }
};

Routes::Routes() : root_(std::make_unique<Node>()) {
  for (const FileDescriptor* file :
       {v1::GetThreadRequest::descriptor()->file(), v1::GetPostRequest::descriptor()->file(),
        v1::GetConversationRequest::descriptor()->file(),
        v1::GetGroupRequest::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) {
      const ServiceDescriptor& service = *file->service(i);
      for (int j = 0; j < service.method_count(); ++j) {
        const MethodDescriptor& rpc = *service.method(j);
        if (!rpc.options().HasExtension(google::api::http)) continue;
        const google::api::HttpRule& rule = rpc.options().GetExtension(google::api::http);
        Add(MakeRoute(rpc, rule));
        for (const auto& binding : rule.additional_bindings()) Add(MakeRoute(rpc, binding));
      }
    }
  }
}

Routes::~Routes() = default;

void Routes::Add(std::unique_ptr<Route> route) {
  Node* node = root_.get();
  for (const std::string& segment : route->segments) {
    std::unique_ptr<Node>& next = segment == kAnyId ? node->any_id : node->literals[segment];
    if (next == nullptr) next = std::make_unique<Node>();
    node = next.get();
  }
  GOOGLE_CHECK(node->routes.emplace(route->http_method, route.get()).second)
      << "two routes: " << route->http_method << " /" << absl::StrJoin(route->segments, "/");
  routes_.push_back(std::move(route));
}

std::variant<RouteMatch, NoRoute> Routes::Find(absl::string_view http_method,
                                               const std::vector<std::string>& segments) const {
  std::set<std::string> allowed;
  const Route* const route = root_->Find(http_method, segments, 0, allowed);
  if (route == nullptr) return NoRoute{{allowed.begin(), allowed.end()}};
  RouteMatch match;
  match.route = route;
  if (!route->field.empty()) {
    const auto begin = segments.begin() + static_cast<ptrdiff_t>(route->field_begin);
    const auto end = segments.begin() + static_cast<ptrdiff_t>(route->field_end);
    match.value = absl::StrJoin(begin, end, "/");
    match.is_malformed = std::any_of(
        begin, end, [](const std::string& segment) { return absl::StrContains(segment, '/'); });
  }
  return match;
}

}  // namespace threadstore
