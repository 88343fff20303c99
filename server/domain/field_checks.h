#ifndef THREADSTORE_SERVER_DOMAIN_FIELD_CHECKS_H_
#define THREADSTORE_SERVER_DOMAIN_FIELD_CHECKS_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/base/status_macros.h"
#include "server/base/uuid.h"
#include "server/domain/validation.h"
#include "threadstore/internal/v1/page_token.pb.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/group_service.pb.h"

// The rules for single fields, of which validation is made up. Each takes the path of its field in
// the request and adds what it finds to `violations`.
namespace threadstore {

void CheckNoNul(const std::string& field, absl::string_view text, Violations& violations);

// At most so many characters, none of them U+0000.
void CheckText(const std::string& field, absl::string_view text, size_t max_characters,
               Violations& violations);

// Likewise, and at least one.
void CheckRequiredText(const std::string& field, absl::string_view text, size_t max_characters,
                       Violations& violations);

void CheckAddress(const std::string& field, absl::string_view address, Violations& violations);

// The rules for ids and names that callers choose, such as CheckUserId.
void CheckStatus(const std::string& field, const absl::Status& status, Violations& violations);

// Of a new resource: the server chooses its id.
void CheckNewId(const std::string& field, absl::string_view id, Violations& violations);

// False if there are more than `max` entries, which are then not worth a look.
bool CheckCount(const std::string& field, int count, int max, Violations& violations);

void CheckRecipient(const std::string& field, const v1::Recipient& recipient,
                    Violations& violations);
void CheckRecipients(const std::string& field,
                     const google::protobuf::RepeatedPtrField<v1::Recipient>& recipients,
                     Violations& violations);

// What people read of a group and of a member.
void CheckGroupTexts(const std::string& field, const v1::Group& group, Violations& violations);
void CheckMemberTexts(const std::string& field, const v1::Member& member, Violations& violations);

std::optional<Uuid> CheckRequestId(absl::string_view text, Violations& violations);

// The number of resources to put on a page.
int32_t CheckPageSize(int32_t page_size, Violations& violations);

// The token of a query, a default one if there is none or it is refused.
internal::v1::PageToken CheckPageToken(absl::string_view text, uint64_t fingerprint,
                                       Violations& violations);

// Likewise, when resources are listed by their UUIDs.
std::optional<Uuid> CheckUuidPageToken(absl::string_view text, uint64_t fingerprint,
                                       Violations& violations);

// Likewise, when threads are in some order.
std::optional<ThreadCursor> CheckThreadPageToken(absl::string_view text, uint64_t fingerprint,
                                                 ThreadOrder order, Violations& violations);

// The filter of a list over `fields`; nothing if there is none or it is refused.
std::optional<FilterNode> CheckFilter(const std::string& text,
                                      const std::vector<FilterField>& fields,
                                      Violations& violations);

// In masks: all fields.
inline constexpr absl::string_view kAllFields = "*";

// What an update changes.
class UpdateMask {
 public:
  // `fields` are those that can be changed; the mask may also name `*`, which means all of them.
  UpdateMask(const google::protobuf::FieldMask& mask,
             std::initializer_list<absl::string_view> fields, Violations& violations);

  // Whether the mask names a field or, without a mask, whether it is set.
  bool Changes(absl::string_view field, bool is_set) const;

  // Whether the mask names the field itself, not only `*`.
  bool Names(absl::string_view field) const;

 private:
  const google::protobuf::FieldMask& mask_;
};

// For requests whose one rule is their name's.
template <typename Name>
absl::StatusOr<Name> ValidateName(std::string field, absl::StatusOr<Name> parsed) {
  Violations violations;
  Name name = violations.Take(std::move(field), std::move(parsed));
  RETURN_IF_ERROR(violations.ToStatus());
  return name;
}

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_FIELD_CHECKS_H_
