#ifndef THREADSTORE_SERVER_BASE_SECRET_H_
#define THREADSTORE_SERVER_BASE_SECRET_H_

#include <string>

#include "absl/strings/string_view.h"

namespace threadstore {

// 256 random bits, in hexadecimal digits. The process ends if the system has no randomness.
std::string RandomSecret();

// Takes the same time wherever two texts of one length differ.
bool EqualInConstantTime(absl::string_view a, absl::string_view b);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_SECRET_H_
