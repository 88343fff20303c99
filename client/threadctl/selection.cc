#include "client/threadctl/selection.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/threadctl/text.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/timestamp.pb.h"
#include "server/base/proto_json.h"

namespace threadstore::threadctl {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::FieldMask;
using google::protobuf::Message;
using google::protobuf::Reflection;

void AddMask(CLI::App* verb, const std::string& flag, FieldMask* mask,
             const std::string& description) {
  verb->add_option_function<std::string>(
          flag,
          [flag, mask](const std::string& text) {
            for (const absl::string_view name : absl::StrSplit(text, ',')) {
              const absl::string_view path = absl::StripAsciiWhitespace(name);
              if (path.empty()) throw CLI::ValidationError(flag, "has an empty name");
              mask->add_paths(std::string(path));
            }
          },
          description)
      ->type_name("NAMES");
}

std::string MessageText(const Message& message) {
  if (const auto* time = dynamic_cast<const google::protobuf::Timestamp*>(&message)) {
    return FormatTime(time, absl::LocalTimeZone());
  }
  if (const auto* recipient = dynamic_cast<const v1::Recipient*>(&message)) {
    return RecipientText(*recipient);
  }
  if (const auto* body = dynamic_cast<const v1::ItemBody*>(&message)) return body->content();
  if (const auto* post = dynamic_cast<const v1::Post*>(&message)) return post->name();
  return WriteProtoJson(message, 0);
}

// The server says with a token of the next page that there are more than it has expanded.
bool HasMore(const Message& message, const FieldDescriptor& field) {
  const FieldDescriptor* token =
      message.GetDescriptor()->FindFieldByName(absl::StrCat(field.name(), "_next_page_token"));
  return token != nullptr && !message.GetReflection()->GetString(message, token).empty();
}

std::string RepeatedText(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  const int size = reflection.FieldSize(message, &field);
  const bool is_text = field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  if (is_text || field.message_type() == v1::Recipient::descriptor()) {
    std::vector<std::string> texts;
    texts.reserve(static_cast<size_t>(size));
    for (int i = 0; i < size; ++i) {
      texts.push_back(is_text ? reflection.GetRepeatedString(message, &field, i)
                              : MessageText(reflection.GetRepeatedMessage(message, &field, i)));
    }
    return absl::StrJoin(texts, ", ");
  }
  return absl::StrCat(size, HasMore(message, field) ? " and more" : "");
}

std::string SingularText(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return YesOrNo(reflection.GetBool(message, &field));
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(reflection.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.GetEnum(message, &field)->name();
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return reflection.HasField(message, &field)
                 ? MessageText(reflection.GetMessage(message, &field))
                 : "";
    default:
      // No resource has a field of another type.
      return "";
  }
}

// The field that `name` expands.
std::string ExpandedField(absl::string_view name) {
  const std::string field(name.substr(0, name.find('.')));
  return field == "in_reply_to" ? "in_reply_to_post" : field;
}

}  // namespace

void AddFilter(CLI::App* verb, std::string* filter) {
  verb->add_option("--filter", *filter,
                   "Only those that an OData expression holds for, such as \"topic eq 'Lunch'\"")
      ->type_name("EXPRESSION");
}

void AddOrderBy(CLI::App* verb, std::string* order_by, const std::string& orders) {
  verb->add_option("--order_by", *order_by, orders)->type_name("ORDER");
}

void AddFields(CLI::App* verb, FieldMask* read_mask) {
  AddMask(verb, "--fields", read_mask,
          "Read only these fields, such as name,topic; nested ones as sender.email_address");
}

void AddExpand(CLI::App* verb, FieldMask* expand, const std::string& choices) {
  AddMask(verb, "--expand", expand, absl::StrCat("Read along with it: ", choices));
}

Selection::Selection(const FieldMask& read_mask, const FieldMask& expand)
    : has_defaults(read_mask.paths().empty()) {
  const auto add = [this](const std::string& path) {
    if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(path);
  };
  for (const std::string& path : read_mask.paths()) {
    if (path == "*") {
      has_defaults = true;
    } else {
      add(path);
    }
  }
  for (const std::string& name : expand.paths()) add(ExpandedField(name));
}

std::string FieldText(const Message& resource, absl::string_view path) {
  const Message* message = &resource;
  std::vector<std::string> names = absl::StrSplit(path, '.');
  const std::string last = names.back();
  names.pop_back();
  for (const std::string& name : names) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(name);
    if (field == nullptr || field->is_repeated() || field->message_type() == nullptr) return "";
    message = &message->GetReflection()->GetMessage(*message, field);
  }
  const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(last);
  if (field == nullptr) return "";
  return field->is_repeated() ? RepeatedText(*message, *field) : SingularText(*message, *field);
}

void PrintSelected(const Message& resource, Properties defaults, const Selection& selection,
                   Printer& printer) {
  Properties properties;
  if (selection.has_defaults) properties = std::move(defaults);
  for (const std::string& path : selection.paths) {
    properties.emplace_back(absl::StrReplaceAll(path, {{"_", " "}}), FieldText(resource, path));
  }
  printer.PrintResource(resource, properties);
}

std::string ColumnName(absl::string_view path) {
  return absl::AsciiStrToUpper(absl::StrReplaceAll(path, {{"_", " "}}));
}

}  // namespace threadstore::threadctl
