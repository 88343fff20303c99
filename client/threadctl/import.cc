#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/threadctl/command.h"
#include "client/threadctl/input.h"
#include "client/threadctl/line_reader.h"
#include "client/threadctl/progress.h"
#include "client/threadctl/terminal.h"
#include "server/base/errno_text.h"
#include "server/base/proto_json.h"
#include "threadstore/v1/admin_service.pb.h"

namespace threadstore::threadctl {
namespace {

// A record has at most 4 MiB; JSON may write each byte of a text as six.
constexpr size_t kMaxLineBytes = size_t{32} << 20;

struct ImportArguments {
  int file = STDIN_FILENO;  // open until the process ends
  int64_t from_line = 1;
  absl::Duration patience = absl::InfiniteDuration();
};

std::string ReasonName(v1::ErrorReason reason) {
  const std::string& name = v1::ErrorReason_Name(reason);
  return std::string(absl::StripPrefix(name, "ERROR_REASON_"));
}

class Importer {
 public:
  Importer(const ImportArguments& arguments, ThreadClient& client)
      : arguments_(arguments),
        lines_(arguments.file, kMaxLineBytes),
        progress_(stderr),
        import_(client, ImportOptions()) {}

  // Imports all lines. Says where to go on, if it has to end before.
  absl::Status Run() {
    absl::Status status = AddLines();
    if (status.ok()) status = import_.Finish().status();
    progress_.Clear();
    if (!status.ok()) {
      progress_.PrintLine(absl::StrCat("go on with: --from_line=",
                                       import_.FirstUnacknowledged(lines_.number() + 1)));
    }
    return status;
  }

  ThreadImport::Totals totals() const {
    ThreadImport::Totals totals = import_.totals();
    totals.refused += unreadable_;
    return totals;
  }

 private:
  ThreadImport::Options ImportOptions() {
    ThreadImport::Options options;
    options.on_refusal = [this](const v1::ImportRefusal& refusal) {
      Report(refusal.record_index(),
             absl::StrCat(refusal.name(), refusal.name().empty() ? "" : ": ", refusal.message(),
                          " (", ReasonName(refusal.reason()), ")"));
    };
    options.stream.patience = arguments_.patience;
    options.stream.cancellation = interruption_.cancellation();
    options.stream.on_break = [this](const absl::Status& broken, absl::Duration /*wait*/) {
      const int64_t acknowledged = Acknowledged();
      // Once for each break, however often it is tried again.
      if (std::exchange(acknowledged_at_break_, acknowledged) == acknowledged) return;
      progress_.PrintLine(absl::StrCat(absl::StatusCodeToString(broken.code()), ": ",
                                       Printable(broken.message()),
                                       "; trying again until the import goes on"));
    };
    return options;
  }

  absl::Status AddLines() {
    std::string line;
    while (true) {
      ASSIGN_OR_RETURN(const LineReader::Result result,
                       lines_.Next(*interruption_.cancellation(), &line));
      if (result == LineReader::Result::kEnd) return absl::OkStatus();
      if (lines_.number() < arguments_.from_line) continue;
      if (result == LineReader::Result::kTooLong) {
        ReportUnreadable(absl::StrCat("is longer than ", kMaxLineBytes >> 20, " MiB"));
      } else if (!absl::StripAsciiWhitespace(line).empty()) {
        RETURN_IF_ERROR(AddLine(line));
      }
      progress_.Show({Acknowledged(), lines_.bytes(), lines_.total_bytes()});
    }
  }

  absl::Status AddLine(const std::string& line) {
    v1::Record record;
    if (const absl::Status status = ReadProtoJson(line, &record); !status.ok()) {
      // The text is one line to the reader.
      ReportUnreadable(absl::StripPrefix(status.message(), "line 1, "));
      return absl::OkStatus();
    }
    if (const size_t bytes = record.ByteSizeLong(); bytes > ThreadImport::kMaxRecordBytes) {
      ReportUnreadable(absl::StrCat("is a record of ", bytes, " bytes; one has at most ",
                                    ThreadImport::kMaxRecordBytes));
      return absl::OkStatus();
    }
    return import_.Add(std::move(record), lines_.number());
  }

  void ReportUnreadable(absl::string_view what) {
    ++unreadable_;
    Report(lines_.number(), what);
  }

  void Report(int64_t line, absl::string_view what) {
    progress_.PrintLine(absl::StrCat("line ", line, ": ", Printable(what)));
  }

  int64_t Acknowledged() const {
    const ThreadImport::Totals& totals = import_.totals();
    return totals.stored + totals.skipped + totals.refused;
  }

  const ImportArguments& arguments_;
  Interruption interruption_;
  LineReader lines_;
  Progress progress_;
  int64_t unreadable_ = 0;
  int64_t acknowledged_at_break_ = -1;
  ThreadImport import_;
};

void PrintTotals(const ThreadImport::Totals& totals, Printer& printer) {
  if (printer.format() == OutputFormat::kJson) {
    printer.PrintLine(absl::StrCat("{\"stored\":", totals.stored, ",\"skipped\":", totals.skipped,
                                   ",\"skippedAfterBreak\":", totals.skipped_after_break,
                                   ",\"refused\":", totals.refused, "}"));
    return;
  }
  printer.PrintLine(absl::StrCat("stored   ", totals.stored));
  printer.PrintLine(
      absl::StrCat("skipped  ", totals.skipped,
                   totals.skipped_after_break == 0
                       ? ""
                       : absl::StrCat("  (up to ", totals.skipped_after_break,
                                      " of them stored by this import, before a break)")));
  printer.PrintLine(absl::StrCat("refused  ", totals.refused));
}

absl::Status Import(const ImportArguments& arguments, ThreadClient& client, Printer& printer) {
  Importer importer(arguments, client);
  absl::Status status = importer.Run();
  const ThreadImport::Totals totals = importer.totals();
  PrintTotals(totals, printer);
  if (status.ok() && totals.refused > 0) {
    return DataError(absl::StrCat("not imported: ", totals.refused,
                                  totals.refused == 1 ? " record" : " records"));
  }
  return status;
}

int OpenInput(const std::string& path) {
  if (path == "-") return STDIN_FILENO;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw CLI::FileError(absl::StrCat(path, ": ", ErrnoText(errno)));
  return file;
}

}  // namespace

void AddImportCommand(CLI::App& app, Command* command) {
  const auto arguments = std::make_shared<ImportArguments>();
  CLI::App* verb = AddVerb(
      app, "import", "Stores what export has written.",
      "Lines of JSON, one record each, from standard input unless --file is given. A record that "
      "is\n"
      "there already is skipped. One that is wrong, or there but different, is reported with its "
      "line\n"
      "and left out: the exit status is then 65. Goes on by itself after the connection or the "
      "server\n"
      "was gone; if it has to end, says with which line to go on. Needs Threadstore.Admin.\n\n"
      "Examples:\n"
      "  threadctl import --file=team-a.ndjson\n"
      "  zcat all.ndjson.gz | threadctl import");
  const CLI::Option* file = AddFile(verb, "The file with the records; - is standard input");
  verb->add_option_function<int64_t>(
          "--from_line",
          [arguments](int64_t line) {
            if (line < 1) throw CLI::ValidationError("--from_line", "must be 1 or more");
            arguments->from_line = line;
          },
          "Begin with this line; the first is 1")
      ->type_name("LINE");
  AddDuration(verb, "--give_up_after", &arguments->patience,
              "How long to wait for a server that is away; without it, for ever");
  verb->callback([arguments, file, command] {
    arguments->file = OpenInput(InputPath(*file, "records (--file, or lines on standard input)"));
    *command = Bind(arguments, &Import);
  });
}

}  // namespace threadstore::threadctl
