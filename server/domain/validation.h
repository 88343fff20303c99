#ifndef THREADSTORE_SERVER_DOMAIN_VALIDATION_H_
#define THREADSTORE_SERVER_DOMAIN_VALIDATION_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/uuid.h"
#include "server/domain/change_query.h"
#include "server/domain/list_query.h"
#include "server/domain/read_mask.h"
#include "server/domain/resource_name.h"
#include "server/domain/violations.h"  // IWYU pragma: export
#include "threadstore/v1/admin_service.pb.h"
#include "threadstore/v1/conversation_service.pb.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/group_service.pb.h"
#include "threadstore/v1/post_service.pb.h"
#include "threadstore/v1/thread_service.pb.h"

// The rules that requests must keep, as pure functions. Each finds every violation of a
// request, not only the first, and returns what it parsed on the way.
namespace threadstore {

// Who sends a request: a user posts as itself and need not name itself as the sender, an
// application must name one.
enum class CallerKind { kUser, kApplication };

struct CreateThreadInput {
  ThreadParent parent;
  std::optional<Uuid> request_id;
};

struct CreateConversationInput {
  GroupName parent;
  std::optional<Uuid> request_id;
};

struct ReplyToThreadInput {
  ThreadName thread;
  std::optional<Uuid> request_id;
};

// Of ReplyToPost, ForwardPost, CreateAttachment and CreateExtension.
struct PostRequestInput {
  PostName post;
  std::optional<Uuid> request_id;
};

// Of updates: which of the fields that can be changed the mask names, or without a mask are set.
struct UpdateGroupInput {
  GroupName group;
  bool changes_display_name = false;
  bool changes_mail = false;
  bool changes_allow_external_senders = false;
  bool changes_description = false;
  bool changes_mail_nickname = false;
};

struct UpdateMemberInput {
  MemberName member;
  bool changes_role = false;
  bool changes_display_name = false;
  bool changes_mail = false;
};

struct UpdateThreadInput {
  ThreadName thread;
  bool has_topic = false;
  bool changes_is_locked = false;
};

struct UpdatePostInput {
  PostName post;
  bool changes_body = false;
  bool changes_categories = false;
};

struct CreateGroupInput {
  std::optional<Uuid> request_id;
};

// Of gets. What is not in the mask is to be cleared, besides what the view leaves out.
struct GetThreadInput {
  ThreadName thread;
  ThreadView view;
  ReadMask mask;
};

struct GetConversationInput {
  ConversationName conversation;
  ConversationView view;
  ReadMask mask;
};

struct GetPostInput {
  PostName post;
  PostView view;
  ReadMask mask;
};

// Of lists. `fingerprint` is the query's, for the token of the next page.
struct ListThreadsInput {
  ThreadParent parent;
  ThreadQuery query;
  ReadMask mask;
  uint64_t fingerprint = 0;
};

struct SearchThreadsInput {
  GroupName parent;
  SearchQuery query;
  ReadMask mask;  // Of the threads.
  uint64_t fingerprint = 0;
};

struct ListConversationsInput {
  GroupName parent;
  ConversationQuery query;
  ReadMask mask;
  uint64_t fingerprint = 0;
};

struct ListPostsInput {
  ThreadName parent;
  PostQuery query;
  ReadMask mask;
  uint64_t fingerprint = 0;
};

struct ListAttachmentsInput {
  PostName parent;
  AttachmentQuery query;
  uint64_t fingerprint = 0;
};

struct ListExtensionsInput {
  PostName parent;
  ExtensionQuery query;
  uint64_t fingerprint = 0;
};

struct ListSendersInput {
  SenderListName parent;
  SenderQuery query;
  uint64_t fingerprint = 0;
};

struct GetAttachmentInput {
  AttachmentName attachment;
  bool with_content = true;
};

struct ListMembersInput {
  MemberListName parent;
  MemberQuery query;
  uint64_t fingerprint = 0;
};

// `query.member` is absent: whose groups to list is up to who is calling.
struct ListGroupsInput {
  GroupQuery query;
  uint64_t fingerprint = 0;
};

struct ListJoinedGroupsInput {
  UserName user;
  GroupQuery query;
  uint64_t fingerprint = 0;
};

absl::StatusOr<CreateThreadInput> Validate(const v1::CreateThreadRequest& request,
                                           CallerKind caller);
absl::StatusOr<GetThreadInput> Validate(const v1::GetThreadRequest& request);
absl::StatusOr<ListThreadsInput> Validate(const v1::ListThreadsRequest& request);
absl::StatusOr<SearchThreadsInput> Validate(const v1::SearchThreadsRequest& request);
absl::StatusOr<UpdateThreadInput> Validate(const v1::UpdateThreadRequest& request);
absl::StatusOr<ThreadName> Validate(const v1::DeleteThreadRequest& request);
absl::StatusOr<ReplyToThreadInput> Validate(const v1::ReplyToThreadRequest& request,
                                            CallerKind caller);

absl::StatusOr<ChangeQuery> Validate(const v1::ListThreadChangesRequest& request);

// Without a limit: how much to send at once is up to the watch.
absl::StatusOr<ChangeQuery> Validate(const v1::WatchThreadsRequest& request, CallerKind caller);

absl::StatusOr<CreateConversationInput> Validate(const v1::CreateConversationRequest& request,
                                                 CallerKind caller);
absl::StatusOr<GetConversationInput> Validate(const v1::GetConversationRequest& request);
absl::StatusOr<ListConversationsInput> Validate(const v1::ListConversationsRequest& request);
absl::StatusOr<ConversationName> Validate(const v1::DeleteConversationRequest& request);

absl::StatusOr<GetPostInput> Validate(const v1::GetPostRequest& request);
absl::StatusOr<ListPostsInput> Validate(const v1::ListPostsRequest& request);
absl::StatusOr<UpdatePostInput> Validate(const v1::UpdatePostRequest& request);
absl::StatusOr<PostName> Validate(const v1::DeletePostRequest& request);
absl::StatusOr<PostRequestInput> Validate(const v1::ReplyToPostRequest& request, CallerKind caller);
absl::StatusOr<PostRequestInput> Validate(const v1::ForwardPostRequest& request);
absl::StatusOr<PostRequestInput> Validate(const v1::CreateAttachmentRequest& request);
absl::StatusOr<GetAttachmentInput> Validate(const v1::GetAttachmentRequest& request);
absl::StatusOr<ListAttachmentsInput> Validate(const v1::ListAttachmentsRequest& request);
absl::StatusOr<PostRequestInput> Validate(const v1::CreateExtensionRequest& request);
absl::StatusOr<ExtensionName> Validate(const v1::GetExtensionRequest& request);
absl::StatusOr<ListExtensionsInput> Validate(const v1::ListExtensionsRequest& request);
absl::StatusOr<ExtensionName> Validate(const v1::UpdateExtensionRequest& request);
absl::StatusOr<ExtensionName> Validate(const v1::DeleteExtensionRequest& request);

absl::StatusOr<UpdateGroupInput> Validate(const v1::UpdateGroupRequest& request);
absl::StatusOr<SenderName> Validate(const v1::AddSenderRequest& request);
absl::StatusOr<SenderName> Validate(const v1::RemoveSenderRequest& request);
absl::StatusOr<ListSendersInput> Validate(const v1::ListSendersRequest& request);

absl::StatusOr<CreateGroupInput> Validate(const v1::CreateGroupRequest& request);
absl::StatusOr<GroupName> Validate(const v1::GetGroupRequest& request);
absl::StatusOr<GroupName> Validate(const v1::DeleteGroupRequest& request);
absl::StatusOr<MemberListName> Validate(const v1::AddMemberRequest& request);
absl::StatusOr<MemberName> Validate(const v1::GetMemberRequest& request);
absl::StatusOr<UpdateMemberInput> Validate(const v1::UpdateMemberRequest& request);
absl::StatusOr<MemberName> Validate(const v1::RemoveMemberRequest& request);
absl::StatusOr<ListMembersInput> Validate(const v1::ListMembersRequest& request);
absl::StatusOr<ListGroupsInput> Validate(const v1::ListGroupsRequest& request);
absl::StatusOr<UserName> Validate(const v1::GetUserRequest& request);

// The group to export, or nothing for all.
absl::StatusOr<std::optional<std::string>> Validate(const v1::ExportThreadsRequest& request);

// `calling_user` is whom `me` names: empty for an application.
absl::StatusOr<ListJoinedGroupsInput> Validate(const v1::ListJoinedGroupsRequest& request,
                                               absl::string_view calling_user);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_VALIDATION_H_
