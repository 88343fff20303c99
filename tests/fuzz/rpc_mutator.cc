// How libFuzzer changes inputs of the fuzzer of RPCs: calls come, go and change, and in their
// requests fields, by the descriptors of the API. Of bytes alone few would be requests.

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/message.h"
#include "tests/fuzz/rpc_calls.h"
#include "tests/fuzz/rpc_scene.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace threadstore::testing {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// More than the texts of an ordinary request have.
constexpr size_t kMaxTextBytes = 512;
constexpr int kMaxDepth = 6;

// What is rarely come upon by chance: names in the scene, references to answers, and the words of
// orders, filters and masks.
const std::vector<std::string>& Texts() {
  static const auto* const texts = [] {
    const std::string thread_id = "018bcfe5-6800-7000-8000-000000000001";
    const std::string conversation_id = "018bcfe5-6800-7000-8000-00000000000a";
    const std::string conversation = "groups/g/conversations/" + conversation_id;
    const std::string thread = "groups/g/threads/" + thread_id;
    const std::string post = thread + "/posts/018bcfe5-6800-7000-8000-000000000002";
    return new std::vector<std::string>{
        "groups/g",
        "me/joinedGroups/g",
        "users/bob/joinedGroups/g",
        "groups/-",
        "groups/new",
        conversation,
        thread,
        conversation + "/threads/" + thread_id,
        post,
        thread + "/posts/018bcfe5-6801-7000-8000-000000000003",
        post + "/extensions/e",
        "groups/g/members/ann",
        "groups/g/members/bob",
        "groups/g/owners",
        "groups/g/owners/ann",
        "groups/g/acceptedSenders",
        "groups/g/rejectedSenders",
        "groups/g/rejectedSenders/zoe@x",
        "me",
        "users/ann",
        "$name",
        "$id",
        "$etag",
        "$conversation_id",
        "$next_page_token",
        "$delta_token",
        "$post",
        conversation_id,
        thread_id,
        "018BCFE5-6800-7000-8000-000000000002",
        "ann",
        "bob",
        "zoe@x",
        "Ann",
        "new",
        "\"1\"",
        "\"2\"",
        "*",
        "create_time",
        "create_time desc",
        "topic",
        "topic desc",
        "display_name desc",
        "created_date_time desc",
        "relevance",
        "html",
        "text",
        "<p>an <b>apple</b><br>&eacute;<script>x</script></p>",
        "apple",
        "\"a pear\" OR apple -fig",
        "topic eq 'Fruit' and not(is_locked)",
        "unique_senders/any(s:s eq 'Ann')",
        "created_date_time ge 2023-11-14T22:13:20Z",
        "{\"a\":[1,2.5e3,null,\"\\u00e9\"]}",
        "https://example.com/",
        "name",
        "posts",
        "threads",
        "threads.posts",
        "attachments",
        "extensions",
        "is_locked",
        "display_name",
        "allow_external_senders",
        "body",
        "body.content",
        "categories",
        "content_json",
        "role",
        "sender",
    };
  }();
  return *texts;
}

class Mutation {
 public:
  explicit Mutation(unsigned seed) : random_(seed) {}

  void Change(std::vector<RpcCall>& calls) {
    if (calls.empty() || (calls.size() < kMaxRpcCalls && OneIn(8))) {
      const auto place = calls.begin() + Below(static_cast<int>(calls.size()) + 1);
      ChangeRequest(*calls.insert(place, MakeCall()));
      return;
    }
    const int which = Below(static_cast<int>(calls.size()));
    RpcCall& call = calls[which];
    switch (Below(16)) {
      case 0:
        calls.erase(calls.begin() + which);
        return;
      case 1:
        std::swap(call, calls[Below(static_cast<int>(calls.size()))]);
        return;
      case 2:
        if (calls.size() < kMaxRpcCalls) calls.insert(calls.begin() + which, RpcCall(call));
        return;
      case 3:
        call.caller = static_cast<RpcCaller>(Below(kRpcCallers));
        return;
      case 4:
        call.method = MakeCall().method;
        return;
      case 5:
        call.request = ChangeText(call.request);
        return;
      default:
        return ChangeRequest(call);
    }
  }

 private:
  int Below(int limit) { return std::uniform_int_distribution<>(0, limit - 1)(random_); }
  bool OneIn(int times) { return Below(times) == 0; }

  RpcCall MakeCall() {
    const auto& methods = RpcMethods();
    return {methods[Below(static_cast<int>(methods.size()))],
            static_cast<RpcCaller>(Below(kRpcCallers)), ""};
  }

  void ChangeRequest(RpcCall& call) {
    const std::unique_ptr<Message> message(google::protobuf::MessageFactory::generated_factory()
                                               ->GetPrototype(call.method->input_type())
                                               ->New());
    // What cannot be read is dropped.
    (void)message->ParsePartialFromString(call.request);
    for (int changes = 1 + Below(4); changes > 0; --changes) ChangeMessage(*message, 0);
    call.request = message->SerializePartialAsString();
  }

  void ChangeMessage(Message& message, int depth) {
    const Descriptor& type = *message.GetDescriptor();
    if (type.field_count() == 0 || depth > kMaxDepth) return;
    const FieldDescriptor& field = *type.field(Below(type.field_count()));
    const Reflection& reflection = *message.GetReflection();
    if (!field.is_repeated()) {
      if (OneIn(8)) return reflection.ClearField(&message, &field);
      return ChangeField(message, field, depth);
    }
    const int size = reflection.FieldSize(message, &field);
    if (size > 0 && OneIn(4)) return reflection.RemoveLast(&message, &field);
    if (size > 0 && !OneIn(3)) return ChangeElement(message, field, Below(size), depth);
    AddElement(message, field);
    ChangeElement(message, field, size, depth);
  }

  void ChangeField(Message& message, const FieldDescriptor& field, int depth) {
    const Reflection& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return ChangeMessage(*reflection.MutableMessage(&message, &field), depth + 1);
      case FieldDescriptor::CPPTYPE_STRING:
        return reflection.SetString(&message, &field,
                                    ChangeText(reflection.GetString(message, &field)));
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection.SetBool(&message, &field, OneIn(2));
      case FieldDescriptor::CPPTYPE_INT32:
        return reflection.SetInt32(&message, &field, static_cast<int32_t>(MakeNumber()));
      case FieldDescriptor::CPPTYPE_INT64:
        return reflection.SetInt64(&message, &field, MakeNumber());
      case FieldDescriptor::CPPTYPE_ENUM:
        return reflection.SetEnumValue(&message, &field, Below(EnumLimit(*field.enum_type())));
      default:
        return;  // No request has others.
    }
  }

  static void AddElement(Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      reflection.AddMessage(&message, &field);
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      reflection.AddString(&message, &field, "");
    } else {
      reflection.AddEnumValue(&message, &field, 0);
    }
  }

  void ChangeElement(Message& message, const FieldDescriptor& field, int index, int depth) {
    const Reflection& reflection = *message.GetReflection();
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      ChangeMessage(*reflection.MutableRepeatedMessage(&message, &field, index), depth + 1);
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      reflection.SetRepeatedString(
          &message, &field, index,
          ChangeText(reflection.GetRepeatedString(message, &field, index)));
    } else {
      reflection.SetRepeatedEnumValue(&message, &field, index,
                                      Below(EnumLimit(*field.enum_type())));
    }
  }

  // Values of an enum, and one that it does not have.
  static int EnumLimit(const EnumDescriptor& type) { return type.value_count() + 1; }

  std::string ChangeText(const std::string& text) {
    if (OneIn(2)) return Texts()[Below(static_cast<int>(Texts().size()))];
    std::string changed = text.substr(0, kMaxTextBytes);
    const size_t size = changed.size();
    changed.resize(kMaxTextBytes);
    changed.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(changed.data()), size,  //
                                    kMaxTextBytes));
    return changed;
  }

  int64_t MakeNumber() {
    constexpr int64_t kNumbers[] = {0,
                                    1,
                                    2,
                                    -1,
                                    1000,
                                    INT32_MAX,
                                    INT64_MAX,
                                    INT64_MIN,
                                    kRpcSceneTime / 1'000'000,
                                    253'402'300'799,
                                    -62'135'596'800};
    if (OneIn(4)) return static_cast<int64_t>(random_());
    return kNumbers[Below(static_cast<int>(std::size(kNumbers)))];
  }

  std::mt19937 random_;
};

size_t CopyOut(const std::vector<RpcCall>& calls, uint8_t* data, size_t max_size) {
  const std::string text = SerializeRpcCalls(calls);
  if (text.size() > max_size) return 0;
  std::copy(text.begin(), text.end(), data);
  return text.size();
}

std::vector<RpcCall> Read(const uint8_t* data, size_t size) {
  return ParseRpcCalls({reinterpret_cast<const char*>(data), size})
      .value_or(std::vector<RpcCall>());
}

}  // namespace
}  // namespace threadstore::testing

// An input without calls is taken for a new one, and where there is no room for a change nothing is
// left of it.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  auto calls = threadstore::testing::Read(data, size);
  threadstore::testing::Mutation(seed).Change(calls);
  return threadstore::testing::CopyOut(calls, data, max_size);
}

// Some calls of the first input, then some of the second.
extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* first, size_t first_size,
                                            const uint8_t* second, size_t second_size, uint8_t* out,
                                            size_t max_out_size, unsigned int seed) {
  using threadstore::testing::kMaxRpcCalls;
  auto calls = threadstore::testing::Read(first, first_size);
  auto others = threadstore::testing::Read(second, second_size);
  calls.resize(calls.empty() ? 0 : 1 + seed % calls.size());
  const size_t skipped = others.empty() ? 0 : (seed >> 8) % others.size();
  for (size_t i = skipped; i < others.size() && calls.size() < kMaxRpcCalls; ++i) {
    calls.push_back(std::move(others[i]));
  }
  return threadstore::testing::CopyOut(calls, out, max_out_size);
}
