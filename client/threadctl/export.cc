#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/threadctl/command.h"
#include "client/threadctl/part_file.h"
#include "client/threadctl/progress.h"
#include "client/threadctl/terminal.h"
#include "server/base/proto_json.h"
#include "threadstore/v1/admin_service.pb.h"

namespace threadstore::threadctl {
namespace {

// A server that restarts breaks an export off once. What breaks every one, such as a proxy that
// ends long calls, would do so for ever.
constexpr int kMaxAttempts = 5;

struct ExportArguments {
  v1::ExportThreadsRequest request;
  std::string path;  // empty: standard output
  absl::Duration patience = absl::InfiniteDuration();
};

// Takes a line; the error is why it cannot be written.
using Write = std::function<absl::Status(absl::string_view line)>;

class Exporter {
 public:
  Exporter(const ExportArguments& arguments, ThreadClient& client, Printer& printer)
      : arguments_(arguments), client_(client), printer_(printer), progress_(stderr) {
    options_.patience = arguments.patience;
    options_.cancellation = interruption_.cancellation();
    options_.on_break = [this](const absl::Status& broken, absl::Duration /*wait*/) {
      if (!has_waited_) Note(broken, "waiting for the server");
      has_waited_ = true;
    };
  }

  absl::Status ToStandardOutput() {
    const absl::Status status = Run([this](absl::string_view line) {
      printer_.PrintText(line);
      return printer_.status();
    });
    return Done(status);
  }

  absl::Status ToFile() {
    PartFile file(arguments_.path);
    for (int attempt = 1;; ++attempt) {
      output_ = file.Begin();
      absl::Status status = Run([&file](absl::string_view line) { return file.Write(line); });
      if (status.ok() && output_.ok()) output_ = file.Commit();
      if (status.ok() || !IsBreak(status) || attempt == kMaxAttempts ||
          interruption_.cancellation()->IsCancelled()) {
        return Done(status);
      }
      Note(status, "starting over");
    }
  }

 private:
  // One export. OK also if what it brought could not be written: `output_` has why.
  absl::Status Run(const Write& write) {
    step_ = {};
    has_waited_ = false;
    progress_.Restart();
    if (!output_.ok()) return absl::OkStatus();
    const absl::Status status = client_.ExportThreads(
        arguments_.request, options_, [&](const v1::ExportThreadsResponse& response) {
          if (response.estimated_count() > 0) step_.total = response.estimated_count();
          for (const v1::Record& record : response.records()) {
            output_ = write(absl::StrCat(WriteProtoJson(record, 0), "\n"));
            if (!output_.ok()) return output_;
            ++step_.records;
          }
          step_.done = step_.records;
          // On one terminal it would stand among the records.
          if (!arguments_.path.empty() || !printer_.IsTerminal()) progress_.Show(step_);
          return absl::OkStatus();
        });
    return output_.ok() ? status : absl::OkStatus();
  }

  absl::Status Done(const absl::Status& status) {
    progress_.Clear();
    printer_.NoteFailure(output_);
    if (status.ok() && output_.ok()) {
      printer_.PrintHint(absl::StrCat("exported ", step_.records, " records"));
    }
    return status;
  }

  void Note(const absl::Status& broken, absl::string_view what) {
    progress_.PrintLine(absl::StrCat(absl::StatusCodeToString(broken.code()), ": ",
                                     Printable(broken.message()), "; ", what));
  }

  const ExportArguments& arguments_;
  ThreadClient& client_;
  Printer& printer_;
  Interruption interruption_;
  Progress progress_;
  StreamOptions options_;
  bool has_waited_ = false;
  Step step_;
  absl::Status output_;
};

absl::Status Export(const ExportArguments& arguments, ThreadClient& client, Printer& printer) {
  Exporter exporter(arguments, client, printer);
  return arguments.path.empty() ? exporter.ToStandardOutput() : exporter.ToFile();
}

// What is no file, such as /dev/null, must not be replaced by one.
void CheckIsFile(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw CLI::FileError(absl::StrCat(path, ": is not a regular file"));
  }
}

}  // namespace

void AddExportCommand(CLI::App& app, Command* command) {
  const auto arguments = std::make_shared<ExportArguments>();
  CLI::App* verb = AddVerb(
      app, "export", "Writes all that a group has, or all groups, as lines of JSON.",
      "As it is at one moment, in an order that import takes; one record a line, in proto JSON,\n"
      "whatever --output says. With --file the lines are written to FILE.part, which becomes FILE "
      "at\n"
      "the end; if the server goes away it starts over. On standard output that is an error. "
      "Needs\n"
      "Threadstore.Admin.\n\n"
      "Examples:\n"
      "  threadctl export groups/team-a --file=team-a.ndjson\n"
      "  threadctl export | gzip >all.ndjson.gz");
  verb->add_option("PARENT", *arguments->request.mutable_parent(),
                   "groups/GROUP; all groups without it")
      ->type_name("");
  verb->add_option("--file", arguments->path, "Where to write it, in place of standard output")
      ->type_name("FILE");
  AddDuration(verb, "--give_up_after", &arguments->patience,
              "How long to wait for a server that is away; without it, for ever");
  verb->callback([arguments, command] {
    CheckIsFile(arguments->path);
    *command = Bind(arguments, &Export);
  });
}

}  // namespace threadstore::threadctl
