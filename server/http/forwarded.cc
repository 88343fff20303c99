#include "server/http/forwarded.h"

#include <arpa/inet.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/http/http_syntax.h"

namespace threadstore {
namespace {

// What RFC 7239, section 6.2, calls a client that a proxy does not know.
constexpr char kUnknownPeer[] = "unknown";

constexpr int kIpv4Bits = 32;
constexpr int kIpv6Bits = 128;

// The address as IPv6, IPv4 mapped into it.
std::optional<in6_addr> ParseAddress(const std::string& text) {
  in6_addr address;
  if (inet_pton(AF_INET6, text.c_str(), &address) == 1) return address;
  in_addr ipv4;
  if (inet_pton(AF_INET, text.c_str(), &ipv4) != 1) return std::nullopt;
  inet_pton(AF_INET6, "::ffff:0:0", &address);
  std::memcpy(&address.s6_addr[sizeof address - sizeof ipv4], &ipv4, sizeof ipv4);
  return address;
}

std::string ToText(const in6_addr& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    inet_ntop(AF_INET, &address.s6_addr[sizeof address - sizeof(in_addr)], text, sizeof text);
  } else {
    inet_ntop(AF_INET6, &address, text, sizeof text);
  }
  return text;
}

// What one proxy says of the peer it had.
struct Hop {
  absl::string_view peer;
  absl::string_view scheme;
  absl::string_view host;
};

absl::string_view Unquoted(absl::string_view text) {
  if (absl::ConsumePrefix(&text, "\"")) absl::ConsumeSuffix(&text, "\"");
  return text;
}

// An element such as `for="[2001:db8::1]:4711";proto=https;host=example.com`.
Hop ParseForwarded(absl::string_view element) {
  Hop hop;
  for (absl::string_view pair : absl::StrSplit(element, ';')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    const absl::string_view name = absl::StripAsciiWhitespace(parts.first);
    const absl::string_view value = Unquoted(absl::StripAsciiWhitespace(parts.second));
    if (absl::EqualsIgnoreCase(name, "for")) hop.peer = value;
    if (absl::EqualsIgnoreCase(name, "proto")) hop.scheme = value;
    if (absl::EqualsIgnoreCase(name, "host")) hop.host = value;
  }
  return hop;
}

// The elements of X- fields. These have no quotes: one that a client sends must not swallow what
// its proxy adds. Empty elements stay, as what stands before them may be the client's.
std::vector<absl::string_view> ElementsOf(const HttpHeaders& headers, absl::string_view name) {
  std::vector<absl::string_view> elements;
  for (const auto& [field, value] : headers.fields()) {
    if (!absl::EqualsIgnoreCase(field, name)) continue;
    for (const absl::string_view element : absl::StrSplit(value, ',')) {
      elements.push_back(absl::StripAsciiWhitespace(element));
    }
  }
  return elements;
}

// The hops from the nearest on. Proxies that only overwrite the X- fields of others leave lists of
// unequal lengths: then the first value goes for the hops before it, too.
std::vector<Hop> HopsOf(const HttpHeaders& headers) {
  const std::vector<absl::string_view> peers = ElementsOf(headers, "X-Forwarded-For");
  const std::vector<absl::string_view> schemes = ElementsOf(headers, "X-Forwarded-Proto");
  const std::vector<absl::string_view> hosts = ElementsOf(headers, "X-Forwarded-Host");
  std::vector<Hop> hops;
  const size_t count = std::max({peers.size(), schemes.size(), hosts.size()});
  if (count == 0) {
    for (const absl::string_view element : ListOf(headers, "Forwarded")) {
      hops.push_back(ParseForwarded(element));
    }
    if (hops.empty() && headers.Has("Forwarded")) hops.emplace_back();
    std::reverse(hops.begin(), hops.end());
    return hops;
  }
  const auto from_end = [](const std::vector<absl::string_view>& list, size_t i) {
    return list.empty() ? "" : list[list.size() - 1 - std::min(i, list.size() - 1)];
  };
  for (size_t i = 0; i < std::max<size_t>(peers.size(), 1); ++i) {
    hops.push_back({from_end(peers, i), from_end(schemes, i), from_end(hosts, i)});
  }
  return hops;
}

// The address of a peer that may have a port, and brackets.
std::optional<in6_addr> ParsePeer(absl::string_view text) {
  if (std::optional<in6_addr> address = ParseAddress(std::string(text))) return address;
  if (!IsHost(text)) return std::nullopt;
  absl::string_view host = WithoutPort(text);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  return ParseAddress(std::string(host));
}

}  // namespace

absl::StatusOr<TrustedProxies> TrustedProxies::Parse(const std::vector<std::string>& networks) {
  TrustedProxies result;
  for (const std::string& text : networks) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('/', 1));
    const std::optional<in6_addr> address = ParseAddress(parts.first);
    const bool is_ipv4 = !absl::StrContains(parts.first, ':');
    const int max_bits = is_ipv4 ? kIpv4Bits : kIpv6Bits;
    int bits = max_bits;
    if (!address.has_value() ||
        (absl::StrContains(text, '/') &&
         (!absl::SimpleAtoi(parts.second, &bits) || bits < 0 || bits > max_bits))) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", text, "' is not an IP address or ADDRESS/BITS"));
    }
    Network network;
    std::memcpy(network.address.data(), &*address, sizeof *address);
    network.bits = bits + kIpv6Bits - max_bits;
    result.networks_.push_back(network);
  }
  return result;
}

bool TrustedProxies::Contains(absl::string_view address) const {
  const std::optional<in6_addr> parsed = ParseAddress(std::string(address));
  if (!parsed.has_value()) return false;
  const uint8_t* const bytes = parsed->s6_addr;
  return std::any_of(networks_.begin(), networks_.end(), [bytes](const Network& network) {
    const int whole = network.bits / CHAR_BIT;
    const int rest = network.bits % CHAR_BIT;
    if (!std::equal(bytes, bytes + whole, network.address.begin())) return false;
    const int mask = 0xff << (CHAR_BIT - rest) & 0xff;
    return rest == 0 || (bytes[whole] & mask) == (network.address[whole] & mask);
  });
}

void ApplyForwarded(const TrustedProxies& trusted, HttpRequest& request) {
  for (const Hop& hop : HopsOf(request.headers)) {
    if (!trusted.Contains(request.peer)) return;
    if (absl::EqualsIgnoreCase(hop.scheme, "http") || absl::EqualsIgnoreCase(hop.scheme, "https")) {
      request.scheme = absl::AsciiStrToLower(hop.scheme);
    }
    if (IsHost(hop.host)) request.host = absl::AsciiStrToLower(hop.host);
    const std::optional<in6_addr> peer = ParsePeer(hop.peer);
    request.peer = peer.has_value() ? ToText(*peer) : kUnknownPeer;
    // It is the proxy's, not of those it speaks for.
    request.certificate_names.reset();
  }
}

}  // namespace threadstore
