#include "server/http/graph_reader.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/base/json_dialect.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/http/graph_reference.h"
#include "server/http/graph_schema.h"
#include "threadstore/internal/v1/graph_group.pb.h"
#include "threadstore/v1/group_service.pb.h"

namespace threadstore {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using internal::v1::GraphGroup;

constexpr absl::string_view kTypeAnnotation = "@odata.type";

const FieldDescriptor* FieldOf(const Descriptor& type, absl::string_view name) {
  return type.FindFieldByName(std::string(name));
}

std::vector<const FieldDescriptor*> PathOf(const Descriptor* type, absl::string_view field) {
  std::vector<const FieldDescriptor*> path;
  for (const absl::string_view name : absl::StrSplit(field, '.')) {
    path.push_back(FieldOf(*type, name));
    type = path.back()->message_type();
  }
  return path;
}

void AddNames(const GraphType& type, std::vector<absl::string_view>& names) {
  for (const GraphProperty& property : type.properties) names.push_back(property.name);
  for (const GraphType* derived : type.derived) AddNames(*derived, names);
}

std::string FullName(const GraphType& type) {
  return absl::StrCat("#", kGraphNamespace, ".", type.name);
}

// Whether `@odata.type` says this type. Older clients have other namespaces.
bool SaysType(absl::string_view annotation, const GraphType& type) {
  absl::ConsumePrefix(&annotation, "#");
  return absl::EqualsIgnoreCase(annotation.substr(annotation.rfind('.') + 1), type.name);
}

// The request's post, if it is one of an action that takes one.
const FieldDescriptor* PostOfReply(const Descriptor& message) {
  const bool is_reply = &message == v1::ReplyToThreadRequest::descriptor() ||
                        &message == v1::ReplyToPostRequest::descriptor();
  return is_reply ? FieldOf(message, "post") : nullptr;
}

// The type whose members an object has; null if it has parameters of an action.
const GraphType* TypeOf(const Descriptor& message) {
  if (&message == GraphGroup::descriptor()) return GraphTypeOf(*v1::Group::descriptor());
  if (PostOfReply(message) != nullptr) return GraphTypeOf(*v1::Post::descriptor());
  return GraphTypeOf(message);
}

// The derived type that a value has been found to be of; null if none yet.
const GraphType* KindOf(const GraphType& type, const Message& object) {
  for (const GraphType* derived : type.derived) {
    const FieldDescriptor* field = FieldOf(*object.GetDescriptor(), derived->kind_field);
    if (object.GetReflection()->HasField(object, field)) return derived;
  }
  return nullptr;
}

// The types that `@odata.type` may say, for people.
std::string ExpectedTypes(const GraphType& type) {
  if (type.derived.empty()) return FullName(type);
  return absl::StrJoin(type.derived, " or ", [](std::string* out, const GraphType* derived) {
    out->append(FullName(*derived));
  });
}

class GraphDialect final : public JsonDialect {
 public:
  // `root` is the message of the outermost object.
  explicit GraphDialect(const Message* root) : root_(root) {}

  const std::set<std::string>& fields() const { return fields_; }

  Member Find(const Message& object, absl::string_view name) const override {
    const Descriptor& message = *object.GetDescriptor();
    for (const Parameter& parameter : ParametersOf(message)) {
      if (parameter.IsNamed(name)) return {Use::kField, PathOf(&message, parameter.field)};
    }
    const GraphType* type = TypeOf(message);
    if (type == nullptr) return {IsAnnotation(name) ? Use::kIgnored : Use::kUnknown};
    Member member = FindProperty(*type, object, name);
    if (&message != type->message && !member.path.empty()) {
      // The object is read into the part of `message` that has the type.
      const char* part = PostOfReply(message) != nullptr ? "post" : "group";
      member.path.insert(member.path.begin(), FieldOf(message, part));
    }
    return member;
  }

  std::vector<absl::string_view> Names(const Message& object) const override {
    std::vector<absl::string_view> names;
    for (const Parameter& parameter : ParametersOf(*object.GetDescriptor())) {
      names.push_back(parameter.name);
    }
    const GraphType* type = TypeOf(*object.GetDescriptor());
    if (type != nullptr) AddNames(*type, names);
    return names;
  }

  Fault ReadScalar(const Scalar& scalar, Message* message, const FieldDescriptor* field) override {
    if (Fault fault = CountValue(); fault.has_value()) return fault;
    if (scalar.kind == Scalar::Kind::kString && absl::StrContains(scalar.text, '\0')) {
      return "must not contain U+0000";
    }
    if (message->GetDescriptor() == GraphGroup::descriptor()) {
      return ReadGroupMember(scalar, static_cast<GraphGroup*>(message), field);
    }
    const bool is_bool_text = field->containing_type() == v1::ReferenceAttachment::descriptor() &&
                              field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL &&
                              scalar.kind == Scalar::Kind::kString;
    if (!is_bool_text) return JsonDialect::ReadScalar(scalar, message, field);
    // As in the examples of Graph's documents.
    const bool is_true = absl::EqualsIgnoreCase(scalar.text, "true");
    if (!is_true && !absl::EqualsIgnoreCase(scalar.text, "false")) {
      return JsonDialect::ReadScalar(scalar, message, field);
    }
    return JsonDialect::ReadScalar({Scalar::Kind::kBool, is_true}, message, field);
  }

  Fault TakeRaw(const RawValue& value, Message* object) override {
    if (value.name == kTypeAnnotation) return CheckType(value, object);
    if (object->GetDescriptor() == v1::Extension::descriptor()) {
      std::string& content = *static_cast<v1::Extension*>(object)->mutable_content_json();
      absl::StrAppend(&content, content.empty() ? "{" : ",", value.quoted_name, ":", value.json);
      return std::nullopt;
    }
    const bool is_null = value.scalar != nullptr && value.scalar->kind == Scalar::Kind::kNull;
    if (is_null) return std::nullopt;
    const GraphProperty& property =
        *FindGraphProperty(*TypeOf(*object->GetDescriptor()), value.name);
    if (property.kind != GraphProperty::Kind::kJson) return "must be null: it is not supported";
    if (value.json[0] != '{') {
      return Expected("an object",
                      value.scalar == nullptr ? "a list" : KindName(value.scalar->kind));
    }
    const std::vector<const FieldDescriptor*> path =
        PathOf(object->GetDescriptor(), property.field);
    Message* holder = object;
    for (size_t i = 0; i + 1 < path.size(); ++i) holder = NewSubmessage(holder, path[i]);
    holder->GetReflection()->SetString(holder, path.back(), std::string(value.json));
    return std::nullopt;
  }

  Fault EndObject(const Members& members, Message* object) override {
    if (Fault fault = CountValue(); fault.has_value()) return fault;
    const Descriptor* message = object->GetDescriptor();
    if (message == v1::Extension::descriptor()) {
      std::string& content = *static_cast<v1::Extension*>(object)->mutable_content_json();
      if (object == root_ && !content.empty()) fields_.insert("content_json");
      content.append(content.empty() ? "{}" : "}");
    }
    if (object == root_) TakeFields(members);
    if (message == v1::Attachment::descriptor()) return EndAttachment(members, *object);
    const auto group_types = members.fields.find("group_types");
    if (message == GraphGroup::descriptor() && group_types != members.fields.end() &&
        static_cast<const GraphGroup*>(object)->group_types_size() != 1) {
      return R"(groupTypes must be ["Unified"])";
    }
    return std::nullopt;
  }

 private:
  // A member that is none of a type's properties, and its field.
  struct Parameter {
    absl::string_view name;
    absl::string_view field;
    bool ignores_case;

    bool IsNamed(absl::string_view other) const {
      return ignores_case ? absl::EqualsIgnoreCase(name, other) : name == other;
    }
  };

  static const std::vector<Parameter>& ParametersOf(const Descriptor& message) {
    static const auto* const none = new std::vector<Parameter>();
    static const auto* const reply = new std::vector<Parameter>{{"post", "post", true}};
    static const auto* const forward = new std::vector<Parameter>{
        {"comment", "comment", true}, {"toRecipients", "to_recipients", true}};
    static const auto* const group =
        new std::vector<Parameter>{{"id", "group.id", false},
                                   {"groupTypes", "group_types", false},
                                   {"mailEnabled", "mail_enabled", false},
                                   {"securityEnabled", "security_enabled", false},
                                   {"visibility", "visibility", false},
                                   {"owners@odata.bind", "owners", false},
                                   {"members@odata.bind", "members", false}};
    if (PostOfReply(message) != nullptr) return *reply;
    if (&message == v1::ForwardPostRequest::descriptor()) return *forward;
    return &message == GraphGroup::descriptor() ? *group : *none;
  }

  static Member FindProperty(const GraphType& type, const Message& object, absl::string_view name) {
    if (name == kTypeAnnotation && type.is_entity) return {Use::kRaw};
    if (IsAnnotation(name)) return {Use::kIgnored};
    const GraphProperty* property = FindGraphProperty(type, name);
    if (property == nullptr) return {type.is_open ? Use::kRaw : Use::kUnknown};
    if (property->is_read_only) return {Use::kIgnored};
    if (const GraphType* kind = KindOf(type, object);
        kind != nullptr && FindGraphProperty(*kind, name) == nullptr && !IsCommon(type, name)) {
      return {Use::kUnknown, {}, absl::StrCat("not a member of ", kind->name)};
    }
    if (property->field.empty() || property->kind == GraphProperty::Kind::kJson) {
      return {Use::kRaw};
    }
    return {Use::kField, PathOf(type.message, property->field)};
  }

  // Whether all derived types have the property.
  static bool IsCommon(const GraphType& type, absl::string_view name) {
    return std::any_of(type.properties.begin(), type.properties.end(),
                       [&](const GraphProperty& property) { return property.name == name; });
  }

  static Fault ReadGroupMember(const Scalar& scalar, GraphGroup* group,
                               const FieldDescriptor* field) {
    const absl::string_view name = field->name();
    const bool is_text = scalar.kind == Scalar::Kind::kString;
    const bool is_bool = scalar.kind == Scalar::Kind::kBool;
    if (is_text && field->is_repeated() && name != "group_types") {
      absl::StatusOr<std::string> id = ParseGraphReference(scalar.text);
      if (!id.ok()) return std::string(id.status().message());
      group->GetReflection()->AddString(group, field, *std::move(id));
      return std::nullopt;
    }
    if (is_text && name == "group_types" && scalar.text != "Unified") {
      return "must be Unified: there are no other groups";
    }
    if (is_text && name == "visibility" && scalar.text != "Private") {
      return "must be Private: only members see what is in a group";
    }
    if (is_bool && name == "mail_enabled" && !scalar.boolean) {
      return "must be true, as of all Unified groups";
    }
    if (is_bool && name == "security_enabled" && scalar.boolean) {
      return "must be false: groups give no rights outside";
    }
    return threadstore::ReadScalar(scalar, group, field);
  }

  // In memory a value can take fifty times what it has in JSON.
  Fault CountValue() {
    if (++values_ <= kMaxRequestFields) return std::nullopt;
    return absl::StrCat("a request has at most ", kMaxRequestFields, " values");
  }

  // Takes what an entity says of its type.
  static Fault CheckType(const RawValue& value, Message* object) {
    if (value.scalar == nullptr) return "expected a string, got a list or an object";
    if (value.scalar->kind == Scalar::Kind::kNull) return std::nullopt;
    if (value.scalar->kind != Scalar::Kind::kString) {
      return Expected("a string", KindName(value.scalar->kind));
    }
    const GraphType& type = *TypeOf(*object->GetDescriptor());
    if (SaysType(value.scalar->text, type)) return std::nullopt;
    for (const GraphType* derived : type.derived) {
      if (!SaysType(value.scalar->text, *derived)) continue;
      const GraphType* kind = KindOf(type, *object);
      if (kind != nullptr && kind != derived) {
        return absl::StrCat("does not fit the members before it, which are those of ", kind->name);
      }
      NewSubmessage(object, FieldOf(*object->GetDescriptor(), derived->kind_field));
      return std::nullopt;
    }
    return absl::StrCat("expected ", ExpectedTypes(type), ", got ", Quotable(value.scalar->text));
  }

  static Fault EndAttachment(const Members& members, const Message& attachment) {
    const bool is_decided = members.others.count(std::string(kTypeAnnotation)) > 0 ||
                            members.others.count("item") > 0 ||
                            members.fields.count("file.content_bytes") > 0 ||
                            members.fields.count("reference.source_url") > 0;
    const GraphType& type = *GraphTypeOf(*v1::Attachment::descriptor());
    if (is_decided && KindOf(type, attachment) != nullptr) return std::nullopt;
    return absl::StrCat("@odata.type must say what it is: ", ExpectedTypes(type));
  }

  // Notes down which fields of the outermost message are set.
  void TakeFields(const Members& members) {
    const GraphType* type = TypeOf(*root_->GetDescriptor());
    const bool is_group = root_->GetDescriptor() == GraphGroup::descriptor();
    for (const auto& [path, is_null] : members.fields) {
      absl::string_view field = path;
      if (is_group && !absl::ConsumePrefix(&field, "group.")) continue;
      if (field == "id") continue;
      const GraphProperty* property =
          type == nullptr ? nullptr : FindGraphPropertyOfField(*type, field);
      if (is_null && (property == nullptr || !property->is_nullable)) continue;
      fields_.emplace(field.substr(0, field.find('.')));
    }
  }

  const Message* const root_;
  std::set<std::string> fields_;
  int values_ = 0;
};

absl::StatusOr<GraphBody> ReadGroup(absl::string_view json, v1::Group* group) {
  GraphGroup sent;
  GraphDialect dialect(&sent);
  RETURN_IF_ERROR(ReadJson(json, dialect, &sent));
  *group = std::move(*sent.mutable_group());
  return GraphBody{{dialect.fields().begin(), dialect.fields().end()},
                   {sent.owners().begin(), sent.owners().end()},
                   {sent.members().begin(), sent.members().end()}};
}

absl::Status ReadAction(absl::string_view json, Message* request) {
  GraphDialect dialect(request);
  return ReadJson(json, dialect, request);
}

}  // namespace

absl::StatusOr<GraphBody> ReadGraphEntity(absl::string_view json, Message* message) {
  if (message->GetDescriptor() == v1::Group::descriptor()) {
    message->Clear();
    return ReadGroup(json, static_cast<v1::Group*>(message));
  }
  GraphDialect dialect(message);
  RETURN_IF_ERROR(ReadJson(json, dialect, message));
  return GraphBody{{dialect.fields().begin(), dialect.fields().end()}, {}, {}};
}

absl::Status ReadGraphReply(absl::string_view json, v1::ReplyToThreadRequest* request) {
  return ReadAction(json, request);
}

absl::Status ReadGraphReply(absl::string_view json, v1::ReplyToPostRequest* request) {
  return ReadAction(json, request);
}

absl::Status ReadGraphForward(absl::string_view json, v1::ForwardPostRequest* request) {
  return ReadAction(json, request);
}

}  // namespace threadstore
