#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/descriptor.h"
#include "nlohmann/json.hpp"
#include "server/base/json_dialect.h"
#include "server/base/json_scalar.h"
#include "server/base/nearest_name.h"
#include "server/base/proto_json.h"

namespace threadstore {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool HasUnknownJsonForm(const Descriptor* type) {
  return type->well_known_type() != Descriptor::WELLKNOWNTYPE_UNSPECIFIED && !IsTimestamp(type);
}

bool IsReadable(const FieldDescriptor* field) {
  if (field->type() == FieldDescriptor::TYPE_GROUP || field->is_map()) return false;
  return field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE ||
         !HasUnknownJsonForm(field->message_type());
}

bool IsWhitespace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool IsContinuationByte(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::string PathText(const FieldPath& path) {
  return absl::StrJoin(path, ".", [](std::string* out, const FieldDescriptor* field) {
    out->append(field->name());
  });
}

// Whether a path leads on from where `above` ends.
bool IsBelow(absl::string_view path, absl::string_view above) {
  return path.size() > above.size() && path[above.size()] == '.' && absl::StartsWith(path, above);
}

// Receives the tokens of nlohmann's parser, which keeps its own stack and never recurses. Its
// positions are those of its lookahead, so a token is found again in the text: it begins behind
// the one before it, white space and the one separator that may stand there.
class Reader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Reader(absl::string_view json, JsonDialect& dialect, Message* message)
      : json_(json), dialect_(dialect), root_(message) {
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
    } else if (const FieldDescriptor* field = frames_.back().field(); field != nullptr) {
      if (const Fault fault = CheckObject(field); fault.has_value()) return Fail(*fault);
      frame.message = NewSubmessage(Holder(frames_.back()), field);
    }
    frames_.push_back(std::move(frame));
    after_ = After::kOpen;
    return true;
  }

  bool key(string_t& name) override {
    NextToken();
    Frame& frame = frames_.back();
    frame.member = name;
    frame.quoted_member = Token();
    frame.use = JsonDialect::Use::kIgnored;
    frame.path.clear();
    after_ = After::kKey;
    JsonDialect::Member found = {JsonDialect::Use::kIgnored};
    if (frame.message != nullptr) found = dialect_.Find(*frame.message, name);
    if (const Fault fault = AddMember(found, frame); fault.has_value()) return Fail(*fault);
    if (found.use == JsonDialect::Use::kUnknown) {
      return Fail(found.problem.empty() ? UnknownMember() : found.problem);
    }
    frame.use = found.use;
    frame.path = std::move(found.path);
    if (frame.field() != nullptr && !IsReadable(frame.field())) {
      return Fail(
          absl::StrCat("members of type ",
                       frame.field()->is_map() ? "map" : frame.field()->message_type()->full_name(),
                       " are not read from JSON"));
    }
    return true;
  }

  bool end_object() override {
    NextToken();
    const Frame& frame = frames_.back();
    if (frame.message != nullptr) {
      const Fault fault = dialect_.EndObject(frame.members, frame.message);
      if (fault.has_value()) return Fail(*fault);
    }
    return EndContainer();
  }

  bool start_array(size_t /*size*/) override {
    BeginValue();
    if (!CheckDepth()) return false;
    if (frames_.empty()) return Fail(Expected("an object", "a list"));
    Frame frame;
    frame.is_list = true;
    const Frame& parent = frames_.back();
    if (const FieldDescriptor* field = parent.field(); field != nullptr) {
      if (parent.is_list || !field->is_repeated()) {
        return Fail(Expected(ExpectedOf(field), "a list"));
      }
      if (const Fault fault = CheckOneofs(parent); fault.has_value()) return Fail(*fault);
      frame.message = Holder(parent);
      frame.path = {field};
    }
    frames_.push_back(std::move(frame));
    after_ = After::kOpen;
    return true;
  }

  bool end_array() override {
    NextToken();
    return EndContainer();
  }

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
    // The message that is read, or that has the list; null if what is read is not for a message.
    Message* message = nullptr;
    // To the field of the current member, or of the list; empty if the member has none.
    FieldPath path;

    // Of an object: the current member, decoded and as written, and what to do with it.
    std::string member;
    absl::string_view quoted_member;
    JsonDialect::Use use = JsonDialect::Use::kIgnored;
    size_t value_begin = 0;
    JsonDialect::Members members;  // Those read.

    // Of a list: the current element, and whether it is being read.
    int index = -1;
    bool in_value = false;

    const FieldDescriptor* field() const { return path.empty() ? nullptr : path.back(); }
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
    while (offset < json_.size() && IsWhitespace(json_[offset])) ++offset;
    return offset;
  }

  absl::string_view Token() const { return json_.substr(token_begin_, token_end_ - token_begin_); }

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
    if (!frames_.empty()) frames_.back().value_begin = token_begin_;
    CountElement();
  }

  // `scalar` is what the value was; null if it was a list or an object.
  bool EndValue(const Scalar* scalar) {
    after_ = After::kValue;
    if (frames_.empty()) return true;
    Frame& frame = frames_.back();
    if (!frame.is_list && frame.use == JsonDialect::Use::kRaw) {
      const JsonDialect::RawValue value = {
          frame.member, frame.quoted_member,
          json_.substr(frame.value_begin, token_end_ - frame.value_begin), scalar};
      if (const Fault fault = dialect_.TakeRaw(value, frame.message); fault.has_value()) {
        token_begin_ = frame.value_begin;
        return Fail(*fault);
      }
    }
    frame.member.clear();
    frame.in_value = false;
    return true;
  }

  bool EndContainer() {
    frames_.pop_back();
    return EndValue(nullptr);
  }

  bool CheckDepth() {
    if (frames_.size() < kMaxProtoJsonDepth) return true;
    return Fail(absl::StrCat("more than ", kMaxProtoJsonDepth, " levels of lists and objects"));
  }

  bool OnNumber() { return OnScalar({Scalar::Kind::kNumber}); }

  bool OnScalar(Scalar scalar) {
    BeginValue();
    if (frames_.empty()) return Fail(Expected("an object", KindName(scalar.kind)));
    if (scalar.kind == Scalar::Kind::kNumber) scalar.text = Token();
    Frame& frame = frames_.back();
    const FieldDescriptor* field = frame.field();
    if (field == nullptr) return EndValue(&scalar);
    if (field->is_repeated() && !frame.is_list) {
      return Fail(Expected("a list", KindName(scalar.kind)));
    }
    if (scalar.kind == Scalar::Kind::kNull) {
      if (frame.is_list) return Fail(Expected(ExpectedOf(field), "null"));
      frame.members.fields[PathText(frame.path)] = true;
      return EndValue(&scalar);
    }
    Fault fault = CheckOneofs(frame);
    if (!fault.has_value()) fault = dialect_.ReadScalar(scalar, Holder(frame), field);
    return fault.has_value() ? Fail(*fault) : EndValue(&scalar);
  }

  Fault CheckObject(const FieldDescriptor* field) const {
    if (field->is_repeated() && !frames_.back().is_list) return Expected("a list", "an object");
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE ||
        IsTimestamp(field->message_type())) {
      return Expected(ExpectedOf(field), "an object");
    }
    return CheckOneofs(frames_.back());
  }

  std::string UnknownMember() const {
    const Frame& frame = frames_.back();
    const absl::string_view meant = NearestName(frame.member, dialect_.Names(*frame.message));
    if (meant.empty()) return "unknown member";
    return absl::StrCat("unknown member; did you mean ", meant, "?");
  }

  // Notes down that an object has a member.
  static Fault AddMember(const JsonDialect::Member& found, Frame& frame) {
    constexpr absl::string_view kDuplicate = "duplicate member";
    if (found.path.empty()) {
      if (frame.members.others.insert(frame.member).second) return std::nullopt;
      return std::string(kDuplicate);
    }
    const std::string path = PathText(found.path);
    for (const auto& [other, is_null] : frame.members.fields) {
      // A message cannot be read as a whole and in parts.
      if (IsBelow(other, path) || IsBelow(path, other)) {
        return absl::StrCat("cannot stand beside ",
                            path.size() < other.size() ? "parts of it" : other);
      }
    }
    if (frame.members.fields.try_emplace(path, false).second) return std::nullopt;
    return std::string(kDuplicate);
  }

  // The message that has the field of the current member.
  static Message* Holder(const Frame& frame) {
    Message* holder = frame.message;
    for (size_t i = 0; i + 1 < frame.path.size(); ++i) {
      holder = NewSubmessage(holder, frame.path[i]);
    }
    return holder;
  }

  // That no other field of a oneof is set where the current member would set one.
  static Fault CheckOneofs(const Frame& frame) {
    const Message* holder = frame.message;
    for (const FieldDescriptor* field : frame.path) {
      const Reflection* reflection = holder->GetReflection();
      if (const OneofDescriptor* oneof = field->real_containing_oneof(); oneof != nullptr) {
        const FieldDescriptor* other = reflection->GetOneofFieldDescriptor(*holder, oneof);
        if (other != nullptr && other != field) {
          return absl::StrCat("cannot stand beside ", other->json_name());
        }
      }
      if (field != frame.path.back()) holder = &reflection->GetMessage(*holder, field);
    }
    return std::nullopt;
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
  JsonDialect& dialect_;
  Message* const root_;
  size_t text_begin_ = 0;  // behind the byte order mark
  size_t token_begin_ = 0;
  size_t token_end_ = 0;
  After after_ = After::kNothing;
  std::vector<Frame> frames_;
  absl::Status status_;
};

}  // namespace

absl::Status ReadJson(absl::string_view json, JsonDialect& dialect, Message* message) {
  message->Clear();
  absl::Status status = Reader(json, dialect, message).Read();
  if (!status.ok()) message->Clear();
  return status;
}

absl::Status ReadProtoJson(absl::string_view json, Message* message) {
  JsonDialect proto_json;
  return ReadJson(json, proto_json, message);
}

}  // namespace threadstore
