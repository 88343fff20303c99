#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/threadctl/text.h"
#include "client/threadctl/thread_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/proto_matchers.h"
#include "threadstore/v1/conversation_thread.pb.h"

namespace threadstore::threadctl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::threadstore::testing::EqualsProto;
using ::threadstore::testing::ParseText;

v1::ConversationThread Lunch() {
  return ParseText<v1::ConversationThread>(R"pb(topic: "Lunch" name: "groups/g/threads/t")pb");
}

// Adds a post of Ann's at minute `minute` of an hour; its name is `name`.
v1::Post* AddPost(v1::ConversationThread* thread, const std::string& name, int minute,
                  const std::string& content, const std::string& in_reply_to = "") {
  v1::Post* post = thread->add_posts();
  post->set_name(name);
  post->set_in_reply_to(in_reply_to);
  post->mutable_created_date_time()->set_seconds(1483217880 + 60 * minute);
  post->mutable_sender()->mutable_email_address()->set_name("Ann");
  post->mutable_body()->set_content(content);
  return post;
}

std::string Format(const v1::ConversationThread& thread) {
  return FormatThread(thread, absl::UTCTimeZone(), /*color=*/false);
}

TEST(FormatThreadTest, SaysWhoIsInTheThread) {
  v1::ConversationThread thread = ParseText<v1::ConversationThread>(R"pb(
    topic: "Lunch"
    name: "groups/g/threads/t"
    to_recipients { email_address { name: "Ann" address: "ann@example.com" } }
    to_recipients { email_address { address: "bo@example.com" } }
    cc_recipients { email_address { name: "Cy" } }
    unique_senders: "Ann"
    unique_senders: "Bo"
    preview: "Where?"
    is_locked: true
  )pb");
  EXPECT_EQ(Format(thread),
            "Lunch\n"
            "groups/g/threads/t\n"
            "to       Ann <ann@example.com>, bo@example.com\n"
            "cc       Cy\n"
            "senders  Ann, Bo\n"
            "locked   no further posts are taken\n"
            "preview  Where?\n");
}

TEST(FormatThreadTest, IndentsRepliesBelowWhatTheyReplyTo) {
  v1::ConversationThread thread = Lunch();
  AddPost(&thread, "p1", 0, "Where?");
  AddPost(&thread, "p2", 1, "When?\n");
  AddPost(&thread, "p3", 2, "At Bo's\n\nor here\r\n", "p1");
  AddPost(&thread, "p4", 3, "Here", "p3");
  AddPost(&thread, "p5", 4, "", "p1");
  EXPECT_EQ(Format(thread),
            "Lunch\n"
            "groups/g/threads/t\n"
            "\n"
            "Ann  2016-12-31 20:58\n"
            "p1\n"
            "| Where?\n"
            "\n"
            "    Ann  2016-12-31 21:00\n"
            "    p3\n"
            "    | At Bo's\n"
            "    |\n"
            "    | or here\n"
            "\n"
            "        Ann  2016-12-31 21:01\n"
            "        p4\n"
            "        | Here\n"
            "\n"
            "    Ann  2016-12-31 21:02\n"
            "    p5\n"
            "\n"
            "Ann  2016-12-31 20:59\n"
            "p2\n"
            "| When?\n");
}

TEST(FormatThreadTest, KeepsRepliesToDeletedPosts) {
  v1::ConversationThread thread = Lunch();
  AddPost(&thread, "p2", 0, "Yes", "p1");
  AddPost(&thread, "p3", 1, "No", "p2");
  EXPECT_THAT(Format(thread),
              HasSubstr("\nAnn  2016-12-31 20:58  (reply to a deleted post)\np2\n| Yes\n"
                        "\n    Ann  2016-12-31 20:59\n    p3\n    | No\n"));
}

TEST(FormatThreadTest, ShowsEveryPostWhateverTheyReplyTo) {
  v1::ConversationThread thread = Lunch();
  AddPost(&thread, "p1", 0, "one", "p2");
  AddPost(&thread, "p2", 1, "two", "p1");
  AddPost(&thread, "p3", 2, "three", "p3");
  AddPost(&thread, "", 3, "four");
  const std::string view = Format(thread);
  for (const char* content : {"| one\n", "| two\n", "| three\n", "| four\n"}) {
    EXPECT_THAT(view, HasSubstr(content));
  }
}

TEST(FormatThreadTest, LeavesRoomForDeepReplies) {
  v1::ConversationThread thread = Lunch();
  AddPost(&thread, "p0", 0, "0");
  for (int i = 1; i < 10'000; ++i) {
    AddPost(&thread, "p" + std::to_string(i), i, std::to_string(i), "p" + std::to_string(i - 1));
  }
  EXPECT_THAT(Format(thread), AllOf(HasSubstr("\n" + std::string(32, ' ') + "| 9999\n"),
                                    Not(HasSubstr(std::string(33, ' ')))));
}

TEST(FormatThreadTest, ShowsHtmlAsText) {
  v1::ConversationThread thread = Lunch();
  v1::Post* post = AddPost(&thread, "p1", 0, "<p>Where &amp; when?</p><p>Ann</p>");
  post->mutable_body()->set_content_type("html");
  post->set_has_attachments(true);
  post->add_categories("food");
  EXPECT_THAT(Format(thread), HasSubstr("2016-12-31 20:58  (with attachments, food)\n"
                                        "p1\n| Where & when?\n| Ann\n"));
}

TEST(FormatThreadTest, HasTimesOfTheZone) {
  v1::ConversationThread thread = Lunch();
  AddPost(&thread, "p1", 0, "");
  EXPECT_THAT(FormatThread(thread, absl::FixedTimeZone(3 * 60 * 60), /*color=*/false),
              HasSubstr("2016-12-31 23:58\n"));
}

TEST(FormatThreadTest, LetsNoTextDriveTheTerminal) {
  const std::string hostile = "\x1b[31mred\r\x07\u202e\x9b\tx\nAnn  2016-12-31 20:58";
  v1::ConversationThread thread;
  thread.set_topic(hostile);
  thread.set_name(hostile);
  thread.add_unique_senders(hostile);
  thread.add_to_recipients()->mutable_email_address()->set_name(hostile);
  thread.set_preview(hostile);
  v1::Post* post = AddPost(&thread, hostile, 0, hostile);
  post->mutable_sender()->mutable_email_address()->set_name(hostile);
  post->add_categories(hostile);
  const std::string view = Format(thread);
  for (const char* text : {"\x1b", "\r", "\x07", "\u202e", "\x9b", "\t"}) {
    EXPECT_THAT(view, Not(HasSubstr(text)));
  }
  // Nobody can write a line that looks like another's post.
  EXPECT_THAT(view, AllOf(HasSubstr("\n| \\u001b[31mred"), HasSubstr("\n| Ann  2016-12-31 20:58\n"),
                          Not(HasSubstr("\nAnn  "))));
}

TEST(FormatThreadTest, ColoursTheSameText) {
  v1::ConversationThread thread = Lunch();
  AddPost(&thread, "p1", 0, "Where?");
  EXPECT_EQ(FormatThread(thread, absl::UTCTimeZone(), /*color=*/true),
            "\x1b[1mLunch\x1b[0m\n"
            "\x1b[2mgroups/g/threads/t\x1b[0m\n"
            "\n"
            "\x1b[36mAnn\x1b[0m  2016-12-31 20:58\n"
            "\x1b[2mp1\x1b[0m\n"
            "| Where?\n");
}

TEST(RecipientTextTest, CanBeReadAgain) {
  const struct {
    std::string text;
    std::string recipient;
  } kCases[] = {
      {"Ann Lee <ann@example.com>", R"(name: "Ann Lee" address: "ann@example.com")"},
      {"ann@example.com", R"(address: "ann@example.com")"},
      {"Ann Lee", R"(name: "Ann Lee")"},
      {"Ann <x> <Address value>", R"(name: "Ann <x>" address: "Address value")"},
  };
  for (const auto& [text, fields] : kCases) {
    v1::Recipient recipient;
    *recipient.mutable_email_address() = ParseText<v1::EmailAddress>(fields);
    EXPECT_THAT(ParseRecipient(text), EqualsProto(recipient));
    EXPECT_EQ(RecipientText(recipient), text);
  }
  v1::Recipient bare;
  bare.mutable_email_address()->set_address("Address value");
  EXPECT_THAT(ParseRecipient("<Address value>"), EqualsProto(bare));
}

}  // namespace
}  // namespace threadstore::threadctl
