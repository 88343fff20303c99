#ifndef THREADSTORE_SERVER_SERVICE_CALLER_H_
#define THREADSTORE_SERVER_SERVICE_CALLER_H_

#include <cstddef>
#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"
#include "server/auth/principal.h"

namespace threadstore {

struct ServiceContext;

// Who waits need not have a valid token, and must not hold the memory of those who have.
inline constexpr size_t kMaxWaitingBytes = size_t{64} << 10;

// Who makes a call.
struct Caller {
  Principal principal;

  // Differs between any two principals, but for a chance of one in 2^64, as it is a hash (see
  // CallContext::caller). An application of which nothing is known, as --auth=none has them, is
  // told apart by its address: by the first 64 bits of IPv6, since whoever has one such address has
  // all.
  uint64_t number = 0;

  // The Authenticator's generation that the caller's credentials count in.
  uint64_t generation = 0;
};

// Tells `done` who makes a call, by its metadata, its peer and the peer's certificate, if the
// caller may call `method`, given by its full protobuf name. UNAUTHENTICATED or PERMISSION_DENIED
// otherwise, INVALID_ARGUMENT if its metadata is larger than kMaxMetadataBytes, or what else keeps
// the authenticator from telling. A caller that is known is charged by
// ServiceContext::rate_limiter, also for what it may not call; RESOURCE_EXHAUSTED / RATE_LIMITED if
// it has made too many calls. As a rule at once; on another thread, which it must not hold up, when
// the keys of a token's issuer had to be fetched. The call must not end before. A call that holds
// more than kMaxWaitingBytes is UNAVAILABLE / ISSUER_UNAVAILABLE instead of waiting.
//
// A call that has ServiceContext::face_secret is the HTTP face's, which tells of its own caller:
// see server/base/face_metadata.h.
void IdentifyCaller(const ServiceContext& services, const grpc::CallbackServerContext& context,
                    absl::string_view method, size_t held_bytes,
                    absl::AnyInvocable<void(absl::StatusOr<Caller>) &&> done);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVICE_CALLER_H_
