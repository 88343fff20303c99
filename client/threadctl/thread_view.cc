#include "client/threadctl/thread_view.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "client/threadctl/printer.h"
#include "client/threadctl/text.h"
#include "server/base/html_text.h"

namespace threadstore::threadctl {
namespace {

constexpr absl::string_view kBold = "\x1b[1m";
constexpr absl::string_view kDim = "\x1b[2m";
constexpr absl::string_view kCyan = "\x1b[36m";
constexpr absl::string_view kReset = "\x1b[0m";

constexpr absl::string_view kIndent = "    ";

// Deeper replies would leave no room for their text.
constexpr int kMaxIndentedDepth = 8;

using Posts = google::protobuf::RepeatedPtrField<v1::Post>;

// A post in the order of reading: depth first, each post's replies in order of time.
struct Reading {
  const v1::Post* post;
  int depth;
};

std::vector<Reading> InReadingOrder(const Posts& posts) {
  // A parent is older than the replies to it. What else is named as one is passed over, so that
  // every post is reached whatever a server sends.
  absl::flat_hash_map<absl::string_view, int> index_of;
  std::vector<std::vector<int>> replies(posts.size());
  std::vector<int> beginnings;
  for (int i = 0; i < posts.size(); ++i) {
    const auto parent = index_of.find(posts[i].in_reply_to());
    (parent == index_of.end() ? beginnings : replies[parent->second]).push_back(i);
    if (!posts[i].name().empty()) index_of.emplace(posts[i].name(), i);
  }
  std::vector<std::pair<int, int>> next;  // (post, depth), the last one first.
  const auto push = [&next](const std::vector<int>& siblings, int depth) {
    for (auto i = siblings.rbegin(); i != siblings.rend(); ++i) next.emplace_back(*i, depth);
  };
  std::vector<Reading> order;
  for (push(beginnings, 0); !next.empty();) {
    const auto [i, depth] = next.back();
    next.pop_back();
    order.push_back({&posts[i], depth});
    push(replies[i], depth + 1);
  }
  return order;
}

class ThreadView {
 public:
  ThreadView(absl::TimeZone zone, bool color) : zone_(zone), color_(color) {}

  void AddThread(const v1::ConversationThread& thread) {
    absl::StrAppend(&text_, Styled(kBold, thread.topic()), "\n");
    absl::StrAppend(&text_, Styled(kDim, thread.name()), "\n");
    AddProperty("to", RecipientsText(thread.to_recipients()));
    AddProperty("cc", RecipientsText(thread.cc_recipients()));
    AddProperty("senders", absl::StrJoin(thread.unique_senders(), ", "));
    if (thread.is_locked()) AddProperty("locked", "no further posts are taken");
    if (thread.posts().empty()) AddProperty("preview", thread.preview());
  }

  void AddPost(const v1::Post& post, int depth, bool is_orphan) {
    std::string margin;
    for (int i = 0; i < std::min(depth, kMaxIndentedDepth); ++i) absl::StrAppend(&margin, kIndent);
    const std::string notes = Notes(post, is_orphan);
    absl::StrAppend(&text_, "\n", margin, Styled(kCyan, RecipientText(post.sender())), "  ",
                    Time(post), notes.empty() ? "" : "  ", notes, "\n");
    absl::StrAppend(&text_, margin, Styled(kDim, post.name()), "\n");
    for (const std::string& line : BodyLines(post.body())) {
      absl::StrAppend(&text_, margin, "|", line.empty() ? "" : " ", line, "\n");
    }
  }

  std::string text() && { return std::move(text_); }

 private:
  void AddProperty(absl::string_view label, absl::string_view value) {
    if (value.empty()) return;
    absl::StrAppendFormat(&text_, "%-7s  %s\n", label, Printable(value));
  }

  std::string Styled(absl::string_view style, absl::string_view value) const {
    const std::string printable = Printable(value);
    return color_ ? absl::StrCat(style, printable, kReset) : printable;
  }

  std::string Time(const v1::Post& post) const {
    if (!post.has_created_date_time()) return "";
    const absl::Time time = absl::FromUnixSeconds(post.created_date_time().seconds());
    return absl::FormatTime("%Y-%m-%d %H:%M", time, zone_);
  }

  static std::string Notes(const v1::Post& post, bool is_orphan) {
    std::vector<std::string> notes;
    if (is_orphan) notes.push_back("reply to a deleted post");
    if (post.has_attachments()) notes.push_back("with attachments");
    for (const std::string& category : post.categories()) notes.push_back(Printable(category));
    return notes.empty() ? "" : absl::StrCat("(", absl::StrJoin(notes, ", "), ")");
  }

  static std::vector<std::string> BodyLines(const v1::ItemBody& body) {
    std::vector<std::string> lines;
    const std::string text = body.content_type() == "html"
                                 ? HtmlText(body.content(), body.content().size())
                                 : body.content();
    const absl::string_view content = absl::StripTrailingAsciiWhitespace(text);
    if (content.empty()) return lines;
    for (const absl::string_view line : absl::StrSplit(content, '\n')) {
      lines.push_back(Printable(
          absl::StrReplaceAll(absl::StripTrailingAsciiWhitespace(line), {{"\t", "    "}})));
    }
    return lines;
  }

  const absl::TimeZone zone_;
  const bool color_;
  std::string text_;
};

}  // namespace

std::string FormatThread(const v1::ConversationThread& thread, absl::TimeZone zone, bool color) {
  ThreadView view(zone, color);
  view.AddThread(thread);
  for (const auto& [post, depth] : InReadingOrder(thread.posts())) {
    view.AddPost(*post, depth, depth == 0 && !post->in_reply_to().empty());
  }
  return std::move(view).text();
}

}  // namespace threadstore::threadctl
