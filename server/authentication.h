#ifndef THREADSTORE_SERVER_AUTHENTICATION_H_
#define THREADSTORE_SERVER_AUTHENTICATION_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/auth/authenticator.h"
#include "server/base/clock.h"

namespace threadstore {

struct Config;

// Tells callers apart as --auth and the flags that belong to it say.
class Authentication {
 public:
  // Waits a few seconds at most for the keys of issuers. INVALID_ARGUMENT if --auth_config is
  // wrong, or has nothing that --auth would believe. `clock` must outlive it.
  static absl::StatusOr<std::unique_ptr<Authentication>> Make(const Config& config,
                                                              const Clock& clock);

  virtual ~Authentication() = default;

  virtual const Authenticator& authenticator() const = 0;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_AUTHENTICATION_H_
