#include "server/domain/timestamp.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace threadstore {
namespace {

constexpr int64_t kMinSeconds = -62135596800;  // 0001-01-01T00:00:00Z
constexpr int64_t kMaxSeconds = 253402300799;  // 9999-12-31T23:59:59Z
constexpr int32_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr size_t kMicrosDigits = 6;
constexpr size_t kMaxFractionDigits = 12;  // OData's.

// Takes a number of exactly so many digits off `text`.
bool ConsumeNumber(absl::string_view& text, size_t digits, int64_t& number) {
  const absl::string_view taken = text.substr(0, digits);
  if (taken.size() < digits || !std::all_of(taken.begin(), taken.end(), [](char c) {
        return absl::ascii_isdigit(static_cast<unsigned char>(c));
      })) {
    return false;
  }
  text.remove_prefix(digits);
  return absl::SimpleAtoi(taken, &number);
}

bool ConsumeLetter(absl::string_view& text, char letter) {
  if (text.empty() || absl::ascii_toupper(static_cast<unsigned char>(text[0])) != letter) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

bool ConsumeFraction(absl::string_view& text, int64_t& micros) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0 || digits > kMaxFractionDigits) return false;
  std::string padded(text.substr(0, std::min(digits, kMicrosDigits)));
  padded.resize(kMicrosDigits, '0');
  text.remove_prefix(digits);
  return absl::SimpleAtoi(padded, &micros);
}

bool ConsumeOffset(absl::string_view& text, int64_t& seconds) {
  if (ConsumeLetter(text, 'Z')) return true;
  const bool is_negative = absl::ConsumePrefix(&text, "-");
  if (!is_negative && !absl::ConsumePrefix(&text, "+")) return false;
  int64_t hours = 0;
  int64_t minutes = 0;
  if (!ConsumeNumber(text, 2, hours) || !absl::ConsumePrefix(&text, ":") ||
      !ConsumeNumber(text, 2, minutes) || hours > 23 || minutes > 59) {
    return false;
  }
  seconds = (is_negative ? -60 : 60) * (hours * 60 + minutes);
  return true;
}

}  // namespace

bool IsValidTimestamp(const google::protobuf::Timestamp& timestamp) {
  return timestamp.seconds() >= kMinSeconds && timestamp.seconds() <= kMaxSeconds &&
         timestamp.nanos() >= 0 && timestamp.nanos() < kNanosPerSecond;
}

int64_t ToMicros(const google::protobuf::Timestamp& timestamp) {
  return timestamp.seconds() * kMicrosPerSecond + timestamp.nanos() / 1000;
}

google::protobuf::Timestamp FromMicros(int64_t micros) {
  int64_t seconds = micros / kMicrosPerSecond;
  int64_t fraction = micros % kMicrosPerSecond;
  if (fraction < 0) {
    --seconds;
    fraction += kMicrosPerSecond;
  }
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(static_cast<int32_t>(fraction * 1000));
  return timestamp;
}

absl::StatusOr<int64_t> ParseDateTimeOffset(absl::string_view text) {
  const absl::Status no_time =
      absl::InvalidArgumentError("expected a time such as 2026-01-31T12:00:00Z");
  int64_t year = 0;
  int64_t month = 0;
  int64_t day = 0;
  int64_t hour = 0;
  int64_t minute = 0;
  int64_t second = 0;
  int64_t micros = 0;
  int64_t offset = 0;
  if (!ConsumeNumber(text, 4, year) || !absl::ConsumePrefix(&text, "-") ||
      !ConsumeNumber(text, 2, month) || !absl::ConsumePrefix(&text, "-") ||
      !ConsumeNumber(text, 2, day) || !ConsumeLetter(text, 'T') || !ConsumeNumber(text, 2, hour) ||
      !absl::ConsumePrefix(&text, ":") || !ConsumeNumber(text, 2, minute)) {
    return no_time;
  }
  if (absl::ConsumePrefix(&text, ":")) {
    if (!ConsumeNumber(text, 2, second)) return no_time;
    if (absl::ConsumePrefix(&text, ".") && !ConsumeFraction(text, micros)) return no_time;
  }
  if (!ConsumeOffset(text, offset) || !text.empty()) return no_time;

  // Days that are not there become others.
  const absl::CivilSecond civil(year, month, day, hour, minute, second);
  if (civil.year() != year || civil.month() != month || civil.day() != day ||
      civil.hour() != hour || civil.minute() != minute || civil.second() != second) {
    return absl::InvalidArgumentError("there is no such date or time of day");
  }
  const int64_t seconds = absl::ToUnixSeconds(absl::FromCivil(civil, absl::UTCTimeZone())) - offset;
  if (seconds < kMinSeconds || seconds > kMaxSeconds) {
    return absl::InvalidArgumentError("the time is outside the years 0001 to 9999 in UTC");
  }
  return seconds * kMicrosPerSecond + micros;
}

}  // namespace threadstore
