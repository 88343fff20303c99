#include "server/http/attachment_body.h"

#include <optional>
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

  // The text up to a hole, then what fills it, and so on; at last the rest of the text. What fills
  // a hole is made here, and not where it arrives: that is a thread of gRPC's.
  void Next(absl::AnyInvocable<void(absl::StatusOr<std::string>) &&> done) override {
    if (filling_.has_value()) {
      const std::optional<Filling> filling = std::exchange(filling_, std::nullopt);
      return std::move(done)(*filling == nullptr
                                 ? "null"
                                 : GraphContentOf(static_cast<const v1::Attachment&>(**filling)));
    }
    if (hole_ == body_.holes.size()) {
      return std::move(done)(body_.text.substr(std::exchange(position_, body_.text.size())));
    }
    const GraphText::Hole& hole = body_.holes[hole_];
    v1::GetAttachmentRequest request;
    request.set_name(hole.attachment);
    request.set_view(v1::ATTACHMENT_VIEW_FULL);
    face_.Call(*GetAttachment(), caller_, request,
               [this, &hole,
                done = std::move(done)](absl::StatusOr<std::unique_ptr<Message>> answer) mutable {
                 if (absl::IsNotFound(answer.status())) answer = Filling();
                 if (!answer.ok()) return std::move(done)(answer.status());
                 filling_ = *std::move(answer);
                 ++hole_;
                 const size_t begin = std::exchange(position_, hole.position);
                 std::move(done)(body_.text.substr(begin, position_ - begin));
               });
  }

 private:
  // An attachment with its content; null if there is none any more.
  using Filling = std::unique_ptr<Message>;

  static const google::protobuf::MethodDescriptor* GetAttachment() {
    static const google::protobuf::MethodDescriptor* const method =
        v1::GetAttachmentRequest::descriptor()
            ->file()
            ->FindServiceByName("PostService")
            ->FindMethodByName("GetAttachment");
    return method;
  }

  const GraphText body_;
  GrpcFace& face_;
  const HttpCaller caller_;
  size_t hole_ = 0;
  size_t position_ = 0;
  std::optional<Filling> filling_;  // Of the hole that the text has come to.
};

}  // namespace

std::unique_ptr<HttpBodySource> MakeAttachmentBody(GraphText body, GrpcFace& face,
                                                   HttpCaller caller) {
  return std::make_unique<AttachmentBody>(std::move(body), face, std::move(caller));
}

}  // namespace threadstore
