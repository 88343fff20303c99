// threadctl: from the command line to one call of the client library.

#include <fcntl.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/thread_client.h"
#include "client/threadctl/command.h"
#include "client/threadctl/input.h"
#include "client/threadctl/printer.h"

namespace threadstore::threadctl {
namespace {

// Exit statuses beside 0 and the numbers of gRPC's codes; both as in sysexits.h.
constexpr int kUsageExit = 64;
constexpr int kOutputExit = 74;

constexpr absl::string_view kFooter =
    "Exit status: 0; the number of the gRPC code, such as 5 for NOT_FOUND; 64 for a wrong command\n"
    "line or file; 65 if some of the data was refused, and reported; 74 if the output cannot be\n"
    "written.\n"
    "Each verb has its own help: threadctl thread create --help";

// A standard stream that the caller has closed would lend its number to a connection to the
// server, and output would go there. Opened the wrong way round, it still fails to be used.
void OccupyClosedStreams() {
  for (const int stream : {0, 1, 2}) {
    if (fcntl(stream, F_GETFD) == -1) open("/dev/null", stream == 0 ? O_WRONLY : O_RDONLY);
  }
}

void AddFlags(CLI::App& app, ThreadClient::Options* options, OutputFormat* format) {
  app.set_version_flag("--version", "threadctl " THREADSTORE_VERSION, "Print the version and exit");
  app.add_option("--server", options->server, "The server, HOST:PORT or another gRPC target")
      ->envname("THREADSTORE_SERVER")
      ->type_name("ADDRESS")
      ->capture_default_str();
  app.add_option_function<std::string>(
         "--tls_ca", [options](const std::string& path) { options->tls_roots = ReadInput(path); },
         "PEM file of the certificates that vouch for the server; without it, no TLS")
      ->envname("THREADSTORE_TLS_CA")
      ->type_name("FILE");
  app.add_option_function<std::string>(
         "--tls_cert",
         [options](const std::string& path) { options->tls_certificates = ReadInput(path); },
         "PEM file of your own certificate, for a server that asks for one")
      ->envname("THREADSTORE_TLS_CERT")
      ->type_name("FILE");
  app.add_option_function<std::string>(
         "--tls_key",
         [options](const std::string& path) { options->tls_private_key = ReadInput(path); },
         "PEM file of that certificate's key")
      ->envname("THREADSTORE_TLS_KEY")
      ->type_name("FILE");
  CLI::Option* const token =
      app.add_option("--token", options->token,
                     "The bearer token that says who is calling; in a command line, other users of"
                     " this machine can read it")
          ->envname("THREADSTORE_TOKEN");
  app.add_option_function<std::string>(
         "--token_file",
         [options](const std::string& path) {
           if (path == "-") {
             options->token = std::string(absl::StripAsciiWhitespace(ReadInput(path)));
           } else {
             options->token_file = path;
           }
         },
         "File with the bearer token, read again before each call; - is standard input")
      ->envname("THREADSTORE_TOKEN_FILE")
      ->type_name("FILE")
      ->excludes(token);
  app.add_flag("--allow_token_without_tls", options->allow_token_without_tls,
               "Send the token to another machine without --tls_ca, for others to read");
  app.add_option("--user", options->user,
                 "The user to call as, for a server with --auth=none; without it, an application")
      ->envname("THREADSTORE_USER");
  AddDuration(&app, "--timeout", &options->timeout,
              "How long a call may take, repeated tries included; streams have no limit")
      ->default_str(absl::FormatDuration(options->timeout));
  app.add_option_function<std::string>(
         "--output",
         [format](const std::string& text) {
           if (text != "json" && text != "table") {
             throw CLI::ValidationError("--output", "must be table or json");
           }
           *format = text == "json" ? OutputFormat::kJson : OutputFormat::kTable;
         },
         "table for people, json for programs")
      ->type_name("table|json")
      ->default_str("table");
}

// The noun or verb that the command line got to.
const CLI::App* Deepest(const CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

std::string FullName(const CLI::App* app) {
  if (app->get_parent() == nullptr) return app->get_name();
  return absl::StrCat(FullName(app->get_parent()), " ", app->get_name());
}

// What is wrong with the command line. CLI11 notices a missing verb before a misspelt one, and
// does not say which there are.
std::string UsageMessage(const CLI::App& app, const CLI::ParseError& error) {
  const bool is_incomplete = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  const bool is_excessive = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
  if (!is_incomplete && !is_excessive) return error.what();
  const CLI::App* deepest = Deepest(&app);
  std::vector<std::string> names;
  for (const CLI::App* verb : deepest->get_subcommands({})) names.push_back(verb->get_name());
  const std::string choices = absl::StrJoin(names, ", ");
  const std::vector<std::string> unexpected = app.remaining(/*recurse=*/true);
  if (unexpected.empty()) {
    return names.empty() ? error.what()
                         : absl::StrCat(FullName(deepest), " needs one of: ", choices);
  }
  if (names.empty() || absl::StartsWith(unexpected.front(), "-")) {
    return absl::StrCat("unexpected argument ", unexpected.front());
  }
  return absl::StrCat(FullName(deepest), " has no ", unexpected.front(), "; it has: ", choices);
}

int ReportUsage(const CLI::App& app, const CLI::ParseError& error) {
  if (dynamic_cast<const CLI::FileError*>(&error) != nullptr) {
    absl::FPrintF(stderr, "error: %s\n", Printable(error.what()));
  } else {
    absl::FPrintF(stderr, "error: %s\nsee %s --help\n", Printable(UsageMessage(app, error)),
                  FullName(Deepest(&app)));
  }
  return kUsageExit;
}

int ReportOutput(const absl::Status& output) {
  absl::FPrintF(stderr, "error: cannot write to %s\n", Printable(output.message()));
  return kOutputExit;
}

// What no server sends.
constexpr absl::string_view kDataErrorUrl = "threadctl/data_error";

int PrintText(const std::string& text) {
  Printer printer(OutputFormat::kTable, stdout, stderr);
  printer.PrintText(text);
  const absl::Status output = printer.Flush();
  return output.ok() ? 0 : ReportOutput(output);
}

int Run(const Command& command, const ThreadClient::Options& options, OutputFormat format) {
  const absl::StatusOr<std::unique_ptr<ThreadClient>> client = ThreadClient::Create(options);
  if (!client.ok()) {
    absl::FPrintF(stderr, "error: %s\n", client.status().message());
    return kUsageExit;
  }
  Printer printer(format, stdout, stderr);
  const absl::Status status = command(**client, printer);
  const absl::Status output = printer.Flush();
  if (IsDataError(status)) {
    absl::FPrintF(stderr, "error: %s\n", status.message());
    return kDataExit;
  }
  if (!status.ok()) {
    absl::FPrintF(stderr, "%s", FormatError(status));
    return static_cast<int>(status.code());
  }
  return output.ok() ? 0 : ReportOutput(output);
}

int Main(int argc, char** argv) {
  OccupyClosedStreams();
  // Writing to a closed pipe is to fail like writing to a full disk.
  std::signal(SIGPIPE, SIG_IGN);
  // gRPC's log would repeat the error that it returns. No other thread runs yet.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);  // NOLINT(concurrency-mt-unsafe)
  ThreadClient::Options options;
  OutputFormat format = OutputFormat::kTable;
  Command command;
  std::string completion;
  CLI::App app("Reads and writes what a Threadstore server keeps.", "threadctl");
  app.fallthrough();
  app.require_subcommand(1);
  app.footer(std::string(kFooter));
  AddFlags(app, &options, &format);
  AddCompletionCommand(app, &completion);
  AddAttachmentCommands(app, &command);
  AddChangeCommands(app, &command);
  AddConversationCommands(app, &command);
  AddExportCommand(app, &command);
  AddExtensionCommands(app, &command);
  AddGroupCommands(app, &command);
  AddHealthCommand(app, &command);
  AddImportCommand(app, &command);
  AddMemberCommands(app, &command);
  AddPostCommands(app, &command);
  AddSenderCommands(app, &command);
  AddThreadCommands(app, &command);
  AddUserCommands(app, &command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return PrintText(app.help());
  } catch (const CLI::CallForVersion& version) {
    return PrintText(absl::StrCat(version.what(), "\n"));
  } catch (const CLI::ParseError& error) {
    return ReportUsage(app, error);
  }
  if (!completion.empty()) return PrintText(completion);
  return Run(command, options, format);
}

}  // namespace

absl::Status DataError(absl::string_view message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kDataErrorUrl, absl::Cord());
  return status;
}

bool IsDataError(const absl::Status& status) {
  return status.GetPayload(kDataErrorUrl).has_value();
}

}  // namespace threadstore::threadctl

int main(int argc, char** argv) { return threadstore::threadctl::Main(argc, argv); }
