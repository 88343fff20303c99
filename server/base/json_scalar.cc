#include "server/base/json_scalar.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace threadstore {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr int64_t kMinTimestampSeconds = -62135596800;  // 0001-01-01T00:00:00Z
constexpr int64_t kMaxTimestampSeconds = 253402300799;  // 9999-12-31T23:59:59Z
constexpr size_t kMaxFractionDigits = 9;

std::string WrongKind(const FieldDescriptor* field, const Scalar& scalar) {
  return Expected(ExpectedOf(field), KindName(scalar.kind));
}

// Sets or, in a list, adds.
template <typename Value>
using Setter = void (Reflection::*)(Message*, const FieldDescriptor*, Value) const;

template <typename Value, typename From>
void Store(Message* message, const FieldDescriptor* field, From&& value, Setter<Value> set,
           Setter<Value> add) {
  (message->GetReflection()->*(field->is_repeated() ? add : set))(message, field,
                                                                  std::forward<From>(value));
}

template <typename Integer>
Fault ReadInteger(const Scalar& scalar, Message* message, const FieldDescriptor* field,
                  Setter<Integer> set, Setter<Integer> add) {
  const bool is_string = scalar.kind == Scalar::Kind::kString;
  if (scalar.kind != Scalar::Kind::kNumber && !(is_string && sizeof(Integer) == 8)) {
    return WrongKind(field, scalar);
  }
  Integer value = 0;
  // The parser of numbers skips spaces, which a string could bring along.
  if (!absl::SimpleAtoi(scalar.text, &value) || (is_string && absl::StrCat(value) != scalar.text)) {
    return absl::StrCat("expected a whole number from ", std::numeric_limits<Integer>::min(),
                        " to ", std::numeric_limits<Integer>::max());
  }
  Store<Integer>(message, field, value, set, add);
  return std::nullopt;
}

template <typename Real>
Fault ReadReal(const Scalar& scalar, Message* message, const FieldDescriptor* field,
               Setter<Real> set, Setter<Real> add) {
  Real value = 0;
  if (scalar.kind == Scalar::Kind::kString) {
    constexpr Real kInfinity = std::numeric_limits<Real>::infinity();
    if (scalar.text == "NaN") {
      value = std::numeric_limits<Real>::quiet_NaN();
    } else if (scalar.text == "Infinity") {
      value = kInfinity;
    } else if (scalar.text == "-Infinity") {
      value = -kInfinity;
    } else {
      return WrongKind(field, scalar);
    }
  } else if (scalar.kind != Scalar::Kind::kNumber) {
    return WrongKind(field, scalar);
  } else {
    double wide = 0;
    if (!absl::SimpleAtod(scalar.text, &wide) ||
        std::abs(wide) > static_cast<double>(std::numeric_limits<Real>::max())) {
      return "the number is out of range";
    }
    value = static_cast<Real>(wide);
  }
  Store<Real>(message, field, value, set, add);
  return std::nullopt;
}

Fault ReadBool(const Scalar& scalar, Message* message, const FieldDescriptor* field) {
  if (scalar.kind != Scalar::Kind::kBool) return WrongKind(field, scalar);
  Store<bool>(message, field, scalar.boolean, &Reflection::SetBool, &Reflection::AddBool);
  return std::nullopt;
}

Fault ReadEnum(const Scalar& scalar, Message* message, const FieldDescriptor* field) {
  if (scalar.kind != Scalar::Kind::kNumber && scalar.kind != Scalar::Kind::kString) {
    return WrongKind(field, scalar);
  }
  const google::protobuf::EnumDescriptor* type = field->enum_type();
  const EnumValueDescriptor* value = nullptr;
  int32_t number = 0;
  // An open enum keeps numbers that are newer than this program.
  bool is_known = false;
  if (scalar.kind == Scalar::Kind::kString) {
    value = type->FindValueByName(std::string(scalar.text));
  } else if (absl::SimpleAtoi(scalar.text, &number)) {
    value = type->FindValueByNumber(number);
    is_known = message->GetReflection()->SupportsUnknownEnumValues();
  }
  if (value != nullptr) {
    number = value->number();
    is_known = true;
  }
  if (!is_known)
    return absl::StrCat(Quotable(scalar.text), " is not a value of ", type->full_name());
  Store<int>(message, field, number, &Reflection::SetEnumValue, &Reflection::AddEnumValue);
  return std::nullopt;
}

// Decodes base64 of either alphabet. Unlike Abseil's decoder it takes no spaces, no wrong
// padding and no bits that belong to no byte.
std::optional<std::string> DecodeBase64(absl::string_view text) {
  const std::string standard = absl::StrReplaceAll(text, {{"-", "+"}, {"_", "/"}});
  std::string bytes;
  if (!absl::Base64Unescape(standard, &bytes)) return std::nullopt;
  const std::string padded = absl::Base64Escape(bytes);
  absl::string_view canonical = padded;
  while (!absl::EndsWith(standard, "=") && absl::ConsumeSuffix(&canonical, "=")) {
  }
  if (canonical != standard) return std::nullopt;
  return bytes;
}

Fault ReadString(const Scalar& scalar, Message* message, const FieldDescriptor* field) {
  if (scalar.kind != Scalar::Kind::kString) return WrongKind(field, scalar);
  std::string value(scalar.text);
  if (field->type() == FieldDescriptor::TYPE_BYTES) {
    std::optional<std::string> bytes = DecodeBase64(scalar.text);
    if (!bytes.has_value()) return "the string is not base64";
    value = *std::move(bytes);
  }
  Store<std::string>(message, field, std::move(value), &Reflection::SetString,
                     &Reflection::AddString);
  return std::nullopt;
}

// Whether `text` has the shape of an RFC 3339 time. Whether there is such a day is left to the
// calendar; what Abseil's parser takes beyond RFC 3339 is refused here.
bool HasTimeShape(absl::string_view text) {
  constexpr absl::string_view kDateAndTime = "dddd-dd-ddTdd:dd:dd";
  constexpr absl::string_view kOffset = "+dd:dd";
  const auto consume = [&text](absl::string_view shape) {
    if (text.size() < shape.size()) return false;
    const bool matches = std::equal(shape.begin(), shape.end(), text.begin(), [](char s, char c) {
      if (s == 'd') return absl::ascii_isdigit(static_cast<unsigned char>(c));
      return s == '+' ? c == '+' || c == '-' : s == c;
    });
    text.remove_prefix(shape.size());
    return matches;
  };
  const absl::string_view seconds = text.size() < 19 ? "" : text.substr(17, 2);
  if (!consume(kDateAndTime) || seconds > "59") return false;
  if (absl::ConsumePrefix(&text, ".")) {
    const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0 || digits > kMaxFractionDigits) return false;
    text.remove_prefix(digits);
  }
  if (text == "Z") return true;
  const absl::string_view offset = text;
  return consume(kOffset) && text.empty() && offset.substr(1, 2) <= "23" &&
         offset.substr(4) <= "59";
}

Fault ReadTimestamp(const Scalar& scalar, Message* timestamp) {
  constexpr absl::string_view kExpected =
      "expected an RFC 3339 time such as 2016-12-31T23:58:15.3049+03:00";
  if (scalar.kind != Scalar::Kind::kString) {
    return absl::StrCat(kExpected, ", got ", KindName(scalar.kind));
  }
  if (!HasTimeShape(scalar.text)) return std::string(kExpected);
  absl::Time time;
  if (!absl::ParseTime(absl::RFC3339_full, scalar.text, &time, /*err=*/nullptr)) {
    return "there is no such date or time of day";
  }
  const int64_t seconds = absl::ToUnixSeconds(time);
  if (seconds < kMinTimestampSeconds || seconds > kMaxTimestampSeconds) {
    return "the time is outside the years 0001 to 9999 in UTC";
  }
  const auto nanos =
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds)));
  // By reflection, since a Timestamp inside a dynamic message is not the generated class.
  const Descriptor* type = timestamp->GetDescriptor();
  const Reflection* reflection = timestamp->GetReflection();
  reflection->SetInt64(timestamp, type->FindFieldByName("seconds"), seconds);
  reflection->SetInt32(timestamp, type->FindFieldByName("nanos"), nanos);
  return std::nullopt;
}

}  // namespace

bool IsTimestamp(const Descriptor* type) {
  return type->well_known_type() == Descriptor::WELLKNOWNTYPE_TIMESTAMP;
}

std::string Quotable(absl::string_view text) {
  constexpr size_t kMaxQuotedBytes = 80;
  if (text.size() <= kMaxQuotedBytes) return absl::Utf8SafeCEscape(text);
  size_t end = kMaxQuotedBytes;
  while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return absl::StrCat(absl::Utf8SafeCEscape(text.substr(0, end)), "...");
}

absl::string_view KindName(Scalar::Kind kind) {
  switch (kind) {
    case Scalar::Kind::kNull:
      return "null";
    case Scalar::Kind::kBool:
      return "a boolean";
    case Scalar::Kind::kNumber:
      return "a number";
    case Scalar::Kind::kString:
      return "a string";
  }
  return "";
}

absl::string_view ExpectedOf(const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return "the name of an enum value";
    case FieldDescriptor::CPPTYPE_STRING:
      return "a string";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return IsTimestamp(field->message_type()) ? "a time" : "an object";
    default:
      return "a number";
  }
}

std::string Expected(absl::string_view expected, absl::string_view got) {
  return absl::StrCat("expected ", expected, ", got ", got);
}

Message* NewSubmessage(Message* message, const FieldDescriptor* field) {
  const Reflection* reflection = message->GetReflection();
  return field->is_repeated() ? reflection->AddMessage(message, field)
                              : reflection->MutableMessage(message, field);
}

Fault ReadScalar(const Scalar& scalar, Message* message, const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return ReadInteger<int32_t>(scalar, message, field, &Reflection::SetInt32,
                                  &Reflection::AddInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return ReadInteger<int64_t>(scalar, message, field, &Reflection::SetInt64,
                                  &Reflection::AddInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return ReadInteger<uint32_t>(scalar, message, field, &Reflection::SetUInt32,
                                   &Reflection::AddUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return ReadInteger<uint64_t>(scalar, message, field, &Reflection::SetUInt64,
                                   &Reflection::AddUInt64);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return ReadReal<double>(scalar, message, field, &Reflection::SetDouble,
                              &Reflection::AddDouble);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return ReadReal<float>(scalar, message, field, &Reflection::SetFloat, &Reflection::AddFloat);
    case FieldDescriptor::CPPTYPE_BOOL:
      return ReadBool(scalar, message, field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return ReadEnum(scalar, message, field);
    case FieldDescriptor::CPPTYPE_STRING:
      return ReadString(scalar, message, field);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (!IsTimestamp(field->message_type())) return WrongKind(field, scalar);
      return ReadTimestamp(scalar, NewSubmessage(message, field));
  }
  return WrongKind(field, scalar);
}

}  // namespace threadstore
