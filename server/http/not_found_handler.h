#ifndef THREADSTORE_SERVER_HTTP_NOT_FOUND_HANDLER_H_
#define THREADSTORE_SERVER_HTTP_NOT_FOUND_HANDLER_H_

#include <memory>

#include "server/base/clock.h"
#include "server/http/http_message.h"

namespace threadstore {

// Knows no routes: answers every request 404, and refusals as it is told, in the shape that Graph
// gives to errors. `clock` must outlive it.
std::unique_ptr<HttpHandler> MakeNotFoundHandler(const Clock& clock);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_NOT_FOUND_HANDLER_H_
