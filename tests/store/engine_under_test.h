#ifndef THREADSTORE_TESTS_STORE_ENGINE_UNDER_TEST_H_
#define THREADSTORE_TESTS_STORE_ENGINE_UNDER_TEST_H_

#include <cstddef>
#include <memory>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/domain/usage.h"
#include "server/store/thread_store.h"

// What the tests of server/store/thread_store.h, the contract of all engines, need to know of an
// engine. Each engine has test binaries of its own: the conformance, model and concurrency tests
// linked with one file that defines MakeEngineUnderTest.
namespace threadstore::testing {

struct EngineSettings {
  absl::Duration request_id_retention = absl::Hours(24);
  size_t write_queue = 8192;
  absl::Duration change_retention = absl::Hours(168);
  int64_t max_changes = 1'000'000;
  GroupQuotas group_quotas = {};
};

// One empty database of an engine, made for one test and gone after it.
class EngineUnderTest {
 public:
  virtual ~EngineUnderTest() = default;

  // Opens a store on the database. At most one is open at a time.
  virtual std::unique_ptr<ThreadStore> Open(const EngineSettings& settings, const Clock& clock) = 0;

  // Returns when nothing is left on the disk of what has been deleted. A store is open.
  virtual void AwaitPurge() = 0;

  // Fails the test if the closed database is damaged, holds rows that nothing refers to, or counts
  // what groups take up wrongly.
  virtual void CheckIntegrity() = 0;
};

std::unique_ptr<EngineUnderTest> MakeEngineUnderTest();

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_STORE_ENGINE_UNDER_TEST_H_
