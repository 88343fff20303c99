#include "server/http/describe/operation.h"

#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/protobuf/stubs/logging.h"

namespace threadstore {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using Kind = Operation::Kind;

constexpr absl::string_view kAnyId = "*";
constexpr absl::string_view kGroups = "groups";
constexpr absl::string_view kDelta = "delta";
constexpr absl::string_view kReference = "$ref";
constexpr absl::string_view kValue = "$value";

// Paths begin with one of these, or with `groups`.
const std::set<std::string>& Aliases() {
  static const auto& aliases = *new std::set<std::string>{"me", "users"};
  return aliases;
}

// The messages that a page holds; null if the message is no page. A found thread stands in a
// message of its own, first.
const Descriptor* ItemOfPage(const Descriptor& message) {
  if (message.FindFieldByName("next_page_token") == nullptr) return nullptr;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (!field.is_repeated() || field.message_type() == nullptr) continue;
    const Descriptor* const item = field.message_type();
    if (GraphTypeOf(*item) == nullptr && item->field(0)->message_type() != nullptr) {
      return item->field(0)->message_type();
    }
    return item;
  }
  return nullptr;
}

Kind KindOf(const Route& route) {
  const absl::string_view last = route.last_segment();
  if (route.http_method == "PATCH") {
    const std::string& name = route.rpc->name();
    const bool is_directory = name == "UpdateGroup" || name == "UpdateMember";
    return is_directory ? Kind::kUpdateDirectoryObject : Kind::kUpdate;
  }
  if (route.http_method == "DELETE") return Kind::kDelete;
  if (route.http_method == "POST") {
    if (absl::StartsWith(route.rpc->name(), "Add")) return Kind::kAddReference;
    return route.body == "*" ? Kind::kAction : Kind::kCreate;
  }
  if (last == kDelta) return Kind::kDelta;
  if (last == kValue) return Kind::kGetValue;
  return ItemOfPage(*route.rpc->output_type()) != nullptr ? Kind::kList : Kind::kGet;
}

// The path of what the operation is bound to: without `delta`, `$ref`, `reply` or `:search`.
std::vector<std::string> BoundSegments(const Operation& operation) {
  std::vector<std::string> segments = operation.route->segments;
  const std::string& last = segments.back();
  if (last == kDelta || last == kReference || last == kValue || operation.kind == Kind::kAction) {
    segments.pop_back();
  }
  segments.back() = segments.back().substr(0, segments.back().find(':'));
  return segments;
}

// `reply` of ReplyToThread.
std::string VerbOf(const Operation& operation) {
  if (operation.kind == Kind::kDelta) return std::string(kDelta);
  if (operation.kind == Kind::kGetValue) return "getValue";
  const std::string& name = operation.route->rpc->name();
  size_t end = 1;
  while (end < name.size() && absl::ascii_islower(static_cast<unsigned char>(name[end]))) ++end;
  const bool is_reference = operation.route->last_segment() == kReference;
  return absl::StrCat(absl::AsciiStrToLower(name.substr(0, end)), is_reference ? "Reference" : "");
}

void NameOperation(const std::vector<std::string>& bound, Operation& operation) {
  std::vector<std::string> words;
  for (const std::string& segment : bound) {
    if (segment != kAnyId) words.push_back(segment);
  }
  operation.is_alias = Aliases().count(words.front()) > 0;
  operation.tag = operation.is_alias ? words.front() : words.back();
  if (words.size() > 1 && words.front() == kGroups) words.erase(words.begin());
  operation.id = absl::StrCat(absl::StrJoin(words, "."), ".", VerbOf(operation));
}

void SetPath(Operation& operation) {
  std::string previous;
  for (const std::string& segment : operation.route->segments) {
    if (segment == kAnyId) {
      operation.keys.push_back(absl::StrCat(SingularOf(previous), "Id"));
      absl::StrAppend(&operation.path, "/{", operation.keys.back(), "}");
    } else {
      absl::StrAppend(&operation.path, "/", segment);
    }
    previous = segment;
  }
}

// What a collection holds, by its name, from the lists of the routes.
std::map<std::string, std::string> TypesOfCollections(const Routes& routes) {
  std::map<std::string, std::string> types = {{"me", "user"}, {"users", "user"}};
  for (const auto& route : routes.all()) {
    if (KindOf(*route) != Kind::kList) continue;
    const std::vector<std::string> name = absl::StrSplit(route->last_segment(), ':');
    types.emplace(name[0], TypeNameOf(*ItemOfPage(*route->rpc->output_type())));
  }
  return types;
}

// Of what a path names, by its last collection.
std::string TypeOfPath(const std::vector<std::string>& segments,
                       const std::map<std::string, std::string>& types) {
  const std::string& collection =
      segments.back() == kAnyId ? segments[segments.size() - 2] : segments.back();
  const auto type = types.find(collection);
  GOOGLE_CHECK(type != types.end()) << absl::StrJoin(segments, "/") << ": nothing lists it";
  return type->second;
}

std::string TypeOfAnswer(const Operation& operation) {
  const Descriptor& answer = *operation.route->rpc->output_type();
  switch (operation.kind) {
    case Kind::kDelete:
    case Kind::kAddReference:
    case Kind::kGetValue:
      return "";
    case Kind::kAction:
      return GraphTypeOf(answer) == nullptr ? "" : TypeNameOf(answer);
    default:
      return operation.bound_type;
  }
}

}  // namespace

std::string TypeNameOf(const Descriptor& message) {
  const GraphType* const type = GraphTypeOf(message);
  GOOGLE_CHECK(type != nullptr) << message.full_name() << " is nothing in Graph";
  return std::string(type->name);
}

std::string SingularOf(absl::string_view collection) {
  size_t begin = 0;
  for (size_t i = 0; i < collection.size(); ++i) {
    if (absl::ascii_isupper(static_cast<unsigned char>(collection[i]))) begin = i;
  }
  std::string word = absl::AsciiStrToLower(collection.substr(begin));
  if (absl::EndsWith(word, "s")) word.pop_back();
  return word;
}

const GraphType* FindGraphType(absl::string_view name) {
  for (const GraphType* type : GraphTypes()) {
    if (type->name == name) return type;
  }
  return nullptr;
}

std::vector<Operation> OperationsOf(const Routes& routes) {
  const std::map<std::string, std::string> types = TypesOfCollections(routes);
  std::vector<Operation> operations;
  std::set<std::string> ids;
  for (const auto& route : routes.all()) {
    Operation operation;
    operation.route = route.get();
    operation.kind = KindOf(*route);
    SetPath(operation);
    const std::vector<std::string> bound = BoundSegments(operation);
    operation.bound_type = TypeOfPath(bound, types);
    if (operation.kind == Kind::kList && bound.size() > 1) {
      operation.owner_type = TypeOfPath({bound.begin(), bound.end() - 1}, types);
    }
    operation.type = TypeOfAnswer(operation);
    NameOperation(bound, operation);
    GOOGLE_CHECK(ids.insert(operation.id).second) << "two operations " << operation.id;
    operations.push_back(std::move(operation));
  }
  return operations;
}

}  // namespace threadstore
