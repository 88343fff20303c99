#include "server/http/descriptions.h"

#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "server/http/graph_schema.h"
#include "server/http/routes.h"

namespace threadstore {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::Not;

const json& OpenApi() {
  static const auto& document = *new json(json::parse(OpenApiDocument()));
  return document;
}

// A path of the document with `*` for its keys, as routes have it.
std::string WithoutKeys(const std::string& path) {
  return std::regex_replace(path, std::regex("\\{[^}]*\\}"), "*");
}

// By `POST /groups/*/threads`.
std::map<std::string, json> OperationsByRoute() {
  std::map<std::string, json> operations;
  for (const auto& [path, item] : OpenApi()["paths"].items()) {
    for (const char* method : {"get", "post", "patch", "delete"}) {
      if (!item.contains(method)) continue;
      operations[absl::StrCat(absl::AsciiStrToUpper(method), " ", WithoutKeys(path))] =
          item[method];
    }
  }
  return operations;
}

json Resolve(const json& value) {
  if (!value.contains("$ref")) return value;
  return OpenApi().at(json::json_pointer(value["$ref"].get<std::string>().substr(1)));
}

json OperationOf(const std::string& route) {
  const std::map<std::string, json> operations = OperationsByRoute();
  const auto found = operations.find(route);
  EXPECT_NE(found, operations.end()) << route;
  return found == operations.end() ? json() : found->second;
}

std::vector<std::string> ParametersOf(const json& operation) {
  std::vector<std::string> names;
  if (!operation.contains("parameters")) return names;
  for (const json& parameter : operation["parameters"]) names.push_back(Resolve(parameter)["name"]);
  return names;
}

class Xml {
 public:
  Xml() {
    const absl::string_view text = CsdlDocument();
    document_.reset(xmlReadMemory(text.data(), static_cast<int>(text.size()), nullptr, nullptr,
                                  XML_PARSE_NONET));
    context_.reset(document_ == nullptr ? nullptr : xmlXPathNewContext(document_.get()));
    if (context_ != nullptr) {
      xmlXPathRegisterNs(context_.get(), BAD_CAST "e",
                         BAD_CAST "http://docs.oasis-open.org/odata/ns/edm");
    }
  }

  bool ok() const { return context_ != nullptr; }

  // How many elements an XPath expression finds.
  int Count(const std::string& path) const {
    const std::unique_ptr<xmlXPathObject, decltype(&xmlXPathFreeObject)> found(
        xmlXPathEvalExpression(reinterpret_cast<const xmlChar*>(path.c_str()), context_.get()),
        &xmlXPathFreeObject);
    return found == nullptr || found->nodesetval == nullptr ? 0 : found->nodesetval->nodeNr;
  }

 private:
  std::unique_ptr<xmlDoc, decltype(&xmlFreeDoc)> document_{nullptr, &xmlFreeDoc};
  std::unique_ptr<xmlXPathContext, decltype(&xmlXPathFreeContext)> context_{nullptr,
                                                                            &xmlXPathFreeContext};
};

TEST(OpenApiTest, HasEveryRouteOnce) {
  const std::map<std::string, json> operations = OperationsByRoute();
  const Routes routes;
  ASSERT_FALSE(routes.all().empty());
  std::set<std::string> ids;
  for (const auto& [name, operation] : operations) {
    EXPECT_TRUE(ids.insert(operation["operationId"]).second) << name;
  }
  for (const auto& route : routes.all()) {
    std::string name = absl::StrCat(route->http_method, " ");
    for (const std::string& segment : route->segments) absl::StrAppend(&name, "/", segment);
    EXPECT_EQ(operations.count(name), 1U) << name;
  }
}

TEST(OpenApiTest, DeclaresEveryKeyOfAPath) {
  for (const auto& [path, item] : OpenApi()["paths"].items()) {
    const std::regex key("\\{([^}]*)\\}");
    for (const auto& [method, operation] : item.items()) {
      const std::vector<std::string> names = ParametersOf(operation);
      for (std::sregex_iterator i(path.begin(), path.end(), key), end; i != end; ++i) {
        EXPECT_THAT(names, Contains((*i)[1].str())) << method << " " << path;
      }
    }
  }
}

TEST(OpenApiTest, HasEveryPropertyOfTheSchema) {
  for (const GraphType* type : GraphTypes()) {
    const json schema =
        OpenApi()["components"]["schemas"][absl::StrCat(kGraphNamespace, ".", type->name)];
    const json properties =
        schema.contains("allOf") ? schema["allOf"][1]["properties"] : schema["properties"];
    for (const GraphProperty& property : type->properties) {
      const std::string name(property.name);
      ASSERT_TRUE(properties.contains(name)) << std::string(type->name) << " " << name;
      EXPECT_EQ(properties[name].value("readOnly", false), property.is_read_only) << name;
      EXPECT_FALSE(properties[name]["description"].get<std::string>().empty()) << name;
    }
  }
}

TEST(OpenApiTest, SaysHowRequestsAreAnswered) {
  const struct {
    const char* route;
    const char* status;
  } kCases[] = {
      {"POST /groups/*/threads", "201"},
      {"POST /me/joinedGroups/*/conversations/*/threads", "201"},
      {"GET /groups/*/threads", "200"},
      {"GET /groups/*/threads/delta", "200"},
      {"PATCH /groups/*/threads/*", "200"},
      {"DELETE /groups/*/threads/*", "204"},
      {"POST /groups/*/threads/*/reply", "202"},
      {"POST /groups/*/threads/*/posts/*/forward", "200"},
      {"PATCH /groups/*", "204"},
      {"POST /groups/*/members/$ref", "204"},
      {"POST /groups/*/acceptedSenders/$ref", "204"},
      {"DELETE /groups/*/acceptedSenders/$ref", "204"},
      {"POST /$batch", "200"},
      {"GET /$metadata", "200"},
      {"GET /openapi.json", "200"},
  };
  for (const auto& [route, status] : kCases) {
    const json responses = OperationOf(route)["responses"];
    EXPECT_TRUE(responses.contains(status)) << route << responses;
    EXPECT_TRUE(responses.contains("4XX") && responses.contains("5XX")) << route;
  }
  const json created = Resolve(OperationOf("POST /groups/*/threads")["responses"]["201"]);
  EXPECT_TRUE(created["headers"].contains("Location"));
  const json accepted = Resolve(OperationOf("POST /groups/*/threads/*/reply")["responses"]["202"]);
  EXPECT_TRUE(accepted["headers"].contains("Location"));
  EXPECT_FALSE(accepted.contains("content"));
}

TEST(OpenApiTest, HasTheOptionsThatApply) {
  const std::vector<std::string> list = ParametersOf(OperationOf("GET /groups/*/threads"));
  for (const char* option : {"$select", "$expand", "$filter", "$orderby", "$search", "$top",
                             "$skip", "$skiptoken", "Prefer"}) {
    EXPECT_THAT(list, Contains(option));
  }
  EXPECT_THAT(ParametersOf(OperationOf("GET /groups/*/threads/*")), Not(Contains("$filter")));
  EXPECT_THAT(ParametersOf(OperationOf("POST /groups/*/threads")), Contains("Idempotency-Key"));
  EXPECT_THAT(ParametersOf(OperationOf("PATCH /groups/*/threads/*")), Contains("If-Match"));
}

TEST(OpenApiTest, OffersTheSeedFirst) {
  const json body = Resolve(OperationOf("POST /groups/*/threads")["requestBody"]);
  std::ifstream file(absl::StrCat(TESTDATA_DIR, "/create_thread_request.json"));
  EXPECT_EQ(body["content"]["application/json"]["examples"]["thread"]["value"], json::parse(file));
}

// What a client of Graph reads is in Graph's terms.
TEST(OpenApiTest, SpeaksOfNothingOfGrpc) {
  const std::regex grpc_word(
      "INVALID_ARGUMENT|NOT_FOUND|FAILED_PRECONDITION|PERMISSION_DENIED|RESOURCE_EXHAUSTED|"
      "ABORTED|UNAVAILABLE|ALREADY_EXISTS|OUT_OF_RANGE|\\bRPC\\b|[a-z]_[a-z]");
  const std::function<void(const json&)> check = [&](const json& value) {
    for (const auto& [name, member] : value.items()) {
      if ((name == "description" || name == "summary") && member.is_string()) {
        std::smatch match;
        const std::string text = member;
        EXPECT_FALSE(std::regex_search(text, match, grpc_word)) << match.str() << " in " << text;
      } else if (member.is_structured()) {
        check(member);
      }
    }
  };
  check(OpenApi());
}

TEST(CsdlTest, HasEveryPropertyOfTheSchema) {
  const Xml xml;
  ASSERT_TRUE(xml.ok());
  for (const GraphType* type : GraphTypes()) {
    const std::string name(type->name);
    EXPECT_EQ(xml.Count(absl::StrCat("//e:*[self::e:EntityType or self::e:ComplexType][@Name='",
                                     name, "']")),
              1)
        << name;
    for (const GraphProperty& property : type->properties) {
      // What is inherited is in a type above.
      EXPECT_GE(
          xml.Count(absl::StrCat("//e:*[self::e:Property or self::e:NavigationProperty][@Name='",
                                 std::string(property.name), "'][../@Name='", name,
                                 "' or ../@Abstract='true']")),
          1)
          << name << "." << property.name;
    }
  }
}

TEST(CsdlTest, HasWhatClientsBeginWith) {
  const Xml xml;
  ASSERT_TRUE(xml.ok());
  for (const char* path :
       {"//e:EntityContainer[@Name='GraphService']/e:EntitySet[@Name='groups']",
        "//e:EntityContainer/e:EntitySet[@Name='users']",
        "//e:EntityContainer/e:Singleton[@Name='me']",
        "//e:EntityType[@Name='user']/e:NavigationProperty[@Name='joinedGroups']",
        "//e:EntityType[@Name='group']/e:NavigationProperty[@Name='threads']",
        "//e:EntityType[@Name='fileAttachment'][@HasStream='true']",
        "//e:EntityType[@Name='openTypeExtension'][@OpenType='true']",
        "//e:Action[@Name='forward'][@IsBound='true']", "//e:EnumType[@Name='bodyType']"}) {
    EXPECT_EQ(xml.Count(path), 1) << path;
  }
  EXPECT_EQ(xml.Count("//e:Action[@Name='reply']"), 2);
  EXPECT_EQ(xml.Count("//e:Function[@Name='delta']"), 2);
}

}  // namespace
}  // namespace threadstore
