#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/threadctl/printer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/base/proto_json.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"
#include "threadstore/v1/group_service.pb.h"

namespace threadstore::threadctl {
namespace {

using ::testing::HasSubstr;
using ::threadstore::testing::IsOk;
using ::threadstore::testing::StatusIs;
using ::threadstore::testing::TempDir;

// A stream whose text can be looked at.
class MemoryFile {
 public:
  MemoryFile() : file_(open_memstream(&data_, &size_)) {}
  ~MemoryFile() {
    std::fclose(file_);
    std::free(data_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::FILE* file() { return file_; }
  std::string text() {
    std::fflush(file_);
    return std::string(data_, size_);
  }

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
  std::FILE* const file_;
};

// A terminal without a screen.
class Terminal {
 public:
  Terminal() : controller_(posix_openpt(O_RDWR | O_NOCTTY)) {
    EXPECT_EQ(grantpt(controller_), 0);
    EXPECT_EQ(unlockpt(controller_), 0);
    char name[64];
    EXPECT_EQ(ptsname_r(controller_, name, sizeof(name)), 0);
    file_ = std::fopen(name, "we");
  }
  ~Terminal() {
    std::fclose(file_);
    close(controller_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  std::FILE* file() { return file_; }

 private:
  const int controller_;
  std::FILE* file_;
};

// Null takes the variable away.
void SetEnvironment(const char* name, const char* value) {
  // NOLINTBEGIN(concurrency-mt-unsafe): no other thread runs.
  EXPECT_EQ(value == nullptr ? unsetenv(name) : setenv(name, value, /*overwrite=*/1), 0);
  // NOLINTEND(concurrency-mt-unsafe)
}

v1::Group NamedGroup(const std::string& name) {
  v1::Group group;
  group.set_name(name);
  return group;
}

TEST(PrintableTest, EscapesWhatDrivesATerminal) {
  const struct {
    std::string text;
    std::string printable;
  } kCases[] = {
      {"", ""},
      {"Lunch on Friday?", "Lunch on Friday?"},
      {"Käse 山田 😀", "Käse 山田 😀"},
      {"a\nb\tc\rd", "a\\nb\\tc\\u000dd"},
      {std::string("a\0b", 3), "a\\u0000b"},
      {"\x1b[2J\x07", "\\u001b[2J\\u0007"},
      {"\x7f", "\\u007f"},
      // C1: the one-character form of ESC [.
      {"\xC2\x9B"
       "31m",
       "\\u009b31m"},
      {"\xC2\xA0", "\xC2\xA0"},
      // Line separator, right-to-left override, isolate, byte order mark.
      {"\u2028\u202E\u2066\uFEFF", "\\u2028\\u202e\\u2066\\ufeff"},
      // Not UTF-8: a byte on its own, cut short, overlong, a surrogate, too large.
      {"a\x80z", "a\uFFFDz"},
      {"\xE5\xB1", "\uFFFD\uFFFD"},
      {"\xC0\xAF", "\uFFFD\uFFFD"},
      {"\xE0\x80\xAF", "\uFFFD\uFFFD\uFFFD"},
      {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},
      {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
      {"\xFF\x1b", "\uFFFD\\u001b"},
      {"\uFFFD", "\uFFFD"},
  };
  for (const auto& [text, printable] : kCases) EXPECT_EQ(Printable(text), printable);
}

TEST(DisplayWidthTest, CountsColumns) {
  EXPECT_EQ(DisplayWidth(""), 0u);
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("Käse"), 4u);
  EXPECT_EQ(DisplayWidth("Ka\u0308se"), 4u);
  EXPECT_EQ(DisplayWidth("山田"), 4u);
  EXPECT_EQ(DisplayWidth("😀"), 2u);
}

TEST(FormatTimeTest, IsRfc3339) {
  EXPECT_EQ(FormatTime(nullptr, absl::UTCTimeZone()), "");
  google::protobuf::Timestamp time;
  time.set_seconds(1483217895);
  EXPECT_EQ(FormatTime(&time, absl::UTCTimeZone()), "2016-12-31T20:58:15+00:00");
  time.set_nanos(304900000);
  EXPECT_EQ(FormatTime(&time, absl::FixedTimeZone(3 * 60 * 60)), "2016-12-31T23:58:15.3049+03:00");
}

TEST(FormatErrorTest, HasCodeViolationsAndReason) {
  EXPECT_EQ(FormatError(absl::UnavailableError("no\nway")), "error: UNAVAILABLE: no\\nway\n");
  EXPECT_EQ(FormatError(NotFoundError(kGroupType, "groups/a")),
            "error: NOT_FOUND: groups/a was not found\nreason: RESOURCE_NOT_FOUND\n");
  EXPECT_EQ(FormatError(InvalidFieldsError(
                {{"thread.topic", "must not be empty"}, {"thread.id", "has \x1b[1m"}})),
            "error: INVALID_ARGUMENT: thread.topic: must not be empty; thread.id: has "
            "\\u001b[1m\n"
            "  thread.topic: must not be empty\n"
            "  thread.id: has \\u001b[1m\n"
            "reason: INVALID_FIELD\n");
}

TEST(PrinterTest, PrintsPropertiesInAColumn) {
  MemoryFile out;
  Printer printer(OutputFormat::kTable, out.file(), out.file());
  printer.PrintResource(v1::Group(), {{"name", "groups/a"}, {"display name", "A\nB"}, {"x", ""}});
  EXPECT_EQ(out.text(),
            "name          groups/a\n"
            "display name  A\\nB\n"
            "x\n");
}

TEST(PrinterTest, PrintsAResourceAsJson) {
  MemoryFile out;
  Printer printer(OutputFormat::kJson, out.file(), out.file());
  printer.PrintResource(NamedGroup("groups/a"), {{"name", "not this"}});
  EXPECT_EQ(out.text(),
            "{\n  \"name\": \"groups/a\",\n  \"id\": \"\",\n  \"displayName\": \"\",\n"
            "  \"mail\": \"\",\n  \"allowExternalSenders\": false,\n  \"description\": \"\",\n"
            "  \"mailNickname\": \"\"\n}\n");
}

TEST(PrinterTest, AlignsEachPageAndNeverNarrows) {
  MemoryFile out;
  MemoryFile hints;
  Printer printer(OutputFormat::kTable, out.file(), hints.file());
  printer.BeginList("groups", {"NAME", "MAIL"});
  printer.AddRow(v1::Group(), {"山田", "1"});
  printer.AddRow(v1::Group(), {"Käse", "2"});
  printer.AddRow(v1::Group(), {"\x1b", ""});
  printer.EndPage();
  EXPECT_EQ(out.text(),
            "NAME    MAIL\n"
            "山田    1\n"
            "Käse    2\n"
            "\\u001b\n");
  printer.AddRow(v1::Group(), {"a", "3"});
  printer.AddRow(v1::Group(), {"longer still", "4"});
  printer.EndPage();
  printer.EndList("");
  EXPECT_THAT(out.text(), HasSubstr("a             3\nlonger still  4\n"));
  EXPECT_EQ(hints.text(), "");
}

TEST(PrinterTest, HintsAtTheNextPage) {
  MemoryFile out;
  MemoryFile hints;
  Printer printer(OutputFormat::kTable, out.file(), hints.file());
  printer.BeginList("groups", {"NAME"});
  printer.EndPage();
  printer.EndList("t0k3n");
  EXPECT_EQ(out.text(), "NAME\n");
  EXPECT_EQ(hints.text(), "next page: --page_token=t0k3n\n");
}

TEST(PrinterTest, PrintsAListAsOneJsonObject) {
  MemoryFile out;
  MemoryFile hints;
  Printer printer(OutputFormat::kJson, out.file(), hints.file());
  v1::ListGroupsResponse response;
  *response.add_groups() = NamedGroup("groups/a");
  *response.add_groups() = NamedGroup("groups/\n");
  response.set_next_page_token("\"");
  printer.BeginList("groups", {"NAME"});
  printer.AddRow(response.groups(0), {"not this"});
  printer.EndPage();
  printer.AddRow(response.groups(1), {});
  printer.EndPage();
  printer.EndList(response.next_page_token());
  EXPECT_EQ(out.text(), absl::StrCat(WriteProtoJson(response, 2), "\n"));
  EXPECT_EQ(hints.text(), "");
}

TEST(PrinterTest, PrintsAnEmptyListAsJson) {
  MemoryFile out;
  Printer printer(OutputFormat::kJson, out.file(), out.file());
  printer.BeginList("groups", {"NAME"});
  printer.EndPage();
  printer.EndList("");
  EXPECT_EQ(out.text(), "{\n  \"groups\": [],\n  \"nextPageToken\": \"\"\n}\n");
}

TEST(PrinterTest, PrintsAViewUnlessJsonIsWanted) {
  for (const auto& [format, text] :
       {std::pair(OutputFormat::kTable, std::string("A view\nof it\n")),
        {OutputFormat::kJson, absl::StrCat(WriteProtoJson(v1::Group(), 2), "\n")}}) {
    MemoryFile out;
    Printer printer(format, out.file(), out.file());
    printer.PrintView(v1::Group(), "A view\nof it\n");
    EXPECT_EQ(out.text(), text);
  }
}

TEST(PrinterTest, UsesColourOnlyOnATerminalThatMayHaveIt) {
  SetEnvironment("TERM", "xterm");
  SetEnvironment("NO_COLOR", nullptr);
  Terminal terminal;
  ASSERT_NE(terminal.file(), nullptr);
  MemoryFile memory;
  const Printer to_terminal(OutputFormat::kTable, terminal.file(), stderr);
  const Printer to_memory(OutputFormat::kTable, memory.file(), stderr);
  EXPECT_TRUE(to_terminal.IsTerminal());
  EXPECT_TRUE(to_terminal.IsInColor());
  EXPECT_FALSE(to_memory.IsTerminal());
  EXPECT_FALSE(to_memory.IsInColor());

  SetEnvironment("NO_COLOR", "");
  EXPECT_TRUE(to_terminal.IsInColor());
  SetEnvironment("NO_COLOR", "0");
  EXPECT_FALSE(to_terminal.IsInColor());
  EXPECT_TRUE(to_terminal.IsTerminal());
  SetEnvironment("NO_COLOR", nullptr);
  SetEnvironment("TERM", "dumb");
  EXPECT_FALSE(to_terminal.IsInColor());
}

TEST(PrinterTest, WritesAFileInPlaceOfWhatItHeld) {
  const TempDir folder;
  const std::string path = folder.File("content");
  Printer printer(OutputFormat::kTable, stdout, stderr);
  printer.WriteFile(path, "longer than what comes next");
  const std::string bytes("a\0\xff\n", 4);
  printer.WriteFile(path, bytes);
  EXPECT_THAT(printer.status(), IsOk());
  std::ifstream file(path, std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), bytes);
}

TEST(PrinterTest, ReportsAFileThatCannotBeWritten) {
  for (const auto& [path, why] : {std::pair("/dev/full", "No space left on device"),
                                  {"/nonexistent/file", "No such file or directory"}}) {
    Printer printer(OutputFormat::kTable, stdout, stderr);
    printer.WriteFile(path, "content");
    EXPECT_THAT(printer.Flush(),
                StatusIs(absl::StatusCode::kDataLoss, absl::StrCat(path, ": ", why)));
  }
}

TEST(PrinterTest, ReportsAFullDisk) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> full(std::fopen("/dev/full", "we"),
                                                             &std::fclose);
  ASSERT_NE(full, nullptr);
  Printer printer(OutputFormat::kJson, full.get(), stderr);
  EXPECT_THAT(printer.Flush(), IsOk());
  printer.PrintResource(v1::Group(), {});
  EXPECT_THAT(printer.Flush(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("No space left on device")));
  EXPECT_THAT(printer.status(), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace threadstore::threadctl
