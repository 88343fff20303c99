#include "server/domain/field_checks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/domain/limits.h"
#include "server/domain/page_token.h"

namespace threadstore {
namespace {

using google::protobuf::FieldMask;
using google::protobuf::RepeatedPtrField;
using internal::v1::PageToken;

constexpr char kNoPageToken[] = "is not a page token";

// Code points of valid UTF-8, which protobuf guarantees its strings to be.
size_t CountCharacters(absl::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

}  // namespace

void CheckNoNul(const std::string& field, absl::string_view text, Violations& violations) {
  if (text.find('\0') != absl::string_view::npos) {
    violations.Add(field, "must not contain U+0000");
  }
}

void CheckText(const std::string& field, absl::string_view text, size_t max_characters,
               Violations& violations) {
  CheckNoNul(field, text, violations);
  if (CountCharacters(text) > max_characters) {
    violations.Add(field, absl::StrCat("must have at most ", max_characters, " characters"));
  }
}

void CheckRequiredText(const std::string& field, absl::string_view text, size_t max_characters,
                       Violations& violations) {
  if (text.empty()) violations.Add(field, "must not be empty");
  CheckText(field, text, max_characters, violations);
}

void CheckAddress(const std::string& field, absl::string_view address, Violations& violations) {
  CheckNoNul(field, address, violations);
  if (address.size() > kMaxAddressBytes) {
    violations.Add(field, absl::StrCat("must have at most ", kMaxAddressBytes, " bytes"));
  }
}

void CheckStatus(const std::string& field, const absl::Status& status, Violations& violations) {
  if (!status.ok()) violations.Add(field, std::string(status.message()));
}

void CheckNewId(const std::string& field, absl::string_view id, Violations& violations) {
  if (!id.empty()) violations.Add(field, "must be empty: the server chooses it");
}

bool CheckCount(const std::string& field, int count, int max, Violations& violations) {
  if (count <= max) return true;
  violations.Add(field, absl::StrCat("must have at most ", max, max == 1 ? " entry" : " entries"));
  return false;
}

void CheckRecipient(const std::string& field, const v1::Recipient& recipient,
                    Violations& violations) {
  const v1::EmailAddress& email = recipient.email_address();
  const std::string path = absl::StrCat(field, ".email_address");
  CheckText(absl::StrCat(path, ".name"), email.name(), kMaxDisplayNameCharacters, violations);
  CheckAddress(absl::StrCat(path, ".address"), email.address(), violations);
}

void CheckRecipients(const std::string& field, const RepeatedPtrField<v1::Recipient>& recipients,
                     Violations& violations) {
  if (!CheckCount(field, recipients.size(), kMaxRecipients, violations)) return;
  for (int i = 0; i < recipients.size(); ++i) {
    CheckRecipient(absl::StrCat(field, "[", i, "]"), recipients[i], violations);
  }
}

void CheckGroupTexts(const std::string& field, const v1::Group& group, Violations& violations) {
  CheckText(field + ".display_name", group.display_name(), kMaxDisplayNameCharacters, violations);
  CheckAddress(field + ".mail", group.mail(), violations);
  CheckText(field + ".description", group.description(), kMaxDescriptionCharacters, violations);
  CheckText(field + ".mail_nickname", group.mail_nickname(), kMaxMailNicknameCharacters,
            violations);
}

void CheckMemberTexts(const std::string& field, const v1::Member& member, Violations& violations) {
  CheckText(field + ".display_name", member.display_name(), kMaxDisplayNameCharacters, violations);
  CheckAddress(field + ".mail", member.mail(), violations);
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

PageToken CheckPageToken(absl::string_view text, uint64_t fingerprint, Violations& violations) {
  if (text.empty()) return PageToken();
  return violations.Take("page_token", DecodePageToken(text, fingerprint));
}

std::optional<Uuid> CheckUuidPageToken(absl::string_view text, uint64_t fingerprint,
                                       Violations& violations) {
  const PageToken token = CheckPageToken(text, fingerprint, violations);
  if (token.last_id().empty()) return std::nullopt;
  const std::optional<Uuid> id = Uuid::Parse(token.last_id());
  if (!id.has_value()) violations.Add("page_token", kNoPageToken);
  return id;
}

std::optional<ThreadCursor> CheckThreadPageToken(absl::string_view text, uint64_t fingerprint,
                                                 ThreadOrder order, Violations& violations) {
  const PageToken token = CheckPageToken(text, fingerprint, violations);
  if (token.last_id().empty()) return std::nullopt;
  const std::optional<Uuid> id = Uuid::Parse(token.last_id());
  const bool by_topic =
      order == ThreadOrder::kTopicAscending || order == ThreadOrder::kTopicDescending;
  if (!id.has_value() || !token.has_last_delivered_us() || token.has_last_topic() != by_topic) {
    violations.Add("page_token", kNoPageToken);
    return std::nullopt;
  }
  ThreadCursor cursor{*id, token.last_delivered_us()};
  if (by_topic) cursor.topic = token.last_topic();
  return cursor;
}

std::optional<FilterNode> CheckFilter(const std::string& text,
                                      const std::vector<FilterField>& fields,
                                      Violations& violations) {
  if (text.empty()) return std::nullopt;
  absl::StatusOr<FilterNode> filter = ParseFilter(text, fields);
  if (filter.ok()) return *std::move(filter);
  violations.Add("filter", std::string(filter.status().message()));
  return std::nullopt;
}

UpdateMask::UpdateMask(const FieldMask& mask, std::initializer_list<absl::string_view> fields,
                       Violations& violations)
    : mask_(mask) {
  for (const std::string& path : mask.paths()) {
    if (path == kAllFields || std::find(fields.begin(), fields.end(), path) != fields.end()) {
      continue;
    }
    violations.Add("update_mask",
                   absl::StrCat("must not name ", absl::Utf8SafeCEscape(path),
                                ": what can be changed is ", absl::StrJoin(fields, ", ")));
  }
}

bool UpdateMask::Changes(absl::string_view field, bool is_set) const {
  if (mask_.paths().empty()) return is_set;
  return Names(field) || Names(kAllFields);
}

bool UpdateMask::Names(absl::string_view field) const {
  return std::find(mask_.paths().begin(), mask_.paths().end(), field) != mask_.paths().end();
}

}  // namespace threadstore
