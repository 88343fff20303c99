#ifndef THREADSTORE_TESTS_STORE_WRITE_KINDS_H_
#define THREADSTORE_TESTS_STORE_WRITE_KINDS_H_

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/domain/resource_name.h"
#include "tests/testing/blocking_store.h"
#include "threadstore/v1/admin_service.pb.h"

// Every kind of write of thread_store.h, for tests of what becomes of writes when the disk fails.
namespace threadstore::testing {

// A small store with something of each kind in it, its index of words up to date and nothing of it
// deleted: made once, and then copied.
class Scene {
 public:
  static const Scene& Get();

  // Makes the file of a store, which must not be there yet.
  void CopyTo(const std::string& path) const;

  ThreadName busy;                        // Has posts of several senders, all below.
  PostName first;                         // Its oldest.
  PostName rich;                          // In the middle, with all that a post can have.
  PostName newest;                        // Its last.
  ThreadName silent;                      // Without posts.
  ThreadName doomed;                      // With a few, alone in its conversation.
  ConversationName pair;                  // A conversation with two threads and their posts.
  std::vector<v1::Record> other_records;  // As of another group, which is not there.

 private:
  Scene();

  std::string file_;
};

// A write with all that it needs. Done on a copy of the scene, each leaves the same rows behind,
// but for ids that are drawn. All of them can be done one after the other on one copy; a request_id
// makes the second time of a create nothing new.
struct WriteKind {
  const char* name;
  std::function<absl::Status(BlockingStore& db, const Scene& scene, absl::Time now)> write;
};

const std::vector<WriteKind>& WriteKinds();

// Used by GoogleTest.
inline void PrintTo(const WriteKind& kind, std::ostream* out) { *out << kind.name; }

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_STORE_WRITE_KINDS_H_
