#include "server/http/description_pages.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "server/http/descriptions.h"

namespace threadstore {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

HttpRequest Request(const std::string& path, const std::string& method = "GET") {
  HttpRequest request;
  request.method = method;
  request.target = path;
  return request;
}

HttpResponse Serve(const HttpRequest& request) {
  std::optional<HttpResponse> response = ServeDescription(request, request.target, true);
  EXPECT_TRUE(response.has_value()) << request.target;
  return response.has_value() ? std::move(*response) : HttpResponse();
}

bool Serves(const HttpRequest& request, bool docs_enabled = true) {
  return ServeDescription(request, request.target, docs_enabled).has_value();
}

TEST(DescriptionPagesTest, DescriptionsAreThereUnderEveryVersion) {
  for (const char* version : {"", "/v1.0", "/beta", "/localtest"}) {
    const HttpResponse openapi = Serve(Request(absl::StrCat(version, "/openapi.json")));
    EXPECT_EQ(openapi.status, 200);
    EXPECT_EQ(openapi.headers.Get("Content-Type"), "application/json");
    EXPECT_EQ(openapi.body, OpenApiDocument());
    const HttpResponse csdl = Serve(Request(absl::StrCat(version, "/$metadata")));
    EXPECT_EQ(csdl.headers.Get("Content-Type"), "application/xml");
    EXPECT_EQ(csdl.body, CsdlDocument());
  }
}

TEST(DescriptionPagesTest, TheRootLinksToTheRest) {
  const HttpResponse response = Serve(Request("/"));
  EXPECT_EQ(response.headers.Get("Content-Type"), "application/json");
  const nlohmann::json root = nlohmann::json::parse(response.body);
  EXPECT_EQ(root["service"], "threadstore");
  EXPECT_FALSE(root["version"].get<std::string>().empty());
  EXPECT_EQ(root.contains("docs"), HasDocsPage());
  for (const char* link : {"openapi", "metadata"}) {
    EXPECT_TRUE(Serves(Request(root[link].get<std::string>()))) << link;
  }
}

TEST(DescriptionPagesTest, WhatIsNoDescriptionIsLeftToOthers) {
  for (const char* path : {"/v1.0", "/v1.0/", "/v1.0/groups", "/v1.1/openapi.json", "/docs/none",
                           "/v1.0/docs", "/v1.0/docs/docs.js", "/openapi.json/", ""}) {
    EXPECT_FALSE(Serves(Request(path))) << path;
  }
  for (const char* method : {"POST", "DELETE", "OPTIONS", "get"}) {
    EXPECT_FALSE(Serves(Request("/openapi.json", method))) << method;
  }
}

TEST(DescriptionPagesTest, ClientsThatAcceptGzipGetIt) {
  for (const char* accepted : {"gzip", "br, GZIP;q=0.5", "*", "deflate, gzip, br"}) {
    HttpRequest request = Request("/openapi.json");
    request.headers.Add("Accept-Encoding", accepted);
    const HttpResponse response = Serve(request);
    EXPECT_EQ(response.headers.Get("Content-Encoding"), "gzip") << accepted;
    EXPECT_EQ(response.headers.Get("Vary"), "Accept-Encoding");
    EXPECT_LT(response.body.size(), OpenApiDocument().size() / 4);
    const DocsFile file{"", "", response.body};
    EXPECT_EQ(BodyOf(file), OpenApiDocument());
  }
  for (const char* accepted : {"", "br", "gzip;q=0", "*;q=0", "gzip;q=0, *", "identity"}) {
    HttpRequest request = Request("/openapi.json");
    request.headers.Add("Accept-Encoding", accepted);
    const HttpResponse response = Serve(request);
    EXPECT_FALSE(response.headers.Has("Content-Encoding")) << accepted;
    EXPECT_EQ(response.body, OpenApiDocument()) << accepted;
  }
}

TEST(DescriptionPagesTest, WhatTheClientHasIsNotSentAgain) {
  for (const char* path : {"/", "/openapi.json", "/$metadata"}) {
    const std::string etag(Serve(Request(path)).headers.Get("ETag"));
    ASSERT_FALSE(etag.empty());
    for (const std::string& condition :
         {etag, absl::StrCat("W/", etag), absl::StrCat("\"other\", ", etag), std::string("*")}) {
      HttpRequest request = Request(path);
      request.headers.Add("If-None-Match", condition);
      const HttpResponse response = Serve(request);
      EXPECT_EQ(response.status, 304) << condition;
      EXPECT_EQ(response.body, "");
      EXPECT_EQ(response.headers.Get("ETag"), etag);
    }
    HttpRequest request = Request(path);
    request.headers.Add("If-None-Match", "\"other\"");
    EXPECT_EQ(Serve(request).status, 200);
  }
}

TEST(DescriptionPagesTest, AHeadIsAGetWithoutBody) {
  const HttpResponse get = Serve(Request("/openapi.json"));
  const HttpResponse head = Serve(Request("/openapi.json", "HEAD"));
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.fields(), get.headers.fields());
  EXPECT_EQ(head.body, "");
}

TEST(DescriptionPagesTest, TheDocsPageNeedsNothingFromElsewhere) {
  if (!HasDocsPage()) GTEST_SKIP() << "built without swagger-ui-dist";
  for (const char* path : {"/docs", "/docs/"}) {
    const HttpResponse page = Serve(Request(path));
    EXPECT_EQ(page.headers.Get("Content-Type"), "text/html;charset=utf-8");
    EXPECT_EQ(page.headers.Get("Content-Security-Policy"), kDocsContentSecurityPolicy);
    EXPECT_THAT(page.body, Not(HasSubstr("://")));
  }
  for (const DocsFile& file : DocsFiles()) {
    const HttpResponse response = Serve(Request(std::string(file.path)));
    EXPECT_EQ(response.status, 200);
    EXPECT_THAT(std::string(response.headers.Get("Content-Type")),
                AnyOf("text/html;charset=utf-8", "text/javascript;charset=utf-8",
                      "text/css;charset=utf-8", "text/plain;charset=utf-8", "image/png"));
    EXPECT_EQ(response.headers.Get("X-Content-Type-Options"), "nosniff");
  }
}

TEST(DescriptionPagesTest, TheDocsPageCanBeOff) {
  EXPECT_FALSE(Serves(Request("/docs"), false));
  EXPECT_FALSE(Serves(Request("/docs/docs.js"), false));
  EXPECT_TRUE(Serves(Request("/openapi.json"), false));
  const HttpRequest request = Request("/");
  const std::optional<HttpResponse> root = ServeDescription(request, "/", false);
  EXPECT_FALSE(nlohmann::json::parse(root->body).contains("docs"));
}

}  // namespace
}  // namespace threadstore
