#include <memory>

#include "client/threadctl/command.h"
#include "threadstore/v1/group_service.pb.h"

namespace threadstore::threadctl {
namespace {

absl::Status GetUser(const v1::GetUserRequest& request, ThreadClient& client, Printer& printer) {
  ASSIGN_OR_RETURN(const v1::User user, client.GetUser(request));
  printer.PrintResource(user, {{"name", user.name()},
                               {"user", user.id()},
                               {"display name", user.display_name()},
                               {"mail", user.mail()}});
  return absl::OkStatus();
}

void AddGet(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::GetUserRequest>();
  CLI::App* verb = AddVerb(noun, "get", "Prints what the server knows of a user.",
                           "A user may ask only for itself.\n\n"
                           "Example:\n"
                           "  threadctl --user=ann user get me");
  AddName(verb, "NAME", request->mutable_name(), "me or users/USER");
  SetCommand(verb, command, request, &GetUser);
}

}  // namespace

void AddUserCommands(CLI::App& app, Command* command) {
  CLI::App* noun = AddNoun(app, "user", "Users, as far as the server knows them");
  AddGet(*noun, command);
}

}  // namespace threadstore::threadctl
