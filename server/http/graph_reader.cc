#include "server/http/graph_reader.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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

// A member of an object that is none of its type's properties.
struct Parameter {
  absl::string_view name;
  FieldPath path;
  bool ignores_case = false;

  bool IsNamed(absl::string_view other) const {
    return ignores_case ? absl::EqualsIgnoreCase(name, other) : name == other;
  }
};

// What an object has that is read into a message.
struct ObjectMembers {
  std::vector<Parameter> parameters = {};

  // Whose properties it has; null if it has only parameters.
  const GraphType* type = nullptr;

  // To what is of that type in the message; empty if it is the message itself.
  FieldPath part = {};
};

ObjectMembers MembersOfReply(const Descriptor& message) {
  const FieldPath post = PathOf(message, "post");
  return {{{"post", post, true}}, GraphTypeOf(*v1::Post::descriptor()), post};
}

ObjectMembers MembersOfForward() {
  const Descriptor& message = *v1::ForwardPostRequest::descriptor();
  return {{{"comment", PathOf(message, "comment"), true},
           {"toRecipients", PathOf(message, "to_recipients"), true}}};
}

ObjectMembers MembersOfGroup() {
  const Descriptor& message = *GraphGroup::descriptor();
  return {{{"id", PathOf(message, "group.id")},
           {"groupTypes", PathOf(message, "group_types")},
           {"mailEnabled", PathOf(message, "mail_enabled")},
           {"securityEnabled", PathOf(message, "security_enabled")},
           {"visibility", PathOf(message, "visibility")},
           {"owners@odata.bind", PathOf(message, "owners")},
           {"members@odata.bind", PathOf(message, "members")}},
          GraphTypeOf(*v1::Group::descriptor()),
          PathOf(message, "group")};
}

const ObjectMembers& MembersOf(const Descriptor& message) {
  static const auto* const all = [] {
    auto* const members = new absl::flat_hash_map<const Descriptor*, ObjectMembers>();
    for (const GraphType* type : GraphTypes()) {
      (*members)[type->message].type = GraphTypeOf(*type->message);
    }
    for (const Descriptor* reply :
         {v1::ReplyToThreadRequest::descriptor(), v1::ReplyToPostRequest::descriptor()}) {
      members->emplace(reply, MembersOfReply(*reply));
    }
    members->emplace(v1::ForwardPostRequest::descriptor(), MembersOfForward());
    members->emplace(GraphGroup::descriptor(), MembersOfGroup());
    return members;
  }();
  static const auto* const none = new ObjectMembers();
  const auto found = all->find(&message);
  return found == all->end() ? *none : found->second;
}

// The type whose members an object has; null if it has parameters of an action.
const GraphType* TypeOf(const Descriptor& message) { return MembersOf(message).type; }

// The derived type that a value has been found to be of; null if none yet.
const GraphType* KindOf(const GraphType& type, const Message& object) {
  for (const GraphType* derived : type.derived) {
    if (object.GetReflection()->HasField(object, derived->kind)) return derived;
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
    const ObjectMembers& members = MembersOf(*object.GetDescriptor());
    for (const Parameter& parameter : members.parameters) {
      if (parameter.IsNamed(name)) return {Use::kField, parameter.path};
    }
    if (members.type == nullptr) return {IsAnnotation(name) ? Use::kIgnored : Use::kUnknown};
    Member member = FindProperty(*members.type, object, name);
    if (!member.path.empty()) {
      member.path.insert(member.path.begin(), members.part.begin(), members.part.end());
    }
    return member;
  }

  std::vector<absl::string_view> Names(const Message& object) const override {
    std::vector<absl::string_view> names;
    const ObjectMembers& members = MembersOf(*object.GetDescriptor());
    for (const Parameter& parameter : members.parameters) names.push_back(parameter.name);
    if (members.type != nullptr) AddNames(*members.type, names);
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
    Message* holder = object;
    for (size_t i = 0; i + 1 < property.path.size(); ++i) {
      holder = NewSubmessage(holder, property.path[i]);
    }
    holder->GetReflection()->SetString(holder, property.path.back(), std::string(value.json));
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
    return {Use::kField, property->path};
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
      NewSubmessage(object, derived->kind);
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

  static bool IsNullable(const GraphType* type, absl::string_view field) {
    if (type == nullptr) return false;
    const GraphProperty* property = FindGraphPropertyOfField(*type, field);
    return property != nullptr && property->is_nullable;
  }

  // Notes down which fields of the outermost message are set.
  void TakeFields(const Members& members) {
    const GraphType* type = TypeOf(*root_->GetDescriptor());
    const bool is_group = root_->GetDescriptor() == GraphGroup::descriptor();
    for (const auto& [path, is_null] : members.fields) {
      absl::string_view field = path;
      if (is_group && !absl::ConsumePrefix(&field, "group.")) continue;
      if (field == "id") continue;
      if (is_null && !IsNullable(type, field)) continue;
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
