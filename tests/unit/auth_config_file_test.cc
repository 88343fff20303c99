#include "server/auth/auth_config_file.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace threadstore {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::StatusIs;

constexpr char kWhole[] = R"(grants:
- permissions: [Threadstore.Admin]
  principal: application:corp:*-operator
)";

class AuthConfigFileTest : public ::testing::Test {
 protected:
  void Write(const std::string& text) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << text;
  }

  // Looks only when it is asked to.
  void Follow() {
    file_->Follow(
        [this](const AuthConfig& config) {
          if (refusal_.ok()) {
            applied_.push_back(config.grants.empty() ? "" : config.grants[0].principal);
          }
          return refusal_;
        },
        absl::InfiniteDuration());
  }

  testing::TempDir folder_;
  const std::string path_ = folder_.File("auth.yaml");
  std::unique_ptr<AuthConfigFile> file_;
  absl::Status refusal_;
  std::vector<std::string> applied_;
};

TEST_F(AuthConfigFileTest, MustBeThereAndRight) {
  EXPECT_THAT(AuthConfigFile::Open(path_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(path_)));
  Write("grants: 1");
  EXPECT_THAT(AuthConfigFile::Open(path_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("grants must be a list")));
}

TEST_F(AuthConfigFileTest, IsNotTakenHalf) {
  Write("");
  ASSERT_OK_AND_ASSIGN(file_, AuthConfigFile::Open(path_));
  Follow();
  const std::string whole = kWhole;
  // Which would cover all of corp.
  Write(whole.substr(0, whole.find("-operator")));
  file_->Look();
  Write(whole);
  file_->Look();
  EXPECT_THAT(applied_, ElementsAre());
  file_->Look();
  file_->Look();
  EXPECT_THAT(applied_, ElementsAre("application:corp:*-operator"));
}

TEST_F(AuthConfigFileTest, TheLastRightOneCountsWhileThereIsNone) {
  Write(kWhole);
  ASSERT_OK_AND_ASSIGN(file_, AuthConfigFile::Open(path_));
  Follow();
  std::filesystem::remove(path_);
  for (int i = 0; i < 3; ++i) file_->Look();
  Write("grants: 1");
  for (int i = 0; i < 3; ++i) file_->Look();
  Write(kWhole);
  for (int i = 0; i < 3; ++i) file_->Look();
  EXPECT_THAT(applied_, ElementsAre("application:corp:*-operator")) << "after what was wrong";
}

TEST_F(AuthConfigFileTest, WhatIsRefusedIsTriedUntilItIsTaken) {
  Write("");
  ASSERT_OK_AND_ASSIGN(file_, AuthConfigFile::Open(path_));
  Follow();
  ::testing::internal::CaptureStderr();
  refusal_ = absl::InvalidArgumentError("there are no keys yet");
  Write(kWhole);
  for (int i = 0; i < 5; ++i) file_->Look();
  refusal_ = absl::InvalidArgumentError("the keys are half");
  for (int i = 0; i < 3; ++i) file_->Look();
  EXPECT_THAT(applied_, ElementsAre());
  refusal_ = absl::OkStatus();
  for (int i = 0; i < 3; ++i) file_->Look();
  EXPECT_THAT(applied_, ElementsAre("application:corp:*-operator")) << "once";
  const std::vector<std::string> lines =
      absl::StrSplit(::testing::internal::GetCapturedStderr(), '\n', absl::SkipEmpty());
  EXPECT_THAT(lines, ElementsAre(HasSubstr("there are no keys yet"), HasSubstr("the keys are half"),
                                 HasSubstr("auth_config taken")));
}

TEST_F(AuthConfigFileTest, WhatIsRefusedIsForgottenWhenTheFileChanges) {
  Write(kWhole);
  ASSERT_OK_AND_ASSIGN(file_, AuthConfigFile::Open(path_));
  Follow();
  refusal_ = absl::InvalidArgumentError("there are no keys yet");
  Write("grants: [{principal: application:boot, permissions: [Threadstore.Admin]}]");
  for (int i = 0; i < 3; ++i) file_->Look();
  refusal_ = absl::OkStatus();
  Write("grants: 1");
  for (int i = 0; i < 3; ++i) file_->Look();
  EXPECT_THAT(applied_, ElementsAre());
  Write(kWhole);
  for (int i = 0; i < 3; ++i) file_->Look();
  EXPECT_THAT(applied_, ElementsAre("application:corp:*-operator"));
}

}  // namespace
}  // namespace threadstore
