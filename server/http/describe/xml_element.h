#ifndef THREADSTORE_SERVER_HTTP_DESCRIBE_XML_ELEMENT_H_
#define THREADSTORE_SERVER_HTTP_DESCRIBE_XML_ELEMENT_H_

#include <list>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

namespace threadstore {

// An element of XML that holds other elements.
class XmlElement {
 public:
  using Attributes = std::vector<std::pair<std::string, std::string>>;

  explicit XmlElement(std::string name, Attributes attributes = {})
      : name_(std::move(name)), attributes_(std::move(attributes)) {}

  // The element that is added; it stays where it is.
  XmlElement& Add(std::string name, Attributes attributes = {}) {
    return children_.emplace_back(std::move(name), std::move(attributes));
  }

  void Put(XmlElement child) { children_.push_back(std::move(child)); }

  // With an element a line.
  std::string ToString(int depth = 0) const {
    const std::string indent(static_cast<size_t>(depth) * 2, ' ');
    std::string text = absl::StrCat(indent, "<", name_);
    for (const auto& [name, value] : attributes_) {
      const std::string escaped = absl::StrReplaceAll(
          value, {{"&", "&amp;"}, {"<", "&lt;"}, {"\"", "&quot;"}, {"\n", "&#10;"}});
      absl::StrAppend(&text, " ", name, "=\"", escaped, "\"");
    }
    if (children_.empty()) return absl::StrCat(text, "/>\n");
    absl::StrAppend(&text, ">\n");
    for (const XmlElement& child : children_) absl::StrAppend(&text, child.ToString(depth + 1));
    return absl::StrCat(text, indent, "</", name_, ">\n");
  }

 private:
  std::string name_;
  Attributes attributes_;
  std::list<XmlElement> children_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_DESCRIBE_XML_ELEMENT_H_
