#ifndef THREADSTORE_SERVER_HTTP_BATCH_H_
#define THREADSTORE_SERVER_HTTP_BATCH_H_

#include <memory>
#include <string>

#include "server/base/byte_budget.h"
#include "server/http/graph_error.h"
#include "server/http/http_message.h"

namespace threadstore {

// Answers a JSON batch (https://learn.microsoft.com/graph/json-batching): lets `handler` answer
// each of its requests, in parallel but for what depends on others, and puts the answers into one.
// `version` is that of the batch's own URL, or empty. The caller of the batch is that of all its
// requests.
//
// Answers are held until all are there, and counted against `memory` meanwhile: a read whose answer
// does not fit any more is answered 503. A request whose answer is too large for a batch is
// answered 413, one that depends on a failed one 424. A batch that is no batch is answered 400 as a
// whole.
void StartBatch(HttpHandler& handler, std::unique_ptr<HttpExchange> exchange,
                const std::string& version, const AnswerIds& ids, ByteBudget& memory);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_BATCH_H_
