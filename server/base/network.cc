#include "server/base/network.h"

#include <arpa/inet.h>

namespace threadstore {

std::string NetworkOf(absl::string_view address) {
  constexpr size_t kPrefixBytes = 8;
  const std::string without_zone(address.substr(0, address.find('%')));
  in6_addr ipv6;
  if (inet_pton(AF_INET6, without_zone.c_str(), &ipv6) != 1) return std::string(address);
  return {reinterpret_cast<const char*>(ipv6.s6_addr), kPrefixBytes};
}

}  // namespace threadstore
