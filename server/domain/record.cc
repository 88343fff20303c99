#include "server/domain/record.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "server/base/status_macros.h"
#include "server/domain/content_checks.h"
#include "server/domain/field_checks.h"
#include "server/domain/limits.h"
#include "server/domain/resource.h"
#include "server/domain/timestamp.h"

namespace threadstore {
namespace {

using google::protobuf::Timestamp;

bool AreEqual(const Timestamp& one, const Timestamp& other) {
  return one.seconds() == other.seconds() && one.nanos() == other.nanos();
}

// The rules of one record. Fills in what it finds out, and brings the record into the form that an
// export gives.
class RecordChecks {
 public:
  RecordChecks(CheckedRecord& checked, Violations& violations)
      : checked_(checked), violations_(violations) {}

  void Check();

 private:
  void Check(v1::Group& group);
  void Check(v1::Member& member);
  void Check(v1::Sender& sender);
  void Check(v1::Conversation& conversation);
  void Check(v1::ThreadRecord& record);
  void Check(v1::PostRecord& record);
  void Check(v1::Attachment& attachment);
  void Check(v1::Extension& extension);
  void Check(v1::Forward& forward);

  void CheckUniqueSenders(const v1::ConversationThread& thread);
  void CheckReplied(const v1::Post& post);

  // That the name is the canonical one of what was parsed from it, and the id its last segment.
  void CheckName(const std::string& path, const std::string& name, const std::string& canonical);
  void CheckId(const std::string& path, absl::string_view id, absl::string_view in_name);

  // That a time is there, and cuts it to microseconds.
  void CheckTime(const std::string& field, Timestamp* time);

  // That the id of a resource holds its time of creation, if that is one.
  template <typename Resource>
  void CheckIdOfTime(const std::string& field, const Uuid& id, const Resource& resource);

  Uuid CheckUuid(const std::string& field, absl::string_view text);
  void CheckEtag(const std::string& field, absl::string_view etag);

  CheckedRecord& checked_;
  Violations& violations_;
};

void RecordChecks::Check() {
  v1::Record& record = checked_.record;
  switch (record.kind_case()) {
    case v1::Record::kGroup:
      return Check(*record.mutable_group());
    case v1::Record::kMember:
      return Check(*record.mutable_member());
    case v1::Record::kSender:
      return Check(*record.mutable_sender());
    case v1::Record::kConversation:
      return Check(*record.mutable_conversation());
    case v1::Record::kThread:
      return Check(*record.mutable_thread());
    case v1::Record::kPost:
      return Check(*record.mutable_post());
    case v1::Record::kAttachment:
      return Check(*record.mutable_attachment());
    case v1::Record::kExtension:
      return Check(*record.mutable_extension());
    case v1::Record::kForward:
      return Check(*record.mutable_forward());
    case v1::Record::KIND_NOT_SET:
      return violations_.Add("kind", "must be one that this server knows");
  }
}

void RecordChecks::Check(v1::Group& group) {
  checked_.path.thread.group = violations_.Take("group.name", ParseGroupName(group.name()));
  const GroupName& name = checked_.path.thread.group;
  CheckName("group", group.name(), name.Canonical());
  CheckId("group", group.id(), name.group);
  CheckGroupTexts("group", group, violations_);
  CheckTime("group.created_date_time",
            group.has_created_date_time() ? group.mutable_created_date_time() : nullptr);
}

void RecordChecks::Check(v1::Member& member) {
  const MemberName name = violations_.Take("member.name", ParseMemberName(member.name()));
  const GroupName& group = name.list.group;
  checked_.path.thread.group = group;
  CheckName("member", member.name(), MakeMemberName(group.group, name.user));
  CheckId("member", member.id(), name.user);
  CheckMemberTexts("member", member, violations_);
  if (member.role() != v1::Member::ROLE_MEMBER && member.role() != v1::Member::ROLE_OWNER) {
    violations_.Add("member.role", "must be ROLE_MEMBER or ROLE_OWNER");
  }
}

void RecordChecks::Check(v1::Sender& sender) {
  const SenderName name = violations_.Take("sender.name", ParseSenderName(sender.name()));
  checked_.path.thread.group = name.list.group;
  checked_.list = name.list.list;
  CheckName("sender", sender.name(),
            MakeSenderName(name.list.group.group, name.list.list, name.sender));
  CheckId("sender", sender.id(), name.sender);
}

void RecordChecks::Check(v1::Conversation& conversation) {
  const ConversationName name =
      violations_.Take("conversation.name", ParseConversationName(conversation.name()));
  checked_.path.thread.group = name.group;
  checked_.id = name.conversation;
  CheckName("conversation", conversation.name(),
            MakeConversationName(name.group.group, name.conversation));
  CheckId("conversation", conversation.id(), name.conversation.ToString());
  CheckRequiredText("conversation.topic", conversation.topic(), kMaxTopicCharacters, violations_);
  CheckTime("conversation.created_date_time", conversation.has_created_date_time()
                                                  ? conversation.mutable_created_date_time()
                                                  : nullptr);
  CheckIdOfTime("conversation.id", checked_.id, conversation);
  // What it says of its threads comes from their records.
  conversation.clear_has_attachments();
  conversation.clear_last_delivered_date_time();
  conversation.clear_unique_senders();
  conversation.clear_preview();
  conversation.clear_threads_next_page_token();
  if (!conversation.threads().empty())
    violations_.Add("conversation.threads", "must be empty: threads have records of their own");
}

void RecordChecks::Check(v1::ThreadRecord& record) {
  v1::ConversationThread& thread = *record.mutable_thread();
  const std::string path = "thread.thread";
  checked_.path.thread = violations_.Take(path + ".name", ParseThreadName(thread.name()));
  const ThreadName& name = checked_.path.thread;
  CheckName(path, thread.name(), name.Canonical());
  CheckId(path, thread.id(), name.thread.ToString());
  checked_.conversation = CheckUuid(path + ".conversation_id", thread.conversation_id());
  thread.set_conversation_id(checked_.conversation.ToString());
  CheckEtag(path + ".etag", thread.etag());
  CheckRequiredText(path + ".topic", thread.topic(), kMaxTopicCharacters, violations_);
  CheckText(path + ".preview", thread.preview(), kMaxPreviewCharacters, violations_);
  CheckRecipients(path + ".to_recipients", thread.to_recipients(), violations_);
  CheckRecipients(path + ".cc_recipients", thread.cc_recipients(), violations_);
  CheckUniqueSenders(thread);
  CheckTime(path + ".last_delivered_date_time", thread.has_last_delivered_date_time()
                                                    ? thread.mutable_last_delivered_date_time()
                                                    : nullptr);
  CheckTime(path + ".last_modified_date_time", thread.has_last_modified_date_time()
                                                   ? thread.mutable_last_modified_date_time()
                                                   : nullptr);
  CheckTime(path + ".created_date_time",
            thread.has_created_date_time() ? thread.mutable_created_date_time() : nullptr);
  CheckIdOfTime(path + ".id", name.thread, thread);
  thread.clear_posts_next_page_token();
  if (!thread.posts().empty())
    violations_.Add(path + ".posts", "must be empty: posts have records of their own");
}

// A sender without a name counts by its address, which may be longer than a name.
void RecordChecks::CheckUniqueSenders(const v1::ConversationThread& thread) {
  const std::string field = "thread.thread.unique_senders";
  if (!CheckCount(field, thread.unique_senders_size(), kMaxUniqueSenders, violations_)) return;
  for (int i = 0; i < thread.unique_senders_size(); ++i) {
    CheckText(absl::StrCat(field, "[", i, "]"), thread.unique_senders(i), kMaxAddressBytes,
              violations_);
  }
}

void RecordChecks::Check(v1::PostRecord& record) {
  v1::Post& post = *record.mutable_post();
  const std::string path = "post.post";
  checked_.path = violations_.Take(path + ".name", ParsePostName(post.name()));
  const PostName& name = checked_.path;
  CheckName(path, post.name(), name.Canonical());
  CheckId(path, post.id(), name.post.ToString());
  checked_.conversation = CheckUuid(path + ".conversation_id", post.conversation_id());
  post.set_conversation_id(checked_.conversation.ToString());
  if (post.conversation_thread_id() != name.thread.thread.ToString())
    violations_.Add(path + ".conversation_thread_id", "must be the id of the thread in the name");
  CheckEtag(path + ".etag", post.etag());
  ContentChecks content(violations_);
  content.CheckCategories(path + ".categories", post.categories());
  content.CheckBody(path + ".body", post.body());
  content.CheckSender(path + ".sender", post, CallerKind::kApplication);
  CheckRecipients(path + ".new_participants", post.new_participants(), violations_);
  CheckTime(path + ".last_modified_date_time",
            post.has_last_modified_date_time() ? post.mutable_last_modified_date_time() : nullptr);
  CheckTime(path + ".created_date_time",
            post.has_created_date_time() ? post.mutable_created_date_time() : nullptr);
  CheckIdOfTime(path + ".id", name.post, post);
  CheckTime(path + ".received_date_time",
            post.has_received_date_time() ? post.mutable_received_date_time() : nullptr);
  if (post.has_received_date_time() && post.has_created_date_time() &&
      !AreEqual(post.received_date_time(), post.created_date_time()))
    violations_.Add(path + ".received_date_time", "must be created_date_time");
  CheckReplied(post);
  if (record.has_author()) CheckStatus("post.author", CheckUserId(record.author()), violations_);
  for (const auto& [field, count] : {std::pair(".attachments", post.attachments_size()),
                                     std::pair(".extensions", post.extensions_size())}) {
    if (count > 0) violations_.Add(path + field, "must be empty: they have records of their own");
  }
  post.clear_from();
  post.clear_in_reply_to_post();
  if (post.has_body()) {
    post.mutable_body()->set_content_type(
        std::string(ParseContentType(post.body().content_type()).value_or("")));
    checked_.preview = MakePreview(post.body());
  }
}

void RecordChecks::CheckReplied(const v1::Post& post) {
  if (post.in_reply_to().empty()) return;
  const std::string field = "post.post.in_reply_to";
  const PostName replied = violations_.Take(field, ParsePostName(post.in_reply_to()));
  const std::string expected = PostName{checked_.path.thread, replied.post}.Canonical();
  if (post.in_reply_to() != expected)
    violations_.Add(field, "must be the canonical name of a post of the same thread");
  checked_.in_reply_to = replied.post;
}

void RecordChecks::Check(v1::Attachment& attachment) {
  const AttachmentName name =
      violations_.Take("attachment.name", ParseAttachmentName(attachment.name()));
  checked_.path = name.post;
  checked_.id = name.attachment;
  CheckName("attachment", attachment.name(),
            MakeAttachmentName(name.post.Canonical(), name.attachment));
  CheckId("attachment", attachment.id(), name.attachment.ToString());
  CheckUuid("attachment.id", attachment.id());
  ContentChecks(violations_).CheckAttachmentContent("attachment", attachment);
  CheckTime("attachment.last_modified_date_time", attachment.has_last_modified_date_time()
                                                      ? attachment.mutable_last_modified_date_time()
                                                      : nullptr);
  const int32_t size = ContentBytes(attachment);
  if (attachment.size() != size)
    violations_.Add("attachment.size", absl::StrCat("must be that of the content, ", size));
}

void RecordChecks::Check(v1::Extension& extension) {
  const ExtensionName name =
      violations_.Take("extension.name", ParseExtensionName(extension.name()));
  checked_.path = name.post;
  CheckName("extension", extension.name(),
            MakeExtensionName(name.post.Canonical(), name.extension));
  if (extension.extension_name() != name.extension)
    violations_.Add("extension.extension_name", "must be the last segment of the name");
  ContentChecks(violations_).CheckExtension("extension", extension);
}

void RecordChecks::Check(v1::Forward& forward) {
  const ForwardName name = violations_.Take("forward.name", ParseForwardName(forward.name()));
  checked_.path = name.post;
  checked_.id = name.forward;
  CheckName("forward", forward.name(), MakeForwardName(name.post.Canonical(), name.forward));
  CheckId("forward", forward.id(), name.forward.ToString());
  CheckUuid("forward.id", forward.id());
  ContentChecks(violations_)
      .CheckForward("forward.comment", forward.comment(), "forward.to_recipients",
                    forward.to_recipients());
  CheckTime("forward.created_date_time",
            forward.has_created_date_time() ? forward.mutable_created_date_time() : nullptr);
}

void RecordChecks::CheckName(const std::string& path, const std::string& name,
                             const std::string& canonical) {
  checked_.name = canonical;
  if (violations_.empty() && name != canonical)
    violations_.Add(path + ".name", "must be the canonical name");
}

void RecordChecks::CheckId(const std::string& path, absl::string_view id,
                           absl::string_view in_name) {
  // What is wrong with the name has been said.
  if (violations_.empty() && id != in_name)
    violations_.Add(path + ".id", "must be the id in the name");
}

void RecordChecks::CheckTime(const std::string& field, Timestamp* time) {
  if (time == nullptr) {
    violations_.Add(field, "is required");
  } else if (!IsValidTimestamp(*time)) {
    violations_.Add(field,
                    "must be between 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z");
  } else {
    *time = FromMicros(ToMicros(*time));
  }
}

template <typename Resource>
void RecordChecks::CheckIdOfTime(const std::string& field, const Uuid& id,
                                 const Resource& resource) {
  const Timestamp& created = resource.created_date_time();
  if (!resource.has_created_date_time() || !IsValidTimestamp(created)) return;
  if (id.IsV7Of(absl::FromUnixMicros(ToMicros(created)))) return;
  violations_.Add(field,
                  "must be a UUIDv7 of created_date_time, to the microsecond (RFC 9562,"
                  " section 6.2, method 3)");
}

Uuid RecordChecks::CheckUuid(const std::string& field, absl::string_view text) {
  const std::optional<Uuid> uuid = Uuid::Parse(text);
  if (!uuid.has_value() || uuid->is_nil())
    violations_.Add(field, "must be a UUID other than the nil UUID");
  return uuid.value_or(Uuid());
}

void RecordChecks::CheckEtag(const std::string& field, absl::string_view etag) {
  const std::optional<int64_t> revision = ParseEtag(etag);
  if (!revision.has_value()) violations_.Add(field, "must be an etag of this store");
  checked_.revision = revision.value_or(0);
}

}  // namespace

absl::StatusOr<CheckedRecord> CheckRecord(v1::Record record) {
  CheckedRecord checked;
  checked.record = std::move(record);
  Violations violations;
  RecordChecks(checked, violations).Check();
  RETURN_IF_ERROR(violations.ToStatus());
  return checked;
}

absl::StatusOr<std::optional<std::string>> Validate(const v1::ExportThreadsRequest& request) {
  if (request.parent().empty() || request.parent() == "groups/-") return std::nullopt;
  ASSIGN_OR_RETURN(const GroupName group, ValidateName("parent", ParseGroupName(request.parent())));
  if (request.parent() != group.Canonical())
    return InvalidFieldError("parent", "must be groups/{group}, groups/- or empty");
  return group.group;
}

absl::string_view NameOf(const v1::Record& record) {
  switch (record.kind_case()) {
    case v1::Record::kGroup:
      return record.group().name();
    case v1::Record::kMember:
      return record.member().name();
    case v1::Record::kSender:
      return record.sender().name();
    case v1::Record::kConversation:
      return record.conversation().name();
    case v1::Record::kThread:
      return record.thread().thread().name();
    case v1::Record::kPost:
      return record.post().post().name();
    case v1::Record::kAttachment:
      return record.attachment().name();
    case v1::Record::kExtension:
      return record.extension().name();
    case v1::Record::kForward:
      return record.forward().name();
    case v1::Record::KIND_NOT_SET:
      return {};
  }
  return {};
}

}  // namespace threadstore
