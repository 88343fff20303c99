#ifndef THREADSTORE_SERVER_TELEMETRY_LOG_LINES_H_
#define THREADSTORE_SERVER_TELEMETRY_LOG_LINES_H_

#include <string>

#include "absl/strings/string_view.h"
#include "server/telemetry/log.h"

// What log.cc and log_writer.cc have between them.
namespace threadstore::log {

// With its end.
std::string FormatLine(absl::string_view severity, absl::string_view event, Fields fields);

// Hands it to the Writer there is.
void WriteLine(absl::string_view line);

}  // namespace threadstore::log

#endif  // THREADSTORE_SERVER_TELEMETRY_LOG_LINES_H_
