#include "server/base/uuid.h"

#include <algorithm>
#include <cstring>

#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

namespace threadstore {
namespace {

// Where the dashes stand in the text, as offsets.
constexpr bool IsDashPosition(size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }
constexpr size_t kTextLength = 36;

// The first half of a version 7 UUID.
uint64_t TimeAndVersion(absl::Time time) {
  const int64_t micros = std::max<int64_t>(absl::ToUnixMicros(time), 0);
  const uint64_t millis = static_cast<uint64_t>(micros / 1000);
  const uint64_t fraction = static_cast<uint64_t>(micros % 1000) * 4096 / 1000;
  return (millis << 16) | (0x7U << 12) | fraction;
}

uint8_t HexValue(char c) {
  if (c >= '0' && c <= '9') return static_cast<uint8_t>(c - '0');
  return static_cast<uint8_t>(absl::ascii_tolower(static_cast<unsigned char>(c)) - 'a' + 10);
}

}  // namespace

Uuid::Uuid(uint64_t high, uint64_t low) {
  for (size_t i = 0; i < 8; ++i) {
    bytes_[i] = static_cast<uint8_t>(high >> (56 - 8 * i));
    bytes_[8 + i] = static_cast<uint8_t>(low >> (56 - 8 * i));
  }
}

Uuid Uuid::V7(absl::Time time) {
  // The store never rests a decision on an id being hard to guess, so a fast generator will do.
  thread_local absl::BitGen random;
  const uint64_t low =
      (uint64_t{0b10} << 62) | (absl::Uniform<uint64_t>(random) & ((uint64_t{1} << 62) - 1));
  return {TimeAndVersion(time), low};
}

Uuid Uuid::FirstV7(absl::Time time) { return {TimeAndVersion(time), 0}; }

bool Uuid::IsV7Of(absl::Time time) const {
  const int64_t micros = absl::ToUnixMicros(time);
  if (micros < 0) return false;
  uint64_t high = 0;
  for (size_t i = 0; i < 8; ++i) high = (high << 8) | bytes_[i];
  return high == TimeAndVersion(time) && (bytes_[8] >> 6) == 0b10;
}

std::optional<Uuid> Uuid::Parse(absl::string_view text) {
  if (text.size() != kTextLength) return std::nullopt;
  Uuid uuid;
  size_t digits = 0;
  for (size_t i = 0; i < kTextLength; ++i) {
    const char c = text[i];
    if (IsDashPosition(i)) {
      if (c != '-') return std::nullopt;
      continue;
    }
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return std::nullopt;
    uint8_t& byte = uuid.bytes_[digits / 2];
    byte = static_cast<uint8_t>((byte << 4) | HexValue(c));
    ++digits;
  }
  return uuid;
}

std::optional<Uuid> Uuid::FromBytes(absl::string_view bytes) {
  if (bytes.size() != kBytes) return std::nullopt;
  Uuid uuid;
  std::memcpy(uuid.bytes_.data(), bytes.data(), kBytes);
  return uuid;
}

std::string Uuid::ToString() const {
  std::string text = absl::BytesToHexString(bytes());
  for (size_t dash : {8, 13, 18, 23}) text.insert(dash, 1, '-');
  return text;
}

}  // namespace threadstore
