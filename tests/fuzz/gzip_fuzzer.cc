// Any bytes as gzip: what is decoded keeps the limit, and is decoded alike with more room.

#include <cstddef>
#include <cstdint>

#include "server/http/content_coding.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using threadstore::DecodeGzip;
  using threadstore::testing::Require;
  constexpr size_t kSmall = 1000;
  constexpr size_t kLarge = 1'000'000;
  const absl::string_view body(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<std::string> small = DecodeGzip(body, kSmall);
  const absl::StatusOr<std::string> large = DecodeGzip(body, kLarge);
  for (const auto* const decoded : {&small, &large}) {
    Require(decoded->ok() || absl::IsInvalidArgument(decoded->status()) ||
                absl::IsOutOfRange(decoded->status()),
            decoded->status().ToString());
  }
  if (small.ok()) Require(small->size() <= kSmall && small == large, "room makes a difference");
  if (large.ok() && !small.ok()) Require(large->size() > kSmall, small.status().ToString());
  return 0;
}
