#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/descriptor.h"
#include "server/base/json_scalar.h"
#include "server/base/proto_json.h"
#include "server/base/time_text.h"

namespace threadstore {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// The first byte of U+0080 to U+009F in UTF-8, which are control characters, and of others.
constexpr unsigned char kC1Lead = 0xC2;

void AppendString(absl::string_view text, std::string* out) {
  const auto may_need_escape = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '"' || c == '\\' || byte == kC1Lead || absl::ascii_iscntrl(byte);
  };
  out->push_back('"');
  while (true) {
    const auto* const plain_end = std::find_if(text.begin(), text.end(), may_need_escape);
    out->append(text.begin(), plain_end);
    text.remove_prefix(static_cast<size_t>(plain_end - text.begin()));
    if (text.empty()) break;
    const auto byte = static_cast<unsigned char>(text[0]);
    const bool is_c1 =
        byte == kC1Lead && text.size() > 1 && static_cast<unsigned char>(text[1]) < 0xA0;
    if (byte == '"' || byte == '\\') {
      out->append({'\\', text[0]});
    } else if (byte == '\n') {
      out->append("\\n");
    } else if (byte == '\t') {
      out->append("\\t");
    } else if (is_c1) {
      absl::StrAppendFormat(out, "\\u%04x", static_cast<unsigned char>(text[1]));
    } else if (byte == kC1Lead) {
      out->push_back(text[0]);
    } else {
      absl::StrAppendFormat(out, "\\u%04x", byte);
    }
    text.remove_prefix(is_c1 ? 2 : 1);
  }
  out->push_back('"');
}

template <typename Real>
void AppendReal(Real value, std::string* out) {
  if (!std::isfinite(value)) {
    absl::StrAppend(out, std::isnan(value) ? "\"NaN\""
                         : value > 0       ? "\"Infinity\""
                                           : "\"-Infinity\"");
    return;
  }
  constexpr size_t kLongestDouble = 32;
  char digits[kLongestDouble];
  out->append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
}

void AppendTimestamp(const Message& timestamp, std::string* out) {
  const Descriptor* type = timestamp.GetDescriptor();
  const Reflection* reflection = timestamp.GetReflection();
  const int64_t seconds = reflection->GetInt64(timestamp, type->FindFieldByName("seconds"));
  const int32_t nanos = reflection->GetInt32(timestamp, type->FindFieldByName("nanos"));
  absl::StrAppend(out, "\"", DateTimeText(seconds));
  if (nanos % 1'000'000 == 0 && nanos != 0) {
    absl::StrAppendFormat(out, ".%03d", nanos / 1'000'000);
  } else if (nanos % 1'000 == 0 && nanos != 0) {
    absl::StrAppendFormat(out, ".%06d", nanos / 1'000);
  } else if (nanos != 0) {
    absl::StrAppendFormat(out, ".%09d", nanos);
  }
  out->append("Z\"");
}

class Writer {
 public:
  Writer(int indent, std::string* out) : indent_(indent), out_(out) {}

  void AppendMessage(const Message& message) {
    if (IsTimestamp(message.GetDescriptor())) return AppendTimestamp(message, out_);
    Open('{');
    const Descriptor* type = message.GetDescriptor();
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      if (field->has_presence() && !message.GetReflection()->HasField(message, field)) continue;
      NextItem();
      AppendString(field->json_name(), out_);
      out_->append(indent_ == 0 ? ":" : ": ");
      if (field->is_repeated()) {
        AppendList(message, field);
      } else {
        AppendValue(message, field, kSingular);
      }
    }
    Close('}');
  }

 private:
  static constexpr int kSingular = -1;

  void AppendList(const Message& message, const FieldDescriptor* field) {
    Open('[');
    const int size = message.GetReflection()->FieldSize(message, field);
    for (int i = 0; i < size; ++i) {
      NextItem();
      AppendValue(message, field, i);
    }
    Close(']');
  }

  // `index` is that of a list's element, or kSingular.
  void AppendValue(const Message& message, const FieldDescriptor* field, int index) {
    const Reflection* r = message.GetReflection();
    const bool one = index == kSingular;
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return absl::StrAppend(
            out_, one ? r->GetInt32(message, field) : r->GetRepeatedInt32(message, field, index));
      case FieldDescriptor::CPPTYPE_UINT32:
        return absl::StrAppend(
            out_, one ? r->GetUInt32(message, field) : r->GetRepeatedUInt32(message, field, index));
      case FieldDescriptor::CPPTYPE_INT64:
        return absl::StrAppend(
            out_, "\"",
            one ? r->GetInt64(message, field) : r->GetRepeatedInt64(message, field, index), "\"");
      case FieldDescriptor::CPPTYPE_UINT64:
        return absl::StrAppend(
            out_, "\"",
            one ? r->GetUInt64(message, field) : r->GetRepeatedUInt64(message, field, index), "\"");
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return AppendReal(
            one ? r->GetDouble(message, field) : r->GetRepeatedDouble(message, field, index), out_);
      case FieldDescriptor::CPPTYPE_FLOAT:
        return AppendReal(
            one ? r->GetFloat(message, field) : r->GetRepeatedFloat(message, field, index), out_);
      case FieldDescriptor::CPPTYPE_BOOL: {
        const bool value =
            one ? r->GetBool(message, field) : r->GetRepeatedBool(message, field, index);
        return absl::StrAppend(out_, value ? "true" : "false");
      }
      case FieldDescriptor::CPPTYPE_ENUM:
        return AppendEnum(field, one ? r->GetEnumValue(message, field)
                                     : r->GetRepeatedEnumValue(message, field, index));
      case FieldDescriptor::CPPTYPE_STRING: {
        const std::string value =
            one ? r->GetString(message, field) : r->GetRepeatedString(message, field, index);
        const bool is_bytes = field->type() == FieldDescriptor::TYPE_BYTES;
        return AppendString(is_bytes ? absl::Base64Escape(value) : value, out_);
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return AppendMessage(one ? r->GetMessage(message, field)
                                 : r->GetRepeatedMessage(message, field, index));
    }
  }

  void AppendEnum(const FieldDescriptor* field, int number) {
    const EnumValueDescriptor* value = field->enum_type()->FindValueByNumber(number);
    if (value == nullptr) {
      absl::StrAppend(out_, number);
    } else {
      AppendString(value->name(), out_);
    }
  }

  void Open(char bracket) {
    out_->push_back(bracket);
    ++depth_;
    is_first_ = true;
  }

  void NextItem() {
    if (!is_first_) out_->push_back(',');
    is_first_ = false;
    NewLine();
  }

  void Close(char bracket) {
    --depth_;
    if (!is_first_) NewLine();
    is_first_ = false;
    out_->push_back(bracket);
  }

  void NewLine() {
    if (indent_ == 0) return;
    out_->push_back('\n');
    out_->append(static_cast<size_t>(depth_) * static_cast<size_t>(indent_), ' ');
  }

  const int indent_;
  std::string* const out_;
  int depth_ = 0;
  bool is_first_ = true;
};

}  // namespace

std::string WriteProtoJson(const Message& message, int indent) {
  std::string out;
  Writer(indent, &out).AppendMessage(message);
  return out;
}

std::string WriteJsonString(absl::string_view text) {
  std::string out;
  AppendString(text, &out);
  return out;
}

}  // namespace threadstore
