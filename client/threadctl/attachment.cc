#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/threadctl/command.h"
#include "client/threadctl/input.h"
#include "client/threadctl/post.h"
#include "client/threadctl/text.h"
#include "threadstore/v1/post_service.pb.h"

namespace threadstore::threadctl {
namespace {

using ListAttachmentsArguments = ListArguments<v1::ListAttachmentsRequest>;

struct GetAttachmentArguments {
  v1::GetAttachmentRequest request;
  std::string output_file;
};

std::string KindName(const v1::Attachment& attachment) {
  switch (attachment.kind_case()) {
    case v1::Attachment::kFile:
      return "file";
    case v1::Attachment::kItem:
      return "item";
    case v1::Attachment::kReference:
      return "reference";
    case v1::Attachment::KIND_NOT_SET:
      break;
  }
  return "unknown";
}

void PrintAttachment(const v1::Attachment& attachment, Printer& printer) {
  Properties properties = {{"name", attachment.name()},
                           {"display name", attachment.display_name()},
                           {"kind", KindName(attachment)},
                           {"content type", attachment.content_type()},
                           {"bytes", absl::StrCat(attachment.size())},
                           {"is inline", YesOrNo(attachment.is_inline())},
                           {"last modified", LastModified(attachment)}};
  if (attachment.has_file()) properties.push_back({"content id", attachment.file().content_id()});
  if (attachment.has_reference()) {
    properties.push_back({"link", attachment.reference().source_url()});
    properties.push_back({"provider", attachment.reference().provider_type()});
    properties.push_back({"permission", attachment.reference().permission()});
    properties.push_back({"is folder", YesOrNo(attachment.reference().is_folder())});
  }
  printer.PrintResource(attachment, properties);
}

absl::Status AddAttachment(const v1::CreateAttachmentRequest& request, ThreadClient& client,
                           Printer& printer) {
  ASSIGN_OR_RETURN(const v1::Attachment attachment, client.CreateAttachment(request));
  PrintAttachment(attachment, printer);
  return absl::OkStatus();
}

absl::Status GetAttachment(const GetAttachmentArguments& arguments, ThreadClient& client,
                           Printer& printer) {
  const bool is_to_file = !arguments.output_file.empty();
  const bool is_json = !is_to_file && printer.format() == OutputFormat::kJson;
  const bool is_content = is_to_file || (!is_json && !printer.IsTerminal());
  v1::GetAttachmentRequest request = arguments.request;
  request.set_view(is_content || is_json ? v1::ATTACHMENT_VIEW_FULL : v1::ATTACHMENT_VIEW_BASIC);
  ASSIGN_OR_RETURN(const v1::Attachment attachment, client.GetAttachment(request));
  if (!is_content) {
    PrintAttachment(attachment, printer);
    return absl::OkStatus();
  }
  if (!attachment.has_file() && !attachment.has_item()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the attachment has no content: it is a link to ", attachment.reference().source_url()));
  }
  const std::string& content =
      attachment.has_file() ? attachment.file().content_bytes() : attachment.item().item_json();
  if (is_to_file) {
    printer.WriteFile(arguments.output_file, content);
  } else {
    printer.PrintText(content);
  }
  return absl::OkStatus();
}

absl::Status ListAttachments(const ListAttachmentsArguments& arguments, ThreadClient& client,
                             Printer& printer) {
  const ListView<v1::Attachment> view{
      "attachments",
      {"NAME", "KIND", "BYTES", "CONTENT TYPE", "DISPLAY NAME"},
      [](const v1::Attachment& attachment) -> Row {
        return {attachment.name(), KindName(attachment), absl::StrCat(attachment.size()),
                attachment.content_type(), attachment.display_name()};
      }};
  return PrintList(arguments, &ThreadClient::ListAttachments,
                   &v1::ListAttachmentsResponse::attachments, view, client, printer);
}

void AddAdd(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::CreateAttachmentRequest>();
  const auto path = std::make_shared<std::string>();
  CLI::App* verb =
      AddVerb(noun, "add", "Attaches a file to a post.",
              "A user may do so to its own posts only.\n\n"
              "Example:\n"
              "  threadctl attachment add groups/team-a/threads/THREAD/posts/POST menu.pdf "
              "--content_type=application/pdf");
  AddName(verb, "POST", request->mutable_parent(), kPostName);
  AddName(verb, "FILE", path.get(), "The file");
  const CLI::Option* name =
      verb->add_option("--display_name", "What people see, in place of the file's name")
          ->type_name("TEXT");
  const CLI::Option* content_type =
      verb->add_option("--content_type", "The media type")->type_name("TEXT");
  const CLI::Option* content_id =
      verb->add_option("--content_id", "Show it in the post's HTML, which refers to it by this")
          ->type_name("TEXT");
  AddRequestId(verb, request->mutable_request_id());
  verb->callback([=] {
    v1::Attachment* attachment = request->mutable_attachment();
    *attachment = ReadAttachment(*path);
    if (name->count() > 0) attachment->set_display_name(name->as<std::string>());
    if (content_type->count() > 0) attachment->set_content_type(content_type->as<std::string>());
    if (content_id->count() > 0) {
      attachment->mutable_file()->set_content_id(content_id->as<std::string>());
      attachment->set_is_inline(true);
    }
    *command = Bind(request, &AddAttachment);
  });
}

void AddGet(CLI::App& noun, Command* command) {
  const auto arguments = std::make_shared<GetAttachmentArguments>();
  CLI::App* verb = AddVerb(
      noun, "get", "Writes what is attached, as it is, to a file or to standard output.",
      "On a terminal, and with --output=json, prints the attachment's properties instead, unless\n"
      "--output_file is given. A link has no content.\n\n"
      "Example:\n"
      "  threadctl attachment get groups/team-a/threads/THREAD/posts/POST/attachments/ATTACHMENT "
      "--output_file=menu.pdf");
  AddName(verb, "NAME", arguments->request.mutable_name(),
          absl::StrCat(kPostName, "/attachments/ATTACHMENT"));
  verb->add_option("--output_file", arguments->output_file, "Write the content into this file")
      ->type_name("FILE");
  SetCommand(verb, command, arguments, &GetAttachment);
}

void AddList(CLI::App& noun, Command* command) {
  const auto arguments = std::make_shared<ListAttachmentsArguments>();
  CLI::App* verb =
      AddVerb(noun, "list", "Lists the attachments of a post, without their content.",
              absl::StrCat(kPageNotes,
                           "Example:\n"
                           "  threadctl attachment list groups/team-a/threads/THREAD/posts/POST"));
  AddName(verb, "POST", arguments->request.mutable_parent(), kPostName);
  AddPageFlags(verb, arguments);
  SetCommand(verb, command, arguments, &ListAttachments);
}

}  // namespace

void AddAttachmentCommands(CLI::App& app, Command* command) {
  CLI::App* noun = AddNoun(app, "attachment", "Attachments: the files, items and links of posts");
  AddAdd(*noun, command);
  AddGet(*noun, command);
  AddList(*noun, command);
}

}  // namespace threadstore::threadctl
