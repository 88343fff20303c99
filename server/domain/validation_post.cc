#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/domain/content_checks.h"
#include "server/domain/field_checks.h"
#include "server/domain/limits.h"
#include "server/domain/list_order.h"
#include "server/domain/page_token.h"
#include "server/domain/validation.h"

// Requests on posts, attachments and extensions.
namespace threadstore {
namespace {

// What a post or a page of posts is to hold, and in `mask` what of it is to be returned.
template <typename Request>
PostView CheckPostView(const Request& request, ReadMask& mask, Violations& violations) {
  mask = ReadMask(request.read_mask(), *v1::Post::descriptor(), violations);
  const Expand expand(request.expand(), {"attachments", "extensions", "in_reply_to"}, violations);
  PostView view;
  view.body = mask.Has("body");
  view.categories = mask.Has("categories");
  view.new_participants = mask.Has("new_participants");
  view.attachments = expand.Has("attachments");
  view.extensions = expand.Has("extensions");
  view.in_reply_to_post = expand.Has("in_reply_to");
  if (view.attachments) mask.Keep("attachments");
  if (view.attachments) mask.Keep("attachments_next_page_token");
  if (view.extensions) mask.Keep("extensions");
  if (view.extensions) mask.Keep("extensions_next_page_token");
  if (view.in_reply_to_post) mask.Keep("in_reply_to_post");
  return view;
}

// Whether an attachment comes with its content.
bool CheckView(v1::AttachmentView view, v1::AttachmentView default_view, Violations& violations) {
  if (!v1::AttachmentView_IsValid(view)) {
    violations.Add("view", "must be ATTACHMENT_VIEW_BASIC or ATTACHMENT_VIEW_FULL");
  }
  return (view == v1::ATTACHMENT_VIEW_UNSPECIFIED ? default_view : view) ==
         v1::ATTACHMENT_VIEW_FULL;
}

}  // namespace

absl::StatusOr<GetPostInput> Validate(const v1::GetPostRequest& request) {
  Violations violations;
  GetPostInput input;
  input.post = violations.Take("name", ParsePostName(request.name()));
  input.view = CheckPostView(request, input.mask, violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<ListPostsInput> Validate(const v1::ListPostsRequest& request) {
  Violations violations;
  ListPostsInput input;
  input.parent = violations.Take("parent", ParseThreadName(request.parent()));
  input.query.thread = input.parent;
  input.query.limit = CheckPageSize(request.page_size(), violations);
  input.query.newest_first = violations.Take("order_by", ParsePostOrder(request.order_by()));
  input.query.filter = CheckFilter(request.filter(), PostFilterFields(), violations);
  input.query.count = request.include_total_size();
  input.query.view = CheckPostView(request, input.mask, violations);
  input.fingerprint = QueryFingerprint("ListPosts", input.parent.Canonical(),
                                       OrderText(input.query.newest_first), request.filter());
  input.query.after = CheckUuidPageToken(request.page_token(), input.fingerprint, violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<UpdatePostInput> Validate(const v1::UpdatePostRequest& request) {
  Violations violations;
  const v1::Post& post = request.post();
  UpdatePostInput input;
  input.post = violations.Take("post.name", ParsePostName(post.name()));
  const UpdateMask mask(request.update_mask(), {"body", "categories"}, violations);
  input.changes_body = mask.Changes("body", post.has_body());
  input.changes_categories = mask.Changes("categories", !post.categories().empty());
  ContentChecks content(violations);
  content.CheckBody("post.body", post.body());
  content.CheckCategories("post.categories", post.categories());
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<PostName> Validate(const v1::DeletePostRequest& request) {
  return ValidateName("name", ParsePostName(request.name()));
}

absl::StatusOr<PostRequestInput> Validate(const v1::ReplyToPostRequest& request,
                                          CallerKind caller) {
  Violations violations;
  PostRequestInput input;
  input.post = violations.Take("name", ParsePostName(request.name()));
  if (request.has_post()) {
    ContentChecks content(violations);
    content.CheckPost("post", request.post(), caller);
    content.CheckSize("post", request.post());
  } else {
    violations.Add("post", "is required");
  }
  input.request_id = CheckRequestId(request.request_id(), violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<PostRequestInput> Validate(const v1::ForwardPostRequest& request) {
  Violations violations;
  PostRequestInput input;
  input.post = violations.Take("name", ParsePostName(request.name()));
  ContentChecks(violations)
      .CheckForward("comment", request.comment(), "to_recipients", request.to_recipients());
  input.request_id = CheckRequestId(request.request_id(), violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<PostRequestInput> Validate(const v1::CreateAttachmentRequest& request) {
  Violations violations;
  PostRequestInput input;
  input.post = violations.Take("parent", ParsePostName(request.parent()));
  if (request.has_attachment()) {
    ContentChecks(violations).CheckAttachment("attachment", request.attachment());
  } else {
    violations.Add("attachment", "is required");
  }
  input.request_id = CheckRequestId(request.request_id(), violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<GetAttachmentInput> Validate(const v1::GetAttachmentRequest& request) {
  Violations violations;
  GetAttachmentInput input;
  input.attachment = violations.Take("name", ParseAttachmentName(request.name()));
  input.with_content = CheckView(request.view(), v1::ATTACHMENT_VIEW_FULL, violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<ListAttachmentsInput> Validate(const v1::ListAttachmentsRequest& request) {
  Violations violations;
  ListAttachmentsInput input;
  input.parent = violations.Take("parent", ParsePostName(request.parent()));
  input.query.post = input.parent;
  input.query.limit = CheckPageSize(request.page_size(), violations);
  input.query.with_content = CheckView(request.view(), v1::ATTACHMENT_VIEW_BASIC, violations);
  input.fingerprint = QueryFingerprint("ListAttachments", input.parent.Canonical());
  input.query.after = CheckUuidPageToken(request.page_token(), input.fingerprint, violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<PostRequestInput> Validate(const v1::CreateExtensionRequest& request) {
  Violations violations;
  PostRequestInput input;
  input.post = violations.Take("parent", ParsePostName(request.parent()));
  if (request.has_extension()) {
    ContentChecks(violations).CheckExtension("extension", request.extension());
  } else {
    violations.Add("extension", "is required");
  }
  input.request_id = CheckRequestId(request.request_id(), violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<ExtensionName> Validate(const v1::GetExtensionRequest& request) {
  return ValidateName("name", ParseExtensionName(request.name()));
}

absl::StatusOr<ListExtensionsInput> Validate(const v1::ListExtensionsRequest& request) {
  Violations violations;
  ListExtensionsInput input;
  input.parent = violations.Take("parent", ParsePostName(request.parent()));
  input.query.post = input.parent;
  input.query.limit = CheckPageSize(request.page_size(), violations);
  input.fingerprint = QueryFingerprint("ListExtensions", input.parent.Canonical());
  input.query.after_name =
      CheckPageToken(request.page_token(), input.fingerprint, violations).last_id();
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<ExtensionName> Validate(const v1::UpdateExtensionRequest& request) {
  Violations violations;
  ExtensionName name =
      violations.Take("extension.name", ParseExtensionName(request.extension().name()));
  UpdateMask(request.update_mask(), {"content_json"}, violations);
  ContentChecks(violations)
      .CheckExtensionContent("extension.content_json", request.extension().content_json());
  RETURN_IF_ERROR(violations.ToStatus());
  return name;
}

absl::StatusOr<ExtensionName> Validate(const v1::DeleteExtensionRequest& request) {
  return ValidateName("name", ParseExtensionName(request.name()));
}

}  // namespace threadstore
