#include "server/service/caller.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "server/auth/permissions.h"
#include "server/base/secret.h"
#include "server/base/status_macros.h"
#include "server/service/unary_call.h"

namespace threadstore {
namespace {

constexpr char kUserMetadata[] = "x-threadstore-user";
// The same for ids that text metadata, which is ASCII, cannot carry.
constexpr char kBinaryUserMetadata[] = "x-threadstore-user-bin";

constexpr char kAuthorizationMetadata[] = "authorization";

// What the HTTP face sends.
constexpr char kFaceAuthorizationMetadata[] = "x-threadstore-face-authorization-bin";
constexpr char kFaceSecretMetadata[] = "x-threadstore-face-secret";
constexpr char kFacePeerMetadata[] = "x-threadstore-face-peer";

absl::string_view ToView(const grpc::string_ref& text) { return {text.data(), text.size()}; }

// gRPC gives peers as URIs, such as ipv4:127.0.0.1:4711 and ipv6:%5B::1%5D:4711.
bool IsLoopbackPeer(absl::string_view peer) {
  return absl::StartsWith(peer, "ipv4:127.") || absl::StartsWith(peer, "ipv6:%5B::1%5D:") ||
         absl::StartsWith(peer, "ipv6:[::1]:") || absl::StartsWith(peer, "unix:");
}

bool IsLoopbackAddress(absl::string_view address) {
  return absl::StartsWith(address, "127.") || address == "::1" ||
         absl::StartsWith(address, "::ffff:127.");
}

std::vector<absl::string_view> MetadataOf(const grpc::CallbackServerContext& context,
                                          const char* name) {
  std::vector<absl::string_view> values;
  const auto [begin, end] = context.client_metadata().equal_range(name);
  for (auto entry = begin; entry != end; ++entry) values.push_back(ToView(entry->second));
  return values;
}

bool IsFromHttpFace(const ServiceContext& services, const grpc::CallbackServerContext& context) {
  const std::vector<absl::string_view> secrets = MetadataOf(context, kFaceSecretMetadata);
  return secrets.size() == 1 && EqualInConstantTime(secrets.front(), services.face_secret);
}

Credentials ReadCredentials(const ServiceContext& services,
                            const grpc::CallbackServerContext& context) {
  Credentials credentials;
  for (const char* const name : {kUserMetadata, kBinaryUserMetadata}) {
    for (const absl::string_view user : MetadataOf(context, name)) {
      credentials.users.push_back(user);
    }
  }
  credentials.authorizations = MetadataOf(context, kAuthorizationMetadata);
  if (IsFromHttpFace(services, context)) {
    credentials.authorizations = MetadataOf(context, kFaceAuthorizationMetadata);
    const std::vector<absl::string_view> peers = MetadataOf(context, kFacePeerMetadata);
    credentials.from_loopback = peers.size() == 1 && IsLoopbackAddress(peers.front());
  } else {
    credentials.from_loopback = IsLoopbackPeer(context.peer());
  }
  return credentials;
}

absl::StatusOr<Principal> TryToIdentify(const ServiceContext& services,
                                        const grpc::CallbackServerContext& context,
                                        absl::string_view method) {
  ASSIGN_OR_RETURN(Principal principal,
                   services.authenticator.Authenticate(ReadCredentials(services, context)));
  RETURN_IF_ERROR(CheckPermission(principal, method));
  return principal;
}

}  // namespace

void IdentifyCaller(const ServiceContext& services, const grpc::CallbackServerContext& context,
                    absl::string_view method,
                    absl::AnyInvocable<void(absl::StatusOr<Principal>) &&> done) {
  absl::StatusOr<Principal> principal = TryToIdentify(services, context, method);
  if (principal.ok()) return std::move(done)(std::move(principal));
  const auto waiting = std::make_shared<decltype(done)>(std::move(done));
  absl::AnyInvocable<void()&&> ready = [&services, &context, method, waiting] {
    std::move (*waiting)(TryToIdentify(services, context, method));
  };
  if (services.authenticator.AwaitKeys(ReadCredentials(services, context), ready)) return;
  std::move (*waiting)(std::move(principal));
}

}  // namespace threadstore
