#include "server/auth/auth_config_file.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/file_text.h"
#include "server/telemetry/log.h"

namespace threadstore {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<AuthConfigFile>> AuthConfigFile::Open(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFileText(path, kMaxFileBytes);
  if (!text.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, " ", text.status().message()));
  }
  absl::StatusOr<AuthConfig> config = ParseAuthConfig(*text);
  if (!config.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", config.status().message()));
  }
  return std::unique_ptr<AuthConfigFile>(
      new AuthConfigFile(path, *std::move(text), *std::move(config)));
}

AuthConfigFile::AuthConfigFile(std::string path, std::string text, AuthConfig config)
    : path_(std::move(path)), text_(std::move(text)), config_(std::move(config)) {}

void AuthConfigFile::Follow(std::function<absl::Status(AuthConfig)> apply,
                            absl::Duration interval) {
  apply_ = std::move(apply);
  poller_ = std::make_unique<Poller>("auth-config", interval, [this] { Look(); });
}

void AuthConfigFile::Look() {
  absl::StatusOr<std::string> text = ReadFileText(path_, kMaxFileBytes);
  if (text.ok() == is_unreadable_) {
    is_unreadable_ = !text.ok();
    if (is_unreadable_) {
      log::Error("auth_config not read",
                 {{"file", path_}, {"error", std::string(text.status().message())}});
    }
  }
  if (!text.ok()) return;
  // Half of a file may be a file, which grants more.
  const bool is_settled = *text == seen_;
  seen_ = *std::move(text);
  if (!is_settled) return;
  if (seen_ != text_) Read();
  if (waiting_.has_value()) Apply();
}

void AuthConfigFile::Read() {
  text_ = seen_;
  refusal_.clear();
  waiting_.reset();
  absl::StatusOr<AuthConfig> config = ParseAuthConfig(text_);
  if (config.ok()) {
    waiting_ = *std::move(config);
  } else {
    LogRefusal(config.status());
  }
}

void AuthConfigFile::Apply() {
  const absl::Status applied = apply_(*waiting_);
  if (applied.ok()) {
    waiting_.reset();
    log::Info("auth_config taken", {{"file", path_}});
  } else if (refusal_ != applied.message()) {
    refusal_ = std::string(applied.message());
    LogRefusal(applied);
  }
}

void AuthConfigFile::LogRefusal(const absl::Status& why) const {
  log::Error("auth_config not taken", {{"file", path_}, {"error", std::string(why.message())}});
}

}  // namespace threadstore
