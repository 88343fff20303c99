#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/threadctl/change_view.h"
#include "client/threadctl/command.h"
#include "client/threadctl/terminal.h"
#include "threadstore/v1/thread_service.pb.h"

namespace threadstore::threadctl {
namespace {

// The most that the server gives at once.
constexpr int32_t kChangesPageSize = 1000;

constexpr char kJsonNotes[] =
    "With --output=json each line is an object with a change and a deltaToken. The token is empty\n"
    "unless it covers all lines so far.\n\n";

void PrintToken(const std::string& token, Printer& printer) {
  if (!token.empty()) printer.PrintHint(absl::StrCat("go on with: --from=", Printable(token)));
}

void PrintPage(const v1::ListThreadChangesResponse& page, Printer& printer) {
  for (const v1::ThreadChange& change : page.changes()) {
    if (printer.format() == OutputFormat::kJson) {
      printer.PrintText(absl::StrCat(ChangeJson(&change, ""), "\n"));
    } else {
      printer.AddRow(change, ChangeRow(change));
    }
  }
  if (printer.format() == OutputFormat::kTable) printer.EndPage();
}

absl::Status ListChanges(const v1::ListThreadChangesRequest& arguments, ThreadClient& client,
                         Printer& printer) {
  v1::ListThreadChangesRequest request = arguments;
  request.set_page_size(kChangesPageSize);
  const bool is_json = printer.format() == OutputFormat::kJson;
  for (bool is_first = true, has_more = true; has_more && printer.status().ok(); is_first = false) {
    absl::StatusOr<v1::ListThreadChangesResponse> page = client.ListThreadChanges(request);
    if (!page.ok()) {
      // Some may have been printed.
      if (!is_first) PrintToken(request.delta_token(), printer);
      return page.status();
    }
    if (is_first && !is_json) {
      printer.BeginList("", Row(std::begin(kChangeColumns), std::end(kChangeColumns)));
    }
    PrintPage(*page, printer);
    has_more = page->has_more();
    request.set_delta_token(page->delta_token());
  }
  if (is_json) {
    printer.PrintLine(ChangeJson(nullptr, request.delta_token()));
  } else {
    PrintToken(request.delta_token(), printer);
  }
  return absl::OkStatus();
}

struct WatchArguments {
  v1::WatchThreadsRequest request;
  absl::Duration patience = absl::InfiniteDuration();
};

// Prints what a watch brings, and notes where it has got to.
class WatchPrinter {
 public:
  WatchPrinter(absl::string_view parent, Printer& printer)
      : is_of_all_groups_(parent == "groups/-"), printer_(printer) {}

  void Print(const v1::WatchThreadsResponse& response) {
    if (is_broken_) printer_.PrintHint("watching again");
    is_broken_ = false;
    token_ = response.delta_token();
    for (int i = 0; i < response.changes_size(); ++i) {
      const bool is_last = i + 1 == response.changes_size();
      PrintChange(response.changes(i), is_last ? token_ : "");
    }
  }

  void NoteBreak(const absl::Status& broken) {
    if (is_broken_) return;
    is_broken_ = true;
    printer_.PrintHint(absl::StrCat("the watch broke off (", Printable(broken.message()),
                                    "); trying again until it goes on"));
  }

  const std::string& token() const { return token_; }

 private:
  void PrintChange(const v1::ThreadChange& change, const std::string& token) {
    if (printer_.format() == OutputFormat::kJson) {
      printer_.PrintLine(ChangeJson(&change, token));
    } else if (const std::optional<int> width = printer_.Width(); width.has_value()) {
      printer_.PrintLine(ChangeLine(change, is_of_all_groups_, *width, absl::LocalTimeZone()));
    } else {
      printer_.PrintLine(
          absl::StrJoin(ChangeRow(change), "  ", [](std::string* line, const std::string& cell) {
            absl::StrAppend(line, Printable(cell));
          }));
    }
  }

  const bool is_of_all_groups_;
  Printer& printer_;
  bool is_broken_ = false;
  std::string token_;
};

absl::Status Watch(const WatchArguments& arguments, ThreadClient& client, Printer& printer) {
  Interruption interruption;
  WatchPrinter watch(arguments.request.parent(), printer);
  StreamOptions options;
  options.patience = arguments.patience;
  options.on_break = [&watch](const absl::Status& broken, absl::Duration /*wait*/) {
    watch.NoteBreak(broken);
  };
  options.cancellation = interruption.cancellation();
  const absl::Status status = client.WatchThreads(arguments.request, options,
                                                  [&](const v1::WatchThreadsResponse& response) {
                                                    watch.Print(response);
                                                    return printer.status().ok();
                                                  });
  PrintToken(watch.token().empty() ? arguments.request.delta_token() : watch.token(), printer);
  return interruption.cancellation()->IsCancelled() ? absl::OkStatus() : status;
}

void AddChanges(CLI::App& app, Command* command) {
  const auto request = std::make_shared<v1::ListThreadChangesRequest>();
  CLI::App* verb = AddVerb(
      app, "changes", "Lists what has changed in a group, a conversation or a thread.",
      absl::StrCat("In the order in which it changed. Without a token, begins with all that is "
                   "there, as new. At the end\nsays with which token to go on later.\n",
                   kJsonNotes,
                   "Examples:\n"
                   "  threadctl changes groups/team-a\n"
                   "  threadctl changes groups/team-a --from=TOKEN"));
  AddName(verb, "PARENT", request->mutable_parent(),
          "groups/GROUP[/conversations/CONVERSATION|/threads/THREAD], or me/joinedGroups/...");
  CLI::Option* from = verb->add_option("--from", *request->mutable_delta_token(),
                                       "Only what has changed since this token was given")
                          ->type_name("TOKEN");
  verb->add_flag_callback(
          "--from_now", [request] { request->set_start(v1::ListThreadChangesRequest::START_NOW); },
          "No changes, only the token for those to come")
      ->disable_flag_override()
      ->excludes(from);
  SetCommand(verb, command, request, &ListChanges);
}

void AddWatch(CLI::App& app, Command* command) {
  const auto arguments = std::make_shared<WatchArguments>();
  CLI::App* verb = AddVerb(
      app, "watch", "Prints what changes in a group, a conversation or a thread as it changes.",
      absl::StrCat(
          "One line each, in local time, until Ctrl-C: then says with which token to go on, and "
          "ends "
          "with\nstatus 0. Goes on by itself after the connection or the server was gone. On a "
          "terminal lines are cut to\nits width; elsewhere they have the name and all of it.\n",
          kJsonNotes,
          "Examples:\n"
          "  threadctl watch groups/team-a\n"
          "  threadctl watch groups/- --output=json"));
  AddName(verb, "PARENT", arguments->request.mutable_parent(),
          "As of changes; or groups/-, all groups, for applications");
  verb->add_option("--from", *arguments->request.mutable_delta_token(),
                   "Begin with what has changed since this token was given")
      ->type_name("TOKEN");
  AddDuration(verb, "--give_up_after", &arguments->patience,
              "How long to try to go on after a break; without it, for ever");
  SetCommand(verb, command, arguments, &Watch);
}

}  // namespace

void AddChangeCommands(CLI::App& app, Command* command) {
  AddChanges(app, command);
  AddWatch(app, command);
}

}  // namespace threadstore::threadctl
