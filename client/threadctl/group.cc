#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/threadctl/command.h"
#include "threadstore/v1/group_service.pb.h"

namespace threadstore::threadctl {
namespace {

using ListGroupsArguments = ListArguments<v1::ListGroupsRequest>;
using ListJoinedGroupsArguments = ListArguments<v1::ListJoinedGroupsRequest>;

const ListView<v1::Group>& GroupList() {
  static const auto* const view = new ListView<v1::Group>{
      "groups", {"NAME", "MAIL", "DISPLAY NAME"}, [](const v1::Group& group) -> Row {
        return {group.name(), group.mail(), group.display_name()};
      }};
  return *view;
}

void PrintGroup(const v1::Group& group, Printer& printer) {
  printer.PrintResource(
      group,
      {{"name", group.name()},
       {"display name", group.display_name()},
       {"mail", group.mail()},
       {"created", FormatTime(group.has_created_date_time() ? &group.created_date_time() : nullptr,
                              absl::LocalTimeZone())}});
}

absl::Status CreateGroup(const v1::CreateGroupRequest& request, ThreadClient& client,
                         Printer& printer) {
  ASSIGN_OR_RETURN(const v1::Group group, client.CreateGroup(request));
  PrintGroup(group, printer);
  return absl::OkStatus();
}

absl::Status GetGroup(const v1::GetGroupRequest& request, ThreadClient& client, Printer& printer) {
  ASSIGN_OR_RETURN(const v1::Group group, client.GetGroup(request));
  PrintGroup(group, printer);
  return absl::OkStatus();
}

absl::Status ListGroups(const ListGroupsArguments& arguments, ThreadClient& client,
                        Printer& printer) {
  return PrintList(arguments, &ThreadClient::ListGroups, &v1::ListGroupsResponse::groups,
                   GroupList(), client, printer);
}

absl::Status ListJoinedGroups(const ListJoinedGroupsArguments& arguments, ThreadClient& client,
                              Printer& printer) {
  return PrintList(arguments, &ThreadClient::ListJoinedGroups,
                   &v1::ListJoinedGroupsResponse::groups, GroupList(), client, printer);
}

absl::Status DeleteGroup(const v1::DeleteGroupRequest& request, ThreadClient& client,
                         Printer& /*printer*/) {
  return client.DeleteGroup(request);
}

void AddCreate(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::CreateGroupRequest>();
  CLI::App* verb = AddVerb(noun, "create", "Creates a group.",
                           "A user who creates a group becomes its owner; an application's group "
                           "begins without\nmembers.\n\n"
                           "Example:\n"
                           "  threadctl group create team-a --display_name='Team A'");
  AddName(verb, "GROUP", request->mutable_group_id(),
          "The id of the group: 1 to 128 of A-Z a-z 0-9 . _ ~ -");
  verb->add_option("--display_name", *request->mutable_group()->mutable_display_name(),
                   "The group's name for people");
  verb->add_option("--mail", *request->mutable_group()->mutable_mail(), "The group's mail address");
  SetCommand(verb, command, request, &CreateGroup);
}

void AddGet(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::GetGroupRequest>();
  CLI::App* verb = AddVerb(noun, "get", "Prints a group.",
                           "Example:\n"
                           "  threadctl group get groups/team-a");
  AddName(verb, "NAME", request->mutable_name(), "groups/GROUP or me/joinedGroups/GROUP");
  SetCommand(verb, command, request, &GetGroup);
}

void AddList(CLI::App& noun, Command* command) {
  const auto arguments = std::make_shared<ListGroupsArguments>();
  CLI::App* verb =
      AddVerb(noun, "list", "Lists the groups that the caller may see.",
              absl::StrCat("An application sees all groups, a user those it is in. ", kPageNotes,
                           "Example:\n"
                           "  threadctl group list --output=json | jq -r '.groups[].name'"));
  AddPageFlags(verb, arguments);
  SetCommand(verb, command, arguments, &ListGroups);
}

void AddJoined(CLI::App& noun, Command* command) {
  const auto arguments = std::make_shared<ListJoinedGroupsArguments>();
  CLI::App* verb = AddVerb(noun, "joined", "Lists the groups that a user is in.",
                           absl::StrCat("A user may ask only for its own. ", kPageNotes,
                                        "Example:\n"
                                        "  threadctl --user=ann group joined me"));
  AddName(verb, "USER", arguments->request.mutable_parent(), "me or users/USER");
  AddPageFlags(verb, arguments);
  SetCommand(verb, command, arguments, &ListJoinedGroups);
}

void AddDelete(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::DeleteGroupRequest>();
  CLI::App* verb = AddVerb(noun, "delete", "Deletes a group.",
                           "Its members go with it. Prints nothing.\n\n"
                           "Example:\n"
                           "  threadctl group delete groups/team-a --force");
  AddName(verb, "NAME", request->mutable_name(), "groups/GROUP or me/joinedGroups/GROUP");
  verb->add_flag_callback(
      "--force", [request] { request->set_force(true); }, "Also if it has threads, with them");
  SetCommand(verb, command, request, &DeleteGroup);
}

}  // namespace

void AddGroupCommands(CLI::App& app, Command* command) {
  CLI::App* noun = AddNoun(app, "group", "Groups: the homes of threads");
  AddCreate(*noun, command);
  AddDelete(*noun, command);
  AddGet(*noun, command);
  AddJoined(*noun, command);
  AddList(*noun, command);
}

}  // namespace threadstore::threadctl
