#ifndef THREADSTORE_SERVER_STORE_SQLITE_PAGE_H_
#define THREADSTORE_SERVER_STORE_SQLITE_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/base/clock.h"
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

// What a page may still look at. A list whose rows seldom are on its pages, as they do not pass a
// filter or have been deleted, costs as little per page as any other.
class ExaminedRows {
 public:
  explicit ExaminedRows(const Clock& clock) : clock_(clock), start_(clock.Now()) {}

  // Counts a row. Whether it has to be the last.
  bool IsLast() { return ++count_ >= kMaxRowsExamined || clock_.Now() - start_ >= kMaxFilterTime; }

 private:
  const Clock& clock_;
  const absl::Time start_;
  int count_ = 0;
};

// Likewise, of a list whose rows say in `passes_column` whether they are on it. `note`, a function
// of a row that returns a status, hears of each row that the page has dealt with: the next begins
// after the last of them.
template <typename T, typename ReadRow, typename NoteRow>
absl::StatusOr<bool> FillPageOfPassing(Query& rows, int passes_column, int32_t limit,
                                       const Clock& clock,
                                       google::protobuf::RepeatedPtrField<T>& page, ReadRow read,
                                       NoteRow note) {
  size_t bytes = 0;
  ExaminedRows examined(clock);
  while (true) {
    ASSIGN_OR_RETURN(const bool found, rows.Step());
    if (!found) return false;
    if (rows.Boolean(passes_column)) {
      if (page.size() == limit) return true;
      ASSIGN_OR_RETURN(T resource, read(rows));
      bytes += resource.ByteSizeLong();
      if (bytes > kMaxPageBytes && !page.empty()) return true;
      page.Add(std::move(resource));
    }
    RETURN_IF_ERROR(note(rows));
    if (examined.IsLast()) return true;
  }
}

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_PAGE_H_
