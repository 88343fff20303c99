#include "server/http/describe/csdl.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "server/http/describe/xml_element.h"

namespace threadstore {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using Kind = GraphProperty::Kind;
using Shown = GraphProperty::Shown;

// Graph's base types, which have no message. What posts share with other items of Outlook is in
// outlookItem there.
constexpr char kEntity[] = "entity";
constexpr char kDirectoryObject[] = "directoryObject";
constexpr char kExtension[] = "extension";
constexpr char kOutlookItem[] = "outlookItem";
constexpr absl::string_view kOutlookItemProperties[] = {"categories", "changeKey",
                                                        "createdDateTime", "lastModifiedDateTime"};

// The terms of annotations are defined below it.
constexpr char kVocabularies[] = "https://oasis-tcs.github.io/odata-vocabularies/vocabularies/";

std::string FullName(absl::string_view type_name) {
  return absl::StrCat(kGraphNamespace, ".", type_name);
}

std::string CollectionOf(absl::string_view type) { return absl::StrCat("Collection(", type, ")"); }

const char* BoolText(bool value) { return value ? "true" : "false"; }

std::string BaseTypeOf(const GraphType& type) {
  for (const GraphType* base : GraphTypes()) {
    for (const GraphType* derived : base->derived) {
      if (derived == &type) return std::string(base->name);
    }
  }
  if (type.name == "user" || type.name == "group") return kDirectoryObject;
  if (type.name == "openTypeExtension") return kExtension;
  if (type.name == "post") return kOutlookItem;
  return kEntity;
}

bool IsInherited(absl::string_view base, absl::string_view property) {
  if (property == "id") return true;
  if (base != kOutlookItem) return false;
  for (const absl::string_view name : kOutlookItemProperties) {
    if (name == property) return true;
  }
  return false;
}

std::string TypeOf(const GraphType& owner, const GraphProperty& property) {
  switch (property.kind) {
    case Kind::kBoolean:
      return "Edm.Boolean";
    case Kind::kInt32:
      return "Edm.Int32";
    case Kind::kDateTimeOffset:
      return "Edm.DateTimeOffset";
    case Kind::kBinary:
      return "Edm.Binary";
    case Kind::kJson:
      return FullName(kOutlookItem);
    case Kind::kObject:
      return FullName(property.type->name);
    case Kind::kString:
      break;
  }
  return owner.name == "itemBody" && property.name == "contentType" ? FullName("bodyType")
                                                                    : "Edm.String";
}

// Objects and strings that may be absent are null to OData; times always are there.
bool IsNullable(const GraphType& type, const GraphProperty& property) {
  if (property.is_collection) return false;
  if (property.is_nullable) return true;
  if (property.kind == Kind::kDateTimeOffset || property.kind == Kind::kJson) return false;
  const FieldDescriptor* const field = type.message->FindFieldByName(std::string(property.field));
  return field != nullptr && field->has_presence();
}

void Describe(XmlElement& element, const std::string& text) {
  element.Add("Annotation", {{"Term", "Core.Description"}, {"String", text}});
}

class Csdl {
 public:
  Csdl(const std::vector<Operation>& operations, const Comments& comments)
      : operations_(operations), comments_(comments) {}

  std::string Make();

 private:
  void AddBaseTypes();
  XmlElement& AddEntityType(const std::string& name, const std::string& base,
                            XmlElement::Attributes attributes);
  void AddType(const GraphType& type);
  void AddProperty(const GraphType& type, const GraphProperty& property, XmlElement& parent);
  void AddLists(const GraphType& type, XmlElement& parent);
  void AddBoundOperations();
  void AddAction(const Operation& operation);
  void AddFunction(const Operation& operation);
  void AddContainer();

  const std::vector<Operation>& operations_;
  const Comments& comments_;
  XmlElement schema_{"Schema",
                     {{"xmlns", "http://docs.oasis-open.org/odata/ns/edm"},
                      {"Namespace", std::string(kGraphNamespace)}}};
};

void Csdl::AddProperty(const GraphType& type, const GraphProperty& property, XmlElement& parent) {
  std::string value_type = TypeOf(type, property);
  if (property.is_collection) value_type = CollectionOf(value_type);
  XmlElement::Attributes attributes = {{"Name", std::string(property.name)}, {"Type", value_type}};
  if (property.shown == Shown::kWhenExpanded) {
    attributes.emplace_back("ContainsTarget", "true");
    Describe(parent.Add("NavigationProperty", attributes), comments_.Of(type, property));
    return;
  }
  attributes.emplace_back("Nullable", BoolText(IsNullable(type, property)));
  XmlElement& element = parent.Add("Property", std::move(attributes));
  Describe(element, comments_.Of(type, property));
  if (property.is_read_only) {
    element.Add("Annotation", {{"Term", "Core.Computed"}, {"Bool", "true"}});
  }
}

// What lies in an entity's path, and is not among what can be expanded.
void Csdl::AddLists(const GraphType& type, XmlElement& parent) {
  std::set<std::string> seen;
  for (const Operation& operation : operations_) {
    if (operation.kind != Operation::Kind::kList || operation.owner_type != type.name) continue;
    const std::string name(operation.route->last_segment());
    if (FindGraphProperty(type, name) != nullptr) continue;
    if (name.find(':') != std::string::npos || !seen.insert(name).second) continue;
    // Members and groups are elsewhere as well, and known by their ids alone here.
    const bool is_contained = operation.type == "conversation" ||
                              operation.type == "conversationThread" || name == "joinedGroups";
    const std::string target = is_contained ? operation.type : kDirectoryObject;
    XmlElement::Attributes attributes = {{"Name", name}, {"Type", CollectionOf(FullName(target))}};
    if (is_contained) attributes.emplace_back("ContainsTarget", "true");
    Describe(parent.Add("NavigationProperty", std::move(attributes)),
             absl::StrReplaceAll(FirstSentence(comments_.Of(*operation.route->rpc)),
                                 {{"Lists the", "The"}}));
  }
}

XmlElement& Csdl::AddEntityType(const std::string& name, const std::string& base,
                                XmlElement::Attributes attributes) {
  XmlElement::Attributes all = {{"Name", name}};
  if (!base.empty()) all.emplace_back("BaseType", FullName(base));
  all.insert(all.end(), attributes.begin(), attributes.end());
  return schema_.Add("EntityType", std::move(all));
}

void Csdl::AddBaseTypes() {
  XmlElement& body_type = schema_.Add("EnumType", {{"Name", "bodyType"}});
  body_type.Add("Member", {{"Name", "text"}, {"Value", "0"}});
  body_type.Add("Member", {{"Name", "html"}, {"Value", "1"}});
  const XmlElement::Attributes abstract = {{"Abstract", "true"}};
  XmlElement& entity = AddEntityType(kEntity, "", abstract);
  entity.Add("Key").Add("PropertyRef", {{"Name", "id"}});
  XmlElement& id =
      entity.Add("Property", {{"Name", "id"}, {"Type", "Edm.String"}, {"Nullable", "false"}});
  id.Add("Annotation", {{"Term", "Core.Computed"}, {"Bool", "true"}});
  AddEntityType(kDirectoryObject, kEntity, {});
  AddEntityType(kExtension, kEntity, abstract);
  XmlElement& item = AddEntityType(kOutlookItem, kEntity, abstract);
  const GraphType& post = *FindGraphType("post");
  for (const absl::string_view name : kOutlookItemProperties) {
    AddProperty(post, *FindGraphProperty(post, name), item);
  }
}

void Csdl::AddType(const GraphType& type) {
  const std::string name(type.name);
  if (!type.is_entity) {
    XmlElement& complex = schema_.Add("ComplexType", {{"Name", name}});
    Describe(complex, comments_.Of(type));
    for (const GraphProperty& property : type.properties) AddProperty(type, property, complex);
    return;
  }
  XmlElement::Attributes attributes;
  if (!type.derived.empty()) attributes.emplace_back("Abstract", "true");
  if (type.is_open) attributes.emplace_back("OpenType", "true");
  for (const GraphProperty& property : type.properties) {
    if (property.kind == Kind::kBinary) attributes.emplace_back("HasStream", "true");
  }
  const std::string base = BaseTypeOf(type);
  XmlElement& entity = AddEntityType(name, base, std::move(attributes));
  for (const GraphProperty& property : type.properties) {
    if (!IsInherited(base, property.name)) AddProperty(type, property, entity);
  }
  AddLists(type, entity);
  Describe(entity, comments_.Of(type));
}

void Csdl::AddAction(const Operation& operation) {
  XmlElement& action = schema_.Add(
      "Action", {{"Name", std::string(operation.route->last_segment())}, {"IsBound", "true"}});
  action.Add("Parameter", {{"Name", "bindingParameter"},
                           {"Type", FullName(operation.bound_type)},
                           {"Nullable", "false"}});
  const Descriptor& request = *operation.route->rpc->input_type();
  for (int i = 0; i < request.field_count(); ++i) {
    const FieldDescriptor& field = *request.field(i);
    if (field.name() == "name" || field.name() == "request_id") continue;
    std::string type = field.message_type() == nullptr
                           ? "Edm.String"
                           : FullName(TypeNameOf(*field.message_type()));
    if (field.is_repeated()) type = CollectionOf(type);
    const bool is_nullable = field.message_type() == nullptr;
    action.Add("Parameter", {{"Name", field.json_name()},
                             {"Type", std::move(type)},
                             {"Nullable", BoolText(is_nullable)}});
  }
  Describe(action, comments_.Of(*operation.route->rpc));
}

void Csdl::AddFunction(const Operation& operation) {
  const std::string type = CollectionOf(FullName(operation.bound_type));
  XmlElement& function =
      schema_.Add("Function", {{"Name", std::string(operation.route->last_segment())},
                               {"IsBound", "true"},
                               {"EntitySetPath", "bindingParameter"}});
  function.Add("Parameter", {{"Name", "bindingParameter"}, {"Type", type}, {"Nullable", "false"}});
  function.Add("ReturnType", {{"Type", type}, {"Nullable", "false"}});
  Describe(function, comments_.Of(*operation.route->rpc));
}

// Each once for what it is bound to, however many paths lead there.
void Csdl::AddBoundOperations() {
  for (const auto kind : {Operation::Kind::kAction, Operation::Kind::kDelta}) {
    std::set<std::string> seen;
    for (const Operation& operation : operations_) {
      if (operation.kind != kind) continue;
      const absl::string_view name = operation.route->last_segment();
      if (!seen.insert(absl::StrCat(operation.bound_type, "/", name)).second) continue;
      kind == Operation::Kind::kAction ? AddAction(operation) : AddFunction(operation);
    }
  }
}

void Csdl::AddContainer() {
  XmlElement& container = schema_.Add("EntityContainer", {{"Name", "GraphService"}});
  container.Add("EntitySet", {{"Name", "groups"}, {"EntityType", FullName("group")}});
  container.Add("EntitySet", {{"Name", "users"}, {"EntityType", FullName("user")}});
  container.Add("Singleton", {{"Name", "me"}, {"Type", FullName("user")}});
  // `threads/id`, besides `threads('id')`.
  container.Add("Annotation", {{"Term", "Capabilities.KeyAsSegmentSupported"}, {"Bool", "true"}});
}

std::string Csdl::Make() {
  AddBaseTypes();
  for (const GraphType* type : GraphTypes()) AddType(*type);
  AddBoundOperations();
  AddContainer();
  XmlElement edmx("edmx:Edmx",
                  {{"xmlns:edmx", "http://docs.oasis-open.org/odata/ns/edmx"}, {"Version", "4.0"}});
  for (const std::string vocabulary : {"Core", "Capabilities"}) {
    const std::string name = absl::StrCat("Org.OData.", vocabulary, ".V1");
    XmlElement& reference =
        edmx.Add("edmx:Reference", {{"Uri", absl::StrCat(kVocabularies, name, ".xml")}});
    reference.Add("edmx:Include", {{"Namespace", name}, {"Alias", vocabulary}});
  }
  edmx.Add("edmx:DataServices").Put(std::move(schema_));
  return absl::StrCat("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n", edmx.ToString());
}

}  // namespace

std::string CsdlOf(const std::vector<Operation>& operations, const Comments& comments) {
  return Csdl(operations, comments).Make();
}

}  // namespace threadstore
