#ifndef THREADSTORE_SERVER_DOMAIN_CONTENT_CHECKS_H_
#define THREADSTORE_SERVER_DOMAIN_CONTENT_CHECKS_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/domain/limits.h"
#include "server/domain/validation.h"
#include "threadstore/v1/conversation_thread.pb.h"

namespace threadstore {

// The rules for posts and what hangs on them, in one request: its bodies have one limit together,
// and so have its files and items. Paths are as in field_checks.h.
class ContentChecks {
 public:
  // `violations` must outlive this.
  explicit ContentChecks(Violations& violations) : violations_(violations) {}

  void CheckPost(const std::string& path, const v1::Post& post, CallerKind caller);
  void CheckBody(const std::string& path, const v1::ItemBody& body);
  void CheckCategories(const std::string& field,
                       const google::protobuf::RepeatedPtrField<std::string>& categories);
  void CheckSender(const std::string& field, const v1::Post& post, CallerKind caller);

  // A new attachment: the server chooses its id.
  void CheckAttachment(const std::string& path, const v1::Attachment& attachment);
  void CheckAttachmentContent(const std::string& path, const v1::Attachment& attachment);
  void CheckExtension(const std::string& path, const v1::Extension& extension);
  void CheckExtensionContent(const std::string& field, absl::string_view json);

  // Of a forward. The paths are those of its two fields.
  void CheckForward(const std::string& comment_field, absl::string_view comment,
                    const std::string& recipients_field,
                    const google::protobuf::RepeatedPtrField<v1::Recipient>& recipients);

  // Bounds what has been checked, one part after another, as a whole: the answer will have it all
  // but the files and items.
  void CheckSize(const std::string& field, const google::protobuf::MessageLite& whole);

 private:
  // Bytes that several fields share.
  struct Allowance {
    size_t max;
    absl::string_view of;
    size_t left = max;
    size_t asked = 0;  // For what was refused, too.
  };

  void CheckExtensions(const std::string& field,
                       const google::protobuf::RepeatedPtrField<v1::Extension>& extensions);
  void CheckReference(const std::string& path, const v1::ReferenceAttachment& reference);

  // Takes a field's bytes from those that are left; false if they are more.
  bool TakeBytes(const std::string& field, size_t bytes, Allowance& allowance);

  Violations& violations_;
  Allowance bodies_ = {kMaxBodyBytes, "all bodies"};
  Allowance attachments_ = {kMaxAttachmentBytes, "all files and items"};
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_CONTENT_CHECKS_H_
