#ifndef THREADSTORE_SERVER_HTTP_DESCRIBE_OPENAPI_H_
#define THREADSTORE_SERVER_HTTP_DESCRIBE_OPENAPI_H_

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "server/http/describe/comments.h"
#include "server/http/describe/operation.h"

namespace threadstore {

// The OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1) of the operations and of what
// else the HTTP face answers. `examples` has bodies of requests: by the id of an operation, objects
// of OpenAPI's `examples`. The process ends if an operation takes a body and has none there, or if
// there is one for no operation.
nlohmann::ordered_json OpenApiOf(const std::vector<Operation>& operations, const Comments& comments,
                                 const nlohmann::ordered_json& examples,
                                 const std::string& version);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_DESCRIBE_OPENAPI_H_
