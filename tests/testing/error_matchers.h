#ifndef THREADSTORE_TESTS_TESTING_ERROR_MATCHERS_H_
#define THREADSTORE_TESTS_TESTING_ERROR_MATCHERS_H_

#include "gmock/gmock.h"
#include "server/base/errors.h"
#include "tests/testing/status_matchers.h"

namespace threadstore::testing {

// Matches a Status or StatusOr whose ErrorInfo has this reason.
MATCHER_P(HasReason, reason, "has the reason " + v1::ErrorReason_Name(reason)) {
  *result_listener << GetStatus(arg).ToString();
  return ErrorReasonOf(GetStatus(arg)) == reason;
}

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_TESTING_ERROR_MATCHERS_H_
