#ifndef THREADSTORE_SERVER_HTTP_GRAPH_WRITER_H_
#define THREADSTORE_SERVER_HTTP_GRAPH_WRITER_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "threadstore/v1/conversation_thread.pb.h"

// The messages of threadstore.v1 as Graph's JSON.
namespace threadstore {

// What of an entity to write.
struct GraphView {
  // Of an element of `expand`: the navigation property, such as `posts`.
  std::string relation = {};

  // Everything but what is to be expanded, as in the answer to a create. Otherwise what Graph shows
  // unless asked for more.
  bool all = false;

  // If not empty: only these properties, and what is expanded.
  std::vector<std::string> select = {};

  // What to write of the entities that navigation properties lead to.
  std::vector<GraphView> expand = {};
};

// How entities are written, whatever they are.
struct GraphStyle {
  // In what form the text of posts is wanted (Graph's `Prefer: outlook.body-content-type`). HTML of
  // which the text cannot be had whole (see WholeHtmlText) stays HTML, and says so.
  enum class Body { kAsStored, kText, kHtml };

  // Whether entities, and the complex values in them, say their types though nobody needs it, as in
  // the answers to creates.
  bool with_types = false;

  Body body = Body::kAsStored;

  // The link to the rest of an entity's expanded property, of which `page_token` is where to go on.
  // If there is no function, there are no links.
  std::function<std::string(const google::protobuf::Message& entity, absl::string_view property,
                            absl::string_view page_token)>
      next_link = nullptr;
};

// JSON with holes for the content of attachments, which is too much to be held at once and is to be
// fetched while the text is sent.
struct GraphText {
  struct Hole {
    size_t position;         // In `text`, not less than that of the hole before.
    std::string attachment;  // The name of the attachment whose content goes there.
  };

  std::string text;
  std::vector<Hole> holes;
};

// Appends an entity, which is a ConversationThread, Conversation, Post, Attachment, Extension,
// Group, Member or Sender, as one object. First come annotations, `@odata.context` only if
// `context` is not empty; then properties in the schema's order. Lists and values without presence
// are always there; absent values are null if they are nullable, or are left out. Times are UTC.
//
// What members a caller has put into an extension is spliced in as it was sent, without those that
// Graph has a meaning for.
//
// The content of an attachment is written if the message has it. Otherwise it is a hole.
void AppendGraphEntity(const google::protobuf::Message& entity, const GraphView& view,
                       const GraphStyle& style, absl::string_view context, GraphText* out);

// What fills the hole of an attachment that has its content: the value of `contentBytes` or `item`.
std::string GraphContentOf(const v1::Attachment& attachment);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_GRAPH_WRITER_H_
