#include "server/base/wire_fields.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"

namespace threadstore {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;

class Counter {
 public:
  Counter(int limit, google::protobuf::io::ZeroCopyInputStream& bytes)
      : limit_(limit), input_(&bytes) {}

  int count() const { return count_; }

  // Counts the fields up to the end of the message, or of the group it is in. `type` is null if
  // nothing is known of them. Nothing if they can be counted on; otherwise the path to give as an
  // answer, empty if the message cannot be parsed.
  std::optional<std::string> Count(const Descriptor* type) {
    while (const uint32_t tag = input_.ReadTag()) {
      const auto wire_type = WireFormatLite::GetTagWireType(tag);
      if (wire_type == WireFormatLite::WIRETYPE_END_GROUP) return std::nullopt;
      const FieldDescriptor* field =
          type == nullptr ? nullptr
                          : type->FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
      absl::string_view name = "unknown field";
      if (field != nullptr) name = field->name();
      if (++count_ > limit_) return std::string(name);
      std::optional<std::string> inner;
      if (wire_type == WireFormatLite::WIRETYPE_START_GROUP) {
        inner = CountGroup();
      } else if (wire_type == WireFormatLite::WIRETYPE_LENGTH_DELIMITED && field != nullptr &&
                 field->message_type() != nullptr) {
        inner = CountMessage(*field->message_type());
      } else if (!WireFormatLite::SkipField(&input_, tag)) {
        inner = "";
      }
      if (inner.has_value()) return inner->empty() ? *inner : absl::StrCat(name, ".", *inner);
    }
    return std::nullopt;
  }

 private:
  std::optional<std::string> CountMessage(const Descriptor& type) {
    const auto [outer_limit, recursion_left] =
        input_.IncrementRecursionDepthAndPushLimit(ReadLength());
    if (recursion_left < 0) return "";
    std::optional<std::string> beyond = Count(&type);
    if (!beyond.has_value() && !input_.DecrementRecursionDepthAndPopLimit(outer_limit)) return "";
    return beyond;
  }

  // A group that our messages do not have; the parser keeps its fields as unknown ones.
  std::optional<std::string> CountGroup() {
    if (!input_.IncrementRecursionDepth()) return "";
    std::optional<std::string> beyond = Count(nullptr);
    input_.DecrementRecursionDepth();
    return beyond;
  }

  int ReadLength() {
    int length = 0;
    return input_.ReadVarintSizeAsInt(&length) ? length : 0;
  }

  const int limit_;
  int count_ = 0;
  google::protobuf::io::CodedInputStream input_;
};

}  // namespace

WireFields CountFields(const Descriptor& type, int limit,
                       google::protobuf::io::ZeroCopyInputStream& bytes) {
  Counter counter(limit, bytes);
  std::string beyond = counter.Count(&type).value_or("");
  return {counter.count(), std::move(beyond)};
}

}  // namespace threadstore
