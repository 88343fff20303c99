#include "server/domain/words.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/html_text.h"
#include "server/domain/limits.h"
#include "server/domain/resource.h"

namespace threadstore {
namespace {

// Letters, digits and marks in a row, folded.
struct Run {
  absl::string_view text;
  bool is_spaced = true;  // Whether its script puts spaces between words.
};

// Returns whether to go on.
using UseRun = absl::FunctionRef<bool(const Run&)>;

bool IsWordByte(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }
bool IsAscii(char c) { return absl::ascii_isascii(static_cast<unsigned char>(c)); }
bool IsContinuationByte(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

void CheckIcu(UErrorCode code) {
  if (U_FAILURE(code) != 0) throw std::runtime_error(u_errorName(code));
}

bool IsAccent(UChar32 c) { return c >= 0x300 && c <= 0x36F; }

bool IsWordCharacter(UChar32 c) {
  return (U_GET_GC_MASK(c) & (U_GC_L_MASK | U_GC_N_MASK | U_GC_M_MASK)) != 0;
}

bool IsMark(UChar32 c) { return (U_GET_GC_MASK(c) & U_GC_M_MASK) != 0; }

// Whether lines may break anywhere between such characters, or only a dictionary knows where.
bool IsSpaced(UChar32 c) {
  switch (u_getIntPropertyValue(c, UCHAR_LINE_BREAK)) {
    case U_LB_COMPLEX_CONTEXT:
    case U_LB_CONDITIONAL_JAPANESE_STARTER:
    case U_LB_IDEOGRAPHIC:
    case U_LB_NONSTARTER:
      return false;
    default:
      return true;
  }
}

icu::UnicodeString Fold(absl::string_view text) {
  UErrorCode code = U_ZERO_ERROR;
  const icu::Normalizer2* const casefold = icu::Normalizer2::getNFKCCasefoldInstance(code);
  const icu::Normalizer2* const decompose = icu::Normalizer2::getNFDInstance(code);
  const icu::Normalizer2* const compose = icu::Normalizer2::getNFCInstance(code);
  CheckIcu(code);
  const auto sent = icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
  const icu::UnicodeString decomposed = decompose->normalize(casefold->normalize(sent, code), code);
  icu::UnicodeString bare;
  for (int32_t i = 0; i < decomposed.length(); i = decomposed.moveIndex32(i, 1)) {
    if (const UChar32 c = decomposed.char32At(i); !IsAccent(c)) bare.append(c);
  }
  icu::UnicodeString folded = compose->normalize(bare, code);
  CheckIcu(code);
  return folded;
}

// Splits what has been folded into runs.
class Splitter {
 public:
  explicit Splitter(UseRun use) : use_(use) {}

  // Returns whether to go on.
  bool Add(UChar32 c) {
    if (!IsWordCharacter(c)) return End();
    // A mark belongs to what it marks.
    if (IsMark(c)) return text_.empty() || Append(c);
    const bool is_spaced = IsSpaced(c);
    if (is_spaced != is_spaced_ && !End()) return false;
    is_spaced_ = is_spaced;
    return Append(c);
  }

  bool End() {
    if (text_.empty()) return true;
    const bool more = use_({text_, is_spaced_});
    text_.clear();
    return more;
  }

  bool IsInRun() const { return !text_.empty(); }

 private:
  bool Append(UChar32 c) {
    icu::UnicodeString(c).toUTF8String(text_);
    return true;
  }

  const UseRun use_;
  std::string text_;
  bool is_spaced_ = true;
};

// Both return whether the text ends within a run.
bool ReadAsciiRun(absl::string_view text, bool& more, UseRun use) {
  more = use({absl::AsciiStrToLower(text)});
  return true;
}

bool ReadFoldedRuns(absl::string_view text, bool& more, UseRun use) {
  const icu::UnicodeString folded = Fold(text);
  Splitter splitter(use);
  for (int32_t i = 0; more && i < folded.length(); i = folded.moveIndex32(i, 1)) {
    more = splitter.Add(folded.char32At(i));
  }
  const bool ends_in_run = splitter.IsInRun();
  more = more && splitter.End();
  return ends_in_run;
}

// Returns whether the text ends within a run.
bool ReadRuns(absl::string_view text, UseRun use) {
  // What is ASCII and no letter or digit separates, and folds with nothing beside it, so that what
  // stands between can be folded apart; most of it is ASCII and needs no Unicode.
  const auto separates = [](char c) { return IsAscii(c) && !IsWordByte(c); };
  bool more = true;
  bool ends_in_run = false;
  const auto* at = text.begin();
  while (more && at != text.end()) {
    const auto* const begin = std::find_if_not(at, text.end(), separates);
    const auto* const end = std::find_if(begin, text.end(), separates);
    ends_in_run = false;
    at = end;
    if (begin == end) break;
    const absl::string_view part(begin, static_cast<size_t>(end - begin));
    const bool is_ascii = std::all_of(part.begin(), part.end(), IsAscii);
    ends_in_run = (is_ascii ? ReadAsciiRun : ReadFoldedRuns)(part, more, use) && end == text.end();
  }
  return ends_in_run;
}

// The first characters of a text, at most so many.
absl::string_view FirstCharacters(absl::string_view text, size_t max) {
  if (text.size() <= max) return text;
  size_t characters = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!IsContinuationByte(text[i]) && characters++ == max) return text.substr(0, i);
  }
  return text;
}

absl::string_view FirstBytes(absl::string_view text, size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && IsContinuationByte(text[max])) --max;
  return text.substr(0, max);
}

// Calls `use` with the words of a run until it returns false.
bool ForEachWord(const Run& run, absl::FunctionRef<bool(absl::string_view)> use) {
  if (run.is_spaced) return use(FirstCharacters(run.text, kMaxWordCharacters));
  absl::string_view rest = run.text;
  while (!rest.empty()) {
    if (!use(FirstCharacters(rest, 2))) return false;
    rest.remove_prefix(FirstCharacters(rest, 1).size());
  }
  return true;
}

class QueryParser {
 public:
  absl::StatusOr<std::vector<SearchTerm>> Parse(absl::string_view query) && {
    bool is_quoted = false;
    for (const absl::string_view part : absl::StrSplit(query, '"')) {
      is_quoted ? AddPhrase(part) : AddWords(part);
      is_quoted = !is_quoted;
    }
    if (words_ == 0) return absl::InvalidArgumentError("must have a word: letters or digits");
    if (words_ > kMaxSearchWords) {
      return absl::InvalidArgumentError(
          absl::StrCat("must have at most ", kMaxSearchWords, " words"));
    }
    return std::move(terms_);
  }

 private:
  void AddPhrase(absl::string_view text) {
    SearchTerm phrase;
    ReadRuns(text, [&](const Run& run) { return AddRun(run, phrase); });
    AddTerm(std::move(phrase));
  }

  void AddWords(absl::string_view text) {
    const std::vector<absl::string_view> parts = absl::StrSplit(text, '*');
    for (size_t i = 0; i < parts.size(); ++i) {
      SearchTerm last;
      const bool ends_in_run = ReadRuns(parts[i], [&](const Run& run) {
        AddTerm(std::exchange(last, {}));
        return AddRun(run, last);
      });
      const bool has_star = i + 1 < parts.size();
      // Without spaces between words, there is no end of one to ask for.
      if (has_star && ends_in_run && last.words.size() == 1) last.is_prefix = true;
      AddTerm(std::move(last));
    }
  }

  // Adds the words of a run to a term, so that it finds texts whose last run goes on.
  bool AddRun(const Run& run, SearchTerm& term) {
    // The run before has ended.
    if (!last_character_.empty()) term.words.push_back(std::exchange(last_character_, {}));
    const size_t before = term.words.size();
    ForEachWord(run, [&](absl::string_view word) {
      term.words.emplace_back(word);
      return true;
    });
    if (!run.is_spaced) {
      const bool is_alone = term.words.size() == before + 1;
      term.is_prefix = is_alone;
      if (!is_alone) {
        last_character_ = std::move(term.words.back());
        term.words.pop_back();
      }
    } else {
      term.is_prefix = false;
    }
    return ++words_ <= kMaxSearchWords;
  }

  void AddTerm(SearchTerm term) {
    last_character_.clear();
    if (term.words.empty()) return;
    if (std::find(terms_.begin(), terms_.end(), term) == terms_.end())
      terms_.push_back(std::move(term));
  }

  std::vector<SearchTerm> terms_;
  std::string last_character_;  // Of a run without spaces, left out unless another run follows.
  int words_ = 0;
};

}  // namespace

std::string WordsOf(absl::string_view text) {
  std::string words;
  size_t left = kMaxIndexedWords;
  ReadRuns(FirstBytes(text, kMaxIndexedTextBytes), [&](const Run& run) {
    return ForEachWord(run, [&](absl::string_view word) {
      absl::StrAppend(&words, " ", word);
      return --left > 0;
    });
  });
  return words;
}

std::string WordsOfBody(absl::string_view content_type, absl::string_view content) {
  if (!IsHtml(content_type)) return WordsOf(content);
  return WordsOf(HtmlText(content, kMaxIndexedTextBytes));
}

absl::StatusOr<std::vector<SearchTerm>> ParseSearch(absl::string_view query) {
  if (query.size() > kMaxSearchBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("must have at most ", kMaxSearchBytes, " bytes"));
  }
  return QueryParser().Parse(query);
}

}  // namespace threadstore
