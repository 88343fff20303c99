#include "server/http/request_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/http/http_limits.h"
#include "server/http/http_syntax.h"

namespace threadstore {
namespace {

namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;
using BeastView = boost::beast::string_view;

using Refusal = RequestParser::Refusal;

constexpr int kBadRequest = 400;
constexpr int kBodyTooLarge = 413;
constexpr int kTargetTooLong = 414;
constexpr int kExpectationFailed = 417;
constexpr int kHeadTooLarge = 431;
constexpr int kVersionNotSupported = 505;

// More than a method and a version have beside the target.
constexpr size_t kRequestLineExtra = 64;

absl::string_view ToView(BeastView text) { return {text.data(), text.size()}; }

// Beast's parser, which hands what it finds to a request. Fields are counted, also those after a
// chunked body, which are dropped.
class BeastParser final : public http::basic_parser<true> {
 public:
  BeastParser() {
    header_limit(kMaxHttpHeadBytes + 1);  // The caller has looked.
    body_limit(kMaxHttpBodyBytes);
    eager(false);
  }

  HttpRequest& request() { return request_; }
  bool has_too_many_fields() const { return field_count_ > kMaxHttpHeaderFields; }
  bool is_http_1_0() const { return is_http_1_0_; }

  // Bytes without which it cannot go on with the body.
  size_t min_body_input() const {
    constexpr size_t kLastChunkBytes = 5;
    return chunked() && chunk_rest_ == 0 ? kLastChunkBytes : 1;
  }

 private:
  void on_request_impl(http::verb /*verb*/, BeastView method, BeastView target, int version,
                       ErrorCode& /*error*/) override {
    constexpr int kHttp11 = 11;
    is_http_1_0_ = version < kHttp11;
    request_.method = std::string(ToView(method));
    request_.target = std::string(ToView(target));
  }

  void on_response_impl(int /*status*/, BeastView /*reason*/, int /*version*/,
                        ErrorCode& /*error*/) override {}

  void on_field_impl(http::field /*field*/, BeastView name, BeastView value,
                     ErrorCode& error) override {
    ++field_count_;
    if (has_too_many_fields()) {
      error = http::error::header_limit;
    } else if (!is_header_done_) {
      request_.headers.Add(std::string(ToView(name)), std::string(ToView(value)));
    }
  }

  void on_header_impl(ErrorCode& /*error*/) override { is_header_done_ = true; }

  // Nothing is reserved for a body that may never come.
  void on_body_init_impl(const boost::optional<uint64_t>& /*size*/, ErrorCode& /*error*/) override {
  }

  size_t on_body_impl(BeastView part, ErrorCode& /*error*/) override {
    request_.body.append(part.data(), part.size());
    return part.size();
  }

  // Beast takes any byte inside quotes, and others have taken a line feed there for the end.
  void on_chunk_header_impl(uint64_t size, BeastView extensions, ErrorCode& error) override {
    chunk_rest_ = size;
    if (std::any_of(extensions.begin(), extensions.end(), absl::ascii_iscntrl)) {
      error = http::error::bad_chunk_extension;
    }
  }

  size_t on_chunk_body_impl(uint64_t remaining, BeastView part, ErrorCode& error) override {
    chunk_rest_ = remaining - part.size();
    return on_body_impl(part, error);
  }

  void on_finish_impl(ErrorCode& /*error*/) override {}

  HttpRequest request_;
  int field_count_ = 0;
  uint64_t chunk_rest_ = 0;
  bool is_http_1_0_ = false;
  bool is_header_done_ = false;
};

// Whether `head` begins with a request line that names a version of HTTP, be it unknown.
bool HasVersion(absl::string_view head) {
  const std::vector<absl::string_view> words = absl::StrSplit(head.substr(0, head.find('\r')), ' ');
  if (words.size() != 3 || words[1].empty()) return false;
  absl::string_view version = words[2];
  return absl::ConsumePrefix(&version, "HTTP/") && version.size() == 3 &&
         absl::ascii_isdigit(version[0]) && version[1] == '.' && absl::ascii_isdigit(version[2]);
}

Refusal Explain(const BeastParser& parser, const ErrorCode& error, absl::string_view head) {
  if (parser.has_too_many_fields()) {
    return {kHeadTooLarge,
            absl::StrCat("A request may have at most ", kMaxHttpHeaderFields, " header fields.")};
  }
  if (error == http::error::body_limit) {
    return {kBodyTooLarge,
            absl::StrCat("The body of a request may have at most ", kMaxHttpBodyBytes, " bytes.")};
  }
  if (error == http::error::bad_version && HasVersion(head)) {
    return {kVersionNotSupported, "The server speaks HTTP/1.1 and HTTP/1.0."};
  }
  return {kBadRequest, absl::StrCat("The request is not valid HTTP: ", error.message(), ".")};
}

// Brings the target into origin form, and sets the host: the target's, or else the field's, which
// a target with a host overrides (RFC 9112, section 3.2.2). Returns what is wrong.
absl::string_view TakeTarget(HttpRequest& request, bool is_http_1_0) {
  const auto is_allowed = [](char c) { return absl::ascii_isgraph(c) && c != '#'; };
  if (!std::all_of(request.target.begin(), request.target.end(), is_allowed)) {
    return "The target of a request has only printable ASCII characters and no '#'; others are "
           "percent-encoded.";
  }
  const int hosts = request.headers.Count("Host");
  if (hosts > 1 || (hosts == 0 && !is_http_1_0)) return "A request has exactly one Host field.";
  if (hosts == 1) {
    request.host = absl::AsciiStrToLower(request.headers.Get("Host"));
    if (!IsHost(request.host)) return "The Host field is HOST or HOST:PORT.";
  }
  if (request.target.front() == '/') return "";

  absl::string_view rest;
  const std::optional<WebOrigin> origin = ParseWebOrigin(request.target, &rest);
  if (!origin.has_value()) return "The target of a request is a path or an http URL.";
  request.host = origin->host;
  request.target = absl::StrCat(absl::StartsWith(rest, "/") ? "" : "/", rest);
  return "";
}

// Beast takes any coding whose last is `chunked`, and without one sees no body; and it takes lists
// of lengths, and lengths that come twice.
absl::string_view CheckFraming(const HttpHeaders& headers, bool is_http_1_0) {
  const int lengths = headers.Count("Content-Length");
  const int codings = headers.Count("Transfer-Encoding");
  if (lengths > 1) return "Content-Length comes once.";
  if (codings > 0) {
    if (lengths > 0) return "Content-Length and Transfer-Encoding exclude each other.";
    if (codings > 1 || !absl::EqualsIgnoreCase(headers.Get("Transfer-Encoding"), "chunked")) {
      return "Transfer-Encoding is chunked and nothing else.";
    }
    if (is_http_1_0) return "HTTP/1.0 has no Transfer-Encoding.";
  }
  const absl::string_view length = headers.Get("Content-Length");
  if (!std::all_of(length.begin(), length.end(), absl::ascii_isdigit)) {
    return "Content-Length is a number.";
  }
  return "";
}

}  // namespace

class RequestParser::Impl {
 public:
  Progress Read(std::string& input) {
    if (!parser_.is_header_done()) return ReadHead(input);
    return ReadBody(input);
  }

  BeastParser& parser() { return parser_; }
  const Refusal& refusal() const { return refusal_; }
  bool expects_continue() const { return expects_continue_; }

 private:
  Progress Refuse(int status, absl::string_view message) {
    refusal_ = {status, std::string(message)};
    return Progress::kRefused;
  }

  // Parses the head when all of it is there.
  Progress ReadHead(std::string& input) {
    // RFC 9112, section 2.2: some clients send an empty line after a body.
    if (scanned_ == 0) {
      size_t empty_lines = 0;
      while (absl::string_view(input).substr(empty_lines, 2) == "\r\n") empty_lines += 2;
      input.erase(0, empty_lines);
      if (input == "\r") return Progress::kNeedsMore;
    }
    const size_t limit = std::min(input.size(), kMaxHttpHeadBytes);
    for (; scanned_ < limit; ++scanned_) {
      const char c = input[scanned_];
      if (c == '\0') return Refuse(kBadRequest, "A header has no NUL.");
      if (c != '\n') {
        // Such as a TLS handshake, which would not go on.
        if (scanned_ == 0 && !IsTokenChar(c)) {
          return Refuse(kBadRequest, "The request is not HTTP.");
        }
        continue;
      }
      if (scanned_ == 0 || input[scanned_ - 1] != '\r') {
        return Refuse(kBadRequest, "Lines of a header end with CR and LF.");
      }
      if (line_begin_ == 0) request_line_size_ = scanned_;
      if (line_begin_ == scanned_ - 1) return ParseHead(input, scanned_ + 1);
      line_begin_ = scanned_ + 1;
    }
    if (IsTargetTooLong(input)) return RefuseTarget();
    if (input.size() >= kMaxHttpHeadBytes) {
      return Refuse(kHeadTooLarge, absl::StrCat("The header of a request may have at most ",
                                                kMaxHttpHeadBytes, " bytes."));
    }
    return Progress::kNeedsMore;
  }

  bool IsTargetTooLong(absl::string_view input) const {
    const size_t line = line_begin_ == 0 ? input.size() : request_line_size_;
    return line > kMaxHttpTargetBytes + kRequestLineExtra;
  }

  Progress RefuseTarget() {
    return Refuse(kTargetTooLong, absl::StrCat("The target of a request may have at most ",
                                               kMaxHttpTargetBytes, " bytes."));
  }

  Progress ParseHead(std::string& input, size_t size) {
    if (IsTargetTooLong(input)) return RefuseTarget();
    const absl::string_view head = absl::string_view(input).substr(0, size);
    // Beast joins them.
    if (absl::StrContains(head, "\r\n ") || absl::StrContains(head, "\r\n\t")) {
      return Refuse(kBadRequest, "A header field is one line.");
    }
    ErrorCode error;
    parser_.put(boost::asio::buffer(head.data(), head.size()), error);
    if (parser_.request().target.size() > kMaxHttpTargetBytes) return RefuseTarget();
    if (error) {
      refusal_ = Explain(parser_, error, head);
      return Progress::kRefused;
    }
    input.erase(0, size);
    return CheckHead();
  }

  Progress CheckHead() {
    HttpRequest& request = parser_.request();
    const bool is_http_1_0 = parser_.is_http_1_0();
    const absl::string_view bad_framing = CheckFraming(request.headers, is_http_1_0);
    if (!bad_framing.empty()) return Refuse(kBadRequest, bad_framing);
    const absl::string_view bad_target = TakeTarget(request, is_http_1_0);
    if (!bad_target.empty()) return Refuse(kBadRequest, bad_target);
    if (request.headers.Has("Expect") && !is_http_1_0) {
      if (request.headers.Count("Expect") > 1 ||
          !absl::EqualsIgnoreCase(request.headers.Get("Expect"), "100-continue")) {
        return Refuse(kExpectationFailed, "The only expectation that is met is 100-continue.");
      }
      expects_continue_ = !parser_.is_done();
    }
    return Progress::kHead;
  }

  Progress ReadBody(std::string& input) {
    size_t taken = 0;
    ErrorCode error;
    // Given less than a last chunk, Beast fails an assertion when it is given the rest.
    while (!parser_.is_done() && !error && input.size() - taken >= parser_.min_body_input()) {
      taken += parser_.put(boost::asio::buffer(input.data() + taken, input.size() - taken), error);
    }
    input.erase(0, taken);
    if (parser_.is_done()) return Progress::kDone;
    if (error && error != http::error::need_more) {
      refusal_ = Explain(parser_, error, "");
      return Progress::kRefused;
    }
    if (input.size() >= kMaxHttpChunkLineBytes) {
      return Refuse(kBadRequest, "A chunk has too many extensions, or the body too many trailers.");
    }
    return Progress::kNeedsMore;
  }

  BeastParser parser_;
  Refusal refusal_;
  bool expects_continue_ = false;

  // Of the input: how much has been looked at for the end of the head, and where the last line of
  // that begins.
  size_t scanned_ = 0;
  size_t line_begin_ = 0;
  size_t request_line_size_ = 0;
};

RequestParser::RequestParser() : impl_(std::make_unique<Impl>()) {}
RequestParser::~RequestParser() = default;

RequestParser::Progress RequestParser::Read(std::string& input) { return impl_->Read(input); }
HttpRequest& RequestParser::request() { return impl_->parser().request(); }
const RequestParser::Refusal& RequestParser::refusal() const { return impl_->refusal(); }
bool RequestParser::has_body() const { return !impl_->parser().is_done(); }
bool RequestParser::is_http_1_0() const { return impl_->parser().is_http_1_0(); }
bool RequestParser::keeps_alive() const { return impl_->parser().keep_alive(); }
bool RequestParser::expects_continue() const { return impl_->expects_continue(); }

}  // namespace threadstore
