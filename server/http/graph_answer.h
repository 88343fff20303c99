#ifndef THREADSTORE_SERVER_HTTP_GRAPH_ANSWER_H_
#define THREADSTORE_SERVER_HTTP_GRAPH_ANSWER_H_

#include "google/protobuf/message.h"
#include "server/http/graph_error.h"
#include "server/http/graph_links.h"
#include "server/http/graph_request.h"
#include "server/http/graph_writer.h"
#include "server/http/http_message.h"

namespace threadstore {

// The answer to a request that an RPC has answered, and its body, which may have holes.
struct GraphAnswer {
  HttpResponse response;  // Without a body.
  GraphText body;
};

// `answer` is the RPC's; it may be changed.
GraphAnswer MakeGraphAnswer(const GraphRequest& request, const GraphLinks& links,
                            google::protobuf::Message& answer);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_GRAPH_ANSWER_H_
