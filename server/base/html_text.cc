#include "server/base/html_text.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "server/base/html_entities.h"

namespace threadstore {
namespace {

constexpr absl::string_view kHtmlSpace = " \t\n\f\r";
constexpr absl::string_view kTagNameEnd = " \t\n\f\r/>";
constexpr char32_t kReplacementCharacter = 0xFFFD;

// Their content is not for readers, and nothing in it but their own end tag is a tag.
constexpr absl::string_view kHiddenElements[] = {"iframe", "noembed", "noframes",
                                                 "script", "style",   "title"};

// Those that begin or end a line, or a cell of a table.
constexpr absl::string_view kBlockElements[] = {
    "address",    "article", "aside",  "blockquote", "body",   "br",   "caption", "center",
    "dd",         "details", "dialog", "dir",        "div",    "dl",   "dt",      "fieldset",
    "figcaption", "figure",  "footer", "form",       "h1",     "h2",   "h3",      "h4",
    "h5",         "h6",      "head",   "header",     "hr",     "html", "legend",  "li",
    "main",       "menu",    "nav",    "ol",         "option", "p",    "pre",     "section",
    "summary",    "table",   "tbody",  "td",         "tfoot",  "th",   "thead",   "title",
    "tr",         "ul"};

template <size_t N>
bool Contains(const absl::string_view (&sorted)[N], absl::string_view name) {
  return std::binary_search(std::begin(sorted), std::end(sorted), name);
}

static_assert(std::is_sorted(std::begin(kHiddenElements), std::end(kHiddenElements)));
static_assert(std::is_sorted(std::begin(kBlockElements), std::end(kBlockElements)));

bool IsContinuationByte(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

bool IsAlpha(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); }
bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool IsHexDigit(char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); }
bool IsAlphanumeric(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }

bool IsWhiteSpace(absl::string_view character) {
  // U+0085, U+00A0, U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000.
  constexpr absl::string_view kWide[] = {
      "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81",
      "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86",
      "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8",
      "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};
  if (character.size() > 1) return Contains(kWide, character);
  return absl::ascii_isspace(static_cast<unsigned char>(character[0]));
}

class OneLine {
 public:
  explicit OneLine(size_t max_characters) : left_(max_characters) {}

  bool IsFull() const { return left_ == 0; }

  void AddSpace() { space_is_due_ = !line_.empty(); }

  void Add(absl::string_view text) {
    while (!text.empty() && !IsFull()) {
      size_t size = 1;
      while (size < text.size() && IsContinuationByte(text[size])) ++size;
      AddCharacter(text.substr(0, size));
      text.remove_prefix(size);
    }
  }

  std::string Take() && { return std::move(line_); }

 private:
  void AddCharacter(absl::string_view character) {
    if (IsWhiteSpace(character)) return AddSpace();
    if (std::exchange(space_is_due_, false)) Append(" ");
    // The space may have been the last that there was room for.
    if (IsFull()) {
      line_.pop_back();
    } else {
      Append(character);
    }
  }

  void Append(absl::string_view character) {
    line_.append(character.data(), character.size());
    --left_;
  }

  std::string line_;
  size_t left_;
  bool space_is_due_ = false;
};

std::string EncodeUtf8(char32_t c) {
  const auto byte = [c](int shift, uint32_t mask, uint32_t mark) {
    return static_cast<char>(((c >> shift) & mask) | mark);
  };
  if (c < 0x80) return {byte(0, 0x7F, 0)};
  if (c < 0x800) return {byte(6, 0x1F, 0xC0), byte(0, 0x3F, 0x80)};
  if (c < 0x10000) return {byte(12, 0x0F, 0xE0), byte(6, 0x3F, 0x80), byte(0, 0x3F, 0x80)};
  return {byte(18, 0x07, 0xF0), byte(12, 0x3F, 0x80), byte(6, 0x3F, 0x80), byte(0, 0x3F, 0x80)};
}

// The character that a numeric reference means: numbers of controls are those of windows-1252.
char32_t CharacterOfNumber(uint32_t number) {
  constexpr char32_t kWindows1252[] = {
      0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
      0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
      0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};
  if (number >= 0x80 && number <= 0x9F) return kWindows1252[number - 0x80];
  const bool is_surrogate = number >= 0xD800 && number <= 0xDFFF;
  if (number == 0 || is_surrogate || number > 0x10FFFF) return kReplacementCharacter;
  return number;
}

// Reads HTML from the front, token by token, and puts its text on a line.
class Reader {
 public:
  Reader(absl::string_view html, OneLine& line) : rest_(html), line_(line) {}

  void Read() {
    while (!rest_.empty() && !line_.IsFull()) {
      const size_t text_bytes = std::min(rest_.find_first_of("<&"), rest_.size());
      line_.Add(Take(text_bytes));
      if (absl::StartsWith(rest_, "<")) {
        ReadMarkup();
      } else if (!rest_.empty()) {
        ReadReference();
      }
    }
  }

 private:
  absl::string_view Take(size_t bytes) {
    const absl::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(taken.size());
    return taken;
  }

  template <typename Predicate>
  absl::string_view TakeWhile(Predicate predicate) {
    return Take(static_cast<size_t>(std::find_if_not(rest_.begin(), rest_.end(), predicate) -
                                    rest_.begin()));
  }

  void SkipBehind(absl::string_view end) {
    const size_t at = rest_.find(end);
    rest_.remove_prefix(at == absl::string_view::npos ? rest_.size() : at + end.size());
  }

  void ReadMarkup() {
    const char next = rest_.size() > 1 ? rest_[1] : '\0';
    if (IsAlpha(next)) {
      ReadStartTag();
    } else if (next == '/' && rest_.size() > 2 && IsAlpha(rest_[2])) {
      ReadEndTag();
    } else if (absl::StartsWith(rest_, "<!--")) {
      SkipComment();
    } else if (next == '!' || next == '?' || (next == '/' && rest_.size() > 2)) {
      SkipBehind(">");
    } else {
      line_.Add(Take(1));
    }
  }

  void SkipComment() {
    rest_.remove_prefix(absl::string_view("<!--").size());
    if (absl::ConsumePrefix(&rest_, ">") || absl::ConsumePrefix(&rest_, "->")) return;
    SkipBehind("-->");
  }

  void ReadStartTag() {
    rest_.remove_prefix(1);
    const std::string name = ReadTagName();
    if (Contains(kBlockElements, name)) line_.AddSpace();
    SkipAttributes();
    if (Contains(kHiddenElements, name)) SkipToEndTag(name);
  }

  void ReadEndTag() {
    rest_.remove_prefix(absl::string_view("</").size());
    if (Contains(kBlockElements, ReadTagName())) line_.AddSpace();
    SkipAttributes();
  }

  std::string ReadTagName() {
    return absl::AsciiStrToLower(
        TakeWhile([](char c) { return !absl::StrContains(kTagNameEnd, c); }));
  }

  // Skips what is left of a tag. Between quotes a value may hold what ends a tag.
  void SkipAttributes() {
    while (true) {
      rest_.remove_prefix(std::min(rest_.find_first_of("=>"), rest_.size()));
      if (rest_.empty() || Take(1) == ">") return;
      TakeWhile([](char c) { return absl::StrContains(kHtmlSpace, c); });
      if (absl::StartsWith(rest_, "\"") || absl::StartsWith(rest_, "'")) SkipBehind(Take(1));
    }
  }

  // Skips the content of an element that holds no other.
  void SkipToEndTag(absl::string_view name) {
    while (!rest_.empty()) {
      const absl::string_view tag = rest_.substr(0, 2 + name.size());
      if (absl::StartsWith(tag, "</") && absl::EqualsIgnoreCase(tag.substr(2), name) &&
          (rest_.size() == tag.size() || absl::StrContains(kTagNameEnd, rest_[tag.size()]))) {
        return;
      }
      rest_.remove_prefix(1);
      rest_.remove_prefix(std::min(rest_.find('<'), rest_.size()));
    }
  }

  void ReadReference() {
    const absl::string_view ampersand = Take(1);
    const absl::string_view begin = rest_;
    const std::optional<char32_t> character =
        absl::ConsumePrefix(&rest_, "#") ? ReadNumber() : ReadEntity();
    if (character.has_value()) {
      line_.Add(EncodeUtf8(*character));
    } else {
      rest_ = begin;
      line_.Add(ampersand);
    }
  }

  std::optional<char32_t> ReadNumber() {
    const bool is_hex = absl::ConsumePrefix(&rest_, "x") || absl::ConsumePrefix(&rest_, "X");
    const absl::string_view digits = TakeWhile(is_hex ? IsHexDigit : IsDigit);
    if (digits.empty()) return std::nullopt;
    absl::ConsumePrefix(&rest_, ";");
    constexpr uint32_t kTooLarge = 0x110000;
    uint32_t number = 0;
    for (const char digit : digits) {
      const int value = IsDigit(digit) ? digit - '0' : absl::ascii_tolower(digit) - 'a' + 10;
      number = std::min(number * (is_hex ? 16 : 10) + static_cast<uint32_t>(value), kTooLarge);
    }
    return CharacterOfNumber(number);
  }

  std::optional<char32_t> ReadEntity() {
    const std::optional<char32_t> character = FindHtmlEntity(TakeWhile(IsAlphanumeric));
    // The oldest names, those of Latin-1, may do without.
    const bool ends = absl::ConsumePrefix(&rest_, ";");
    if (!character.has_value() || (!ends && *character > 0xFF)) return std::nullopt;
    return character;
  }

  absl::string_view rest_;
  OneLine& line_;
};

}  // namespace

std::string TextOnOneLine(absl::string_view text, size_t max_characters) {
  OneLine line(max_characters);
  line.Add(text);
  return std::move(line).Take();
}

std::string HtmlTextOnOneLine(absl::string_view html, size_t max_characters) {
  OneLine line(max_characters);
  Reader(html, line).Read();
  return std::move(line).Take();
}

}  // namespace threadstore
