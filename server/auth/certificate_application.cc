#include "server/auth/certificate_application.h"

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/domain/resource_name.h"

namespace threadstore {
namespace {

absl::Status Wrong(absl::string_view name, absl::string_view rule) {
  return InvalidCredentialsError(absl::StrCat("the ", name, " of the client certificate ", rule));
}

}  // namespace

absl::StatusOr<std::string> ApplicationOfCertificate(const CertificateNames& names) {
  const bool has_spiffe_id = names.spiffe_ids.size() == 1;
  const absl::string_view what = has_spiffe_id ? "SPIFFE id" : "subject";
  const std::string& id = has_spiffe_id ? names.spiffe_ids.front() : names.subject;
  if (id.empty()) return Wrong(what, "is empty, and it has no SPIFFE id, or several");
  if (const absl::Status status = CheckApplicationId(id); !status.ok()) {
    return Wrong(what, absl::StrCat("cannot be used: ", status.message()));
  }
  return id;
}

}  // namespace threadstore
