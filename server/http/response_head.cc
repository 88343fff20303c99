#include "server/http/response_head.h"

#include <algorithm>
#include <boost/beast/http/status.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/http/http_syntax.h"

namespace threadstore {
namespace {

constexpr int kNoContent = 204;
constexpr int kNotModified = 304;

void AddField(std::string& head, absl::string_view name, absl::string_view value) {
  absl::StrAppend(&head, name, ": ", value, "\r\n");
}

// RFC 9110, section 5.6.7.
std::string FormatDate(absl::Time time) {
  return absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", time, absl::UTCTimeZone());
}

}  // namespace

bool HasNoBody(int status) { return status == kNoContent || status == kNotModified; }

bool AreSendable(const HttpHeaders& headers) {
  const auto ends_line = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  return std::all_of(headers.fields().begin(), headers.fields().end(), [&](const auto& field) {
    return !field.first.empty() &&
           std::all_of(field.first.begin(), field.first.end(), IsTokenChar) &&
           std::none_of(field.second.begin(), field.second.end(), ends_line);
  });
}

std::string FormatHead(const HttpResponse& response, const ResponseFraming& framing,
                       absl::Time now) {
  const auto reason = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(static_cast<unsigned>(response.status)));
  std::string head = absl::StrCat("HTTP/1.1 ", response.status, " ",
                                  absl::string_view(reason.data(), reason.size()), "\r\n");
  AddField(head, "Date", FormatDate(now));
  for (const auto& [name, value] : response.headers.fields()) {
    if (framing.body == BodyFraming::kNone && absl::EqualsIgnoreCase(name, "Content-Type")) {
      continue;
    }
    AddField(head, name, value);
  }
  if (framing.body == BodyFraming::kLength) {
    AddField(head, "Content-Length", absl::StrCat(framing.length));
  }
  if (framing.body == BodyFraming::kChunked) AddField(head, "Transfer-Encoding", "chunked");
  if (framing.closes) {
    AddField(head, "Connection", "close");
  } else if (framing.tells_it_stays_open) {
    AddField(head, "Connection", "keep-alive");
  }
  head += "\r\n";
  return head;
}

std::string FormatChunkLine(size_t size) { return absl::StrCat(absl::Hex(size), "\r\n"); }

}  // namespace threadstore
