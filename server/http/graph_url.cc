#include "server/http/graph_url.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/stubs/common.h"
#include "server/base/status_macros.h"

namespace threadstore {
namespace {

constexpr absl::string_view kVersions[] = {"v1.0", "beta", "localtest"};

bool IsVersion(absl::string_view segment) {
  return std::find(std::begin(kVersions), std::end(kVersions), segment) != std::end(kVersions);
}

// `threads('it''s')` is `threads` and `it's`.
void AddSegment(std::string segment, std::vector<std::string>& segments) {
  constexpr absl::string_view kOpen = "('";
  constexpr absl::string_view kClose = "')";
  const size_t open = segment.find(kOpen.data());
  if (open == std::string::npos || open == 0 || !absl::EndsWith(segment, kClose) ||
      segment.size() < open + kOpen.size() + kClose.size()) {
    segments.push_back(std::move(segment));
    return;
  }
  const size_t begin = open + kOpen.size();
  std::string key = segment.substr(begin, segment.size() - kClose.size() - begin);
  segments.push_back(segment.substr(0, open));
  segments.push_back(absl::StrReplaceAll(key, {{"''", "'"}}));
}

absl::Status AddSegments(absl::string_view path, std::vector<std::string>& segments) {
  const std::vector<absl::string_view> parts = absl::StrSplit(path, '/');
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty()) {
      if (i == 0 || i + 1 == parts.size()) continue;
      return absl::InvalidArgumentError("The path has an empty segment.");
    }
    ASSIGN_OR_RETURN(std::string segment, PercentDecode(parts[i]));
    AddSegment(std::move(segment), segments);
  }
  return absl::OkStatus();
}

absl::Status AddQuery(absl::string_view query,
                      std::vector<std::pair<std::string, std::string>>& pairs) {
  for (const absl::string_view part : absl::StrSplit(query, '&', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> pair =
        absl::StrSplit(absl::StrReplaceAll(part, {{"+", " "}}), absl::MaxSplits('=', 1));
    ASSIGN_OR_RETURN(std::string name, PercentDecode(pair.first));
    ASSIGN_OR_RETURN(std::string value, PercentDecode(pair.second));
    pairs.emplace_back(std::move(name), std::move(value));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<GraphUrl> ParseGraphUrl(absl::string_view target) {
  GraphUrl url;
  for (const absl::string_view version : kVersions) {
    const std::string prefix = absl::StrCat("/", version, "/http");
    if (absl::StartsWith(target, prefix) && absl::StrContains(target, ":/")) {
      target = TargetOfLink(target.substr(version.size() + 2));
      break;
    }
  }
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(target, absl::MaxSplits('?', 1));
  RETURN_IF_ERROR(AddSegments(parts.first, url.segments));
  RETURN_IF_ERROR(AddQuery(parts.second, url.query));
  if (!url.segments.empty() && IsVersion(url.segments.front())) {
    url.version = url.segments.front();
    url.segments.erase(url.segments.begin());
  }
  return url;
}

bool IsKeyword(absl::string_view segment) {
  return segment == "$ref" || segment == "$value" || segment == "$count";
}

absl::string_view TargetOfLink(absl::string_view link) {
  for (const absl::string_view scheme : {"https:/", "http:/"}) {
    if (!absl::StartsWithIgnoreCase(link, scheme)) continue;
    link.remove_prefix(scheme.size());
    while (absl::StartsWith(link, "/")) link.remove_prefix(1);
    const size_t path = link.find_first_of("/?");
    return path == absl::string_view::npos ? absl::string_view() : link.substr(path);
  }
  return link;
}

absl::StatusOr<std::string> PercentDecode(absl::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size() || !absl::ascii_isxdigit(text[i + 1]) ||
        !absl::ascii_isxdigit(text[i + 2])) {
      return absl::InvalidArgumentError(
          "The URL has a % that two hexadecimal digits do not follow.");
    }
    decoded += absl::HexStringToBytes(text.substr(i + 1, 2));
    i += 2;
  }
  if (absl::StrContains(decoded, '\0') || !google::protobuf::internal::IsStructurallyValidUTF8(
                                              decoded.data(), static_cast<int>(decoded.size()))) {
    return absl::InvalidArgumentError("The URL is not UTF-8, or has U+0000.");
  }
  return decoded;
}

namespace {

std::string EncodeAllBut(absl::string_view others, absl::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (absl::ascii_isalnum(c) || absl::StrContains(others, absl::string_view(&c, 1))) {
      encoded.push_back(c);
    } else {
      absl::StrAppendFormat(&encoded, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

}  // namespace

std::string PercentEncode(absl::string_view text) { return EncodeAllBut("-._~", text); }

std::string EncodeQuery(absl::string_view text) { return EncodeAllBut("-._~!*'(),;:@/?", text); }

}  // namespace threadstore
