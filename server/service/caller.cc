#include "server/service/caller.h"

#include <arpa/inet.h>

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
#include "server/base/secret.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
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
constexpr char kFaceSubjectMetadata[] = "x-threadstore-face-subject-bin";
constexpr char kFaceSpiffeMetadata[] = "x-threadstore-face-spiffe-bin";
constexpr char kFaceChargedMetadata[] = "x-threadstore-face-charged";

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

// What all addresses of one owner have in common.
std::string NetworkOf(const std::string& address) {
  constexpr size_t kPrefixBytes = 8;
  in6_addr ipv6;
  if (inet_pton(AF_INET6, address.c_str(), &ipv6) != 1) return address;
  return {reinterpret_cast<const char*>(ipv6.s6_addr), kPrefixBytes};
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
  const std::vector<absl::string_view> secrets = MetadataOf(context, kFaceSecretMetadata);
  return secrets.size() == 1 && EqualInConstantTime(secrets.front(), services.face_secret);
}

// The address of whoever calls, without its port; empty if the HTTP face does not say it.
std::string AddressOf(const ServiceContext& services, const grpc::CallbackServerContext& context) {
  if (!IsFromHttpFace(services, context)) return std::string(AddressOfPeer(context.peer()));
  const std::vector<absl::string_view> peers = MetadataOf(context, kFacePeerMetadata);
  return peers.size() == 1 ? std::string(peers.front()) : "";
}

// What the HTTP face says of its caller's certificate. One that has no subject has an empty one.
std::optional<CertificateNames> CertificateOfFace(const grpc::CallbackServerContext& context) {
  const std::vector<absl::string_view> subjects = MetadataOf(context, kFaceSubjectMetadata);
  if (subjects.empty()) return std::nullopt;
  CertificateNames names;
  names.subject = std::string(subjects.front());
  for (const absl::string_view id : MetadataOf(context, kFaceSpiffeMetadata)) {
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
                            const grpc::CallbackServerContext& context,
                            const std::string& address) {
  Credentials credentials;
  for (const char* const name : {kUserMetadata, kBinaryUserMetadata}) {
    for (const absl::string_view user : MetadataOf(context, name)) {
      credentials.users.push_back(user);
    }
  }
  credentials.from_loopback = IsLoopbackAddress(address);
  if (IsFromHttpFace(services, context)) {
    credentials.authorizations = MetadataOf(context, kFaceAuthorizationMetadata);
    credentials.certificate_names = CertificateOfFace(context);
  } else {
    credentials.authorizations = MetadataOf(context, kAuthorizationMetadata);
    credentials.certificate_names = CertificateOfPeer(context);
  }
  return credentials;
}

absl::Status Charge(const ServiceContext& services, const grpc::CallbackServerContext& context,
                    const Caller& caller) {
  const bool is_charged =
      IsFromHttpFace(services, context) && !MetadataOf(context, kFaceChargedMetadata).empty();
  if (is_charged) return absl::OkStatus();
  const absl::Duration wait = services.rate_limiter.Charge(caller.number);
  return wait == absl::ZeroDuration() ? absl::OkStatus() : RateLimitedError(wait);
}

absl::StatusOr<Caller> TryToIdentify(const ServiceContext& services,
                                     const grpc::CallbackServerContext& context,
                                     absl::string_view method) {
  RETURN_IF_ERROR(CheckMetadataSize(services, context));
  const std::string address = AddressOf(services, context);
  Caller caller;
  ASSIGN_OR_RETURN(caller.principal, services.authenticator.Authenticate(
                                         ReadCredentials(services, context, address)));
  caller.number = NumberOf(caller.principal, address);
  RETURN_IF_ERROR(Charge(services, context, caller));
  RETURN_IF_ERROR(CheckPermission(caller.principal, method));
  return caller;
}

}  // namespace

void IdentifyCaller(const ServiceContext& services, const grpc::CallbackServerContext& context,
                    absl::string_view method,
                    absl::AnyInvocable<void(absl::StatusOr<Caller>) &&> done) {
  absl::StatusOr<Caller> caller = TryToIdentify(services, context, method);
  const absl::Status& status = caller.status();
  if (!absl::IsUnauthenticated(status) && !absl::IsUnavailable(status)) {
    return std::move(done)(std::move(caller));
  }
  const auto waiting = std::make_shared<decltype(done)>(std::move(done));
  absl::AnyInvocable<void()&&> ready = [&services, &context, method, waiting] {
    std::move (*waiting)(TryToIdentify(services, context, method));
  };
  const std::string address = AddressOf(services, context);
  if (services.authenticator.AwaitKeys(ReadCredentials(services, context, address), ready)) return;
  std::move (*waiting)(std::move(caller));
}

}  // namespace threadstore
