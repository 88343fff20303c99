#ifndef THREADSTORE_SERVER_HTTP_GRAPH_ERROR_H_
#define THREADSTORE_SERVER_HTTP_GRAPH_ERROR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/http/http_message.h"

// Errors as Graph answers them
// (https://learn.microsoft.com/graph/errors).
namespace threadstore {

// What every answer to a request says of the request itself.
struct AnswerIds {
  std::string request_id;         // Chosen here.
  std::string client_request_id;  // As it came; request_id if none did.
  absl::Time date;
};

// Reads `client-request-id`, which is taken if it is at most 128 printable ASCII characters.
AnswerIds MakeAnswerIds(const HttpHeaders& headers, absl::Time now);

struct GraphError {
  int status = 500;
  std::string code;     // One of Graph's, such as ErrorItemNotFound.
  std::string message;  // For people.
  HttpHeaders headers = {};
};

// Whether a request may have changed anything when it fails.
enum class Effect { kRead, kWrite };

// The answer to an error of the gRPC face, or of a reader of requests. Graph's SDKs send a POST
// again by themselves after 429, 503 and 504: a write is answered so only if it was not and will
// not be done. One whose outcome is unknown is 500 UnknownError.
GraphError ToGraphError(const absl::Status& error, Effect effect);

// 400 BadRequest.
GraphError BadRequest(std::string message);

// 405, with what is allowed.
GraphError MethodNotAllowed(const std::vector<std::string>& allowed);

// The error for a status that the listener refuses a request with, or the handler has no gRPC error
// for: its code is the one that Graph has for that status.
GraphError ErrorOfStatus(int status, std::string message);

// Adds `request-id` and `client-request-id`.
void AddIds(const AnswerIds& ids, HttpHeaders& headers);

// The whole answer.
HttpResponse ErrorAnswer(const GraphError& error, const AnswerIds& ids);

// `{"error":{...}}`.
std::string ErrorJson(const GraphError& error, const AnswerIds& ids);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_GRAPH_ERROR_H_
