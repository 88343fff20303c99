#ifndef THREADSTORE_SERVER_STORE_SQLITE_ROOM_H_
#define THREADSTORE_SERVER_STORE_SQLITE_ROOM_H_

#include "absl/status/status.h"
#include "server/base/errors.h"

namespace threadstore::sqlite {

// Whether the disk has room for more rows, as the writer knows it. Without, what would add rows is
// STORE_FULL, after everything else that it may be refused for; a repeated request, which adds
// none, is answered.
class Room {
 public:
  void Set(bool is_left) { is_left_ = is_left; }
  bool is_left() const { return is_left_; }
  absl::Status Check() const { return is_left_ ? absl::OkStatus() : StoreFullError(); }

 private:
  bool is_left_ = true;
};

}  // namespace threadstore::sqlite

#endif  // THREADSTORE_SERVER_STORE_SQLITE_ROOM_H_
