#ifndef THREADSTORE_SERVER_BASE_TIME_TEXT_H_
#define THREADSTORE_SERVER_BASE_TIME_TEXT_H_

#include <cstdint>
#include <string>

namespace threadstore {

// `2016-12-31T23:58:15`: the date and time of day in UTC at so many seconds since 1970, within the
// years 0001 to 9999 of google.protobuf.Timestamp.
std::string DateTimeText(int64_t unix_seconds);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_TIME_TEXT_H_
