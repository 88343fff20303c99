#ifndef THREADSTORE_TESTS_STORE_USAGE_CHECK_H_
#define THREADSTORE_TESTS_STORE_USAGE_CHECK_H_

#include <string>

namespace threadstore::testing {

// Fails the test if an SQLite file, of a store that is closed or between two writes, does not say
// of its threads, conversations and groups what they take up (server/domain/usage.h).
void CheckUsage(const std::string& path);

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_STORE_USAGE_CHECK_H_
