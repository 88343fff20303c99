#include "server/http/graph_path.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "server/http/graph_schema.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/group_service.pb.h"

namespace threadstore {
namespace {

// Fields of requests that come from elsewhere than the body.
constexpr std::pair<absl::string_view, absl::string_view> kRequestFields[] = {
    {"expand", "$expand"},          {"filter", "$filter"},
    {"order_by", "$orderby"},       {"page_size", "$top"},
    {"page_token", "$skiptoken"},   {"query", "$search"},
    {"read_mask", "$select"},       {"request_id", "Idempotency-Key"},
    {"etag", "If-Match"},           {"sender.id", "@odata.id"},
    {"member.id", "@odata.id"},     {"group_id", "id"},
    {"delta_token", "$deltatoken"},
};

// The type of the resource that a request's field holds; null if it holds none.
const GraphType* ResourceType(absl::string_view field) {
  const google::protobuf::Descriptor* const messages[] = {v1::ConversationThread::descriptor(),
                                                          v1::Conversation::descriptor(),
                                                          v1::Post::descriptor(),
                                                          v1::Attachment::descriptor(),
                                                          v1::Extension::descriptor(),
                                                          v1::Group::descriptor()};
  constexpr absl::string_view kFields[] = {"thread",     "conversation", "post",
                                           "attachment", "extension",    "group"};
  for (size_t i = 0; i < std::size(kFields); ++i) {
    if (field == kFields[i]) return GraphTypeOf(*messages[i]);
  }
  return nullptr;
}

std::string CamelCase(absl::string_view name) {
  std::string camel;
  bool is_start = false;
  for (const char c : name) {
    if (c == '_') {
      is_start = true;
    } else {
      camel.push_back(is_start ? absl::ascii_toupper(static_cast<unsigned char>(c)) : c);
      is_start = false;
    }
  }
  return camel;
}

// The name of a path's element, and behind it the index if it has one.
std::pair<absl::string_view, absl::string_view> SplitIndex(absl::string_view element) {
  const size_t bracket = std::min(element.find('['), element.size());
  return {element.substr(0, bracket), element.substr(bracket)};
}

bool IsNameCharacter(char c) { return absl::ascii_islower(c) || c == '_' || c == '.'; }

}  // namespace

std::string GraphDescription(absl::string_view field_path, absl::string_view description) {
  if (field_path != "filter" && field_path != "order_by") return std::string(description);
  std::string text;
  while (!description.empty()) {
    const auto end = std::find_if_not(description.begin(), description.end(), IsNameCharacter);
    const auto length = static_cast<size_t>(end - description.begin());
    const absl::string_view name = description.substr(0, length);
    if (name == "create_time") {
      text += "createdDateTime";
    } else if (absl::StrContains(name, '_')) {
      text += absl::StrReplaceAll(CamelCase(name), {{".", "/"}});
    } else {
      text.append(name.data(), name.size());
    }
    description.remove_prefix(length);
    const auto next = std::find_if(description.begin(), description.end(), IsNameCharacter);
    const auto other = static_cast<size_t>(next - description.begin());
    text.append(description.data(), other);
    description.remove_prefix(other);
  }
  return text;
}

std::string GraphPath(absl::string_view field_path) {
  for (const auto& [field, name] : kRequestFields) {
    if (field_path == field) return std::string(name);
  }
  const std::vector<absl::string_view> elements = absl::StrSplit(field_path, '.');
  const GraphType* type = ResourceType(elements[0]);
  const bool has_resource = type != nullptr && elements.size() > 1;
  if (has_resource && elements[1] == "etag") return "If-Match";
  std::vector<std::string> names;
  for (size_t i = has_resource ? 1 : 0; i < elements.size(); ++i) {
    const auto [name, index] = SplitIndex(elements[i]);
    const GraphProperty* property = nullptr;
    if (type != nullptr) {
      property = FindGraphPropertyOfField(*type, name);
      if (property == nullptr && i + 1 < elements.size()) {
        // Of a part that is a message of its own, but not an object in JSON.
        property = FindGraphPropertyOfField(*type, absl::StrCat(name, ".", elements[i + 1]));
        if (property != nullptr) ++i;
      }
      // The content of an open type is the object itself.
      if (property == nullptr && type->is_open && i + 1 == elements.size()) break;
    }
    names.push_back(
        absl::StrCat(property == nullptr ? CamelCase(name) : std::string(property->name), index));
    type = property == nullptr ? nullptr : property->type;
  }
  return names.empty() ? std::string(elements[0]) : absl::StrJoin(names, ".");
}

}  // namespace threadstore
