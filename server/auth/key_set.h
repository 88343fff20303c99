#ifndef THREADSTORE_SERVER_AUTH_KEY_SET_H_
#define THREADSTORE_SERVER_AUTH_KEY_SET_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/auth/jwt.h"

namespace threadstore {

// The public keys that an issuer signs with. Immutable, and so thread-safe.
class KeySet {
 public:
  // Reads a JSON Web Key Set (RFC 7517). Keys that cannot be used are passed over: of other types
  // and curves, for encryption, of other algorithms than RS256 and ES256, malformed ones, and those
  // of RSA with less than 2048 bits (RFC 7518, section 3.3); there may be none left, as when an
  // issuer withdraws all. INVALID_ARGUMENT if it is not a key set, or there are more than a
  // hundred.
  static absl::StatusOr<KeySet> Parse(absl::string_view json);

  // Whether there is a key of the id; one without an id is not looked for.
  bool Has(absl::string_view key_id) const;

  // Whether one of the keys has signed the token: one of its key id, or, if it names none, the only
  // one there is.
  bool Verify(const Jwt& jwt) const;

  // Whether every token that another set verifies is verified by this one, too: it has all keys of
  // the other, and is not of several where a single one was enough for tokens that name none.
  bool VerifiesAllOf(const KeySet& other) const;

  size_t size() const { return keys_.size(); }

 private:
  struct Key;

  std::vector<std::shared_ptr<const Key>> keys_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_AUTH_KEY_SET_H_
