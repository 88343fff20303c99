#include "server/domain/usage.h"

#include "google/protobuf/repeated_ptr_field.h"

namespace threadstore {
namespace {

template <typename T>
int64_t BytesOfAll(const google::protobuf::RepeatedPtrField<T>& items) {
  int64_t bytes = 0;
  for (const T& item : items) bytes += BytesOf(item);
  return bytes;
}

}  // namespace

int64_t BytesOf(const std::string& text) { return static_cast<int64_t>(text.size()); }

int64_t BytesOf(const v1::Recipient& recipient) {
  const v1::EmailAddress& email_address = recipient.email_address();
  return BytesOf(email_address.name()) + BytesOf(email_address.address());
}

int64_t BytesOf(const v1::ConversationThread& thread, bool has_had_posts) {
  const int64_t bytes = BytesOf(thread.topic()) + BytesOfAll(thread.to_recipients()) +
                        BytesOfAll(thread.cc_recipients());
  if (has_had_posts) return bytes;
  return bytes + BytesOf(thread.preview()) + BytesOfAll(thread.unique_senders());
}

int64_t BytesOf(const v1::Post& post) {
  return BytesOf(post.body().content()) + BytesOfAll(post.categories()) +
         BytesOfAll(post.new_participants()) + BytesOfAll(post.attachments()) +
         BytesOfAll(post.extensions());
}

int64_t BytesOf(const v1::Attachment& attachment) {
  const v1::FileAttachment& file = attachment.file();
  const v1::ReferenceAttachment& reference = attachment.reference();
  return BytesOf(attachment.display_name()) + BytesOf(attachment.content_type()) +
         BytesOf(file.content_bytes()) + BytesOf(file.content_id()) +
         BytesOf(attachment.item().item_json()) + BytesOf(reference.source_url()) +
         BytesOf(reference.provider_type()) + BytesOf(reference.permission());
}

int64_t BytesOf(const v1::Extension& extension) {
  return BytesOf(extension.extension_name()) + BytesOf(extension.content_json());
}

int64_t BytesOf(const v1::Forward& forward) {
  return BytesOf(forward.comment()) + BytesOfAll(forward.to_recipients());
}

}  // namespace threadstore
