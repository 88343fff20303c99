#ifndef THREADSTORE_SERVER_HTTP_GRAPH_SCHEMA_H_
#define THREADSTORE_SERVER_HTTP_GRAPH_SCHEMA_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "server/base/field_path.h"

// Microsoft Graph's types of conversations, as far as this server knows them, and where in the
// messages of threadstore.v1 their properties are. Bodies are read and written by it, `$select` and
// `$expand` are checked against it, and the CSDL and OpenAPI descriptions are made of it.
namespace threadstore {

struct GraphType;

// A property of a Graph type.
struct GraphProperty {
  enum class Kind {
    kString,
    kBoolean,
    kInt32,
    kDateTimeOffset,  // A google.protobuf.Timestamp.
    kBinary,          // Base64 in JSON.
    kJson,            // An object that is kept as JSON text, and spliced in as it is.
    kObject,          // Of `type`.
  };

  // When an answer has it. That of a create has everything but what is to be expanded.
  enum class Shown {
    kAlways,
    kWhenSelected,
    kWhenExpanded,  // A navigation property.
  };

  // In JSON and in query options.
  absl::string_view name;

  // The field of the type's message, or the path of one in a message of its own, its names joined
  // by `.`. Empty for what comes from elsewhere: see graph_reader.cc and graph_writer.cc.
  absl::string_view field;

  Kind kind = Kind::kString;
  const GraphType* type = nullptr;
  bool is_collection = false;
  bool is_read_only = false;  // Ignored in requests.
  bool is_nullable = false;   // Written as null when it is empty or absent.
  Shown shown = Shown::kAlways;

  // Where `field` is in the type's message.
  FieldPath path = {};
};

// A type of Graph.
struct GraphType {
  // Without the namespace, which is microsoft.graph.
  absl::string_view name;

  // The message that holds a value of it.
  const google::protobuf::Descriptor* message;

  // An entity has an id and, as a rule, a path; a complex type is part of an entity.
  bool is_entity = false;

  // Has members besides its properties.
  bool is_open = false;

  // Answers have `@odata.type`, since what holds its values may hold those of other types.
  bool says_type = false;

  // Of a derived type: the field, of the message's oneof, that its values have.
  const google::protobuf::FieldDescriptor* kind = nullptr;

  // The derived types of an abstract one, which `@odata.type` tells apart; they have its properties
  // before their own.
  std::vector<const GraphType*> derived = {};

  // In the order in which they are written.
  std::vector<GraphProperty> properties = {};
};

inline constexpr absl::string_view kGraphNamespace = "microsoft.graph";

// The type of the values that a message of threadstore.v1 holds, the abstract one if there are
// derived ones; null if it has none in Graph.
const GraphType* GraphTypeOf(const google::protobuf::Descriptor& message);

// Every type, each after those it mentions if that is possible.
const std::vector<const GraphType*>& GraphTypes();

// The property of a name, compared case-sensitively; null if there is none. For an abstract type
// also those of its derived types.
const GraphProperty* FindGraphProperty(const GraphType& type, absl::string_view name);

// The property that a field holds; null if there is none.
const GraphProperty* FindGraphPropertyOfField(const GraphType& type, absl::string_view field);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_GRAPH_SCHEMA_H_
