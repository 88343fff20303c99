#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/threadctl/command.h"
#include "client/threadctl/input.h"
#include "client/threadctl/post.h"
#include "threadstore/v1/post_service.pb.h"

namespace threadstore::threadctl {
namespace {

using ListExtensionsArguments = ListArguments<v1::ListExtensionsRequest>;

std::string ExtensionNameHelp() { return absl::StrCat(kPostName, "/extensions/EXTENSION"); }

void PrintExtension(const v1::Extension& extension, Printer& printer) {
  printer.PrintResource(extension,
                        {{"name", extension.name()}, {"content", extension.content_json()}});
}

absl::Status CreateExtension(const v1::CreateExtensionRequest& request, ThreadClient& client,
                             Printer& printer) {
  ASSIGN_OR_RETURN(const v1::Extension extension, client.CreateExtension(request));
  PrintExtension(extension, printer);
  return absl::OkStatus();
}

absl::Status GetExtension(const v1::GetExtensionRequest& request, ThreadClient& client,
                          Printer& printer) {
  ASSIGN_OR_RETURN(const v1::Extension extension, client.GetExtension(request));
  PrintExtension(extension, printer);
  return absl::OkStatus();
}

absl::Status ListExtensions(const ListExtensionsArguments& arguments, ThreadClient& client,
                            Printer& printer) {
  const ListView<v1::Extension> view{
      "extensions", {"NAME", "BYTES"}, [](const v1::Extension& extension) -> Row {
        return {extension.name(), absl::StrCat(extension.content_json().size())};
      }};
  return PrintList(arguments, &ThreadClient::ListExtensions,
                   &v1::ListExtensionsResponse::extensions, view, client, printer);
}

absl::Status UpdateExtension(const v1::UpdateExtensionRequest& request, ThreadClient& client,
                             Printer& printer) {
  ASSIGN_OR_RETURN(const v1::Extension extension, client.UpdateExtension(request));
  PrintExtension(extension, printer);
  return absl::OkStatus();
}

absl::Status DeleteExtension(const v1::DeleteExtensionRequest& request, ThreadClient& client,
                             Printer& /*printer*/) {
  return client.DeleteExtension(request);
}

// What the verb's content is, read when the command line has been parsed. The server keeps it as it
// is, so it is not read as JSON here.
std::function<std::string()> AddContent(CLI::App* verb) {
  CLI::Option* content =
      verb->add_option("--content", "The content, a JSON object")->type_name("JSON");
  const CLI::Option* file =
      AddFile(verb, "The file with the content; - is standard input")->excludes(content);
  return [content, file] {
    if (content->count() > 0) return content->as<std::string>();
    return ReadInput(
        InputPath(*file, "the content (--content, --file, or JSON on standard input)"));
  };
}

void AddCreate(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::CreateExtensionRequest>();
  v1::Extension* extension = request->mutable_extension();
  CLI::App* verb = AddVerb(
      noun, "create", "Adds an extension to a post.",
      "Its content is a JSON object, on standard input unless a flag says otherwise.\n\n"
      "Example:\n"
      "  echo '{\"ticket\": 7}' |\n"
      "    threadctl extension create groups/team-a/threads/THREAD/posts/POST com.example.ticket");
  AddName(verb, "POST", request->mutable_parent(), kPostName);
  AddName(verb, "EXTENSION", extension->mutable_extension_name(),
          "The extension's name: 1 to 128 of A-Z a-z 0-9 . _ -");
  const std::function<std::string()> content = AddContent(verb);
  AddRequestId(verb, request->mutable_request_id());
  verb->callback([request, extension, content, command] {
    extension->set_content_json(content());
    *command = Bind(request, &CreateExtension);
  });
}

void AddGet(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::GetExtensionRequest>();
  CLI::App* verb = AddVerb(noun, "get", "Prints an extension.",
                           "Example:\n"
                           "  threadctl extension get "
                           "groups/team-a/threads/THREAD/posts/POST/extensions/com.example.ticket");
  AddName(verb, "NAME", request->mutable_name(), ExtensionNameHelp());
  SetCommand(verb, command, request, &GetExtension);
}

void AddList(CLI::App& noun, Command* command) {
  const auto arguments = std::make_shared<ListExtensionsArguments>();
  CLI::App* verb =
      AddVerb(noun, "list", "Lists the extensions of a post.",
              absl::StrCat(kPageNotes,
                           "Example:\n"
                           "  threadctl extension list groups/team-a/threads/THREAD/posts/POST"));
  AddName(verb, "POST", arguments->request.mutable_parent(), kPostName);
  AddPageFlags(verb, arguments);
  SetCommand(verb, command, arguments, &ListExtensions);
}

void AddUpdate(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::UpdateExtensionRequest>();
  v1::Extension* extension = request->mutable_extension();
  CLI::App* verb =
      AddVerb(noun, "update", "Replaces the content of an extension.",
              "The content is a JSON object, on standard input unless a flag says otherwise.\n\n"
              "Example:\n"
              "  threadctl extension update "
              "groups/team-a/threads/THREAD/posts/POST/extensions/com.example.ticket \\\n"
              "    --content='{\"ticket\": 8}'");
  AddName(verb, "NAME", extension->mutable_name(), ExtensionNameHelp());
  const std::function<std::string()> content = AddContent(verb);
  verb->callback([request, extension, content, command] {
    extension->set_content_json(content());
    request->mutable_update_mask()->add_paths("content_json");
    *command = Bind(request, &UpdateExtension);
  });
}

void AddDelete(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::DeleteExtensionRequest>();
  CLI::App* verb = AddVerb(noun, "delete", "Deletes an extension.",
                           "Prints nothing.\n\n"
                           "Example:\n"
                           "  threadctl extension delete "
                           "groups/team-a/threads/THREAD/posts/POST/extensions/com.example.ticket");
  AddName(verb, "NAME", request->mutable_name(), ExtensionNameHelp());
  SetCommand(verb, command, request, &DeleteExtension);
}

}  // namespace

void AddExtensionCommands(CLI::App& app, Command* command) {
  CLI::App* noun = AddNoun(app, "extension", "Extensions: what applications keep with posts");
  AddCreate(*noun, command);
  AddDelete(*noun, command);
  AddGet(*noun, command);
  AddList(*noun, command);
  AddUpdate(*noun, command);
}

}  // namespace threadstore::threadctl
