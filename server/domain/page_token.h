#ifndef THREADSTORE_SERVER_DOMAIN_PAGE_TOKEN_H_
#define THREADSTORE_SERVER_DOMAIN_PAGE_TOKEN_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "threadstore/internal/v1/page_token.pb.h"
#include "threadstore/v1/conversation_thread.pb.h"

// Page tokens: opaque, URL-safe, and bound to the query that gave them (AIP-158). A token
// grants no rights, so it is not signed.
namespace threadstore {

// A number that differs, but for chance, between queries: of the method, the parent and
// whatever else must stay the same from page to page.
uint64_t QueryFingerprint(absl::string_view method, absl::string_view parent,
                          absl::string_view order = "", absl::string_view filter = "");

std::string EncodePageToken(const internal::v1::PageToken& token);

// Reads a token that EncodePageToken made for the query of this fingerprint. INVALID_ARGUMENT
// with the description of a field violation if it is no token, or of another query.
absl::StatusOr<internal::v1::PageToken> DecodePageToken(absl::string_view text,
                                                        uint64_t query_fingerprint);

// The tokens with which a list goes on after what a resource has been expanded by, or begins if it
// has been expanded by nothing: ListPosts in order of creation, ListThreads in its default order,
// ListAttachments, ListExtensions. The resource has its name.
std::string PostsPageToken(const v1::ConversationThread& thread);
std::string ThreadsPageToken(const v1::Conversation& conversation);
std::string AttachmentsPageToken(const v1::Post& post);
std::string ExtensionsPageToken(const v1::Post& post);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_PAGE_TOKEN_H_
