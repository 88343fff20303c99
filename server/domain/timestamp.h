#ifndef THREADSTORE_SERVER_DOMAIN_TIMESTAMP_H_
#define THREADSTORE_SERVER_DOMAIN_TIMESTAMP_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/timestamp.pb.h"

namespace threadstore {

// Whether the seconds are those of the years 1 to 9999 and the nanos below one second, as
// google/protobuf/timestamp.proto demands.
bool IsValidTimestamp(const google::protobuf::Timestamp& timestamp);

// Microseconds since 1970, the store's unit of time; cut towards the past. `timestamp` must be
// valid.
int64_t ToMicros(const google::protobuf::Timestamp& timestamp);

google::protobuf::Timestamp FromMicros(int64_t micros);

// Reads an Edm.DateTimeOffset as OData's ABNF has it, such as 2026-01-31T12:00:00.5+02:00, in
// microseconds, cut towards the past: seconds and up to 12 digits of their fraction may be absent,
// an offset or Z may not. INVALID_ARGUMENT with what is wrong.
absl::StatusOr<int64_t> ParseDateTimeOffset(absl::string_view text);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_TIMESTAMP_H_
