#ifndef THREADSTORE_SERVER_HTTP_GRAPH_REQUEST_H_
#define THREADSTORE_SERVER_HTTP_GRAPH_REQUEST_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "server/http/graph_error.h"
#include "server/http/graph_schema.h"
#include "server/http/graph_url.h"
#include "server/http/graph_writer.h"
#include "server/http/http_message.h"
#include "server/http/preferences.h"
#include "server/http/query_options.h"
#include "server/http/routes.h"

// Requests of Graph's clients, as requests of RPCs.
namespace threadstore {

// What a request does, which says how its answer looks. It follows from the RPC's name (AIP-130)
// and, for what Graph has besides, from the last segment of the path.
enum class GraphOperation {
  kCreate,           // 201, Location, the resource
  kGet,              // 200, the resource
  kList,             // 200, `value`
  kCount,            // 200, how many a list has, as plain text
  kContent,          // 200, the bytes of an attachment
  kListChanges,      // 200, `value`, and a link to go on with
  kUpdate,           // 200, the resource
  kUpdateGroup,      // 204
  kDelete,           // 204
  kAddReference,     // 204
  kRemoveReference,  // 204
  kAct,              // 202, or 200
};

struct GraphRequest {
  GraphOperation operation = GraphOperation::kGet;
  const Route* route = nullptr;
  std::unique_ptr<google::protobuf::Message> message;

  // Of the resources that are answered; null if there are none.
  const GraphType* type = nullptr;

  GraphUrl url;
  QueryOptions options;
  Preferences preferences;
  std::string preferences_applied;  // What `Preference-Applied` says.
  GraphView view;
  GraphStyle style;

  // The one extension to expand posts with, by its short name; empty for all.
  std::string extension;

  Effect effect() const;
};

// Whether a request with a body has one that is JSON in UTF-8, or says nothing of it.
bool HasJsonBody(const HttpHeaders& headers);

// Makes the RPC's request of one whose route is found. `url` is given for the request to keep;
// `is_count` if it asks only how many a list has.
//
// INVALID_ARGUMENT, for people, if the body, a query option or a header is wrong, or says something
// that is not known here: nothing is passed over silently but what RFC 7240 and OData say is.
absl::StatusOr<GraphRequest> MakeGraphRequest(const HttpRequest& http, GraphUrl url,
                                              const RouteMatch& match, bool is_count);

// The text inside the quotes of an entity tag; that of Graph's is `W/"..."`. Nothing if it is none.
std::optional<std::string> OpaqueTag(absl::string_view etag);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_GRAPH_REQUEST_H_
