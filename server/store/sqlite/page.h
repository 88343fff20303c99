#ifndef THREADSTORE_SERVER_STORE_SQLITE_PAGE_H_
#define THREADSTORE_SERVER_STORE_SQLITE_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/store/sqlite/database.h"

namespace threadstore::sqlite {

// Fills a page with what `read`, a function of a row that returns a StatusOr<T>, makes of each row:
// at most `limit` of them, and fewer if they would have more than kMaxPageBytes, but at least one.
// Returns whether there are more; for that the query asks for one more than `limit`.
template <typename T, typename ReadRow>
absl::StatusOr<bool> FillPage(Query& rows, int32_t limit,
                              google::protobuf::RepeatedPtrField<T>& page, ReadRow read) {
  size_t bytes = 0;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, rows.Step());
    if (!found) return false;
    if (page.size() == limit) return true;
    ASSIGN_OR_RETURN(T resource, read(rows));
    bytes += resource.ByteSizeLong();
    if (bytes > kMaxPageBytes && !page.empty()) return true;
    page.Add(std::move(resource));
  }
}

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_PAGE_H_
