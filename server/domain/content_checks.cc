#include "server/domain/content_checks.h"

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/base/json_object.h"
#include "server/domain/field_checks.h"
#include "server/domain/resource.h"
#include "server/domain/resource_name.h"

namespace threadstore {
namespace {

using google::protobuf::RepeatedPtrField;

std::string Element(const std::string& list, int index) {
  return absl::StrCat(list, "[", index, "]");
}

}  // namespace

void ContentChecks::CheckPost(const std::string& path, const v1::Post& post, CallerKind caller) {
  CheckNewId(absl::StrCat(path, ".id"), post.id(), violations_);
  CheckCategories(absl::StrCat(path, ".categories"), post.categories());
  CheckBody(absl::StrCat(path, ".body"), post.body());
  CheckSender(absl::StrCat(path, ".sender"), post, caller);
  CheckRecipients(absl::StrCat(path, ".new_participants"), post.new_participants(), violations_);
  const std::string attachments = absl::StrCat(path, ".attachments");
  if (CheckCount(attachments, post.attachments_size(), kMaxAttachmentsPerPost, violations_)) {
    for (int i = 0; i < post.attachments_size(); ++i) {
      CheckAttachment(Element(attachments, i), post.attachments(i));
    }
  }
  CheckExtensions(absl::StrCat(path, ".extensions"), post.extensions());
}

void ContentChecks::CheckBody(const std::string& path, const v1::ItemBody& body) {
  if (!ParseContentType(body.content_type()).has_value())
    violations_.Add(absl::StrCat(path, ".content_type"), "must be text or html");
  const std::string content = absl::StrCat(path, ".content");
  CheckNoNul(content, body.content(), violations_);
  TakeBytes(content, body.content().size(), bodies_);
}

void ContentChecks::CheckCategories(const std::string& field,
                                    const RepeatedPtrField<std::string>& categories) {
  if (!CheckCount(field, categories.size(), kMaxCategories, violations_)) return;
  for (int i = 0; i < categories.size(); ++i) {
    CheckRequiredText(Element(field, i), categories[i], kMaxCategoryCharacters, violations_);
  }
}

void ContentChecks::CheckSender(const std::string& field, const v1::Post& post, CallerKind caller) {
  const v1::EmailAddress& email = post.sender().email_address();
  // Whether it is the user that calls is for the store to say, which knows its membership.
  if (caller == CallerKind::kApplication && email.name().empty() && email.address().empty()) {
    violations_.Add(field, "must have a name or an address: an application says who posts");
  }
  CheckRecipient(field, post.sender(), violations_);
}

void ContentChecks::CheckAttachment(const std::string& path, const v1::Attachment& attachment) {
  CheckNewId(absl::StrCat(path, ".id"), attachment.id(), violations_);
  CheckAttachmentContent(path, attachment);
}

void ContentChecks::CheckAttachmentContent(const std::string& path,
                                           const v1::Attachment& attachment) {
  CheckRequiredText(absl::StrCat(path, ".display_name"), attachment.display_name(),
                    kMaxAttachmentTextCharacters, violations_);
  CheckText(absl::StrCat(path, ".content_type"), attachment.content_type(),
            kMaxAttachmentTextCharacters, violations_);
  switch (attachment.kind_case()) {
    case v1::Attachment::kFile:
      CheckText(absl::StrCat(path, ".file.content_id"), attachment.file().content_id(),
                kMaxAttachmentTextCharacters, violations_);
      TakeBytes(absl::StrCat(path, ".file.content_bytes"), attachment.file().content_bytes().size(),
                attachments_);
      break;
    case v1::Attachment::kItem: {
      const std::string field = absl::StrCat(path, ".item.item_json");
      const std::string& json = attachment.item().item_json();
      if (TakeBytes(field, json.size(), attachments_)) {
        CheckStatus(field, CheckJsonObject(json, kMaxJsonDepth), violations_);
      }
      break;
    }
    case v1::Attachment::kReference:
      CheckReference(absl::StrCat(path, ".reference"), attachment.reference());
      break;
    case v1::Attachment::KIND_NOT_SET:
      violations_.Add(path, "must be a file, an item or a reference");
      break;
  }
}

void ContentChecks::CheckReference(const std::string& path,
                                   const v1::ReferenceAttachment& reference) {
  CheckRequiredText(absl::StrCat(path, ".source_url"), reference.source_url(), kMaxUrlCharacters,
                    violations_);
  CheckText(absl::StrCat(path, ".provider_type"), reference.provider_type(),
            kMaxAttachmentTextCharacters, violations_);
  CheckText(absl::StrCat(path, ".permission"), reference.permission(), kMaxAttachmentTextCharacters,
            violations_);
}

void ContentChecks::CheckExtensions(const std::string& field,
                                    const RepeatedPtrField<v1::Extension>& extensions) {
  if (!CheckCount(field, extensions.size(), kMaxExtensionsPerPost, violations_)) return;
  absl::flat_hash_map<std::string, int> indexes;
  for (int i = 0; i < extensions.size(); ++i) {
    const std::string path = Element(field, i);
    CheckExtension(path, extensions[i]);
    const absl::StatusOr<std::string> name = ParseExtensionId(extensions[i].extension_name());
    if (!name.ok()) continue;
    if (const auto [first, is_new] = indexes.try_emplace(*name, i); !is_new) {
      violations_.Add(absl::StrCat(path, ".extension_name"),
                      absl::StrCat("is also the name of ", Element(field, first->second)));
    }
  }
}

void ContentChecks::CheckExtension(const std::string& path, const v1::Extension& extension) {
  violations_.Take(absl::StrCat(path, ".extension_name"),
                   ParseExtensionId(extension.extension_name()));
  CheckExtensionContent(absl::StrCat(path, ".content_json"), extension.content_json());
}

void ContentChecks::CheckExtensionContent(const std::string& field, absl::string_view json) {
  if (json.size() > kMaxExtensionBytes) {
    violations_.Add(field, absl::StrCat("must have at most ", kMaxExtensionBytes, " bytes"));
  } else {
    CheckStatus(field, CheckJsonObject(json, kMaxJsonDepth), violations_);
  }
}

void ContentChecks::CheckForward(const std::string& comment_field, absl::string_view comment,
                                 const std::string& recipients_field,
                                 const RepeatedPtrField<v1::Recipient>& recipients) {
  CheckNoNul(comment_field, comment, violations_);
  if (comment.size() > kMaxForwardCommentBytes) {
    violations_.Add(comment_field,
                    absl::StrCat("must have at most ", kMaxForwardCommentBytes, " bytes"));
  }
  if (recipients.empty()) violations_.Add(recipients_field, "must have at least 1 entry");
  CheckRecipients(recipients_field, recipients, violations_);
  if (recipients.size() > kMaxRecipients) return;
  for (int i = 0; i < recipients.size(); ++i) {
    if (recipients[i].email_address().address().empty()) {
      violations_.Add(absl::StrCat(Element(recipients_field, i), ".email_address.address"),
                      "must not be empty");
    }
  }
}

void ContentChecks::CheckSize(const std::string& field,
                              const google::protobuf::MessageLite& whole) {
  if (whole.ByteSizeLong() - attachments_.asked <= kMaxNewResourceBytes) return;
  violations_.Add(field, absl::StrCat("must have at most ", kMaxNewResourceBytes,
                                      " bytes besides its files and items"));
}

bool ContentChecks::TakeBytes(const std::string& field, size_t bytes, Allowance& allowance) {
  allowance.asked += bytes;
  if (bytes > allowance.left) {
    violations_.Add(field, absl::StrCat("must have at most ", allowance.max, " bytes, ",
                                        allowance.of, " of a request together"));
    return false;
  }
  allowance.left -= bytes;
  return true;
}

}  // namespace threadstore
