#include "client/threadctl/progress.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/threadctl/terminal.h"

namespace threadstore::threadctl {
namespace {

constexpr absl::Duration kRedrawInterval = absl::Milliseconds(100);
constexpr absl::Duration kLineInterval = absl::Seconds(5);

// Of the lines that are not for a terminal.
constexpr int kLineWidth = 80;

constexpr int kGap = 2;
constexpr int kShortestBar = 10;  // with its brackets
constexpr int kLongestBar = 52;

// Before this a rate says nothing.
constexpr absl::Duration kLeastElapsed = absl::Seconds(1);

std::string WithCommas(int64_t number) {
  const std::string digits = absl::StrCat(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text.push_back(',');
    text.push_back(digits[i]);
  }
  return text;
}

// H:MM:SS, or M:SS below an hour.
std::string Clock(absl::Duration duration) {
  const int64_t seconds = absl::ToInt64Seconds(duration + absl::Milliseconds(999));
  if (seconds < 3600) return absl::StrFormat("%d:%02d", seconds / 60, seconds % 60);
  return absl::StrFormat("%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

double FractionOf(const Step& step) {
  return std::clamp(static_cast<double>(step.done) / static_cast<double>(step.total), 0.0, 1.0);
}

std::string Bar(double fraction, int width) {
  const int inside = width - 2;
  const int filled = static_cast<int>(fraction * inside);
  std::string bar(filled, '=');
  if (filled < inside) bar.push_back('>');
  bar.resize(inside, ' ');
  return absl::StrCat("[", bar, "]");
}

}  // namespace

std::string FormatProgress(const Step& step, absl::Duration elapsed, int width) {
  const double fraction = step.total > 0 ? FractionOf(step) : 0;
  std::string percent;
  std::string remaining;
  std::string rate;
  if (step.total > 0) percent = absl::StrFormat("%3d%%", static_cast<int>(fraction * 100));
  if (elapsed >= kLeastElapsed) {
    const double per_second = static_cast<double>(step.records) / absl::ToDoubleSeconds(elapsed);
    rate = absl::StrCat(WithCommas(static_cast<int64_t>(per_second)), "/s");
    if (fraction > 0) {
      remaining = absl::StrCat(Clock(elapsed * ((1 - fraction) / fraction)), " left");
    }
  }
  const std::string records = absl::StrCat(WithCommas(step.records), " records");
  int room = width - static_cast<int>(records.size());
  const auto keep = [&room](std::string* part) {
    const int columns = kGap + static_cast<int>(part->size());
    if (part->empty() || columns > room) {
      part->clear();
    } else {
      room -= columns;
      *part = absl::StrCat(std::string(kGap, ' '), *part);
    }
  };
  keep(&percent);
  keep(&remaining);
  keep(&rate);
  std::string bar;
  if (step.total > 0 && room - kGap >= kShortestBar) {
    bar = Bar(fraction, std::min(room - kGap, kLongestBar));
    keep(&bar);
  }
  return absl::StrCat(records, bar, percent, rate, remaining).substr(0, std::max(width, 0));
}

void Progress::Show(const Step& step) {
  const absl::Time now = absl::Now();
  if (now - last_ < kRedrawInterval) return;
  const std::optional<int> width = TerminalWidth(out_);
  if (!width.has_value() && now - last_ < kLineInterval) return;
  last_ = now;
  const std::string erased = Erase();
  // Behind its last column a terminal begins another line.
  const std::string line = FormatProgress(step, now - begin_, width.value_or(kLineWidth) - 1);
  if (width.has_value()) drawn_ = static_cast<int>(line.size());
  Write(absl::StrCat(erased, line, width.has_value() ? "" : "\n"));
}

void Progress::PrintLine(absl::string_view line) { Write(absl::StrCat(Erase(), line, "\n")); }

void Progress::Restart() { begin_ = absl::Now(); }

void Progress::Clear() {
  if (drawn_ > 0) Write(Erase());
}

std::string Progress::Erase() {
  if (drawn_ == 0) return "";
  // Row by row: terminals keep what is cleared with the rest of the screen among what has scrolled
  // away.
  std::string escapes = "\r\x1b[K";
  // One that has become narrower has broken the line into several.
  const int width = std::max(TerminalWidth(out_).value_or(drawn_), 1);
  for (int rows = (drawn_ + width - 1) / width; rows > 1; --rows) {
    absl::StrAppend(&escapes, "\x1b[A\x1b[K");
  }
  drawn_ = 0;
  return escapes;
}

void Progress::Write(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
}

}  // namespace threadstore::threadctl
