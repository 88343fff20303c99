#include "server/http/attachment_body.h"

#include <string>
#include <utility>

#include "server/http/graph_writer.h"
#include "threadstore/v1/post_service.pb.h"

namespace threadstore {
namespace {

using google::protobuf::Message;

class AttachmentBody final : public HttpBodySource {
 public:
  AttachmentBody(GraphText body, GrpcFace& face, HttpCaller caller)
      : body_(std::move(body)), face_(face), caller_(std::move(caller)) {}

  // The text up to a hole with what fills it, and at last the rest of the text.
  void Next(absl::AnyInvocable<void(absl::StatusOr<std::string>) &&> done) override {
    if (hole_ == body_.holes.size()) {
      return std::move(done)(body_.text.substr(std::exchange(position_, body_.text.size())));
    }
    const GraphText::Hole& hole = body_.holes[hole_++];
    std::string text = body_.text.substr(position_, hole.position - position_);
    position_ = hole.position;
    v1::GetAttachmentRequest request;
    request.set_name(hole.attachment);
    request.set_view(v1::ATTACHMENT_VIEW_FULL);
    face_.Call(*GetAttachment(), caller_, request,
               [text = std::move(text),
                done = std::move(done)](absl::StatusOr<std::unique_ptr<Message>> answer) mutable {
                 std::move(done)(Filled(std::move(text), answer));
               });
  }

 private:
  static const google::protobuf::MethodDescriptor* GetAttachment() {
    static const google::protobuf::MethodDescriptor* const method =
        v1::GetAttachmentRequest::descriptor()
            ->file()
            ->FindServiceByName("PostService")
            ->FindMethodByName("GetAttachment");
    return method;
  }

  static absl::StatusOr<std::string> Filled(
      std::string text, const absl::StatusOr<std::unique_ptr<Message>>& answer) {
    if (absl::IsNotFound(answer.status())) return text + "null";
    if (!answer.ok()) return answer.status();
    return text + GraphContentOf(static_cast<const v1::Attachment&>(**answer));
  }

  const GraphText body_;
  GrpcFace& face_;
  const HttpCaller caller_;
  size_t hole_ = 0;
  size_t position_ = 0;
};

}  // namespace

std::unique_ptr<HttpBodySource> MakeAttachmentBody(GraphText body, GrpcFace& face,
                                                   HttpCaller caller) {
  return std::make_unique<AttachmentBody>(std::move(body), face, std::move(caller));
}

}  // namespace threadstore
