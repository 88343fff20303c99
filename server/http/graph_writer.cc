#include "server/http/graph_writer.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/timestamp.pb.h"
#include "server/base/json_dialect.h"
#include "server/base/proto_json.h"
#include "server/base/time_text.h"
#include "server/http/body_conversion.h"
#include "server/http/graph_schema.h"

namespace threadstore {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Kind = GraphProperty::Kind;

// Properties that have one value only, as JSON.
constexpr std::pair<absl::string_view, absl::string_view> kConstants[] = {
    {"contentLocation", "null"},  {"groupTypes", R"(["Unified"])"}, {"mailEnabled", "true"},
    {"securityEnabled", "false"}, {"visibility", R"("Private")"},
};

bool Contains(const std::vector<std::string>& names, absl::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// A field of a message, or of a message in it; `field` is null if there is none.
struct Place {
  const Message* holder;
  const FieldDescriptor* field;

  bool HasValue() const {
    if (field == nullptr) return false;
    return field->is_repeated() || !field->has_presence() ||
           holder->GetReflection()->HasField(*holder, field);
  }
};

Place Follow(const Message& message, const FieldPath& path) {
  Place place = {&message, nullptr};
  for (const FieldDescriptor* field : path) {
    if (place.field != nullptr) {
      place.holder = &place.holder->GetReflection()->GetMessage(*place.holder, place.field);
    }
    place.field = field;
  }
  return place;
}

Place Find(const Message& message, absl::string_view path) {
  return Follow(message, PathOf(*message.GetDescriptor(), path));
}

// Where the value of a property is. Users come in more messages than that of their type.
Place Find(const Message& message, const GraphProperty& property) {
  const bool is_of_type = property.path.front()->containing_type() == message.GetDescriptor();
  return is_of_type ? Follow(message, property.path) : Find(message, property.field);
}

std::string StringAt(const Place& place) {
  return place.field == nullptr
             ? ""
             : place.holder->GetReflection()->GetString(*place.holder, place.field);
}

std::string StringOf(const Message& message, absl::string_view field) {
  return StringAt(Find(message, field));
}

// What an etag has between its quotes.
absl::string_view Opaque(absl::string_view etag) {
  absl::ConsumePrefix(&etag, "\"");
  absl::ConsumeSuffix(&etag, "\"");
  return etag;
}

// With as many digits of the second's fraction as it has.
std::string TimeText(const Message& message) {
  constexpr size_t kFractionDigits = 9;
  const auto& timestamp = static_cast<const google::protobuf::Timestamp&>(message);
  std::string text = DateTimeText(timestamp.seconds());
  if (timestamp.nanos() != 0) {
    std::string fraction = absl::StrCat(timestamp.nanos());
    fraction.insert(0, kFractionDigits - fraction.size(), '0');
    fraction.erase(fraction.find_last_not_of('0') + 1);
    absl::StrAppend(&text, ".", fraction);
  }
  text.push_back('Z');
  return text;
}

// The derived type of a value, or the type itself if it has none.
const GraphType& ActualType(const GraphType& type, const Message& value) {
  for (const GraphType* derived : type.derived) {
    if (Place{&value, derived->kind}.HasValue()) return *derived;
  }
  return type;
}

// Collects the members of an extension's content, each with a comma before it.
class FreeMembers final : public JsonDialect {
 public:
  FreeMembers(const GraphType& type, const std::vector<std::string>& select)
      : type_(type), select_(select) {}

  std::string Take() && { return std::move(text_); }

  Member Find(const Message& /*object*/, absl::string_view name) const override {
    const bool is_wanted = !IsAnnotation(name) && FindGraphProperty(type_, name) == nullptr &&
                           (select_.empty() || Contains(select_, name));
    return {is_wanted ? Use::kRaw : Use::kIgnored};
  }

  Fault TakeRaw(const RawValue& value, Message* /*object*/) override {
    absl::StrAppend(&text_, ",", value.quoted_name, ":", value.json);
    return std::nullopt;
  }

 private:
  const GraphType& type_;
  const std::vector<std::string>& select_;
  std::string text_;
};

class Writer {
 public:
  Writer(const GraphStyle& style, GraphText* out) : style_(style), text_(out->text), out_(*out) {}

  void AppendEntity(const Message& entity, const GraphType& declared, const GraphView& view,
                    absl::string_view context) {
    const GraphType& type = ActualType(declared, entity);
    text_.push_back('{');
    if (!context.empty()) AppendMember("@odata.context", WriteJsonString(context));
    if (style_.with_types || type.says_type) {
      AppendMember("@odata.type", absl::StrCat("\"#", kGraphNamespace, ".", type.name, "\""));
    }
    if (const std::string etag = StringOf(entity, "etag"); !etag.empty()) {
      AppendMember("@odata.etag", WriteJsonString(absl::StrCat("W/\"", Opaque(etag), "\"")));
    }
    if (&type != &declared) AppendProperties(entity, declared, view);
    AppendProperties(entity, type, view);
    if (type.is_open) AppendFreeMembers(StringOf(entity, "content_json"), type, view.select);
    text_.push_back('}');
  }

 private:
  void AppendProperties(const Message& entity, const GraphType& type, const GraphView& view) {
    for (const GraphProperty& property : type.properties) {
      if (property.shown == GraphProperty::Shown::kWhenExpanded) {
        const auto expanded =
            std::find_if(view.expand.begin(), view.expand.end(),
                         [&](const GraphView& of) { return of.relation == property.name; });
        if (expanded != view.expand.end()) AppendExpanded(entity, property, *expanded);
      } else if (view.select.empty() ? view.all || property.shown == GraphProperty::Shown::kAlways
                                     : Contains(view.select, property.name)) {
        AppendProperty(entity, property);
      }
    }
  }

  void AppendProperty(const Message& entity, const GraphProperty& property) {
    if (property.field.empty()) return AppendComputed(entity, property.name);
    const Place place = Find(entity, property);
    if (!place.HasValue()) {
      if (property.is_nullable) AppendMember(property.name, "null");
      return;
    }
    BeginMember(property.name);
    if (IsContent(property)) return AppendContent(static_cast<const v1::Attachment&>(entity));
    if (!property.is_collection) return AppendValue(place, kSingular, property);
    text_.push_back('[');
    const int size = place.holder->GetReflection()->FieldSize(*place.holder, place.field);
    for (int i = 0; i < size; ++i) {
      if (i > 0) text_.push_back(',');
      AppendValue(place, i, property);
    }
    text_.push_back(']');
  }

  void AppendComputed(const Message& entity, absl::string_view name) {
    for (const auto& [constant, json] : kConstants) {
      if (constant == name) return AppendMember(name, json);
    }
    if (entity.GetDescriptor() == v1::Extension::descriptor()) {
      return AppendMember(name, WriteJsonString(absl::StrCat(kGraphNamespace, ".openTypeExtension.",
                                                             StringOf(entity, "extension_name"))));
    }
    // The one that is left is a post's `changeKey`.
    AppendMember(name, WriteJsonString(Opaque(StringOf(entity, "etag"))));
  }

  void AppendExpanded(const Message& entity, const GraphProperty& property, const GraphView& view) {
    if (IsContent(property)) return AppendProperty(entity, property);
    const Place place = Find(entity, property);
    const Reflection* reflection = place.holder->GetReflection();
    if (!property.is_collection) {
      if (!place.HasValue()) return AppendMember(property.name, "null");
      BeginMember(property.name);
      return AppendEntity(reflection->GetMessage(*place.holder, place.field), *property.type, view,
                          "");
    }
    BeginMember(property.name);
    text_.push_back('[');
    const int size = reflection->FieldSize(*place.holder, place.field);
    for (int i = 0; i < size; ++i) {
      if (i > 0) text_.push_back(',');
      AppendEntity(reflection->GetRepeatedMessage(*place.holder, place.field, i), *property.type,
                   view, "");
    }
    text_.push_back(']');
    const std::string token = StringOf(entity, absl::StrCat(property.field, "_next_page_token"));
    if (token.empty() || style_.next_link == nullptr) return;
    AppendMember(absl::StrCat(property.name, "@odata.nextLink"),
                 WriteJsonString(style_.next_link(entity, property.name, token)));
  }

  // ---- Values ----

  static constexpr int kSingular = -1;

  // `index` is that of a list's element, or kSingular.
  void AppendValue(const Place& place, int index, const GraphProperty& property) {
    const Reflection* r = place.holder->GetReflection();
    const bool one = index == kSingular;
    switch (property.kind) {
      case Kind::kString: {
        const std::string value =
            one ? StringAt(place) : r->GetRepeatedString(*place.holder, place.field, index);
        text_.append(value.empty() && property.is_nullable ? "null" : WriteJsonString(value));
        return;
      }
      case Kind::kBoolean:
        text_.append(r->GetBool(*place.holder, place.field) ? "true" : "false");
        return;
      case Kind::kInt32:
        return absl::StrAppend(&text_, r->GetInt32(*place.holder, place.field));
      case Kind::kDateTimeOffset:
        return absl::StrAppend(&text_, "\"", TimeText(r->GetMessage(*place.holder, place.field)),
                               "\"");
      case Kind::kObject: {
        const Message& value = one ? r->GetMessage(*place.holder, place.field)
                                   : r->GetRepeatedMessage(*place.holder, place.field, index);
        return AppendObject(value, *property.type);
      }
      case Kind::kBinary:
      case Kind::kJson:
        return;  // See AppendContent.
    }
  }

  void AppendObject(const Message& object, const GraphType& type) {
    if (object.GetDescriptor() == v1::ItemBody::descriptor()) {
      const v1::ItemBody body = ConvertBody(static_cast<const v1::ItemBody&>(object), style_.body);
      return AppendMembers(body, type);
    }
    AppendMembers(object, type);
  }

  void AppendMembers(const Message& object, const GraphType& type) {
    text_.push_back('{');
    if (style_.with_types) {
      AppendMember("@odata.type", absl::StrCat("\"", kGraphNamespace, ".", type.name, "\""));
    }
    for (const GraphProperty& property : type.properties) AppendProperty(object, property);
    text_.push_back('}');
  }

  // ---- Content ----

  static bool IsContent(const GraphProperty& property) {
    return property.kind == Kind::kBinary || property.kind == Kind::kJson;
  }

  void AppendContent(const v1::Attachment& attachment) {
    const bool has_content = !attachment.file().content_bytes().empty() ||
                             !attachment.item().item_json().empty() || attachment.size() == 0;
    if (has_content) {
      text_.append(GraphContentOf(attachment));
    } else {
      out_.holes.push_back({text_.size(), attachment.name()});
    }
  }

  void AppendFreeMembers(absl::string_view json, const GraphType& type,
                         const std::vector<std::string>& select) {
    // The rules of creating an extension leave nothing else than an object.
    FreeMembers members(type, select);
    v1::Extension unused;
    if (!ReadJson(json, members, &unused).ok()) return;
    text_.append(std::move(members).Take());
  }

  // ---- Members ----

  void BeginMember(absl::string_view name) {
    if (text_.back() != '{') text_.push_back(',');
    absl::StrAppend(&text_, "\"", name, "\":");
  }

  void AppendMember(absl::string_view name, absl::string_view json) {
    BeginMember(name);
    text_.append(json.data(), json.size());
  }

  const GraphStyle& style_;
  std::string& text_;
  GraphText& out_;
};

}  // namespace

void AppendGraphEntity(const Message& entity, const GraphView& view, const GraphStyle& style,
                       absl::string_view context, GraphText* out) {
  Writer(style, out).AppendEntity(entity, *GraphTypeOf(*entity.GetDescriptor()), view, context);
}

std::string GraphContentOf(const v1::Attachment& attachment) {
  if (attachment.has_file()) {
    return absl::StrCat("\"", absl::Base64Escape(attachment.file().content_bytes()), "\"");
  }
  return attachment.item().item_json().empty() ? "null" : attachment.item().item_json();
}

}  // namespace threadstore
