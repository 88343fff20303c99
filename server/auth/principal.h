#ifndef THREADSTORE_SERVER_AUTH_PRINCIPAL_H_
#define THREADSTORE_SERVER_AUTH_PRINCIPAL_H_

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
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

  // Groups that the credentials say a user is in, whatever the store's members are. Null if they
  // are not asked.
  std::shared_ptr<const std::set<std::string, std::less<>>> groups = nullptr;

  // What tells the token from others; empty if nothing does.
  std::string token_id = {};

  // From when on the credentials say nothing any more.
  absl::Time valid_until = absl::InfiniteFuture();

  bool is_user() const { return kind == Kind::kUser; }
  bool IsInGroup(absl::string_view group) const {
    return groups != nullptr && groups->find(group) != groups->end();
  }

  // Differs between any two principals.
  std::string Key() const { return absl::StrCat(is_user() ? "user:" : "application:", id); }
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_AUTH_PRINCIPAL_H_
