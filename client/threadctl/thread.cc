#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/threadctl/command.h"
#include "client/threadctl/input.h"
#include "client/threadctl/post.h"
#include "client/threadctl/selection.h"
#include "client/threadctl/text.h"
#include "client/threadctl/thread_view.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/post_service.pb.h"
#include "threadstore/v1/thread_service.pb.h"

namespace threadstore::threadctl {
namespace {

using ListThreadsArguments = ListArguments<v1::ListThreadsRequest>;
using SearchThreadsArguments = ListArguments<v1::SearchThreadsRequest>;

constexpr char kExpandable[] = "posts, posts.attachments, posts.extensions, posts.in_reply_to";

Properties ThreadProperties(const v1::ConversationThread& thread) {
  return {{"name", thread.name()},
          {"conversation", thread.conversation_id()},
          {"topic", thread.topic()},
          {"to", RecipientsText(thread.to_recipients())},
          {"cc", RecipientsText(thread.cc_recipients())},
          {"preview", thread.preview()},
          {"unique senders", absl::StrJoin(thread.unique_senders(), ", ")},
          {"has attachments", YesOrNo(thread.has_attachments())},
          {"is locked", YesOrNo(thread.is_locked())},
          {"last delivered", LastDelivered(thread)},
          {"created", Created(thread)},
          {"last modified", LastModified(thread)},
          {"etag", thread.etag()}};
}

void PrintThread(const v1::ConversationThread& thread, Printer& printer) {
  printer.PrintResource(thread, ThreadProperties(thread));
}

Row ThreadRow(const v1::ConversationThread& thread) {
  return {thread.name(), LastDelivered(thread), YesOrNo(thread.is_locked()), thread.topic()};
}

absl::Status CreateThread(const v1::CreateThreadRequest& request, ThreadClient& client,
                          Printer& printer) {
  ASSIGN_OR_RETURN(const v1::ConversationThread thread, client.CreateThread(request));
  PrintThread(thread, printer);
  return absl::OkStatus();
}

absl::Status GetThread(const v1::GetThreadRequest& request, ThreadClient& client,
                       Printer& printer) {
  ASSIGN_OR_RETURN(const v1::ConversationThread thread, client.GetThread(request));
  PrintSelected(thread, ThreadProperties(thread), Selection(request.read_mask(), request.expand()),
                printer);
  return absl::OkStatus();
}

// Appends all posts of `thread` to it.
absl::Status ReadPosts(ThreadClient& client, v1::ConversationThread* thread) {
  v1::ListPostsRequest request;
  request.set_parent(thread->name());
  do {
    ASSIGN_OR_RETURN(const v1::ListPostsResponse page, client.ListPosts(request));
    thread->mutable_posts()->MergeFrom(page.posts());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::Status ShowThread(const v1::GetThreadRequest& request, ThreadClient& client,
                        Printer& printer) {
  ASSIGN_OR_RETURN(v1::ConversationThread thread, client.GetThread(request));
  RETURN_IF_ERROR(ReadPosts(client, &thread));
  printer.PrintView(thread, FormatThread(thread, absl::LocalTimeZone(), printer.IsInColor()));
  return absl::OkStatus();
}

absl::Status UpdateThread(const v1::UpdateThreadRequest& request, ThreadClient& client,
                          Printer& printer) {
  ASSIGN_OR_RETURN(const v1::ConversationThread thread, client.UpdateThread(request));
  PrintThread(thread, printer);
  return absl::OkStatus();
}

absl::Status DeleteThread(const v1::DeleteThreadRequest& request, ThreadClient& client,
                          Printer& /*printer*/) {
  return client.DeleteThread(request);
}

absl::Status ListThreads(const ListThreadsArguments& arguments, ThreadClient& client,
                         Printer& printer) {
  const ListView<v1::ConversationThread> view{
      "threads", {"NAME", "LAST DELIVERED", "LOCKED", "TOPIC"}, &ThreadRow};
  const Selection selection(arguments.request.read_mask(), arguments.request.expand());
  return PrintList(arguments, &ThreadClient::ListThreads, &v1::ListThreadsResponse::threads,
                   Selected(view, selection), client, printer);
}

absl::Status SearchThreads(const SearchThreadsArguments& arguments, ThreadClient& client,
                           Printer& printer) {
  const Selection selection(arguments.request.read_mask(), {});
  const ListView<v1::ConversationThread> of_threads = Selected<v1::ConversationThread>(
      {"",
       {"NAME", "LAST DELIVERED", "TOPIC"},
       [](const v1::ConversationThread& thread) -> Row {
         return {thread.name(), LastDelivered(thread), thread.topic()};
       }},
      selection);
  ListView<v1::SearchResult> view{"results", of_threads.columns,
                                  [&of_threads](const v1::SearchResult& result) {
                                    Row row = of_threads.row(result.thread());
                                    row.push_back(result.post());
                                    return row;
                                  }};
  view.columns.push_back("POST");
  return PrintList(arguments, &ThreadClient::SearchThreads, &v1::SearchThreadsResponse::results,
                   view, client, printer);
}

void AddCreate(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::CreateThreadRequest>();
  CLI::App* verb = AddVerb(
      noun, "create", "Creates a thread.",
      "Under a group it begins a new conversation, under a conversation it joins it. The thread "
      "is JSON as\nMicrosoft Graph writes it, on standard input unless a flag says otherwise.\n\n"
      "Examples:\n"
      "  threadctl thread create groups/team-a --topic='Lunch on Friday'\n"
      "  threadctl thread create groups/team-a --file=request.json\n"
      "  echo '{\"topic\": \"Lunch\"}' | threadctl thread create groups/team-a");
  AddName(verb, "PARENT", request->mutable_parent(),
          "groups/GROUP[/conversations/CONVERSATION], or me/joinedGroups/GROUP[/...]");
  CLI::Option* topic =
      verb->add_option("--topic", "Create a thread that has only this topic")->type_name("TEXT");
  const CLI::Option* file =
      AddFile(verb, "The file with the thread's JSON; - is standard input")->excludes(topic);
  AddRequestId(verb, request->mutable_request_id());
  verb->callback([request, topic, file, command] {
    v1::ConversationThread* thread = request->mutable_thread();
    if (topic->count() > 0) {
      thread->set_topic(topic->as<std::string>());
    } else {
      ReadJsonInput(InputPath(*file, "a thread (--topic, --file, or JSON on standard input)"),
                    thread);
    }
    *command = Bind(request, &CreateThread);
  });
}

void AddGet(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::GetThreadRequest>();
  CLI::App* verb =
      AddVerb(noun, "get", "Prints a thread.",
              absl::StrCat(kSelectionNotes,
                           "Examples:\n"
                           "  threadctl thread get groups/team-a/threads/THREAD\n"
                           "  threadctl --output=json thread get groups/team-a/threads/THREAD "
                           "--fields=topic --expand=posts"));
  AddName(verb, "NAME", request->mutable_name(), kThreadName);
  AddFields(verb, request->mutable_read_mask());
  AddExpand(verb, request->mutable_expand(), kExpandable);
  SetCommand(verb, command, request, &GetThread);
}

void AddShow(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::GetThreadRequest>();
  CLI::App* verb = AddVerb(
      noun, "show", "Prints a thread and its posts, to be read.",
      "Replies stand indented below what they reply to, in local time. Colours are for terminals;\n"
      "NO_COLOR in the environment keeps them off. HTML is shown as its text. With\n"
      "--output=json: the thread, with its posts in it.\n\n"
      "Example:\n"
      "  threadctl thread show groups/team-a/threads/THREAD");
  AddName(verb, "NAME", request->mutable_name(), kThreadName);
  SetCommand(verb, command, request, &ShowThread);
}

void AddReply(CLI::App& noun, Command* command) {
  CLI::App* verb = AddVerb(
      noun, "reply", "Adds a post to a thread.",
      absl::StrCat(
          kReplyNotes,
          "Examples:\n"
          "  threadctl thread reply groups/team-a/threads/THREAD --body='Me too.'\n"
          "  threadctl thread reply groups/team-a/threads/THREAD --body='The menu' "
          "--attach=menu.pdf\n"
          "  echo '{\"body\": {\"contentType\": \"html\", \"content\": "
          "\"<p>Yes\"}}' |\n"
          "    threadctl thread reply groups/team-a/threads/THREAD --from=ann@example.com"));
  SetReplyCommand(verb, kThreadName, &ThreadClient::ReplyToThread, command);
}

void AddUpdate(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::UpdateThreadRequest>();
  v1::ConversationThread* thread = request->mutable_thread();
  CLI::App* verb = AddVerb(noun, "update", "Locks or unlocks a thread.",
                           "A locked thread takes no further posts.\n\n"
                           "Example:\n"
                           "  threadctl thread update groups/team-a/threads/THREAD --lock");
  AddName(verb, "NAME", thread->mutable_name(), kThreadName);
  CLI::Option* lock =
      verb->add_flag("--lock")->description("Take no further posts")->disable_flag_override();
  const CLI::Option* unlock = verb->add_flag("--unlock")
                                  ->description("Take posts again")
                                  ->disable_flag_override()
                                  ->excludes(lock);
  AddEtag(verb, thread->mutable_etag());
  verb->callback([request, thread, lock, unlock, command] {
    thread->set_is_locked(lock->count() > 0);
    if (lock->count() + unlock->count() > 0) request->mutable_update_mask()->add_paths("is_locked");
    RequireChange(request->update_mask(), "--lock or --unlock");
    *command = Bind(request, &UpdateThread);
  });
}

void AddDelete(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::DeleteThreadRequest>();
  CLI::App* verb = AddVerb(noun, "delete", "Deletes a thread.",
                           "Its posts go with it, and its conversation if it was the last thread "
                           "there. Prints nothing.\n\n"
                           "Example:\n"
                           "  threadctl thread delete groups/team-a/threads/THREAD");
  AddName(verb, "NAME", request->mutable_name(), kThreadName);
  AddEtag(verb, request->mutable_etag());
  SetCommand(verb, command, request, &DeleteThread);
}

void AddList(CLI::App& noun, Command* command) {
  const auto arguments = std::make_shared<ListThreadsArguments>();
  CLI::App* verb =
      AddVerb(noun, "list", "Lists the threads of a group or of a conversation.",
              absl::StrCat("The newest activity comes first unless --order_by says otherwise.\n",
                           kPageNotes, kSelectionNotes,
                           "Examples:\n"
                           "  threadctl thread list groups/team-a --order_by=create_time\n"
                           "  threadctl thread list groups/team-a --fields=name,preview "
                           "--filter=\"has_attachments eq true and not is_locked\""));
  AddName(verb, "PARENT", arguments->request.mutable_parent(),
          "groups/GROUP[/conversations/CONVERSATION], or me/joinedGroups/GROUP[/...]");
  AddFilter(verb, arguments->request.mutable_filter());
  AddOrderBy(verb, arguments->request.mutable_order_by(),
             "last_delivered_date_time, create_time or topic; with desc behind it, the other way");
  AddFields(verb, arguments->request.mutable_read_mask());
  AddExpand(verb, arguments->request.mutable_expand(), kExpandable);
  AddCountFlag(verb, arguments);
  AddPageFlags(verb, arguments);
  SetCommand(verb, command, arguments, &ListThreads);
}

void AddSearch(CLI::App& noun, Command* command) {
  const auto arguments = std::make_shared<SearchThreadsArguments>();
  CLI::App* verb = AddVerb(
      noun, "search", "Finds the threads of a group whose topic and posts have all of some words.",
      absl::StrCat(
          "The newest match comes first, with the post that matched. \"Words in quotes\" have to "
          "be\n"
          "there in that order; begin* is any word that begins so. Case and accents make no "
          "difference.\n",
          kPageNotes,
          "Examples:\n"
          "  threadctl thread search groups/team-a 'lunch friday'\n"
          "  threadctl thread search groups/team-a '\"on friday\" piz*' --order_by=rank"));
  AddName(verb, "PARENT", arguments->request.mutable_parent(),
          "groups/GROUP or me/joinedGroups/GROUP");
  AddName(verb, "QUERY", arguments->request.mutable_query(), "The words");
  AddOrderBy(verb, arguments->request.mutable_order_by(), "rank: the best match first");
  AddFields(verb, arguments->request.mutable_read_mask());
  AddPageFlags(verb, arguments);
  SetCommand(verb, command, arguments, &SearchThreads);
}

}  // namespace

void AddThreadCommands(CLI::App& app, Command* command) {
  CLI::App* noun = AddNoun(app, "thread", "Conversation threads of groups");
  AddCreate(*noun, command);
  AddDelete(*noun, command);
  AddGet(*noun, command);
  AddList(*noun, command);
  AddReply(*noun, command);
  AddSearch(*noun, command);
  AddShow(*noun, command);
  AddUpdate(*noun, command);
}

}  // namespace threadstore::threadctl
