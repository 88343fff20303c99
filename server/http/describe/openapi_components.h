#ifndef THREADSTORE_SERVER_HTTP_DESCRIBE_OPENAPI_COMPONENTS_H_
#define THREADSTORE_SERVER_HTTP_DESCRIBE_OPENAPI_COMPONENTS_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"
#include "server/http/describe/comments.h"
#include "server/http/describe/openapi_schemas.h"
#include "server/http/describe/operation.h"

namespace threadstore {

// What the operations of an OpenAPI document share, so that it is in there once.
class OpenApiComponents {
 public:
  // A reference to a component, which is added unless there is one of the name.
  nlohmann::ordered_json Add(const std::string& kind, const std::string& name,
                             nlohmann::ordered_json component) {
    nlohmann::ordered_json& all = components_[kind];
    if (!all.contains(name)) all[name] = std::move(component);
    return ComponentRef(kind, name);
  }

  const nlohmann::ordered_json& all() const { return components_; }

 private:
  nlohmann::ordered_json components_ = nlohmann::ordered_json::object();
};

// Makes the parameters of operations. Keeps references to what it is made of.
class OpenApiParameters {
 public:
  OpenApiParameters(const std::vector<Operation>& operations, const Comments& comments,
                    OpenApiComponents& components);

  // The keys of its path, query options and headers.
  nlohmann::ordered_json OfOperation(const Operation& operation);

  // Those of a list that is only counted.
  nlohmann::ordered_json OfCount(const Operation& list);

  // Those of the removal, by its URL, of what `add` adds.
  nlohmann::ordered_json OfRemoveByUrl(const Operation& add);

 private:
  nlohmann::ordered_json Common(const Operation& operation);
  nlohmann::ordered_json Query(const std::string& component, const std::string& name,
                               const std::string& description, nlohmann::ordered_json schema);
  nlohmann::ordered_json Header(const std::string& component, const std::string& name,
                                const std::string& description);
  nlohmann::ordered_json Select(const Operation& operation);
  nlohmann::ordered_json Expand(const Operation& operation);
  void AddFieldOption(const Operation& operation, const char* field, const std::string& option,
                      nlohmann::ordered_json& parameters);
  void AddSearch(const Operation& operation, nlohmann::ordered_json& parameters);
  void AddHeaders(const Operation& operation, nlohmann::ordered_json& parameters);

  const Comments& comments_;
  OpenApiComponents& components_;
  std::map<std::string, const Operation*> lists_;                     // By path.
  std::map<const google::protobuf::Descriptor*, std::string> names_;  // Of requests.
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_DESCRIBE_OPENAPI_COMPONENTS_H_
