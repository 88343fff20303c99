#include "server/http/http_syntax.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace threadstore {
namespace {

bool IsPort(absl::string_view text) {
  constexpr size_t kMaxDigits = 5;
  int port = 0;
  return !text.empty() && text.size() <= kMaxDigits &&
         std::all_of(text.begin(), text.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(text, &port) && port <= UINT16_MAX;
}

// A registered name, without percent-encoding, which no client sends.
bool IsNameChar(char c) {
  return absl::ascii_isalnum(c) || absl::StrContains("-._~!$&'()*+,;=", c);
}

}  // namespace

bool IsTokenChar(char c) {
  return absl::ascii_isalnum(c) || absl::StrContains("!#$%&'*+-.^_`|~", c);
}

bool IsHost(absl::string_view text) {
  const absl::string_view host = WithoutPort(text);
  absl::string_view port = text.substr(host.size());
  if (absl::ConsumePrefix(&port, ":") && !IsPort(port)) return false;
  absl::string_view address = host;
  if (absl::ConsumePrefix(&address, "[")) {
    in6_addr parsed;
    return absl::ConsumeSuffix(&address, "]") &&
           inet_pton(AF_INET6, std::string(address).c_str(), &parsed) == 1;
  }
  return !host.empty() && std::all_of(host.begin(), host.end(), IsNameChar);
}

absl::string_view WithoutPort(absl::string_view text) {
  const size_t colon = text.rfind(':');
  const size_t bracket = text.rfind(']');
  if (colon == text.npos || (bracket != text.npos && bracket > colon)) return text;
  return text.substr(0, colon);
}

std::vector<absl::string_view> ListOf(const HttpHeaders& headers, absl::string_view name) {
  std::vector<absl::string_view> elements;
  const auto add = [&elements](absl::string_view element) {
    element = absl::StripAsciiWhitespace(element);
    if (!element.empty()) elements.push_back(element);
  };
  for (const auto& [field, value] : headers.fields()) {
    if (!absl::EqualsIgnoreCase(field, name)) continue;
    const absl::string_view text = value;
    bool is_quoted = false;
    size_t begin = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '"') is_quoted = !is_quoted;
      if (text[i] == '\\' && is_quoted) ++i;
      if (i < text.size() && text[i] == ',' && !is_quoted) {
        add(text.substr(begin, i - begin));
        begin = i + 1;
      }
    }
    add(text.substr(begin));
  }
  return elements;
}

std::string WebOrigin::ToString() const { return absl::StrCat(scheme, "://", host); }

WebOrigin MakeWebOrigin(absl::string_view scheme, absl::string_view host) {
  WebOrigin origin = {absl::AsciiStrToLower(scheme), absl::AsciiStrToLower(host)};
  const absl::string_view own_port = origin.scheme == "https" ? ":443" : ":80";
  origin.host = std::string(absl::StripSuffix(origin.host, own_port));
  return origin;
}

std::optional<WebOrigin> ParseWebOrigin(absl::string_view text, absl::string_view* rest) {
  const size_t colon = text.find("://");
  if (colon == text.npos) return std::nullopt;
  const absl::string_view scheme = text.substr(0, colon);
  if (!absl::EqualsIgnoreCase(scheme, "http") && !absl::EqualsIgnoreCase(scheme, "https")) {
    return std::nullopt;
  }
  const absl::string_view after = text.substr(colon + 3);
  const absl::string_view host = after.substr(0, after.find_first_of("/?#"));
  if (!IsHost(host)) return std::nullopt;
  const absl::string_view remainder = after.substr(host.size());
  if (rest != nullptr) {
    *rest = remainder;
  } else if (!remainder.empty()) {
    return std::nullopt;
  }
  return MakeWebOrigin(scheme, host);
}

}  // namespace threadstore
