#ifndef THREADSTORE_SERVER_HTTP_ATTACHMENT_BODY_H_
#define THREADSTORE_SERVER_HTTP_ATTACHMENT_BODY_H_

#include <memory>

#include "server/http/graph_writer.h"
#include "server/http/grpc_face.h"
#include "server/http/http_message.h"

namespace threadstore {

// A body whose holes are filled while it is sent, one attachment at a time, so that it takes the
// memory of one however many there are. What was deleted meanwhile is null. `face` must outlive it.
std::unique_ptr<HttpBodySource> MakeAttachmentBody(GraphText body, GrpcFace& face,
                                                   HttpCaller caller);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_ATTACHMENT_BODY_H_
