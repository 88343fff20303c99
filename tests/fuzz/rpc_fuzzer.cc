// Calls of any RPC with any bytes, one after the other (see rpc_calls.h): each is answered with
// messages of its type, or with an error that says what the caller did wrong and never that the
// server did; pages go on from their tokens; and what is stored at the end keeps the rules.
//
// A request in which a text is `$etag`, say, has in its place the `etag` that was last in an
// answer.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/message.h"
#include "google/rpc/error_details.pb.h"
#include "server/base/errors.h"
#include "server/domain/limits.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/rpc_calls.h"
#include "tests/fuzz/rpc_world.h"

namespace threadstore::testing {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using google::protobuf::Reflection;

// Of a list that is paged through.
constexpr int kMaxPages = 4;

std::unique_ptr<Message> NewMessage(const Descriptor* type) {
  return std::unique_ptr<Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

bool IsText(const FieldDescriptor& field) {
  return field.type() == FieldDescriptor::TYPE_STRING && !field.is_repeated();
}

// What the input's calls have been answered, and what becomes of it.
class Session {
 public:
  explicit Session(RpcWorld& world) : world_(world) {}

  // The requests are a stream's, or one.
  void Make(const RpcCall& call, const std::vector<std::string>& requests) {
    std::vector<std::string> filled_in;
    filled_in.reserve(requests.size());
    for (const std::string& request : requests) {
      filled_in.push_back(FillIn(call.method->input_type(), request));
    }
    for (int page = 0; page < kMaxPages; ++page) {
      const RpcWorld::Answer answer = world_.Call(*call.method, call.caller, filled_in);
      const std::string what =
          absl::StrCat(call.method->full_name(), ": ", answer.status.ToString());
      if (!answer.status.ok()) {
        CheckError(answer.status, what);
        // Those who may see the first page may see the next.
        Require(page == 0 || absl::IsFailedPrecondition(answer.status), what);
        return;
      }
      Require(call.method->server_streaming() || answer.messages.size() == 1, what);
      has_written_ |= IsWrite(*call.method);
      for (const std::string& message : answer.messages) {
        Learn(call.method->output_type(), message, what);
      }
      if (!TurnPage(call.method->input_type(), filled_in.front())) return;
    }
  }

  bool has_written() const { return has_written_; }

 private:
  static bool IsWrite(const MethodDescriptor& method) {
    for (const char* const read : {"Get", "List", "Search", "Watch", "Export"}) {
      if (absl::StartsWith(method.name(), read)) return false;
    }
    return true;
  }

  static void CheckError(const absl::Status& status, const std::string& what) {
    switch (status.code()) {
      case absl::StatusCode::kInvalidArgument:
      case absl::StatusCode::kNotFound:
      case absl::StatusCode::kAlreadyExists:
      case absl::StatusCode::kPermissionDenied:
      case absl::StatusCode::kFailedPrecondition:
      case absl::StatusCode::kAborted:
      case absl::StatusCode::kOutOfRange:
        break;
      default:
        Require(false, what);
    }
    const auto info = ErrorDetailOf<google::rpc::ErrorInfo>(status);
    Require(info.has_value() && info->domain() == "threadstore", what);
    const v1::ErrorReason reason = ErrorReasonOf(status);
    Require(reason != v1::ERROR_REASON_UNSPECIFIED && reason != v1::ERROR_REASON_INTERNAL, what);
    Require(!status.message().empty() && status.message().size() <= kMaxErrorMessageBytes, what);
    const std::vector<FieldViolation> violations = FieldViolationsOf(status);
    Require(reason != v1::ERROR_REASON_INVALID_FIELD || !violations.empty(), what);
    for (const FieldViolation& violation : violations) {
      Require(!violation.field.empty() && !violation.description.empty(), what);
    }
  }

  // The request with what answers have had in the place of references to it.
  std::string FillIn(const Descriptor* type, const std::string& request) const {
    const std::unique_ptr<Message> message = NewMessage(type);
    if (!message->ParseFromString(request) || !FillIn(*message)) return request;
    return message->SerializeAsString();
  }

  bool FillIn(Message& message) const {
    const Reflection& reflection = *message.GetReflection();
    std::vector<const FieldDescriptor*> fields;
    reflection.ListFields(message, &fields);
    bool has_changed = false;
    for (const FieldDescriptor* const field : fields) {
      if (IsText(*field)) {
        const std::string text = reflection.GetString(message, field);
        const auto found = absl::StartsWith(text, "$") ? learned_.find(text.substr(1))  //
                                                       : learned_.end();
        if (found == learned_.end()) continue;
        reflection.SetString(&message, field, found->second);
        has_changed = true;
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
        for (int i = 0; i < count; ++i) {
          Message* const nested = field->is_repeated()
                                      ? reflection.MutableRepeatedMessage(&message, field, i)
                                      : reflection.MutableMessage(&message, field);
          has_changed |= FillIn(*nested);
        }
      }
    }
    return has_changed;
  }

  void Learn(const Descriptor* type, const std::string& answer, const std::string& what) {
    const std::unique_ptr<Message> message = NewMessage(type);
    Require(message->ParseFromString(answer), what);
    next_page_.clear();
    std::vector<const FieldDescriptor*> fields;
    message->GetReflection()->ListFields(*message, &fields);
    for (const FieldDescriptor* const field : fields) {
      if (IsText(*field)) {
        learned_[field->name()] = message->GetReflection()->GetString(*message, field);
        if (field->name() == "next_page_token") next_page_ = learned_[field->name()];
      }
    }
  }

  // Makes the request that for the next page, if the last answer says that there is one.
  bool TurnPage(const Descriptor* type, std::string& request) const {
    const FieldDescriptor* const field = type->FindFieldByName("page_token");
    if (next_page_.empty() || field == nullptr) return false;
    const std::unique_ptr<Message> message = NewMessage(type);
    Require(message->ParseFromString(request), "a request that was answered");
    message->GetReflection()->SetString(message.get(), field, next_page_);
    request = message->SerializeAsString();
    return true;
  }

  RpcWorld& world_;
  std::map<std::string, std::string> learned_;
  std::string next_page_;
  bool has_written_ = false;
};

// Calls of a stream that follow one another are one, of several requests.
void MakeAll(const std::vector<RpcCall>& calls, Session& session) {
  for (size_t i = 0; i < calls.size();) {
    const RpcCall& first = calls[i];
    std::vector<std::string> requests = {first.request};
    for (++i; i < calls.size() && first.method->client_streaming() &&
              calls[i].method == first.method && calls[i].caller == first.caller;
         ++i) {
      requests.push_back(calls[i].request);
    }
    session.Make(first, requests);
  }
}

}  // namespace
}  // namespace threadstore::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace threadstore::testing;  // NOLINT(google-build-using-namespace): all of it is.
  constexpr int kNotForTheCorpus = -1;
  const auto calls = ParseRpcCalls({reinterpret_cast<const char*>(data), size});
  if (!calls.has_value()) return kNotForTheCorpus;
  // Making a world takes longer than a call. What has been read only is as good as new. GoogleTest,
  // which worlds use to the end, must be there before the first, so as to end after the last.
  static auto world = std::make_unique<RpcWorld>();
  if (world == nullptr) world = std::make_unique<RpcWorld>();
  Session session(*world);
  MakeAll(*calls, session);
  if (session.has_written()) world.reset();
  return 0;
}
