#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "server/base/status_macros.h"
#include "server/domain/filter.h"
#include "server/domain/filter_tokens.h"
#include "server/domain/limits.h"
#include "server/domain/timestamp.h"

namespace threadstore {
namespace {

using Comparison = FilterNode::Comparison;
using Kind = FilterNode::Kind;
using TokenKind = FilterToken::Kind;
using Type = FilterField::Type;
using Value = FilterNode::Value;

constexpr std::pair<absl::string_view, Comparison> kComparisons[] = {
    {"eq", Comparison::kEqual},   {"ne", Comparison::kNotEqual},
    {"gt", Comparison::kGreater}, {"ge", Comparison::kGreaterOrEqual},
    {"lt", Comparison::kLess},    {"le", Comparison::kLessOrEqual},
};

constexpr std::pair<absl::string_view, Kind> kFunctions[] = {
    {"contains", Kind::kContains},
    {"startswith", Kind::kStartsWith},
    {"endswith", Kind::kEndsWith},
};

bool IsWord(const FilterToken& token, absl::string_view word) {
  return token.kind == TokenKind::kName && absl::EqualsIgnoreCase(token.text, word);
}

bool IsBoolean(const FilterToken& token) { return IsWord(token, "true") || IsWord(token, "false"); }

bool IsConstant(const FilterToken& token) { return IsBoolean(token) || IsWord(token, "null"); }

bool IsValue(const FilterToken& token) {
  return token.kind == TokenKind::kText || token.kind == TokenKind::kGuid ||
         token.kind == TokenKind::kLiteral || IsConstant(token);
}

// What a token means in a table of words; nothing if it is not there.
template <typename Meaning, size_t size>
std::optional<Meaning> Find(const std::pair<absl::string_view, Meaning> (&words)[size],
                            const FilterToken& token) {
  for (const auto& [word, meaning] : words) {
    if (IsWord(token, word)) return meaning;
  }
  return std::nullopt;
}

bool IsOrder(Comparison comparison) {
  return comparison != Comparison::kEqual && comparison != Comparison::kNotEqual;
}

// The comparison of the same two the other way round.
Comparison TurnAround(Comparison comparison) {
  switch (comparison) {
    case Comparison::kLess:
      return Comparison::kGreater;
    case Comparison::kLessOrEqual:
      return Comparison::kGreaterOrEqual;
    case Comparison::kGreater:
      return Comparison::kLess;
    case Comparison::kGreaterOrEqual:
      return Comparison::kLessOrEqual;
    default:
      return comparison;
  }
}

// A path as Graph writes it, but for its dots: `lastDeliveredDateTime`.
std::string CamelCase(absl::string_view path) {
  std::string name;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '_') continue;
    const bool begins_word = i > 0 && path[i - 1] == '_';
    name += begins_word ? absl::ascii_toupper(static_cast<unsigned char>(path[i])) : path[i];
  }
  return name;
}

// What may be done with a field, for errors.
std::string UseOf(const FilterField& field) {
  switch (field.type) {
    case Type::kText:
      return absl::StrCat(field.path, " is text, to be compared with text in single quotes");
    case Type::kTime:
      return absl::StrCat(
          field.path,
          " is a time, to be compared with one such as 2026-01-31T12:00:00Z, without quotes");
    case Type::kBoolean:
      return absl::StrCat(field.path, " is true or false, to be compared by eq, ne or in");
    case Type::kId:
      return absl::StrCat(field.path, " is an id, to be compared by eq, ne or in");
    case Type::kTextList:
      return absl::StrCat(field.path, " is a list, to be asked as in ", field.path,
                          "/any(e:e eq 'text')");
  }
  return "";
}

absl::StatusOr<Value> ReadValue(const FilterField& field, const FilterToken& token) {
  switch (field.type) {
    case Type::kText:
      if (token.kind == TokenKind::kText) return UnquotedText(token);
      break;
    case Type::kId:
      if (token.kind == TokenKind::kText) return absl::AsciiStrToLower(UnquotedText(token));
      if (token.kind == TokenKind::kGuid) return absl::AsciiStrToLower(token.text);
      break;
    case Type::kBoolean:
      if (IsBoolean(token)) return IsWord(token, "true");
      break;
    case Type::kTime: {
      if (token.kind != TokenKind::kLiteral) break;
      const absl::StatusOr<int64_t> time = ParseDateTimeOffset(token.text);
      if (!time.ok()) return FilterError(token, time.status().message());
      return *time;
    }
    case Type::kTextList:
      break;
  }
  return FilterError(token, UseOf(field));
}

// By recursive descent, as deep as kMaxFilterDepth allows.
class Parser {
 public:
  Parser(const std::vector<FilterToken>& tokens, const std::vector<FilterField>& fields)
      : token_(tokens.data()), fields_(fields) {}

  absl::StatusOr<FilterNode> Parse() {
    ASSIGN_OR_RETURN(FilterNode filter, ParseOr());
    if (token_->kind != TokenKind::kEnd) return NotAnOperator();
    return filter;
  }

 private:
  // A field as a filter names it: its place and what it is.
  struct Operand {
    int index;
    const FilterField& field;
  };

  absl::StatusOr<FilterNode> ParseOr() { return ParseChain("or", Kind::kOr, &Parser::ParseAnd); }

  absl::StatusOr<FilterNode> ParseAnd() { return ParseChain("and", Kind::kAnd, &Parser::ParseNot); }

  absl::StatusOr<FilterNode> ParseChain(absl::string_view word, Kind kind,
                                        absl::StatusOr<FilterNode> (Parser::*parse_link)()) {
    ASSIGN_OR_RETURN(FilterNode chain, (this->*parse_link)());
    while (IsWord(*token_, word)) {
      ++token_;
      ASSIGN_OR_RETURN(FilterNode link, (this->*parse_link)());
      FilterNode longer = NodeOf(kind);
      longer.children.reserve(2);
      longer.children.push_back(std::move(chain));
      longer.children.push_back(std::move(link));
      chain = std::move(longer);
    }
    return chain;
  }

  absl::StatusOr<FilterNode> ParseNot() {
    if (!IsWord(*token_, "not")) return ParseCondition();
    RETURN_IF_ERROR(Descend());
    ++token_;
    ASSIGN_OR_RETURN(FilterNode negated, ParseNot());
    --depth_;
    FilterNode node = NodeOf(Kind::kNot);
    node.children.push_back(std::move(negated));
    return node;
  }

  absl::StatusOr<FilterNode> ParseCondition() {
    if (token_->kind == TokenKind::kOpen) return ParseParentheses();
    RETURN_IF_ERROR(CountComparison());
    if (IsValue(*token_)) return ParseValueFirst();
    if (token_->kind != TokenKind::kName) {
      return FilterError(*token_, "expected a comparison, a function, not or (");
    }
    return token_[1].kind == TokenKind::kOpen ? ParseCall() : ParseFieldFirst();
  }

  absl::StatusOr<FilterNode> ParseParentheses() {
    RETURN_IF_ERROR(Descend());
    ++token_;
    ASSIGN_OR_RETURN(FilterNode inner, ParseOr());
    if (token_->kind != TokenKind::kClose) return NotAnOperator();
    ++token_;
    --depth_;
    return inner;
  }

  // A value compared with a field, or a constant alone.
  absl::StatusOr<FilterNode> ParseValueFirst() {
    const FilterToken& value = *token_++;
    const std::optional<Comparison> comparison = Find(kComparisons, *token_);
    if (!comparison.has_value()) {
      if (!IsBoolean(value)) return FilterError(value, "expected a comparison with a field");
      FilterNode node = NodeOf(Kind::kConstant);
      node.values.emplace_back(IsWord(value, "true"));
      return node;
    }
    const FilterToken& word = *token_++;
    if (token_->kind != TokenKind::kName || IsConstant(*token_)) {
      return FilterError(*token_, "expected a field to compare with");
    }
    ASSIGN_OR_RETURN(const Operand operand, ReadOperand());
    return MakeComparison(operand, word, TurnAround(*comparison), value);
  }

  // A field compared with values, or a boolean field alone.
  absl::StatusOr<FilterNode> ParseFieldFirst() {
    const FilterToken& name = *token_;
    ASSIGN_OR_RETURN(const Operand operand, ReadOperand());
    const FilterToken& word = *token_;
    if (const std::optional<Comparison> comparison = Find(kComparisons, word)) {
      ++token_;
      if (!IsValue(*token_)) return FilterError(*token_, "expected a value to compare with");
      return MakeComparison(operand, word, *comparison, *token_++);
    }
    if (IsWord(word, "in")) return ParseIn(operand);
    const bool ends = word.kind != TokenKind::kName || IsWord(word, "and") || IsWord(word, "or");
    if (!ends) return NotAnOperator();
    if (operand.field.type != Type::kBoolean) return FilterError(name, UseOf(operand.field));
    FilterNode node = NodeOf(Kind::kCompare, operand);
    node.values.emplace_back(true);
    return node;
  }

  absl::StatusOr<FilterNode> MakeComparison(const Operand& operand, const FilterToken& word,
                                            Comparison comparison, const FilterToken& value) {
    const FilterField& field = operand.field;
    const bool has_order = field.type == Type::kText || field.type == Type::kTime;
    if (field.type == Type::kTextList || (IsOrder(comparison) && !has_order)) {
      return FilterError(word, UseOf(field));
    }
    FilterNode node = NodeOf(Kind::kCompare, operand);
    node.comparison = comparison;
    if (IsWord(value, "null")) {
      if (IsOrder(comparison)) return FilterError(value, "null is compared by eq or ne");
      node.values.emplace_back(nullptr);
      return node;
    }
    ASSIGN_OR_RETURN(Value read, ReadValue(field, value));
    node.values.push_back(std::move(read));
    return node;
  }

  absl::StatusOr<FilterNode> ParseIn(const Operand& operand) {
    if (operand.field.type == Type::kTextList) return FilterError(*token_, UseOf(operand.field));
    ++token_;
    RETURN_IF_ERROR(Take(TokenKind::kOpen, "expected ( and values, as in ('a', 'b')"));
    FilterNode node = NodeOf(Kind::kIn, operand);
    while (true) {
      if (!node.values.empty()) RETURN_IF_ERROR(CountComparison());
      if (IsWord(*token_, "null")) return FilterError(*token_, "null is compared by eq or ne");
      if (!IsValue(*token_)) return FilterError(*token_, "expected a value");
      ASSIGN_OR_RETURN(Value value, ReadValue(operand.field, *token_));
      node.values.push_back(std::move(value));
      ++token_;
      if (token_->kind != TokenKind::kComma) break;
      ++token_;
    }
    RETURN_IF_ERROR(Take(TokenKind::kClose, "expected , or )"));
    return node;
  }

  // A function, or any of a list.
  absl::StatusOr<FilterNode> ParseCall() {
    const FilterToken& name = *token_;
    const size_t separator = name.text.find_last_of("./");
    if (separator != absl::string_view::npos &&
        absl::EqualsIgnoreCase(name.text.substr(separator + 1), "any")) {
      return ParseAny(name.text.substr(0, separator));
    }
    const std::optional<Kind> function = Find(kFunctions, name);
    if (!function.has_value()) {
      return FilterError(name,
                         "there is no such function; there are contains, startswith, endswith, and "
                         "any of a list");
    }
    token_ += 2;
    const FilterToken& argument = *token_;
    if (argument.kind != TokenKind::kName) return FilterError(argument, "expected a field of text");
    ASSIGN_OR_RETURN(const Operand operand, ReadOperand());
    if (operand.field.type != Type::kText) return FilterError(argument, "expected a field of text");
    FilterNode node = NodeOf(*function, operand);
    RETURN_IF_ERROR(Take(TokenKind::kComma, "expected , and text in single quotes"));
    if (token_->kind != TokenKind::kText) {
      return FilterError(*token_, "expected text in single quotes");
    }
    node.values.emplace_back(UnquotedText(*token_++));
    RETURN_IF_ERROR(Take(TokenKind::kClose, "expected )"));
    return node;
  }

  absl::StatusOr<FilterNode> ParseAny(absl::string_view path) {
    if (element_.has_value()) return FilterError(*token_, "there is no any within any");
    FilterToken list = *token_;
    list.text = path;
    ASSIGN_OR_RETURN(const Operand operand, FindField(list));
    if (operand.field.type != Type::kTextList) return FilterError(list, UseOf(operand.field));
    FilterNode node = NodeOf(Kind::kAny, operand);
    RETURN_IF_ERROR(Descend());
    token_ += 2;
    if (token_->kind != TokenKind::kClose) {
      const FilterToken& variable = *token_;
      if (variable.kind != TokenKind::kName || token_[1].kind != TokenKind::kColon ||
          variable.text.find_first_of("./$") != absl::string_view::npos) {
        return FilterError(variable, "expected a name and a colon, as in any(e:e eq 'text')");
      }
      token_ += 2;
      --comparisons_;  // What is within counts instead.
      element_ = FilterField{std::string(variable.text), Type::kText};
      ASSIGN_OR_RETURN(FilterNode condition, ParseOr());
      element_.reset();
      node.children.push_back(std::move(condition));
    }
    RETURN_IF_ERROR(Take(TokenKind::kClose, "expected ) or an operator"));
    --depth_;
    return node;
  }

  // The operand that a name stands for, which it leaves behind.
  absl::StatusOr<Operand> ReadOperand() {
    const FilterToken& name = *token_++;
    if (!element_.has_value()) return FindField(name);
    if (name.text == element_->path) return Operand{FilterNode::kElement, *element_};
    return FilterError(name, absl::StrCat("within any there is only ", element_->path));
  }

  absl::StatusOr<Operand> FindField(const FilterToken& name) const {
    const std::string path = absl::StrReplaceAll(name.text, {{"/", "."}});
    for (size_t i = 0; i < fields_.size(); ++i) {
      const FilterField& field = fields_[i];
      if (path == field.path || path == CamelCase(field.path)) {
        return Operand{static_cast<int>(i), field};
      }
    }
    const auto append_path = [](std::string* out, const FilterField& field) {
      absl::StrAppend(out, field.path);
    };
    return FilterError(name, absl::StrCat("there is no such field; there are ",
                                          absl::StrJoin(fields_, ", ", append_path)));
  }

  static FilterNode NodeOf(Kind kind) {
    FilterNode node;
    node.kind = kind;
    return node;
  }

  static FilterNode NodeOf(Kind kind, const Operand& operand) {
    FilterNode node = NodeOf(kind);
    node.field = operand.index;
    return node;
  }

  absl::Status Take(TokenKind kind, absl::string_view expectation) {
    if (token_->kind != kind) return FilterError(*token_, expectation);
    ++token_;
    return absl::OkStatus();
  }

  absl::Status NotAnOperator() const {
    if (token_->kind == TokenKind::kName) return FilterError(*token_, kOperatorsHint);
    if (depth_ > 0) return FilterError(*token_, "expected ) or an operator");
    return FilterError(*token_, token_->kind == TokenKind::kClose ? "there is no ( that it closes"
                                                                  : "expected an operator");
  }

  absl::Status Descend() {
    if (++depth_ <= kMaxFilterDepth) return absl::OkStatus();
    return FilterError(*token_, absl::StrCat("at most ", kMaxFilterDepth, " levels of nesting"));
  }

  absl::Status CountComparison() {
    if (++comparisons_ <= kMaxFilterComparisons) return absl::OkStatus();
    return FilterError(*token_, absl::StrCat("at most ", kMaxFilterComparisons, " comparisons"));
  }

  const FilterToken* token_;  // The next one. The end is never left behind.
  const std::vector<FilterField>& fields_;
  std::optional<FilterField> element_;  // What the variable is, within any.
  int depth_ = 0;
  int comparisons_ = 0;
};

}  // namespace

absl::StatusOr<FilterNode> ParseFilter(absl::string_view text,
                                       const std::vector<FilterField>& fields) {
  ASSIGN_OR_RETURN(const std::vector<FilterToken> tokens, TokensOf(text));
  return Parser(tokens, fields).Parse();
}

}  // namespace threadstore
