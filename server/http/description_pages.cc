#include "server/http/description_pages.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "server/base/sha256.h"
#include "server/http/descriptions.h"

namespace threadstore {
namespace {

constexpr char kDocs[] = "/docs";
constexpr absl::string_view kDocsIndex = "/docs/index.html";
constexpr absl::string_view kDocsFolder = "/docs/";

// It changes only with the server, but at the same URL; browsers are to ask whether it has.
constexpr char kCacheControl[] = "no-cache";

// Enough of a SHA-256 to tell files apart.
constexpr size_t kTagBytes = 12;

std::string TagOf(absl::string_view content) {
  return absl::BytesToHexString(Sha256(content).substr(0, kTagBytes));
}

struct Page {
  const DocsFile* file;
  std::string tag;
};

using Pages = std::map<std::string, Page, std::less<>>;

const Page* FindPage(absl::string_view path) {
  static const Pages& pages = *[] {
    auto* const all = new Pages();
    for (const auto* files : {&DescriptionFiles(), &DocsFiles()}) {
      for (const DocsFile& file : *files) {
        all->emplace(std::string(file.path), Page{&file, TagOf(file.gzip_body)});
      }
    }
    return all;
  }();
  const auto found = pages.find(std::string(path));
  return found == pages.end() ? nullptr : &found->second;
}

// Without a weight of zero (RFC 9110, section 12.4.2); `*` stands for all that are not named.
bool AcceptsGzip(const HttpHeaders& headers) {
  bool accepts_any = false;
  for (const auto& [name, value] : headers.fields()) {
    if (!absl::EqualsIgnoreCase(name, "Accept-Encoding")) continue;
    for (const absl::string_view item : absl::StrSplit(value, ',')) {
      const std::vector<absl::string_view> parts = absl::StrSplit(item, ';');
      const absl::string_view coding = absl::StripAsciiWhitespace(parts[0]);
      absl::string_view weight_text =
          parts.size() > 1 ? absl::StripAsciiWhitespace(parts[1]) : absl::string_view("q=1");
      double weight = 0;
      const bool accepts = absl::ConsumePrefix(&weight_text, "q=") &&
                           absl::SimpleAtod(weight_text, &weight) && weight > 0;
      if (absl::EqualsIgnoreCase(coding, "gzip")) return accepts;
      if (coding == "*") accepts_any = accepts;
    }
  }
  return accepts_any;
}

// By weak comparison (RFC 9110, section 13.1.2).
bool IsNamed(const HttpHeaders& headers, absl::string_view etag) {
  for (const auto& [name, value] : headers.fields()) {
    if (!absl::EqualsIgnoreCase(name, "If-None-Match")) continue;
    for (absl::string_view item : absl::StrSplit(value, ',')) {
      item = absl::StripAsciiWhitespace(item);
      absl::ConsumePrefix(&item, "W/");
      if (item == etag || item == "*") return true;
    }
  }
  return false;
}

HttpResponse Answer(const HttpRequest& request, const std::string& etag,
                    absl::string_view content_type, std::string body) {
  HttpResponse response;
  response.headers.Add("ETag", etag);
  response.headers.Add("Cache-Control", kCacheControl);
  response.headers.Add("X-Content-Type-Options", "nosniff");
  if (IsNamed(request.headers, etag)) {
    response.status = 304;
    return response;
  }
  response.headers.Add("Content-Type", std::string(content_type));
  if (request.method != "HEAD") response.body = std::move(body);
  return response;
}

// Each form of it has a tag of its own (RFC 9110, section 8.8.3.3).
HttpResponse ServePage(const HttpRequest& request, const Page& page) {
  const DocsFile& file = *page.file;
  HttpResponse response;
  if (AcceptsGzip(request.headers)) {
    response = Answer(request, absl::StrCat("\"", page.tag, "-gzip\""), file.content_type,
                      std::string(file.gzip_body));
    if (response.status == 200) response.headers.Add("Content-Encoding", "gzip");
  } else {
    response = Answer(request, absl::StrCat("\"", page.tag, "\""), file.content_type, BodyOf(file));
  }
  response.headers.Add("Vary", "Accept-Encoding");
  if (absl::StartsWith(file.path, kDocsFolder)) {
    response.headers.Add("Content-Security-Policy", std::string(kDocsContentSecurityPolicy));
    response.headers.Add("Referrer-Policy", "no-referrer");
  }
  return response;
}

HttpResponse ServeRoot(const HttpRequest& request, bool has_docs) {
  nlohmann::ordered_json root = {{"service", "threadstore"},
                                 {"version", THREADSTORE_VERSION},
                                 {"api", "/v1.0"},
                                 {"metadata", "/v1.0/$metadata"},
                                 {"openapi", "/openapi.json"}};
  if (has_docs) root["docs"] = kDocs;
  std::string body = root.dump();
  const std::string etag = absl::StrCat("\"", TagOf(body), "\"");
  return Answer(request, etag, "application/json", std::move(body));
}

// The same description is there under every version.
absl::string_view WithoutVersion(absl::string_view path) {
  for (const absl::string_view version : {"/v1.0", "/beta", "/localtest"}) {
    absl::string_view rest = path;
    if (absl::ConsumePrefix(&rest, version) && absl::StartsWith(rest, "/")) return rest;
  }
  return path;
}

}  // namespace

std::optional<HttpResponse> ServeDescription(const HttpRequest& request, absl::string_view path,
                                             bool docs_enabled) {
  if (request.method != "GET" && request.method != "HEAD") return std::nullopt;
  const bool has_docs = docs_enabled && HasDocsPage();
  if (path == "/") return ServeRoot(request, has_docs);
  if (path == kDocs || path == kDocsFolder) path = kDocsIndex;
  if (absl::StartsWith(path, kDocsFolder)) {
    if (!has_docs) return std::nullopt;
  } else {
    path = WithoutVersion(path);
    if (absl::StartsWith(path, kDocsFolder)) return std::nullopt;
  }
  const Page* const page = FindPage(path);
  if (page == nullptr) return std::nullopt;
  return ServePage(request, *page);
}

}  // namespace threadstore
