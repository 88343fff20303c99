#ifndef THREADSTORE_CLIENT_THREADCTL_TEXT_H_
#define THREADSTORE_CLIENT_THREADCTL_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/threadctl/printer.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "threadstore/v1/conversation_thread.pb.h"

// How the values of resources are written for people, who may write a recipient the same way. The
// texts are not Printable yet.
namespace threadstore::threadctl {

std::string YesOrNo(bool value);

// `NAME <ADDRESS>`, or what there is of both.
std::string RecipientText(const v1::Recipient& recipient);

// All of them, separated by commas.
std::string RecipientsText(const google::protobuf::RepeatedPtrField<v1::Recipient>& recipients);

// Reads `NAME <ADDRESS>`, `<ADDRESS>`, or one of both alone: what has an `@` is an address.
v1::Recipient ParseRecipient(absl::string_view text);

// Times that several resources have, in the local zone; empty if absent.
template <typename Resource>
std::string Created(const Resource& resource) {
  return FormatTime(resource.has_created_date_time() ? &resource.created_date_time() : nullptr,
                    absl::LocalTimeZone());
}

template <typename Resource>
std::string LastModified(const Resource& resource) {
  return FormatTime(
      resource.has_last_modified_date_time() ? &resource.last_modified_date_time() : nullptr,
      absl::LocalTimeZone());
}

template <typename Resource>
std::string LastDelivered(const Resource& resource) {
  return FormatTime(
      resource.has_last_delivered_date_time() ? &resource.last_delivered_date_time() : nullptr,
      absl::LocalTimeZone());
}

}  // namespace threadstore::threadctl

#endif  // THREADSTORE_CLIENT_THREADCTL_TEXT_H_
