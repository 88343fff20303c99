#ifndef THREADSTORE_CLIENT_LOOPBACK_TARGET_H_
#define THREADSTORE_CLIENT_LOOPBACK_TARGET_H_

#include "absl/strings/string_view.h"

namespace threadstore {

// Whether what is sent to a target of gRPC stays on this machine for certain: HOST:PORT and
// `dns:HOST:PORT` of localhost or of an address of loopback, `ipv4:` and `ipv6:` with such
// addresses alone, and sockets of Unix (https://github.com/grpc/grpc/blob/master/doc/naming.md).
bool IsLoopbackTarget(absl::string_view target);

}  // namespace threadstore

#endif  // THREADSTORE_CLIENT_LOOPBACK_TARGET_H_
