#ifndef THREADSTORE_SERVER_AUTH_PRINCIPAL_CACHE_H_
#define THREADSTORE_SERVER_AUTH_PRINCIPAL_CACHE_H_

#include <cstdint>
#include <list>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/auth/principal.h"
#include "server/base/mutex.h"

namespace threadstore {

// Whose the tokens are that were verified a while ago, the least recently used of which are
// forgotten. Thread-safe.
class PrincipalCache {
 public:
  static constexpr size_t kMaxTokens = 4096;

  // `digest` is the SHA-256 of a token: tokens themselves are not kept. Nothing if it is not known
  // or not valid any more.
  std::optional<Principal> Find(absl::string_view digest, absl::Time now);

  // The generation that a token is verified in; it is added only if that still is the current one.
  uint64_t generation() const;
  void Add(std::string digest, Principal principal, uint64_t generation);

  // Forgets all, and begins a new generation.
  void Clear();

 private:
  struct Entry {
    std::string digest;
    Principal principal;
  };

  mutable Mutex mutex_;
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  std::list<Entry> by_use_ ABSL_GUARDED_BY(mutex_);  // The most recently used first.
  absl::flat_hash_map<absl::string_view, std::list<Entry>::iterator> by_digest_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_AUTH_PRINCIPAL_CACHE_H_
