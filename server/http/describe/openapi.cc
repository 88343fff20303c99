#include "server/http/describe/openapi.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/stubs/logging.h"
#include "server/http/describe/openapi_components.h"
#include "server/http/describe/openapi_schemas.h"

namespace threadstore {
namespace {

using google::protobuf::MethodDescriptor;
using Json = nlohmann::ordered_json;
using Kind = Operation::Kind;

constexpr char kServiceTag[] = "service";

// Tags that are not the name of a collection of Graph's types.
const std::pair<const char*, const char*> kTagDescriptions[] = {
    {"me", "The groups of the calling user, and all that is in them: other paths of the same."},
    {"users", "The groups of a user, and all that is in them: other paths of the same."},
    {"owners", "Those members of a group who manage it."},
    {"acceptedSenders", "Those whose posts a group accepts; all others' too if there are none."},
    {"rejectedSenders", "Those whose posts a group rejects."},
    {kServiceTag, "Batches, and descriptions of this service."},
};

constexpr char kDescription[] =
    "Conversations, threads and posts of groups, in the form of Microsoft Graph. Any of the "
    "versions `v1.0`, `beta` and `localtest` may begin a path, and mean the same. Keys may also be "
    "in parentheses, as in `threads('id')`; query options may come without `$`.";

bool HasEtag(absl::string_view type_name) {
  const GraphType* const type = FindGraphType(type_name);
  return type != nullptr && type->message->FindFieldByName("etag") != nullptr;
}

Json JsonContent(Json schema) { return {{"application/json", {{"schema", std::move(schema)}}}}; }

Json TextHeader(const char* description) {
  return {{"description", description}, {"schema", {{"type", "string"}}}};
}

class Document {
 public:
  Document(const std::vector<Operation>& operations, const Comments& comments, const Json& examples)
      : operations_(operations),
        comments_(comments),
        examples_(examples),
        parameters_(operations, comments, components_) {}

  Json Make(const std::string& version);

 private:
  void AddOperation(const Operation& operation);
  void AddRemoveByUrl(const Operation& add);
  void AddCount(const Operation& list);
  void AddServicePath(const char* path, const char* method, const char* id, const char* summary,
                      Json content, Json request_body);
  void AddServicePaths();
  Json RequestBody(const Operation& operation);
  Json Entity(const std::string& type, const std::string& name, const char* description);
  Json Page(const std::string& name, const std::string& schema_name, Json schema);
  Json Successes(const Operation& operation);
  Json WithErrors(Json responses);
  Json Done();
  Json Headers(bool location, bool etag);
  Json Tags() const;

  const std::vector<Operation>& operations_;
  const Comments& comments_;
  const Json& examples_;
  OpenApiComponents components_;
  OpenApiParameters parameters_;
  std::map<const MethodDescriptor*, const Operation*> first_of_rpc_;
  std::set<std::string> examples_used_;
  Json paths_ = Json::object();
};

Json Document::Headers(bool location, bool etag) {
  Json headers = Json::object();
  if (location) {
    headers["Location"] =
        components_.Add("headers", "Location", TextHeader("The URL of what was made."));
  }
  if (etag) {
    headers["ETag"] = components_.Add("headers", "ETag", TextHeader("As `@odata.etag`."));
  }
  return headers;
}

Json Document::Done() {
  return components_.Add("responses", "done", {{"description", "Done. There is no body."}});
}

Json Document::Entity(const std::string& type, const std::string& name, const char* description) {
  const bool is_new = name != type;
  Json response = {{"description", description}};
  Json headers = Headers(is_new, HasEtag(type));
  if (!headers.empty()) response["headers"] = std::move(headers);
  response["content"] = JsonContent(TypeRef(type));
  return components_.Add("responses", name, std::move(response));
}

// A page of `schema_name`, which is added.
Json Document::Page(const std::string& name, const std::string& schema_name, Json schema) {
  Json content = JsonContent(components_.Add("schemas", schema_name, std::move(schema)));
  return components_.Add("responses", name,
                         {{"description", "A page."}, {"content", std::move(content)}});
}

// By status; more than one where `Prefer` chooses.
Json Document::Successes(const Operation& operation) {
  const std::string& type = operation.type;
  switch (operation.kind) {
    case Kind::kList:
      return {{"200",
               Page(absl::StrCat(type, "Page"), PageSchemaName(type), PageSchema(TypeRef(type)))}};
    case Kind::kDelta:
      return {
          {"200", Page(absl::StrCat(type, "Changes"), DeltaSchemaName(type), DeltaSchema(type))}};
    case Kind::kGet:
      return {{"200", Entity(type, type, "As it is now.")}};
    case Kind::kGetValue:
      return {
          {"200", components_.Add("responses", "content",
                                  {{"description", "The bytes of a file, or the JSON of an item."},
                                   {"content", {{"application/octet-stream", Json::object()}}}})}};
    case Kind::kCreate:
      return {{"201", Entity(type, absl::StrCat(type, "Created"), "What was created.")},
              {"204", Done()}};
    case Kind::kUpdate:
      return {{"200", Entity(type, type, "As it is now.")}, {"204", Done()}};
    case Kind::kUpdateDirectoryObject:
      return {{"204", Done()}, {"200", Entity(type, type, "As it is now.")}};
    case Kind::kAddReference:
    case Kind::kDelete:
      return {{"204", Done()}};
    case Kind::kAction: {
      // What has no URL is answered otherwise in Graph.
      if (type.empty()) return {{"200", Done()}};
      Json response = {{"description", "Done. There is no body."},
                       {"headers", Headers(true, false)}};
      return {{"202",
               components_.Add("responses", absl::StrCat(type, "Accepted"), std::move(response))}};
    }
  }
  GOOGLE_LOG(FATAL) << operation.id;
  return nullptr;
}

Json Document::WithErrors(Json responses) {
  const Json error = components_.Add(
      "responses", "error",
      {{"description", "The request failed."},
       {"headers",
        {{"request-id",
          components_.Add("headers", "request-id", TextHeader("The server's id of the request."))},
         {"Retry-After",
          components_.Add("headers", "Retry-After",
                          TextHeader("Seconds to wait, if trying again may help."))}}},
       {"content", JsonContent(ComponentRef("schemas", "error"))}});
  responses["4XX"] = error;
  responses["5XX"] = error;
  return responses;
}

Json Document::RequestBody(const Operation& operation) {
  const Operation& first = *first_of_rpc_.at(operation.route->rpc);
  Json schema;
  if (operation.kind == Kind::kAction) {
    const auto& request = *operation.route->rpc->input_type();
    schema = components_.Add("schemas", absl::StrCat(first.id, ".parameters"),
                             ParametersSchema(request, comments_));
  } else if (operation.kind == Kind::kAddReference) {
    schema = ComponentRef("schemas", "reference");
  } else if (operation.kind == Kind::kCreate && operation.type == "group") {
    schema = ComponentRef("schemas", "newGroup");
  } else {
    schema = TypeRef(operation.type);
  }
  GOOGLE_CHECK(examples_.contains(first.id)) << "no example of a body of " << first.id;
  examples_used_.insert(first.id);
  Json content = JsonContent(std::move(schema));
  content["application/json"]["examples"] = examples_[first.id];
  return components_.Add("requestBodies", first.id,
                         {{"required", true}, {"content", std::move(content)}});
}

void Document::AddOperation(const Operation& operation) {
  const MethodDescriptor* const rpc = operation.route->rpc;
  const Operation& first = *first_of_rpc_.emplace(rpc, &operation).first->second;
  const std::string comment = comments_.Of(*rpc);
  Json object = {
      {"operationId", operation.id},
      {"tags", {operation.tag}},
      {"summary", absl::StrReplaceAll(FirstSentence(comment), {{"`", ""}})},
      {"description", &first == &operation ? comment : absl::StrCat("See `", first.id, "`.")}};
  object["parameters"] = parameters_.OfOperation(operation);
  if (!operation.route->body.empty()) object["requestBody"] = RequestBody(operation);
  object["responses"] = WithErrors(Successes(operation));
  paths_[operation.path][absl::AsciiStrToLower(operation.route->http_method)] = std::move(object);
  if (operation.kind == Kind::kAddReference && operation.route->last_segment() == "$ref") {
    AddRemoveByUrl(operation);
  }
  if (operation.kind == Kind::kList &&
      rpc->input_type()->FindFieldByName("include_total_size") != nullptr) {
    AddCount(operation);
  }
}

// The other one of Graph's two ways: an alias that the routes do not have, since the id is in the
// query.
void Document::AddRemoveByUrl(const Operation& add) {
  paths_[add.path]["delete"] = {
      {"operationId", absl::StrCat(add.id.substr(0, add.id.rfind('.')), ".removeByUrl")},
      {"tags", {add.tag}},
      {"summary", "Takes a user off the list, by its URL"},
      {"parameters", parameters_.OfRemoveByUrl(add)},
      {"responses", WithErrors({{"204", Done()}})}};
}

// `$count` behind a list, which the routes do not have.
void Document::AddCount(const Operation& list) {
  const std::string collection = list.id.substr(0, list.id.rfind('.'));
  const Json number = {{"type", "integer"}, {"format", "int64"}};
  Json count = components_.Add(
      "responses", "count",
      {{"description", "A number."}, {"content", {{"text/plain", {{"schema", number}}}}}});
  paths_[absl::StrCat(list.path, "/$count")] = {
      {"get",
       {{"operationId", absl::StrCat(collection, ".count")},
        {"tags", {list.tag}},
        {"summary", "How many there are"},
        {"parameters", parameters_.OfCount(list)},
        {"responses", WithErrors({{"200", std::move(count)}})}}}};
}

void Document::AddServicePath(const char* path, const char* method, const char* id,
                              const char* summary, Json content, Json request_body) {
  Json object = {{"operationId", id}, {"tags", {kServiceTag}}, {"summary", summary}};
  if (!request_body.is_null()) object["requestBody"] = std::move(request_body);
  object["responses"] =
      WithErrors({{"200", {{"description", summary}, {"content", std::move(content)}}}});
  paths_[path][method] = std::move(object);
}

void Document::AddServicePaths() {
  constexpr char kBatch[] = "batch.create";
  GOOGLE_CHECK(examples_.contains(kBatch));
  examples_used_.insert(kBatch);
  Json content = JsonContent(ComponentRef("schemas", "batchRequest"));
  content["application/json"]["examples"] = examples_[kBatch];
  AddServicePath("/$batch", "post", kBatch, "Up to 20 requests in one, and their answers",
                 JsonContent(ComponentRef("schemas", "batchResponse")),
                 {{"required", true}, {"content", std::move(content)}});
  const Json any = Json::object();
  AddServicePath("/$metadata", "get", "metadata.get", "This service as OData CSDL 4.0",
                 {{"application/xml", any}}, nullptr);
  AddServicePath("/openapi.json", "get", "openapi.get", "This service as OpenAPI 3.1",
                 {{"application/json", any}}, nullptr);
}

// Of every tag, in the order of the operations.
Json Document::Tags() const {
  Json tags = Json::array();
  std::set<std::string> seen;
  const auto add = [&](const std::string& tag, const std::string& type_name) {
    if (!seen.insert(tag).second) return;
    std::string description;
    for (const auto& [name, text] : kTagDescriptions) {
      if (tag == name) description = text;
    }
    if (description.empty()) description = comments_.Of(*FindGraphType(type_name));
    tags.push_back({{"name", tag}, {"description", description}});
  };
  // The same under other paths comes last.
  for (const bool is_alias : {false, true}) {
    for (const Operation& operation : operations_) {
      if (operation.is_alias == is_alias) add(operation.tag, operation.bound_type);
    }
  }
  add(kServiceTag, "");
  return tags;
}

Json Document::Make(const std::string& version) {
  const Json schemas = TypeSchemas(comments_);
  for (const auto& [name, schema] : schemas.items()) components_.Add("schemas", name, schema);
  components_.Add("securitySchemes", "bearer",
                  {{"type", "http"},
                   {"scheme", "bearer"},
                   {"description",
                    "A token that this server knows. A server without "
                    "authentication takes requests without."}});
  for (const Operation& operation : operations_) AddOperation(operation);
  AddServicePaths();
  for (const auto& [id, example] : examples_.items()) {
    GOOGLE_CHECK(examples_used_.count(id) > 0) << "an example of a body of " << id;
  }
  return {{"openapi", "3.1.0"},
          {"info",
           {{"title", "Threadstore"},
            {"version", version},
            {"description", kDescription},
            {"license", {{"name", "Apache License 2.0"}, {"identifier", "Apache-2.0"}}}}},
          {"servers", Json::array({{{"url", "/v1.0"}}})},
          {"security", Json::array({{{"bearer", Json::array()}}, Json::object()})},
          {"tags", Tags()},
          {"paths", std::move(paths_)},
          {"components", components_.all()}};
}

}  // namespace

Json OpenApiOf(const std::vector<Operation>& operations, const Comments& comments,
               const Json& examples, const std::string& version) {
  return Document(operations, comments, examples).Make(version);
}

}  // namespace threadstore
