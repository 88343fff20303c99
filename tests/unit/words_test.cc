#include "server/domain/words.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/limits.h"
#include "tests/testing/status_matchers.h"

namespace threadstore {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::SizeIs;
using testing::StatusIs;

struct Example {
  const char* text;
  const char* words;
};

TEST(WordsTest, TextsHaveTheirWords) {
  const Example examples[] = {
      // ASCII
      {"", ""},
      {" \t\n.,;-", ""},
      {"Hello, World!", " hello world"},
      {"state-of-the-art", " state of the art"},
      {"don't", " don t"},
      {"snake_case a1b2 3.14", " snake case a1b2 3 14"},
      {"ann@example.com", " ann example com"},
      // Latin, and what is the same to a reader
      {"Zürich ZU\u0308RICH zurich", " zurich zurich zurich"},
      {"Straße STRASSE", " strasse strasse"},
      {"naïve café", " naive cafe"},
      {"ﬁne ｗｉｄｅ x² Ⅷ ①", " fine wide x2 viii 1"},
      {"co\u00ADoperate", " cooperate"},
      {"l’homme “quoted”—dash", " l homme quoted dash"},
      {"İstanbul", " istanbul"},
      {"Đặng Ævar Łódź", " đang ævar łodz"},
      // Greek and Cyrillic
      {"ΟΔΥΣΣΕΎΣ Οδυσσεύς", " οδυσσευσ οδυσσευσ"},
      {"Ёлка ЕЛКА йод", " елка елка иод"},
      // Marks that are more than accents stay
      {"हिन्दी में", " हिन्दी में"},
      {"שָׁלוֹם", " שָׁלוֹם"},
      {"العربية", " العربية"},
      // Syllables, with spaces between words
      {"한국어 검색", " 한국어 검색"},
      {"\u1112\u1161\u11AB", " 한"},
      // Scripts without spaces
      {"東京都", " 東京 京都 都"},
      {"京", " 京"},
      {"カタカナ ｶﾞ", " カタ タカ カナ ナ ガ"},
      {"コーヒー", " コー ーヒ ヒー ー"},
      {"人々", " 人々 々"},
      {"東京、大阪", " 東京 京 大阪 阪"},
      {"iPhone用ケース", " iphone 用ケ ケー ース ス"},
      {"2024年度", " 2024 年度 度"},
      {"ไทย", " ไท ทย ย"},
      {"ที่", " ที ี่ ่"},
      {"ລາວ", " ລາ າວ ວ"},
      {"မြန်", " မြ ြန န် ်"},
      {"\U00020BB7野", " \U00020BB7野 野"},
      // What is no word
      {"👍🏽 ♥ → \u00A0", ""},
      {"\u0301x", " x"},
  };
  for (const Example& example : examples) {
    EXPECT_EQ(WordsOf(example.text), example.words) << "of: " << example.text;
  }
}

TEST(WordsTest, WordsOfATextAreThoseOfItsParts) {
  const std::string ascii = "Plain words, some of them.";
  const std::string other = "Zürich 東京 ไทย";
  EXPECT_EQ(WordsOf(absl::StrCat(ascii, " ", other)), WordsOf(ascii) + WordsOf(other));
  EXPECT_EQ(WordsOf(absl::StrCat(ascii, other)), WordsOf(ascii) + WordsOf(other));
}

TEST(WordsTest, LongWordIsCutByCharacters) {
  const std::string ascii(1000, 'a');
  EXPECT_EQ(WordsOf(ascii), " " + std::string(kMaxWordCharacters, 'a'));
  std::string expected;
  std::string greek;
  for (size_t i = 0; i < 2 * kMaxWordCharacters; ++i) {
    greek += "λ";
    if (i < kMaxWordCharacters) expected += "λ";
  }
  EXPECT_EQ(WordsOf(greek), " " + expected);
}

TEST(WordsTest, LongTextIsIndexedUpToALimit) {
  std::string many;
  for (size_t i = 0; i < kMaxIndexedWords + 10; ++i) many += "a ";
  EXPECT_EQ(WordsOf(many).size(), 2 * kMaxIndexedWords);
  std::string han;
  for (size_t i = 0; i < kMaxIndexedWords + 10; ++i) han += "京";
  EXPECT_EQ(WordsOf(han).size(), (1 + 2 * 3) * kMaxIndexedWords);
  std::string longer(kMaxIndexedTextBytes - 3, '.');
  EXPECT_EQ(WordsOf(longer + " z end"), " z");
  EXPECT_EQ(WordsOf(longer + " é!"), " e");
  EXPECT_EQ(WordsOf(longer + ". é!"), "") << "a character is not cut in two";
}

TEST(WordsTest, BodyIsWhatAReaderSees) {
  EXPECT_EQ(WordsOfBody("text", "a <b>c</b> &amp;"), " a b c b amp");
  EXPECT_EQ(WordsOfBody("", "a <b>c</b>"), " a b c b");
  EXPECT_EQ(WordsOfBody("html", "<title>t</title><p>One<p>T<b>w</b>o &eacute;t&eacute;"),
            " one two ete");
  EXPECT_EQ(WordsOfBody("HTML", "<script>x</script><a href='url'>link</a>"), " link");
}

// --- Queries

// A query's terms: words joined by `+`, prefixes with a star.
std::vector<std::string> Terms(absl::string_view query) {
  const auto terms = ParseSearch(query);
  EXPECT_THAT(terms, IsOk()) << query;
  std::vector<std::string> texts;
  for (const SearchTerm& term : terms.value_or(std::vector<SearchTerm>())) {
    texts.push_back(absl::StrCat(absl::StrJoin(term.words, "+"), term.is_prefix ? "*" : ""));
  }
  return texts;
}

TEST(ParseSearchTest, QueriesHaveTheirTerms) {
  EXPECT_THAT(Terms("hello"), ElementsAre("hello"));
  EXPECT_THAT(Terms("  Hello,  ZÜRICH!"), ElementsAre("hello", "zurich"));
  EXPECT_THAT(Terms("a b a"), ElementsAre("a", "b"));
  EXPECT_THAT(Terms("state-of"), ElementsAre("state", "of"));
  EXPECT_THAT(Terms("\"One Two\" three"), ElementsAre("one+two", "three"));
  EXPECT_THAT(Terms("x\"one two\"y"), ElementsAre("x", "one+two", "y"));
  EXPECT_THAT(Terms("\"one, two"), ElementsAre("one+two")) << "a quote that is not closed";
  EXPECT_THAT(Terms("\"\" a"), ElementsAre("a"));
}

TEST(ParseSearchTest, StarMakesAPrefixOfTheWordBeforeIt) {
  EXPECT_THAT(Terms("beg*"), ElementsAre("beg*"));
  EXPECT_THAT(Terms("beg*in"), ElementsAre("beg*", "in"));
  EXPECT_THAT(Terms("a b* c"), ElementsAre("a", "b*", "c"));
  EXPECT_THAT(Terms("a * b"), ElementsAre("a", "b")) << "not after a space";
  EXPECT_THAT(Terms("*a a.*"), ElementsAre("a")) << "nor alone";
  EXPECT_THAT(Terms("\"a b*\""), ElementsAre("a+b")) << "nor in quotes";
  EXPECT_THAT(Terms("é**"), ElementsAre("e*"));
}

TEST(ParseSearchTest, TextWithoutSpacesIsAPhraseOfPairs) {
  EXPECT_THAT(Terms("東京都"), ElementsAre("東京+京都"));
  EXPECT_THAT(Terms("東京"), ElementsAre("東京"));
  EXPECT_THAT(Terms("京"), ElementsAre("京*"));
  EXPECT_THAT(Terms("東京都*"), ElementsAre("東京+京都"));
  EXPECT_THAT(Terms("iphone用"), ElementsAre("iphone", "用*"));
  EXPECT_THAT(Terms("東京 大阪"), ElementsAre("東京", "大阪"));
  EXPECT_THAT(Terms("\"東京 大阪\""), ElementsAre("東京+京+大阪"));
  EXPECT_THAT(Terms("\"京 大阪 x\""), ElementsAre("京+大阪+阪+x"));
  EXPECT_THAT(Terms("\"x 京\""), ElementsAre("x+京*"));
}

TEST(ParseSearchTest, QueryMeansTheSameAsTheText) {
  // Each text is found by any two of its characters in a row.
  for (const char* text : {"東京都", "ที่ไทย", "コーヒー"}) {
    const std::string words = WordsOf(text) + " ";
    const auto terms = ParseSearch(text);
    ASSERT_THAT(terms, IsOk());
    EXPECT_THAT(words, HasSubstr(absl::StrCat(" ", absl::StrJoin(terms->front().words, " "), " ")));
  }
}

TEST(ParseSearchTest, QueryWithoutWordsOrWithTooManyIsRefused) {
  for (const char* query : {"", " ", "\"\"", "*", "!? …", "👍"}) {
    EXPECT_THAT(ParseSearch(query),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("must have a word")))
        << query;
  }
  std::string words;
  for (int i = 0; i < kMaxSearchWords; ++i) absl::StrAppend(&words, i, " ");
  EXPECT_THAT(Terms(words), SizeIs(kMaxSearchWords));
  EXPECT_THAT(ParseSearch(words + "x"),
              StatusIs(absl::StatusCode::kInvalidArgument, "must have at most 32 words"));
  EXPECT_THAT(ParseSearch("\"" + words + "x\""),
              StatusIs(absl::StatusCode::kInvalidArgument, "must have at most 32 words"));
  const std::string longest(kMaxSearchBytes, 'x');
  EXPECT_THAT(ParseSearch(longest), IsOk());
  EXPECT_THAT(ParseSearch(longest + "x"),
              StatusIs(absl::StatusCode::kInvalidArgument, "must have at most 1024 bytes"));
}

}  // namespace
}  // namespace threadstore
