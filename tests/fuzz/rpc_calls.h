#ifndef THREADSTORE_TESTS_FUZZ_RPC_CALLS_H_
#define THREADSTORE_TESTS_FUZZ_RPC_CALLS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

// What the fuzzer of RPCs is given: calls to make one after the other. Of each there is a line
//
//   ThreadService.GetThread owner 46
//
// of the method, the caller and the size of the request, and then so many bytes, the request as it
// goes over the wire. Methods have names here, not numbers, so that inputs keep their meaning when
// the API grows.
namespace threadstore::testing {

// Calls of one input.
inline constexpr size_t kMaxRpcCalls = 8;

enum class RpcCaller { kApplication, kAdministrator, kOwner, kMember, kStranger };
inline constexpr int kRpcCallers = 5;

struct RpcCall {
  const google::protobuf::MethodDescriptor* method = nullptr;
  RpcCaller caller = RpcCaller::kApplication;
  std::string request;
};

// Every method of every service of the API.
const std::vector<const google::protobuf::MethodDescriptor*>& RpcMethods();

// Nothing if it is not such an input, or has too many calls.
std::optional<std::vector<RpcCall>> ParseRpcCalls(absl::string_view input);

std::string SerializeRpcCalls(const std::vector<RpcCall>& calls);

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_FUZZ_RPC_CALLS_H_
