#include "client/threadctl/printer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "client/threadctl/terminal.h"
#include "google/rpc/error_details.pb.h"
#include "server/base/errno_text.h"
#include "server/base/error_details.h"
#include "server/base/errors.h"
#include "server/base/proto_json.h"

namespace threadstore::threadctl {
namespace {

constexpr int kJsonIndent = 2;
constexpr absl::string_view kColumnGap = "  ";
constexpr absl::string_view kOutName = "standard output";

struct Range {
  char32_t first;
  char32_t last;
};

// Blocks of Unicode, sorted. Whole blocks will do: a character that is not assigned, or an odd
// one out, moves the rest of its line by a column.
constexpr Range kCombining[] = {
    {0x0300, 0x036F}, {0x0591, 0x05BD}, {0x064B, 0x065F}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},
    {0x200B, 0x200D}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xE0100, 0xE01EF}};
constexpr Range kWide[] = {
    {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},  {0xA960, 0xA97F}, {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},  {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F},
    {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};

// C0, DELETE and C1; line and paragraph separators; marks, embeddings, overrides and isolates
// that turn the direction of the text around.
constexpr Range kUnprintable[] = {{0x0000, 0x001F}, {0x007F, 0x009F}, {0x061C, 0x061C},
                                  {0x200E, 0x200F}, {0x2028, 0x202E}, {0x2066, 0x2069},
                                  {0xFEFF, 0xFEFF}};

template <size_t size>
bool IsIn(const Range (&ranges)[size], char32_t c) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [c](const Range& range) { return c >= range.first && c <= range.last; });
}

constexpr char32_t kReplacement = 0xFFFD;

// Takes the first character off `text`, which is not empty. What is not UTF-8 is taken off by
// the byte as U+FFFD.
char32_t TakeCharacter(absl::string_view* text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>((*text)[i]); };
  const unsigned char lead = byte(0);
  const size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  constexpr unsigned char kLeadBits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  char32_t c = lead & kLeadBits[length];
  bool is_valid = length > 0 && lead < 0xF5 && text->size() >= length;
  for (size_t i = 1; is_valid && i < length; ++i) {
    is_valid = (byte(i) & 0xC0) == 0x80;
    c = c << 6 | (byte(i) & 0x3F);
  }
  is_valid = is_valid && c >= kLeast[length] && c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF);
  text->remove_prefix(is_valid ? length : 1);
  return is_valid ? c : kReplacement;
}

std::string Padded(absl::string_view text, size_t width) {
  const size_t taken = DisplayWidth(text);
  return absl::StrCat(text, std::string(width > taken ? width - taken : 0, ' '));
}

std::string FormatProperties(const Properties& properties) {
  size_t width = 0;
  for (const auto& [label, text] : properties) width = std::max(width, DisplayWidth(label));
  std::string lines;
  for (const auto& [label, text] : properties) {
    const std::string line = absl::StrCat(Padded(label, width), kColumnGap, Printable(text));
    absl::StrAppend(&lines, absl::StripTrailingAsciiWhitespace(line), "\n");
  }
  return lines;
}

absl::Status WriteError(absl::string_view where) {
  return absl::DataLossError(absl::StrCat(where, ": ", ErrnoText(errno)));
}

std::string EnvironmentVariable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? "" : value;
}

// As the server sent it: it may be newer than this program's ErrorReason.
std::string ReasonOf(const absl::Status& error) {
  const auto info = ErrorDetailOf<google::rpc::ErrorInfo>(error);
  return info.has_value() ? info->reason() : "";
}

}  // namespace

std::string Printable(absl::string_view text) {
  std::string printable;
  while (!text.empty()) {
    const absl::string_view before = text;
    const char32_t c = TakeCharacter(&text);
    const absl::string_view bytes = before.substr(0, before.size() - text.size());
    if (c == '\n') {
      printable.append("\\n");
    } else if (c == '\t') {
      printable.append("\\t");
    } else if (IsIn(kUnprintable, c)) {
      absl::StrAppendFormat(&printable, "\\u%04x", static_cast<uint32_t>(c));
    } else if (c == kReplacement) {
      printable.append("\uFFFD");
    } else {
      absl::StrAppend(&printable, bytes);
    }
  }
  return printable;
}

size_t DisplayWidth(absl::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    const char32_t c = TakeCharacter(&text);
    width += IsIn(kCombining, c) ? 0 : IsIn(kWide, c) ? 2 : 1;
  }
  return width;
}

std::string CutToWidth(absl::string_view text, size_t width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  constexpr absl::string_view kEllipsis = "…";
  size_t taken = DisplayWidth(kEllipsis);
  absl::string_view rest = text;
  while (!rest.empty()) {
    absl::string_view next = rest;
    TakeCharacter(&next);
    taken += DisplayWidth(rest.substr(0, rest.size() - next.size()));
    if (taken > width) break;
    rest = next;
  }
  return width == 0 ? "" : absl::StrCat(text.substr(0, text.size() - rest.size()), kEllipsis);
}

std::string FormatTime(const google::protobuf::Timestamp* time, absl::TimeZone zone) {
  if (time == nullptr) return "";
  return absl::FormatTime(absl::RFC3339_full,
                          absl::FromUnixSeconds(time->seconds()) + absl::Nanoseconds(time->nanos()),
                          zone);
}

std::string FormatError(const absl::Status& error) {
  std::string text = absl::StrCat("error: ", absl::StatusCodeToString(error.code()), ": ",
                                  Printable(error.message()), "\n");
  for (const FieldViolation& violation : FieldViolationsOf(error)) {
    absl::StrAppend(&text, "  ", Printable(violation.field), ": ", Printable(violation.description),
                    "\n");
  }
  if (const std::string reason = ReasonOf(error); !reason.empty()) {
    absl::StrAppend(&text, "reason: ", Printable(reason), "\n");
  }
  return text;
}

void Printer::PrintView(const google::protobuf::Message& resource, absl::string_view text) {
  Write(format_ == OutputFormat::kJson ? absl::StrCat(WriteProtoJson(resource, kJsonIndent), "\n")
                                       : std::string(text));
}

void Printer::PrintResource(const google::protobuf::Message& resource,
                            const Properties& properties) {
  PrintView(resource, FormatProperties(properties));
}

void Printer::BeginList(absl::string_view name, Row columns) {
  is_first_row_ = true;
  rows_.clear();
  widths_.assign(columns.size(), 0);
  if (format_ == OutputFormat::kJson) {
    Write(absl::StrCat("{\n  \"", name, "\": ["));
  } else {
    rows_.push_back(std::move(columns));
  }
}

void Printer::AddRow(const google::protobuf::Message& resource, Row row) {
  if (format_ == OutputFormat::kJson) {
    // A string holds no newline in JSON, so every newline begins a line to indent.
    Write(absl::StrCat(
        is_first_row_ ? "" : ",", "\n    ",
        absl::StrReplaceAll(WriteProtoJson(resource, kJsonIndent), {{"\n", "\n    "}})));
    is_first_row_ = false;
  } else {
    std::transform(row.begin(), row.end(), row.begin(), Printable);
    rows_.push_back(std::move(row));
  }
}

void Printer::EndPage() {
  for (const Row& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths_[i] = std::max(widths_[i], DisplayWidth(row[i]));
    }
  }
  for (const Row& row : rows_) WriteRow(row);
  rows_.clear();
  Flush().IgnoreError();  // status() keeps it
}

void Printer::EndList(absl::string_view next_page_token) {
  EndPage();
  if (format_ == OutputFormat::kJson) {
    Write(absl::StrCat(is_first_row_ ? "" : "\n  ",
                       "],\n  \"nextPageToken\": ", WriteJsonString(next_page_token), "\n}\n"));
  } else if (!next_page_token.empty()) {
    absl::FPrintF(hints_, "next page: --page_token=%s\n", Printable(next_page_token));
  }
}

void Printer::PrintLine(absl::string_view line) {
  Write(absl::StrCat(line, "\n"));
  Flush().IgnoreError();  // status() keeps it
}

void Printer::PrintHint(absl::string_view line) {
  absl::FPrintF(hints_, "%s\n", line);
  std::fflush(hints_);
}

void Printer::WriteFile(const std::string& path, absl::string_view bytes) {
  if (!status_.ok()) return;
  std::FILE* file = std::fopen(path.c_str(), "wbe");
  if (file == nullptr) {
    status_ = WriteError(path);
    return;
  }
  if (std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size()) status_ = WriteError(path);
  if (std::fclose(file) != 0 && status_.ok()) status_ = WriteError(path);
}

bool Printer::IsTerminal() const {
  const int descriptor = fileno(out_);
  return descriptor >= 0 && isatty(descriptor) != 0;
}

std::optional<int> Printer::Width() const { return TerminalWidth(out_); }

bool Printer::IsInColor() const {
  return IsTerminal() && EnvironmentVariable("NO_COLOR").empty() &&
         EnvironmentVariable("TERM") != "dumb";
}

absl::Status Printer::Flush() {
  if (status_.ok() && std::fflush(out_) != 0) status_ = WriteError(kOutName);
  return status_;
}

void Printer::Write(absl::string_view text) {
  if (status_.ok() && std::fwrite(text.data(), 1, text.size(), out_) != text.size()) {
    status_ = WriteError(kOutName);
  }
}

void Printer::WriteRow(const Row& row) {
  std::string line;
  for (size_t i = 0; i < row.size(); ++i) {
    absl::StrAppend(&line, i == 0 ? "" : kColumnGap, Padded(row[i], widths_[i]));
  }
  Write(absl::StrCat(absl::StripTrailingAsciiWhitespace(line), "\n"));
}

}  // namespace threadstore::threadctl
