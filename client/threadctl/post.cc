#include "client/threadctl/post.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/threadctl/selection.h"
#include "client/threadctl/text.h"
#include "threadstore/v1/post_service.pb.h"

namespace threadstore::threadctl {
namespace {

using ListPostsArguments = ListArguments<v1::ListPostsRequest>;

constexpr char kExpandable[] = "attachments, extensions, in_reply_to";

Properties PostProperties(const v1::Post& post) {
  return {{"name", post.name()},
          {"in reply to", post.in_reply_to()},
          {"from", RecipientText(post.from())},
          {"sender", RecipientText(post.sender())},
          {"new participants", RecipientsText(post.new_participants())},
          {"categories", absl::StrJoin(post.categories(), ", ")},
          {"content type", post.body().content_type()},
          {"content", post.body().content()},
          {"has attachments", YesOrNo(post.has_attachments())},
          {"created", Created(post)},
          {"last modified", LastModified(post)},
          {"etag", post.etag()}};
}

absl::Status GetPost(const v1::GetPostRequest& request, ThreadClient& client, Printer& printer) {
  ASSIGN_OR_RETURN(const v1::Post post, client.GetPost(request));
  PrintSelected(post, PostProperties(post), Selection(request.read_mask(), request.expand()),
                printer);
  return absl::OkStatus();
}

absl::Status ListPosts(const ListPostsArguments& arguments, ThreadClient& client,
                       Printer& printer) {
  const ListView<v1::Post> view{
      "posts", {"NAME", "CREATED", "ATTACHMENTS", "SENDER"}, [](const v1::Post& post) -> Row {
        return {post.name(), Created(post), YesOrNo(post.has_attachments()),
                RecipientText(post.sender())};
      }};
  const Selection selection(arguments.request.read_mask(), arguments.request.expand());
  return PrintList(arguments, &ThreadClient::ListPosts, &v1::ListPostsResponse::posts,
                   Selected(view, selection), client, printer);
}

absl::Status ForwardPost(const v1::ForwardPostRequest& request, ThreadClient& client,
                         Printer& printer) {
  ASSIGN_OR_RETURN(const v1::Forward forward, client.ForwardPost(request));
  printer.PrintResource(forward, {{"name", forward.name()},
                                  {"to", RecipientsText(forward.to_recipients())},
                                  {"comment", forward.comment()},
                                  {"created", Created(forward)}});
  return absl::OkStatus();
}

absl::Status UpdatePost(const v1::UpdatePostRequest& request, ThreadClient& client,
                        Printer& printer) {
  ASSIGN_OR_RETURN(const v1::Post post, client.UpdatePost(request));
  PrintPost(post, printer);
  return absl::OkStatus();
}

absl::Status DeletePost(const v1::DeletePostRequest& request, ThreadClient& client,
                        Printer& /*printer*/) {
  return client.DeletePost(request);
}

void AddGet(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::GetPostRequest>();
  CLI::App* verb =
      AddVerb(noun, "get", "Prints a post.",
              absl::StrCat(kSelectionNotes,
                           "Example:\n"
                           "  threadctl post get groups/team-a/threads/THREAD/posts/POST"));
  AddName(verb, "NAME", request->mutable_name(), kPostName);
  AddFields(verb, request->mutable_read_mask());
  AddExpand(verb, request->mutable_expand(), kExpandable);
  SetCommand(verb, command, request, &GetPost);
}

void AddList(CLI::App& noun, Command* command) {
  const auto arguments = std::make_shared<ListPostsArguments>();
  CLI::App* verb =
      AddVerb(noun, "list", "Lists the posts of a thread.",
              absl::StrCat("The oldest comes first unless --order_by says otherwise. To read them: "
                           "threadctl thread show.\n",
                           kPageNotes, kSelectionNotes,
                           "Examples:\n"
                           "  threadctl post list groups/team-a/threads/THREAD\n"
                           "  threadctl post list groups/team-a/threads/THREAD "
                           "--filter=\"sender.email_address.name eq 'Ann'\" --fields=name,body"));
  AddName(verb, "PARENT", arguments->request.mutable_parent(), kThreadName);
  AddFilter(verb, arguments->request.mutable_filter());
  AddOrderBy(verb, arguments->request.mutable_order_by(), "create_time or create_time desc");
  AddFields(verb, arguments->request.mutable_read_mask());
  AddExpand(verb, arguments->request.mutable_expand(), kExpandable);
  AddCountFlag(verb, arguments);
  AddPageFlags(verb, arguments);
  SetCommand(verb, command, arguments, &ListPosts);
}

void AddReply(CLI::App& noun, Command* command) {
  CLI::App* verb = AddVerb(
      noun, "reply", "Replies to a post.",
      absl::StrCat(kReplyNotes,
                   "Example:\n"
                   "  threadctl post reply groups/team-a/threads/THREAD/posts/POST --body='Yes.'"));
  SetReplyCommand(verb, kPostName, &ThreadClient::ReplyToPost, command);
}

void AddForward(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::ForwardPostRequest>();
  CLI::App* verb = AddVerb(
      noun, "forward", "Records that a post is to be sent to others.",
      "The store delivers no mail; a mailer acts on the record.\n\n"
      "Example:\n"
      "  threadctl post forward groups/team-a/threads/THREAD/posts/POST --to=bo@example.com");
  AddName(verb, "NAME", request->mutable_name(), kPostName);
  CLI::Option* to =
      AddRepeatedFlag(verb, "--to", "To whom: 'NAME <ADDRESS>', or an address; may be repeated")
          ->type_name("RECIPIENT")
          ->required();
  verb->add_option("--comment", *request->mutable_comment(), "What to say above the post");
  AddRequestId(verb, request->mutable_request_id());
  verb->callback([request, to, command] {
    for (const std::string& recipient : to->results()) {
      *request->add_to_recipients() = ParseRecipient(recipient);
    }
    *command = Bind(request, &ForwardPost);
  });
}

void AddUpdate(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::UpdatePostRequest>();
  CLI::App* verb = AddVerb(noun, "update", "Changes the text or the categories of a post.",
                           "A user may change its own posts only.\n\n"
                           "Example:\n"
                           "  threadctl post update groups/team-a/threads/THREAD/posts/POST "
                           "--body='Yes, please.'");
  AddName(verb, "NAME", request->mutable_post()->mutable_name(), kPostName);
  const BodyFlags body = AddBodyFlags(verb);
  CLI::Option* categories =
      AddRepeatedFlag(verb, "--category", "A category, in place of those it has; may be repeated")
          ->type_name("TEXT");
  const CLI::Option* no_categories = verb->add_flag("--no_categories")
                                         ->description("Take its categories off")
                                         ->disable_flag_override()
                                         ->excludes(categories);
  AddEtag(verb, request->mutable_post()->mutable_etag());
  verb->callback([request, body, categories, no_categories, command] {
    if (IsGiven(body)) {
      *request->mutable_post()->mutable_body() = MakeBody(body);
      request->mutable_update_mask()->add_paths("body");
    }
    if (categories->count() + no_categories->count() > 0) {
      for (const std::string& category : categories->results()) {
        request->mutable_post()->add_categories(category);
      }
      request->mutable_update_mask()->add_paths("categories");
    }
    RequireChange(request->update_mask(), "--body, --html, --category or --no_categories");
    *command = Bind(request, &UpdatePost);
  });
}

void AddDelete(CLI::App& noun, Command* command) {
  const auto request = std::make_shared<v1::DeletePostRequest>();
  CLI::App* verb = AddVerb(noun, "delete", "Deletes a post.",
                           "Its attachments and extensions go with it, replies to it stay. A user "
                           "may delete its own posts,\nan owner of the group any. Prints nothing."
                           "\n\n"
                           "Example:\n"
                           "  threadctl post delete groups/team-a/threads/THREAD/posts/POST");
  AddName(verb, "NAME", request->mutable_name(), kPostName);
  AddEtag(verb, request->mutable_etag());
  SetCommand(verb, command, request, &DeletePost);
}

}  // namespace

void PrintPost(const v1::Post& post, Printer& printer) {
  printer.PrintResource(post, PostProperties(post));
}

void AddPostCommands(CLI::App& app, Command* command) {
  CLI::App* noun = AddNoun(app, "post", "Posts of threads");
  AddDelete(*noun, command);
  AddForward(*noun, command);
  AddGet(*noun, command);
  AddList(*noun, command);
  AddReply(*noun, command);
  AddUpdate(*noun, command);
}

}  // namespace threadstore::threadctl
