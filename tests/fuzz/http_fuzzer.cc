// Any bytes as a connection's: what comes out does not depend on how they are cut into parts, and
// keeps the limits.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/http/forwarded.h"
#include "server/http/http_limits.h"
#include "server/http/http_syntax.h"
#include "server/http/request_parser.h"
#include "tests/fuzz/require.h"

namespace threadstore::testing {
namespace {

using Progress = RequestParser::Progress;

void CheckRequest(const HttpRequest& request) {
  Require(!request.method.empty(), "no method");
  Require(absl::StartsWith(request.target, "/"), request.target);
  Require(request.target.size() <= kMaxHttpTargetBytes + 1, "target too long");
  Require(request.host.empty() || IsHost(request.host), request.host);
  Require(request.headers.fields().size() <= static_cast<size_t>(kMaxHttpHeaderFields),
          "too many fields");
  Require(request.body.size() <= kMaxHttpBodyBytes, "body too long");
  for (const auto& [name, value] : request.headers.fields()) {
    Require(!name.empty() && std::all_of(name.begin(), name.end(), IsTokenChar), name);
    Require(value.find_first_of(std::string("\r\n\0", 3)) == std::string::npos, value);
  }
  HttpRequest forwarded = request;
  forwarded.peer = "10.0.0.1";
  ApplyForwarded(*TrustedProxies::Parse({"10.0.0.0/8"}), forwarded);
  Require(IsHost(forwarded.host) || forwarded.host == request.host, forwarded.host);
}

std::string Describe(RequestParser& parser, Progress progress) {
  if (progress == Progress::kRefused) {
    const RequestParser::Refusal& refusal = parser.refusal();
    Require(refusal.status >= 400 && !refusal.message.empty(), "a refusal without a reason");
    return absl::StrCat("refused ", refusal.status, " ", refusal.message);
  }
  const HttpRequest& request = parser.request();
  std::string text = absl::StrCat(request.method, " ", request.target, " ", request.host, "\n");
  for (const auto& [name, value] : request.headers.fields()) {
    absl::StrAppend(&text, name, ":", value, "\n");
  }
  return absl::StrCat(text, parser.keeps_alive(), request.body);
}

// What a connection sees whose bytes come in parts of `part_size`.
std::vector<std::string> Converse(absl::string_view bytes, size_t part_size) {
  std::vector<std::string> seen;
  std::string input;
  auto parser = std::make_unique<RequestParser>();
  while (true) {
    const Progress progress = parser->Read(input);
    if (progress == Progress::kNeedsMore) {
      if (bytes.empty()) return seen;
      absl::StrAppend(&input, bytes.substr(0, part_size));
      bytes.remove_prefix(std::min(part_size, bytes.size()));
      continue;
    }
    if (progress == Progress::kRefused) {
      seen.push_back(Describe(*parser, progress));
      return seen;
    }
    CheckRequest(parser->request());
    if (progress == Progress::kHead && parser->has_body()) continue;
    seen.push_back(Describe(*parser, progress));
    parser = std::make_unique<RequestParser>();
  }
}

}  // namespace
}  // namespace threadstore::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using threadstore::testing::Converse;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> whole = Converse(bytes, size + 1);
  for (const size_t part_size : {1, 3}) {
    const std::vector<std::string> parts = Converse(bytes, part_size);
    threadstore::testing::Require(parts == whole, "parts make a difference");
  }
  return 0;
}
