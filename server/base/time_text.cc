#include "server/base/time_text.h"

#include "absl/time/civil_time.h"

namespace threadstore {
namespace {

constexpr int kBase = 10;

void PutDigits(absl::civil_year_t number, int count, char* at) {
  for (char* digit = at + count - 1; digit >= at; --digit, number /= kBase) {
    *digit = static_cast<char>('0' + number % kBase);
  }
}

}  // namespace

// Answers are full of times, and absl::FormatTime interprets its format each time.
std::string DateTimeText(int64_t unix_seconds) {
  constexpr absl::CivilSecond kEpoch(1970, 1, 1);
  const absl::CivilSecond time = kEpoch + unix_seconds;
  std::string text = "0000-00-00T00:00:00";
  PutDigits(time.year(), 4, text.data());
  PutDigits(time.month(), 2, text.data() + 5);
  PutDigits(time.day(), 2, text.data() + 8);
  PutDigits(time.hour(), 2, text.data() + 11);
  PutDigits(time.minute(), 2, text.data() + 14);
  PutDigits(time.second(), 2, text.data() + 17);
  return text;
}

}  // namespace threadstore
