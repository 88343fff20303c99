#ifndef THREADSTORE_SERVER_SERVICE_CALLER_H_
#define THREADSTORE_SERVER_SERVICE_CALLER_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"
#include "server/auth/authenticator.h"
#include "server/auth/principal.h"

namespace threadstore {

// Who makes a call, by its metadata and its peer, and may call `method`, given by its full protobuf
// name. UNAUTHENTICATED or PERMISSION_DENIED otherwise.
absl::StatusOr<Principal> IdentifyCaller(const Authenticator& authenticator,
                                         const grpc::CallbackServerContext& context,
                                         absl::string_view method);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_CALLER_H_
