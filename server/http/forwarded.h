#ifndef THREADSTORE_SERVER_HTTP_FORWARDED_H_
#define THREADSTORE_SERVER_HTTP_FORWARDED_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/http/http_message.h"

// What proxies say of the clients they speak for.
namespace threadstore {

// The proxies that are believed. A value type.
class TrustedProxies {
 public:
  // Nobody.
  TrustedProxies() = default;

  // Reads IP addresses and networks (ADDRESS/BITS). INVALID_ARGUMENT, naming the first that is
  // neither.
  static absl::StatusOr<TrustedProxies> Parse(const std::vector<std::string>& networks);

  // Whether `address`, without a port, is of one of the networks. An IPv4 address that is mapped
  // into IPv6 is the IPv4 address.
  bool Contains(absl::string_view address) const;

 private:
  static constexpr size_t kAddressBytes = 16;

  struct Network {
    std::array<uint8_t, kAddressBytes> address = {};
    int bits = 0;
  };
  std::vector<Network> networks_;
};

// Sets `peer`, `scheme` and `host` of `request`, which has those of the connection, to what the
// proxies say, if the peer is one. Each proxy adds the peer it had to the end of the list: read
// from there, the first that is no trusted proxy is the client; what stands before it, anyone may
// have written.
//
// X-Forwarded-For, -Proto and -Host are believed if one of them is there, otherwise Forwarded (RFC
// 7239): most proxies pass the kind that they do not write on as it came. A client whose address is
// left out, cannot be read, is obfuscated or unknown has "unknown" for a peer, so that nobody takes
// it for the proxy. Other things that cannot be read are passed over.
void ApplyForwarded(const TrustedProxies& trusted, HttpRequest& request);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_FORWARDED_H_
