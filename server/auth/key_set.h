#ifndef THREADSTORE_SERVER_AUTH_KEY_SET_H_
#define THREADSTORE_SERVER_AUTH_KEY_SET_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/auth/jwt.h"

struct _cjose_jwk_int;  // NOLINT(bugprone-reserved-identifier): cjose's name.

namespace threadstore {

// The public keys that an issuer signs with. Immutable, and so thread-safe.
class KeySet {
 public:
  // Reads a JSON Web Key Set (RFC 7517). Keys that cannot be used are passed over: of other types
  // and curves, for encryption, of other algorithms than RS256 and ES256, malformed ones, and those
  // of RSA with less than 2048 bits (RFC 7518, section 3.3). INVALID_ARGUMENT if it is not a key
  // set, no key is left, or there are more than a hundred.
  static absl::StatusOr<KeySet> Parse(absl::string_view json);

  // Whether there is a key of the id; one without an id is not looked for.
  bool Has(absl::string_view key_id) const;

  // Whether one of the keys has signed the token: one of its key id, or, if it names none, the only
  // one there is.
  bool Verify(const Jwt& jwt) const;

  size_t size() const { return keys_.size(); }

 private:
  struct Key {
    std::string id;
    Jwt::Algorithm algorithm;
    std::shared_ptr<_cjose_jwk_int> jwk;
  };

  std::vector<Key> keys_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_AUTH_KEY_SET_H_
