#ifndef THREADSTORE_SERVER_HTTP_GRAPH_LINKS_H_
#define THREADSTORE_SERVER_HTTP_GRAPH_LINKS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/http/graph_url.h"

namespace threadstore {

// The URLs that answers have.
class GraphLinks {
 public:
  // `origin` is where clients reach the server, such as `https://threads.example.com` or with a
  // path behind it, without a slash at the end; `url` the request's.
  GraphLinks(std::string origin, const GraphUrl& url);

  // Of a resource by its name: `https://.../v1.0/groups/G/threads/T`.
  std::string Resource(absl::string_view name) const;

  // Of the request again, with another query.
  std::string Again(absl::string_view query) const;

  // Of a relation of a resource, with a query.
  std::string Relation(absl::string_view name, absl::string_view relation,
                       absl::string_view query) const;

  // What `@odata.context` says (OData JSON format 4.01, section 4.6.2) of the resources that are in
  // the collection with this path, such as `groups/G/threads`: all aliases of a group are one. With
  // `$select`, its properties. `is_entity` for one of the collection.
  std::string Context(absl::string_view collection, const std::vector<std::string>& select,
                      bool is_entity) const;

 private:
  std::string root_;  // With the version.
  std::string path_;  // Of the request, without its query.
};

// `groups/{group}/...` of a path that leads there through an alias.
std::string CanonicalPath(absl::string_view path);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_GRAPH_LINKS_H_
