#include "server/http/describe/comments.h"

#include <algorithm>
#include <regex>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/protobuf/stubs/logging.h"
#include "google/rpc/code.pb.h"
#include "google/rpc/error_details.pb.h"
#include "server/http/graph_error.h"
#include "threadstore/v1/error_reason.pb.h"

namespace threadstore {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::MethodDescriptor;

// Fields of requests, codes and others that are not named after a property. A name with a dot goes
// before its parts.
const std::pair<const char*, const char*> kNames[] = {
    {"post.etag", "If-Match"},
    {"thread.etag", "If-Match"},
    {"conversation.etag", "If-Match"},
    {"create_time", "createdDateTime"},
    {"delta_token", "$deltatoken"},
    {"display_name", "displayName"},
    {"expand", "$expand"},
    {"filter", "$filter"},
    {"include_total_size", "$count"},
    {"next_page_token", "@odata.nextLink"},
    {"order_by", "$orderby"},
    {"page_size", "$top"},
    {"page_token", "$skiptoken"},
    {"query", "$search"},
    {"read_mask", "$select"},
    {"request_id", "Idempotency-Key"},
    {"total_size", "@odata.count"},
    {"update_mask", "the body"},
    {"etag", "@odata.etag"},
};

// Codes of gRPC that stand without a reason.
const std::pair<const char*, const char*> kStatuses[] = {
    {"INVALID_ARGUMENT", "400"},  {"UNAUTHENTICATED", "401"},
    {"PERMISSION_DENIED", "403"}, {"NOT_FOUND", "404"},
    {"ALREADY_EXISTS", "409"},    {"FAILED_PRECONDITION", "400"},
    {"OUT_OF_RANGE", "410"},      {"ABORTED", "412"},
    {"UNAVAILABLE", "503"},       {"RESOURCE_EXHAUSTED", "429, 503 or 507"},
    {"DEADLINE_EXCEEDED", "504"},
};

// What is for callers of gRPC, and what stands in its place.
const std::pair<const char*, const char*> kPhrases[] = {
    {", under their names here or Graph's camelCase", ""},
    {" -- with `/` for `.` in Graph's form -- ", ""},
    {" Graph's names of fields are taken as well, and `createdDateTime` for `createdDateTime`.",
     ""},
    {"`createdDateTime` and `receivedDateTime`, also as Graph writes them, mean the same",
     "`receivedDateTime` means the same"},
    {"; numbers 1 to 9 are its nine properties in Graph's order", ""},
    {" A create that carries one is refused.", ""},
    {" Ignored on create.", ""},
    {" Graph's `name`.", ""},
    {" Empty in the basic view.", ""},
    {"In the full view a page ends early", "A page may end early"},
    {"Deletes a group that has no threads, with its members. 400 `ErrorInvalidRequest` if it has "
     "any.",
     "Deletes a group with its members and threads."},
    {"Under the name `groups/{group}/owners/{user}` it", "Under `owners` it"},
    {" under `groups/{group}/owners`", " under `owners`"},
    {"Under `groups/{group}/owners` it", "Under `owners` it"},
    {"The last segment of the name.", "The key of its paths."},
    {", and returns it.", "."},
    {" in the mask", ""},
};

constexpr absl::string_view kBehaviours[] = {"Required. ", "Optional. ", "Immutable. ",
                                             "Output only. ", "Identifier. "};

// Properties that no field holds.
const std::pair<const char*, const char*> kPropertiesWithoutField[] = {
    {"changeKey", "Changes with every change of the post: what its `@odata.etag` has in quotes."},
    {"id", "`microsoft.graph.openTypeExtension.` and the extension's name."},
    {"contentLocation", "Always null."},
    {"visibility", "Always `Private`: only members see what is in a group."},
    {"groupTypes", "Always `Unified`, as conversations belong to Microsoft 365 groups."},
    {"mailEnabled", "Always true."},
    {"securityEnabled", "Always false."},
};

// The lines of a paragraph become one; list items and paragraphs keep theirs.
std::string JoinLines(absl::string_view comment) {
  std::vector<std::string> paragraphs;
  for (const absl::string_view paragraph : absl::StrSplit(comment, "\n\n")) {
    std::vector<absl::string_view> lines;
    for (const absl::string_view line : absl::StrSplit(paragraph, '\n')) {
      lines.push_back(absl::StripAsciiWhitespace(line));
    }
    std::string text = absl::StrJoin(lines, " ");
    absl::StripAsciiWhitespace(&text);
    if (!text.empty()) paragraphs.push_back(std::move(text));
  }
  return absl::StrJoin(paragraphs, "\n\n");
}

bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
}

std::string CamelCase(absl::string_view name) {
  std::string camel;
  for (const absl::string_view word : absl::StrSplit(name, '_')) {
    absl::StrAppend(&camel, word);
    if (!camel.empty() && camel.size() > word.size() && !word.empty()) {
      char& first = camel[camel.size() - word.size()];
      first = absl::ascii_toupper(static_cast<unsigned char>(first));
    }
  }
  return camel;
}

bool IsSnakeCase(absl::string_view name) {
  return absl::StrContains(name, '_') && absl::AsciiStrToLower(name) == name &&
         !absl::StartsWith(name, "_") && !absl::EndsWith(name, "_");
}

// The status and the code of Graph's error for a reason, of which its comment says the code of
// gRPC: `423 `ErrorThreadLocked``.
std::string GraphErrorOf(const google::protobuf::EnumValueDescriptor& reason,
                         absl::string_view comment, absl::string_view reason_name) {
  const std::string code_name(comment.substr(0, comment.find_first_of(":, ")));
  google::rpc::Code code = google::rpc::UNKNOWN;
  GOOGLE_CHECK(google::rpc::Code_Parse(code_name, &code)) << reason.full_name();
  google::rpc::ErrorInfo info;
  info.set_domain("threadstore");
  info.set_reason(std::string(reason_name));
  absl::Status status(static_cast<absl::StatusCode>(code), "");
  status.SetPayload(absl::StrCat("type.googleapis.com/", info.GetTypeName()),
                    absl::Cord(info.SerializeAsString()));
  const GraphError error = ToGraphError(status, Effect::kRead);
  return absl::StrCat(error.status, " `", error.code, "`");
}

}  // namespace

Comments::Comments(const google::protobuf::FileDescriptorSet& files,
                   const std::vector<Operation>& operations) {
  for (const auto& file : files.file()) GOOGLE_CHECK(pool_.BuildFile(file) != nullptr);
  for (const GraphType* type : GraphTypes()) {
    for (const GraphProperty& property : type->properties) {
      const std::vector<std::string> path = absl::StrSplit(property.field, '.');
      if (absl::StrContains(path.back(), '_')) names_.emplace(path.back(), property.name);
    }
  }
  for (const auto& [name, graph_name] : kNames) names_[name] = graph_name;
  for (const auto& [code, status] : kStatuses) names_[code] = status;
  AddErrors();
  for (const Operation& operation : operations) {
    const std::string& rpc = operation.route->rpc->name();
    names_.emplace(rpc, absl::StrCat("`", operation.id, "`"));
    names_.emplace(absl::StrCat(rpc, "Request"), absl::StrCat("`", operation.id, "`"));
  }
}

void Comments::AddErrors() {
  constexpr absl::string_view kPrefix = "ERROR_REASON_";
  const auto* const reasons = pool_.FindEnumTypeByName(v1::ErrorReason_descriptor()->full_name());
  GOOGLE_CHECK(reasons != nullptr);
  for (int i = 0; i < reasons->value_count(); ++i) {
    const auto& reason = *reasons->value(i);
    if (reason.number() == v1::ERROR_REASON_UNSPECIFIED) continue;
    const std::string name(absl::StripPrefix(reason.name(), kPrefix));
    names_[name] = GraphErrorOf(reason, Read(&reason, reason.full_name()), name);
  }
}

Comments::~Comments() = default;

// Names in backticks are replaced part by part; outside, only what cannot be a word of English.
std::string Comments::Translate(const std::string& comment) const {
  // A reason alone tells its code.
  static const std::regex code("[A-Z_]+,? (with|and) reason ");
  const std::string text = std::regex_replace(comment, code, "");
  std::string translated;
  bool in_code = false;
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '`') in_code = !in_code;
    if (!IsNameCharacter(text[i])) {
      translated += text[i++];
      continue;
    }
    size_t end = i;
    while (end < text.size() &&
           (IsNameCharacter(text[end]) || (in_code && text[end] == '.' && end + 1 < text.size() &&
                                           IsNameCharacter(text[end + 1])))) {
      ++end;
    }
    const std::string whole = text.substr(i, end - i);
    i = end;
    const auto found = names_.find(whole);
    if (found != names_.end() &&
        (in_code || absl::AsciiStrToLower(whole) != whole || absl::StrContains(whole, '_'))) {
      translated += found->second;
      continue;
    }
    std::vector<std::string> parts = absl::StrSplit(whole, '.');
    bool is_path = false;
    for (std::string& part : parts) {
      const auto name = names_.find(part);
      if (!IsSnakeCase(part)) continue;
      part = name != names_.end() ? name->second : CamelCase(part);
      is_path = true;
    }
    // `body.content` is a path of properties as well.
    is_path = is_path || (in_code && absl::StartsWith(whole, "body."));
    absl::StrAppend(&translated, absl::StrJoin(parts, is_path ? "/" : "."));
  }
  for (const auto& [phrase, replacement] : kPhrases) {
    absl::StrReplaceAll({{phrase, replacement}}, &translated);
  }
  return translated;
}

template <typename Element>
std::string Comments::Read(const Element* element, absl::string_view name) const {
  google::protobuf::SourceLocation location;
  GOOGLE_CHECK(element != nullptr && element->GetSourceLocation(&location) &&
               !location.leading_comments.empty())
      << std::string(name) << " has no comment";
  return JoinLines(location.leading_comments);
}

std::string Comments::Of(const MethodDescriptor& rpc) const {
  return Translate(Read(pool_.FindMethodByName(rpc.full_name()), rpc.full_name()));
}

std::string Comments::Of(const Descriptor& message) const {
  return Translate(Read(pool_.FindMessageTypeByName(message.full_name()), message.full_name()));
}

std::string Comments::Of(const FieldDescriptor& field) const {
  std::string text = Read(pool_.FindFieldByName(field.full_name()), field.full_name());
  for (bool again = true; again;) {
    again = false;
    for (const absl::string_view behaviour : kBehaviours) {
      absl::string_view rest = text;
      if (!absl::ConsumePrefix(&rest, behaviour)) continue;
      text = std::string(rest);
      again = true;
    }
  }
  return Translate(text);
}

// A type that is only a part of its message, such as fileAttachment, has the comment of the field's
// type.
std::string Comments::Of(const GraphType& type) const {
  if (!type.properties.empty() && absl::StrContains(type.properties[0].field, '.')) {
    const std::vector<std::string> path = absl::StrSplit(type.properties[0].field, '.');
    return Of(*type.message->FindFieldByName(path[0])->message_type());
  }
  return Of(*type.message);
}

std::string Comments::Of(const GraphType& type, const GraphProperty& property) const {
  const FieldDescriptor* field = nullptr;
  const Descriptor* message = type.message;
  for (const absl::string_view part : absl::StrSplit(property.field, '.')) {
    field = message->FindFieldByName(std::string(part));
    if (field == nullptr) break;
    message = field->message_type();
  }
  if (field != nullptr) return Of(*field);
  for (const auto& [name, text] : kPropertiesWithoutField) {
    if (property.name == name) return text;
  }
  GOOGLE_LOG(FATAL) << "nothing says what " << std::string(property.name) << " is";
  return "";
}

std::string FirstSentence(absl::string_view text) {
  const size_t end = text.find(". ");
  absl::string_view sentence = text.substr(0, std::min(end, text.find("\n\n")));
  absl::ConsumeSuffix(&sentence, ".");
  return std::string(sentence);
}

}  // namespace threadstore
