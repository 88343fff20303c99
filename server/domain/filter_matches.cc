#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/timestamp.pb.h"
#include "server/domain/filter.h"
#include "server/domain/timestamp.h"

namespace threadstore {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using Kind = FilterNode::Kind;
using Comparison = FilterNode::Comparison;
using Value = FilterNode::Value;

// Where a field is in a resource.
struct Place {
  const Message* message;
  const FieldDescriptor* field;
};

// Nothing if a message around the field is absent.
std::optional<Place> Find(const Message& resource, const FilterField& field) {
  const Message* message = &resource;
  const FieldDescriptor* found = nullptr;
  for (const absl::string_view name : absl::StrSplit(field.path, '.')) {
    if (found != nullptr) {
      if (!message->GetReflection()->HasField(*message, found)) return std::nullopt;
      message = &message->GetReflection()->GetMessage(*message, found);
    }
    found = message->GetDescriptor()->FindFieldByName(std::string(name));
  }
  return Place{message, found};
}

// Null if the field is absent.
Value ValueOf(const Message& resource, const FilterField& field) {
  if (field.constant.has_value()) return std::get<bool>(*field.constant);
  const std::optional<Place> place = Find(resource, field);
  if (!place.has_value()) return nullptr;
  const auto& [message, descriptor] = *place;
  const google::protobuf::Reflection& reflection = *message->GetReflection();
  if (descriptor->has_presence() && !reflection.HasField(*message, descriptor)) return nullptr;
  switch (field.type) {
    case FilterField::Type::kBoolean:
      return reflection.GetBool(*message, descriptor);
    case FilterField::Type::kTime: {
      google::protobuf::Timestamp time;
      time.CopyFrom(reflection.GetMessage(*message, descriptor));
      return ToMicros(time);
    }
    case FilterField::Type::kId: {
      const std::string id = reflection.GetString(*message, descriptor);
      if (id.empty()) return nullptr;
      // It may be the last segment of a name.
      return id.substr(id.rfind('/') + 1);
    }
    case FilterField::Type::kText:
      return reflection.GetString(*message, descriptor);
    case FilterField::Type::kTextList:
      break;
  }
  return nullptr;
}

std::vector<std::string> ElementsOf(const Message& resource, const FilterField& list) {
  if (list.constant.has_value()) return std::get<std::vector<std::string>>(*list.constant);
  std::vector<std::string> elements;
  const std::optional<Place> place = Find(resource, list);
  if (!place.has_value()) return elements;
  const auto& [message, field] = *place;
  for (int i = 0; i < message->GetReflection()->FieldSize(*message, field); ++i) {
    elements.push_back(message->GetReflection()->GetRepeatedString(*message, field, i));
  }
  return elements;
}

// Negative, 0 or positive, as with std::string::compare. Both are texts or both are times.
int Order(const Value& left, const Value& right) {
  if (const auto* text = std::get_if<std::string>(&left)) {
    return text->compare(std::get<std::string>(right));
  }
  const int64_t time = std::get<int64_t>(left);
  const int64_t other = std::get<int64_t>(right);
  return time < other ? -1 : static_cast<int>(time > other);
}

bool Compare(const Value& left, Comparison comparison, const Value& right) {
  if (comparison == Comparison::kEqual) return left == right;
  if (comparison == Comparison::kNotEqual) return left != right;
  if (std::holds_alternative<std::nullptr_t>(left)) return false;
  const int order = Order(left, right);
  if (comparison == Comparison::kLess) return order < 0;
  if (comparison == Comparison::kLessOrEqual) return order <= 0;
  if (comparison == Comparison::kGreater) return order > 0;
  return order >= 0;
}

bool CallFunction(Kind function, const Value& value, const Value& argument) {
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return false;
  const auto& part = std::get<std::string>(argument);
  if (function == Kind::kStartsWith) return absl::StartsWith(*text, part);
  if (function == Kind::kEndsWith) return absl::EndsWith(*text, part);
  return absl::StrContains(*text, part);
}

class Matcher {
 public:
  Matcher(const std::vector<FilterField>& fields, const Message& resource)
      : fields_(fields), resource_(resource) {}

  bool Matches(const FilterNode& node) {
    switch (node.kind) {
      case Kind::kAnd:
        return Matches(node.children[0]) && Matches(node.children[1]);
      case Kind::kOr:
        return Matches(node.children[0]) || Matches(node.children[1]);
      case Kind::kNot:
        return !Matches(node.children[0]);
      case Kind::kConstant:
        return std::get<bool>(node.values[0]);
      case Kind::kAny:
        return AnyMatches(node);
      case Kind::kCompare:
        return Compare(ValueOf(node), node.comparison, node.values[0]);
      case Kind::kIn:
        return std::find(node.values.begin(), node.values.end(), ValueOf(node)) !=
               node.values.end();
      case Kind::kContains:
      case Kind::kStartsWith:
      case Kind::kEndsWith:
        return CallFunction(node.kind, ValueOf(node), node.values[0]);
    }
    return false;
  }

 private:
  bool AnyMatches(const FilterNode& node) {
    const std::vector<std::string> elements =
        ElementsOf(resource_, fields_[static_cast<size_t>(node.field)]);
    if (node.children.empty()) return !elements.empty();
    for (const std::string& element : elements) {
      element_ = element;
      if (Matches(node.children[0])) return true;
    }
    return false;
  }

  Value ValueOf(const FilterNode& node) const {
    if (node.field == FilterNode::kElement) return element_;
    return threadstore::ValueOf(resource_, fields_[static_cast<size_t>(node.field)]);
  }

  const std::vector<FilterField>& fields_;
  const Message& resource_;
  std::string element_;  // The one that the any around a node is trying.
};

}  // namespace

bool Matches(const FilterNode& filter, const std::vector<FilterField>& fields,
             const Message& resource) {
  return Matcher(fields, resource).Matches(filter);
}

}  // namespace threadstore
