#include "server/auth/certificate_application.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/stubs/common.h"
#include "server/base/errors.h"
#include "server/domain/limits.h"

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
  if (id.size() > kMaxApplicationIdBytes) {
    return Wrong(what, absl::StrCat("must be at most ", kMaxApplicationIdBytes, " bytes"));
  }
  const bool has_control = std::any_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_iscntrl(static_cast<unsigned char>(c));
  });
  if (has_control || !google::protobuf::internal::IsStructurallyValidUTF8(
                         id.data(), static_cast<int>(id.size()))) {
    return Wrong(what, "must be UTF-8 without control characters");
  }
  return id;
}

}  // namespace threadstore
