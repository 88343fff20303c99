#ifndef THREADSTORE_SERVER_DOMAIN_FILTER_H_
#define THREADSTORE_SERVER_DOMAIN_FILTER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

// Filters of lists: OData expressions over the fields of a resource (OData 4.01, part 2: URL
// conventions, section 5.1.1), as a typed tree. Engines turn the tree into SQL with bound
// parameters; Matches is what they have to agree with.
namespace threadstore {

// A field that a filter may name.
struct FilterField {
  enum class Type { kText, kBoolean, kTime, kId, kTextList };

  // As the path of fields in the resource's proto, joined by dots: `sender.email_address.name`. In
  // a filter it may also be written in Graph's form: `sender/emailAddress/name`.
  std::string path;
  Type type;

  // Whether it may be absent, and so equal to null.
  bool is_nullable = false;

  // Of what is the same for all resources, and no field of theirs: true or false, or the elements
  // of a list.
  std::optional<std::variant<bool, std::vector<std::string>>> constant = std::nullopt;
};

// The one of Graph's types of groups that groups here are of.
inline constexpr absl::string_view kUnifiedGroupType = "Unified";

// The fields of each resource that may be filtered by. Their order is fixed: a node names a field
// by its place here.
const std::vector<FilterField>& GroupFilterFields();
const std::vector<FilterField>& ThreadFilterFields();
const std::vector<FilterField>& ConversationFilterFields();
const std::vector<FilterField>& PostFilterFields();

// A node of a filter, whose types have been checked.
struct FilterNode {
  enum class Kind {
    kAnd,         // of two children
    kOr,          // of two children
    kNot,         // of one child
    kCompare,     // field, comparison, and one value; null only with kEqual and kNotEqual
    kIn,          // field, and at least one value, none of them null
    kContains,    // field and a text
    kStartsWith,  // field and a text
    kEndsWith,    // field and a text
    kAny,         // a list field; one child about its elements alone, or none: it has any
    kConstant,    // true or false, as its one value
  };
  enum class Comparison { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };

  // The field that stands for the variable of the kAny around it.
  static constexpr int kElement = -1;

  // nullptr_t is null, int64_t a time in microseconds since 1970. Ids are text in lower case.
  using Value = std::variant<std::nullptr_t, bool, int64_t, std::string>;

  Kind kind;
  int field = 0;  // The place in the list of fields, or kElement.
  Comparison comparison = Comparison::kEqual;
  std::vector<Value> values;
  std::vector<FilterNode> children;
};

// Parses a filter over the fields. `or` binds least, then `and`, `not`, and comparisons (OData has
// `not` bind before comparisons, which of boolean fields means the same). Operators, functions and
// constants are read in any case. The field of a comparison comes first in its node whichever side
// it was on, and a boolean field alone is compared with true.
//
// INVALID_ARGUMENT with the description of a field violation, without the field, that tells the
// position in characters, from 1, and the token. Any input takes time in proportion to its length,
// and memory bounded by server/domain/limits.h.
absl::StatusOr<FilterNode> ParseFilter(absl::string_view text,
                                       const std::vector<FilterField>& fields);

// Whether a resource passes a filter over its fields. A comparison with an absent field is false,
// except `eq null` and `ne` a value; a function of an absent field is false. Text compares by code
// point.
bool Matches(const FilterNode& filter, const std::vector<FilterField>& fields,
             const google::protobuf::Message& resource);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_FILTER_H_
