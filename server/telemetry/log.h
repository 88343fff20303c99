#ifndef THREADSTORE_SERVER_TELEMETRY_LOG_H_
#define THREADSTORE_SERVER_TELEMETRY_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/string_view.h"

// The server's log: one JSON object a line on standard error, with `time` (RFC 3339, UTC),
// `severity`, `event` (what happened, in words that do not vary) and the fields of the event.
// Secrets and the contents of requests are never logged. Safe to call from any thread; a line
// is written whole.
namespace threadstore::log {

using Value = std::variant<std::string, int64_t, bool>;
using Fields = std::initializer_list<std::pair<absl::string_view, Value>>;

void Info(absl::string_view event, Fields fields = {});
void Warning(absl::string_view event, Fields fields = {});
void Error(absl::string_view event, Fields fields = {});

// Sends what protobuf would print to standard error to this log. Call once, at start-up.
void CaptureLibraryLogs();

}  // namespace threadstore::log

#endif  // THREADSTORE_SERVER_TELEMETRY_LOG_H_
