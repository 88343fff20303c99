#ifndef THREADSTORE_SERVER_DOMAIN_LIMITS_H_
#define THREADSTORE_SERVER_DOMAIN_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

// Every limit on the size and syntax of what callers send, each with its reason. "Characters"
// are Unicode code points. Limits that operators set are flags (see server/config.h).
namespace threadstore {

// A whole request as bytes on the wire. Graph takes attachments of up to 3 MB inline, which
// base64 makes 4 MB; the rest is room for text.
inline constexpr size_t kMaxRequestBytes = size_t{5} << 20;

// Fields and list elements in a whole request, those of messages in it counted: three times what
// the largest thread has. In memory an empty element takes fifty times its two bytes.
inline constexpr int kMaxRequestFields = 20'000;

// One message of an import: what its records take in memory, and as much as an export sends at
// once.
inline constexpr int kMaxRecordsPerMessage = 1000;
inline constexpr size_t kMaxImportMessageBytes = size_t{4} << 20;

// Where a message of an export ends: with the largest record of all, an attachment, it is still
// one that clients accept and an import takes.
inline constexpr size_t kExportMessageBytes = size_t{512} << 10;

// Fields in one message of an import: any that an export sends has fewer, for no field has fewer
// bytes than two.
inline constexpr int kMaxImportFields = 300'000;

// Headers of a request. A token that names 200 groups is about 12 KiB.
inline constexpr size_t kMaxMetadataBytes = size_t{32} << 10;

// The text of a status and its details (in base64) travel in HTTP/2 trailers, which clients
// bound at 8 KiB by default.
inline constexpr size_t kMaxErrorMessageBytes = 512;
inline constexpr size_t kMaxErrorDetailsBytes = size_t{4} << 10;

// Directory ids are GUIDs or mail nicknames; Entra ID bounds a nickname at 64.
inline constexpr size_t kMaxGroupIdBytes = 128;

// Object ids are GUIDs, user principal names at most 113; SPIFFE ids may be longer.
inline constexpr size_t kMaxUserIdBytes = 256;

// Names of applications, of which SPIFFE ids are the longest: its standard bounds them at this.
inline constexpr size_t kMaxApplicationIdBytes = 2048;

// Exchange keeps subjects of at most 255 characters.
inline constexpr size_t kMaxTopicCharacters = 255;

// Graph's bodyPreview has 255 characters.
inline constexpr size_t kMaxPreviewCharacters = 255;

// The display name limit of Entra ID.
inline constexpr size_t kMaxDisplayNameCharacters = 256;

// Graph's limits for groups.
inline constexpr size_t kMaxDescriptionCharacters = 1024;
inline constexpr size_t kMaxMailNicknameCharacters = 64;

// RFC 5321, section 4.5.3.1: 64 of local part, `@`, 255 of domain.
inline constexpr size_t kMaxAddressBytes = 320;

// The text of all posts in one request. The answer to a create holds
// the thread and its post, in less than the 4 MiB that gRPC clients accept.
inline constexpr size_t kMaxBodyBytes = size_t{1} << 20;

// Exchange keeps as many; each is bounded like a topic.
inline constexpr int kMaxCategories = 25;
inline constexpr size_t kMaxCategoryCharacters = 255;

// Graph's documented limit for one attachment of a post, here also for all of one request.
inline constexpr size_t kMaxAttachmentBytes = size_t{3} << 20;

// Bounds what one deletion of a post has to remove at once: Exchange Online's default for one
// message is 25 MB.
inline constexpr int64_t kMaxAttachmentBytesPerPost = int64_t{25} << 20;
inline constexpr int kMaxAttachmentsPerPost = 250;

// Names, media types and ids of attachments; file systems bound names at 255.
inline constexpr size_t kMaxAttachmentTextCharacters = 255;

// What browsers and servers are sure to take.
inline constexpr size_t kMaxUrlCharacters = 2048;

// What a mailer is to act on; and what one deletion of a post has to remove at once.
inline constexpr int kMaxForwardsPerPost = 100;
inline constexpr size_t kMaxForwardCommentBytes = size_t{64} << 10;

// Several applications may each keep their own with a post; a page of all of them fits into a
// message.
inline constexpr int kMaxExtensionsPerPost = 20;
inline constexpr size_t kMaxExtensionNameBytes = 128;
inline constexpr size_t kMaxExtensionBytes = size_t{64} << 10;

// Deeper JSON is refused, before a reader's stack ends.
inline constexpr int kMaxJsonDepth = 100;

// Graph takes as many owners and members with a new group. The rest can be added one by one.
inline constexpr int kMaxMembersPerCreate = 20;

// A conversation begins with one thread as a rule. The rest can be created one by one.
inline constexpr int kMaxThreadsPerCreate = 20;

// Exchange Online's default for the recipients of one message, here for each of To and Cc.
inline constexpr int kMaxRecipients = 500;

// As many as there can be recipients who answer.
inline constexpr int kMaxUniqueSenders = 500;

// Bounds what reading one conversation costs, however many threads it has.
inline constexpr int kMaxSendersReadPerConversation = 5000;

// AIP-158 asks for a default and a maximum; Graph's lists end at 1,000.
inline constexpr int32_t kDefaultPageSize = 50;
inline constexpr int32_t kMaxPageSize = 1000;

// gRPC clients accept messages of 4 MiB by default. A page that would be larger ends early; the
// largest thread alone has under 2 MiB.
inline constexpr size_t kMaxPageBytes = size_t{3} << 20;

// What a page of a list looks at, whether or not it is on the page: some hundredths of a second.
inline constexpr int kMaxRowsExamined = 10'000;

// How long a page looks for what passes a filter. Filters differ in what they cost; a reader that
// is held longer keeps others waiting.
inline constexpr absl::Duration kMaxFilterTime = absl::Milliseconds(200);

// Lists by topic read all topics of their parent for each page: a tenth of a second.
inline constexpr int kMaxRowsToSort = 100'000;

// What counting a list looks at: some tenths of a second. And how long it goes on, since filters
// differ in what they cost: a reader is held for it once, not for each page.
inline constexpr int kMaxRowsCounted = 100'000;
inline constexpr absl::Duration kMaxCountTime = absl::Seconds(2);

// How many posts a thread, and threads a conversation, is expanded by. The rest is a list away.
inline constexpr int kMaxExpanded = 100;

// A mask names each field at most once; the deepest path is that of an address.
inline constexpr int kMaxMaskPaths = 100;
inline constexpr size_t kMaxMaskPathBytes = 256;

// Entries of the log that are looked through for one page of changes, since a group's lie among all
// others': about a millisecond.
inline constexpr int64_t kMaxChangesExamined = 20'000;

// All that is created by one request, besides the content of attachments: what the answer has.
inline constexpr size_t kMaxNewResourceBytes = kMaxPageBytes;

// How many request_ids are remembered at once; beyond it the oldest are forgotten before their
// time. At about 200 bytes each this is 1 GiB of disk.
inline constexpr int64_t kMaxRememberedRequestIds = 5'000'000;

// Filters come in URLs, of which servers take 8 KiB, and there text may be percent-encoded.
inline constexpr size_t kMaxFilterBytes = 4096;

// Nobody nests deeper by hand; a reader's stack is not to end.
inline constexpr int kMaxFilterDepth = 32;

// All of them are tried on each resource that a list reads. Most filters that programs write are
// lists of ids, of which this many fit into the bytes if they stand after `in`.
inline constexpr int kMaxFilterComparisons = 200;

// Bounds what is decoded before it is refused; the longest token of ours has a topic, 1.4 KiB.
inline constexpr size_t kMaxPageTokenBytes = 2048;

// A query of a search: more than anyone types, and what one search can cost.
inline constexpr size_t kMaxSearchBytes = 1024;
inline constexpr int kMaxSearchWords = 32;

// Longer than the words of any language; what is longer is data, found by its beginning.
inline constexpr size_t kMaxWordCharacters = 64;

// How much of a text can be found by its words; bounds what one post costs the index. It is what is
// read of HTML (see server/base/html_text.h), and about a novel's fifth.
inline constexpr size_t kMaxIndexedTextBytes = size_t{256} << 10;
inline constexpr size_t kMaxIndexedWords = 32'768;

// What one page of a search looks at, as most of it may be of threads that it has found already, or
// that are being deleted; a few hundredths of a second.
inline constexpr int kMaxDocumentsPerSearchPage = 2000;

// The best matches are searched for among the newest, of which so many are weighed.
inline constexpr int kMaxRankedDocuments = 1000;
inline constexpr int kMaxWeighedDocuments = 20'000;

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_LIMITS_H_
