#include "server/http/graph_shown.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/status_macros.h"
#include "server/domain/resource_name.h"

namespace threadstore {
namespace {

absl::Status Invalid(absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(text, "."));
}

absl::Status CheckProperties(const std::vector<std::string>& select, const GraphType& type) {
  for (const std::string& name : select) {
    if (name == "*" || FindGraphProperty(type, name) != nullptr) continue;
    return Invalid(absl::StrCat("$select: there is no property '", absl::Utf8SafeCEscape(name),
                                "' of ", kGraphNamespace, ".", type.name));
  }
  return absl::OkStatus();
}

// `*` is what is shown anyway.
std::vector<std::string> SelectedNames(const std::vector<std::string>& select,
                                       const GraphType& type) {
  if (std::find(select.begin(), select.end(), "*") == select.end()) return select;
  std::vector<std::string> names;
  // What derived types and open ones have is not to be listed.
  if (type.is_open || !type.derived.empty()) return names;
  for (const GraphProperty& property : type.properties) {
    const bool is_named = std::find(select.begin(), select.end(), property.name) != select.end();
    if (is_named || property.shown == GraphProperty::Shown::kAlways) {
      names.emplace_back(property.name);
    }
  }
  return names;
}

std::string SnakeCase(absl::string_view camel) {
  std::string snake;
  for (const char c : camel) {
    if (absl::ascii_isupper(c)) snake.push_back('_');
    snake.push_back(absl::ascii_tolower(c));
  }
  return snake;
}

// The item of an attachment may be asked for with its type.
absl::string_view RelationName(absl::string_view relation) {
  absl::ConsumePrefix(&relation, absl::StrCat(kGraphNamespace, "."));
  absl::ConsumePrefix(&relation, "itemAttachment/");
  return relation;
}

// `extensions($filter=id eq 'NAME')`, the one form that Graph documents.
absl::Status ReadExtensionFilter(const QueryOptions::Expansion& expansion, GraphShown& shown) {
  absl::string_view filter = absl::StripAsciiWhitespace(expansion.filter);
  if (expansion.relation != "extensions" || !absl::ConsumePrefix(&filter, "id eq '") ||
      !absl::ConsumeSuffix(&filter, "'") || absl::StrContains(filter, '\'')) {
    return Invalid("$expand: $filter inside must be extensions($filter=id eq 'NAME')");
  }
  ASSIGN_OR_RETURN(shown.extension, ParseExtensionId(filter));
  return absl::OkStatus();
}

// Adds what is to be expanded to `view`, which is of `type`, and its paths, after `path`, to those
// of `shown`.
absl::Status AddExpansions(const std::vector<QueryOptions::Expansion>& expansions,
                           const GraphType& type, const std::string& path, GraphShown& shown,
                           GraphView& view) {
  for (const QueryOptions::Expansion& expansion : expansions) {
    const absl::string_view relation = RelationName(expansion.relation);
    const GraphProperty* const property = FindGraphProperty(type, relation);
    if (property == nullptr || property->shown != GraphProperty::Shown::kWhenExpanded) {
      return Invalid(absl::StrCat("$expand: there is no relation '",
                                  absl::Utf8SafeCEscape(expansion.relation), "' of ",
                                  kGraphNamespace, ".", type.name));
    }
    GraphView inner;
    inner.relation = std::string(relation);
    // What is no entity has nothing to choose from.
    if (property->type != nullptr) {
      RETURN_IF_ERROR(CheckProperties(expansion.select, *property->type));
      inner.select = SelectedNames(expansion.select, *property->type);
      shown.expand.push_back(absl::StrCat(path, SnakeCase(relation)));
      RETURN_IF_ERROR(AddExpansions(expansion.expand, *property->type,
                                    absl::StrCat(shown.expand.back(), "."), shown, inner));
    }
    if (!expansion.filter.empty()) RETURN_IF_ERROR(ReadExtensionFilter(expansion, shown));
    view.expand.push_back(std::move(inner));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<GraphShown> ReadShown(const QueryOptions& options, const GraphType& type) {
  GraphShown shown;
  RETURN_IF_ERROR(CheckProperties(options.select, type));
  shown.view.select = SelectedNames(options.select, type);
  RETURN_IF_ERROR(AddExpansions(options.expand, type, "", shown, shown.view));
  return shown;
}

void AddShownFields(const GraphView& view, const GraphType& type,
                    google::protobuf::FieldMask& read_mask) {
  const std::vector<std::string>& select = view.select;
  for (const char* field : {"id", "name", "etag"}) {
    if (type.message->FindFieldByName(field) != nullptr) read_mask.add_paths(field);
  }
  for (const GraphProperty& property : type.properties) {
    if (property.field.empty() || property.shown == GraphProperty::Shown::kWhenExpanded) continue;
    const bool is_default = property.shown == GraphProperty::Shown::kAlways;
    const bool is_selected = std::find(select.begin(), select.end(), property.name) != select.end();
    if (is_selected || (is_default && select.empty())) {
      if (property.field != "id") read_mask.add_paths(std::string(property.field));
    }
  }
}

void ShowCreated(const GraphType& type, GraphView& view) {
  view.all = true;
  for (const GraphProperty& property : type.properties) {
    if (property.name != "threads" && property.name != "posts") continue;
    GraphView& created = view.expand.emplace_back();
    created.relation = std::string(property.name);
    ShowCreated(*property.type, created);
  }
}

}  // namespace threadstore
