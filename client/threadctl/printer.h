#ifndef THREADSTORE_CLIENT_THREADCTL_PRINTER_H_
#define THREADSTORE_CLIENT_THREADCTL_PRINTER_H_

#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "google/protobuf/timestamp.pb.h"

namespace threadstore::threadctl {

enum class OutputFormat {
  kTable,  // for people; may change between releases
  kJson,   // for programs; proto JSON, see WriteProtoJson
};

// The cells of a line of a table.
using Row = std::vector<std::string>;

// The label and the text of each property of a resource.
using Properties = std::vector<std::pair<std::string, std::string>>;

// Prints results as they come. Text may be anything that a caller has stored: in tables it is
// made Printable.
class Printer {
 public:
  // Prints to `out`, and what is only for people, such as how to get the next page, to `hints`.
  // Both stay the caller's.
  Printer(OutputFormat format, std::FILE* out, std::FILE* hints)
      : format_(format), out_(out), hints_(hints) {}

  Printer(const Printer&) = delete;
  Printer& operator=(const Printer&) = delete;

  // Prints one resource: as JSON, or a line for each of `properties`.
  void PrintResource(const google::protobuf::Message& resource, const Properties& properties);

  // Prints one resource: as JSON, or as `text`, which is printable.
  void PrintView(const google::protobuf::Message& resource, absl::string_view text);

  // Prints `text` as it is, in either format.
  void PrintText(absl::string_view text) { Write(text); }

  // Prints a list in steps, so that a long one appears while it is fetched: BeginList, AddRow
  // for each resource, EndPage behind those of a page, EndList. The JSON is one object whose
  // member `name` holds the list, shaped as the list method's response. In a table the columns
  // of a page are as wide as its cells and those before it need.
  void BeginList(absl::string_view name, Row columns);
  void AddRow(const google::protobuf::Message& resource, Row row);
  void EndPage();

  // `next_page_token` is empty at the end of the list; a table has it as a hint.
  void EndList(absl::string_view next_page_token);

  // Prints a line of text or JSON, whatever the format is, and lets it be seen at once. `line` is
  // printable and has no newline.
  void PrintLine(absl::string_view line);

  // Tells people something that is not the output, on a line. `line` is printable.
  void PrintHint(absl::string_view line);

  // Makes `error`, whose message says where and why, the reason why the output is not written.
  void NoteFailure(absl::Status error) { status_.Update(std::move(error)); }

  // Writes `bytes` into the file at `path`, in place of what it held.
  void WriteFile(const std::string& path, absl::string_view bytes);

  OutputFormat format() const { return format_; }

  // Whether what is printed goes to a terminal; how many columns it has now; and whether that may
  // be in colour: not if the environment has NO_COLOR (https://no-color.org) or TERM=dumb.
  bool IsTerminal() const;
  std::optional<int> Width() const;
  bool IsInColor() const;

  // What kept the output from being written, if anything did: where, and why. Once it has failed,
  // nothing more is written.
  absl::Status status() const { return status_; }

  // Writes what is buffered; call it before the process ends.
  absl::Status Flush();

 private:
  void Write(absl::string_view text);
  void WriteRow(const Row& row);

  const OutputFormat format_;
  std::FILE* const out_;
  std::FILE* const hints_;
  absl::Status status_;
  std::vector<Row> rows_;       // of this page, printable
  std::vector<size_t> widths_;  // of the columns so far
  bool is_first_row_ = true;
};

// `text` with everything that could drive a terminal, or break its line or its direction,
// written as an escape such as `\n` or `\u001b`; bytes that are not UTF-8 become U+FFFD.
std::string Printable(absl::string_view text);

// How many columns of a terminal printable UTF-8 takes: none for combining marks, two for wide
// characters (CJK, emoji), otherwise one.
size_t DisplayWidth(absl::string_view text);

// Printable UTF-8 of at most `width` columns: what is longer ends with `…` there.
std::string CutToWidth(absl::string_view text, size_t width);

// RFC 3339 in `zone`; empty if `time` is null.
std::string FormatTime(const google::protobuf::Timestamp* time, absl::TimeZone zone);

// What is printed for an error: its code and message, each violated field on a line of its
// own, and the server's reason. Ends with a newline.
std::string FormatError(const absl::Status& error);

}  // namespace threadstore::threadctl

#endif  // THREADSTORE_CLIENT_THREADCTL_PRINTER_H_
