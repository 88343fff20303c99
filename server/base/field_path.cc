#include "server/base/field_path.h"

#include <string>

#include "absl/strings/str_split.h"

namespace threadstore {

FieldPath PathOf(const google::protobuf::Descriptor& message, absl::string_view names) {
  FieldPath path;
  const google::protobuf::Descriptor* type = &message;
  for (const absl::string_view name : absl::StrSplit(names, '.')) {
    const auto* const field = type == nullptr ? nullptr : type->FindFieldByName(std::string(name));
    if (field == nullptr) return {};
    path.push_back(field);
    type = field->message_type();
  }
  return path;
}

}  // namespace threadstore
