#ifndef THREADSTORE_SERVER_HTTP_BODY_CONVERSION_H_
#define THREADSTORE_SERVER_HTTP_BODY_CONVERSION_H_

#include "server/http/graph_writer.h"
#include "threadstore/v1/conversation_thread.pb.h"

namespace threadstore {

// A body with the content in the form that is wanted, and the content type in lower case.
v1::ItemBody ConvertBody(const v1::ItemBody& body, GraphStyle::Body wanted);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_BODY_CONVERSION_H_
