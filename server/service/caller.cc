#include "server/service/caller.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/auth/permissions.h"
#include "server/base/errors.h"
#include "server/base/secret.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/service/unary_call.h"

namespace threadstore {
namespace {

constexpr char kUserMetadata[] = "x-threadstore-user";
// The same for ids that text metadata, which is ASCII, cannot carry.
constexpr char kBinaryUserMetadata[] = "x-threadstore-user-bin";

// What the HTTP face sends.
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

// gRPC 1.51 looks at kMaxMetadataBytes for each frame alone, so headers that come in many frames
// are not bounded by it. The HTTP face bounds its own, and adds to them.
absl::Status CheckMetadataSize(const ServiceContext& services,
                               const grpc::CallbackServerContext& context) {
  if (IsFromHttpFace(services, context)) return absl::OkStatus();
  constexpr size_t kEntryOverhead = 32;  // RFC 9113, section 6.5.2.
  size_t size = 0;
  for (const auto& [name, value] : context.client_metadata()) {
    size += name.size() + value.size() + kEntryOverhead;
  }
  if (size <= kMaxMetadataBytes) return absl::OkStatus();
  return InvalidFieldError("metadata",
                           absl::StrCat("must have at most ", kMaxMetadataBytes, " bytes, with ",
                                        kEntryOverhead, " more for each entry"));
}

Credentials ReadCredentials(const ServiceContext& services,
                            const grpc::CallbackServerContext& context) {
  Credentials credentials;
  for (const char* const name : {kUserMetadata, kBinaryUserMetadata}) {
    for (const absl::string_view user : MetadataOf(context, name)) {
      credentials.users.push_back(user);
    }
  }
  if (IsFromHttpFace(services, context)) {
    const std::vector<absl::string_view> peers = MetadataOf(context, kFacePeerMetadata);
    credentials.from_loopback = peers.size() == 1 && IsLoopbackAddress(peers.front());
  } else {
    credentials.from_loopback = IsLoopbackPeer(context.peer());
  }
  return credentials;
}

}  // namespace

absl::StatusOr<Principal> IdentifyCaller(const ServiceContext& services,
                                         const grpc::CallbackServerContext& context,
                                         absl::string_view method) {
  RETURN_IF_ERROR(CheckMetadataSize(services, context));
  ASSIGN_OR_RETURN(Principal principal,
                   services.authenticator.Authenticate(ReadCredentials(services, context)));
  RETURN_IF_ERROR(CheckPermission(principal, method));
  return principal;
}

}  // namespace threadstore
