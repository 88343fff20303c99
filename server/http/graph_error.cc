#include "server/http/graph_error.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/rpc/error_details.pb.h"
#include "server/base/errors.h"
#include "server/base/proto_json.h"
#include "server/base/time_text.h"
#include "server/base/uuid.h"
#include "server/http/graph_path.h"

namespace threadstore {
namespace {

constexpr size_t kMaxClientRequestIdBytes = 128;

// The wait, if the error names none.
constexpr absl::Duration kDefaultRetryDelay = absl::Seconds(1);

bool IsPrintable(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), absl::ascii_isprint);
}

// Whole seconds, rounded up: a client that comes too early is refused again.
std::string RetryAfter(const absl::Status& error) {
  absl::Duration delay = kDefaultRetryDelay;
  if (const auto retry = ErrorDetailOf<google::rpc::RetryInfo>(error)) {
    delay = absl::Seconds(retry->retry_delay().seconds()) +
            absl::Nanoseconds(retry->retry_delay().nanos());
  }
  return absl::StrCat(absl::ToInt64Seconds(absl::Ceil(delay, absl::Seconds(1))));
}

GraphError Retryable(int status, const absl::Status& error) {
  GraphError answer = ErrorOfStatus(status, std::string(error.message()));
  answer.headers.Add("Retry-After", RetryAfter(error));
  return answer;
}

GraphError UnknownOutcome() {
  return {500, "UnknownError",
          "It is not known whether the request was carried out. Sent again with the same "
          "Idempotency-Key it is not carried out twice."};
}

// Whether a field is what the path of the URL names: `name`, `parent`, or `thread.name`.
bool IsOfPath(absl::string_view field) {
  const std::vector<absl::string_view> names = absl::StrSplit(field, '.');
  return field == "parent" || (names.back() == "name" && names.size() <= 2);
}

// Field paths become names of members and of query options.
std::string InvalidArgumentMessage(const absl::Status& error) {
  const std::vector<FieldViolation> violations = FieldViolationsOf(error);
  if (violations.empty()) return std::string(error.message());
  return absl::StrJoin(violations, "; ", [](std::string* out, const FieldViolation& violation) {
    if (!IsOfPath(violation.field)) absl::StrAppend(out, GraphPath(violation.field), ": ");
    absl::StrAppend(out, GraphDescription(violation.field, violation.description));
  });
}

bool IsMalformedId(const absl::Status& error) {
  const std::vector<FieldViolation> violations = FieldViolationsOf(error);
  return ErrorReasonOf(error) == v1::ERROR_REASON_INVALID_FIELD && !violations.empty() &&
         std::any_of(violations.begin(), violations.end(),
                     [](const FieldViolation& violation) { return IsOfPath(violation.field); });
}

GraphError FailedPrecondition(const absl::Status& error) {
  const std::string message(error.message());
  switch (ErrorReasonOf(error)) {
    case v1::ERROR_REASON_THREAD_LOCKED:
      return {423, "ErrorThreadLocked", message};
    case v1::ERROR_REASON_TOO_MANY_RECIPIENTS:
    case v1::ERROR_REASON_TOO_MANY_ATTACHMENTS:
    case v1::ERROR_REASON_TOO_MANY_EXTENSIONS:
    case v1::ERROR_REASON_TOO_MANY_FORWARDS:
    case v1::ERROR_REASON_LAST_OWNER:
      return {409, "Conflict", message};
    default:
      return {400, "ErrorInvalidRequest", message};
  }
}

GraphError ResourceExhausted(const absl::Status& error) {
  switch (ErrorReasonOf(error)) {
    case v1::ERROR_REASON_RATE_LIMITED:
      return Retryable(429, error);
    case v1::ERROR_REASON_STORE_FULL:
      return {507, "ErrorInsufficientStorage", std::string(error.message())};
    case v1::ERROR_REASON_QUOTA_EXCEEDED:
      return {429, "ErrorQuotaExceeded", std::string(error.message())};
    case v1::ERROR_REASON_UNSPECIFIED:
      // gRPC's own, which may come after the work was done.
      return UnknownOutcome();
    default:
      return Retryable(503, error);
  }
}

}  // namespace

AnswerIds MakeAnswerIds(const HttpHeaders& headers, absl::Time now) {
  AnswerIds ids;
  ids.request_id = Uuid::V7(now).ToString();
  const absl::string_view sent = headers.Get("client-request-id");
  const bool is_usable =
      !sent.empty() && sent.size() <= kMaxClientRequestIdBytes && IsPrintable(sent);
  ids.client_request_id = is_usable ? std::string(sent) : ids.request_id;
  ids.date = now;
  return ids;
}

GraphError ToGraphError(const absl::Status& error, Effect effect) {
  const std::string message(error.message());
  const bool has_reason = ErrorReasonOf(error) != v1::ERROR_REASON_UNSPECIFIED;
  switch (error.code()) {
    case absl::StatusCode::kUnauthenticated: {
      GraphError answer{401, "InvalidAuthenticationToken", message};
      answer.headers.Add("WWW-Authenticate", "Bearer realm=\"threadstore\"");
      return answer;
    }
    case absl::StatusCode::kPermissionDenied:
      return {403, "ErrorAccessDenied", message};
    case absl::StatusCode::kNotFound:
      return {404, "ErrorItemNotFound", message};
    case absl::StatusCode::kInvalidArgument:
      return {400, IsMalformedId(error) ? "ErrorInvalidIdMalformed" : "BadRequest",
              InvalidArgumentMessage(error)};
    case absl::StatusCode::kAlreadyExists:
      return {409, "NameAlreadyExists", message};
    case absl::StatusCode::kFailedPrecondition:
      return FailedPrecondition(error);
    case absl::StatusCode::kAborted:
      return {412, "PreconditionFailed", message};
    case absl::StatusCode::kOutOfRange:
      return {410, "syncStateNotFound", message};
    case absl::StatusCode::kResourceExhausted:
      return ResourceExhausted(error);
    case absl::StatusCode::kUnavailable:
      if (ErrorReasonOf(error) == v1::ERROR_REASON_WRITE_OUTCOME_UNKNOWN) return UnknownOutcome();
      if (!has_reason && effect == Effect::kWrite) return UnknownOutcome();
      return Retryable(503, error);
    case absl::StatusCode::kDeadlineExceeded:
      if (!has_reason && effect == Effect::kWrite) return UnknownOutcome();
      return Retryable(504, error);
    case absl::StatusCode::kCancelled:
      if (!has_reason && effect == Effect::kWrite) return UnknownOutcome();
      return Retryable(503, error);
    default:
      if (effect == Effect::kWrite) return UnknownOutcome();
      return ErrorOfStatus(500, "The server has a fault.");
  }
}

GraphError BadRequest(std::string message) { return {400, "BadRequest", std::move(message)}; }

GraphError MethodNotAllowed(const std::vector<std::string>& allowed) {
  GraphError error{405, "ErrorInvalidRequest", "The OData request is not supported."};
  error.headers.Add("Allow", absl::StrJoin(allowed, ", "));
  return error;
}

GraphError ErrorOfStatus(int status, std::string message) {
  const auto code = [status]() -> absl::string_view {
    switch (status) {
      case 403:
        return "ErrorAccessDenied";
      case 404:
        return "ResourceNotFound";
      case 408:
        return "RequestTimeout";
      case 412:
        return "PreconditionFailed";
      case 413:
        return "RequestEntityTooLarge";
      case 414:
        return "UriTooLong";
      case 415:
        return "UnsupportedMediaType";
      case 417:
        return "ExpectationFailed";
      case 424:
        return "FailedDependency";
      case 429:
        return "ApplicationThrottled";
      case 431:
        return "RequestHeaderFieldsTooLarge";
      case 500:
        return "InternalServerError";
      case 501:
        return "NotImplemented";
      case 503:
        return "ServiceUnavailable";
      case 504:
        return "GatewayTimeout";
      case 505:
        return "HttpVersionNotSupported";
      default:
        return "BadRequest";
    }
  };
  return {status, std::string(code()), std::move(message)};
}

void AddIds(const AnswerIds& ids, HttpHeaders& headers) {
  headers.Add("request-id", ids.request_id);
  headers.Add("client-request-id", ids.client_request_id);
}

std::string ErrorJson(const GraphError& error, const AnswerIds& ids) {
  const std::string date = DateTimeText(absl::ToUnixSeconds(ids.date));
  return absl::StrCat("{\"error\":{\"code\":", WriteJsonString(error.code),
                      ",\"message\":", WriteJsonString(error.message),
                      ",\"innerError\":{\"date\":\"", date,
                      "\",\"request-id\":", WriteJsonString(ids.request_id),
                      ",\"client-request-id\":", WriteJsonString(ids.client_request_id), "}}}");
}

HttpResponse ErrorAnswer(const GraphError& error, const AnswerIds& ids) {
  HttpResponse response;
  response.status = error.status;
  response.headers = error.headers;
  AddIds(ids, response.headers);
  response.headers.Add("Content-Type", "application/json");
  response.headers.Add("Cache-Control", "no-store");
  response.body = ErrorJson(error, ids);
  return response;
}

}  // namespace threadstore
