#include "server/base/errors.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace threadstore {
namespace {

constexpr absl::string_view kErrorDomain = "threadstore";
constexpr absl::string_view kReasonPrefix = "ERROR_REASON_";
constexpr absl::string_view kTypeUrlPrefix = "type.googleapis.com/";

template <typename Detail>
std::string TypeUrl() {
  return absl::StrCat(kTypeUrlPrefix, Detail::descriptor()->full_name());
}

template <typename Detail>
void Attach(absl::Status& status, const Detail& detail) {
  status.SetPayload(TypeUrl<Detail>(), absl::Cord(detail.SerializeAsString()));
}

using Metadata = std::vector<std::pair<std::string, std::string>>;

absl::Status MakeError(absl::StatusCode code, v1::ErrorReason reason, absl::string_view message,
                       const Metadata& metadata = {}) {
  absl::Status status(code, message);
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(absl::StripPrefix(v1::ErrorReason_Name(reason), kReasonPrefix)));
  info.set_domain(std::string(kErrorDomain));
  for (const auto& [key, value] : metadata) (*info.mutable_metadata())[key] = value;
  Attach(status, info);
  return status;
}

absl::Status MakeResourceError(absl::StatusCode code, v1::ErrorReason reason,
                               absl::string_view type, absl::string_view name,
                               absl::string_view what_is_wrong) {
  absl::Status status = MakeError(code, reason, absl::StrCat(name, " ", what_is_wrong),
                                  {{"resource", std::string(name)}});
  google::rpc::ResourceInfo resource;
  resource.set_resource_type(std::string(type));
  resource.set_resource_name(std::string(name));
  resource.set_description(std::string(what_is_wrong));
  Attach(status, resource);
  return status;
}

// `quota` is the flag that sets it.
absl::Status MakeQuotaError(absl::string_view group_name, absl::string_view quota, int64_t max,
                            absl::string_view of_what, absl::string_view what_helps) {
  return MakeError(absl::StatusCode::kResourceExhausted, v1::ERROR_REASON_QUOTA_EXCEEDED,
                   absl::StrCat(group_name, " would have more than ", max, " ", of_what,
                                ", which is the quota of a group; ", what_helps,
                                ", or have the operator raise --", quota),
                   {{"resource", std::string(group_name)},
                    {"quota", std::string(quota)},
                    {"limit", absl::StrCat(max)}});
}

absl::Status MakeRetryableError(absl::StatusCode code, v1::ErrorReason reason,
                                absl::string_view message, absl::Duration retry_delay) {
  absl::Status status = MakeError(code, reason, message);
  google::rpc::RetryInfo retry;
  const timespec delay = absl::ToTimespec(retry_delay);
  retry.mutable_retry_delay()->set_seconds(delay.tv_sec);
  retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(delay.tv_nsec));
  Attach(status, retry);
  return status;
}

}  // namespace

absl::Status InvalidFieldsError(const std::vector<FieldViolation>& violations) {
  google::rpc::BadRequest bad_request;
  for (const FieldViolation& violation : violations) {
    auto* field_violation = bad_request.add_field_violations();
    field_violation->set_field(violation.field);
    field_violation->set_description(violation.description);
  }
  const std::string message =
      absl::StrJoin(violations, "; ", [](std::string* out, const FieldViolation& violation) {
        absl::StrAppend(out, violation.field, ": ", violation.description);
      });
  absl::Status status =
      MakeError(absl::StatusCode::kInvalidArgument, v1::ERROR_REASON_INVALID_FIELD, message);
  Attach(status, bad_request);
  return status;
}

absl::Status InvalidFieldError(std::string field, std::string description) {
  return InvalidFieldsError({{std::move(field), std::move(description)}});
}

absl::Status MalformedRequestError(absl::string_view message_type) {
  return MakeError(
      absl::StatusCode::kInvalidArgument, v1::ERROR_REASON_MALFORMED_REQUEST,
      absl::StrCat("the request is not a valid ", message_type, " (strings must be valid UTF-8)"));
}

absl::Status RequestIdReusedError() {
  absl::Status status =
      MakeError(absl::StatusCode::kInvalidArgument, v1::ERROR_REASON_REQUEST_ID_REUSED,
                "request_id: another request was sent under this id");
  google::rpc::BadRequest bad_request;
  auto* violation = bad_request.add_field_violations();
  violation->set_field("request_id");
  violation->set_description("another request was sent under this id");
  Attach(status, bad_request);
  return status;
}

absl::Status UserRequiredError(std::string field) {
  const std::string description = "me names the calling user, and the caller is an application";
  absl::Status status =
      MakeError(absl::StatusCode::kInvalidArgument, v1::ERROR_REASON_USER_REQUIRED,
                absl::StrCat(field, ": ", description));
  google::rpc::BadRequest bad_request;
  auto* violation = bad_request.add_field_violations();
  violation->set_field(std::move(field));
  violation->set_description(description);
  Attach(status, bad_request);
  return status;
}

absl::Status InvalidCredentialsError(absl::string_view message) {
  return MakeError(absl::StatusCode::kUnauthenticated, v1::ERROR_REASON_INVALID_CREDENTIALS,
                   message);
}

absl::Status CredentialsChangedError(std::string delta_token) {
  Metadata metadata;
  if (!delta_token.empty()) metadata.emplace_back("delta_token", std::move(delta_token));
  return MakeError(absl::StatusCode::kUnauthenticated, v1::ERROR_REASON_INVALID_CREDENTIALS,
                   "the keys or the credentials that count have changed; watch again from the last "
                   "delta_token, with credentials that count now",
                   metadata);
}

absl::Status MissingPermissionError(absl::string_view permission) {
  return MakeError(absl::StatusCode::kPermissionDenied, v1::ERROR_REASON_MISSING_PERMISSION,
                   absl::StrCat("this method needs the permission ", permission),
                   {{"permission", std::string(permission)}});
}

absl::Status NotAMemberError(absl::string_view group_name) {
  return MakeError(absl::StatusCode::kPermissionDenied, v1::ERROR_REASON_NOT_A_MEMBER,
                   absl::StrCat("the caller is not a member of ", group_name),
                   {{"group", std::string(group_name)}});
}

absl::Status NotAnOwnerError(absl::string_view group_name) {
  return MakeError(absl::StatusCode::kPermissionDenied, v1::ERROR_REASON_NOT_AN_OWNER,
                   absl::StrCat("only an owner of ", group_name, " may do this"),
                   {{"group", std::string(group_name)}});
}

absl::Status NotSelfError(absl::string_view user) {
  return MakeError(absl::StatusCode::kPermissionDenied, v1::ERROR_REASON_MISSING_PERMISSION,
                   absl::StrCat("the caller is not users/", user), {{"user", std::string(user)}});
}

absl::Status NotTheAuthorError(absl::string_view post_name) {
  return MakeError(
      absl::StatusCode::kPermissionDenied, v1::ERROR_REASON_NOT_THE_AUTHOR,
      absl::StrCat("the caller may not do this to ", post_name, ", which is another's"),
      {{"post", std::string(post_name)}});
}

absl::Status SenderNotAllowedError(absl::string_view group_name) {
  return MakeError(absl::StatusCode::kPermissionDenied, v1::ERROR_REASON_SENDER_NOT_ALLOWED,
                   absl::StrCat(group_name, " does not take posts from this sender"),
                   {{"group", std::string(group_name)}});
}

absl::Status NotFoundError(absl::string_view type, absl::string_view name) {
  return MakeResourceError(absl::StatusCode::kNotFound, v1::ERROR_REASON_RESOURCE_NOT_FOUND, type,
                           name, "was not found");
}

absl::Status AlreadyExistsError(absl::string_view type, absl::string_view name) {
  return MakeResourceError(absl::StatusCode::kAlreadyExists, v1::ERROR_REASON_RESOURCE_EXISTS, type,
                           name, "exists already");
}

absl::Status RecordDiffersError(absl::string_view type, absl::string_view name) {
  return MakeResourceError(absl::StatusCode::kAlreadyExists, v1::ERROR_REASON_RECORD_DIFFERS, type,
                           name, "is there, and differs from this record");
}

absl::Status GroupNotEmptyError(absl::string_view group_name) {
  return MakeResourceError(absl::StatusCode::kFailedPrecondition, v1::ERROR_REASON_GROUP_NOT_EMPTY,
                           kGroupType, group_name, "still has threads");
}

absl::Status LastOwnerError(absl::string_view member_name) {
  return MakeResourceError(absl::StatusCode::kFailedPrecondition, v1::ERROR_REASON_LAST_OWNER,
                           kMemberType, member_name, "is the last owner of the group");
}

absl::Status ThreadLockedError(absl::string_view thread_name) {
  return MakeResourceError(absl::StatusCode::kFailedPrecondition, v1::ERROR_REASON_THREAD_LOCKED,
                           kThreadType, thread_name, "is locked");
}

absl::Status EtagMismatchError(absl::string_view type, absl::string_view name) {
  return MakeResourceError(absl::StatusCode::kAborted, v1::ERROR_REASON_ETAG_MISMATCH, type, name,
                           "has changed and has another etag now");
}

absl::Status TooManyRecipientsError(absl::string_view thread_name, int max) {
  return MakeResourceError(absl::StatusCode::kFailedPrecondition,
                           v1::ERROR_REASON_TOO_MANY_RECIPIENTS, kThreadType, thread_name,
                           absl::StrCat("would have more than ", max, " recipients"));
}

absl::Status TooManyAttachmentsError(absl::string_view post_name, int max, int64_t max_bytes) {
  return MakeResourceError(absl::StatusCode::kFailedPrecondition,
                           v1::ERROR_REASON_TOO_MANY_ATTACHMENTS, kPostType, post_name,
                           absl::StrCat("would have more than ", max, " attachments, or more than ",
                                        max_bytes, " bytes of them"));
}

absl::Status TooManyExtensionsError(absl::string_view post_name, int max) {
  return MakeResourceError(absl::StatusCode::kFailedPrecondition,
                           v1::ERROR_REASON_TOO_MANY_EXTENSIONS, kPostType, post_name,
                           absl::StrCat("has ", max, " extensions already"));
}

absl::Status TooManyForwardsError(absl::string_view post_name, int max) {
  return MakeResourceError(absl::StatusCode::kFailedPrecondition,
                           v1::ERROR_REASON_TOO_MANY_FORWARDS, kPostType, post_name,
                           absl::StrCat("has been forwarded ", max, " times already"));
}

absl::Status TooManyToSortError(absl::string_view type, absl::string_view name,
                                absl::string_view what, int max) {
  return MakeResourceError(
      absl::StatusCode::kFailedPrecondition, v1::ERROR_REASON_TOO_MANY_TO_SORT, type, name,
      absl::StrCat("has more than ", max, " ", what, ", too many to sort for each page"));
}

absl::Status TooManyToCountError(absl::string_view type, absl::string_view name,
                                 absl::string_view what, int max) {
  return MakeResourceError(
      absl::StatusCode::kFailedPrecondition, v1::ERROR_REASON_TOO_MANY_TO_COUNT, type, name,
      absl::StrCat("has more than ", max, " ", what,
                   " to count, or the filter takes too long over them; ask without"
                   " include_total_size"));
}

absl::Status DeltaTokenExpiredError() {
  return MakeError(absl::StatusCode::kOutOfRange, v1::ERROR_REASON_DELTA_TOKEN_EXPIRED,
                   "the changes after this delta_token are not kept any more; start over without "
                   "one");
}

absl::Status WatchTooSlowError(std::string delta_token) {
  return MakeError(absl::StatusCode::kAborted, v1::ERROR_REASON_WATCH_TOO_SLOW,
                   "changes happen faster than the watch takes them; watch again from the last "
                   "delta_token",
                   {{"delta_token", std::move(delta_token)}});
}

absl::Status RateLimitedError(absl::Duration retry_delay) {
  return MakeRetryableError(absl::StatusCode::kResourceExhausted, v1::ERROR_REASON_RATE_LIMITED,
                            "the caller has made as many calls as it may for now", retry_delay);
}

absl::Status QueueFullError(absl::Duration retry_delay) {
  return MakeRetryableError(absl::StatusCode::kResourceExhausted, v1::ERROR_REASON_QUEUE_FULL,
                            "the server's queue, or the caller's half of it, is full", retry_delay);
}

absl::Status RequestMemoryFullError(absl::Duration retry_delay) {
  return MakeRetryableError(
      absl::StatusCode::kResourceExhausted, v1::ERROR_REASON_REQUEST_MEMORY_FULL,
      "the requests in flight use all the memory set aside for them", retry_delay);
}

absl::Status TooManyStreamsError(absl::Duration retry_delay) {
  return MakeRetryableError(absl::StatusCode::kResourceExhausted, v1::ERROR_REASON_TOO_MANY_STREAMS,
                            "as many streams of this kind are going on as may, or half of them"
                            " for this caller",
                            retry_delay);
}

absl::Status SearchIndexBehindError(absl::Duration retry_delay) {
  return MakeRetryableError(absl::StatusCode::kUnavailable, v1::ERROR_REASON_SEARCH_INDEX_BEHIND,
                            "the index of words is behind the latest changes", retry_delay);
}

absl::Status IssuerUnavailableError(absl::Duration retry_delay) {
  return MakeRetryableError(absl::StatusCode::kUnavailable, v1::ERROR_REASON_ISSUER_UNAVAILABLE,
                            "the keys to verify tokens with are not there yet", retry_delay);
}

absl::Status StoreFullError() {
  return MakeError(absl::StatusCode::kResourceExhausted, v1::ERROR_REASON_STORE_FULL,
                   "the store's disk is full");
}

absl::Status TooManyThreadsError(absl::string_view group_name, int64_t max) {
  return MakeQuotaError(group_name, "group_max_threads", max, "threads", "delete threads");
}

absl::Status TooManyBytesError(absl::string_view group_name, int64_t max) {
  return MakeQuotaError(group_name, "group_max_bytes", max, "bytes", "delete threads or posts");
}

absl::Status StoreBusyError() {
  return MakeError(absl::StatusCode::kUnavailable, v1::ERROR_REASON_STORE_BUSY,
                   "another process has locked the store");
}

absl::Status ShuttingDownError() {
  return MakeError(absl::StatusCode::kUnavailable, v1::ERROR_REASON_SHUTTING_DOWN,
                   "the server is shutting down");
}

absl::Status StoreFailedError() {
  return MakeError(absl::StatusCode::kUnavailable, v1::ERROR_REASON_STORE_FAILED,
                   "the store has failed and takes no writes until the server has restarted");
}

absl::Status WriteOutcomeUnknownError() {
  return MakeError(absl::StatusCode::kUnavailable, v1::ERROR_REASON_WRITE_OUTCOME_UNKNOWN,
                   "the store failed while committing; the write may or may not have been kept");
}

absl::Status DeadlineExceededError() {
  return MakeError(absl::StatusCode::kDeadlineExceeded, v1::ERROR_REASON_DEADLINE_EXCEEDED,
                   "the deadline passed before the work began");
}

absl::Status CancelledError() {
  return MakeError(absl::StatusCode::kCancelled, v1::ERROR_REASON_CANCELLED,
                   "the caller gave up before the work began");
}

absl::Status InternalError() {
  return MakeError(absl::StatusCode::kInternal, v1::ERROR_REASON_INTERNAL,
                   "an internal error; the server's log has the cause");
}

v1::ErrorReason ErrorReasonOf(const absl::Status& error) {
  v1::ErrorReason reason = v1::ERROR_REASON_UNSPECIFIED;
  if (const auto info = ErrorDetailOf<google::rpc::ErrorInfo>(error); info.has_value()) {
    v1::ErrorReason_Parse(absl::StrCat(kReasonPrefix, info->reason()), &reason);
  }
  return reason;
}

absl::Status StatusFromWire(int code, absl::string_view message, const std::string& details) {
  constexpr int kHighest = static_cast<int>(absl::StatusCode::kUnauthenticated);
  const bool is_known = code >= 0 && code <= kHighest;
  absl::Status status(is_known ? static_cast<absl::StatusCode>(code) : absl::StatusCode::kUnknown,
                      message);
  google::rpc::Status sent;
  if (sent.ParseFromString(details)) {
    for (const auto& detail : sent.details()) {
      status.SetPayload(detail.type_url(), absl::Cord(detail.value()));
    }
  }
  return status;
}

absl::Status DeepCopy(const absl::Status& status) {
  absl::Status copy(status.code(), status.message());
  status.ForEachPayload([&copy](absl::string_view type_url, const absl::Cord& payload) {
    copy.SetPayload(type_url, absl::Cord(std::string(payload)));
  });
  return copy;
}

std::vector<FieldViolation> FieldViolationsOf(const absl::Status& status) {
  std::vector<FieldViolation> violations;
  if (const auto bad_request = ErrorDetailOf<google::rpc::BadRequest>(status)) {
    for (const auto& violation : bad_request->field_violations()) {
      violations.push_back({violation.field(), violation.description()});
    }
  }
  return violations;
}

}  // namespace threadstore
