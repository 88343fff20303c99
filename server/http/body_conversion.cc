#include "server/http/body_conversion.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/base/html_text.h"
#include "server/domain/resource.h"

namespace threadstore {
namespace {

std::string ToHtml(absl::string_view text) {
  return absl::StrCat(
      "<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head>"
      "<body>",
      absl::StrReplaceAll(text, {{"&", "&amp;"},
                                 {"<", "&lt;"},
                                 {">", "&gt;"},
                                 {"\"", "&quot;"},
                                 {"'", "&#39;"},
                                 {"\r\n", "<br>\n"},
                                 {"\n", "<br>\n"}}),
      "</body></html>");
}

}  // namespace

v1::ItemBody ConvertBody(const v1::ItemBody& body, GraphStyle::Body wanted) {
  v1::ItemBody converted;
  const bool is_html = IsHtml(body.content_type());
  if (is_html && wanted == GraphStyle::Body::kText) {
    std::optional<std::string> text = WholeHtmlText(body.content());
    if (text.has_value()) {
      converted.set_content_type("text");
      converted.set_content(*std::move(text));
      return converted;
    }
  }
  if (!is_html && wanted == GraphStyle::Body::kHtml) {
    converted.set_content_type("html");
    converted.set_content(ToHtml(body.content()));
    return converted;
  }
  converted = body;
  const std::optional<absl::string_view> type = ParseContentType(body.content_type());
  if (type.has_value()) converted.set_content_type(std::string(*type));
  return converted;
}

}  // namespace threadstore
