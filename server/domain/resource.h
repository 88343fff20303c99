#ifndef THREADSTORE_SERVER_DOMAIN_RESOURCE_H_
#define THREADSTORE_SERVER_DOMAIN_RESOURCE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/domain/resource_name.h"
#include "threadstore/v1/conversation_service.pb.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/group_service.pb.h"
#include "threadstore/v1/post_service.pb.h"
#include "threadstore/v1/thread_service.pb.h"

namespace threadstore {

// Builds the thread that a valid request asks for: its id, times (cut to microseconds), etag
// and name, and under a group the id of the conversation it begins. What the caller sent in
// read-only fields is dropped. Under an existing conversation an empty topic stays empty, for
// the store to fill in. With a post, the preview is the post's; what else comes from it is left to
// DeriveFromFirstPost.
v1::ConversationThread BuildThread(const ThreadParent& parent, const v1::ConversationThread& sent,
                                   absl::Time now);

// Likewise for a conversation and its threads, which take its topic if they have none.
v1::Conversation BuildConversation(const GroupName& group, const v1::Conversation& sent,
                                   absl::Time now);

// What a post will be whenever and wherever it is stored: what the caller may say of it, its
// attachments with ids and sizes, and its extensions by their short names. PlacePost does the rest.
v1::Post BuildPost(const v1::Post& sent, absl::Time now);

// Gives a post the time it is stored at, and by it an id; the names that follow, and its first
// etag. May be called again.
void PlacePost(const v1::ConversationThread& thread, absl::Time time, v1::Post& post);

// An attachment or extension for an existing post, whose canonical name is given.
v1::Attachment BuildAttachment(absl::string_view post_name, const v1::Attachment& sent,
                               absl::Time now);
v1::Extension BuildExtension(absl::string_view post_name, const v1::Extension& sent);

v1::Forward BuildForward(absl::string_view post_name, const v1::ForwardPostRequest& request,
                         absl::Time now);

// How the content of a body is to be read: `text` or `html`, which `content_type` says in any case,
// or nothing if it says neither; text if it is empty.
std::optional<absl::string_view> ParseContentType(absl::string_view content_type);

// Whether a content type means HTML; if it means nothing, the content is text.
bool IsHtml(absl::string_view content_type);

// The post's text as a preview: on one line, at most kMaxPreviewCharacters, no character cut. White
// space of any kind and length, and the bounds of HTML's blocks, are one space.
std::string MakePreview(const v1::ItemBody& body);

// A member as the sender of a post.
v1::Recipient SenderOf(const v1::Member& member);

// Graph's `from` of a post: the group if it has mail, otherwise the sender.
v1::Recipient FromOf(const v1::Group& group, const v1::Recipient& sender);

// What `unique_senders` says of a sender: the name, or else the address.
std::string SenderLabel(const v1::Recipient& sender);

// Appends those participants to a To: line that it does not have: none with the same address or,
// for those without an address, with the same name.
void AddParticipants(const google::protobuf::RepeatedPtrField<v1::Recipient>& participants,
                     google::protobuf::RepeatedPtrField<v1::Recipient>& line);

// Replaces what a thread says of itself by what its one post says: `has_attachments`,
// `last_delivered_date_time`, `unique_senders`; and adds the new participants. The post has been
// placed and has a sender.
void DeriveFromFirstPost(v1::ConversationThread& thread);

// Likewise for a group and for a member.
v1::Group BuildGroup(const v1::CreateGroupRequest& request, absl::Time now);
v1::Member BuildMember(const MemberListName& list, const v1::Member& sent);

// The members that a new group begins with: those of the request, and the user who creates it, if
// it is one, as an owner.
std::vector<v1::Member> BuildFirstMembers(const v1::CreateGroupRequest& request,
                                          const std::optional<std::string>& creator);

v1::Sender MakeSender(const SenderListName& list, absl::string_view id);

// Of a resource that has not changed since it was created.
inline constexpr int64_t kFirstRevision = 1;

// A resource's etag: its revision, quoted (RFC 9110, section 8.8.3).
std::string MakeEtag(int64_t revision);

// The revision of an etag by MakeEtag; nothing of any other text.
std::optional<int64_t> ParseEtag(absl::string_view etag);

// Bytes of content: `size` of an attachment.
int32_t ContentBytes(const v1::Attachment& attachment);

// The SHA-256 that tells whether two requests under one request_id are the same: of the method,
// the canonical parent, and the resource as the caller sent it without its read-only fields.
std::string HashRequest(const ThreadParent& parent, const v1::CreateThreadRequest& request);
std::string HashRequest(const v1::CreateGroupRequest& request);
std::string HashRequest(const GroupName& parent, const v1::CreateConversationRequest& request);
std::string HashRequest(const ThreadName& thread, const v1::ReplyToThreadRequest& request);
std::string HashRequest(const PostName& post, const v1::ReplyToPostRequest& request);
std::string HashRequest(const PostName& post, const v1::ForwardPostRequest& request);
std::string HashRequest(const PostName& post, const v1::CreateAttachmentRequest& request);
std::string HashRequest(const PostName& post, const v1::CreateExtensionRequest& request);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_RESOURCE_H_
