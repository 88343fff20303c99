#include "server/service/status.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/domain/limits.h"

namespace threadstore {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

TEST(DeepCopyTest, HasCodeMessageAndDetails) {
  const absl::Status error = QueueFullError(absl::Seconds(3));
  EXPECT_EQ(DeepCopy(error), error);
  EXPECT_EQ(ErrorReasonOf(DeepCopy(error)), v1::ERROR_REASON_QUEUE_FULL);
  EXPECT_EQ(DeepCopy(absl::OkStatus()), absl::OkStatus());
}

TEST(ToGrpcStatusTest, CarriesCodeMessageAndDetails) {
  const grpc::Status status = ToGrpcStatus(NotFoundError(kGroupType, "groups/g"), "m");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("groups/g"));
  const google::rpc::Status details = DetailsOf(status);
  EXPECT_EQ(details.code(), static_cast<int>(status.error_code()));
  EXPECT_EQ(details.message(), status.error_message());
  EXPECT_EQ(details.details_size(), 2);
}

TEST(ToGrpcStatusTest, FaultsReachTheCallerWithoutTheirText) {
  const grpc::Status status =
      ToGrpcStatus(absl::DataLossError("disk I/O error in /var/lib/secret.db"), "m");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(status.error_message(), Not(HasSubstr("secret")));
  EXPECT_THAT(status.error_details(), Not(HasSubstr("secret")));
}

TEST(ToGrpcStatusTest, ManyViolationsAreCutToWhatTrailersHold) {
  std::vector<FieldViolation> violations;
  violations.reserve(1000);
  for (int i = 0; i < 1000; ++i) {
    violations.push_back({absl::StrCat("thread.to_recipients[", i, "].email_address.address"),
                          "must have at most 320 bytes"});
  }
  const grpc::Status status = ToGrpcStatus(InvalidFieldsError(violations), "m");
  EXPECT_LE(status.error_message().size(), kMaxErrorMessageBytes);
  EXPECT_LE(status.error_details().size(), kMaxErrorDetailsBytes);
  const google::rpc::Status details = DetailsOf(status);
  for (const auto& detail : details.details()) {
    google::rpc::BadRequest bad_request;
    if (!detail.UnpackTo(&bad_request)) continue;
    const int kept = bad_request.field_violations_size() - 1;
    EXPECT_GT(kept, 10);
    EXPECT_EQ(bad_request.field_violations(0).field(), violations[0].field);
    EXPECT_EQ(bad_request.field_violations(kept).description(),
              absl::StrCat("and ", 1000 - kept, " more violations"));
    return;
  }
  FAIL() << "no BadRequest";
}

TEST(ToGrpcStatusTest, LongMessagesAreCutBetweenCharacters) {
  std::string name = "groups/g/members/";
  for (int i = 0; i < 400; ++i) name += "€";
  const grpc::Status status = ToGrpcStatus(NotAMemberError(name), "m");
  EXPECT_LE(status.error_message().size(), kMaxErrorMessageBytes);
  // Protobuf refuses strings that are not UTF-8.
  EXPECT_EQ(DetailsOf(status).message(), status.error_message());
}

}  // namespace
}  // namespace threadstore
