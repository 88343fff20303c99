#include "server/telemetry/log.h"

#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "google/protobuf/stubs/common.h"
#include "google/protobuf/stubs/logging.h"
#include "server/base/proto_json.h"
#include "server/base/time_text.h"
#include "server/telemetry/log_lines.h"
#include "server/telemetry/log_writer.h"

namespace threadstore::log {
namespace {

void AppendValue(const Value& value, std::string& line) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    // Names of files and texts of the system may be any bytes.
    const bool is_utf8 = google::protobuf::internal::IsStructurallyValidUTF8(
        text->data(), static_cast<int>(text->size()));
    line += WriteJsonString(is_utf8 ? *text : absl::CHexEscape(*text));
  } else if (const auto* integer = std::get_if<int64_t>(&value)) {
    absl::StrAppend(&line, *integer);
  } else {
    line += std::get<bool>(value) ? "true" : "false";
  }
}

void Log(absl::string_view severity, absl::string_view event, Fields fields) {
  WriteLine(FormatLine(severity, event, fields));
}

void LogFromProtobuf(google::protobuf::LogLevel level, const char* file, int line,
                     const std::string& message) {
  // Below this it reports what callers send, such as text that is not UTF-8: they are told.
  if (level < google::protobuf::LOGLEVEL_FATAL) return;
  Error("protobuf", {{"message", message}, {"file", file}, {"line", int64_t{line}}});
  // It ends the process.
  Flush(absl::Seconds(1));
}

}  // namespace

void Info(absl::string_view event, Fields fields) { Log("info", event, fields); }
void Warning(absl::string_view event, Fields fields) { Log("warning", event, fields); }
void Error(absl::string_view event, Fields fields) { Log("error", event, fields); }

// Written by hand, since a busy server has a line for each change.
std::string FormatLine(absl::string_view severity, absl::string_view event, Fields fields) {
  const int64_t now_us = absl::ToUnixMicros(absl::Now());
  constexpr int64_t kMicros = 1'000'000;
  std::string line =
      absl::StrCat("{\"time\":\"", DateTimeText(now_us / kMicros), ".",
                   absl::Dec(now_us % kMicros, absl::kZeroPad6), "Z\",\"severity\":\"", severity,
                   "\",\"event\":", WriteJsonString(event));
  for (const auto& [name, value] : fields) {
    absl::StrAppend(&line, ",", WriteJsonString(name), ":");
    AppendValue(value, line);
  }
  line += "}\n";
  return line;
}

void CaptureLibraryLogs() { google::protobuf::SetLogHandler(&LogFromProtobuf); }

}  // namespace threadstore::log
