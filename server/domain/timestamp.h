#ifndef THREADSTORE_SERVER_DOMAIN_TIMESTAMP_H_
#define THREADSTORE_SERVER_DOMAIN_TIMESTAMP_H_

#include <cstdint>

#include "google/protobuf/timestamp.pb.h"

namespace threadstore {

// Whether the seconds are those of the years 1 to 9999 and the nanos below one second, as
// google/protobuf/timestamp.proto demands.
bool IsValidTimestamp(const google::protobuf::Timestamp& timestamp);

// Microseconds since 1970, the store's unit of time; cut towards the past. `timestamp` must be
// valid.
int64_t ToMicros(const google::protobuf::Timestamp& timestamp);

google::protobuf::Timestamp FromMicros(int64_t micros);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_TIMESTAMP_H_
