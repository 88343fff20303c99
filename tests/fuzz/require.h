#ifndef THREADSTORE_TESTS_FUZZ_REQUIRE_H_
#define THREADSTORE_TESTS_FUZZ_REQUIRE_H_

#include <cstdio>
#include <cstdlib>
#include <string>

namespace threadstore::testing {

// Ends the process unless `holds`, which a fuzzer takes for a failure, and says why.
inline void Require(bool holds, const std::string& why) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", why.c_str());
  std::abort();
}

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_FUZZ_REQUIRE_H_
