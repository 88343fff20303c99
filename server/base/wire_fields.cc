#include "server/base/wire_fields.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
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

  // Counts the fields up to the end of the message. Nothing if they can be counted on; otherwise
  // the path to give as an answer.
  std::optional<std::string> Count(const Descriptor& type) {
    while (const uint32_t tag = input_.ReadTag()) {
      const FieldDescriptor* field = type.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
      if (++count_ > limit_) return field == nullptr ? "unknown field" : field->name();
      const bool is_message =
          field != nullptr && field->message_type() != nullptr &&
          WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
      if (is_message) {
        std::optional<std::string> inner = CountMessage(*field->message_type());
        if (inner.has_value())
          return inner->empty() ? *inner : absl::StrCat(field->name(), ".", *inner);
      } else if (!WireFormatLite::SkipField(&input_, tag)) {
        return "";
      }
    }
    return std::nullopt;
  }

 private:
  std::optional<std::string> CountMessage(const Descriptor& type) {
    const auto [outer_limit, recursion_left] =
        input_.IncrementRecursionDepthAndPushLimit(ReadLength());
    if (recursion_left < 0) return "";
    std::optional<std::string> beyond = Count(type);
    if (!beyond.has_value() && !input_.DecrementRecursionDepthAndPopLimit(outer_limit)) return "";
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
  std::string beyond = counter.Count(type).value_or("");
  return {counter.count(), std::move(beyond)};
}

}  // namespace threadstore
