#ifndef THREADSTORE_CLIENT_THREADCTL_COMMAND_H_
#define THREADSTORE_CLIENT_THREADCTL_COMMAND_H_

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/thread_client.h"
#include "client/threadctl/printer.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/base/status_macros.h"

// How a verb of threadctl is made: its arguments fill a request while the command line is
// parsed, and what is to be done with the request is kept until all of it has been.
//
// What is wrong with the command line, or with files that it names, is thrown as CLI11 does:
// CLI::FileError for the latter. Everything else is a status.
namespace threadstore::threadctl {

// Does what the command line asked for. Errors are the server's; those of the output stay with
// the printer.
using Command = std::function<absl::Status(ThreadClient& client, Printer& printer)>;

// The status of a command that has done its work, but not with all of its data, which it has
// reported: the exit status is kDataExit, of sysexits.h. `message` says how much was left out.
inline constexpr int kDataExit = 65;
absl::Status DataError(absl::string_view message);
bool IsDataError(const absl::Status& status);

// One for each noun, or kind of verb. `command` is set when one of its verbs has been parsed, and
// must outlive `app`.
void AddAttachmentCommands(CLI::App& app, Command* command);
void AddChangeCommands(CLI::App& app, Command* command);
void AddConversationCommands(CLI::App& app, Command* command);
void AddExportCommand(CLI::App& app, Command* command);
void AddExtensionCommands(CLI::App& app, Command* command);
void AddGroupCommands(CLI::App& app, Command* command);
void AddHealthCommand(CLI::App& app, Command* command);
void AddImportCommand(CLI::App& app, Command* command);
void AddMemberCommands(CLI::App& app, Command* command);
void AddPostCommands(CLI::App& app, Command* command);
void AddSenderCommands(CLI::App& app, Command* command);
void AddThreadCommands(CLI::App& app, Command* command);
void AddUserCommands(CLI::App& app, Command* command);

// `script` is set if the command line asks for it: to what completes, in the shell, all that `app`
// has by then. It knows a flag's values from a type name such as `table|json`, and offers files
// where that is `FILE`.
void AddCompletionCommand(CLI::App& app, std::string* script);

inline CLI::App* AddNoun(CLI::App& app, const std::string& name, const std::string& description) {
  return app.add_subcommand(name, description)->require_subcommand(1);
}

// `summary` is one sentence; `notes` are the rest of the verb's help, an example at least.
inline CLI::App* AddVerb(CLI::App& noun, const std::string& name, const std::string& summary,
                         absl::string_view notes) {
  CLI::App* verb = noun.add_subcommand(name, summary);
  verb->footer(
      absl::StrCat(notes, "\n\nFlags of the connection and of the output: threadctl --help"));
  return verb;
}

inline void AddName(CLI::App* verb, const std::string& name, std::string* value,
                    const std::string& description) {
  verb->add_option(name, *value, description)->required()->type_name("");
}

// Adds a flag whose value is a positive duration such as `30s`.
inline CLI::Option* AddDuration(CLI::App* app, const std::string& name, absl::Duration* duration,
                                const std::string& description) {
  return app
      ->add_option_function<std::string>(
          name,
          [name, duration](const std::string& text) {
            if (!absl::ParseDuration(text, duration) || *duration <= absl::ZeroDuration()) {
              throw CLI::ValidationError(name,
                                         "must be a positive duration such as 500ms, 30s or 2m");
            }
          },
          description)
      ->type_name("DURATION");
}

// The command that calls `run` with `arguments`.
template <typename Arguments>
Command Bind(std::shared_ptr<Arguments> arguments,
             absl::Status (*run)(const Arguments&, ThreadClient&, Printer&)) {
  return [arguments = std::move(arguments), run](ThreadClient& client, Printer& printer) {
    return run(*arguments, client, printer);
  };
}

// Makes that the command if `verb` is what the command line asks for.
template <typename Arguments>
void SetCommand(CLI::App* verb, Command* command, const std::shared_ptr<Arguments>& arguments,
                absl::Status (*run)(const Arguments&, ThreadClient&, Printer&)) {
  verb->callback([command, arguments, run] { *command = Bind(arguments, run); });
}

// The arguments of a verb that lists: one page if a flag of paging is given, otherwise all.
template <typename Request>
struct ListArguments {
  Request request;
  bool one_page = false;
  bool count_only = false;
};

constexpr absl::string_view kPageNotes =
    "Without --page_size and --page_token all pages are printed.\n\n";

template <typename Request>
void AddPageFlags(CLI::App* verb, const std::shared_ptr<ListArguments<Request>>& arguments) {
  verb->add_option_function<int32_t>(
      "--page_size",
      [arguments](int32_t size) {
        arguments->request.set_page_size(size);
        arguments->one_page = true;
      },
      "Print one page, of at most this many; 0 is the server's default");
  verb->add_option_function<std::string>(
      "--page_token",
      [arguments](const std::string& token) {
        arguments->request.set_page_token(token);
        arguments->one_page = true;
      },
      "Print one page: the next one, as the page before has named it");
}

// Of lists that can count.
template <typename Request>
void AddCountFlag(CLI::App* verb, const std::shared_ptr<ListArguments<Request>>& arguments) {
  verb->add_flag("--count", arguments->count_only,
                 "Print how many there are instead; with --filter, that it holds for");
}

// How a list is shown: the member of the response that holds it, and its columns.
template <typename Item>
struct ListView {
  std::string name;
  Row columns;
  std::function<Row(const Item&)> row;
};

// Prints what `list` returns, page by page until `arguments` are served; or only how many there
// are.
template <typename Request, typename Response, typename Item>
absl::Status PrintList(const ListArguments<Request>& arguments,
                       absl::StatusOr<Response> (ThreadClient::*list)(const Request&),
                       const google::protobuf::RepeatedPtrField<Item>& (Response::*items)() const,
                       const ListView<Item>& view, ThreadClient& client, Printer& printer) {
  // Large enough that the calls cost little, small enough that the first rows come at once.
  constexpr int32_t kWalkPageSize = 200;
  Request request = arguments.request;
  if constexpr (requires { request.set_include_total_size(true); }) {
    if (arguments.count_only) {
      request.set_include_total_size(true);
      request.set_page_size(1);
      ASSIGN_OR_RETURN(const Response response, (client.*list)(request));
      printer.PrintLine(absl::StrCat(response.total_size()));
      return absl::OkStatus();
    }
  }
  if (!arguments.one_page) request.set_page_size(kWalkPageSize);
  for (bool is_first = true;; is_first = false) {
    ASSIGN_OR_RETURN(const Response response, (client.*list)(request));
    if (is_first) printer.BeginList(view.name, view.columns);
    for (const Item& item : (response.*items)()) printer.AddRow(item, view.row(item));
    printer.EndPage();
    const std::string& next = response.next_page_token();
    if (next.empty() || arguments.one_page) {
      printer.EndList(next);
      return absl::OkStatus();
    }
    if (!printer.status().ok()) return absl::OkStatus();
    request.set_page_token(next);
  }
}

}  // namespace threadstore::threadctl

#endif  // THREADSTORE_CLIENT_THREADCTL_COMMAND_H_
