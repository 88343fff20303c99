#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/threadctl/change_view.h"
#include "client/threadctl/line_reader.h"
#include "client/threadctl/part_file.h"
#include "client/threadctl/selection.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace threadstore::threadctl {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Not;
using ::testing::StartsWith;
using ::threadstore::testing::IsOk;
using ::threadstore::testing::StatusIs;

v1::ThreadChange NewChange(v1::ThreadChange::Kind kind, const std::string& name) {
  v1::ThreadChange change;
  change.set_kind(kind);
  change.set_name(name);
  change.mutable_change_time()->set_seconds(1'800'000'000);  // 2027-01-15T08:00:00Z
  return change;
}

v1::ThreadChange NewPost(const std::string& text) {
  v1::ThreadChange change =
      NewChange(v1::ThreadChange::KIND_CREATED, "groups/team-a/threads/t/posts/p");
  change.mutable_post()->mutable_sender()->mutable_email_address()->set_name("Ann");
  change.mutable_post()->mutable_body()->set_content(text);
  return change;
}

std::string Line(const v1::ThreadChange& change, int width = 80) {
  return ChangeLine(change, /*with_group=*/false, width, absl::UTCTimeZone());
}

TEST(ChangeViewTest, SaysWhatHasHappened) {
  v1::ThreadChange thread = NewChange(v1::ThreadChange::KIND_UPDATED, "groups/team-a/threads/t");
  thread.mutable_thread()->set_topic("Lunch");
  thread.mutable_thread()->set_is_locked(true);
  EXPECT_EQ(Line(thread), "08:00:00  thread changed  Lunch (locked)");
  EXPECT_EQ(ChangeLine(thread, /*with_group=*/true, 80, absl::UTCTimeZone()),
            "08:00:00  team-a    thread changed  Lunch (locked)");
  EXPECT_EQ(Line(NewPost("I'd say\n  pizza")), "08:00:00  new post        Ann: I'd say pizza");

  v1::ThreadChange forward =
      NewChange(v1::ThreadChange::KIND_CREATED, "groups/team-a/threads/t/posts/p/forwards/f");
  forward.mutable_forward()->add_to_recipients()->mutable_email_address()->set_address("bo@x.org");
  forward.mutable_forward()->set_comment("See below");
  EXPECT_EQ(Line(forward), "08:00:00  new forward     to bo@x.org: See below");
}

TEST(ChangeViewTest, SaysWhatIsGone) {
  for (const auto& [name, kind] : {std::pair("groups/g", "group deleted"),
                                   {"groups/g/conversations/c", "conversation deleted"},
                                   {"groups/g/threads/t", "thread deleted"},
                                   {"groups/g/threads/t/posts/p", "post deleted"},
                                   {"groups/g/novelties/n", "resource deleted"},
                                   {"x", "resource deleted"}}) {
    const v1::ThreadChange change = NewChange(v1::ThreadChange::KIND_DELETED, name);
    EXPECT_EQ(ChangeKind(change), kind);
    EXPECT_THAT(Line(change), EndsWith(absl::StrCat("  ", name)));
  }
}

TEST(ChangeViewTest, FitsAndDrivesNoTerminal) {
  v1::ThreadChange html = NewPost("<p>Hello&nbsp;<b>you</b>");
  html.mutable_post()->mutable_body()->set_content_type("html");
  EXPECT_THAT(Line(html), EndsWith("Ann: Hello you"));
  for (const int width : {1, 20, 40, 80}) {
    for (const char* text :
         {"a\x1b[31mb\r\x07 and much more behind it, more than a line can hold of it",
          "日本語の長い文章は一行に収まらないので途中で切られることになります、はい"}) {
      const std::string line = Line(NewPost(text), width);
      EXPECT_THAT(DisplayWidth(line), Le(static_cast<size_t>(width))) << line;
      EXPECT_THAT(line, Not(HasSubstr("\x1b")));
      EXPECT_THAT(line, Not(HasSubstr("\r")));
      EXPECT_THAT(line, EndsWith("…"));
    }
  }
}

TEST(ChangeViewTest, IsALineOfJson) {
  EXPECT_EQ(ChangeJson(nullptr, "a\"b"), R"({"deltaToken":"a\"b"})");
  const v1::ThreadChange change = NewPost("a\nb");
  const std::string line = ChangeJson(&change, "");
  EXPECT_THAT(line, StartsWith(R"({"change":{"kind":"KIND_CREATED","name":"groups/team-a/)"));
  EXPECT_THAT(line, EndsWith(R"("changeTime":"2027-01-15T08:00:00Z"},"deltaToken":""})"));
  EXPECT_THAT(line, Not(HasSubstr("\n")));
}

TEST(CutToWidthTest, CutsBetweenCharacters) {
  EXPECT_EQ(CutToWidth("abc", 3), "abc");
  EXPECT_EQ(CutToWidth("abcd", 3), "ab…");
  EXPECT_EQ(CutToWidth("日本語", 6), "日本語");
  EXPECT_EQ(CutToWidth("日本語", 5), "日本…");
  EXPECT_EQ(CutToWidth("日本語", 4), "日…");
  EXPECT_EQ(CutToWidth("abc", 1), "…");
  EXPECT_EQ(CutToWidth("abc", 0), "");
}

TEST(SelectionTest, ShowsWhatIsAskedFor) {
  v1::ConversationThread thread;
  thread.set_topic("Lunch");
  thread.add_unique_senders("Ann");
  thread.add_unique_senders("Bo");
  thread.add_to_recipients()->mutable_email_address()->set_address("ann@x.org");
  thread.add_posts();
  EXPECT_EQ(FieldText(thread, "topic"), "Lunch");
  EXPECT_EQ(FieldText(thread, "unique_senders"), "Ann, Bo");
  EXPECT_EQ(FieldText(thread, "to_recipients"), "ann@x.org");
  EXPECT_EQ(FieldText(thread, "is_locked"), "no");
  EXPECT_EQ(FieldText(thread, "created_date_time"), "");
  EXPECT_EQ(FieldText(thread, "posts"), "1");
  thread.set_posts_next_page_token("more");
  EXPECT_EQ(FieldText(thread, "posts"), "1 and more");
  for (const char* path : {"", "unknown", "unknown.name", "topic.name", "posts.name", "."}) {
    EXPECT_EQ(FieldText(thread, path), "") << path;
  }
  v1::Post post;
  post.mutable_sender()->mutable_email_address()->set_name("Ann");
  post.mutable_body()->set_content("Hello");
  post.mutable_in_reply_to_post()->set_name("groups/g/threads/t/posts/p");
  EXPECT_EQ(FieldText(post, "sender.email_address.name"), "Ann");
  EXPECT_EQ(FieldText(post, "sender"), "Ann");
  EXPECT_EQ(FieldText(post, "body"), "Hello");
  EXPECT_EQ(FieldText(post, "in_reply_to_post"), "groups/g/threads/t/posts/p");
}

TEST(SelectionTest, KnowsWhenTheDefaultsAreShown) {
  google::protobuf::FieldMask none;
  google::protobuf::FieldMask fields;
  fields.add_paths("topic");
  fields.add_paths("posts");
  google::protobuf::FieldMask expand;
  expand.add_paths("posts.in_reply_to");
  expand.add_paths("in_reply_to");
  EXPECT_TRUE(Selection(none, none).has_defaults);
  EXPECT_THAT(Selection(fields, expand).paths, ElementsAre("topic", "posts", "in_reply_to_post"));
  EXPECT_FALSE(Selection(fields, none).has_defaults);
  EXPECT_THAT(Selection(none, expand).paths, ElementsAre("posts", "in_reply_to_post"));
  google::protobuf::FieldMask all;
  all.add_paths("*");
  EXPECT_TRUE(Selection(all, none).has_defaults);
  EXPECT_EQ(ColumnName("last_delivered_date_time"), "LAST DELIVERED DATE TIME");
}

TEST(LineReaderTest, ReadsLinesOfAnySize) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const std::string text = "a\n\nlonger\r\n12345678\n123456789\nlast";
  ASSERT_EQ(write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  close(ends[1]);
  LineReader reader(ends[0], 8);
  Cancellation cancellation;
  std::vector<std::string> lines;
  std::string line;
  while (true) {
    ASSERT_OK_AND_ASSIGN(const LineReader::Result result, reader.Next(cancellation, &line));
    if (result == LineReader::Result::kEnd) break;
    lines.push_back(result == LineReader::Result::kTooLong ? "(too long)" : line);
    EXPECT_EQ(reader.number(), lines.size());
  }
  EXPECT_THAT(lines, ElementsAre("a", "", "longer\r", "12345678", "(too long)", "last"));
  EXPECT_EQ(reader.bytes(), text.size());
  EXPECT_EQ(reader.total_bytes(), 0);
  close(ends[0]);
}

TEST(LineReaderTest, IsCancelledWhileItWaits) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  LineReader reader(ends[0], 8);
  Cancellation cancellation;
  cancellation.Cancel();
  std::string line;
  EXPECT_THAT(reader.Next(cancellation, &line), StatusIs(absl::StatusCode::kCancelled));
  close(ends[0]);
  close(ends[1]);
}

class PartFileTest : public ::testing::Test {
 protected:
  PartFileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "part-file-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    path_ = folder_ / "out";
    std::ofstream(path_) << "before";
  }
  ~PartFileTest() override { std::filesystem::remove_all(folder_); }

  std::string Content() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

TEST_F(PartFileTest, ReplacesTheFileAtTheEnd) {
  {
    PartFile file(path_);
    ASSERT_THAT(file.Begin(), IsOk());
    ASSERT_THAT(file.Write("given up"), IsOk());
    ASSERT_THAT(file.Begin(), IsOk());
    ASSERT_THAT(file.Write("after"), IsOk());
    EXPECT_EQ(Content(), "before");
    EXPECT_TRUE(std::filesystem::exists(folder_ / "out.part"));
    ASSERT_THAT(file.Commit(), IsOk());
    EXPECT_EQ(Content(), "after");
  }
  EXPECT_EQ(Content(), "after");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out.part"));
}

TEST_F(PartFileTest, LeavesNothingBehindWhenGivenUp) {
  {
    PartFile file(path_);
    ASSERT_THAT(file.Begin(), IsOk());
    ASSERT_THAT(file.Write("after"), IsOk());
  }
  EXPECT_EQ(Content(), "before");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out.part"));
}

TEST_F(PartFileTest, SaysWhyItCannotWrite) {
  PartFile nowhere((folder_ / "none" / "out").string());
  EXPECT_THAT(nowhere.Begin(), StatusIs(absl::StatusCode::kDataLoss));
  std::filesystem::create_symlink("/dev/full", folder_ / "full.part");
  PartFile full((folder_ / "full").string());
  ASSERT_THAT(full.Begin(), IsOk());
  ASSERT_THAT(full.Write("a"), IsOk());
  EXPECT_EQ(full.Commit(), absl::DataLossError(absl::StrCat((folder_ / "full.part").string(),
                                                            ": No space left on device")));
}

}  // namespace
}  // namespace threadstore::threadctl
