#ifndef THREADSTORE_SERVER_BASE_HTML_TEXT_H_
#define THREADSTORE_SERVER_BASE_HTML_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

// Text on one line: white space of any kind (Unicode's White_Space) and length is one space, and
// none is at either end. Characters are code points, and none is cut. Both functions take UTF-8 and
// return it.
namespace threadstore {

// The first `max_characters` of the text on one line.
std::string TextOnOneLine(absl::string_view text, size_t max_characters);

// Likewise, of the text that a reader of the HTML sees: without tags and comments, without titles,
// scripts and styles, with references such as `&amp;` resolved. Where a block, a line or a table's
// cell ends there is white space.
//
// Anything will do for HTML; it is divided into tags and text as browsers do it (the tokenization
// of the HTML standard, but for what scripts can do to it). Names of references are those of
// HTML 4. It is read once, from the front, until there are enough characters: how its elements are
// nested costs nothing.
std::string HtmlTextOnOneLine(absl::string_view html, size_t max_characters);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_HTML_TEXT_H_
