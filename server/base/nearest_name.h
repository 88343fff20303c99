#ifndef THREADSTORE_SERVER_BASE_NEAREST_NAME_H_
#define THREADSTORE_SERVER_BASE_NEAREST_NAME_H_

#include <vector>

#include "absl/strings/string_view.h"

namespace threadstore {

// Which of `names` someone who wrote `typo` may have meant: the one that differs in the fewest
// characters, at most two, without regard to case. Empty if there is none.
absl::string_view NearestName(absl::string_view typo, const std::vector<absl::string_view>& names);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_NEAREST_NAME_H_
