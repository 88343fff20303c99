#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/threadctl/command.h"
#include "threadstore/v1/group_service.pb.h"

namespace threadstore::threadctl {
namespace {

using ListMembersArguments = ListArguments<v1::ListMembersRequest>;

// `owner`, `member`, or the number of a role that is newer than this program.
std::string RoleName(v1::Member::Role role) {
  const std::string& name = v1::Member::Role_Name(role);
  if (name.empty()) return absl::StrCat(static_cast<int>(role));
  return absl::AsciiStrToLower(absl::StripPrefix(name, "ROLE_"));
}

absl::Status AddMember(const v1::AddMemberRequest& request, ThreadClient& client,
                       Printer& printer) {
  ASSIGN_OR_RETURN(const v1::Member member, client.AddMember(request));
  printer.PrintResource(member, {{"name", member.name()},
                                 {"user", member.id()},
                                 {"role", RoleName(member.role())},
                                 {"display name", member.display_name()},
                                 {"mail", member.mail()}});
  return absl::OkStatus();
}

absl::Status RemoveMember(const v1::RemoveMemberRequest& request, ThreadClient& client,
                          Printer& /*printer*/) {
  return client.RemoveMember(request);
}

absl::Status ListMembers(const ListMembersArguments& arguments, ThreadClient& client,
                         Printer& printer) {
  const ListView<v1::Member> view{
      "members", {"NAME", "ROLE", "MAIL", "DISPLAY NAME"}, [](const v1::Member& member) -> Row {
        return {member.name(), RoleName(member.role()), member.mail(), member.display_name()};
      }};
  return PrintList(arguments, &ThreadClient::ListMembers, &v1::ListMembersResponse::members, view,
                   client, printer);
}

void AddAdd(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::AddMemberRequest>();
  v1::Member* member = request->mutable_member();
  CLI::App* verb =
      AddVerb(noun, "add", "Adds a user to a group.",
              "Only owners of the group may, and applications with Threadstore.Admin.\n\n"
              "Example:\n"
              "  threadctl member add groups/team-a ann --owner");
  AddName(verb, "PARENT", request->mutable_parent(), "groups/GROUP or me/joinedGroups/GROUP");
  AddName(verb, "USER", member->mutable_id(), "The user's id");
  verb->add_flag_callback(
      "--owner", [member] { member->set_role(v1::Member::ROLE_OWNER); },
      "Add the user as an owner, who also manages members");
  verb->add_option("--display_name", *member->mutable_display_name(), "The user's name for people");
  verb->add_option("--mail", *member->mutable_mail(), "The user's mail address");
  SetCommand(verb, command, request, &AddMember);
}

void AddRemove(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::RemoveMemberRequest>();
  CLI::App* verb = AddVerb(noun, "remove", "Takes a user out of a group.",
                           "Owners may remove anyone, a member itself; the last owner stays. "
                           "Prints nothing.\n\n"
                           "Example:\n"
                           "  threadctl member remove groups/team-a/members/ann");
  AddName(verb, "NAME", request->mutable_name(), "groups/GROUP/members/USER");
  SetCommand(verb, command, request, &RemoveMember);
}

void AddList(CLI::App& noun, Command* command) {
  const auto arguments = std::make_shared<ListMembersArguments>();
  CLI::App* verb =
      AddVerb(noun, "list", "Lists the members of a group, owners among them.",
              absl::StrCat(kPageNotes, "Example:\n", "  threadctl member list groups/team-a"));
  AddName(verb, "PARENT", arguments->request.mutable_parent(),
          "groups/GROUP or me/joinedGroups/GROUP");
  AddPageFlags(verb, arguments);
  SetCommand(verb, command, arguments, &ListMembers);
}

}  // namespace

void AddMemberCommands(CLI::App& app, Command* command) {
  CLI::App* noun = AddNoun(app, "member", "Members: the users in a group");
  AddAdd(*noun, command);
  AddList(*noun, command);
  AddRemove(*noun, command);
}

}  // namespace threadstore::threadctl
