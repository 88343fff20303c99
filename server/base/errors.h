#ifndef THREADSTORE_SERVER_BASE_ERRORS_H_
#define THREADSTORE_SERVER_BASE_ERRORS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/error_details.h"  // IWYU pragma: export
#include "threadstore/v1/error_reason.pb.h"

// Every error a caller can receive is made here: its code, its message, and the google.rpc
// details that travel with it as payloads of the absl::Status (AIP-193). Each carries one
// ErrorInfo with the domain `threadstore` and a reason of the ErrorReason enum.
//
// Messages reach callers: they hold no SQL, no paths, nothing of the server's inside.
namespace threadstore {

// One rule that one field breaks. `field` is a path in the request, such as
// `thread.to_recipients[3].email_address.address`.
struct FieldViolation {
  std::string field;
  std::string description;
};

// Kinds of resources, as ResourceInfo names them.
inline constexpr absl::string_view kGroupType = "threadstore/Group";
inline constexpr absl::string_view kMemberType = "threadstore/Member";
inline constexpr absl::string_view kConversationType = "threadstore/Conversation";
inline constexpr absl::string_view kThreadType = "threadstore/ConversationThread";
inline constexpr absl::string_view kPostType = "threadstore/Post";
inline constexpr absl::string_view kAttachmentType = "threadstore/Attachment";
inline constexpr absl::string_view kExtensionType = "threadstore/Extension";
inline constexpr absl::string_view kForwardType = "threadstore/Forward";
inline constexpr absl::string_view kSenderType = "threadstore/Sender";

// INVALID_ARGUMENT with a BadRequest of all `violations`, of which there is at least one.
absl::Status InvalidFieldsError(const std::vector<FieldViolation>& violations);
absl::Status InvalidFieldError(std::string field, std::string description);
absl::Status MalformedRequestError(absl::string_view message_type);
absl::Status RequestIdReusedError();
absl::Status UserRequiredError(std::string field);

absl::Status InvalidCredentialsError(absl::string_view message);

// UNAUTHENTICATED, of a watch whose caller was accepted before. Carries the token to resume with,
// as the metadata `delta_token`; none if that is empty.
absl::Status CredentialsChangedError(std::string delta_token);

absl::Status MissingPermissionError(absl::string_view permission);
absl::Status NotAMemberError(absl::string_view group_name);
absl::Status NotAnOwnerError(absl::string_view group_name);
absl::Status NotSelfError(absl::string_view user);
absl::Status NotTheAuthorError(absl::string_view post_name);
absl::Status SenderNotAllowedError(absl::string_view group_name);

absl::Status NotFoundError(absl::string_view type, absl::string_view name);
absl::Status AlreadyExistsError(absl::string_view type, absl::string_view name);
absl::Status RecordDiffersError(absl::string_view type, absl::string_view name);
absl::Status GroupNotEmptyError(absl::string_view group_name);
absl::Status LastOwnerError(absl::string_view member_name);
absl::Status ThreadLockedError(absl::string_view thread_name);
absl::Status EtagMismatchError(absl::string_view type, absl::string_view name);
absl::Status TooManyRecipientsError(absl::string_view thread_name, int max);
absl::Status TooManyAttachmentsError(absl::string_view post_name, int max, int64_t max_bytes);
absl::Status TooManyExtensionsError(absl::string_view post_name, int max);
absl::Status TooManyForwardsError(absl::string_view post_name, int max);

// `what`, such as threads, of a group or a conversation.
absl::Status TooManyToSortError(absl::string_view type, absl::string_view name,
                                absl::string_view what, int max);

absl::Status TooManyToCountError(absl::string_view type, absl::string_view name,
                                 absl::string_view what, int max);

// OUT_OF_RANGE: the changes after the token are not there, or not any more.
absl::Status DeltaTokenExpiredError();

// ABORTED. Carries the token to resume with, as the metadata `delta_token`.
absl::Status WatchTooSlowError(std::string delta_token);

// RESOURCE_EXHAUSTED: the caller may call again after `retry_delay`, which is exact.
absl::Status RateLimitedError(absl::Duration retry_delay);

// Full, or one caller has its half of it (see server/base/shares.h); likewise TooManyStreamsError.
absl::Status QueueFullError(absl::Duration retry_delay);
absl::Status RequestMemoryFullError(absl::Duration retry_delay);
absl::Status TooManyStreamsError(absl::Duration retry_delay);

// UNAVAILABLE: the index of words is behind.
absl::Status SearchIndexBehindError(absl::Duration retry_delay);
absl::Status StoreFullError();

// RESOURCE_EXHAUSTED / QUOTA_EXCEEDED: a write would take the group beyond what each may have.
// Carries the metadata `quota`, the name of the flag, and `limit`.
absl::Status TooManyThreadsError(absl::string_view group_name, int64_t max);
absl::Status TooManyBytesError(absl::string_view group_name, int64_t max);

absl::Status StoreBusyError();
absl::Status ShuttingDownError();

// UNAVAILABLE: the keys to verify tokens with have not come yet.
absl::Status IssuerUnavailableError(absl::Duration retry_delay);
absl::Status StoreFailedError();
absl::Status WriteOutcomeUnknownError();
absl::Status DeadlineExceededError();
absl::Status CancelledError();

// INTERNAL. Says nothing of the cause, which belongs in the server's log.
absl::Status InternalError();

// The error, or OK, that a gRPC status is: `details` is its google.rpc.Status, which may be absent
// or anything else. A code that is none of gRPC's is UNKNOWN.
absl::Status StatusFromWire(int code, absl::string_view message, const std::string& details);

// A copy that shares nothing with `status`. Plain copies share a reference count inside Abseil,
// where ThreadSanitizer cannot see it: what goes to another thread is moved, or made by this.
absl::Status DeepCopy(const absl::Status& status);

// The violations of an error made by InvalidFieldsError; none for any other status.
std::vector<FieldViolation> FieldViolationsOf(const absl::Status& status);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_BASE_ERRORS_H_
