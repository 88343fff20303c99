#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/threadctl/command.h"
#include "server/base/errno_text.h"
#include "server/base/proto_json.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/thread_service.pb.h"

namespace threadstore::threadctl {
namespace {

using ListThreadsArguments = ListArguments<v1::ListThreadsRequest>;

// The server takes 5 MiB; JSON may write each byte of a text as six.
constexpr size_t kMaxFileBytes = size_t{32} << 20;

// ---- What is printed ----

std::string RecipientText(const v1::Recipient& recipient) {
  const std::string& name = recipient.email_address().name();
  const std::string& address = recipient.email_address().address();
  if (address.empty()) return name.empty() ? "(no address)" : name;
  return name.empty() ? address : absl::StrCat(name, " <", address, ">");
}

template <typename Recipients>
std::string RecipientsText(const Recipients& recipients) {
  return absl::StrJoin(recipients, ", ", [](std::string* out, const v1::Recipient& recipient) {
    absl::StrAppend(out, RecipientText(recipient));
  });
}

std::string YesOrNo(bool value) { return value ? "yes" : "no"; }

std::string LastDelivered(const v1::ConversationThread& thread) {
  return FormatTime(
      thread.has_last_delivered_date_time() ? &thread.last_delivered_date_time() : nullptr,
      absl::LocalTimeZone());
}

std::string Created(const v1::ConversationThread& thread) {
  return FormatTime(thread.has_created_date_time() ? &thread.created_date_time() : nullptr,
                    absl::LocalTimeZone());
}

std::string LastModified(const v1::ConversationThread& thread) {
  return FormatTime(
      thread.has_last_modified_date_time() ? &thread.last_modified_date_time() : nullptr,
      absl::LocalTimeZone());
}

void PrintThread(const v1::ConversationThread& thread, Printer& printer) {
  printer.PrintResource(thread, {{"name", thread.name()},
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
                                 {"etag", thread.etag()}});
}

Row ThreadRow(const v1::ConversationThread& thread) {
  return {thread.name(), LastDelivered(thread), YesOrNo(thread.is_locked()), thread.topic()};
}

// ---- What is read ----

[[noreturn]] void ThrowFileError(absl::string_view source, absl::string_view what) {
  throw CLI::FileError(absl::StrCat(source, ": ", what));
}

std::string ReadAll(std::FILE* file, absl::string_view source) {
  std::string text;
  std::array<char, 1 << 16> buffer;
  while (const size_t size = std::fread(buffer.data(), 1, buffer.size(), file)) {
    text.append(buffer.data(), size);
    if (text.size() > kMaxFileBytes) {
      ThrowFileError(source, absl::StrCat("is larger than ", kMaxFileBytes >> 20, " MiB"));
    }
  }
  if (std::ferror(file) != 0) ThrowFileError(source, ErrnoText(errno));
  return text;
}

// The thread that the JSON in the file at `path` describes; that on standard input for `-`.
v1::ConversationThread ReadThread(const std::string& path) {
  const bool is_standard_input = path == "-";
  const std::string source = is_standard_input ? "standard input" : path;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(
      is_standard_input ? nullptr : std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (!is_standard_input && opened == nullptr) {
    ThrowFileError(source, ErrnoText(errno));
  }
  v1::ConversationThread thread;
  const absl::Status status =
      ReadProtoJson(ReadAll(is_standard_input ? stdin : opened.get(), source), &thread);
  if (!status.ok()) ThrowFileError(source, status.message());
  return thread;
}

// ---- Verbs ----

struct CreateThreadArguments {
  v1::CreateThreadRequest request;
  std::string topic;
  std::string file;
};

absl::Status CreateThread(const CreateThreadArguments& arguments, ThreadClient& client,
                          Printer& printer) {
  ASSIGN_OR_RETURN(const v1::ConversationThread thread, client.CreateThread(arguments.request));
  PrintThread(thread, printer);
  return absl::OkStatus();
}

absl::Status GetThread(const v1::GetThreadRequest& request, ThreadClient& client,
                       Printer& printer) {
  ASSIGN_OR_RETURN(const v1::ConversationThread thread, client.GetThread(request));
  PrintThread(thread, printer);
  return absl::OkStatus();
}

absl::Status ListThreads(const ListThreadsArguments& arguments, ThreadClient& client,
                         Printer& printer) {
  const ListView<v1::ConversationThread> view{
      "threads", {"NAME", "LAST DELIVERED", "LOCKED", "TOPIC"}, &ThreadRow};
  return PrintList(arguments, &ThreadClient::ListThreads, &v1::ListThreadsResponse::threads, view,
                   client, printer);
}

void AddCreate(CLI::App& noun, Command* command) {
  const auto arguments = std::make_shared<CreateThreadArguments>();
  CLI::App* verb = AddVerb(
      noun, "create", "Creates a thread.",
      "Under a group it begins a new conversation, under a conversation it joins it. The thread "
      "is JSON as\nMicrosoft Graph writes it, on standard input unless a flag says otherwise.\n\n"
      "Examples:\n"
      "  threadctl thread create groups/team-a --topic='Lunch on Friday'\n"
      "  threadctl thread create groups/team-a --file=request.json\n"
      "  echo '{\"topic\": \"Lunch\"}' | threadctl thread create groups/team-a");
  AddName(verb, "PARENT", arguments->request.mutable_parent(),
          "groups/GROUP[/conversations/CONVERSATION], or me/joinedGroups/GROUP[/...]");
  CLI::Option* topic =
      verb->add_option("--topic", arguments->topic, "Create a thread that has only this topic");
  CLI::Option* file = verb->add_option("--file", arguments->file,
                                       "The file with the thread's JSON; - is standard input")
                          ->type_name("FILE")
                          ->excludes(topic);
  verb->add_option("--request_id", *arguments->request.mutable_request_id(),
                   "A UUID, under which the same request creates nothing new when sent again");
  verb->callback([arguments, topic, file, command] {
    v1::ConversationThread* thread = arguments->request.mutable_thread();
    if (topic->count() > 0) {
      thread->set_topic(arguments->topic);
    } else if (file->count() > 0) {
      *thread = ReadThread(arguments->file);
    } else if (isatty(STDIN_FILENO) == 0) {
      *thread = ReadThread("-");
    } else {
      throw CLI::RequiredError("a thread (--topic, --file, or JSON on standard input)");
    }
    *command = Bind(arguments, &CreateThread);
  });
}

void AddGet(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::GetThreadRequest>();
  CLI::App* verb = AddVerb(noun, "get", "Prints a thread.",
                           "Example:\n"
                           "  threadctl thread get groups/team-a/threads/THREAD");
  AddName(verb, "NAME", request->mutable_name(),
          "groups/GROUP/threads/THREAD, or me/joinedGroups/GROUP/threads/THREAD");
  SetCommand(verb, command, request, &GetThread);
}

void AddList(CLI::App& noun, Command* command) {
  const auto arguments = std::make_shared<ListThreadsArguments>();
  CLI::App* verb =
      AddVerb(noun, "list", "Lists the threads of a group or of a conversation.",
              absl::StrCat("The newest activity comes first unless --order_by says otherwise.\n",
                           kPageNotes,
                           "Example:\n"
                           "  threadctl thread list groups/team-a --order_by=create_time"));
  AddName(verb, "PARENT", arguments->request.mutable_parent(),
          "groups/GROUP[/conversations/CONVERSATION], or me/joinedGroups/GROUP[/...]");
  verb->add_option("--order_by", *arguments->request.mutable_order_by(),
                   "last_delivered_date_time desc, create_time or create_time desc");
  AddPageFlags(verb, arguments);
  SetCommand(verb, command, arguments, &ListThreads);
}

}  // namespace

void AddThreadCommands(CLI::App& app, Command* command) {
  CLI::App* noun = AddNoun(app, "thread", "Conversation threads of groups");
  AddCreate(*noun, command);
  AddGet(*noun, command);
  AddList(*noun, command);
}

}  // namespace threadstore::threadctl
