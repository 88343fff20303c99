#ifndef THREADSTORE_SERVER_HTTP_DESCRIBE_CSDL_H_
#define THREADSTORE_SERVER_HTTP_DESCRIBE_CSDL_H_

#include <string>
#include <vector>

#include "server/http/describe/comments.h"
#include "server/http/describe/operation.h"

namespace threadstore {

// The OData CSDL 4.0 document, as XML (OData CSDL XML Representation 4.01), of the Graph schema and
// of the operations: lists are navigation properties, actions and functions are bound.
std::string CsdlOf(const std::vector<Operation>& operations, const Comments& comments);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_DESCRIBE_CSDL_H_
