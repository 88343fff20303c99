#ifndef THREADSTORE_SERVER_DOMAIN_VIOLATIONS_H_
#define THREADSTORE_SERVER_DOMAIN_VIOLATIONS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/errors.h"

namespace threadstore {

// The violations found so far in one request.
class Violations {
 public:
  void Add(std::string field, std::string description) {
    violations_.push_back({std::move(field), std::move(description)});
  }

  bool empty() const { return violations_.empty(); }

  // The value of `parsed`; on error adds its message as a violation of `field` and returns a
  // default value.
  template <typename T>
  T Take(std::string field, absl::StatusOr<T> parsed) {
    if (parsed.ok()) return *std::move(parsed);
    Add(std::move(field), std::string(parsed.status().message()));
    return T();
  }

  // OK, or an INVALID_ARGUMENT that lists all violations.
  absl::Status ToStatus() const {
    return violations_.empty() ? absl::OkStatus() : InvalidFieldsError(violations_);
  }

 private:
  std::vector<FieldViolation> violations_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_VIOLATIONS_H_
