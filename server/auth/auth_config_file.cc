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

void AuthConfigFile::Follow(std::function<absl::Status(AuthConfig)> apply) {
  apply_ = std::move(apply);
  poller_ = std::make_unique<Poller>("auth-config", kInterval, [this] { Poll(); });
}

void AuthConfigFile::Poll() {
  absl::StatusOr<std::string> text = ReadFileText(path_, kMaxFileBytes);
  // An editor or a mount may be about to put it back.
  if (!text.ok() || *text == text_) return;
  text_ = *std::move(text);
  absl::StatusOr<AuthConfig> config = ParseAuthConfig(text_);
  const absl::Status applied = config.ok() ? apply_(*std::move(config)) : config.status();
  if (applied.ok()) {
    log::Info("auth_config taken", {{"file", path_}});
  } else {
    log::Error("auth_config not taken",
               {{"file", path_}, {"error", std::string(applied.message())}});
  }
}

}  // namespace threadstore
