#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/threadctl/command.h"
#include "client/threadctl/input.h"
#include "client/threadctl/selection.h"
#include "client/threadctl/text.h"
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
  printer.PrintResource(group, {{"name", group.name()},
                                {"display name", group.display_name()},
                                {"mail", group.mail()},
                                {"mail nickname", group.mail_nickname()},
                                {"description", group.description()},
                                {"external senders", YesOrNo(group.allow_external_senders())},
                                {"created", Created(group)}});
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

absl::Status UpdateGroup(const v1::UpdateGroupRequest& request, ThreadClient& client,
                         Printer& printer) {
  ASSIGN_OR_RETURN(const v1::Group group, client.UpdateGroup(request));
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

struct GroupFlags {
  CLI::Option* display_name;
  CLI::Option* mail;
  CLI::Option* allow_external_senders;
  CLI::Option* description;
  CLI::Option* mail_nickname;
};

GroupFlags AddGroupFlags(CLI::App* verb) {
  return {verb->add_option("--display_name", "The group's name for people")->type_name("TEXT"),
          verb->add_option("--mail", "The group's mail address")->type_name("TEXT"),
          verb->add_flag("--allow_external_senders")
              ->description("Take posts from senders who are not members; =false: do not"),
          verb->add_option("--description", "What the group is for")->type_name("TEXT"),
          verb->add_option("--mail_nickname", "What its mail address has before the @")
              ->type_name("TEXT")};
}

// Sets what the command line gives; returns which fields that are.
google::protobuf::FieldMask FillGroup(const GroupFlags& flags, v1::Group* group) {
  google::protobuf::FieldMask filled;
  if (flags.display_name->count() > 0) {
    group->set_display_name(flags.display_name->as<std::string>());
    filled.add_paths("display_name");
  }
  if (flags.mail->count() > 0) {
    group->set_mail(flags.mail->as<std::string>());
    filled.add_paths("mail");
  }
  if (flags.allow_external_senders->count() > 0) {
    group->set_allow_external_senders(flags.allow_external_senders->as<bool>());
    filled.add_paths("allow_external_senders");
  }
  if (flags.description->count() > 0) {
    group->set_description(flags.description->as<std::string>());
    filled.add_paths("description");
  }
  if (flags.mail_nickname->count() > 0) {
    group->set_mail_nickname(flags.mail_nickname->as<std::string>());
    filled.add_paths("mail_nickname");
  }
  return filled;
}

void AddCreate(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::CreateGroupRequest>();
  CLI::App* verb = AddVerb(noun, "create", "Creates a group.",
                           "A user who creates a group becomes its owner; an application's group "
                           "begins without\nmembers, unless they are given.\n\n"
                           "Examples:\n"
                           "  threadctl group create team-a --display_name='Team A'\n"
                           "  threadctl group create team-b --owner=ann --member=bob");
  AddName(verb, "GROUP", request->mutable_group_id(),
          "The id of the group: 1 to 128 of A-Z a-z 0-9 . _ ~ -");
  const GroupFlags flags = AddGroupFlags(verb);
  CLI::Option* owners =
      AddRepeatedFlag(verb, "--owner", "A user who is an owner from the beginning; may be repeated")
          ->type_name("USER");
  CLI::Option* members =
      AddRepeatedFlag(verb, "--member", "A user who is in the group from the beginning; likewise")
          ->type_name("USER");
  verb->callback([request, flags, owners, members, command] {
    FillGroup(flags, request->mutable_group());
    for (const auto& [users, role] :
         {std::pair(owners, v1::Member::ROLE_OWNER), {members, v1::Member::ROLE_MEMBER}}) {
      for (const std::string& user : users->results()) {
        v1::Member* member = request->add_members();
        member->set_id(user);
        member->set_role(role);
      }
    }
    *command = Bind(request, &CreateGroup);
  });
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
  AddFilter(verb, arguments->request.mutable_filter());
  AddCountFlag(verb, arguments);
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
  AddFilter(verb, arguments->request.mutable_filter());
  AddPageFlags(verb, arguments);
  SetCommand(verb, command, arguments, &ListJoinedGroups);
}

void AddUpdate(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::UpdateGroupRequest>();
  CLI::App* verb = AddVerb(noun, "update", "Changes a group.",
                           "Only owners of the group may, and applications with "
                           "Threadstore.Admin.\n\n"
                           "Examples:\n"
                           "  threadctl group update groups/team-a --display_name='The A team'\n"
                           "  threadctl group update groups/team-a --allow_external_senders=false");
  AddName(verb, "NAME", request->mutable_group()->mutable_name(),
          "groups/GROUP or me/joinedGroups/GROUP");
  const GroupFlags flags = AddGroupFlags(verb);
  verb->callback([request, flags, command] {
    *request->mutable_update_mask() = FillGroup(flags, request->mutable_group());
    RequireChange(request->update_mask(),
                  "--display_name, --mail, --mail_nickname, --description or "
                  "--allow_external_senders");
    *command = Bind(request, &UpdateGroup);
  });
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
  AddUpdate(*noun, command);
}

}  // namespace threadstore::threadctl
