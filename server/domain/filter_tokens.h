#ifndef THREADSTORE_SERVER_DOMAIN_FILTER_TOKENS_H_
#define THREADSTORE_SERVER_DOMAIN_FILTER_TOKENS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// What a filter (server/domain/filter.h) is made up of.
namespace threadstore {

struct FilterToken {
  enum class Kind {
    kName,  // A path of names, joined by `.` or `/`: a field, an operator, a function, a constant.
    kText,  // In quotes, which are doubled inside.
    kGuid,  // An id without quotes.
    kLiteral,  // What else begins with a digit or a sign.
    kOpen,
    kClose,
    kComma,
    kColon,
    kEnd,
  };

  Kind kind;
  absl::string_view text;  // As it stands in the filter; empty at the end.
  size_t position;         // In characters, from 1.
};

// The rule that a word or sign breaks where an operator is expected.
inline constexpr char kOperatorsHint[] =
    "the operators are eq, ne, gt, ge, lt, le, in, and, or, not";

// INVALID_ARGUMENT that tells a token, its position, and the rule it breaks.
absl::Status FilterError(const FilterToken& token, absl::string_view rule);

// The tokens of a filter, of which the last is its end; views into `filter`. INVALID_ARGUMENT by
// FilterError if it has anything else, is longer than kMaxFilterBytes, or is not UTF-8.
absl::StatusOr<std::vector<FilterToken>> TokensOf(absl::string_view filter);

// What a kText token means.
std::string UnquotedText(const FilterToken& token);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_FILTER_TOKENS_H_
