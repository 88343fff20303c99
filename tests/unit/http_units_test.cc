// The parts of the HTTP face that need no connection, but for its parser.

#include <zlib.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/http/content_coding.h"
#include "server/http/cors.h"
#include "server/http/forwarded.h"
#include "server/http/http_syntax.h"
#include "server/http/response_head.h"
#include "tests/testing/gzip.h"
#include "tests/testing/status_matchers.h"

namespace threadstore {
namespace {

using ::testing::ElementsAre;
using testing::Gzip;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using ::testing::Not;
using testing::StatusIs;

using Fields = std::vector<std::pair<std::string, std::string>>;

HttpRequest Request(const Fields& fields) {
  HttpRequest request;
  request.method = "GET";
  request.peer = "10.0.0.1";
  request.scheme = "http";
  request.host = "direct:80";
  for (const auto& [name, value] : fields) request.headers.Add(name, value);
  return request;
}

TEST(HttpSyntaxTest, Hosts) {
  for (const char* host :
       {"a", "a.b-c_d", "1.2.3.4", "a:0", "a:65535", "[::1]", "[2001:db8::1]:8"}) {
    EXPECT_TRUE(IsHost(host)) << host;
  }
  for (const char* host : {"", ":1", "a:", "a:b", "a:65536", "a:+1", "a:000001", "::1", "[::1",
                           "[a]", "[::1]a", "[::1]:", "a/b", "u@a", "a b", "a\n"}) {
    EXPECT_FALSE(IsHost(host)) << host;
  }
  EXPECT_EQ(WithoutPort("[::1]:8"), "[::1]");
  EXPECT_EQ(WithoutPort("[::1]"), "[::1]");
  EXPECT_EQ(WithoutPort("a:8"), "a");
}

TEST(HttpSyntaxTest, ListsAreDividedAtCommasOutsideQuotes) {
  const HttpRequest request =
      Request({{"X", "a, b ,,"}, {"Y", "no"}, {"x", R"("c,\"d" ; e)"}, {"X", ""}});
  EXPECT_THAT(ListOf(request.headers, "X"), ElementsAre("a", "b", R"("c,\"d" ; e)"));
}

TEST(HttpSyntaxTest, OriginsAreBroughtIntoOneForm) {
  EXPECT_EQ(ParseWebOrigin("HTTPS://A.example:443")->ToString(), "https://a.example");
  EXPECT_EQ(ParseWebOrigin("http://a:443")->ToString(), "http://a:443");
  EXPECT_EQ(ParseWebOrigin("http://[::1]:80")->ToString(), "http://[::1]");
  for (const char* text : {"null", "*", "a", "ftp://a", "http://", "http://a/", "http://a?b"}) {
    EXPECT_FALSE(ParseWebOrigin(text).has_value()) << text;
  }
  absl::string_view rest;
  ASSERT_TRUE(ParseWebOrigin("http://a/b?c", &rest).has_value());
  EXPECT_EQ(rest, "/b?c");
}

TEST(ContentCodingTest, CodingsAreRead) {
  EXPECT_EQ(ContentCodingOf(Request({}).headers), ContentCoding::kIdentity);
  for (const char* coding : {"identity", "", "Identity"}) {
    EXPECT_EQ(ContentCodingOf(Request({{"Content-Encoding", coding}}).headers),
              ContentCoding::kIdentity);
  }
  for (const char* coding : {"gzip", "x-gzip", "GZip"}) {
    EXPECT_EQ(ContentCodingOf(Request({{"Content-Encoding", coding}}).headers),
              ContentCoding::kGzip);
  }
  for (const char* coding : {"br", "deflate", "gzip, gzip", "identity, gzip", "gzip;q=1"}) {
    EXPECT_EQ(ContentCodingOf(Request({{"Content-Encoding", coding}}).headers), std::nullopt);
  }
  EXPECT_EQ(ContentCodingOf(
                Request({{"Content-Encoding", "gzip"}, {"Content-Encoding", "gzip"}}).headers),
            std::nullopt);
}

TEST(ContentCodingTest, GzipIsDecoded) {
  EXPECT_THAT(DecodeGzip(Gzip("hello"), 5), IsOkAndHolds("hello"));
  EXPECT_THAT(DecodeGzip(Gzip(""), 0), IsOkAndHolds(""));
  EXPECT_THAT(DecodeGzip(Gzip("one ") + Gzip("") + Gzip("two"), 100), IsOkAndHolds("one two"));
  std::string large(1'000'000, 'x');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * i >> 7);
  EXPECT_THAT(DecodeGzip(Gzip(large), large.size()), IsOkAndHolds(large));
}

TEST(ContentCodingTest, WhatIsNotWholeGzipIsRefused) {
  const std::string whole = Gzip("hello hello hello hello");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(DecodeGzip(whole.substr(0, size), 100),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << size;
    if (size == 0) continue;
    EXPECT_THAT(DecodeGzip(whole + whole.substr(0, size), 100),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << size;
  }
  for (const std::string& body : {std::string("hello"), whole + "x", whole + std::string(1, '\0'),
                                  std::string("\x78\x9c\x03\x00\x00\x00\x00\x01", 8)}) {
    EXPECT_THAT(DecodeGzip(body, 100), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  std::string wrong_sum = whole;
  wrong_sum[wrong_sum.size() - 5] ^= 1;
  EXPECT_THAT(DecodeGzip(wrong_sum, 100), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ContentCodingTest, ABombIsNoticedWhileItIsDecoded) {
  const std::string bomb = Gzip(std::string(8'000'000, 'x'));
  EXPECT_THAT(DecodeGzip(bomb, 3'000'000), StatusIs(absl::StatusCode::kOutOfRange));
  // What comes after the limit is not looked at.
  EXPECT_THAT(DecodeGzip(bomb.substr(0, bomb.size() / 2), 3'000'000),
              StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(DecodeGzip(Gzip("hello"), 4), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(DecodeGzip(Gzip("hello") + Gzip("x"), 5), StatusIs(absl::StatusCode::kOutOfRange));
}

class ForwardedTest : public ::testing::Test {
 protected:
  // A request from 10.0.0.1, which is trusted, as are 10.0.0.0/24 and fd00::/8.
  static HttpRequest Apply(const Fields& fields, const std::string& peer = "10.0.0.1") {
    HttpRequest request = Request(fields);
    request.peer = peer;
    ApplyForwarded(*TrustedProxies::Parse({"10.0.0.0/24", "fd00::/8"}), request);
    return request;
  }
};

TEST_F(ForwardedTest, NetworksAreRead) {
  const TrustedProxies proxies = *TrustedProxies::Parse(
      {"10.1.2.3/9", "192.168.0.1", "::1", "2001:db8::/33", "::ffff:9.9.9.9"});
  for (const char* address : {"10.0.0.1", "10.127.255.255", "192.168.0.1", "::1", "9.9.9.9",
                              "2001:db8:7fff::1", "::ffff:10.1.1.1"}) {
    EXPECT_TRUE(proxies.Contains(address)) << address;
  }
  for (const char* address : {"10.128.0.0", "192.168.0.2", "::2", "2001:db8:8000::1", "", "a"}) {
    EXPECT_FALSE(proxies.Contains(address)) << address;
  }
  EXPECT_TRUE(TrustedProxies::Parse({"0.0.0.0/0"})->Contains("1.2.3.4"));
  EXPECT_FALSE(TrustedProxies::Parse({"0.0.0.0/0"})->Contains("::1"));
  EXPECT_FALSE(TrustedProxies().Contains("127.0.0.1"));
  for (const char* text : {"", "a", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129", "1.2.3",
                           "10.0.0.0/8/8", "[::1]", "1.2.3.4:80"}) {
    EXPECT_THAT(TrustedProxies::Parse({"::1", text}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(absl::StrCat("'", text))));
  }
}

TEST_F(ForwardedTest, TheCertificateOfAProxyIsNotItsClients) {
  const auto certificate_of = [](const Fields& fields, const std::string& peer) {
    HttpRequest request = Request(fields);
    request.peer = peer;
    request.certificate_names.emplace().subject = "CN=ingress";
    ApplyForwarded(*TrustedProxies::Parse({"10.0.0.1"}), request);
    return request.certificate_names;
  };
  const Fields forwarded = {{"X-Forwarded-For", "1.1.1.1"}};
  EXPECT_EQ(certificate_of(forwarded, "10.0.0.1"), std::nullopt);
  EXPECT_EQ(certificate_of({{"X-Forwarded-For", "unknown"}}, "10.0.0.1"), std::nullopt);
  EXPECT_NE(certificate_of({}, "10.0.0.1"), std::nullopt);
  EXPECT_NE(certificate_of(forwarded, "10.0.0.2"), std::nullopt) << "that is not believed";
}

TEST_F(ForwardedTest, OthersAreNotBelieved) {
  const HttpRequest request = Apply({{"X-Forwarded-For", "1.1.1.1"},
                                     {"X-Forwarded-Proto", "https"},
                                     {"X-Forwarded-Host", "evil"},
                                     {"Forwarded", "for=1.1.1.1;host=evil;proto=https"}},
                                    "10.0.1.1");
  EXPECT_EQ(request.peer, "10.0.1.1");
  EXPECT_EQ(request.scheme, "http");
  EXPECT_EQ(request.host, "direct:80");
}

TEST_F(ForwardedTest, AProxyTellsItsClient) {
  const HttpRequest request = Apply({{"x-forwarded-for", "1.1.1.1"},
                                     {"x-forwarded-proto", "HTTPS"},
                                     {"x-forwarded-host", "Public.example"}});
  EXPECT_EQ(request.peer, "1.1.1.1");
  EXPECT_EQ(request.scheme, "https");
  EXPECT_EQ(request.host, "public.example");
}

TEST_F(ForwardedTest, ClientsCannotWriteWhatStandsBeforeThem) {
  EXPECT_EQ(Apply({{"X-Forwarded-For", "6.6.6.6, 1.1.1.1"}}).peer, "1.1.1.1");
  EXPECT_EQ(Apply({{"X-Forwarded-For", "\", 1.1.1.1"}}).peer, "1.1.1.1");
  EXPECT_EQ(Apply({{"X-Forwarded-For", "6.6.6.6"}, {"X-Forwarded-For", "1.1.1.1"}}).peer,
            "1.1.1.1");
  EXPECT_EQ(Apply({{"X-Forwarded-For", "127.0.0.1, 6.6.6.6, fd00::1, 10.0.0.7"}}).peer, "6.6.6.6");
  EXPECT_EQ(Apply({{"Forwarded", "for=127.0.0.1;proto=https, for=1.1.1.1;proto=http"}}).peer,
            "1.1.1.1");
  EXPECT_EQ(Apply({{"Forwarded", "for=127.0.0.1;proto=https, for=1.1.1.1;proto=http"}}).scheme,
            "http");
  // What a proxy passes on as it came does not count beside what it writes.
  EXPECT_EQ(Apply({{"Forwarded", "for=127.0.0.1"}, {"X-Forwarded-For", "1.1.1.1"}}).peer,
            "1.1.1.1");
}

TEST_F(ForwardedTest, EveryFormOfAnAddressIsRead) {
  for (const auto& [text, peer] : Fields{{"1.1.1.1:80", "1.1.1.1"},
                                         {"[2001:DB8::1]:80", "2001:db8::1"},
                                         {"[2001:db8::1]", "2001:db8::1"},
                                         {"2001:db8::1", "2001:db8::1"},
                                         {"::ffff:1.1.1.1", "1.1.1.1"}}) {
    EXPECT_EQ(Apply({{"X-Forwarded-For", text}}).peer, peer);
    EXPECT_EQ(Apply({{"Forwarded", absl::StrCat("For=\"", text, "\"")}}).peer, peer);
  }
}

TEST_F(ForwardedTest, WhatCannotBeReadEndsTheListAndIsNotTakenForTheProxy) {
  EXPECT_EQ(Apply({{"X-Forwarded-For", "1.1.1.1, unknown"}}).peer, "unknown");
  EXPECT_EQ(Apply({{"X-Forwarded-For", "fe80::1%eth0"}}).peer, "unknown");
  EXPECT_EQ(Apply({{"Forwarded", "for=1.1.1.1, for=_hidden;proto=https"}}).peer, "unknown");
  EXPECT_EQ(Apply({{"Forwarded", "for=1.1.1.1, for=_hidden;proto=https"}}).scheme, "https");
  EXPECT_EQ(Apply({{"Forwarded", "gar\"bage"}}).peer, "unknown");
  EXPECT_EQ(Apply({{"Forwarded", "proto=https"}}).peer, "unknown");
  for (const char* empty : {"", ",", " , "}) {
    EXPECT_EQ(Apply({{"X-Forwarded-For", empty}}).peer, "unknown");
    EXPECT_EQ(Apply({{"X-Forwarded-Proto", empty}}).peer, "unknown");
    EXPECT_EQ(Apply({{"Forwarded", empty}}).peer, "unknown");
  }
  EXPECT_EQ(Apply({{"X-Forwarded-For", "6.6.6.6, "}}).peer, "unknown");
  const HttpRequest request = Apply({{"X-Forwarded-Proto", "gopher"}, {"X-Forwarded-Host", "a/b"}});
  EXPECT_EQ(request.scheme, "http");
  EXPECT_EQ(request.host, "direct:80");
  EXPECT_EQ(request.peer, "unknown");
  EXPECT_EQ(Apply({}).peer, "10.0.0.1");
}

TEST_F(ForwardedTest, TheFirstProxyKnowsWhatTheClientAskedFor) {
  const Fields peers = {{"X-Forwarded-For", "1.1.1.1, 10.0.0.7"}};
  const auto scheme_of = [&peers](const std::string& schemes) {
    Fields fields = peers;
    fields.emplace_back("X-Forwarded-Proto", schemes);
    return Apply(fields).scheme;
  };
  EXPECT_EQ(scheme_of("https, http"), "https");
  EXPECT_EQ(scheme_of("https"), "https");
  EXPECT_EQ(scheme_of("http, https, http"), "https") << "the first was the client's own";
  EXPECT_EQ(Apply({{"X-Forwarded-Proto", "https"}}).scheme, "https");
}

class CorsTest : public ::testing::Test {
 protected:
  static CorsPolicy::Options Options() {
    CorsPolicy::Options options;
    options.allowed = {*ParseWebOrigin("https://app.example")};
    options.refuse_others = true;
    options.loopback_only = true;
    options.own = ParseWebOrigin("https://public.example");
    return options;
  }

  // Why a page of `origin` may not call the server by the name `host`.
  static std::string WhyRefused(const std::string& origin, const std::string& host,
                                const CorsPolicy::Options& options = Options()) {
    HttpRequest request = Request({});
    request.host = host;
    if (!origin.empty()) request.headers.Add("Origin", origin);
    return CorsPolicy(options).WhyRefused(request, host);
  }

  static HttpResponse Decorated(const std::string& origin,
                                const CorsPolicy::Options& options = Options()) {
    HttpResponse response;
    CorsPolicy(options).Decorate(origin, response);
    return response;
  }
};

TEST_F(CorsTest, OtherPagesAreRefused) {
  for (const char* origin : {"", "https://app.example", "HTTPS://APP.example:443",
                             "https://public.example", "http://localhost:8080"}) {
    EXPECT_EQ(WhyRefused(origin, "localhost:8080"), "") << origin;
  }
  for (const char* origin :
       {"null", "https://evil.example", "http://app.example", "https://app.example:8443",
        "https://app.example.evil.example", "http://localhost:8081", "https://localhost:8080",
        "http://localhost", "https://app.example/"}) {
    EXPECT_THAT(WhyRefused(origin, "localhost:8080"), HasSubstr("http_cors_origins")) << origin;
  }
  CorsPolicy::Options options = Options();
  options.refuse_others = false;
  EXPECT_EQ(WhyRefused("https://evil.example", "localhost:8080", options), "");
}

TEST_F(CorsTest, TwoOriginsAreNone) {
  const HttpRequest request =
      Request({{"Origin", "https://app.example"}, {"Origin", "https://evil.example"}});
  EXPECT_NE(CorsPolicy(Options()).WhyRefused(request, ""), "");
}

TEST_F(CorsTest, HostsThatAreNotLoopbackAreRefused) {
  for (const char* host : {"localhost", "localhost:1", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080",
                           "[::1]", "public.example", "public.example:443", ""}) {
    EXPECT_EQ(WhyRefused("", host), "") << host;
  }
  for (const char* host : {"evil.example", "localhost.evil.example", "10.0.0.1", "[::2]", "127.1",
                           "public.example:8080", "1.127.0.0", "app.example"}) {
    EXPECT_THAT(WhyRefused("", host), HasSubstr(host)) << host;
  }
  // A name that a site has pointed here: its pages are of the same origin.
  EXPECT_NE(WhyRefused("http://evil.example:8080", "evil.example:8080"), "");
  CorsPolicy::Options options = Options();
  options.loopback_only = false;
  EXPECT_EQ(WhyRefused("", "evil.example", options), "");
}

TEST_F(CorsTest, AllowedPagesMayReadTheAnswer) {
  const HttpResponse response = Decorated("https://app.example");
  EXPECT_EQ(response.headers.Get("Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(response.headers.Get("Vary"), "Origin");
  for (const char* name : {"request-id", "client-request-id", "Location", "Retry-After", "ETag",
                           "Preference-Applied", "OData-Version"}) {
    EXPECT_THAT(std::string(response.headers.Get("Access-Control-Expose-Headers")),
                HasSubstr(name));
  }
}

TEST_F(CorsTest, OtherPagesMayNot) {
  for (const char* origin : {"", "https://evil.example"}) {
    const HttpResponse response = Decorated(origin);
    EXPECT_FALSE(response.headers.Has("Access-Control-Allow-Origin"));
    EXPECT_EQ(response.headers.Get("Vary"), "Origin");
  }
  EXPECT_TRUE(Decorated("https://app.example", {}).headers.fields().empty());
}

TEST_F(CorsTest, PreflightsAreAnswered) {
  HttpRequest request = Request({{"Origin", "https://app.example"},
                                 {"Access-Control-Request-Method", "PATCH"},
                                 {"Access-Control-Request-Headers", "authorization,prefer"}});
  EXPECT_FALSE(CorsPolicy::IsPreflight(request));
  request.method = "OPTIONS";
  ASSERT_TRUE(CorsPolicy::IsPreflight(request));
  const HttpResponse response = CorsPolicy::AnswerPreflight(request);
  EXPECT_EQ(response.status, 204);
  EXPECT_THAT(std::string(response.headers.Get("Access-Control-Allow-Methods")),
              HasSubstr("PATCH"));
  EXPECT_EQ(response.headers.Get("Access-Control-Allow-Headers"), "authorization,prefer");
  EXPECT_TRUE(response.headers.Has("Access-Control-Max-Age"));
}

TEST(ResponseHeadTest, HeadsAreWritten) {
  HttpResponse response;
  response.status = 201;
  response.headers.Add("Location", "/x");
  const absl::Time now =
      absl::FromCivil(absl::CivilSecond(1994, 11, 6, 8, 49, 37), absl::UTCTimeZone());
  EXPECT_EQ(FormatHead(response, {.body = BodyFraming::kLength, .length = 0}, now),
            "HTTP/1.1 201 Created\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nLocation: /x\r\n"
            "Content-Length: 0\r\n\r\n");
  EXPECT_THAT(FormatHead(response, {.body = BodyFraming::kChunked, .closes = true}, now),
              HasSubstr("Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"));
  response.status = 204;
  response.headers.Add("content-type", "text/plain");
  EXPECT_THAT(FormatHead(response, {.body = BodyFraming::kNone}, now),
              ::testing::AllOf(Not(HasSubstr("Content-")), Not(HasSubstr("content-"))));
}

TEST(ResponseHeadTest, FieldsThatWouldEndTheirLineAreNoticed) {
  const auto are_sendable = [](const std::string& name, const std::string& value) {
    return AreSendable(Request({{name, value}}).headers);
  };
  EXPECT_TRUE(are_sendable("ETag", "\"a\" \t\xC3\xA9"));
  EXPECT_FALSE(are_sendable("A", "b\r\nC: d"));
  EXPECT_FALSE(are_sendable("A", "b\nc"));
  EXPECT_FALSE(are_sendable("A", std::string(1, '\0')));
  EXPECT_FALSE(are_sendable("A: b", "c"));
  EXPECT_FALSE(are_sendable("", "c"));
}

}  // namespace
}  // namespace threadstore
