#ifndef THREADSTORE_SERVER_DOMAIN_WORDS_H_
#define THREADSTORE_SERVER_DOMAIN_WORDS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// The words of a text, by which it is found. Every engine indexes these and no others, so that a
// search finds the same whatever the engine.
//
// A word is a run of letters, digits and marks; whatever else there is separates words. Characters
// are folded by Unicode's NFKC_Casefold, and without the accents of Latin, Greek and Cyrillic
// (U+0300 to U+036F); what other scripts write as marks stays. A word ends after
// kMaxWordCharacters.
//
// Scripts that put no spaces between words (by Unicode's line breaking classes: Han, Kana, Thai,
// Lao, Khmer, Myanmar and the like) become pairs of neighbouring characters, and each run's last
// character alone: `abcd` becomes `ab bc cd d`. So any part of two characters or more is a phrase
// of pairs, and any one character begins a word.
//
// Pure functions of valid UTF-8.
namespace threadstore {

// Stored with an index, which is made anew when it differs: raise it with whatever changes the
// words of any text.
inline constexpr int kWordsVersion = 1;

// The words of a text in their order, a space before each; at most kMaxIndexedWords of the first
// kMaxIndexedTextBytes.
std::string WordsOf(absl::string_view text);

// Likewise, of a body: of HTML what a reader sees (see server/base/html_text.h).
std::string WordsOfBody(absl::string_view content_type, absl::string_view content);

// A part of a query: words that stand in a text one after the other.
struct SearchTerm {
  std::vector<std::string> words;

  // Whether the last word need only be the beginning of one.
  bool is_prefix = false;

  bool operator==(const SearchTerm&) const = default;
};

// The terms of a query, at least one and none twice; a text is found if it has all of them.
// INVALID_ARGUMENT with the description of a field violation if there is no word or too many.
absl::StatusOr<std::vector<SearchTerm>> ParseSearch(absl::string_view query);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_WORDS_H_
