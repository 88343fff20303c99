#ifndef THREADSTORE_SERVER_BASE_ERROR_DETAILS_H_
#define THREADSTORE_SERVER_BASE_ERROR_DETAILS_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "threadstore/v1/error_reason.pb.h"

// What an error made by server/base/errors.h says to programs, in the server and, as a header of
// the client library, in its callers.
namespace threadstore {

// The reason that the server gave. ERROR_REASON_UNSPECIFIED if it gave none, as in gRPC's own
// errors, or one that is newer than this library.
v1::ErrorReason ErrorReasonOf(const absl::Status& error);

// The detail of the type `Detail`, a message of google/rpc/error_details.proto: every error of
// the server has an ErrorInfo; error_reason.proto says which have a BadRequest, a ResourceInfo or
// a RetryInfo. None if the error has no such detail.
template <typename Detail>
std::optional<Detail> ErrorDetailOf(const absl::Status& error) {
  const auto payload =
      error.GetPayload(absl::StrCat("type.googleapis.com/", Detail::descriptor()->full_name()));
  Detail detail;
  if (!payload.has_value() || !detail.ParseFromString(std::string(*payload))) return std::nullopt;
  return detail;
}

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_ERROR_DETAILS_H_
