#ifndef THREADSTORE_SERVER_SERVICE_CALLER_H_
#define THREADSTORE_SERVER_SERVICE_CALLER_H_

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"
#include "server/auth/principal.h"

namespace threadstore {

struct ServiceContext;

// Who waits need not have a valid token, and must not hold the memory of those who have.
inline constexpr size_t kMaxWaitingBytes = size_t{64} << 10;

// Tells `done` who makes a call, by its metadata, its peer and the peer's certificate, if the
// caller may call `method`, given by its full protobuf name. UNAUTHENTICATED or PERMISSION_DENIED
// otherwise, INVALID_ARGUMENT if its metadata is larger than kMaxMetadataBytes, or what else keeps
// the authenticator from telling. As a rule at once; on another thread, which it must not hold up,
// when the keys of a token's issuer had to be fetched. The call must not end before. A call that
// holds more than kMaxWaitingBytes is UNAVAILABLE / ISSUER_UNAVAILABLE instead of waiting.
//
// A call that has ServiceContext::face_secret is the HTTP face's, which tells of its own caller:
// see server/base/face_metadata.h.
void IdentifyCaller(const ServiceContext& services, const grpc::CallbackServerContext& context,
                    absl::string_view method, size_t held_bytes,
                    absl::AnyInvocable<void(absl::StatusOr<Principal>) &&> done);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_CALLER_H_
