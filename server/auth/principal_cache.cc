#include "server/auth/principal_cache.h"

#include <utility>

namespace threadstore {

std::optional<Principal> PrincipalCache::Find(absl::string_view digest, absl::Time now) {
  MutexLock lock(&mutex_);
  const auto found = by_digest_.find(digest);
  if (found == by_digest_.end()) return std::nullopt;
  const auto entry = found->second;
  if (now >= entry->principal.valid_until) {
    by_digest_.erase(found);
    by_use_.erase(entry);
    return std::nullopt;
  }
  by_use_.splice(by_use_.begin(), by_use_, entry);
  return entry->principal;
}

uint64_t PrincipalCache::generation() const {
  MutexLock lock(&mutex_);
  return generation_;
}

void PrincipalCache::Add(std::string digest, Principal principal, uint64_t generation) {
  MutexLock lock(&mutex_);
  if (generation != generation_ || by_digest_.contains(digest)) return;
  if (by_use_.size() == kMaxTokens) {
    by_digest_.erase(by_use_.back().digest);
    by_use_.pop_back();
  }
  by_use_.push_front({std::move(digest), std::move(principal)});
  by_digest_.emplace(by_use_.front().digest, by_use_.begin());
}

void PrincipalCache::Clear() {
  MutexLock lock(&mutex_);
  ++generation_;
  by_digest_.clear();
  by_use_.clear();
}

}  // namespace threadstore
