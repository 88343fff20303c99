#ifndef THREADSTORE_SERVER_BASE_HTML_ENTITIES_H_
#define THREADSTORE_SERVER_BASE_HTML_ENTITIES_H_

#include <optional>

#include "absl/strings/string_view.h"

namespace threadstore {

// What `&name;` stands for in HTML 4.01 (section 24), and `&apos;`. Nothing for other names, such
// as those that HTML 5 has added.
std::optional<char32_t> FindHtmlEntity(absl::string_view name);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_HTML_ENTITIES_H_
