#include "server/http/describe/openapi_schemas.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/http/describe/operation.h"
#include "server/http/graph_schema.h"

namespace threadstore {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using Json = nlohmann::ordered_json;
using Kind = GraphProperty::Kind;

constexpr absl::string_view kBodyType = "bodyType";

std::string FullName(absl::string_view type_name) {
  return absl::StrCat(kGraphNamespace, ".", type_name);
}

Json ScalarSchema(Kind kind) {
  switch (kind) {
    case Kind::kBoolean:
      return {{"type", "boolean"}};
    case Kind::kInt32:
      return {{"type", "integer"}, {"format", "int32"}};
    case Kind::kDateTimeOffset:
      return {{"type", "string"}, {"format", "date-time"}};
    case Kind::kBinary:
      return {{"type", "string"}, {"contentEncoding", "base64"}};
    case Kind::kJson:
      return {{"type", "object"}};
    default:
      return {{"type", "string"}};
  }
}

Json PropertySchema(const GraphType& type, const GraphProperty& property,
                    const Comments& comments) {
  Json value;
  if (property.kind == Kind::kObject) {
    value = TypeRef(property.type->name);
  } else if (type.name == "itemBody" && property.name == "contentType") {
    value = TypeRef(kBodyType);
  } else {
    value = ScalarSchema(property.kind);
    if (property.is_nullable) value["type"] = {value["type"], "null"};
  }
  Json schema = property.is_collection ? Json{{"type", "array"}, {"items", value}} : value;
  std::string description = comments.Of(type, property);
  if (property.shown == GraphProperty::Shown::kWhenSelected) {
    absl::StrAppend(&description, " Returned only if `$select` names it.");
  }
  schema["description"] = std::move(description);
  if (property.is_read_only) schema["readOnly"] = true;
  return schema;
}

Json Annotation(absl::string_view description) {
  return {{"type", "string"}, {"description", std::string(description)}, {"readOnly", true}};
}

Json Properties(const GraphType& type, const Comments& comments) {
  Json properties = Json::object();
  for (const GraphProperty& property : type.properties) {
    properties[std::string(property.name)] = PropertySchema(type, property, comments);
  }
  return properties;
}

bool HasEtag(const GraphType& type) { return type.message->FindFieldByName("etag") != nullptr; }

// What a derived type adds to an abstract one.
Json DerivedSchema(const GraphType& base, const GraphType& type, const Comments& comments) {
  return {{"description", comments.Of(type)},
          {"allOf",
           {TypeRef(base.name), {{"type", "object"}, {"properties", Properties(type, comments)}}}}};
}

Json TypeSchema(const GraphType& type, const Comments& comments) {
  Json properties = Json::object();
  if (type.is_entity) properties["@odata.context"] = Annotation("Where `$metadata` describes it.");
  if (HasEtag(type)) {
    properties["@odata.etag"] =
        Annotation("Changes with every visible change; for `If-Match` (RFC 9110, section 8.8.3).");
  }
  if (!type.derived.empty() || type.says_type) {
    properties["@odata.type"] = {
        {"type", "string"},
        {"description", type.derived.empty()
                            ? absl::StrCat("`#", FullName(type.name), "`")
                            : "Which type it is, such as `#microsoft.graph.fileAttachment`."}};
  }
  properties.update(Properties(type, comments));
  Json schema = {
      {"type", "object"}, {"description", comments.Of(type)}, {"properties", properties}};
  if (type.is_open) schema["additionalProperties"] = true;
  if (!type.derived.empty()) {
    Json mapping;
    for (const GraphType* derived : type.derived) {
      mapping[absl::StrCat("#", FullName(derived->name))] =
          absl::StrCat("#/components/schemas/", FullName(derived->name));
    }
    schema["required"] = {"@odata.type"};
    schema["discriminator"] = {{"propertyName", "@odata.type"}, {"mapping", mapping}};
  }
  return schema;
}

Json BodyTypeSchema() {
  return {{"type", "string"},
          {"enum", {"text", "html"}},
          {"description",
           "How to read a text. Requests may have it in any case; answers have lower case."}};
}

Json ReferenceSchema() {
  return {{"type", "object"},
          {"description", "A reference to an entity (OData 4.01 JSON format, section 14)."},
          {"required", {"@odata.id"}},
          {"properties",
           {{"@odata.id",
             {{"type", "string"},
              {"description", "The URL of the entity. Its last segment is the id."}}}}}};
}

// What only a create takes.
Json NewGroupSchema() {
  const Json users = {{"type", "array"}, {"items", {{"type", "string"}}}};
  Json owners = users;
  owners["description"] = "URLs of users, who are to be owners.";
  Json members = users;
  members["description"] = "URLs of users, who are to be members.";
  return {{"allOf",
           {TypeRef("group"),
            {{"type", "object"},
             {"properties",
              {{"id",
                {{"type", "string"},
                 {"description",
                  "1 to 128 characters of `A-Z a-z 0-9 . _ ~ -`, not `.` or `..`: the id of the "
                  "group in a directory elsewhere. Without it, the server chooses one."}}},
               {"owners@odata.bind", owners},
               {"members@odata.bind", members}}}}}}};
}

Json ErrorSchema() {
  const Json text = {{"type", "string"}};
  return {
      {"type", "object"},
      {"description", "Why a request failed."},
      {"required", {"error"}},
      {"properties",
       {{"error",
         {{"type", "object"},
          {"required", {"code", "message"}},
          {"properties",
           {{"code", {{"type", "string"}, {"description", "For programs."}}},
            {"message", {{"type", "string"}, {"description", "For people."}}},
            {"innerError",
             {{"type", "object"},
              {"properties",
               {{"date", {{"type", "string"}, {"description", "UTC, without `Z` or fraction."}}},
                {"request-id", text},
                {"client-request-id", text}}}}}}}}}}}};
}

Json BatchRequestSchema() {
  const Json text = {{"type", "string"}};
  const Json ids = {{"type", "array"}, {"items", text}};
  return {{"type", "object"},
          {"required", {"requests"}},
          {"properties",
           {{"requests",
             {{"type", "array"},
              {"maxItems", 20},
              {"items",
               {{"type", "object"},
                {"required", {"id", "method", "url"}},
                {"properties",
                 {{"id", {{"type", "string"}, {"description", "Unique in the batch."}}},
                  {"method", {{"type", "string"}, {"enum", {"GET", "POST", "PATCH", "DELETE"}}}},
                  {"url",
                   {{"type", "string"},
                    {"description", "Relative to the version, with or without the first slash."}}},
                  {"headers", {{"type", "object"}, {"additionalProperties", text}}},
                  {"body", {{"description", "An object, or base64 of other content."}}},
                  {"dependsOn", ids}}}}}}}}}};
}

Json BatchResponseSchema() {
  return {{"type", "object"},
          {"required", {"responses"}},
          {"properties",
           {{"responses",
             {{"type", "array"},
              {"items",
               {{"type", "object"},
                {"required", {"id", "status"}},
                {"properties",
                 {{"id", {{"type", "string"}}},
                  {"status", {{"type", "integer"}}},
                  {"headers", {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}}},
                  {"body", Json::object()}}}}}}}}}};
}

Json Link(absl::string_view description) {
  return {{"type", "string"}, {"format", "uri"}, {"description", std::string(description)}};
}

}  // namespace

Json ComponentRef(absl::string_view kind, absl::string_view name) {
  return {{"$ref", absl::StrCat("#/components/", kind, "/", name)}};
}

Json TypeRef(absl::string_view type_name) { return ComponentRef("schemas", FullName(type_name)); }

std::string PageSchemaName(absl::string_view type_name) {
  return absl::StrCat(FullName(type_name), "Collection");
}

std::string DeltaSchemaName(absl::string_view type_name) {
  return absl::StrCat(FullName(type_name), "Changes");
}

Json PageSchema(Json items) {
  return {{"type", "object"},
          {"required", {"value"}},
          {"properties",
           {{"@odata.context", {{"type", "string"}}},
            {"@odata.count",
             {{"type", "integer"},
              {"format", "int64"},
              {"description", "How many there are on all pages; with `$count=true`."}}},
            {"@odata.nextLink", Link("The URL of the page after; absent on the last page.")},
            {"value", {{"type", "array"}, {"items", std::move(items)}}}}}};
}

Json DeltaSchema(absl::string_view type_name) {
  const Json removed = {
      {"type", "object"},
      {"properties",
       {{"@removed",
         {{"type", "object"},
          {"description", "The entity is gone; of its properties only the id is there."},
          {"properties", {{"reason", {{"type", "string"}, {"enum", {"changed", "deleted"}}}}}}}}}}};
  Json schema = PageSchema({{"allOf", {TypeRef(type_name), removed}}});
  schema["properties"].erase("@odata.count");
  schema["properties"]["@odata.deltaLink"] =
      Link("The URL that lists what changes from now on; on the last page.");
  return schema;
}

Json TypeSchemas(const Comments& comments) {
  Json schemas = Json::object();
  schemas[FullName(kBodyType)] = BodyTypeSchema();
  const GraphType* base = nullptr;
  for (const GraphType* type : GraphTypes()) {
    if (!type->derived.empty()) base = type;
    bool is_derived = false;
    if (base != nullptr) {
      for (const GraphType* derived : base->derived) is_derived = is_derived || derived == type;
    }
    schemas[FullName(type->name)] =
        is_derived ? DerivedSchema(*base, *type, comments) : TypeSchema(*type, comments);
  }
  schemas["newGroup"] = NewGroupSchema();
  schemas["error"] = ErrorSchema();
  schemas["reference"] = ReferenceSchema();
  schemas["batchRequest"] = BatchRequestSchema();
  schemas["batchResponse"] = BatchResponseSchema();
  return schemas;
}

Json ParametersSchema(const Descriptor& request, const Comments& comments) {
  Json properties = Json::object();
  for (int i = 0; i < request.field_count(); ++i) {
    const FieldDescriptor& field = *request.field(i);
    if (field.name() == "name" || field.name() == "request_id") continue;
    Json value = field.message_type() == nullptr ? Json{{"type", "string"}}
                                                 : TypeRef(TypeNameOf(*field.message_type()));
    Json schema = field.is_repeated() ? Json{{"type", "array"}, {"items", value}} : value;
    schema["description"] = comments.Of(field);
    properties[field.json_name()] = std::move(schema);
  }
  return {{"type", "object"}, {"properties", std::move(properties)}};
}

}  // namespace threadstore
