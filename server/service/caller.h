#ifndef THREADSTORE_SERVER_SERVICE_CALLER_H_
#define THREADSTORE_SERVER_SERVICE_CALLER_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"
#include "server/auth/principal.h"

namespace threadstore {

struct ServiceContext;

// Who makes a call, by its metadata and its peer, and may call `method`, given by its full protobuf
// name. UNAUTHENTICATED or PERMISSION_DENIED otherwise, and INVALID_ARGUMENT if its metadata is
// larger than kMaxMetadataBytes.
//
// A call that has ServiceContext::face_secret as `x-threadstore-face-secret` is the HTTP face's,
// which tells the address of its own caller in `x-threadstore-face-peer`. Nobody else knows the
// secret.
absl::StatusOr<Principal> IdentifyCaller(const ServiceContext& services,
                                         const grpc::CallbackServerContext& context,
                                         absl::string_view method);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_CALLER_H_
