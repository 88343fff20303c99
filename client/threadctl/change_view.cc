#include "client/threadctl/change_view.h"

#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "client/threadctl/text.h"
#include "server/base/html_text.h"
#include "server/base/proto_json.h"

namespace threadstore::threadctl {
namespace {

// More than a line of any terminal.
constexpr size_t kSummaryCharacters = 500;

// As wide as what is common, so that the lines of a terminal stand below one another.
constexpr int kKindWidth = 14;
constexpr int kGroupWidth = 8;

// `threads` of `groups/G/threads/T`: what kind of resource has the name.
std::string CollectionOf(absl::string_view name) {
  const std::vector<std::string> segments = absl::StrSplit(name, '/');
  return segments.size() < 2 ? "" : segments[segments.size() - 2];
}

std::string GroupOf(absl::string_view name) {
  const std::vector<std::string> segments = absl::StrSplit(name, '/');
  return segments.size() < 2 ? "" : segments[1];
}

std::string NounOf(absl::string_view name) {
  const std::string collection = CollectionOf(name);
  for (const char* noun : {"thread", "post", "forward", "conversation", "group"}) {
    if (collection == absl::StrCat(noun, "s")) return noun;
  }
  return "resource";
}

std::string Beginning(const v1::ItemBody& body) {
  return body.content_type() == "html" ? HtmlTextOnOneLine(body.content(), kSummaryCharacters)
                                       : TextOnOneLine(body.content(), kSummaryCharacters);
}

// A line has little room for an address.
std::string Who(const v1::Recipient& recipient) {
  const std::string& name = recipient.email_address().name();
  return name.empty() ? RecipientText(recipient) : name;
}

std::string Said(const std::string& who, const std::string& what) {
  return what.empty() ? who : absl::StrCat(who, ": ", what);
}

std::string Padded(const std::string& printable, int width) {
  const int taken = static_cast<int>(DisplayWidth(printable));
  return absl::StrCat(printable, std::string(taken < width ? width - taken : 0, ' '));
}

const google::protobuf::Timestamp* TimeOf(const v1::ThreadChange& change) {
  return change.has_change_time() ? &change.change_time() : nullptr;
}

}  // namespace

const char* const kChangeColumns[4] = {"TIME", "CHANGE", "NAME", "SUMMARY"};

std::string ChangeKind(const v1::ThreadChange& change) {
  const std::string noun = NounOf(change.name());
  switch (change.kind()) {
    case v1::ThreadChange::KIND_CREATED:
      return absl::StrCat("new ", noun);
    case v1::ThreadChange::KIND_DELETED:
      return absl::StrCat(noun, " deleted");
    default:
      return absl::StrCat(noun, " changed");
  }
}

std::string ChangeSummary(const v1::ThreadChange& change) {
  switch (change.resource_case()) {
    case v1::ThreadChange::kThread:
      return absl::StrCat(change.thread().topic(), change.thread().is_locked() ? " (locked)" : "");
    case v1::ThreadChange::kPost:
      return Said(Who(change.post().sender()), Beginning(change.post().body()));
    case v1::ThreadChange::kForward:
      return Said(absl::StrCat("to ", RecipientsText(change.forward().to_recipients())),
                  TextOnOneLine(change.forward().comment(), kSummaryCharacters));
    case v1::ThreadChange::RESOURCE_NOT_SET:
      break;
  }
  return "";
}

Row ChangeRow(const v1::ThreadChange& change) {
  return {FormatTime(TimeOf(change), absl::LocalTimeZone()), ChangeKind(change), change.name(),
          ChangeSummary(change)};
}

std::string ChangeLine(const v1::ThreadChange& change, bool with_group, int width,
                       absl::TimeZone zone) {
  const absl::Time time = absl::FromUnixSeconds(change.change_time().seconds());
  const std::string summary = ChangeSummary(change);
  std::string line = absl::StrCat(absl::FormatTime("%H:%M:%S", time, zone), "  ");
  if (with_group) {
    absl::StrAppend(&line, Padded(Printable(GroupOf(change.name())), kGroupWidth), "  ");
  }
  absl::StrAppend(&line, Padded(ChangeKind(change), kKindWidth), "  ",
                  Printable(summary.empty() ? change.name() : summary));
  return CutToWidth(line, width);
}

std::string ChangeJson(const v1::ThreadChange* change, absl::string_view delta_token) {
  return absl::StrCat(
      "{", change == nullptr ? "" : absl::StrCat("\"change\":", WriteProtoJson(*change, 0), ","),
      "\"deltaToken\":", WriteJsonString(delta_token), "}");
}

}  // namespace threadstore::threadctl
