#ifndef THREADSTORE_SERVER_BASE_STATUS_MACROS_H_
#define THREADSTORE_SERVER_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Leaves the calling function with the status of `expr` unless it is OK. Behaves as the macro
// that later releases of Abseil ship as ABSL_RETURN_IF_ERROR.
#define RETURN_IF_ERROR(expr)                                                 \
  do {                                                                        \
    if (absl::Status status_macro_status = (expr); !status_macro_status.ok()) \
      return status_macro_status;                                             \
  } while (false)

// Evaluates `rexpr`, a StatusOr. Leaves the calling function with its status unless it is OK,
// otherwise assigns its value to `lhs`, which may declare a variable.
#define ASSIGN_OR_RETURN(lhs, rexpr) \
  ASSIGN_OR_RETURN_IMPL(STATUS_MACROS_CONCAT(status_macro_or_, __LINE__), lhs, rexpr)

#define STATUS_MACROS_CONCAT(a, b) STATUS_MACROS_CONCAT_IMPL(a, b)
#define STATUS_MACROS_CONCAT_IMPL(a, b) a##b
#define ASSIGN_OR_RETURN_IMPL(statusor, lhs, rexpr)        \
  auto statusor = (rexpr);                                 \
  if (!statusor.ok()) return std::move(statusor).status(); \
  lhs = *std::move(statusor)

#endif  // THREADSTORE_SERVER_BASE_STATUS_MACROS_H_
