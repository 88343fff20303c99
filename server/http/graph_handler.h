#ifndef THREADSTORE_SERVER_HTTP_GRAPH_HANDLER_H_
#define THREADSTORE_SERVER_HTTP_GRAPH_HANDLER_H_

#include <memory>
#include <string>

#include "server/base/byte_budget.h"
#include "server/base/clock.h"
#include "server/http/grpc_face.h"
#include "server/http/http_message.h"

namespace threadstore {

struct GraphHandlerOptions {
  // Where clients reach the server, for the links in answers: an URL without a slash at the end. If
  // it is empty, each request says it by its scheme and host.
  std::string public_url;

  // Serves a page at `/docs` to read and try the API with.
  bool docs = false;
};

// Answers the requests that Microsoft Graph documents for group conversations, and those that this
// server has besides, as a client of its gRPC face. Answers that are held until others are there
// are counted against `answer_memory`, which must outlive it, as `clock` must.
std::unique_ptr<HttpHandler> MakeGraphHandler(GraphHandlerOptions options,
                                              std::unique_ptr<GrpcFace> face, const Clock& clock,
                                              ByteBudget& answer_memory);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_GRAPH_HANDLER_H_
