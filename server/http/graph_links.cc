#include "server/http/graph_links.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace threadstore {
namespace {

// Names have segments that may need encoding: ids of users.
std::string EncodePath(absl::string_view path) {
  return absl::StrJoin(
      absl::StrSplit(path, '/'), "/", [](std::string* out, absl::string_view segment) {
        absl::StrAppend(out, IsKeyword(segment) ? std::string(segment) : PercentEncode(segment));
      });
}

}  // namespace

GraphLinks::GraphLinks(std::string origin, const GraphUrl& url)
    : root_(std::move(origin)), path_(EncodePath(absl::StrJoin(url.segments, "/"))) {
  if (!url.version.empty()) absl::StrAppend(&root_, "/", url.version);
}

std::string GraphLinks::Resource(absl::string_view name) const {
  return absl::StrCat(root_, "/", EncodePath(name));
}

std::string GraphLinks::Again(absl::string_view query) const {
  return absl::StrCat(root_, "/", path_, query.empty() ? "" : "?", query);
}

std::string GraphLinks::Relation(absl::string_view name, absl::string_view relation,
                                 absl::string_view query) const {
  return absl::StrCat(Resource(name), "/", relation, "?", query);
}

std::string GraphLinks::Context(absl::string_view collection,
                                const std::vector<std::string>& select, bool is_entity) const {
  // Ids are keys: `groups('G')/threads`.
  std::string path;
  bool is_id = false;
  for (const absl::string_view segment : absl::StrSplit(CanonicalPath(collection), '/')) {
    if (is_id) {
      absl::StrAppend(&path, "('", PercentEncode(segment), "')");
    } else {
      absl::StrAppend(&path, path.empty() ? "" : "/", segment);
    }
    is_id = !is_id;
  }
  if (!select.empty()) absl::StrAppend(&path, "(", absl::StrJoin(select, ","), ")");
  return absl::StrCat(root_, "/$metadata#", path, is_entity ? "/$entity" : "");
}

std::string CanonicalPath(absl::string_view path) {
  const std::vector<absl::string_view> segments = absl::StrSplit(path, '/');
  const size_t alias = segments[0] == "me" ? 1 : segments[0] == "users" ? 2 : segments.size();
  if (alias >= segments.size() || segments[alias] != "joinedGroups") return std::string(path);
  return absl::StrCat("groups/", absl::StrJoin(segments.begin() + static_cast<ptrdiff_t>(alias) + 1,
                                               segments.end(), "/"));
}

}  // namespace threadstore
