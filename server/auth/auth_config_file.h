#ifndef THREADSTORE_SERVER_AUTH_AUTH_CONFIG_FILE_H_
#define THREADSTORE_SERVER_AUTH_AUTH_CONFIG_FILE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/auth/auth_config.h"
#include "server/base/poller.h"

namespace threadstore {

// The file of --auth_config, which is read again when it has changed.
class AuthConfigFile {
 public:
  // How often it is looked at.
  static constexpr absl::Duration kInterval = absl::Seconds(1);

  // Reads it. INVALID_ARGUMENT, naming the file, if it cannot be read or is wrong.
  static absl::StatusOr<std::unique_ptr<AuthConfigFile>> Open(const std::string& path);

  const AuthConfig& config() const { return config_; }

  // Calls `apply` with what the file holds whenever that has changed and two looks in a row have
  // found the same, so that a file is not taken half; on a thread of its own. What is wrong, or is
  // refused by `apply`, is logged, and the last that was right goes on to count. What is refused
  // need not stay so, as when a file that it names is still to come: each look that finds it
  // unchanged offers it to `apply` again, and another refusal is logged if it has another message.
  // Called once.
  void Follow(std::function<absl::Status(AuthConfig)> apply, absl::Duration interval = kInterval);

  // Looks at the file now. After Follow; not by two threads at once, so with an infinite interval.
  void Look();

 private:
  AuthConfigFile(std::string path, std::string text, AuthConfig config);

  void Read();
  void Apply();
  void LogRefusal(const absl::Status& why) const;

  const std::string path_;
  std::string text_;                   // What was read last, be it right or wrong.
  std::string seen_;                   // By the last look.
  std::optional<AuthConfig> waiting_;  // What `text_` says, until it is taken.
  std::string refusal_;                // Why it was not, as was logged.
  bool is_unreadable_ = false;
  const AuthConfig config_;
  std::function<absl::Status(AuthConfig)> apply_;
  std::unique_ptr<Poller> poller_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_AUTH_AUTH_CONFIG_FILE_H_
