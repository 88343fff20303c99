#include "server/service/caller.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "grpc/grpc_security_constants.h"
#include "grpcpp/security/auth_context.h"
#include "server/auth/permissions.h"
#include "server/base/errors.h"
#include "server/base/face_metadata.h"
#include "server/base/network.h"
#include "server/base/secret.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/service/unary_call.h"

namespace threadstore {
namespace {

constexpr char kUserMetadata[] = "x-threadstore-user";
// The same for ids that text metadata, which is ASCII, cannot carry.
constexpr char kBinaryUserMetadata[] = "x-threadstore-user-bin";

constexpr absl::Duration kKeysRetryDelay = absl::Seconds(1);

constexpr char kAuthorizationMetadata[] = "authorization";

// What a call says of its caller, to be believed or not. Views live as long as the call.
struct Claim {
  Credentials credentials;
  std::string address;      // Without its port; empty if it is not known.
  bool is_charged = false;  // The request it belongs to has been.
};

absl::string_view ToView(const grpc::string_ref& text) { return {text.data(), text.size()}; }

// The address of a peer as gRPC gives it, such as ipv4:127.0.0.1:4711 and ipv6:%5B::1%5D:4711.
absl::string_view AddressOfPeer(absl::string_view peer) {
  if (!absl::ConsumePrefix(&peer, "ipv4:") && !absl::ConsumePrefix(&peer, "ipv6:")) return peer;
  peer = peer.substr(0, peer.rfind(':'));
  for (const char* const open : {"%5B", "["}) absl::ConsumePrefix(&peer, open);
  for (const char* const close : {"%5D", "]"}) absl::ConsumeSuffix(&peer, close);
  return peer;
}

bool IsLoopbackAddress(absl::string_view address) {
  return absl::StartsWith(address, "127.") || address == "::1" ||
         absl::StartsWith(address, "::ffff:127.") || absl::StartsWith(address, "unix:");
}

uint64_t NumberOf(const Principal& principal, const std::string& address) {
  const std::string network = principal.id.empty() ? NetworkOf(address) : "";
  const size_t hash = absl::HashOf(principal.kind, principal.id, network);
  return std::max<uint64_t>(1, hash);
}

std::vector<absl::string_view> MetadataOf(const grpc::CallbackServerContext& context,
                                          const char* name) {
  std::vector<absl::string_view> values;
  const auto [begin, end] = context.client_metadata().equal_range(name);
  for (auto entry = begin; entry != end; ++entry) values.push_back(ToView(entry->second));
  return values;
}

bool IsFromHttpFace(const ServiceContext& services, const grpc::CallbackServerContext& context) {
  const std::vector<absl::string_view> secrets = MetadataOf(context, face_metadata::kSecret);
  return secrets.size() == 1 && EqualInConstantTime(secrets.front(), services.face_secret);
}

// What the HTTP face says of its caller's certificate. One that has no subject has an empty one.
std::optional<CertificateNames> CertificateOfFace(const grpc::CallbackServerContext& context) {
  const std::vector<absl::string_view> subjects = MetadataOf(context, face_metadata::kSubject);
  if (subjects.empty()) return std::nullopt;
  CertificateNames names;
  names.subject = std::string(subjects.front());
  for (const absl::string_view id : MetadataOf(context, face_metadata::kSpiffeId)) {
    names.spiffe_ids.emplace_back(id);
  }
  return names;
}

// What gRPC says of the peer's certificate. It asks for one only if it also verifies it.
std::optional<CertificateNames> CertificateOfPeer(const grpc::CallbackServerContext& context) {
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  if (peer == nullptr || peer->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME).empty()) {
    return std::nullopt;
  }
  CertificateNames names;
  for (const grpc::string_ref& subject :
       peer->FindPropertyValues(GRPC_X509_SUBJECT_PROPERTY_NAME)) {
    names.subject = std::string(subject.data(), subject.size());
  }
  for (const grpc::string_ref& uri : peer->FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME)) {
    if (IsSpiffeId(ToView(uri))) names.spiffe_ids.emplace_back(uri.data(), uri.size());
  }
  return names;
}

// gRPC 1.51 looks at kMaxMetadataBytes for each frame alone, so headers that come in many frames
// are not bounded by it. The HTTP face bounds its own, and adds to them.
absl::Status CheckMetadataSize(const grpc::CallbackServerContext& context) {
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

absl::StatusOr<Claim> ReadClaim(const ServiceContext& services,
                                const grpc::CallbackServerContext& context) {
  Claim claim;
  Credentials& credentials = claim.credentials;
  for (const char* const name : {kUserMetadata, kBinaryUserMetadata}) {
    for (const absl::string_view user : MetadataOf(context, name)) {
      credentials.users.push_back(user);
    }
  }
  if (IsFromHttpFace(services, context)) {
    const std::vector<absl::string_view> peers = MetadataOf(context, face_metadata::kPeer);
    if (peers.size() == 1) claim.address = std::string(peers.front());
    claim.is_charged = !MetadataOf(context, face_metadata::kCharged).empty();
    credentials.authorizations = MetadataOf(context, face_metadata::kAuthorization);
    credentials.certificate_names = CertificateOfFace(context);
  } else {
    RETURN_IF_ERROR(CheckMetadataSize(context));
    claim.address = std::string(AddressOfPeer(context.peer()));
    credentials.authorizations = MetadataOf(context, kAuthorizationMetadata);
    credentials.certificate_names = CertificateOfPeer(context);
  }
  credentials.from_loopback = IsLoopbackAddress(claim.address);
  return claim;
}

absl::StatusOr<Caller> TryToIdentify(const ServiceContext& services, const Claim& claim,
                                     absl::string_view method) {
  Caller caller;
  // Before: what changes from here on may not have been heeded.
  caller.generation = services.authenticator.generation();
  ASSIGN_OR_RETURN(caller.principal, services.authenticator.Authenticate(claim.credentials));
  caller.number = NumberOf(caller.principal, claim.address);
  if (!claim.is_charged) {
    const absl::Duration wait = services.rate_limiter.Charge(caller.number);
    if (wait > absl::ZeroDuration()) return RateLimitedError(wait);
  }
  RETURN_IF_ERROR(CheckPermission(caller.principal, method));
  return caller;
}

}  // namespace

void IdentifyCaller(const ServiceContext& services, const grpc::CallbackServerContext& context,
                    absl::string_view method, size_t held_bytes,
                    absl::AnyInvocable<void(absl::StatusOr<Caller>) &&> done) {
  absl::StatusOr<Claim> claim = ReadClaim(services, context);
  if (!claim.ok()) return std::move(done)(claim.status());
  absl::StatusOr<Caller> caller = TryToIdentify(services, *claim, method);
  const absl::Status& status = caller.status();
  if (!absl::IsUnauthenticated(status) && !absl::IsUnavailable(status)) {
    return std::move(done)(std::move(caller));
  }
  if (held_bytes > kMaxWaitingBytes) {
    absl::AnyInvocable<void()&&> nobody = [] {};
    const bool is_awaited = services.authenticator.AwaitKeys(claim->credentials, nobody);
    return std::move(done)(is_awaited ? IssuerUnavailableError(kKeysRetryDelay)
                                      : std::move(caller));
  }
  const auto waiting = std::make_shared<decltype(done)>(std::move(done));
  absl::AnyInvocable<void()&&> ready = [&services, claim = *claim, method, waiting] {
    std::move (*waiting)(TryToIdentify(services, claim, method));
  };
  if (services.authenticator.AwaitKeys(claim->credentials, ready)) return;
  std::move (*waiting)(std::move(caller));
}

}  // namespace threadstore
