#include "client/loopback_target.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace threadstore {
namespace {

// Names that only look like addresses, such as 127.example.com, are not parsed.
bool IsLoopbackHost(const std::string& host) {
  in_addr ipv4;
  if (inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return (ntohl(ipv4.s_addr) >> 24) == 127;
  in6_addr ipv6;
  if (inet_pton(AF_INET6, host.c_str(), &ipv6) == 1) return IN6_IS_ADDR_LOOPBACK(&ipv6);
  return absl::EqualsIgnoreCase(host, "localhost");
}

// HOST, HOST:PORT, [IPV6] or [IPV6]:PORT.
std::string HostOf(absl::string_view address) {
  if (absl::ConsumePrefix(&address, "[")) {
    return std::string(address.substr(0, address.find(']')));
  }
  if (std::count(address.begin(), address.end(), ':') > 1) return std::string(address);
  return std::string(address.substr(0, address.find(':')));
}

}  // namespace

bool IsLoopbackTarget(absl::string_view target) {
  if (absl::StartsWith(target, "unix:") || absl::StartsWith(target, "unix-abstract:")) return true;
  const bool is_list =
      absl::ConsumePrefix(&target, "ipv4:") || absl::ConsumePrefix(&target, "ipv6:");
  if (!is_list && !absl::ConsumePrefix(&target, "dns:///")) absl::ConsumePrefix(&target, "dns:");
  const std::vector<absl::string_view> addresses =
      is_list ? std::vector<absl::string_view>(absl::StrSplit(target, ','))
              : std::vector<absl::string_view>{target};
  return std::all_of(addresses.begin(), addresses.end(),
                     [](absl::string_view address) { return IsLoopbackHost(HostOf(address)); });
}

}  // namespace threadstore
