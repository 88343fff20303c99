#ifndef THREADSTORE_SERVER_BASE_FILE_TEXT_H_
#define THREADSTORE_SERVER_BASE_FILE_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace threadstore {

// What a file holds. UNAVAILABLE, with a message that goes on after the file's name, if it cannot
// be read or has more than `max_bytes`.
absl::StatusOr<std::string> ReadFileText(const std::string& path, size_t max_bytes);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_FILE_TEXT_H_
