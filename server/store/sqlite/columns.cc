#include "server/store/sqlite/columns.h"

#include <string>

#include "server/base/errors.h"
#include "server/domain/resource.h"

namespace threadstore::sqlite {

absl::Status CheckEtag(const ChangeContext& context, int64_t revision, absl::string_view type,
                       absl::string_view name) {
  if (context.etag.empty() || context.etag == MakeEtag(revision)) return absl::OkStatus();
  return EtagMismatchError(type, name);
}

absl::StatusOr<Uuid> ReadUuid(const Query& row, int column) {
  const std::optional<Uuid> uuid = Uuid::FromBytes(row.Blob(column));
  if (!uuid.has_value()) return absl::DataLossError("an id in the store is not a UUID");
  return *uuid;
}

absl::StatusOr<Uuid> RequireUuid(absl::string_view text) {
  const std::optional<Uuid> uuid = Uuid::Parse(text);
  if (!uuid.has_value()) return absl::InternalError("a resource to store has no valid id");
  return *uuid;
}

v1::Recipient ReadRecipient(const Query& row, int first_column) {
  v1::Recipient recipient;
  if (!row.Boolean(first_column)) return recipient;
  v1::EmailAddress& email = *recipient.mutable_email_address();
  if (!row.IsNull(first_column + 1)) email.set_name(std::string(row.Text(first_column + 1)));
  if (!row.IsNull(first_column + 2)) email.set_address(std::string(row.Text(first_column + 2)));
  return recipient;
}

void BindRecipient(const v1::Recipient& recipient, Query& query) {
  const v1::EmailAddress& email = recipient.email_address();
  query.Bind(recipient.has_email_address() ? 1 : 0);
  BindOptionalText(email.has_name(), email.name(), query);
  BindOptionalText(email.has_address(), email.address(), query);
}

void BindOptionalText(bool is_present, absl::string_view text, Query& query) {
  if (is_present) {
    query.BindText(text);
  } else {
    query.BindNull();
  }
}

}  // namespace threadstore::sqlite
