#include "client/threadctl/text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace threadstore::threadctl {

std::string YesOrNo(bool value) { return value ? "yes" : "no"; }

std::string RecipientText(const v1::Recipient& recipient) {
  const std::string& name = recipient.email_address().name();
  const std::string& address = recipient.email_address().address();
  if (address.empty()) return name.empty() ? "(no address)" : name;
  return name.empty() ? address : absl::StrCat(name, " <", address, ">");
}

std::string RecipientsText(const google::protobuf::RepeatedPtrField<v1::Recipient>& recipients) {
  return absl::StrJoin(recipients, ", ", [](std::string* out, const v1::Recipient& recipient) {
    absl::StrAppend(out, RecipientText(recipient));
  });
}

v1::Recipient ParseRecipient(absl::string_view text) {
  v1::Recipient recipient;
  v1::EmailAddress* address = recipient.mutable_email_address();
  const size_t open = text.rfind('<');
  if (open != absl::string_view::npos && absl::ConsumeSuffix(&text, ">")) {
    address->set_address(std::string(text.substr(open + 1)));
    text = absl::StripAsciiWhitespace(text.substr(0, open));
    if (!text.empty()) address->set_name(std::string(text));
  } else if (absl::StrContains(text, '@')) {
    address->set_address(std::string(text));
  } else {
    address->set_name(std::string(text));
  }
  return recipient;
}

}  // namespace threadstore::threadctl
