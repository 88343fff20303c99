#ifndef THREADSTORE_SERVER_BASE_UUID_H_
#define THREADSTORE_SERVER_BASE_UUID_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace threadstore {

// A UUID (RFC 9562). A value type; ordered as its bytes are, which for version 7 is the order
// of creation.
class Uuid {
 public:
  static constexpr size_t kBytes = 16;

  // The nil UUID.
  Uuid() = default;

  // A new version 7 UUID of `time`. The 12 bits after the version hold the fraction of the
  // millisecond (RFC 9562, section 6.2, method 3), so UUIDs of different microseconds are in
  // order; 62 random bits follow.
  static Uuid V7(absl::Time time);

  // Not after any version 7 UUID of `time` or later, and after all of earlier microseconds. No
  // UUID itself.
  static Uuid FirstV7(absl::Time time);

  // Whether this is a version 7 UUID of `time`, to the microsecond, as V7 makes them.
  bool IsV7Of(absl::Time time) const;

  // Reads the 8-4-4-4-12 form in either case, and nothing else. Any version and variant.
  static std::optional<Uuid> Parse(absl::string_view text);

  // `bytes` must hold exactly kBytes.
  static std::optional<Uuid> FromBytes(absl::string_view bytes);

  // The 8-4-4-4-12 form in lower case.
  std::string ToString() const;

  absl::string_view bytes() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  bool is_nil() const { return *this == Uuid(); }

  auto operator<=>(const Uuid&) const = default;  // NOLINT(modernize-use-nullptr): a false alarm

 private:
  Uuid(uint64_t high, uint64_t low);

  std::array<uint8_t, kBytes> bytes_ = {};
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_UUID_H_
