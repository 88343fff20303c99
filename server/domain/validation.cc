#include "server/domain/validation.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/base/status_macros.h"
#include "server/domain/limits.h"
#include "server/domain/page_token.h"
#include "server/domain/timestamp.h"

namespace threadstore {
namespace {

using internal::v1::PageToken;

// Code points of valid UTF-8, which protobuf guarantees its strings to be.
size_t CountCharacters(absl::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

void CheckNoNul(std::string field, absl::string_view text, Violations& violations) {
  if (text.find('\0') != absl::string_view::npos) {
    violations.Add(std::move(field), "must not contain U+0000");
  }
}

void CheckText(const std::string& field, absl::string_view text, size_t max_characters,
               Violations& violations) {
  CheckNoNul(field, text, violations);
  if (CountCharacters(text) > max_characters) {
    violations.Add(field, absl::StrCat("must have at most ", max_characters, " characters"));
  }
}

void CheckAddress(const std::string& field, absl::string_view address, Violations& violations) {
  CheckNoNul(field, address, violations);
  if (address.size() > kMaxAddressBytes) {
    violations.Add(field, absl::StrCat("must have at most ", kMaxAddressBytes, " bytes"));
  }
}

void CheckRecipients(const std::string& field,
                     const google::protobuf::RepeatedPtrField<v1::Recipient>& recipients,
                     Violations& violations) {
  if (recipients.size() > kMaxRecipients) {
    violations.Add(field, absl::StrCat("must have at most ", kMaxRecipients, " entries"));
    return;
  }
  for (int i = 0; i < recipients.size(); ++i) {
    const v1::EmailAddress& email = recipients[i].email_address();
    const std::string path = absl::StrCat(field, "[", i, "].email_address");
    CheckText(absl::StrCat(path, ".name"), email.name(), kMaxDisplayNameCharacters, violations);
    CheckAddress(absl::StrCat(path, ".address"), email.address(), violations);
  }
}

void CheckUniqueSenders(const google::protobuf::RepeatedPtrField<std::string>& senders,
                        Violations& violations) {
  constexpr absl::string_view kField = "thread.unique_senders";
  if (senders.size() > kMaxUniqueSenders) {
    violations.Add(std::string(kField),
                   absl::StrCat("must have at most ", kMaxUniqueSenders, " entries"));
    return;
  }
  for (int i = 0; i < senders.size(); ++i) {
    CheckText(absl::StrCat(kField, "[", i, "]"), senders[i], kMaxDisplayNameCharacters, violations);
  }
}

void CheckNewThread(const v1::ConversationThread& thread, bool topic_required,
                    Violations& violations) {
  if (!thread.id().empty()) violations.Add("thread.id", "must be empty: the server chooses it");
  if (thread.topic().empty() && topic_required) {
    violations.Add("thread.topic", "must not be empty");
  }
  CheckText("thread.topic", thread.topic(), kMaxTopicCharacters, violations);
  CheckText("thread.preview", thread.preview(), kMaxPreviewCharacters, violations);
  CheckRecipients("thread.to_recipients", thread.to_recipients(), violations);
  CheckRecipients("thread.cc_recipients", thread.cc_recipients(), violations);
  CheckUniqueSenders(thread.unique_senders(), violations);
  if (thread.has_last_delivered_date_time() &&
      !IsValidTimestamp(thread.last_delivered_date_time())) {
    violations.Add("thread.last_delivered_date_time",
                   "must be between 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z");
  }
}

std::optional<Uuid> CheckRequestId(absl::string_view text, Violations& violations) {
  if (text.empty()) return std::nullopt;
  const std::optional<Uuid> uuid = Uuid::Parse(text);
  if (!uuid.has_value() || uuid->is_nil()) {
    violations.Add("request_id", "must be a UUID other than the nil UUID");
    return std::nullopt;
  }
  return uuid;
}

int32_t CheckPageSize(int32_t page_size, Violations& violations) {
  if (page_size < 0) violations.Add("page_size", "must not be negative");
  return page_size == 0 ? kDefaultPageSize : std::min(page_size, kMaxPageSize);
}

// The token of a query, a default one if there is none or it is refused.
PageToken CheckPageToken(absl::string_view text, uint64_t fingerprint, Violations& violations) {
  if (text.empty()) return PageToken();
  return violations.Take("page_token", DecodePageToken(text, fingerprint));
}

std::optional<ThreadCursor> CheckThreadPageToken(absl::string_view text, uint64_t fingerprint,
                                                 Violations& violations) {
  const PageToken token = CheckPageToken(text, fingerprint, violations);
  if (token.last_id().empty()) return std::nullopt;
  const std::optional<Uuid> id = Uuid::Parse(token.last_id());
  if (!id.has_value() || !token.has_last_delivered_us()) {
    violations.Add("page_token", "is not a page token");
    return std::nullopt;
  }
  return ThreadCursor{*id, token.last_delivered_us()};
}

// The one text of an order. Page tokens depend on it, so it never changes.
absl::string_view OrderText(ThreadOrder order) {
  switch (order) {
    case ThreadOrder::kNewestActivity:
      return "last_delivered_date_time desc";
    case ThreadOrder::kOldestCreated:
      return "create_time";
    case ThreadOrder::kNewestCreated:
      return "create_time desc";
  }
  return "";
}

absl::StatusOr<ThreadOrder> ParseThreadOrder(absl::string_view order_by) {
  // AIP-132: redundant spaces are insignificant.
  const std::string normal = absl::StrJoin(absl::StrSplit(order_by, ' ', absl::SkipEmpty()), " ");
  if (normal.empty()) return ThreadOrder::kNewestActivity;
  for (const ThreadOrder order :
       {ThreadOrder::kNewestActivity, ThreadOrder::kOldestCreated, ThreadOrder::kNewestCreated}) {
    if (normal == OrderText(order)) return order;
  }
  return absl::InvalidArgumentError(
      "must be 'last_delivered_date_time desc', 'create_time' or 'create_time desc'");
}

// For requests whose one rule is their name's.
template <typename Name>
absl::StatusOr<Name> ValidateName(std::string field, absl::StatusOr<Name> parsed) {
  Violations violations;
  Name name = violations.Take(std::move(field), std::move(parsed));
  RETURN_IF_ERROR(violations.ToStatus());
  return name;
}

}  // namespace

absl::StatusOr<CreateThreadInput> Validate(const v1::CreateThreadRequest& request) {
  Violations violations;
  CreateThreadInput input;
  const absl::StatusOr<ThreadParent> parent = ParseThreadParent(request.parent());
  const bool in_conversation = parent.ok() && parent->conversation.has_value();
  input.parent = violations.Take("parent", parent);
  if (request.has_thread()) {
    CheckNewThread(request.thread(), /*topic_required=*/!in_conversation, violations);
  } else {
    violations.Add("thread", "is required");
  }
  input.request_id = CheckRequestId(request.request_id(), violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<ThreadName> Validate(const v1::GetThreadRequest& request) {
  return ValidateName("name", ParseThreadName(request.name()));
}

absl::StatusOr<ListThreadsInput> Validate(const v1::ListThreadsRequest& request) {
  Violations violations;
  ListThreadsInput input;
  input.parent = violations.Take("parent", ParseThreadParent(request.parent()));
  input.query.group = input.parent.group.group;
  input.query.conversation = input.parent.conversation;
  input.query.limit = CheckPageSize(request.page_size(), violations);
  input.query.order = violations.Take("order_by", ParseThreadOrder(request.order_by()));
  input.fingerprint =
      QueryFingerprint("ListThreads", input.parent.Canonical(), OrderText(input.query.order));
  input.query.after = CheckThreadPageToken(request.page_token(), input.fingerprint, violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<CreateGroupInput> Validate(const v1::CreateGroupRequest& request) {
  Violations violations;
  if (const absl::Status status = CheckGroupId(request.group_id()); !status.ok()) {
    violations.Add("group_id", std::string(status.message()));
  }
  CheckText("group.display_name", request.group().display_name(), kMaxDisplayNameCharacters,
            violations);
  CheckAddress("group.mail", request.group().mail(), violations);
  CreateGroupInput input;
  input.request_id = CheckRequestId(request.request_id(), violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<GroupName> Validate(const v1::GetGroupRequest& request) {
  return ValidateName("name", ParseGroupName(request.name()));
}

absl::StatusOr<GroupName> Validate(const v1::DeleteGroupRequest& request) {
  return ValidateName("name", ParseGroupName(request.name()));
}

absl::StatusOr<GroupName> Validate(const v1::AddMemberRequest& request) {
  Violations violations;
  GroupName group = violations.Take("parent", ParseGroupName(request.parent()));
  const v1::Member& member = request.member();
  if (const absl::Status status = CheckUserId(member.id()); !status.ok()) {
    violations.Add("member.id", std::string(status.message()));
  }
  CheckText("member.display_name", member.display_name(), kMaxDisplayNameCharacters, violations);
  CheckAddress("member.mail", member.mail(), violations);
  if (!v1::Member::Role_IsValid(member.role())) {
    violations.Add("member.role", "must be ROLE_MEMBER or ROLE_OWNER");
  }
  RETURN_IF_ERROR(violations.ToStatus());
  return group;
}

absl::StatusOr<MemberName> Validate(const v1::RemoveMemberRequest& request) {
  return ValidateName("name", ParseMemberName(request.name()));
}

absl::StatusOr<ListMembersInput> Validate(const v1::ListMembersRequest& request) {
  Violations violations;
  ListMembersInput input;
  input.group = violations.Take("parent", ParseGroupName(request.parent()));
  input.query.group = input.group.group;
  input.query.limit = CheckPageSize(request.page_size(), violations);
  input.fingerprint = QueryFingerprint("ListMembers", input.group.Canonical());
  input.query.after_id =
      CheckPageToken(request.page_token(), input.fingerprint, violations).last_id();
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<ListGroupsInput> Validate(const v1::ListGroupsRequest& request) {
  Violations violations;
  ListGroupsInput input;
  input.query.limit = CheckPageSize(request.page_size(), violations);
  input.fingerprint = QueryFingerprint("ListGroups", "");
  input.query.after_id =
      CheckPageToken(request.page_token(), input.fingerprint, violations).last_id();
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<ListJoinedGroupsInput> Validate(const v1::ListJoinedGroupsRequest& request,
                                               absl::string_view calling_user) {
  Violations violations;
  ListJoinedGroupsInput input;
  input.user = violations.Take("parent", ParseUserName(request.parent()));
  input.query.limit = CheckPageSize(request.page_size(), violations);
  input.fingerprint = QueryFingerprint(
      "ListJoinedGroups", input.user.is_me ? calling_user : absl::string_view(input.user.user));
  input.query.after_id =
      CheckPageToken(request.page_token(), input.fingerprint, violations).last_id();
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

}  // namespace threadstore
