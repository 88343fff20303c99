// Any bytes as the JSON of each of Graph's entities and actions: refused with INVALID_ARGUMENT, or
// what they are read as is written as JSON that is read as the same again.

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/message_differencer.h"
#include "server/base/json_object.h"
#include "server/domain/limits.h"
#include "server/http/graph_path.h"
#include "server/http/graph_reader.h"
#include "server/http/graph_reference.h"
#include "server/http/graph_writer.h"
#include "tests/fuzz/require.h"
#include "threadstore/v1/group_service.pb.h"

namespace threadstore::testing {
namespace {

using google::protobuf::Message;

// Everything, with all that can be expanded.
GraphView WholeView(int levels) {
  GraphView view;
  view.all = true;
  if (levels == 0) return view;
  for (const char* relation : {"threads", "posts", "attachments", "extensions", "item"}) {
    view.expand.push_back(WholeView(levels - 1));
    view.expand.back().relation = relation;
  }
  return view;
}

std::string Write(const Message& entity, const GraphView& view, const GraphStyle& style) {
  GraphText out;
  AppendGraphEntity(entity, view, style, "https://h/$metadata#x", &out);
  Require(out.holes.empty(), "a hole without an attachment");
  const absl::Status status = CheckJsonObject(out.text, kMaxJsonDepth);
  Require(status.ok(), status.ToString() + "\n" + out.text);
  return out.text;
}

void RequireRefused(const absl::Status& status) {
  Require(status.code() == absl::StatusCode::kInvalidArgument, status.ToString());
}

// What is written in lower case only.
void Normalize(v1::Post& post) {
  if (!post.has_body()) return;
  std::string type = absl::AsciiStrToLower(post.body().content_type());
  if (type.empty()) type = "text";
  if (type == "text" || type == "html") post.mutable_body()->set_content_type(type);
}

void Normalize(v1::ConversationThread& thread) {
  for (v1::Post& post : *thread.mutable_posts()) Normalize(post);
}

void Normalize(v1::Conversation& conversation) {
  for (v1::ConversationThread& thread : *conversation.mutable_threads()) Normalize(thread);
}

void Normalize(Message& /*other*/) {}

// Whether the contents of extensions, which are read as they are, are such as the store may hold:
// others are refused after the reader, and never written.
bool HasSoundContents(const v1::Extension& extension) {
  return CheckJsonObject(extension.content_json(), kMaxJsonDepth).ok();
}

bool HasSoundContents(const v1::Post& post) {
  return absl::c_all_of(post.extensions(),
                        [](const v1::Extension& extension) { return HasSoundContents(extension); });
}

bool HasSoundContents(const v1::ConversationThread& thread) {
  return absl::c_all_of(thread.posts(),
                        [](const v1::Post& post) { return HasSoundContents(post); });
}

bool HasSoundContents(const v1::Conversation& conversation) {
  return absl::c_all_of(conversation.threads(), [](const v1::ConversationThread& thread) {
    return HasSoundContents(thread);
  });
}

bool HasSoundContents(const Message& /*other*/) { return true; }

template <typename Entity>
void TryEntity(absl::string_view json) {
  static const GraphView* const whole = new GraphView(WholeView(4));
  Entity entity;
  if (const absl::StatusOr<GraphBody> body = ReadGraphEntity(json, &entity); !body.ok()) {
    RequireRefused(body.status());
    Require(entity.ByteSizeLong() == 0, "a failed read leaves something behind");
    return;
  }
  if (!HasSoundContents(entity)) return;
  Write(entity, GraphView(), GraphStyle());
  GraphStyle style;
  style.with_types = true;
  const std::string written = Write(entity, *whole, style);
  Entity again;
  const absl::StatusOr<GraphBody> body = ReadGraphEntity(written, &again);
  Require(body.ok(), body.status().ToString() + "\n" + written);
  Normalize(entity);
  Require(google::protobuf::util::MessageDifferencer::Equals(entity, again),
          entity.DebugString() + "\nwas written as\n" + written + "\nand read as\n" +
              again.DebugString());
  style.body = GraphStyle::Body::kText;
  Write(entity, *whole, style);
  style.body = GraphStyle::Body::kHtml;
  Write(entity, *whole, style);
}

template <typename Request>
void TryAction(absl::Status (*read)(absl::string_view, Request*), absl::string_view json) {
  Request request;
  if (const absl::Status status = read(json, &request); !status.ok()) RequireRefused(status);
}

void TryAll(absl::string_view text) {
  TryEntity<v1::ConversationThread>(text);
  TryEntity<v1::Conversation>(text);
  TryEntity<v1::Post>(text);
  TryEntity<v1::Attachment>(text);
  TryEntity<v1::Extension>(text);
  TryEntity<v1::Group>(text);
  TryAction<v1::ReplyToThreadRequest>(ReadGraphReply, text);
  TryAction<v1::ReplyToPostRequest>(ReadGraphReply, text);
  TryAction<v1::ForwardPostRequest>(ReadGraphForward, text);
  for (const auto& id : {ReadGraphReference(text), ParseGraphReference(text)}) {
    if (!id.ok()) RequireRefused(id.status());
  }
  GraphPath(text);
}

}  // namespace
}  // namespace threadstore::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  threadstore::testing::TryAll({reinterpret_cast<const char*>(data), size});
  return 0;
}
