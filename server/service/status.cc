#include "server/service/status.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/base/errors.h"
#include "server/domain/limits.h"
#include "server/telemetry/log.h"

namespace threadstore {
namespace {

// Drops violations from the end until the details fit, and says so in a last one.
void CutViolations(google::rpc::Status& status) {
  for (google::protobuf::Any& detail : *status.mutable_details()) {
    google::rpc::BadRequest bad_request;
    if (!detail.Is<google::rpc::BadRequest>() || !detail.UnpackTo(&bad_request)) continue;
    auto& violations = *bad_request.mutable_field_violations();
    const int all = violations.size();
    while (status.ByteSizeLong() > kMaxErrorDetailsBytes && violations.size() > 1) {
      // Half at a time, so that thousands do not take thousands of rounds.
      const int kept = std::max(1, violations.size() / 2);
      violations.DeleteSubrange(kept, violations.size() - kept);
      google::rpc::BadRequest cut = bad_request;
      auto* last = cut.add_field_violations();
      last->set_field("...");
      last->set_description(absl::StrCat("and ", all - kept, " more violations"));
      detail.PackFrom(cut);
    }
  }
}

}  // namespace

std::string CutMessage(absl::string_view message) {
  if (message.size() <= kMaxErrorMessageBytes) return std::string(message);
  constexpr absl::string_view kMark = "...";
  size_t end = kMaxErrorMessageBytes - kMark.size();
  while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0) == 0x80) --end;
  return absl::StrCat(message.substr(0, end), kMark);
}

grpc::Status ToGrpcStatus(const absl::Status& status, absl::string_view method) {
  if (status.ok()) return grpc::Status::OK;
  if (ErrorReasonOf(status) == v1::ERROR_REASON_UNSPECIFIED) {
    log::Error("internal error", {{"method", std::string(method)}, {"error", status.ToString()}});
    return ToGrpcStatus(InternalError(), method);
  }
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(CutMessage(status.message()));
  status.ForEachPayload([&details](absl::string_view type_url, const absl::Cord& payload) {
    google::protobuf::Any* detail = details.add_details();
    detail->set_type_url(std::string(type_url));
    detail->set_value(std::string(payload));
  });
  CutViolations(details);
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), details.message(),
                      details.SerializeAsString());
}

}  // namespace threadstore
