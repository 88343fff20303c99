#include "server/domain/page_token.h"

#include <cstring>
#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/base/sha256.h"
#include "server/base/uuid.h"
#include "server/domain/limits.h"
#include "server/domain/list_order.h"
#include "server/domain/timestamp.h"

namespace threadstore {
namespace {

bool HasPlace(const internal::v1::PageToken& token) {
  return !token.last_id().empty() || token.has_last_document();
}

// Of lists that are asked for nothing but their parent and default order.
internal::v1::PageToken TokenOfList(absl::string_view method, absl::string_view parent,
                                    absl::string_view order = "") {
  internal::v1::PageToken token;
  token.set_query_fingerprint(QueryFingerprint(method, parent, order));
  return token;
}

// The id of the last of a list, or one that is before all others.
template <typename Resource>
std::string LastId(const google::protobuf::RepeatedPtrField<Resource>& resources) {
  return resources.empty() ? Uuid().ToString() : resources.rbegin()->id();
}

}  // namespace

uint64_t QueryFingerprint(absl::string_view method, absl::string_view parent,
                          absl::string_view order, absl::string_view filter) {
  const absl::string_view nul("\0", 1);
  std::string query = absl::StrCat(method, nul, parent, nul, order);
  // Without one it is what it was before there were filters, since tokens outlive upgrades.
  if (!filter.empty()) absl::StrAppend(&query, nul, filter);
  const std::string digest = Sha256(query);
  uint64_t fingerprint = 0;
  for (size_t i = 0; i < sizeof(fingerprint); ++i) {
    fingerprint = (fingerprint << 8) | static_cast<unsigned char>(digest[i]);
  }
  return fingerprint;
}

std::string EncodePageToken(const internal::v1::PageToken& token) {
  return absl::WebSafeBase64Escape(token.SerializeAsString());
}

absl::StatusOr<internal::v1::PageToken> DecodePageToken(absl::string_view text,
                                                        uint64_t query_fingerprint) {
  std::string bytes;
  internal::v1::PageToken token;
  if (text.size() > kMaxPageTokenBytes || !absl::WebSafeBase64Unescape(text, &bytes) ||
      !token.ParseFromString(bytes)) {
    return absl::InvalidArgumentError("is not a page token");
  }
  // A place with what this release does not know would be another place without it.
  token.DiscardUnknownFields();
  // A token cut short must not begin the list anew, and one token has one form.
  if (!HasPlace(token) || EncodePageToken(token) != text) {
    return absl::InvalidArgumentError("is not a page token");
  }
  if (token.query_fingerprint() != query_fingerprint) {
    return absl::InvalidArgumentError("belongs to another query");
  }
  return token;
}

std::string PostsPageToken(const v1::ConversationThread& thread) {
  internal::v1::PageToken token = TokenOfList("ListPosts", thread.name(), OrderText(false));
  token.set_last_id(LastId(thread.posts()));
  return EncodePageToken(token);
}

std::string ThreadsPageToken(const v1::Conversation& conversation) {
  internal::v1::PageToken token =
      TokenOfList("ListThreads", conversation.name(), OrderText(ThreadOrder::kNewestActivity));
  token.set_last_id(LastId(conversation.threads()));
  token.set_last_delivered_us(
      conversation.threads().empty()
          ? std::numeric_limits<int64_t>::max()
          : ToMicros(conversation.threads().rbegin()->last_delivered_date_time()));
  return EncodePageToken(token);
}

std::string AttachmentsPageToken(const v1::Post& post) {
  internal::v1::PageToken token = TokenOfList("ListAttachments", post.name());
  token.set_last_id(LastId(post.attachments()));
  return EncodePageToken(token);
}

std::string ExtensionsPageToken(const v1::Post& post) {
  // Before all characters that names of extensions have.
  constexpr absl::string_view kBeforeFirstName = "!";
  internal::v1::PageToken token = TokenOfList("ListExtensions", post.name());
  token.set_last_id(post.extensions().empty() ? std::string(kBeforeFirstName)
                                              : post.extensions().rbegin()->extension_name());
  return EncodePageToken(token);
}

}  // namespace threadstore
