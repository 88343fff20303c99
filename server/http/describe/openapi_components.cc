#include "server/http/describe/openapi_components.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/domain/limits.h"

namespace threadstore {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using Json = nlohmann::ordered_json;
using Kind = Operation::Kind;
using Shown = GraphProperty::Shown;

Json Text() { return {{"type", "string"}}; }
Json Number(int32_t minimum) { return {{"type", "integer"}, {"minimum", minimum}}; }

// The names of a type's properties; for an abstract one also those of its derived types.
void AddPropertyNames(const GraphType& type, bool expanded, Json& names) {
  for (const GraphProperty& property : type.properties) {
    if ((property.shown == Shown::kWhenExpanded) == expanded) {
      names.push_back(std::string(property.name));
    }
  }
  for (const GraphType* derived : type.derived) AddPropertyNames(*derived, expanded, names);
}

std::vector<std::string> Relations(const GraphType& type) {
  Json names = Json::array();
  AddPropertyNames(type, true, names);
  return names.get<std::vector<std::string>>();
}

// Whether the message, or one that it takes a body by, has an etag to compare.
bool TakesEtag(const Route& route) {
  const Descriptor& request = *route.rpc->input_type();
  if (request.FindFieldByName("etag") != nullptr) return true;
  const FieldDescriptor* const body = request.FindFieldByName(route.body);
  return route.http_method == "PATCH" && body != nullptr &&
         body->message_type()->FindFieldByName("etag") != nullptr;
}

}  // namespace

OpenApiParameters::OpenApiParameters(const std::vector<Operation>& operations,
                                     const Comments& comments, OpenApiComponents& components)
    : comments_(comments), components_(components) {
  for (const Operation& operation : operations) {
    if (operation.kind == Kind::kList) lists_.emplace(operation.path, &operation);
    names_.emplace(operation.route->rpc->input_type(), operation.id);
  }
}

Json OpenApiParameters::Query(const std::string& component, const std::string& name,
                              const std::string& description, Json schema) {
  Json parameter = {{"name", name}, {"in", "query"}, {"description", description}};
  // `$select=id,topic` instead of one parameter for each.
  if (schema["type"] == "array") {
    parameter["style"] = "form";
    parameter["explode"] = false;
  }
  parameter["schema"] = std::move(schema);
  return components_.Add("parameters", component, std::move(parameter));
}

Json OpenApiParameters::Header(const std::string& component, const std::string& name,
                               const std::string& description) {
  return components_.Add(
      "parameters", component,
      {{"name", name}, {"in", "header"}, {"description", description}, {"schema", Text()}});
}

// At the operation, as viewers do not resolve references at the path.
Json OpenApiParameters::Common(const Operation& operation) {
  Json parameters = Json::array();
  for (const std::string& key : operation.keys) {
    Json parameter = {
        {"name", key},
        {"in", "path"},
        {"required", true},
        {"description", absl::StrCat("The id of the ", key.substr(0, key.size() - 2), ".")},
        {"schema", Text()}};
    if (key == "groupId") parameter["example"] = "demo";
    parameters.push_back(components_.Add("parameters", key, std::move(parameter)));
  }
  parameters.push_back(Header("clientRequestId", "client-request-id",
                              "Any UUID. It comes back with the answer, for logs."));
  return parameters;
}

Json OpenApiParameters::Select(const Operation& operation) {
  const GraphType* const type = FindGraphType(operation.type);
  Json names = Json::array();
  AddPropertyNames(*type, false, names);
  return Query(
      absl::StrCat(operation.type, ".select"), "$select",
      "Which properties to return, separated by commas; without it, all but those that are "
      "returned only if named.",
      {{"type", "array"}, {"items", {{"type", "string"}, {"enum", std::move(names)}}}});
}

Json OpenApiParameters::Expand(const Operation& operation) {
  const GraphType& type = *FindGraphType(operation.type);
  std::vector<std::string> nested;
  for (const std::string& relation : Relations(type)) {
    const GraphProperty& property = *FindGraphProperty(type, relation);
    if (property.type == nullptr || property.type == &type) continue;
    for (const std::string& inner : Relations(*property.type)) {
      nested.push_back(absl::StrCat("`", relation, "($expand=", inner, ")`"));
    }
  }
  std::string description = absl::StrCat(
      "Which relations to return along with it, separated by "
      "commas: `",
      absl::StrJoin(Relations(type), "`, `"), "`");
  if (!nested.empty()) {
    absl::StrAppend(&description, "; within them ", absl::StrJoin(nested, ", "));
  }
  return Query(absl::StrCat(operation.type, ".expand"), "$expand",
               absl::StrCat(description, ". At most ", kMaxExpanded, " of each."), Text());
}

// An option whose meaning differs from one RPC to another, and is told by a field of its request.
void OpenApiParameters::AddFieldOption(const Operation& operation, const char* field,
                                       const std::string& option, Json& parameters) {
  const Descriptor& request = *operation.route->rpc->input_type();
  const FieldDescriptor* const descriptor = request.FindFieldByName(field);
  if (descriptor == nullptr) return;
  parameters.push_back(Query(absl::StrCat(names_.at(&request), ".", option.substr(1)), option,
                             comments_.Of(*descriptor), Text()));
}

// A search has a path of its own, where there has to be something to look for, and is an option of
// the list as well.
void OpenApiParameters::AddSearch(const Operation& operation, Json& parameters) {
  constexpr char kSuffix[] = ":search";
  constexpr char kOption[] = "$search";
  const auto search = lists_.find(absl::StrCat(operation.path, kSuffix));
  const bool is_search = absl::EndsWith(operation.path, kSuffix);
  if (!is_search && search == lists_.end()) return;
  const Route& route = is_search ? *operation.route : *search->second->route;
  const FieldDescriptor& query = *route.rpc->input_type()->FindFieldByName("query");
  Json parameter = {{"name", kOption}, {"in", "query"}, {"description", comments_.Of(query)}};
  if (is_search) parameter["required"] = true;
  parameter["schema"] = Text();
  parameters.push_back(
      components_.Add("parameters", is_search ? "search" : "optionalSearch", std::move(parameter)));
}

void OpenApiParameters::AddHeaders(const Operation& operation, Json& parameters) {
  const Descriptor& request = *operation.route->rpc->input_type();
  const bool is_write = operation.kind == Kind::kCreate || operation.kind == Kind::kUpdate ||
                        operation.kind == Kind::kUpdateDirectoryObject;
  if (is_write) {
    parameters.push_back(
        Header("preferReturn", "Prefer",
               "`return=minimal`: the answer is to have no body. `return=representation`: it is to "
               "have one (RFC 7240)."));
  } else if (operation.is_collection() ||
             (operation.kind == Kind::kGet && operation.type == "post")) {
    parameters.push_back(
        Header("prefer", "Prefer",
               "`odata.maxpagesize=N`: at most so many on a page. "
               "`outlook.body-content-type=\"text\"` or `\"html\"`: how to write the bodies of "
               "posts. What was followed comes back as `Preference-Applied` (RFC 7240)."));
  }
  if (TakesEtag(*operation.route)) {
    parameters.push_back(Header("ifMatch", "If-Match",
                                "The `@odata.etag` that the caller has read. If it is not the "
                                "present one, nothing is done, and the answer is 412."));
  }
  if (request.FindFieldByName("request_id") != nullptr) {
    parameters.push_back(
        Header("idempotencyKey", "Idempotency-Key",
               "Any text of 1 to 255 bytes, such as a UUID. The same request sent again with the "
               "same key by the same caller makes nothing new; another request under the same key "
               "is refused."));
  }
}

Json OpenApiParameters::OfOperation(const Operation& operation) {
  Json parameters = Common(operation);
  const Descriptor& request = *operation.route->rpc->input_type();
  const GraphType* const type = FindGraphType(operation.type);
  const bool is_read = operation.is_collection() || operation.kind == Kind::kGet;
  if (is_read && type != nullptr) {
    parameters.push_back(Select(operation));
    const bool takes_expand =
        request.FindFieldByName("expand") != nullptr || !type->derived.empty();
    if (takes_expand && !Relations(*type).empty()) {
      parameters.push_back(Expand(operation));
    }
  }
  AddFieldOption(operation, "filter", "$filter", parameters);
  AddFieldOption(operation, "order_by", "$orderby", parameters);
  if (operation.kind == Kind::kList) AddSearch(operation, parameters);
  if (request.FindFieldByName("page_size") != nullptr) {
    parameters.push_back(
        Query("top", "$top",
              absl::StrCat("At most so many on a page: ", kDefaultPageSize, " without it, ",
                           kMaxPageSize, " if it is more. A page may hold fewer."),
              Number(1)));
    parameters.push_back(Query("skiptoken", "$skiptoken",
                               "Comes with `@odata.nextLink`; not to be made by callers.", Text()));
  }
  if (operation.kind == Kind::kList) {
    parameters.push_back(
        Query("skip", "$skip",
              absl::StrCat("How many to leave out at the beginning, at most ", kMaxRowsExamined,
                           ". `@odata.nextLink` goes further, and costs less."),
              Number(0)));
  }
  if (operation.kind == Kind::kDelta) {
    parameters.push_back(
        Query("deltatoken", "$deltatoken",
              "Comes with `@odata.deltaLink`. `latest`: only what changes from now on.", Text()));
  }
  if (request.FindFieldByName("include_total_size") != nullptr) {
    parameters.push_back(
        Query("count", "$count", "Whether to return `@odata.count`.", {{"type", "boolean"}}));
  }
  AddHeaders(operation, parameters);
  return parameters;
}

Json OpenApiParameters::OfCount(const Operation& list) {
  Json parameters = Common(list);
  AddFieldOption(list, "filter", "$filter", parameters);
  return parameters;
}

Json OpenApiParameters::OfRemoveByUrl(const Operation& add) {
  Json parameters = Common(add);
  parameters.push_back(components_.Add(
      "parameters", "id",
      {{"name", "$id"},
       {"in", "query"},
       {"required", true},
       {"description", "The URL of the entity that is referred to. Its last segment is the id."},
       {"schema", Text()}}));
  return parameters;
}

}  // namespace threadstore
