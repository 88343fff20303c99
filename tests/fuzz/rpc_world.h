#ifndef THREADSTORE_TESTS_FUZZ_RPC_WORLD_H_
#define THREADSTORE_TESTS_FUZZ_RPC_WORLD_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "tests/fuzz/rpc_calls.h"

namespace threadstore::testing {

// The gRPC face over an SQLite store, without a socket, with what the records of rpc_scene.h make.
// The clock stands still. Whatever is not as it should be ends the process.
class RpcWorld {
 public:
  struct Answer {
    absl::Status status;  // With the google.rpc details as payloads.
    std::vector<std::string> messages;
  };

  RpcWorld();

  // Looks whether all that is stored keeps the rules, and closes the store, whose file must be
  // sound.
  ~RpcWorld();

  RpcWorld(const RpcWorld&) = delete;
  RpcWorld& operator=(const RpcWorld&) = delete;

  // Returns when the call has ended. One that streams answers without end is cancelled after the
  // first, and its status is OK then. Of several requests all but a stream's first are left out.
  Answer Call(const google::protobuf::MethodDescriptor& method, RpcCaller caller,
              const std::vector<std::string>& requests);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_FUZZ_RPC_WORLD_H_
