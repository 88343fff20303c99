#ifndef THREADSTORE_TESTS_TESTING_STATUS_MATCHERS_H_
#define THREADSTORE_TESTS_TESTING_STATUS_MATCHERS_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"

// Matchers for absl::Status and StatusOr, shaped like those of later Abseil releases.
namespace threadstore::testing {

inline const absl::Status& GetStatus(const absl::Status& status) { return status; }

template <typename T>
const absl::Status& GetStatus(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << GetStatus(arg).ToString();
  return GetStatus(arg).ok();
}

MATCHER_P(StatusIs, code, "has the code " + absl::StatusCodeToString(code)) {
  *result_listener << GetStatus(arg).ToString();
  return GetStatus(arg).code() == code;
}

MATCHER_P2(StatusIs, code, message_matcher, "has the code " + absl::StatusCodeToString(code)) {
  *result_listener << GetStatus(arg).ToString();
  return GetStatus(arg).code() == code &&
         ::testing::ExplainMatchResult(message_matcher, std::string(GetStatus(arg).message()),
                                       result_listener);
}

MATCHER_P(IsOkAndHolds, value_matcher, "is OK and holds a value that matches") {
  if (!arg.ok()) {
    *result_listener << arg.status().ToString();
    return false;
  }
  return ::testing::ExplainMatchResult(value_matcher, *arg, result_listener);
}

}  // namespace threadstore::testing

// Fails the test at once unless `expression`, a StatusOr, is OK; then assigns its value.
#define ASSERT_OK_AND_ASSIGN(lhs, expression) \
  ASSERT_OK_AND_ASSIGN_IMPL(ASSERT_OK_CONCAT(status_or_, __LINE__), lhs, expression)
#define ASSERT_OK_CONCAT(a, b) ASSERT_OK_CONCAT_IMPL(a, b)
#define ASSERT_OK_CONCAT_IMPL(a, b) a##b
#define ASSERT_OK_AND_ASSIGN_IMPL(status_or, lhs, expression)   \
  auto status_or = (expression);                                \
  ASSERT_TRUE(status_or.ok()) << status_or.status().ToString(); \
  lhs = *std::move(status_or)

#endif  // THREADSTORE_TESTS_TESTING_STATUS_MATCHERS_H_
