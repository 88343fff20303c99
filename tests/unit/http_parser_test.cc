// What is taken as an HTTP request, and what is refused: whole, and a byte at a time.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/http/http_limits.h"
#include "server/http/request_parser.h"

namespace threadstore {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using Progress = RequestParser::Progress;

struct Outcome {
  Progress progress = Progress::kNeedsMore;
  int status = 0;  // Of a refusal.
  std::string message;
  HttpRequest request;
  bool keeps_alive = false;
  bool expects_continue = false;
  bool is_http_1_0 = false;
  std::string rest;  // What was not taken.

  bool operator==(const Outcome& other) const {
    return progress == other.progress && status == other.status && message == other.message &&
           request.method == other.request.method && request.target == other.request.target &&
           request.headers.fields() == other.request.headers.fields() &&
           request.host == other.request.host && request.body == other.request.body;
  }
};

// Parses `bytes` as they come in parts of `part_size`.
Outcome ParseInParts(absl::string_view bytes, size_t part_size) {
  RequestParser parser;
  Outcome outcome;
  std::string input;
  while (!bytes.empty() && outcome.progress != Progress::kRefused &&
         outcome.progress != Progress::kDone) {
    absl::StrAppend(&input, bytes.substr(0, part_size));
    bytes.remove_prefix(std::min(part_size, bytes.size()));
    outcome.progress = parser.Read(input);
    if (outcome.progress == Progress::kHead) {
      outcome.keeps_alive = parser.keeps_alive();
      outcome.expects_continue = parser.expects_continue();
      outcome.is_http_1_0 = parser.is_http_1_0();
      outcome.progress = parser.has_body() ? parser.Read(input) : Progress::kDone;
    }
  }
  if (outcome.progress == Progress::kRefused) {
    outcome.status = parser.refusal().status;
    outcome.message = parser.refusal().message;
  }
  outcome.request = parser.request();
  outcome.rest = absl::StrCat(input, bytes);
  return outcome;
}

Outcome Parse(const std::string& bytes) {
  Outcome whole = ParseInParts(bytes, bytes.size());
  EXPECT_TRUE(whole == ParseInParts(bytes, 1)) << bytes;
  EXPECT_TRUE(whole == ParseInParts(bytes, 7)) << bytes;
  return whole;
}

// A POST with these lines after its Host, and this body.
std::string Post(absl::string_view lines, absl::string_view body = "") {
  return absl::StrCat("POST /p HTTP/1.1\r\nHost: a\r\n", lines, "\r\n", body);
}

Outcome ParseChunked(absl::string_view body) {
  return Parse(Post("Transfer-Encoding: chunked\r\n", body));
}

TEST(HttpParserTest, ARequestIsRead) {
  const Outcome outcome = Parse(
      "PATCH /v1.0/groups?$top=1 HTTP/1.1\r\nHost: Example.com:8080\r\nX-A:  b \t c\t \r\n"
      "Content-Length: 5\r\nx-empty:\r\nX-A: \xC3\xA9\r\n\r\nhello");
  EXPECT_EQ(outcome.progress, Progress::kDone);
  EXPECT_EQ(outcome.request.method, "PATCH");
  EXPECT_EQ(outcome.request.target, "/v1.0/groups?$top=1");
  EXPECT_EQ(outcome.request.host, "example.com:8080");
  EXPECT_EQ(outcome.request.body, "hello");
  EXPECT_THAT(
      outcome.request.headers.fields(),
      ElementsAre(Pair("Host", "Example.com:8080"), Pair("X-A", "b \t c"),
                  Pair("Content-Length", "5"), Pair("x-empty", ""), Pair("X-A", "\xC3\xA9")));
  EXPECT_TRUE(outcome.keeps_alive);
  EXPECT_FALSE(outcome.is_http_1_0);
}

TEST(HttpParserTest, WhatFollowsARequestIsLeft) {
  EXPECT_EQ(ParseInParts("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2", 1000).rest, "GET /2");
  EXPECT_EQ(ParseInParts(Post("Content-Length: 2\r\n", "okGET"), 1000).rest, "GET");
  EXPECT_EQ(ParseInParts(Post("Transfer-Encoding: chunked\r\n", "0\r\n\r\nGET"), 1000).rest, "GET");
}

TEST(HttpParserTest, EmptyLinesBeforeARequestArePassedOver) {
  const Outcome outcome = Parse("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(outcome.progress, Progress::kDone);
  EXPECT_EQ(outcome.request.target, "/");
}

TEST(HttpParserTest, ConnectionsAreKeptAsVersionAndFieldsSay) {
  EXPECT_TRUE(Parse(Post("Content-Length: 0\r\n")).keeps_alive);
  EXPECT_FALSE(Parse(Post("Connection: x, Close\r\n")).keeps_alive);
  EXPECT_FALSE(Parse("GET / HTTP/1.0\r\n\r\n").keeps_alive);
  const Outcome kept = Parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(kept.keeps_alive);
  EXPECT_TRUE(kept.is_http_1_0);
  EXPECT_EQ(kept.request.host, "");
}

TEST(HttpParserTest, OnlyOneExpectationIsMet) {
  EXPECT_TRUE(Parse(Post("Expect: 100-Continue\r\nContent-Length: 1\r\n", "x")).expects_continue);
  EXPECT_FALSE(Parse(Post("Expect: 100-continue\r\n")).expects_continue);
  EXPECT_EQ(Parse(Post("Expect: tea\r\n")).status, 417);
  EXPECT_EQ(Parse("GET / HTTP/1.0\r\nExpect: tea\r\n\r\n").progress, Progress::kDone);
}

TEST(HttpParserTest, AHostInTheTargetOverridesTheField) {
  const Outcome outcome = Parse("GET http://B:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(outcome.request.host, "b:81");
  EXPECT_EQ(outcome.request.target, "/p?q");
  EXPECT_EQ(Parse("GET http://b HTTP/1.1\r\nHost: a\r\n\r\n").request.target, "/");
  EXPECT_EQ(Parse("GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n").request.target, "/?q");
}

TEST(HttpParserTest, ChunksAreJoined) {
  const Outcome outcome = ParseChunked(
      "3;a=\"b;c\";d\r\nabc\r\n00A\r\n0123456789\r\n0\r\nX-Threadstore-User: eve\r\n\r\n");
  EXPECT_EQ(outcome.progress, Progress::kDone);
  EXPECT_EQ(outcome.request.body, "abc0123456789");
  EXPECT_FALSE(outcome.request.headers.Has("X-Threadstore-User")) << "a trailer is no header";
}

TEST(HttpParserTest, WhatTwoReadersMayReadDifferentlyIsRefused) {
  const std::string long_digits(30, '9');
  for (const std::string& bytes : std::vector<std::string>{
           // Lengths.
           Post("Content-Length: 1\r\nContent-Length: 2\r\n", "ab"),
           Post("Content-Length: 1\r\nContent-Length: 1\r\n", "a"),
           Post("Content-Length: 1, 1\r\n", "a"),
           Post("Content-Length: +1\r\n", "a"),
           Post("Content-Length: -1\r\n", "a"),
           Post("Content-Length: 0x1\r\n", "a"),
           Post("Content-Length: 1 1\r\n", "a"),
           Post("Content-Length:\r\n", "a"),
           Post(absl::StrCat("Content-Length: ", long_digits, "\r\n")),
           // Codings.
           Post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
           Post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"),
           Post("Transfer-Encoding: gzip\r\nContent-Length: 3\r\n", "abc"),
           Post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
           Post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"),
           Post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"),
           Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
           Post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
           Post("Transfer-Encoding: identity\r\n"),
           Post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
           Post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"),
           Post("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"),
           Post("Transfer-Encoding: \x0b"
                "chunked\r\n",
                "0\r\n\r\n"),
           Post("Transfer-Encoding:\r\n"),
           "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           // Lines.
           Post("X: a\r\n b\r\n"),
           Post("X: a\r\n\tb\r\n"),
           Post("X:\r\n b\r\n"),
           "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
           Post("X : a\r\n"),
           Post("X\t: a\r\n"),
           Post(" X: a\r\n"),
           Post(": a\r\n"),
           Post("X\r\n"),
           Post("X: a\rb\r\n"),
           Post("X: a\r\r\n"),
           Post("X: a\nY: b\r\n"),
           "GET / HTTP/1.1\nHost: a\n\n",
           Post(std::string("X: a\0b\r\n", 8)),
           Post(std::string("X\0: a\r\n", 7)),
           Post("X: \x01\r\n"),
           Post("X: \x7f\r\n"),
           Post("X\xC3\xA9: a\r\n"),
           Post("X(y): a\r\n"),
           // Hosts.
           "GET / HTTP/1.1\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
           "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
           "GET / HTTP/1.1\r\nHost:\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n",
           "GET http://b/ HTTP/1.1\r\n\r\n",
           // Request lines.
           "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
           "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
           "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
           "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET http:///p HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /\xC3\xA9 HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
           "GET / http/1.1\r\nHost: a\r\n\r\n",
           "GET / HTTP/11\r\nHost: a\r\n\r\n",
           "GET /\r\n\r\n",
           "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
           // Something else.
           "\x16\x03\x01\x02",
           " GET / HTTP/1.1\r\n",
           "\n",
           std::string("\0", 1),
       }) {
    const Outcome outcome = Parse(bytes);
    EXPECT_EQ(outcome.progress, Progress::kRefused) << bytes;
    EXPECT_EQ(outcome.status, 400) << bytes;
    EXPECT_NE(outcome.message, "") << bytes;
  }
}

TEST(HttpParserTest, OtherVersionsAreNotSpoken) {
  for (const char* bytes : {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
                            "GET / HTTP/0.9\r\nHost: a\r\n\r\n"}) {
    EXPECT_EQ(Parse(bytes).status, 505) << bytes;
  }
}

TEST(HttpParserTest, BadChunksAreRefused) {
  for (const std::string body :
       {"g\r\n\r\n", "\r\n\r\n\r\n", " 1\r\na\r\n0\r\n\r\n", "-1\r\na\r\n", "0x1\r\na\r\n\r\n",
        "1 \r\na\r\n0\r\n\r\n", "1\na\r\n0\r\n\r\n", "1\r\nab0\r\n\r\n", "1\r\na\n0\r\n\r\n",
        "1;\r\na\r\n0\r\n\r\n", "1;=\r\na\r\n0\r\n\r\n", "1;a=\"\r\na\r\n0\"\r\n\r\n",
        "1;a=\"\n\"\r\na\r\n0\r\n\r\n", "1;a=\"\t\"\r\na\r\n0\r\n\r\n", "10000000000000000\r\n",
        "0\r\nX : a\r\n\r\n", "0\r\nContent-Length: 1\r\n\r\n",
        "0\r\nTransfer-Encoding: chunked\r\n\r\n", "1\rx\r\na\r\n0\r\n\r\n"}) {
    EXPECT_EQ(ParseChunked(body).status, 400) << body;
  }
}

TEST(HttpParserTest, LimitsHoldToTheByte) {
  const auto head_of = [](size_t size) {
    std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    return head + std::string(size - head.size() - 4, 'x') + "\r\n\r\n";
  };
  EXPECT_EQ(Parse(head_of(kMaxHttpHeadBytes)).progress, Progress::kDone);
  EXPECT_EQ(Parse(head_of(kMaxHttpHeadBytes + 1)).status, 431);

  const auto target_of = [](size_t size) {
    return absl::StrCat("GET /", std::string(size - 1, 'x'), " HTTP/1.1\r\nHost: a\r\n\r\n");
  };
  EXPECT_EQ(Parse(target_of(kMaxHttpTargetBytes)).progress, Progress::kDone);
  EXPECT_EQ(Parse(target_of(kMaxHttpTargetBytes + 1)).status, 414);
  EXPECT_EQ(Parse(absl::StrCat("GET /", std::string(100'000, 'x'))).status, 414);
  EXPECT_EQ(Parse(std::string(100'000, 'x')).status, 414);

  const auto fields_of = [](int count) {
    std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 1; i < count; ++i) head += "X: y\r\n";
    return head + "\r\n";
  };
  EXPECT_EQ(Parse(fields_of(kMaxHttpHeaderFields)).progress, Progress::kDone);
  EXPECT_EQ(Parse(fields_of(kMaxHttpHeaderFields + 1)).status, 431);
}

TEST(HttpParserTest, BodiesAreLimitedBeforeTheyCome) {
  const std::string most = Post(absl::StrCat("Content-Length: ", kMaxHttpBodyBytes, "\r\n"));
  EXPECT_EQ(ParseInParts(most, most.size()).progress, Progress::kNeedsMore);
  EXPECT_EQ(Parse(Post(absl::StrCat("Content-Length: ", kMaxHttpBodyBytes + 1, "\r\n"))).status,
            413);
  EXPECT_EQ(Parse(Post("Content-Length: 1073741824\r\n")).status, 413);
  EXPECT_EQ(ParseChunked("500001\r\n").status, 413);
  EXPECT_EQ(ParseChunked("ffffffffffffffff\r\n").status, 413);
  const std::string half = absl::StrCat("280000\r\n", std::string(0x280000, 'x'), "\r\n");
  const std::string chunked = Post("Transfer-Encoding: chunked\r\n", half + half);
  EXPECT_EQ(ParseInParts(chunked + "0\r\n\r\n", chunked.size()).progress, Progress::kDone);
  EXPECT_EQ(ParseInParts(chunked + "1\r\n", chunked.size()).status, 413);
}

TEST(HttpParserTest, WhatSurroundsChunksIsLimited) {
  EXPECT_EQ(ParseChunked(absl::StrCat("1;", std::string(100'000, 'x'))).status, 400);
  EXPECT_EQ(ParseChunked(absl::StrCat("0\r\nX: ", std::string(100'000, 'x'))).status, 400);
  std::string trailers;
  for (int i = 0; i <= kMaxHttpHeaderFields; ++i) trailers += "X: y\r\n";
  EXPECT_EQ(ParseChunked(absl::StrCat("0\r\n", trailers, "\r\n")).status, 431);
}

TEST(HttpParserTest, RefusalsSayWhatIsWrong) {
  EXPECT_THAT(Parse(Post("Content-Length: 1\r\nContent-Length: 2\r\n")).message,
              HasSubstr("Content-Length"));
  EXPECT_THAT(Parse("GET / HTTP/1.1\r\n\r\n").message, HasSubstr("Host"));
}

}  // namespace
}  // namespace threadstore
