#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/threadctl/command.h"
#include "client/threadctl/input.h"
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

void PrintMember(const v1::Member& member, Printer& printer) {
  printer.PrintResource(member, {{"name", member.name()},
                                 {"user", member.id()},
                                 {"role", RoleName(member.role())},
                                 {"display name", member.display_name()},
                                 {"mail", member.mail()}});
}

absl::Status AddMember(const v1::AddMemberRequest& request, ThreadClient& client,
                       Printer& printer) {
  ASSIGN_OR_RETURN(const v1::Member member, client.AddMember(request));
  PrintMember(member, printer);
  return absl::OkStatus();
}

absl::Status GetMember(const v1::GetMemberRequest& request, ThreadClient& client,
                       Printer& printer) {
  ASSIGN_OR_RETURN(const v1::Member member, client.GetMember(request));
  PrintMember(member, printer);
  return absl::OkStatus();
}

absl::Status UpdateMember(const v1::UpdateMemberRequest& request, ThreadClient& client,
                          Printer& printer) {
  ASSIGN_OR_RETURN(const v1::Member member, client.UpdateMember(request));
  PrintMember(member, printer);
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
  AddName(verb, "PARENT", request->mutable_parent(),
          "groups/GROUP or me/joinedGroups/GROUP; with /owners behind, a member becomes an owner");
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
  AddName(verb, "NAME", request->mutable_name(),
          "groups/GROUP/members/USER; groups/GROUP/owners/USER stays as a member");
  SetCommand(verb, command, request, &RemoveMember);
}

void AddGet(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::GetMemberRequest>();
  CLI::App* verb = AddVerb(noun, "get", "Prints a member.",
                           "Example:\n"
                           "  threadctl member get groups/team-a/members/ann");
  AddName(verb, "NAME", request->mutable_name(), "groups/GROUP/members/USER");
  SetCommand(verb, command, request, &GetMember);
}

void AddUpdate(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::UpdateMemberRequest>();
  CLI::App* verb = AddVerb(noun, "update", "Changes what a member may do, or its texts.",
                           "Only owners of the group may, and applications with "
                           "Threadstore.Admin; the last owner\nstays one.\n\n"
                           "Examples:\n"
                           "  threadctl member update groups/team-a/members/ann --role=owner\n"
                           "  threadctl member update groups/team-a/members/ann "
                           "--mail=ann@example.com");
  AddName(verb, "NAME", request->mutable_member()->mutable_name(), "groups/GROUP/members/USER");
  CLI::Option* role = verb->add_option("--role", "What the user may do in the group")
                          ->check(CLI::IsMember({"owner", "member"}))
                          ->type_name("owner|member");
  CLI::Option* display_name =
      verb->add_option("--display_name", "The user's name for people")->type_name("TEXT");
  CLI::Option* mail = verb->add_option("--mail", "The user's mail address")->type_name("TEXT");
  verb->callback([request, role, display_name, mail, command] {
    v1::Member* member = request->mutable_member();
    google::protobuf::FieldMask* mask = request->mutable_update_mask();
    if (role->count() > 0) {
      member->set_role(role->as<std::string>() == "owner" ? v1::Member::ROLE_OWNER
                                                          : v1::Member::ROLE_MEMBER);
      mask->add_paths("role");
    }
    if (display_name->count() > 0) {
      member->set_display_name(display_name->as<std::string>());
      mask->add_paths("display_name");
    }
    if (mail->count() > 0) {
      member->set_mail(mail->as<std::string>());
      mask->add_paths("mail");
    }
    RequireChange(*mask, "--role, --display_name or --mail");
    *command = Bind(request, &UpdateMember);
  });
}

void AddList(CLI::App& noun, Command* command) {
  const auto arguments = std::make_shared<ListMembersArguments>();
  CLI::App* verb =
      AddVerb(noun, "list", "Lists the members of a group, owners among them.",
              absl::StrCat(kPageNotes, "Example:\n", "  threadctl member list groups/team-a"));
  AddName(verb, "PARENT", arguments->request.mutable_parent(),
          "groups/GROUP or me/joinedGroups/GROUP; with /owners behind, only owners");
  AddPageFlags(verb, arguments);
  SetCommand(verb, command, arguments, &ListMembers);
}

}  // namespace

void AddMemberCommands(CLI::App& app, Command* command) {
  CLI::App* noun = AddNoun(app, "member", "Members: the users in a group");
  AddAdd(*noun, command);
  AddGet(*noun, command);
  AddList(*noun, command);
  AddRemove(*noun, command);
  AddUpdate(*noun, command);
}

}  // namespace threadstore::threadctl
