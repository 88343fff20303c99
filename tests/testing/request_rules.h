#ifndef THREADSTORE_TESTS_TESTING_REQUEST_RULES_H_
#define THREADSTORE_TESTS_TESTING_REQUEST_RULES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/errors.h"

// For tests of the rules that requests must keep.
namespace threadstore::testing {

// The fields of an error's violations, in their order.
template <typename T>
std::vector<std::string> FieldsOf(const absl::StatusOr<T>& result) {
  std::vector<std::string> fields;
  for (const FieldViolation& violation : FieldViolationsOf(result.status())) {
    fields.push_back(violation.field);
  }
  return fields;
}

// Characters of three bytes each, to tell characters from bytes.
inline std::string Characters(size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += "€";
  return text;
}

inline const std::string kNul("a\0b", 3);

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_TESTING_REQUEST_RULES_H_
