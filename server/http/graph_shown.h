#ifndef THREADSTORE_SERVER_HTTP_GRAPH_SHOWN_H_
#define THREADSTORE_SERVER_HTTP_GRAPH_SHOWN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/field_mask.pb.h"
#include "server/http/graph_schema.h"
#include "server/http/graph_writer.h"
#include "server/http/query_options.h"

// What of a resource an answer shows, by `$select` and `$expand`.
namespace threadstore {

struct GraphShown {
  GraphView view;

  // The fields of what is expanded, as paths of the resource: what `expand` of an RPC takes.
  std::vector<std::string> expand;

  // The one extension to expand posts with, by its short name; empty for all.
  std::string extension;
};

// INVALID_ARGUMENT, for people, if there is no such property or relation of the type, or a filter
// inside `$expand` is not `extensions($filter=id eq 'NAME')`.
absl::StatusOr<GraphShown> ReadShown(const QueryOptions& options, const GraphType& type);

// Adds the fields that an answer needs: those that are shown, and those that its annotations are
// made of.
void AddShownFields(const GraphView& view, const GraphType& type,
                    google::protobuf::FieldMask& read_mask);

// Shows all that has been created, so that nobody has to ask for ids.
void ShowCreated(const GraphType& type, GraphView& view);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_GRAPH_SHOWN_H_
