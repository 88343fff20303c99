#include "server/domain/filter_tokens.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/stubs/common.h"
#include "server/base/json_scalar.h"
#include "server/base/status_macros.h"
#include "server/base/uuid.h"
#include "server/domain/limits.h"

namespace threadstore {
namespace {

constexpr size_t kGuidLength = 36;

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

bool BeginsName(char c) {
  return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$';
}

bool IsInName(char c) { return BeginsName(c) || IsDigit(c); }

bool IsInLiteral(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '+' || c == ':' ||
         c == '.';
}

template <typename Predicate>
size_t CountWhile(absl::string_view text, Predicate predicate) {
  size_t count = 0;
  while (count < text.size() && predicate(text[count])) ++count;
  return count;
}

size_t GuidLength(absl::string_view text) {
  const bool goes_on =
      text.size() > kGuidLength && (IsInName(text[kGuidLength]) || text[kGuidLength] == '-');
  return !goes_on && Uuid::Parse(text.substr(0, kGuidLength)).has_value() ? kGuidLength : 0;
}

size_t NameLength(absl::string_view text) {
  size_t length = 0;
  while (true) {
    length += CountWhile(text.substr(length), IsInName);
    const bool goes_on = length + 1 < text.size() && (text[length] == '.' || text[length] == '/') &&
                         BeginsName(text[length + 1]);
    if (!goes_on) return length;
    ++length;
  }
}

// With its quotes; 0 if there is no closing one.
size_t TextLength(absl::string_view text) {
  size_t quote = text.find('\'', 1);
  while (quote != absl::string_view::npos) {
    const bool is_doubled = quote + 1 < text.size() && text[quote + 1] == '\'';
    if (!is_doubled) return quote + 1;
    quote = text.find('\'', quote + 2);
  }
  return 0;
}

class Tokenizer {
 public:
  explicit Tokenizer(absl::string_view filter) : rest_(filter) {}

  absl::StatusOr<std::vector<FilterToken>> Run() {
    std::vector<FilterToken> tokens;
    while (true) {
      Take(CountWhile(rest_,
                      [](char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }));
      ASSIGN_OR_RETURN(const FilterToken token, Next());
      tokens.push_back(token);
      if (token.kind == FilterToken::Kind::kEnd) return tokens;
    }
  }

 private:
  using Kind = FilterToken::Kind;

  absl::StatusOr<FilterToken> Next() {
    if (rest_.empty()) return Take(Kind::kEnd, 0);
    if (const size_t length = GuidLength(rest_); length > 0) return Take(Kind::kGuid, length);
    const char first = rest_[0];
    if (BeginsName(first)) return Take(Kind::kName, NameLength(rest_));
    if (IsDigit(first) || first == '-' || first == '+') {
      return Take(Kind::kLiteral, CountWhile(rest_, IsInLiteral));
    }
    switch (first) {
      case '\'': {
        const size_t length = TextLength(rest_);
        if (length > 0) return Take(Kind::kText, length);
        return FilterError(Take(Kind::kText, rest_.size()), "the closing quote is missing");
      }
      case '(':
        return Take(Kind::kOpen, 1);
      case ')':
        return Take(Kind::kClose, 1);
      case ',':
        return Take(Kind::kComma, 1);
      case ':':
        return Take(Kind::kColon, 1);
      default:
        return FilterError(Take(Kind::kLiteral, 1 + CountWhile(rest_.substr(1), IsContinuation)),
                           RuleAgainst(first));
    }
  }

  static absl::string_view RuleAgainst(char sign) {
    if (sign == '"') return "text stands in single quotes";
    const bool is_operator = absl::string_view("=!<>&|").find(sign) != absl::string_view::npos;
    return is_operator ? kOperatorsHint : "this has no meaning in a filter";
  }

  static bool IsContinuation(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
  }

  absl::string_view Take(size_t length) {
    const absl::string_view taken = rest_.substr(0, length);
    for (const char byte : taken) position_ += IsContinuation(byte) ? 0 : 1;
    rest_.remove_prefix(length);
    return taken;
  }

  FilterToken Take(Kind kind, size_t length) {
    const size_t position = position_;
    return {kind, Take(length), position};
  }

  absl::string_view rest_;
  size_t position_ = 1;
};

}  // namespace

absl::Status FilterError(const FilterToken& token, absl::string_view rule) {
  // Filters are full of quotes, which read better as they are.
  const std::string what =
      token.kind == FilterToken::Kind::kEnd
          ? "the end"
          : absl::StrReplaceAll(Quotable(token.text),
                                {{R"(\\)", R"(\\)"}, {R"(\')", "'"}, {R"(\")", "\""}});
  return absl::InvalidArgumentError(
      absl::StrCat("at character ", token.position, ", ", what, ": ", rule));
}

absl::StatusOr<std::vector<FilterToken>> TokensOf(absl::string_view filter) {
  if (filter.size() > kMaxFilterBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("must have at most ", kMaxFilterBytes, " bytes"));
  }
  if (!google::protobuf::internal::IsStructurallyValidUTF8(filter.data(),
                                                           static_cast<int>(filter.size()))) {
    return absl::InvalidArgumentError("must be valid UTF-8");
  }
  if (filter.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError("must not contain U+0000");
  }
  return Tokenizer(filter).Run();
}

std::string UnquotedText(const FilterToken& token) {
  return absl::StrReplaceAll(token.text.substr(1, token.text.size() - 2), {{"''", "'"}});
}

}  // namespace threadstore
