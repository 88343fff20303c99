#include "server/http/query_options.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/base/json_scalar.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/http/graph_url.h"

namespace threadstore {
namespace {

using Expansion = QueryOptions::Expansion;

// `posts($expand=attachments)` has two.
constexpr int kMaxExpandDepth = 3;

std::string Quoted(absl::string_view text) { return absl::StrCat("'", Quotable(text), "'"); }

absl::Status Invalid(absl::string_view option, absl::string_view rule) {
  return absl::InvalidArgumentError(absl::StrCat("The query option $", option, " ", rule, "."));
}

constexpr absl::string_view kNames[] = {"select",     "expand", "filter", "orderby",
                                        "search",     "top",    "skip",   "skiptoken",
                                        "deltatoken", "count",  "id",     "format"};

bool IsOption(absl::string_view name) {
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

// The option's name in lower case and without `$`; empty if it is none.
std::string OptionName(absl::string_view name) {
  absl::ConsumePrefix(&name, "$");
  std::string lower = absl::AsciiStrToLower(name);
  return IsOption(lower) ? lower : "";
}

// Splits at separators that are neither in parentheses nor in quotes.
absl::StatusOr<std::vector<std::string>> SplitOutside(absl::string_view option,
                                                      absl::string_view text, char separator) {
  std::vector<std::string> parts;
  std::string part;
  int depth = 0;
  bool is_quoted = false;
  for (const char c : text) {
    if (c == '\'') is_quoted = !is_quoted;
    if (!is_quoted && c == '(') ++depth;
    if (!is_quoted && c == ')' && --depth < 0) return Invalid(option, "has a ) too many");
    if (!is_quoted && depth == 0 && c == separator) {
      parts.emplace_back(absl::StripAsciiWhitespace(part));
      part.clear();
    } else {
      part.push_back(c);
    }
  }
  if (depth != 0 || is_quoted) return Invalid(option, "ends within parentheses or quotes");
  parts.emplace_back(absl::StripAsciiWhitespace(part));
  for (const std::string& item : parts) {
    if (item.empty()) return Invalid(option, "has an empty item");
  }
  if (parts.size() > static_cast<size_t>(kMaxMaskPaths)) {
    return Invalid(option, absl::StrCat("has more than ", kMaxMaskPaths, " items"));
  }
  return parts;
}

absl::StatusOr<std::vector<std::string>> ParseSelect(absl::string_view text) {
  return SplitOutside("select", text, ',');
}

absl::StatusOr<std::vector<Expansion>> ParseExpand(absl::string_view text, int depth);

absl::Status ParseNested(absl::string_view text, int depth, Expansion& expansion) {
  ASSIGN_OR_RETURN(const std::vector<std::string> options, SplitOutside("expand", text, ';'));
  for (const std::string& option : options) {
    const std::pair<std::string, std::string> pair =
        absl::StrSplit(option, absl::MaxSplits('=', 1));
    const std::string name = OptionName(pair.first);
    if (name == "select") {
      ASSIGN_OR_RETURN(expansion.select, ParseSelect(pair.second));
    } else if (name == "expand") {
      ASSIGN_OR_RETURN(expansion.expand, ParseExpand(pair.second, depth + 1));
    } else if (name == "filter") {
      expansion.filter = pair.second;
    } else {
      return Invalid("expand", absl::StrCat("does not take ", Quoted(pair.first),
                                            " inside; it takes $select, $expand and $filter"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Expansion>> ParseExpand(absl::string_view text, int depth) {
  if (depth > kMaxExpandDepth) {
    return Invalid("expand", absl::StrCat("is more than ", kMaxExpandDepth, " levels deep"));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> items, SplitOutside("expand", text, ','));
  std::vector<Expansion> expansions;
  for (absl::string_view item : items) {
    Expansion expansion;
    const size_t open = item.find('(');
    if (open != absl::string_view::npos) {
      if (!absl::EndsWith(item, ")")) return Invalid("expand", "has text after a )");
      RETURN_IF_ERROR(ParseNested(item.substr(open + 1, item.size() - open - 2), depth, expansion));
      item = item.substr(0, open);
    }
    expansion.relation = std::string(absl::StripAsciiWhitespace(item));
    expansions.push_back(std::move(expansion));
  }
  return expansions;
}

absl::StatusOr<int32_t> ParseNumber(absl::string_view option, absl::string_view text,
                                    int32_t least) {
  int32_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || number < least) {
    return Invalid(option, absl::StrCat("must be a whole number of at least ", least));
  }
  return number;
}

absl::Status CheckFormat(absl::string_view format) {
  const absl::string_view type =
      absl::StripAsciiWhitespace(format.substr(0, std::min(format.size(), format.find(';'))));
  if (absl::EqualsIgnoreCase(type, "json") || absl::EqualsIgnoreCase(type, "application/json")) {
    return absl::OkStatus();
  }
  return Invalid("format", "must be json");
}

absl::Status ParseOption(absl::string_view name, const std::string& value, QueryOptions& options) {
  if (absl::StripAsciiWhitespace(value).empty()) return Invalid(name, "must not be empty");
  if (name == "select") {
    ASSIGN_OR_RETURN(options.select, ParseSelect(value));
  } else if (name == "expand") {
    ASSIGN_OR_RETURN(options.expand, ParseExpand(value, 1));
  } else if (name == "filter") {
    options.filter = value;
  } else if (name == "orderby") {
    options.order_by = value;
  } else if (name == "search") {
    options.search = value;
  } else if (name == "top") {
    ASSIGN_OR_RETURN(options.top, ParseNumber(name, value, 1));
  } else if (name == "skip") {
    ASSIGN_OR_RETURN(options.skip, ParseNumber(name, value, 0));
    if (options.skip > kMaxRowsExamined) {
      return Invalid(name, absl::StrCat("must be at most ", kMaxRowsExamined,
                                        "; links to next pages go further"));
    }
  } else if (name == "skiptoken") {
    options.skip_token = value;
  } else if (name == "deltatoken") {
    options.delta_token = value;
  } else if (name == "count") {
    if (!absl::EqualsIgnoreCase(value, "true") && !absl::EqualsIgnoreCase(value, "false")) {
      return Invalid(name, "must be true or false");
    }
    options.count = absl::EqualsIgnoreCase(value, "true");
  } else if (name == "id") {
    options.id = value;
  } else if (name == "format") {
    return CheckFormat(value);
  }
  return absl::OkStatus();
}

// `$` may stand as it is, and is easier to read.
void AppendPair(absl::string_view name, absl::string_view value, std::string& query) {
  const absl::string_view dollar = absl::ConsumePrefix(&name, "$") ? "$" : "";
  absl::StrAppend(&query, query.empty() ? "" : "&", dollar, EncodeQuery(name), "=",
                  EncodeQuery(value));
}

}  // namespace

absl::StatusOr<QueryOptions> ParseQueryOptions(
    const std::vector<std::pair<std::string, std::string>>& query) {
  QueryOptions options;
  std::set<std::string> seen;
  for (const auto& [name, value] : query) {
    const std::string option = OptionName(name);
    if (option.empty()) {
      if (!absl::StartsWith(name, "$")) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("The query option ", Quoted(name), " is not supported."));
    }
    if (!seen.insert(option).second) return Invalid(option, "must be given once");
    RETURN_IF_ERROR(ParseOption(option, value, options));
  }
  return options;
}

bool NamesQueryOption(absl::string_view given, absl::string_view option) {
  absl::ConsumePrefix(&given, "$");
  return absl::EqualsIgnoreCase(given, option);
}

std::string WithoutQueryOptions(const std::vector<std::pair<std::string, std::string>>& query,
                                const std::vector<std::string>& removed) {
  std::string text;
  for (const auto& [name, value] : query) {
    const bool is_removed = std::any_of(
        removed.begin(), removed.end(),
        [&name = name](const std::string& option) { return NamesQueryOption(name, option); });
    if (!is_removed) AppendPair(name, value, text);
  }
  return text;
}

std::string ReplaceQueryOptions(const std::vector<std::pair<std::string, std::string>>& query,
                                const std::vector<std::string>& removed, absl::string_view added,
                                absl::string_view value) {
  std::string text = WithoutQueryOptions(query, removed);
  AppendPair(added, value, text);
  return text;
}

}  // namespace threadstore
