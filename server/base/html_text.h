#ifndef THREADSTORE_SERVER_BASE_HTML_TEXT_H_
#define THREADSTORE_SERVER_BASE_HTML_TEXT_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

// Text for people to read: white space of any kind (Unicode's White_Space) and length is one space,
// and none is at either end. Characters are code points, and none is cut. All functions take UTF-8
// and return it.
namespace threadstore {

// The first `max_characters` of the text on one line.
std::string TextOnOneLine(absl::string_view text, size_t max_characters);

// Likewise, of the text that a reader of the HTML sees: without tags and comments, without titles,
// scripts and styles, with references such as `&amp;` resolved. Where a block, a line or a table's
// cell begins or ends there is white space.
//
// Anything will do for HTML; libxml2 makes of it what it can. It is read from the front until there
// are enough characters, at most 256 KiB of it without tags of some KiB (such as images inside),
// and not past an element nested deeper than anyone writes them.
std::string HtmlTextOnOneLine(absl::string_view html, size_t max_characters);

// Likewise, but blocks and lines are kept apart by `\n`.
std::string HtmlText(absl::string_view html, size_t max_characters);

// Likewise, all of it; nothing if there is more than is read of HTML.
std::optional<std::string> WholeHtmlText(absl::string_view html);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_HTML_TEXT_H_
