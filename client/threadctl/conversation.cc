#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/threadctl/command.h"
#include "client/threadctl/input.h"
#include "client/threadctl/selection.h"
#include "client/threadctl/text.h"
#include "threadstore/v1/conversation_service.pb.h"

namespace threadstore::threadctl {
namespace {

using ListConversationsArguments = ListArguments<v1::ListConversationsRequest>;

constexpr char kConversationName[] =
    "groups/GROUP/conversations/CONVERSATION, or me/joinedGroups/GROUP/...";

Properties ConversationProperties(const v1::Conversation& conversation) {
  return {{"name", conversation.name()},
          {"topic", conversation.topic()},
          {"preview", conversation.preview()},
          {"unique senders", absl::StrJoin(conversation.unique_senders(), ", ")},
          {"has attachments", YesOrNo(conversation.has_attachments())},
          {"last delivered", LastDelivered(conversation)},
          {"created", Created(conversation)}};
}

absl::Status CreateConversation(const v1::CreateConversationRequest& request, ThreadClient& client,
                                Printer& printer) {
  ASSIGN_OR_RETURN(const v1::Conversation conversation, client.CreateConversation(request));
  printer.PrintResource(conversation, ConversationProperties(conversation));
  return absl::OkStatus();
}

absl::Status GetConversation(const v1::GetConversationRequest& request, ThreadClient& client,
                             Printer& printer) {
  ASSIGN_OR_RETURN(const v1::Conversation conversation, client.GetConversation(request));
  PrintSelected(conversation, ConversationProperties(conversation),
                Selection(request.read_mask(), request.expand()), printer);
  return absl::OkStatus();
}

absl::Status ListConversations(const ListConversationsArguments& arguments, ThreadClient& client,
                               Printer& printer) {
  const ListView<v1::Conversation> view{
      "conversations",
      {"NAME", "LAST DELIVERED", "TOPIC"},
      [](const v1::Conversation& conversation) -> Row {
        return {conversation.name(), LastDelivered(conversation), conversation.topic()};
      }};
  const Selection selection(arguments.request.read_mask(), arguments.request.expand());
  return PrintList(arguments, &ThreadClient::ListConversations,
                   &v1::ListConversationsResponse::conversations, Selected(view, selection), client,
                   printer);
}

absl::Status DeleteConversation(const v1::DeleteConversationRequest& request, ThreadClient& client,
                                Printer& /*printer*/) {
  return client.DeleteConversation(request);
}

void AddCreate(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::CreateConversationRequest>();
  CLI::App* verb =
      AddVerb(noun, "create", "Creates a conversation with its threads.",
              "The conversation is JSON, on standard input unless a flag says otherwise.\n\n"
              "Examples:\n"
              "  threadctl conversation create groups/team-a --topic='Lunch on Friday'\n"
              "  echo '{\"topic\": \"Lunch\", \"threads\": [{\"posts\": [{\"body\": {\"content\": "
              "\"Where?\"}}]}]}' |\n"
              "    threadctl --user=ann conversation create groups/team-a");
  AddName(verb, "PARENT", request->mutable_parent(), "groups/GROUP or me/joinedGroups/GROUP");
  CLI::Option* topic =
      verb->add_option("--topic", "Create a conversation of this topic with one empty thread")
          ->type_name("TEXT");
  const CLI::Option* file =
      AddFile(verb, "The file with the conversation's JSON; - is standard input")->excludes(topic);
  AddRequestId(verb, request->mutable_request_id());
  verb->callback([request, topic, file, command] {
    v1::Conversation* conversation = request->mutable_conversation();
    if (topic->count() > 0) {
      conversation->set_topic(topic->as<std::string>());
      conversation->add_threads();
    } else {
      ReadJsonInput(InputPath(*file, "a conversation (--topic, --file, or JSON on standard input)"),
                    conversation);
    }
    *command = Bind(request, &CreateConversation);
  });
}

void AddGet(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::GetConversationRequest>();
  CLI::App* verb = AddVerb(
      noun, "get", "Prints a conversation.",
      absl::StrCat("Its threads: threadctl thread list.\n", kSelectionNotes,
                   "Example:\n"
                   "  threadctl conversation get groups/team-a/conversations/CONVERSATION"));
  AddName(verb, "NAME", request->mutable_name(), kConversationName);
  AddFields(verb, request->mutable_read_mask());
  AddExpand(verb, request->mutable_expand(), "threads");
  SetCommand(verb, command, request, &GetConversation);
}

void AddList(CLI::App& noun, Command* command) {
  const auto arguments = std::make_shared<ListConversationsArguments>();
  CLI::App* verb =
      AddVerb(noun, "list", "Lists the conversations of a group.",
              absl::StrCat("The newest activity comes first unless --order_by says otherwise.\n",
                           kPageNotes, kSelectionNotes,
                           "Examples:\n"
                           "  threadctl conversation list groups/team-a\n"
                           "  threadctl conversation list groups/team-a "
                           "--filter=\"contains(topic,'Lunch')\""));
  AddName(verb, "PARENT", arguments->request.mutable_parent(),
          "groups/GROUP or me/joinedGroups/GROUP");
  AddFilter(verb, arguments->request.mutable_filter());
  AddOrderBy(verb, arguments->request.mutable_order_by(),
             "last_delivered_date_time, create_time or topic; with desc behind it, the other way");
  AddFields(verb, arguments->request.mutable_read_mask());
  AddExpand(verb, arguments->request.mutable_expand(), "threads");
  AddCountFlag(verb, arguments);
  AddPageFlags(verb, arguments);
  SetCommand(verb, command, arguments, &ListConversations);
}

void AddDelete(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::DeleteConversationRequest>();
  CLI::App* verb =
      AddVerb(noun, "delete", "Deletes a conversation.",
              "Its threads and their posts go with it. Prints nothing.\n\n"
              "Example:\n"
              "  threadctl conversation delete groups/team-a/conversations/CONVERSATION");
  AddName(verb, "NAME", request->mutable_name(), kConversationName);
  SetCommand(verb, command, request, &DeleteConversation);
}

}  // namespace

void AddConversationCommands(CLI::App& app, Command* command) {
  CLI::App* noun = AddNoun(app, "conversation", "Conversations: threads that share a topic");
  AddCreate(*noun, command);
  AddDelete(*noun, command);
  AddGet(*noun, command);
  AddList(*noun, command);
}

}  // namespace threadstore::threadctl
