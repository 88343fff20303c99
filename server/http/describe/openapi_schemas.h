#ifndef THREADSTORE_SERVER_HTTP_DESCRIBE_OPENAPI_SCHEMAS_H_
#define THREADSTORE_SERVER_HTTP_DESCRIBE_OPENAPI_SCHEMAS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "nlohmann/json.hpp"
#include "server/http/describe/comments.h"

// JSON Schemas of what requests and answers hold.
namespace threadstore {

// `{"$ref": "#/components/KIND/NAME"}`.
nlohmann::ordered_json ComponentRef(absl::string_view kind, absl::string_view name);

// A reference to the schema of one of Graph's types.
nlohmann::ordered_json TypeRef(absl::string_view type_name);

// The names of the schemas of a page of values, and of a page of their changes.
std::string PageSchemaName(absl::string_view type_name);
std::string DeltaSchemaName(absl::string_view type_name);

// The schemas of all of Graph's types, of new groups, and of what OData adds: errors, batches,
// references.
nlohmann::ordered_json TypeSchemas(const Comments& comments);

// The schema of a page of `items`, and of a page of changes.
nlohmann::ordered_json PageSchema(nlohmann::ordered_json items);
nlohmann::ordered_json DeltaSchema(absl::string_view type_name);

// The schema of an action's parameters: the fields of its request but for `name` and `request_id`.
nlohmann::ordered_json ParametersSchema(const google::protobuf::Descriptor& request,
                                        const Comments& comments);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_DESCRIBE_OPENAPI_SCHEMAS_H_
