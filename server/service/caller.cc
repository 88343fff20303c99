#include "server/service/caller.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "server/auth/permissions.h"
#include "server/base/status_macros.h"

namespace threadstore {
namespace {

constexpr char kUserMetadata[] = "x-threadstore-user";
// The same for ids that text metadata, which is ASCII, cannot carry.
constexpr char kBinaryUserMetadata[] = "x-threadstore-user-bin";

absl::string_view ToView(const grpc::string_ref& text) { return {text.data(), text.size()}; }

// gRPC gives peers as URIs, such as ipv4:127.0.0.1:4711 and ipv6:%5B::1%5D:4711.
bool IsLoopbackPeer(absl::string_view peer) {
  return absl::StartsWith(peer, "ipv4:127.") || absl::StartsWith(peer, "ipv6:%5B::1%5D:") ||
         absl::StartsWith(peer, "ipv6:[::1]:") || absl::StartsWith(peer, "unix:");
}

Credentials ReadCredentials(const grpc::CallbackServerContext& context) {
  Credentials credentials;
  for (const char* const name : {kUserMetadata, kBinaryUserMetadata}) {
    const auto [begin, end] = context.client_metadata().equal_range(name);
    for (auto entry = begin; entry != end; ++entry) {
      credentials.users.push_back(ToView(entry->second));
    }
  }
  credentials.from_loopback = IsLoopbackPeer(context.peer());
  return credentials;
}

}  // namespace

absl::StatusOr<Principal> IdentifyCaller(const Authenticator& authenticator,
                                         const grpc::CallbackServerContext& context,
                                         absl::string_view method) {
  ASSIGN_OR_RETURN(Principal principal, authenticator.Authenticate(ReadCredentials(context)));
  RETURN_IF_ERROR(CheckPermission(principal, method));
  return principal;
}

}  // namespace threadstore
