// What of a text or of HTML goes on one line.

#include "server/base/html_text.h"

#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace threadstore {
namespace {

constexpr size_t kMany = 255;
constexpr size_t kMebibyte = size_t{1} << 20;

std::string Text(absl::string_view html) { return HtmlTextOnOneLine(html, kMany); }

std::string Repeat(absl::string_view text, size_t count) {
  std::string repeated;
  for (size_t i = 0; i < count; ++i) absl::StrAppend(&repeated, text);
  return repeated;
}

TEST(TextOnOneLineTest, WhiteSpaceOfAnyKindIsOneSpace) {
  EXPECT_EQ(TextOnOneLine(" \t\r\n a \v\f\xC2\xA0 b\u2003\u3000\u2028c\u0085 ", kMany), "a b c");
  EXPECT_EQ(TextOnOneLine("no<br>HTML&amp;", kMany), "no<br>HTML&amp;");
  EXPECT_EQ(TextOnOneLine("", kMany), "");
  EXPECT_EQ(TextOnOneLine(" \n ", kMany), "");
  EXPECT_EQ(TextOnOneLine("a\u200Bb", kMany), "a\u200Bb") << "not White_Space in Unicode";
}

TEST(TextOnOneLineTest, IsCutBetweenCharacters) {
  EXPECT_EQ(TextOnOneLine("€uro", 1), "€");
  EXPECT_EQ(TextOnOneLine("€😀€", 2), "€😀");
  EXPECT_EQ(TextOnOneLine("abc", 3), "abc");
  EXPECT_EQ(TextOnOneLine("abc", 0), "");
}

TEST(TextOnOneLineTest, NeverEndsWithASpace) {
  EXPECT_EQ(TextOnOneLine("ab cd", 2), "ab");
  EXPECT_EQ(TextOnOneLine("ab cd", 3), "ab");
  EXPECT_EQ(TextOnOneLine("ab cd", 4), "ab c");
}

TEST(HtmlTextOnOneLineTest, LeavesOutTagsAndComments) {
  EXPECT_EQ(Text("Hello <b>wor</b>ld"), "Hello world");
  EXPECT_EQ(Text("a<!-- b --> c<!DOCTYPE html>d<?xml version='1.0'?>e"), "a cde");
  EXPECT_EQ(Text("<a href='x>y' title=\"<b>\" b=c>d</a>"), "d");
  EXPECT_EQ(Text("<A HREF = 'x>y'>b</A >c<img/>d<x-y z>e"), "bcde");
}

TEST(HtmlTextOnOneLineTest, LeavesOutWhatIsNotForReaders) {
  EXPECT_EQ(Text("<html><head><title>T</title><style>p > a {}</style></head><body>B</body></html>"),
            "B");
  EXPECT_EQ(Text("a<SCRIPT>if (x < y) '<p>no</p></scriptx>';</Script >b"), "ab");
  EXPECT_EQ(Text("a<style>never closed <p>b"), "a");
  EXPECT_EQ(Text("a<script></script>b<title></title>c"), "ab c");
}

TEST(HtmlTextOnOneLineTest, BlocksAndLinesAreApart) {
  EXPECT_EQ(Text("<p>a</p><p>b</p>c<br>d<BR/>e<div>f</div>g"), "a b c d e f g");
  EXPECT_EQ(Text("<table><tr><td>a</td><td>b</td></tr><tr><th>c</table>"), "a b c");
  EXPECT_EQ(Text("<ul><li>a<li>b</ul>"), "a b");
  EXPECT_EQ(Text("\n <p> a <i> b </i>\n c </p> "), "a b c");
}

TEST(HtmlTextTest, BlocksAndLinesAreLines) {
  EXPECT_EQ(HtmlText("<p>a b</p>\n<p>c</p><div> </div>d<br>e", kMany), "a b\nc\nd\ne");
  EXPECT_EQ(HtmlText("<table><tr><td>a<td>b<tr><td>c</table>", kMany), "a b\nc");
  EXPECT_EQ(HtmlText("<p>a</p><p>b</p>", 2), "a");
}

TEST(HtmlTextOnOneLineTest, ResolvesReferences) {
  EXPECT_EQ(Text("&lt;b&gt; &amp; &quot;&apos;&eacute;&euro;&Omega;"), "<b> & \"'é€Ω");
  EXPECT_EQ(Text("&amp;lt;"), "&lt;") << "once only";
  EXPECT_EQ(Text("a&nbsp;&nbsp;b&#160;c&#xA0;d"), "a b c d");
  EXPECT_EQ(Text("&#65;&#x42;&#X43&#128512;&#x1F600;"), "ABC😀😀");
  EXPECT_EQ(Text("&#0;&#xD800;&#x110000;&#99999999999999999999;a"), "a") << "no characters";
  EXPECT_EQ(Text("& &; &unknown; &euro &"), "& &; &unknown; &euro &");
}

TEST(HtmlTextOnOneLineTest, WhatIsNoTagIsText) {
  EXPECT_EQ(Text("1 < 2 && 3 > 2 <3"), "1 < 2 && 3 > 2 <3");
}

TEST(HtmlTextOnOneLineTest, TakesWhatIsCutShort) {
  for (const char* html :
       {"a<", "a<b", "a<b c", "a<b c=", "a<b c='", "a<b c='d>", "a<!", "a<!-", "a<!--", "a<!-- b",
        "a<!-- b --", "a</b", "a<script", "a<script>", "a<script></", "a<script></script", "a<?"}) {
    const std::string text = Text(html);
    EXPECT_TRUE(text == "a" || text == "a<") << html << ": " << text;
  }
}

TEST(HtmlTextOnOneLineTest, IsCutBetweenCharacters) {
  EXPECT_EQ(HtmlTextOnOneLine("<p>&euro;&#x1F600;</p>x", 2), "€😀");
  EXPECT_EQ(HtmlTextOnOneLine("<p>ab</p><p>cd</p>", 3), "ab");
  EXPECT_EQ(Text(Repeat("<b>€</b>", 1000)), Repeat("€", kMany));
}

// Without the bounds each of these takes many seconds.
TEST(HtmlTextOnOneLineTest, LeavesOutWhatWouldTakeTooLong) {
  std::string attributes;
  for (int i = 0; i < 150'000; ++i) absl::StrAppend(&attributes, " a", i);
  EXPECT_EQ(Text("before<img" + attributes + ">after"), "before after");
  EXPECT_EQ(Text("before" + Repeat("<b>", 150'000) + Repeat("</i>", 100'000) + "after"), "before");
  EXPECT_EQ(Text("before<style>" + Repeat("a", kMebibyte) + "</style>after"), "before");
}

TEST(HtmlTextOnOneLineTest, FindsTheEndOfAStyleWhereverItStands) {
  for (size_t size = 0; size < 5000; ++size) {
    ASSERT_EQ(Text("<style>" + std::string(size, 's') + "</style><p>text</p>"), "text") << size;
    ASSERT_EQ(Text("<script>" + std::string(size, 's') + "</script>text"), "text") << size;
  }
}

TEST(HtmlTextOnOneLineTest, TakesWhatIsLarge) {
  EXPECT_EQ(Text(Repeat("<", kMebibyte)), Repeat("<", kMany));
  EXPECT_EQ(Text(Repeat("a", kMebibyte)), Repeat("a", kMany));
  EXPECT_EQ(Text(Repeat("&", kMebibyte)), Repeat("&", kMany));
  EXPECT_EQ(Text(Repeat("<!--", kMebibyte / 4)), "");
  EXPECT_EQ(Text("<style>" + Repeat("p > a {}", 10'000) + "</style>after"), "after");
  EXPECT_EQ(Text("<p>before<img src='data:" + Repeat("A", kMebibyte) + "'>after</p><p>end"),
            "before after end");
  EXPECT_EQ(Text(Repeat("<p>€</p>", 20'000)), Repeat("€ ", 127) + "€");
}

TEST(WholeHtmlTextTest, IsAllOrNothing) {
  EXPECT_EQ(WholeHtmlText(""), "");
  EXPECT_EQ(WholeHtmlText("<p>a</p><p>b &amp; c"), "a\nb & c");
  EXPECT_EQ(WholeHtmlText(Repeat("<p>a</p>", 10'000)), "a" + Repeat("\na", 9'999));
  // What is left out of long tags is no text.
  EXPECT_EQ(WholeHtmlText("a<img src='data:" + Repeat("A", kMebibyte) + "'>b"), "a\nb");
  EXPECT_EQ(WholeHtmlText("a<img src='data:" + Repeat("A", kMebibyte) + "'>"), "a");
  EXPECT_EQ(WholeHtmlText("a<img src='data:" + Repeat("A", kMebibyte)), "a");
  EXPECT_EQ(WholeHtmlText(Repeat("a", kMebibyte)), std::nullopt);
  EXPECT_EQ(WholeHtmlText(Repeat("<b>", 10'000) + "a"), std::nullopt);
  EXPECT_EQ(
      WholeHtmlText("a<img src='data:" + Repeat("A", kMebibyte) + "'>" + Repeat("b", kMebibyte)),
      std::nullopt);
}

// Sanitizers see what goes wrong here.
TEST(HtmlTextOnOneLineTest, AnyBytesWillDo) {
  constexpr char kAlphabet[] = "<>&;/!-='\"# \0\n\xFF\xC3\xA9xscriptSTYLE10";
  std::mt19937 random(1);  // The same bytes in each run.
  std::uniform_int_distribution<size_t> index(0, sizeof(kAlphabet) - 2);
  for (int i = 0; i < 20'000; ++i) {
    std::string html;
    for (int length = i % 40; length > 0; --length) html.push_back(kAlphabet[index(random)]);
    EXPECT_LE(HtmlTextOnOneLine(html, 10).size(), 10U * 4) << html;
  }
}

}  // namespace
}  // namespace threadstore
