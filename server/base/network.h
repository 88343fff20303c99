#ifndef THREADSTORE_SERVER_BASE_NETWORK_H_
#define THREADSTORE_SERVER_BASE_NETWORK_H_

#include <string>

#include "absl/strings/string_view.h"

namespace threadstore {

// What all addresses have in common that one owner may be given, to count it by: of an IPv6
// address, whose zone does not matter, the first 64 bits (RFC 6177 and RFC 4291, section 2.5.1); of
// any other all of it.
std::string NetworkOf(absl::string_view address);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_NETWORK_H_
