#include "server/base/proto_json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <set>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "nlohmann/json.hpp"

namespace threadstore {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr absl::string_view kWhitespace = " \t\n\r";

constexpr int64_t kMinTimestampSeconds = -62135596800;  // 0001-01-01T00:00:00Z
constexpr int64_t kMaxTimestampSeconds = 253402300799;  // 9999-12-31T23:59:59Z
constexpr size_t kMaxFractionDigits = 9;

// What is wrong with a value; nothing if it is fine.
using Fault = std::optional<std::string>;

bool IsTimestamp(const Descriptor* type) {
  return type->well_known_type() == Descriptor::WELLKNOWNTYPE_TIMESTAMP;
}

bool HasUnknownJsonForm(const Descriptor* type) {
  return type->well_known_type() != Descriptor::WELLKNOWNTYPE_UNSPECIFIED && !IsTimestamp(type);
}

bool IsReadable(const FieldDescriptor* field) {
  if (field->type() == FieldDescriptor::TYPE_GROUP || field->is_map()) return false;
  return field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE ||
         !HasUnknownJsonForm(field->message_type());
}

bool IsContinuationByte(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Input that goes into a message, made safe to print and short.
std::string Quotable(absl::string_view text) {
  constexpr size_t kMaxQuotedBytes = 80;
  if (text.size() <= kMaxQuotedBytes) return absl::Utf8SafeCEscape(text);
  size_t end = kMaxQuotedBytes;
  while (IsContinuationByte(text[end])) --end;
  return absl::StrCat(absl::Utf8SafeCEscape(text.substr(0, end)), "...");
}

// ---- Scalars ----

// A JSON value that is neither a list nor an object.
struct Scalar {
  enum class Kind { kNull, kBool, kNumber, kString };
  Kind kind = Kind::kNull;
  bool boolean = false;
  absl::string_view text = "";  // a number as written; a string's value
};

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

// What a value of `field`, or an element if it is a list, has to be.
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

Message* NewSubmessage(Message* message, const FieldDescriptor* field) {
  const Reflection* reflection = message->GetReflection();
  return field->is_repeated() ? reflection->AddMessage(message, field)
                              : reflection->MutableMessage(message, field);
}

// Stores a scalar other than null into `field`, or adds it if that is a list.
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

// ---- Names ----

const FieldDescriptor* FindField(const Descriptor* type, absl::string_view name) {
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (name == field->json_name() || name == field->name()) return field;
  }
  return nullptr;
}

bool IsIgnored(absl::string_view name) {
  return absl::StartsWith(name, "@") || absl::StrContains(name, "@odata.");
}

// How many characters have to be changed, added or removed to make `a` of `b`.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::string UnknownMember(const Descriptor* type, absl::string_view name) {
  constexpr size_t kMaxTypo = 2;
  constexpr size_t kMaxNameBytes = 64;
  const FieldDescriptor* nearest = nullptr;
  size_t least = kMaxTypo + 1;
  for (int i = 0; i < type->field_count() && name.size() <= kMaxNameBytes; ++i) {
    const size_t distance = EditDistance(absl::AsciiStrToLower(name),
                                         absl::AsciiStrToLower(type->field(i)->json_name()));
    if (distance < std::min(least, name.size())) {
      least = distance;
      nearest = type->field(i);
    }
  }
  if (nearest == nullptr) return "unknown member";
  return absl::StrCat("unknown member; did you mean ", nearest->json_name(), "?");
}

// ---- Reader ----

// Receives the tokens of nlohmann's parser, which keeps its own stack and never recurses. Its
// positions are those of its lookahead, so a token is found again in the text: it begins behind
// the one before it, white space and the one separator that may stand there.
class Reader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Reader(absl::string_view json, Message* message) : json_(json), root_(message) {
    if (absl::StartsWith(json_, kByteOrderMark)) text_begin_ = kByteOrderMark.size();
    token_end_ = text_begin_;
  }

  absl::Status Read() {
    if (HasUnknownJsonForm(root_->GetDescriptor()) || IsTimestamp(root_->GetDescriptor())) {
      return absl::InvalidArgumentError(
          absl::StrCat(root_->GetDescriptor()->full_name(), " is not read from an object"));
    }
    if (nlohmann::json::sax_parse(json_.begin(), json_.end(), this) && !AtEnd()) {
      // The parser takes U+0000 for the end.
      SyntaxError("");
    }
    return status_;
  }

  bool null() override { return OnScalar({Scalar::Kind::kNull}); }
  bool boolean(bool value) override { return OnScalar({Scalar::Kind::kBool, value}); }
  bool number_integer(number_integer_t /*value*/) override { return OnNumber(); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return OnNumber(); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override {
    return OnNumber();
  }
  bool string(string_t& value) override { return OnScalar({Scalar::Kind::kString, false, value}); }
  bool binary(binary_t& /*value*/) override { return Fail("binary values are not JSON"); }

  bool start_object(size_t /*size*/) override {
    BeginValue();
    if (!CheckDepth()) return false;
    Frame frame;
    if (frames_.empty()) {
      frame.message = root_;
    } else if (const FieldDescriptor* field = frames_.back().field; field != nullptr) {
      if (const Fault fault = CheckObject(field); fault.has_value()) return Fail(*fault);
      frame.message = NewSubmessage(frames_.back().message, field);
    }
    frames_.push_back(std::move(frame));
    after_ = After::kOpen;
    return true;
  }

  bool key(string_t& name) override {
    NextToken();
    Frame& frame = frames_.back();
    frame.member = name;
    frame.field = nullptr;
    after_ = After::kKey;
    const bool ignored = frame.message == nullptr || IsIgnored(name);
    if (!ignored) frame.field = FindField(frame.message->GetDescriptor(), name);
    const std::string& identity = frame.field == nullptr ? name : frame.field->name();
    if (!frame.members.insert(identity).second) return Fail("duplicate member");
    if (ignored) return true;
    if (frame.field == nullptr) return Fail(UnknownMember(frame.message->GetDescriptor(), name));
    if (!IsReadable(frame.field)) {
      return Fail(
          absl::StrCat("members of type ",
                       frame.field->is_map() ? "map" : frame.field->message_type()->full_name(),
                       " are not read from JSON"));
    }
    return true;
  }

  bool end_object() override { return EndContainer(); }

  bool start_array(size_t /*size*/) override {
    BeginValue();
    if (!CheckDepth()) return false;
    if (frames_.empty()) return Fail(Expected("an object", "a list"));
    Frame frame;
    frame.is_list = true;
    const Frame& parent = frames_.back();
    if (parent.field != nullptr) {
      if (parent.is_list || !parent.field->is_repeated()) {
        return Fail(Expected(ExpectedOf(parent.field), "a list"));
      }
      frame.message = parent.message;
      frame.field = parent.field;
    }
    frames_.push_back(std::move(frame));
    after_ = After::kOpen;
    return true;
  }

  bool end_array() override { return EndContainer(); }

  bool parse_error(size_t /*position*/, const std::string& /*last_token*/,
                   const nlohmann::detail::exception& error) override {
    constexpr int kNumberOverflow = 406;
    if (error.id != kNumberOverflow) return SyntaxError(error.what());
    BeginValue();
    return Fail("the number is out of range");
  }

 private:
  // An open object or list.
  struct Frame {
    bool is_list = false;
    // The message that is read, or that the list belongs to; null inside an ignored member.
    Message* message = nullptr;
    // The field of the current member, or of the list; null if the member is ignored.
    const FieldDescriptor* field = nullptr;
    std::string member;             // of an object: the current one as written
    int index = -1;                 // of a list: the current element
    bool in_value = false;          // of a list: whether an element is being read
    std::set<std::string> members;  // of an object: those read
  };

  // What the last token was, so far as it decides what may follow.
  enum class After { kNothing, kOpen, kKey, kValue };

  // ---- Tokens ----

  struct Place {
    size_t offset;
    bool separated;  // whether the separator that may stand before it does
  };

  // Where the token behind the last one begins; the end of the text if there is none.
  Place FindNext() const {
    Place place{SkipWhitespace(token_end_), false};
    const bool may_separate =
        after_ == After::kKey || (after_ == After::kValue && !frames_.empty());
    const char separator = after_ == After::kKey ? ':' : ',';
    if (may_separate && place.offset < json_.size() && json_[place.offset] == separator) {
      place = {SkipWhitespace(place.offset + 1), true};
    }
    return place;
  }

  size_t SkipWhitespace(size_t offset) const {
    return std::min(json_.find_first_not_of(kWhitespace, offset), json_.size());
  }

  bool AtEnd() const { return FindNext().offset == json_.size(); }

  // Moves to the next token, which the parser has found to be well formed.
  void NextToken() {
    token_begin_ = FindNext().offset;
    token_end_ = TokenEnd(token_begin_);
  }

  size_t TokenEnd(size_t begin) const {
    switch (json_[begin]) {
      case '"': {
        size_t i = begin + 1;
        while (json_[i] != '"') i += json_[i] == '\\' ? 2 : 1;
        return i + 1;
      }
      case '{':
      case '}':
      case '[':
      case ']':
        return begin + 1;
      case 'f':
        return begin + absl::string_view("false").size();
      case 't':
      case 'n':
        return begin + absl::string_view("true").size();
      default:
        return NumberEnd(begin);
    }
  }

  size_t NumberEnd(size_t begin) const {
    const auto skip = [this](absl::string_view characters, size_t from) {
      return from < json_.size() && absl::StrContains(characters, json_[from]) ? from + 1 : from;
    };
    const auto skip_digits = [this](size_t from) {
      return std::min(json_.find_first_not_of("0123456789", from), json_.size());
    };
    size_t i = skip("-", begin);
    i = skip("0", i) > i ? i + 1 : skip_digits(i);
    if (skip(".", i) > i) i = skip_digits(i + 1);
    if (skip("eE", i) > i) i = skip_digits(skip("+-", i + 1));
    return i;
  }

  static bool IsWordCharacter(char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("+-._", c);
  }

  // ---- Values ----

  void CountElement() {
    if (frames_.empty() || !frames_.back().is_list) return;
    ++frames_.back().index;
    frames_.back().in_value = true;
  }

  void BeginValue() {
    NextToken();
    CountElement();
  }

  bool EndValue() {
    after_ = After::kValue;
    if (!frames_.empty()) {
      frames_.back().member.clear();
      frames_.back().in_value = false;
    }
    return true;
  }

  bool EndContainer() {
    NextToken();
    frames_.pop_back();
    return EndValue();
  }

  bool CheckDepth() {
    if (frames_.size() < kMaxJsonDepth) return true;
    return Fail(absl::StrCat("more than ", kMaxJsonDepth, " levels of lists and objects"));
  }

  bool OnNumber() { return OnScalar({Scalar::Kind::kNumber}); }

  bool OnScalar(Scalar scalar) {
    BeginValue();
    if (frames_.empty()) return Fail(Expected("an object", KindName(scalar.kind)));
    if (scalar.kind == Scalar::Kind::kNumber) {
      scalar.text = json_.substr(token_begin_, token_end_ - token_begin_);
    }
    const Frame& frame = frames_.back();
    if (frame.field == nullptr) return EndValue();
    if (frame.field->is_repeated() && !frame.is_list) {
      return Fail(Expected("a list", KindName(scalar.kind)));
    }
    if (scalar.kind == Scalar::Kind::kNull) {
      return frame.is_list ? Fail(Expected(ExpectedOf(frame.field), "null")) : EndValue();
    }
    Fault fault = CheckOneof(frame);
    if (!fault.has_value()) fault = ReadScalar(scalar, frame.message, frame.field);
    return fault.has_value() ? Fail(*fault) : EndValue();
  }

  Fault CheckObject(const FieldDescriptor* field) const {
    if (field->is_repeated() && !frames_.back().is_list) return Expected("a list", "an object");
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE ||
        IsTimestamp(field->message_type())) {
      return Expected(ExpectedOf(field), "an object");
    }
    return CheckOneof(frames_.back());
  }

  static Fault CheckOneof(const Frame& frame) {
    const OneofDescriptor* oneof = frame.field->real_containing_oneof();
    if (oneof == nullptr) return std::nullopt;
    const Reflection* reflection = frame.message->GetReflection();
    const FieldDescriptor* other = reflection->GetOneofFieldDescriptor(*frame.message, oneof);
    if (other == nullptr) return std::nullopt;
    return absl::StrCat("cannot stand beside ", other->json_name());
  }

  // ---- Errors ----

  // The member that is being read, such as `toRecipients[1].emailAddress`.
  std::string Path() const {
    std::string path;
    for (const Frame& frame : frames_) {
      if (frame.is_list && frame.in_value) {
        absl::StrAppend(&path, "[", frame.index, "]");
      } else if (!frame.member.empty()) {
        absl::StrAppend(&path, path.empty() ? "" : ".", Quotable(frame.member));
      }
    }
    return path;
  }

  // Records an error at the current token and ends the parsing.
  bool Fail(absl::string_view what) {
    const absl::string_view before = json_.substr(text_begin_, token_begin_ - text_begin_);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const absl::string_view in_line = before.substr(before.rfind('\n') + 1);
    const auto column = std::count_if(in_line.begin(), in_line.end(),
                                      [](char c) { return !IsContinuationByte(c); }) +
                        1;
    const std::string path = Path();
    status_ = absl::InvalidArgumentError(absl::StrCat("line ", line, ", column ", column, ": ",
                                                      path, path.empty() ? "" : ": ", what));
    return false;
  }

  bool InObject() const { return !frames_.empty() && !frames_.back().is_list; }

  absl::string_view ExpectedNext(bool separated) const {
    switch (after_) {
      case After::kNothing:
        return "an object";
      case After::kOpen:
        return InObject() ? "a member's name in double quotes or }" : "a value or ]";
      case After::kKey:
        return separated ? "a value" : ":";
      case After::kValue:
        if (frames_.empty()) return "nothing more";
        if (separated) return InObject() ? "a member's name in double quotes" : "a value";
        return InObject() ? ", or }" : ", or ]";
    }
    return "";
  }

  // The start of the current token, or what stands in its place.
  std::string Got() const {
    constexpr size_t kMaxWordBytes = 20;
    const absl::string_view rest = json_.substr(token_begin_);
    if (rest.empty()) return "the end of the text";
    if (rest[0] == '"') return "a string";
    size_t length = 0;
    while (length < std::min(rest.size(), kMaxWordBytes) && IsWordCharacter(rest[length])) ++length;
    if (length > 0) return std::string(rest.substr(0, length));
    if (absl::ascii_isgraph(static_cast<unsigned char>(rest[0]))) return std::string(1, rest[0]);
    return absl::StrFormat("the byte 0x%02X", static_cast<unsigned char>(rest[0]));
  }

  // What the parser found wrong inside a token; empty if the token itself is fine. Its text is
  // `... - WHAT; last read: '...'`, the latter only in this case.
  static absl::string_view TokenFault(absl::string_view parser_message) {
    const size_t end = parser_message.find("; last read: ");
    if (end == absl::string_view::npos) return "";
    parser_message = parser_message.substr(0, end);
    for (const absl::string_view kind : {"invalid string", "invalid number"}) {
      const size_t begin = parser_message.find(kind);
      if (begin != absl::string_view::npos) return parser_message.substr(begin);
    }
    return "";
  }

  bool SyntaxError(absl::string_view parser_message) {
    const auto [offset, separated] = FindNext();
    token_begin_ = offset;
    const absl::string_view rest = json_.substr(offset);
    const bool in_list = !frames_.empty() && frames_.back().is_list;
    const bool closes = absl::StartsWith(rest, "}") || absl::StartsWith(rest, "]");
    if (after_ == After::kValue && separated && closes) return Fail("trailing comma");
    if (in_list && (after_ == After::kOpen || separated)) CountElement();
    if (after_ == After::kNothing && rest.empty()) return Fail("there is no JSON here");
    if (const absl::string_view fault = TokenFault(parser_message); !fault.empty()) {
      return Fail(fault);
    }
    std::string what = Expected(ExpectedNext(separated), Got());
    if (absl::StartsWith(rest, "'")) absl::StrAppend(&what, "; strings are in double quotes");
    if (absl::StartsWith(rest, "/") || absl::StartsWith(rest, "#")) {
      absl::StrAppend(&what, "; JSON has no comments");
    }
    return Fail(what);
  }

  const absl::string_view json_;
  Message* const root_;
  size_t text_begin_ = 0;  // behind the byte order mark
  size_t token_begin_ = 0;
  size_t token_end_ = 0;
  After after_ = After::kNothing;
  std::vector<Frame> frames_;
  absl::Status status_;
};

// ---- Writer ----

void AppendString(absl::string_view text, std::string* out) {
  out->push_back('"');
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool is_c1 =
        byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (byte == '"' || byte == '\\') {
      out->append({'\\', text[i]});
    } else if (byte == '\n') {
      out->append("\\n");
    } else if (byte == '\t') {
      out->append("\\t");
    } else if (is_c1) {
      absl::StrAppendFormat(out, "\\u%04x", static_cast<unsigned char>(text[++i]));
    } else if (absl::ascii_iscntrl(byte)) {
      absl::StrAppendFormat(out, "\\u%04x", byte);
    } else {
      out->push_back(text[i]);
    }
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
  absl::StrAppend(
      out, "\"",
      absl::FormatTime("%E4Y-%m-%dT%H:%M:%S", absl::FromUnixSeconds(seconds), absl::UTCTimeZone()));
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

absl::Status ReadProtoJson(absl::string_view json, Message* message) {
  message->Clear();
  absl::Status status = Reader(json, message).Read();
  if (!status.ok()) message->Clear();
  return status;
}

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
