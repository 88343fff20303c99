#ifndef THREADSTORE_SERVER_HTTP_GRAPH_READER_H_
#define THREADSTORE_SERVER_HTTP_GRAPH_READER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/post_service.pb.h"
#include "threadstore/v1/thread_service.pb.h"

// Graph's JSON, as clients send it, into the messages of threadstore.v1.
//
// JSON is read as strictly as by ReadProtoJson (see server/base/proto_json.h), with its errors:
// INVALID_ARGUMENT that says place, member and rule, such as
// `line 4, column 7: toRecipients[1].topik: unknown member; did you mean topic?`. They have no
// google.rpc details. On error the message is left empty. U+0000 is refused in every string that is
// read, and so are more than kMaxRequestFields objects and values in a body, but for what is kept
// as text. What else a value has to be is left to the rules of the RPC.
//
// Members are those of the schema (see graph_schema.h), by Graph's names only. Ignored with all
// that they hold are read-only members at any depth, because clients send back what they have read,
// and annotations. Of these `@odata.type` is looked at: an entity must not say that it is of
// another type than is expected, whatever the namespace, the case and the `#`; it chooses what an
// attachment is, for which otherwise `contentBytes`, `item` or `sourceUrl` stands.
//
// `null` means absent; it is refused for a list and in one.
//
// - Attachments: `item` is kept as the text that was sent. `isFolder` may be "True" or "False".
//   `contentLocation` must be null.
// - Extensions: members besides `id` and `extensionName` are the content, as the text that was
// sent.
// - Groups: `groupTypes` must be ["Unified"], `mailEnabled` true, `securityEnabled` false and
//   `visibility` null or "Private" if they are given. The `id` is read into the message.
namespace threadstore {

// What a body says besides what its message holds.
struct GraphBody {
  // The fields of the message that the body sets, sorted: for an update mask. A nullable property
  // that is null sets its field, to nothing; any other null does not. Without a group's `id`.
  std::vector<std::string> fields;

  // Of a group: the ids of users that `owners@odata.bind` and `members@odata.bind` refer to.
  std::vector<std::string> owners;
  std::vector<std::string> members;
};

// Reads an object into `message`, which is a ConversationThread, Conversation, Post, Attachment,
// Extension or Group.
absl::StatusOr<GraphBody> ReadGraphEntity(absl::string_view json,
                                          google::protobuf::Message* message);

// Reads the parameters of an action into its request. Their names are compared without regard to
// case, as Graph's clients have them in two. In place of `{"post": {...}}` there may be the post
// alone.
absl::Status ReadGraphReply(absl::string_view json, v1::ReplyToThreadRequest* request);
absl::Status ReadGraphReply(absl::string_view json, v1::ReplyToPostRequest* request);
absl::Status ReadGraphForward(absl::string_view json, v1::ForwardPostRequest* request);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_GRAPH_READER_H_
