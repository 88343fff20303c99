#include "server/telemetry/log.h"

#include <unistd.h>

#include <cerrno>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "google/protobuf/stubs/logging.h"
#include "nlohmann/json.hpp"

namespace threadstore::log {
namespace {

// A log that cannot be written has nowhere to say so; it must not stop the server.
void WriteLine(absl::string_view line) {
  while (!line.empty()) {
    const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return;
    }
    line.remove_prefix(static_cast<size_t>(written));
  }
}

void Log(absl::string_view severity, absl::string_view event, Fields fields) {
  nlohmann::ordered_json record;
  record["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(), absl::UTCTimeZone());
  record["severity"] = severity;
  record["event"] = event;
  for (const auto& [name, value] : fields) {
    std::visit([&, &name = name](const auto& v) { record[std::string(name)] = v; }, value);
  }
  std::string line = record.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  line += '\n';
  WriteLine(line);
}

void LogFromProtobuf(google::protobuf::LogLevel level, const char* file, int line,
                     const std::string& message) {
  // Below this it reports what callers send, such as text that is not UTF-8: they are told.
  if (level < google::protobuf::LOGLEVEL_FATAL) return;
  Error("protobuf", {{"message", message}, {"file", file}, {"line", int64_t{line}}});
}

}  // namespace

void Info(absl::string_view event, Fields fields) { Log("info", event, fields); }
void Warning(absl::string_view event, Fields fields) { Log("warning", event, fields); }
void Error(absl::string_view event, Fields fields) { Log("error", event, fields); }

void CaptureLibraryLogs() { google::protobuf::SetLogHandler(&LogFromProtobuf); }

}  // namespace threadstore::log
