#include "server/domain/resource.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "server/base/html_text.h"
#include "server/base/sha256.h"
#include "server/domain/limits.h"
#include "server/domain/timestamp.h"

namespace threadstore {
namespace {

constexpr absl::string_view kText = "text";
constexpr absl::string_view kHtml = "html";

using google::protobuf::RepeatedPtrField;
using google::protobuf::Timestamp;

void ClearReadOnlyFields(v1::Attachment& attachment) {
  attachment.clear_name();
  attachment.clear_id();
  attachment.clear_size();
  attachment.clear_last_modified_date_time();
}

void ClearReadOnlyFields(v1::Extension& extension) { extension.clear_name(); }

void ClearReadOnlyFields(v1::Post& post) {
  post.clear_id();
  post.clear_created_date_time();
  post.clear_last_modified_date_time();
  post.clear_received_date_time();
  post.clear_has_attachments();
  post.clear_from();
  post.clear_conversation_id();
  post.clear_conversation_thread_id();
  post.clear_in_reply_to();
  for (v1::Attachment& attachment : *post.mutable_attachments()) ClearReadOnlyFields(attachment);
  for (v1::Extension& extension : *post.mutable_extensions()) ClearReadOnlyFields(extension);
  post.clear_name();
  post.clear_etag();
}

void ClearReadOnlyFields(v1::ConversationThread& thread) {
  thread.clear_id();
  thread.clear_name();
  thread.clear_conversation_id();
  thread.clear_etag();
  thread.clear_created_date_time();
  thread.clear_last_modified_date_time();
  for (v1::Post& post : *thread.mutable_posts()) ClearReadOnlyFields(post);
}

void ClearReadOnlyFields(v1::Conversation& conversation) {
  conversation.clear_id();
  conversation.clear_has_attachments();
  conversation.clear_last_delivered_date_time();
  conversation.clear_unique_senders();
  conversation.clear_preview();
  for (v1::ConversationThread& thread : *conversation.mutable_threads()) {
    ClearReadOnlyFields(thread);
  }
  conversation.clear_name();
  conversation.clear_created_date_time();
}

void ClearReadOnlyFields(v1::Group& group) {
  group.clear_name();
  group.clear_id();
  group.clear_created_date_time();
}

template <typename Resource>
Resource WithoutReadOnlyFields(Resource resource) {
  ClearReadOnlyFields(resource);
  return resource;
}

// Deterministic within one build of protobuf, and in practice across builds for messages
// without maps, which these are.
std::string SerializeDeterministically(const google::protobuf::MessageLite& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream output(&stream);
  output.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&output);
  output.Trim();
  return bytes;
}

Timestamp ToTimestamp(absl::Time time) { return FromMicros(absl::ToUnixMicros(time)); }

// Ids of later times are later: what comes in a list has ids in its order.
absl::Time TimeOfElement(absl::Time now, int index) { return now + absl::Microseconds(index); }

void FillIn(absl::Time now, v1::Attachment& attachment) {
  attachment.set_id(Uuid::V7(now).ToString());
  attachment.set_size(ContentBytes(attachment));
}

void FillIn(v1::Extension& extension) {
  // A name that is none has been refused.
  extension.set_extension_name(ParseExtensionId(extension.extension_name()).value_or(""));
}

void FillIn(absl::Time now, v1::Post& post) {
  if (post.has_body()) {
    // A type that is none has been refused.
    const absl::string_view type = ParseContentType(post.body().content_type()).value_or(kText);
    post.mutable_body()->set_content_type(std::string(type));
  }
  for (int i = 0; i < post.attachments_size(); ++i) {
    FillIn(TimeOfElement(now, i), *post.mutable_attachments(i));
  }
  for (v1::Extension& extension : *post.mutable_extensions()) FillIn(extension);
}

// A recipient by its name, or else by its id.
v1::Recipient MakeRecipient(const std::string& name, const std::string& id,
                            const std::string& address) {
  v1::Recipient recipient;
  recipient.mutable_email_address()->set_name(name.empty() ? id : name);
  if (!address.empty()) recipient.mutable_email_address()->set_address(address);
  return recipient;
}

// By what recipients of one To: line differ: whether they have an address, and that or the name.
std::pair<bool, absl::string_view> RecipientKey(const v1::Recipient& recipient) {
  const v1::EmailAddress& email = recipient.email_address();
  return email.address().empty() ? std::pair<bool, absl::string_view>(false, email.name())
                                 : std::pair<bool, absl::string_view>(true, email.address());
}

// The parts are joined by U+0000, which neither a method nor a name can hold.
std::string Hash(absl::string_view method, absl::string_view name,
                 const google::protobuf::MessageLite& resource) {
  const absl::string_view nul("\0", 1);
  return Sha256(absl::StrCat(method, nul, name, nul, SerializeDeterministically(resource)));
}

}  // namespace

v1::ConversationThread BuildThread(const ThreadParent& parent, const v1::ConversationThread& sent,
                                   absl::Time now) {
  v1::ConversationThread thread = sent;
  ClearReadOnlyFields(thread);
  thread.DiscardUnknownFields();
  const Timestamp now_timestamp = ToTimestamp(now);
  const Uuid id = Uuid::V7(now);
  const Uuid conversation = parent.conversation.has_value() ? *parent.conversation : Uuid::V7(now);
  thread.set_id(id.ToString());
  thread.set_name(MakeThreadName(parent.group.group, id));
  thread.set_conversation_id(conversation.ToString());
  thread.set_etag(MakeEtag(kFirstRevision));
  *thread.mutable_created_date_time() = now_timestamp;
  *thread.mutable_last_modified_date_time() = now_timestamp;
  *thread.mutable_last_delivered_date_time() =
      sent.has_last_delivered_date_time() ? FromMicros(ToMicros(sent.last_delivered_date_time()))
                                          : now_timestamp;
  if (thread.posts_size() > 0) {
    FillIn(now, *thread.mutable_posts(0));
    thread.set_preview(MakePreview(thread.posts(0).body()));
  }
  return thread;
}

v1::Conversation BuildConversation(const GroupName& group, const v1::Conversation& sent,
                                   absl::Time now) {
  const Uuid id = Uuid::V7(now);
  v1::Conversation conversation;
  conversation.set_id(id.ToString());
  conversation.set_name(MakeConversationName(group.group, id));
  conversation.set_topic(sent.topic());
  *conversation.mutable_created_date_time() = ToTimestamp(now);
  for (const v1::ConversationThread& sent_thread : sent.threads()) {
    const absl::Time time = TimeOfElement(now, conversation.threads_size());
    v1::ConversationThread thread = BuildThread({group, id}, sent_thread, time);
    if (thread.topic().empty()) thread.set_topic(sent.topic());
    *conversation.add_threads() = std::move(thread);
  }
  return conversation;
}

v1::Post BuildPost(const v1::Post& sent, absl::Time now) {
  v1::Post post = sent;
  ClearReadOnlyFields(post);
  post.DiscardUnknownFields();
  FillIn(now, post);
  return post;
}

void PlacePost(const v1::ConversationThread& thread, absl::Time time, v1::Post& post) {
  const Timestamp timestamp = ToTimestamp(time);
  const Uuid id = Uuid::V7(time);
  post.set_id(id.ToString());
  post.set_name(MakePostName(thread.name(), id));
  post.set_conversation_id(thread.conversation_id());
  post.set_conversation_thread_id(thread.id());
  post.set_has_attachments(post.attachments_size() > 0);
  post.set_etag(MakeEtag(kFirstRevision));
  *post.mutable_created_date_time() = timestamp;
  *post.mutable_last_modified_date_time() = timestamp;
  *post.mutable_received_date_time() = timestamp;
  for (v1::Attachment& attachment : *post.mutable_attachments()) {
    attachment.set_name(MakeAttachmentName(post.name(), *Uuid::Parse(attachment.id())));
    *attachment.mutable_last_modified_date_time() = timestamp;
  }
  for (v1::Extension& extension : *post.mutable_extensions()) {
    extension.set_name(MakeExtensionName(post.name(), extension.extension_name()));
  }
}

int32_t ContentBytes(const v1::Attachment& attachment) {
  switch (attachment.kind_case()) {
    case v1::Attachment::kFile:
      return static_cast<int32_t>(attachment.file().content_bytes().size());
    case v1::Attachment::kItem:
      return static_cast<int32_t>(attachment.item().item_json().size());
    case v1::Attachment::kReference:
    case v1::Attachment::KIND_NOT_SET:
      return 0;
  }
  return 0;
}

v1::Attachment BuildAttachment(absl::string_view post_name, const v1::Attachment& sent,
                               absl::Time now) {
  v1::Attachment attachment = sent;
  attachment.DiscardUnknownFields();
  FillIn(now, attachment);
  attachment.set_name(MakeAttachmentName(post_name, *Uuid::Parse(attachment.id())));
  *attachment.mutable_last_modified_date_time() = ToTimestamp(now);
  return attachment;
}

v1::Extension BuildExtension(absl::string_view post_name, const v1::Extension& sent) {
  v1::Extension extension = sent;
  extension.DiscardUnknownFields();
  FillIn(extension);
  extension.set_name(MakeExtensionName(post_name, extension.extension_name()));
  return extension;
}

v1::Forward BuildForward(absl::string_view post_name, const v1::ForwardPostRequest& request,
                         absl::Time now) {
  const Uuid id = Uuid::V7(now);
  v1::Forward forward;
  forward.set_name(MakeForwardName(post_name, id));
  forward.set_id(id.ToString());
  forward.set_comment(request.comment());
  *forward.mutable_to_recipients() = request.to_recipients();
  *forward.mutable_created_date_time() = ToTimestamp(now);
  forward.DiscardUnknownFields();
  return forward;
}

v1::Sender MakeSender(const SenderListName& list, absl::string_view id) {
  v1::Sender sender;
  sender.set_name(MakeSenderName(list.group.group, list.list, id));
  sender.set_id(std::string(id));
  return sender;
}

std::optional<absl::string_view> ParseContentType(absl::string_view content_type) {
  if (content_type.empty()) return kText;
  for (const absl::string_view type : {kText, kHtml}) {
    if (absl::EqualsIgnoreCase(content_type, type)) return type;
  }
  return std::nullopt;
}

bool IsHtml(absl::string_view content_type) { return ParseContentType(content_type) == kHtml; }

std::string MakePreview(const v1::ItemBody& body) {
  return IsHtml(body.content_type()) ? HtmlTextOnOneLine(body.content(), kMaxPreviewCharacters)
                                     : TextOnOneLine(body.content(), kMaxPreviewCharacters);
}

v1::Recipient SenderOf(const v1::Member& member) {
  return MakeRecipient(member.display_name(), member.id(), member.mail());
}

v1::Recipient FromOf(const v1::Group& group, const v1::Recipient& sender) {
  if (group.mail().empty()) return sender;
  return MakeRecipient(group.display_name(), group.id(), group.mail());
}

std::string SenderLabel(const v1::Recipient& sender) {
  const v1::EmailAddress& email = sender.email_address();
  return email.name().empty() ? email.address() : email.name();
}

void AddParticipants(const RepeatedPtrField<v1::Recipient>& participants,
                     RepeatedPtrField<v1::Recipient>& line) {
  absl::flat_hash_set<std::pair<bool, absl::string_view>> keys;
  for (const v1::Recipient& recipient : line) keys.insert(RecipientKey(recipient));
  for (const v1::Recipient& participant : participants) {
    if (keys.insert(RecipientKey(participant)).second) *line.Add() = participant;
  }
}

void DeriveFromFirstPost(v1::ConversationThread& thread) {
  const v1::Post& post = thread.posts(0);
  thread.set_has_attachments(post.has_attachments());
  *thread.mutable_last_delivered_date_time() = post.received_date_time();
  thread.clear_unique_senders();
  thread.add_unique_senders(SenderLabel(post.sender()));
  AddParticipants(post.new_participants(), *thread.mutable_to_recipients());
}

v1::Group BuildGroup(const v1::CreateGroupRequest& request, absl::Time now) {
  v1::Group group = request.group();
  group.DiscardUnknownFields();
  group.set_id(request.group_id());
  group.set_name(MakeGroupName(request.group_id()));
  *group.mutable_created_date_time() = FromMicros(absl::ToUnixMicros(now));
  return group;
}

v1::Member BuildMember(const MemberListName& list, const v1::Member& sent) {
  v1::Member member = sent;
  member.DiscardUnknownFields();
  member.set_name(MakeMemberName(list.group.group, sent.id()));
  if (sent.role() == v1::Member::ROLE_UNSPECIFIED) {
    member.set_role(list.owners_only ? v1::Member::ROLE_OWNER : v1::Member::ROLE_MEMBER);
  }
  return member;
}

std::vector<v1::Member> BuildFirstMembers(const v1::CreateGroupRequest& request,
                                          const std::optional<std::string>& creator) {
  MemberListName list;
  list.group.group = request.group_id();
  std::vector<v1::Member> members;
  for (const v1::Member& sent : request.members()) members.push_back(BuildMember(list, sent));
  if (!creator.has_value()) return members;
  auto member = std::find_if(members.begin(), members.end(),
                             [&](const v1::Member& m) { return m.id() == *creator; });
  if (member == members.end()) {
    v1::Member sent;
    sent.set_id(*creator);
    member = members.insert(member, BuildMember(list, sent));
  }
  member->set_role(v1::Member::ROLE_OWNER);
  return members;
}

std::string MakeEtag(int64_t revision) { return absl::StrCat("\"", revision, "\""); }

std::optional<int64_t> ParseEtag(absl::string_view etag) {
  int64_t revision = 0;
  const bool is_one = absl::ConsumePrefix(&etag, "\"") && absl::ConsumeSuffix(&etag, "\"") &&
                      absl::SimpleAtoi(etag, &revision) && revision >= kFirstRevision &&
                      etag == absl::StrCat(revision);
  return is_one ? std::optional(revision) : std::nullopt;
}

std::string HashRequest(const ThreadParent& parent, const v1::CreateThreadRequest& request) {
  return Hash("CreateThread", parent.Canonical(), WithoutReadOnlyFields(request.thread()));
}

std::string HashRequest(const v1::CreateGroupRequest& request) {
  const std::string name = MakeGroupName(request.group_id());
  // Without members it is what it was before there were any, since requests are remembered across
  // upgrades.
  if (request.members().empty()) {
    return Hash("CreateGroup", name, WithoutReadOnlyFields(request.group()));
  }
  v1::CreateGroupRequest sent = request;
  sent.clear_request_id();
  ClearReadOnlyFields(*sent.mutable_group());
  for (v1::Member& member : *sent.mutable_members()) member.clear_name();
  return Hash("CreateGroup with members", name, sent);
}

std::string HashRequest(const GroupName& parent, const v1::CreateConversationRequest& request) {
  return Hash("CreateConversation", parent.Canonical(),
              WithoutReadOnlyFields(request.conversation()));
}

std::string HashRequest(const ThreadName& thread, const v1::ReplyToThreadRequest& request) {
  return Hash("ReplyToThread", thread.Canonical(), WithoutReadOnlyFields(request.post()));
}

std::string HashRequest(const PostName& post, const v1::ReplyToPostRequest& request) {
  return Hash("ReplyToPost", post.Canonical(), WithoutReadOnlyFields(request.post()));
}

std::string HashRequest(const PostName& post, const v1::ForwardPostRequest& request) {
  v1::ForwardPostRequest forward = request;
  forward.clear_name();
  forward.clear_request_id();
  return Hash("ForwardPost", post.Canonical(), forward);
}

std::string HashRequest(const PostName& post, const v1::CreateAttachmentRequest& request) {
  return Hash("CreateAttachment", post.Canonical(), WithoutReadOnlyFields(request.attachment()));
}

std::string HashRequest(const PostName& post, const v1::CreateExtensionRequest& request) {
  return Hash("CreateExtension", post.Canonical(), WithoutReadOnlyFields(request.extension()));
}

}  // namespace threadstore
