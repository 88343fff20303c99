#ifndef THREADSTORE_SERVER_HTTP_DESCRIBE_OPERATION_H_
#define THREADSTORE_SERVER_HTTP_DESCRIBE_OPERATION_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/http/graph_schema.h"
#include "server/http/routes.h"

// The routes as clients of Graph see them: what the descriptions have in common.
namespace threadstore {

// One method of one path.
struct Operation {
  enum class Kind {
    kList,
    kDelta,
    kGet,
    kGetValue,      // The bytes of an attachment.
    kCreate,        // Of an entity in a collection.
    kAddReference,  // Of an entity elsewhere to a collection.
    kUpdate,
    kUpdateDirectoryObject,  // As Graph does users and groups: without an answer.
    kDelete,
    kAction,  // With parameters in the body.
  };

  const Route* route = nullptr;
  Kind kind = Kind::kGet;

  std::string id;    // Such as `conversations.threads.list`: unique and stable.
  std::string path;  // Such as `/groups/{groupId}/threads/{threadId}`.

  // The keys in the path, such as `groupId`, in their order.
  std::vector<std::string> keys;

  // Whether it is under `me` or `users`.
  bool is_alias = false;

  // `me` or `users` if so, otherwise the last collection of the path, such as `posts`.
  std::string tag;

  // What it is bound to: the name of the type of the entity that the path names, or of those in
  // the collection that it names. For actions and functions without their segment.
  std::string bound_type;

  // The name of the type of the entity that has the collection of a list; empty if it is the
  // service's.
  std::string owner_type;

  // The name of the type that it answers with, one or many of; empty if the answer has none.
  std::string type;

  // Whether it answers with many.
  bool is_collection() const { return kind == Kind::kList || kind == Kind::kDelta; }
};

// All operations, in the order of the routes. The process ends if a route has no meaning in Graph,
// or two operations the same id.
std::vector<Operation> OperationsOf(const Routes& routes);

// The name of the Graph type of a message's values. The process ends if it has none.
std::string TypeNameOf(const google::protobuf::Descriptor& message);

// The last word of a name in camel case, in lower case and in the singular: `sender` of
// `acceptedSenders`.
std::string SingularOf(absl::string_view collection);

// The schema's type of a name; null if it has none.
const GraphType* FindGraphType(absl::string_view name);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_DESCRIBE_OPERATION_H_
