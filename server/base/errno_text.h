#ifndef THREADSTORE_SERVER_BASE_ERRNO_TEXT_H_
#define THREADSTORE_SERVER_BASE_ERRNO_TEXT_H_

#include <string>
#include <system_error>

namespace threadstore {

// The text of an errno, such as "Permission denied". Unlike strerror, safe on any thread.
inline std::string ErrnoText(int error) { return std::generic_category().message(error); }

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_ERRNO_TEXT_H_
