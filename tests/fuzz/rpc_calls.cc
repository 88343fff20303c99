#include "tests/fuzz/rpc_calls.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "threadstore/v1/admin_service.pb.h"
#include "threadstore/v1/conversation_service.pb.h"
#include "threadstore/v1/group_service.pb.h"
#include "threadstore/v1/post_service.pb.h"
#include "threadstore/v1/thread_service.pb.h"

namespace threadstore::testing {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;

constexpr absl::string_view kCallers[kRpcCallers] = {"application", "administrator", "owner",
                                                     "member", "stranger"};

std::string ShortName(const MethodDescriptor& method) {
  return absl::StrCat(method.service()->name(), ".", method.name());
}

// Of one line; nothing if it names no method or caller.
std::optional<RpcCall> ParseHead(absl::string_view line, size_t* size) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  if (words.size() != 3 || !absl::SimpleAtoi(words[2], size)) return std::nullopt;
  const auto& methods = RpcMethods();
  const auto method = std::find_if(methods.begin(), methods.end(), [&words](const auto* candidate) {
    return ShortName(*candidate) == words[0];
  });
  const auto* const caller = std::find(std::begin(kCallers), std::end(kCallers), words[1]);
  if (method == methods.end() || caller == std::end(kCallers)) return std::nullopt;
  return RpcCall{*method, static_cast<RpcCaller>(caller - std::begin(kCallers)), ""};
}

}  // namespace

const std::vector<const MethodDescriptor*>& RpcMethods() {
  static const auto* const methods = [] {
    auto* const all = new std::vector<const MethodDescriptor*>;
    for (const FileDescriptor* const file :
         {v1::ImportThreadsRequest::descriptor()->file(),
          v1::CreateConversationRequest::descriptor()->file(),
          v1::CreateGroupRequest::descriptor()->file(), v1::GetPostRequest::descriptor()->file(),
          v1::CreateThreadRequest::descriptor()->file()}) {
      for (int i = 0; i < file->service_count(); ++i) {
        for (int j = 0; j < file->service(i)->method_count(); ++j) {
          all->push_back(file->service(i)->method(j));
        }
      }
    }
    return all;
  }();
  return *methods;
}

std::optional<std::vector<RpcCall>> ParseRpcCalls(absl::string_view input) {
  std::vector<RpcCall> calls;
  while (!input.empty()) {
    const size_t end = input.find('\n');
    size_t size = 0;
    if (calls.size() == kMaxRpcCalls || end == absl::string_view::npos) return std::nullopt;
    std::optional<RpcCall> call = ParseHead(input.substr(0, end), &size);
    input.remove_prefix(end + 1);
    if (!call.has_value() || size > input.size()) return std::nullopt;
    call->request = std::string(input.substr(0, size));
    input.remove_prefix(size);
    calls.push_back(*std::move(call));
  }
  return calls;
}

std::string SerializeRpcCalls(const std::vector<RpcCall>& calls) {
  std::string text;
  for (const RpcCall& call : calls) {
    absl::StrAppend(&text, ShortName(*call.method), " ", kCallers[static_cast<int>(call.caller)],
                    " ", call.request.size(), "\n", call.request);
  }
  return text;
}

}  // namespace threadstore::testing
