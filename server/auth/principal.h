#ifndef THREADSTORE_SERVER_AUTH_PRINCIPAL_H_
#define THREADSTORE_SERVER_AUTH_PRINCIPAL_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "server/auth/permissions.h"

namespace threadstore {

// Who is calling, and what its token entitles it to.
struct Principal {
  enum class Kind { kUser, kApplication };

  Kind kind = Kind::kApplication;

  // A user's id, or an application's name; empty for an application of which --auth=none knows
  // none.
  std::string id;

  Permissions permissions = 0;

  // What the credentials say of a user besides; empty if they do not.
  std::string display_name = {};
  std::string mail = {};

  bool is_user() const { return kind == Kind::kUser; }

  // Differs between any two principals.
  std::string Key() const { return absl::StrCat(is_user() ? "user:" : "application:", id); }
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_AUTH_PRINCIPAL_H_
