#include "server/http/preferences.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/base/status_macros.h"

namespace threadstore {
namespace {

absl::StatusOr<GraphStyle::Body> ParseBodyContentType(absl::string_view value) {
  if (absl::EqualsIgnoreCase(value, "text")) return GraphStyle::Body::kText;
  if (absl::EqualsIgnoreCase(value, "html")) return GraphStyle::Body::kHtml;
  return absl::InvalidArgumentError(
      "Prefer: outlook.body-content-type must be \"text\" or \"html\".");
}

absl::Status AddPreference(absl::string_view name, absl::string_view value, Preferences& known) {
  if (name == "return") {
    known.return_minimal = absl::EqualsIgnoreCase(value, "minimal");
    known.return_representation = absl::EqualsIgnoreCase(value, "representation");
    if (!known.return_minimal && !known.return_representation) return absl::OkStatus();
  } else if (name == "odata.maxpagesize" || name == "maxpagesize") {
    int32_t size = 0;
    if (!absl::SimpleAtoi(value, &size) || size < 1) {
      return absl::InvalidArgumentError(
          "Prefer: odata.maxpagesize must be a whole number of at least 1.");
    }
    known.max_page_size = size;
  } else if (name == "outlook.body-content-type") {
    ASSIGN_OR_RETURN(known.body, ParseBodyContentType(value));
  } else {
    return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Preferences> ParsePreferences(const HttpHeaders& headers) {
  Preferences preferences;
  for (const auto& [field, text] : headers.fields()) {
    if (!absl::EqualsIgnoreCase(field, "Prefer")) continue;
    for (absl::string_view item : absl::StrSplit(text, ',')) {
      // Parameters of preferences are none of those that are known.
      item = item.substr(0, std::min(item.size(), item.find(';')));
      const std::pair<absl::string_view, absl::string_view> pair =
          absl::StrSplit(item, absl::MaxSplits('=', 1));
      absl::string_view value = absl::StripAsciiWhitespace(pair.second);
      if (absl::ConsumePrefix(&value, "\"")) absl::ConsumeSuffix(&value, "\"");
      RETURN_IF_ERROR(AddPreference(absl::AsciiStrToLower(absl::StripAsciiWhitespace(pair.first)),
                                    value, preferences));
    }
  }
  return preferences;
}

}  // namespace threadstore
