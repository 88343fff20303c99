#ifndef THREADSTORE_SERVER_AUTH_AUTHENTICATOR_H_
#define THREADSTORE_SERVER_AUTH_AUTHENTICATOR_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/auth/principal.h"
#include "server/base/certificate_names.h"

namespace threadstore {

// What a call says of its caller. Views live as long as the call.
struct Credentials {
  // Every value of `x-threadstore-user`, and of `x-threadstore-user-bin`, as bytes.
  std::vector<absl::string_view> users = {};

  // Every value of `authorization`.
  std::vector<absl::string_view> authorizations = {};

  // Whose the certificate of the client is. Only there if TLS has verified one.
  std::optional<CertificateNames> certificate_names = {};

  bool from_loopback = false;  // The peer's address is this machine's.
};

// Tells who is calling. Implementations are safe to call from any thread and do not block.
class Authenticator {
 public:
  virtual ~Authenticator() = default;

  // UNAUTHENTICATED / INVALID_CREDENTIALS if the caller cannot be told.
  virtual absl::StatusOr<Principal> Authenticate(const Credentials& credentials) const = 0;

  // After a refusal: whether it may have been for want of keys that the issuer has by now. They
  // are then fetched, and `ready` is called on another thread, which it must not hold up, to try
  // once more; or at once, if the keys came in between. Otherwise `ready` is left as it is.
  virtual bool AwaitKeys(const Credentials& /*credentials*/,
                         absl::AnyInvocable<void() &&>& /*ready*/) const {
    return false;
  }

  // Changes whenever credentials may have ceased to count, or to say what they said. Credentials
  // that are accepted after a generation has been read count for as long as it is the current one,
  // unless they expire.
  virtual uint64_t generation() const = 0;

  // Whether credentials may say which groups their user is in, for some users at least. The ids of
  // groups are then a directory's, and not for users to choose: whoever is first to take one would
  // own what others are in.
  virtual bool NamesGroups() const { return false; }
};

// --auth=none: believes `x-threadstore-user`; without it the caller is an application, the one that
// its certificate names (see certificate_application.h), or a nameless one. Everyone has every
// permission but Threadstore.Admin, which only loopback peers have. For loopback listeners, behind
// a mesh that has authenticated the caller, or for peers that all may speak for any user.
class NoAuthentication final : public Authenticator {
 public:
  absl::StatusOr<Principal> Authenticate(const Credentials& credentials) const override;
  uint64_t generation() const override { return 0; }
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_AUTH_AUTHENTICATOR_H_
