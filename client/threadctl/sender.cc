#include <memory>

#include "absl/strings/str_cat.h"
#include "client/threadctl/command.h"
#include "threadstore/v1/group_service.pb.h"

namespace threadstore::threadctl {
namespace {

using ListSendersArguments = ListArguments<v1::ListSendersRequest>;

constexpr char kListName[] = "groups/GROUP/acceptedSenders or groups/GROUP/rejectedSenders";

absl::Status AddSender(const v1::AddSenderRequest& request, ThreadClient& client,
                       Printer& printer) {
  ASSIGN_OR_RETURN(const v1::Sender sender, client.AddSender(request));
  printer.PrintResource(sender, {{"name", sender.name()}, {"sender", sender.id()}});
  return absl::OkStatus();
}

absl::Status RemoveSender(const v1::RemoveSenderRequest& request, ThreadClient& client,
                          Printer& /*printer*/) {
  return client.RemoveSender(request);
}

absl::Status ListSenders(const ListSendersArguments& arguments, ThreadClient& client,
                         Printer& printer) {
  const ListView<v1::Sender> view{
      "senders", {"NAME", "SENDER"}, [](const v1::Sender& sender) -> Row {
        return {sender.name(), sender.id()};
      }};
  return PrintList(arguments, &ThreadClient::ListSenders, &v1::ListSendersResponse::senders, view,
                   client, printer);
}

void AddAdd(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::AddSenderRequest>();
  CLI::App* verb = AddVerb(
      noun, "add", "Adds a sender to those whose posts a group accepts or rejects.",
      "If any sender is accepted, no other may post. Only owners of the group may add one, and\n"
      "applications with Threadstore.Admin.\n\n"
      "Example:\n"
      "  threadctl sender add groups/team-a/rejectedSenders spam@example.com");
  AddName(verb, "PARENT", request->mutable_parent(), kListName);
  AddName(verb, "SENDER", request->mutable_sender()->mutable_id(),
          "A user's id, or a mail address");
  SetCommand(verb, command, request, &AddSender);
}

void AddRemove(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::RemoveSenderRequest>();
  CLI::App* verb =
      AddVerb(noun, "remove", "Takes a sender off a list.",
              "Prints nothing.\n\n"
              "Example:\n"
              "  threadctl sender remove groups/team-a/rejectedSenders/spam@example.com");
  AddName(verb, "NAME", request->mutable_name(),
          "groups/GROUP/acceptedSenders/SENDER or groups/GROUP/rejectedSenders/SENDER");
  SetCommand(verb, command, request, &RemoveSender);
}

void AddList(CLI::App& noun, Command* command) {
  const auto arguments = std::make_shared<ListSendersArguments>();
  CLI::App* verb =
      AddVerb(noun, "list", "Lists the senders whose posts a group accepts or rejects.",
              absl::StrCat(kPageNotes,
                           "Example:\n"
                           "  threadctl sender list groups/team-a/acceptedSenders"));
  AddName(verb, "PARENT", arguments->request.mutable_parent(), kListName);
  AddPageFlags(verb, arguments);
  SetCommand(verb, command, arguments, &ListSenders);
}

}  // namespace

void AddSenderCommands(CLI::App& app, Command* command) {
  CLI::App* noun = AddNoun(app, "sender", "Senders: whose posts a group accepts or rejects");
  AddAdd(*noun, command);
  AddList(*noun, command);
  AddRemove(*noun, command);
}

}  // namespace threadstore::threadctl
