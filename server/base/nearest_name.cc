#include "server/base/nearest_name.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "absl/strings/ascii.h"

namespace threadstore {
namespace {

// How many characters have to be changed, added or removed to make `a` of `b`.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

absl::string_view NearestName(absl::string_view typo, const std::vector<absl::string_view>& names) {
  constexpr size_t kMaxTypo = 2;
  constexpr size_t kMaxNameBytes = 64;
  absl::string_view nearest;
  if (typo.size() > kMaxNameBytes) return nearest;
  size_t least = kMaxTypo + 1;
  for (const absl::string_view name : names) {
    const size_t distance = EditDistance(absl::AsciiStrToLower(typo), absl::AsciiStrToLower(name));
    if (distance < std::min(least, typo.size())) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

}  // namespace threadstore
