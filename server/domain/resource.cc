#include "server/domain/resource.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "server/base/sha256.h"
#include "server/domain/timestamp.h"

namespace threadstore {
namespace {

constexpr int64_t kFirstRevision = 1;

void ClearReadOnlyFields(v1::ConversationThread& thread) {
  thread.clear_id();
  thread.clear_name();
  thread.clear_conversation_id();
  thread.clear_etag();
  thread.clear_created_date_time();
  thread.clear_last_modified_date_time();
}

void ClearReadOnlyFields(v1::Group& group) {
  group.clear_name();
  group.clear_id();
  group.clear_created_date_time();
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
  const auto now_timestamp = FromMicros(absl::ToUnixMicros(now));
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
  return thread;
}

v1::Group BuildGroup(const v1::CreateGroupRequest& request, absl::Time now) {
  v1::Group group = request.group();
  group.DiscardUnknownFields();
  group.set_id(request.group_id());
  group.set_name(MakeGroupName(request.group_id()));
  *group.mutable_created_date_time() = FromMicros(absl::ToUnixMicros(now));
  return group;
}

v1::Member BuildMember(const GroupName& group, const v1::Member& sent) {
  v1::Member member = sent;
  member.DiscardUnknownFields();
  member.set_name(MakeMemberName(group.group, sent.id()));
  if (sent.role() == v1::Member::ROLE_UNSPECIFIED) member.set_role(v1::Member::ROLE_MEMBER);
  return member;
}

std::string MakeEtag(int64_t revision) { return absl::StrCat("\"", revision, "\""); }

std::string HashRequest(const ThreadParent& parent, const v1::CreateThreadRequest& request) {
  v1::ConversationThread thread = request.thread();
  ClearReadOnlyFields(thread);
  return Hash("CreateThread", parent.Canonical(), thread);
}

std::string HashRequest(const v1::CreateGroupRequest& request) {
  v1::Group group = request.group();
  ClearReadOnlyFields(group);
  return Hash("CreateGroup", MakeGroupName(request.group_id()), group);
}

}  // namespace threadstore
