#ifndef THREADSTORE_SERVER_HTTP_ROUTES_H_
#define THREADSTORE_SERVER_HTTP_ROUTES_H_

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

// Which RPC a request of HTTP is for, by the `google.api.http` annotations of the protos: there is
// no second list.
namespace threadstore {

// One way to reach an RPC: an annotation, or one of its additional bindings.
struct Route {
  const google::protobuf::MethodDescriptor* rpc = nullptr;

  std::string http_method;  // `GET`, `POST`, `PATCH` or `DELETE`.

  // The path without its version, each `*` one segment.
  std::vector<std::string> segments;

  // The field that a part of the path is the value of, such as `name` or `thread.name`, and which
  // part: [begin, end) of the segments. Empty if there is none.
  std::string field;
  size_t field_begin = 0;
  size_t field_end = 0;

  // The field that the body is the value of; `*` for the whole request, empty without a body.
  std::string body;

  // The last segment; `*` if that is an id.
  absl::string_view last_segment() const { return segments.back(); }
};

// A request's route, and the value of its field.
struct RouteMatch {
  const Route* route = nullptr;
  std::string value;

  // Whether an id has a `/`, so that there can be no such resource.
  bool is_malformed = false;
};

// No route fits: the path is unknown, or takes only the methods in `allowed`, in alphabetical
// order.
struct NoRoute {
  std::vector<std::string> allowed;
};

// Immutable, and so thread-safe.
class Routes {
 public:
  // Reads the annotations of all services of threadstore.v1 that are linked in. The process ends if
  // one has a form that this does not know, or two have the same path and method.
  Routes();
  ~Routes();

  // Finds the route of a path without its version, whose segments are decoded. A literal segment
  // goes before a `*`. Actions and functions may have their namespace, as in
  // `microsoft.graph.reply`, and functions their parentheses, as in `delta()`.
  //
  // A keyword, such as `$ref`, fits no `*`.
  std::variant<RouteMatch, NoRoute> Find(absl::string_view http_method,
                                         const std::vector<std::string>& segments) const;

  // In the order of the protos.
  const std::vector<std::unique_ptr<Route>>& all() const { return routes_; }

 private:
  struct Node;

  void Add(std::unique_ptr<Route> route);

  std::vector<std::unique_ptr<Route>> routes_;
  std::unique_ptr<Node> root_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_ROUTES_H_
