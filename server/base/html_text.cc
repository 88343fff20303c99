#include "server/base/html_text.h"

#include <libxml/HTMLparser.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <utility>

#include "absl/base/call_once.h"
#include "absl/strings/ascii.h"

namespace threadstore {
namespace {

// What is parsed at once. The text that is asked for is as a rule in the first.
constexpr size_t kChunkBytes = 2048;

// Bound the time that HTML made to be slow can take, to some hundredths of a second: the parser
// compares each attribute of a tag with all before it, so longer tags are left out, and an end tag
// with all open elements. Mail readers cut mail off at 102 KB; mail nests tables, but not so deep.
constexpr size_t kMaxHtmlBytes = size_t{256} << 10;
constexpr ptrdiff_t kMaxTagBytes = 2048;
constexpr int kMaxDepth = 128;

// Their content is not for readers.
constexpr absl::string_view kHiddenElements[] = {"iframe", "noembed", "noframes",
                                                 "script", "style",   "title"};

constexpr absl::string_view kCellElements[] = {"option", "td", "th"};

// Those that begin or end a line.
constexpr absl::string_view kBlockElements[] = {
    "address",    "article", "aside",  "blockquote", "body",  "br",   "caption", "center",
    "dd",         "details", "dialog", "dir",        "div",   "dl",   "dt",      "fieldset",
    "figcaption", "figure",  "footer", "form",       "h1",    "h2",   "h3",      "h4",
    "h5",         "h6",      "head",   "header",     "hr",    "html", "legend",  "li",
    "main",       "menu",    "nav",    "ol",         "p",     "pre",  "section", "summary",
    "table",      "tbody",   "tfoot",  "thead",      "title", "tr",   "ul"};

template <size_t N>
bool Contains(const absl::string_view (&sorted)[N], absl::string_view name) {
  return std::binary_search(std::begin(sorted), std::end(sorted), name);
}

static_assert(std::is_sorted(std::begin(kHiddenElements), std::end(kHiddenElements)));
static_assert(std::is_sorted(std::begin(kCellElements), std::end(kCellElements)));
static_assert(std::is_sorted(std::begin(kBlockElements), std::end(kBlockElements)));

bool IsContinuationByte(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

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

// Collects text, with what separates it reduced to the least.
class Collector {
 public:
  // Lines are kept apart by `line_break`.
  Collector(size_t max_characters, absl::string_view line_break)
      : left_(max_characters), line_break_(line_break) {}

  bool IsFull() const { return left_ == 0; }

  void AddSpace() {
    if (!text_.empty() && separator_.empty()) separator_ = " ";
  }

  void AddLineBreak() {
    if (!text_.empty()) separator_ = line_break_;
  }

  void Add(absl::string_view text) {
    while (!text.empty() && !IsFull()) {
      size_t size = 1;
      while (size < text.size() && IsContinuationByte(text[size])) ++size;
      AddCharacter(text.substr(0, size));
      text.remove_prefix(size);
    }
  }

  std::string Take() && { return std::move(text_); }

 private:
  void AddCharacter(absl::string_view character) {
    if (IsWhiteSpace(character)) return AddSpace();
    if (!separator_.empty()) Append(std::exchange(separator_, absl::string_view()));
    // The separator may have been the last that there was room for.
    if (IsFull()) {
      text_.pop_back();
    } else {
      Append(character);
    }
  }

  void Append(absl::string_view character) {
    text_.append(character.data(), character.size());
    --left_;
  }

  std::string text_;
  size_t left_;
  const absl::string_view line_break_;
  absl::string_view separator_;
};

// Hands a parser's text on.
class Reader {
 public:
  explicit Reader(Collector& text) : text_(text) {}

  bool IsTooDeep() const { return depth_ > kMaxDepth; }
  bool IsDone() const { return text_.IsFull() || IsTooDeep(); }

  void StartElement(absl::string_view name) {
    ++depth_;
    if (Contains(kHiddenElements, name)) ++hidden_;
    Separate(name);
  }

  void EndElement(absl::string_view name) {
    --depth_;
    if (Contains(kHiddenElements, name)) --hidden_;
    Separate(name);
  }

  void AddText(absl::string_view text) {
    if (hidden_ == 0) text_.Add(text);
  }

 private:
  void Separate(absl::string_view name) {
    if (Contains(kCellElements, name)) text_.AddSpace();
    if (Contains(kBlockElements, name)) text_.AddLineBreak();
  }

  Collector& text_;
  int depth_ = 0;
  int hidden_ = 0;
};

absl::string_view ToView(const xmlChar* text) { return reinterpret_cast<const char*>(text); }

void OnStartElement(void* reader, const xmlChar* name, const xmlChar** /*attributes*/) {
  static_cast<Reader*>(reader)->StartElement(ToView(name));
}

void OnEndElement(void* reader, const xmlChar* name) {
  static_cast<Reader*>(reader)->EndElement(ToView(name));
}

void OnText(void* reader, const xmlChar* text, int size) {
  static_cast<Reader*>(reader)->AddText(ToView(text).substr(0, static_cast<size_t>(size)));
}

// Whether what the parser waits for the end of is a tag, and a long one.
bool IsInLongTag(const htmlParserCtxt& parser) {
  const xmlChar* const begin = parser.input->cur;
  return parser.input->end - begin > kMaxTagBytes && begin[0] == '<' &&
         absl::ascii_isalpha(begin[1]);
}

// The next bytes to parse. They end before a tag where they can: the parser does not find the end
// of a style or script in two parts, and takes half a character for Latin-1.
absl::string_view TakeChunk(absl::string_view& html) {
  size_t size = std::min(html.size(), kChunkBytes);
  if (size < html.size()) {
    const size_t tag = html.substr(0, size).rfind('<');
    if (tag != absl::string_view::npos && tag > 0) size = tag;
    while (size > 1 && IsContinuationByte(html[size])) --size;
  }
  const absl::string_view chunk = html.substr(0, size);
  html.remove_prefix(size);
  return chunk;
}

using Parser = std::unique_ptr<htmlParserCtxt, decltype(&htmlFreeParserCtxt)>;

Parser MakeParser(Reader& reader) {
  static absl::once_flag once;
  absl::call_once(once, xmlInitParser);
  xmlSAXHandler events = {};
  events.startElement = OnStartElement;
  events.endElement = OnEndElement;
  events.characters = OnText;
  events.cdataBlock = OnText;
  events.ignorableWhitespace = OnText;
  Parser parser(
      htmlCreatePushParserCtxt(&events, &reader, nullptr, 0, nullptr, XML_CHAR_ENCODING_UTF8),
      &htmlFreeParserCtxt);
  if (parser == nullptr) throw std::bad_alloc();
  htmlCtxtUseOptions(parser.get(), HTML_PARSE_RECOVER | HTML_PARSE_NONET | HTML_PARSE_NOERROR |
                                       HTML_PARSE_NOWARNING | HTML_PARSE_IGNORE_ENC);
  return parser;
}

// Parses from the front until the reader is done, no bytes are left to spend, or a tag is too long.
// Returns what is behind that tag, or nothing; `is_whole` is whether no more is to be read.
absl::string_view ReadUpToLongTag(absl::string_view html, size_t& bytes_left, Reader& reader,
                                  bool& is_whole) {
  absl::string_view rest = html.substr(0, bytes_left);
  is_whole = rest.size() == html.size();
  const Parser parser = MakeParser(reader);
  while (!rest.empty() && !reader.IsDone()) {
    const absl::string_view chunk = TakeChunk(rest);
    bytes_left -= chunk.size();
    htmlParseChunk(parser.get(), chunk.data(), static_cast<int>(chunk.size()), 0);
    if (!IsInLongTag(*parser)) continue;
    const size_t end = html.find('>', static_cast<size_t>(chunk.data() - html.data()));
    html = end == absl::string_view::npos ? absl::string_view() : html.substr(end + 1);
    is_whole = html.empty();
    return html;
  }
  if (reader.IsDone()) {
    is_whole = false;
  } else {
    htmlParseChunk(parser.get(), nullptr, 0, 1);
  }
  return {};
}

// Returns whether all of the HTML has been read.
bool ReadHtml(absl::string_view html, Collector& collector) {
  size_t bytes_left = kMaxHtmlBytes;
  bool is_whole = html.empty();
  while (!html.empty() && bytes_left > 0 && !collector.IsFull()) {
    // Each begins anew, as if all elements had ended.
    Reader reader(collector);
    html = ReadUpToLongTag(html, bytes_left, reader, is_whole);
  }
  return is_whole;
}

std::string ReadHtmlText(absl::string_view html, size_t max_characters,
                         absl::string_view line_break) {
  Collector collector(max_characters, line_break);
  ReadHtml(html, collector);
  return std::move(collector).Take();
}

}  // namespace

std::string TextOnOneLine(absl::string_view text, size_t max_characters) {
  Collector collector(max_characters, " ");
  collector.Add(text);
  return std::move(collector).Take();
}

std::string HtmlTextOnOneLine(absl::string_view html, size_t max_characters) {
  return ReadHtmlText(html, max_characters, " ");
}

std::string HtmlText(absl::string_view html, size_t max_characters) {
  return ReadHtmlText(html, max_characters, "\n");
}

std::optional<std::string> WholeHtmlText(absl::string_view html) {
  Collector collector(std::numeric_limits<size_t>::max(), "\n");
  if (!ReadHtml(html, collector)) return std::nullopt;
  return std::move(collector).Take();
}

}  // namespace threadstore
