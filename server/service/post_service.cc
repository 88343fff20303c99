#include "server/service/post_service.h"

#include <optional>
#include <string>
#include <utility>

#include "google/protobuf/empty.pb.h"
#include "server/auth/access.h"
#include "server/base/status_macros.h"
#include "server/domain/resource.h"
#include "server/domain/validation.h"
#include "server/service/page_finisher.h"

namespace threadstore {
namespace {

using google::protobuf::Empty;

using GetPostCall = UnaryCall<v1::GetPostRequest, v1::Post, CallKind::kRead>;
using ListPostsCall = UnaryCall<v1::ListPostsRequest, v1::ListPostsResponse, CallKind::kRead>;
using UpdatePostCall = UnaryCall<v1::UpdatePostRequest, v1::Post, CallKind::kUpdate>;
using DeletePostCall = UnaryCall<v1::DeletePostRequest, Empty, CallKind::kWrite>;
using ReplyToPostCall = UnaryCall<v1::ReplyToPostRequest, v1::Post, CallKind::kWrite>;
using ForwardPostCall = UnaryCall<v1::ForwardPostRequest, v1::Forward, CallKind::kWrite>;
using CreateAttachmentCall =
    UnaryCall<v1::CreateAttachmentRequest, v1::Attachment, CallKind::kWrite>;
using GetAttachmentCall = UnaryCall<v1::GetAttachmentRequest, v1::Attachment, CallKind::kRead>;
using ListAttachmentsCall =
    UnaryCall<v1::ListAttachmentsRequest, v1::ListAttachmentsResponse, CallKind::kRead>;
using CreateExtensionCall = UnaryCall<v1::CreateExtensionRequest, v1::Extension, CallKind::kWrite>;
using GetExtensionCall = UnaryCall<v1::GetExtensionRequest, v1::Extension, CallKind::kRead>;
using ListExtensionsCall =
    UnaryCall<v1::ListExtensionsRequest, v1::ListExtensionsResponse, CallKind::kRead>;
using UpdateExtensionCall = UnaryCall<v1::UpdateExtensionRequest, v1::Extension, CallKind::kWrite>;
using DeleteExtensionCall = UnaryCall<v1::DeleteExtensionRequest, Empty, CallKind::kWrite>;

absl::Status HandleGetPost(GetPostCall& call) {
  ASSIGN_OR_RETURN(GetPostInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.post.thread.group, "name"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.GetPost(std::move(context), std::move(input.post), input.view,
                MaskedFinisher(std::move(call), std::move(input.mask)));
  return absl::OkStatus();
}

absl::Status HandleListPosts(ListPostsCall& call) {
  ASSIGN_OR_RETURN(ListPostsInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.parent.group, "parent"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.ListPosts(std::move(context), std::move(input.query),
                  PageFinisher(std::move(call), input.fingerprint, &PostPage::posts,
                               &v1::ListPostsResponse::mutable_posts, std::move(input.mask)));
  return absl::OkStatus();
}

absl::Status HandleUpdatePost(UpdatePostCall& call) {
  ASSIGN_OR_RETURN(UpdatePostInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.post.thread.group, "post.name"));
  ChangeContext context =
      call.MakeChangeContext(std::move(required_member), call.request().post().etag());
  // Without the rest, of which an update takes nothing; a body that is absent is empty text.
  v1::Post sent;
  *sent.mutable_body() = call.request().post().body();
  *sent.mutable_categories() = call.request().post().categories();
  v1::Post built = BuildPost(sent, context.now);
  PostChanges changes;
  if (input.changes_body) {
    changes.body = std::move(*built.mutable_body());
    changes.preview = MakePreview(*changes.body);
  }
  if (input.changes_categories) changes.categories = std::move(*built.mutable_categories());
  ThreadStore& store = call.services().store;
  store.UpdatePost(std::move(context), std::move(input.post), std::move(changes),
                   Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleDeletePost(DeletePostCall& call) {
  ASSIGN_OR_RETURN(PostName name, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), name.thread.group, "name"));
  ChangeContext context = call.MakeChangeContext(std::move(required_member), call.request().etag());
  ThreadStore& store = call.services().store;
  store.DeletePost(std::move(context), std::move(name), Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleReplyToPost(ReplyToPostCall& call) {
  ASSIGN_OR_RETURN(PostRequestInput input, Validate(call.request(), call.caller_kind()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.post.thread.group, "name"));
  const absl::Time now = call.services().clock.Now();
  NewPost reply;
  reply.post = BuildPost(call.request().post(), now);
  reply.preview = MakePreview(reply.post.body());
  reply.in_reply_to = input.post.post;
  CreateContext context =
      call.MakeCreateContext(std::move(required_member), now, input.request_id,
                             [&] { return HashRequest(input.post, call.request()); });
  ThreadStore& store = call.services().store;
  store.CreatePost(std::move(context), std::move(input.post.thread), std::move(reply),
                   Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleForwardPost(ForwardPostCall& call) {
  ASSIGN_OR_RETURN(PostRequestInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.post.thread.group, "name"));
  const absl::Time now = call.services().clock.Now();
  v1::Forward forward = BuildForward(input.post.Canonical(), call.request(), now);
  CreateContext context =
      call.MakeCreateContext(std::move(required_member), now, input.request_id,
                             [&] { return HashRequest(input.post, call.request()); });
  ThreadStore& store = call.services().store;
  store.ForwardPost(std::move(context), std::move(input.post), std::move(forward),
                    Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleCreateAttachment(CreateAttachmentCall& call) {
  ASSIGN_OR_RETURN(PostRequestInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.post.thread.group, "parent"));
  const absl::Time now = call.services().clock.Now();
  v1::Attachment attachment =
      BuildAttachment(input.post.Canonical(), call.request().attachment(), now);
  CreateContext context =
      call.MakeCreateContext(std::move(required_member), now, input.request_id,
                             [&] { return HashRequest(input.post, call.request()); });
  ThreadStore& store = call.services().store;
  store.CreateAttachment(std::move(context), std::move(input.post), std::move(attachment),
                         Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleGetAttachment(GetAttachmentCall& call) {
  ASSIGN_OR_RETURN(GetAttachmentInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.attachment.post.thread.group, "name"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.GetAttachment(std::move(context), std::move(input.attachment), input.with_content,
                      Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleListAttachments(ListAttachmentsCall& call) {
  ASSIGN_OR_RETURN(ListAttachmentsInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.parent.thread.group, "parent"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.ListAttachments(
      std::move(context), std::move(input.query),
      PageFinisher(std::move(call), input.fingerprint, &AttachmentPage::attachments,
                   &v1::ListAttachmentsResponse::mutable_attachments));
  return absl::OkStatus();
}

absl::Status HandleCreateExtension(CreateExtensionCall& call) {
  ASSIGN_OR_RETURN(PostRequestInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.post.thread.group, "parent"));
  const absl::Time now = call.services().clock.Now();
  v1::Extension extension = BuildExtension(input.post.Canonical(), call.request().extension());
  CreateContext context =
      call.MakeCreateContext(std::move(required_member), now, input.request_id,
                             [&] { return HashRequest(input.post, call.request()); });
  ThreadStore& store = call.services().store;
  store.CreateExtension(std::move(context), std::move(input.post), std::move(extension),
                        Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleGetExtension(GetExtensionCall& call) {
  ASSIGN_OR_RETURN(ExtensionName name, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), name.post.thread.group, "name"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.GetExtension(std::move(context), std::move(name), Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleListExtensions(ListExtensionsCall& call) {
  ASSIGN_OR_RETURN(ListExtensionsInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.parent.thread.group, "parent"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.ListExtensions(std::move(context), std::move(input.query),
                       PageFinisher(std::move(call), input.fingerprint, &ExtensionPage::extensions,
                                    &v1::ListExtensionsResponse::mutable_extensions));
  return absl::OkStatus();
}

absl::Status HandleUpdateExtension(UpdateExtensionCall& call) {
  ASSIGN_OR_RETURN(ExtensionName name, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), name.post.thread.group, "extension.name"));
  ChangeContext context = call.MakeChangeContext(std::move(required_member), call.request().etag());
  std::string content = call.request().extension().content_json();
  ThreadStore& store = call.services().store;
  store.UpdateExtension(std::move(context), std::move(name), std::move(content),
                        Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleDeleteExtension(DeleteExtensionCall& call) {
  ASSIGN_OR_RETURN(ExtensionName name, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), name.post.thread.group, "name"));
  ChangeContext context = call.MakeChangeContext(std::move(required_member), call.request().etag());
  ThreadStore& store = call.services().store;
  store.DeleteExtension(std::move(context), std::move(name), Finisher(std::move(call)));
  return absl::OkStatus();
}

}  // namespace

PostServiceImpl::PostServiceImpl(const ServiceContext& services) : UnaryService(services) {
  Serve(HandleGetPost);
  Serve(HandleListPosts);
  Serve(HandleUpdatePost);
  Serve(HandleDeletePost);
  Serve(HandleReplyToPost);
  Serve(HandleForwardPost);
  Serve(HandleCreateAttachment);
  Serve(HandleGetAttachment);
  Serve(HandleListAttachments);
  Serve(HandleCreateExtension);
  Serve(HandleGetExtension);
  Serve(HandleListExtensions);
  Serve(HandleUpdateExtension);
  Serve(HandleDeleteExtension);
}

}  // namespace threadstore
