#include "server/base/json_dialect.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace threadstore {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

JsonDialect::Member JsonDialect::Find(const Message& object, absl::string_view name) const {
  if (IsAnnotation(name)) return {Use::kIgnored};
  const Descriptor* type = object.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (name == field->json_name() || name == field->name()) return {Use::kField, {field}};
  }
  return {};
}

std::vector<absl::string_view> JsonDialect::Names(const Message& object) const {
  std::vector<absl::string_view> names;
  const Descriptor* type = object.GetDescriptor();
  names.reserve(static_cast<size_t>(type->field_count()));
  for (int i = 0; i < type->field_count(); ++i) names.emplace_back(type->field(i)->json_name());
  return names;
}

Fault JsonDialect::ReadScalar(const Scalar& scalar, Message* message,
                              const FieldDescriptor* field) {
  return threadstore::ReadScalar(scalar, message, field);
}

Fault JsonDialect::TakeRaw(const RawValue& value, Message* /*object*/) {
  return absl::StrCat("nobody takes ", Quotable(value.name));
}

Fault JsonDialect::EndObject(const Members& /*members*/, Message* /*object*/) {
  return std::nullopt;
}

bool IsAnnotation(absl::string_view name) {
  return absl::StartsWith(name, "@") || absl::StrContains(name, "@odata.");
}

}  // namespace threadstore
