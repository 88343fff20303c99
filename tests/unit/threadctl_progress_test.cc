#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/threadctl/progress.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace threadstore::threadctl {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Le;

constexpr Step kHalf = {12'345, 50, 100};

TEST(ProgressTest, SaysWhatFits) {
  const struct {
    int width;
    const char* line;
  } kCases[] = {
      {0, ""},
      {6, "12,345"},
      {14, "12,345 records"},
      {19, "12,345 records"},
      {20, "12,345 records   50%"},
      {30, "12,345 records   50%  1,234/s"},
      {31, "12,345 records   50%  0:10 left"},
      {39, "12,345 records   50%  0:10 left"},
      {40, "12,345 records   50%  1,234/s  0:10 left"},
      {51, "12,345 records   50%  1,234/s  0:10 left"},
      {52, "12,345 records  [====>   ]   50%  1,234/s  0:10 left"},
      {80, "12,345 records  [==================>                 ]   50%  1,234/s  0:10 left"},
  };
  for (const auto& [width, line] : kCases) {
    EXPECT_EQ(FormatProgress(kHalf, absl::Seconds(10), width), line) << width;
  }
}

TEST(ProgressTest, NeverTakesMoreThanTheWidth) {
  for (const Step& step : {Step{}, Step{1, 0, 0}, kHalf, Step{999'999'999, 999, 1000},
                           Step{5, 100, 100}, Step{5, 200, 100}, Step{1, 1, 1'000'000'000'000}}) {
    for (const absl::Duration elapsed : {absl::ZeroDuration(), absl::Seconds(1), absl::Hours(30)}) {
      for (int width = 20; width <= 200; ++width) {
        const std::string line = FormatProgress(step, elapsed, width);
        EXPECT_THAT(line.size(), Le(static_cast<size_t>(width))) << line;
        EXPECT_THAT(line, HasSubstr(" records"));
        EXPECT_EQ(absl::StrContains(line, "%"),
                  step.total > 0 && width >= static_cast<int>(line.find(" records")) + 14)
            << width << ": " << line;
      }
    }
  }
}

TEST(ProgressTest, WithoutATotalThereIsNoEndInSight) {
  EXPECT_EQ(FormatProgress({1'000'000, 7, 0}, absl::Seconds(2), 200),
            "1,000,000 records  500,000/s");
}

TEST(ProgressTest, SaysNothingOfRatesAtFirst) {
  EXPECT_EQ(FormatProgress({10, 1, 4}, absl::Milliseconds(900), 40),
            "10 records  [=====>              ]   25%");
}

TEST(ProgressTest, HasAnEnd) {
  EXPECT_EQ(FormatProgress({10, 4, 4}, absl::Seconds(1), 60),
            "10 records  [=======================]  100%  10/s  0:00 left");
  // An estimate may have been too low.
  EXPECT_THAT(FormatProgress({10, 8, 4}, absl::Seconds(1), 60), HasSubstr("]  100%  "));
}

TEST(ProgressTest, SaysHours) {
  EXPECT_THAT(FormatProgress({1, 1, 2}, absl::Seconds(3725), 80), EndsWith("  1:02:05 left"));
  EXPECT_THAT(FormatProgress({1, 1, 2}, absl::Seconds(65), 80), EndsWith("  1:05 left"));
}

TEST(ProgressTest, IsALineEachTimeWhereThereIsNoTerminal) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  {
    Progress progress(file);
    progress.Show({1, 0, 0});  // not yet
    progress.PrintLine("a note");
  }
  std::rewind(file);
  char text[100] = {};
  const size_t size = std::fread(text, 1, sizeof(text), file);
  EXPECT_EQ(std::string(text, size), "a note\n");
  std::fclose(file);
}

}  // namespace
}  // namespace threadstore::threadctl
