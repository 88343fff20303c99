#include "server/http/graph_handler.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/field_mask.pb.h"
#include "server/base/errors.h"
#include "server/http/attachment_body.h"
#include "server/http/batch.h"
#include "server/http/description_pages.h"
#include "server/http/graph_answer.h"
#include "server/http/graph_error.h"
#include "server/http/graph_links.h"
#include "server/http/graph_reference.h"
#include "server/http/graph_request.h"
#include "server/http/graph_url.h"
#include "server/http/query_options.h"
#include "server/http/routes.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/post_service.pb.h"
#include "threadstore/v1/thread_service.pb.h"

namespace threadstore {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FieldMask;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Ids that are read to skip them.
constexpr int32_t kSkipPageSize = 1000;

class GraphHandler;

// One request on its way.
class GraphCall : public std::enable_shared_from_this<GraphCall> {
 public:
  GraphCall(GraphHandler& handler, std::unique_ptr<HttpExchange> exchange);

  void Start();

 private:
  // Whether there is something to GET at a path besides the routes of RPCs.
  bool IsDescription(absl::string_view path) const;

  void Route(GraphUrl url);
  void SkipThen(int32_t left);
  void Call();
  void CallWith(const Message& request, absl::AnyInvocable<void(std::unique_ptr<Message>) &&> then);
  void Answer(std::unique_ptr<Message> message);
  void Fail(const absl::Status& error);
  void Respond(const GraphError& error);
  void Respond(HttpResponse response);

  GraphHandler& handler_;
  std::unique_ptr<HttpExchange> exchange_;
  const AnswerIds ids_;
  HttpCaller caller_;
  GraphRequest request_;
  std::optional<GraphLinks> links_;
};

class GraphHandler final : public HttpHandler {
 public:
  GraphHandler(GraphHandlerOptions options, std::unique_ptr<GrpcFace> face, const Clock& clock,
               ByteBudget& answer_memory)
      : options_(std::move(options)),
        face_(std::move(face)),
        clock_(clock),
        answer_memory_(answer_memory) {}

  void Handle(std::unique_ptr<HttpExchange> exchange) override {
    std::make_shared<GraphCall>(*this, std::move(exchange))->Start();
  }

  HttpResponse Refuse(const HttpRequest& request, int status, absl::string_view message) override {
    return ErrorAnswer(ErrorOfStatus(status, std::string(message)),
                       MakeAnswerIds(request.headers, clock_.Now()));
  }

  const GraphHandlerOptions& options() const { return options_; }
  const Routes& routes() const { return routes_; }
  const Clock& clock() const { return clock_; }
  GrpcFace& face() { return *face_; }
  ByteBudget& answer_memory() { return answer_memory_; }

 private:
  const GraphHandlerOptions options_;
  const std::unique_ptr<GrpcFace> face_;
  const Clock& clock_;
  ByteBudget& answer_memory_;
  const Routes routes_;
};

// The value of an option, which is taken out of the query; nothing if it is not there.
std::optional<std::string> TakeOption(GraphUrl& url, absl::string_view name) {
  const auto found = std::find_if(url.query.begin(), url.query.end(), [name](const auto& pair) {
    return NamesQueryOption(pair.first, name);
  });
  if (found == url.query.end()) return std::nullopt;
  std::string value = std::move(found->second);
  url.query.erase(found);
  return value;
}

// Without its version.
std::string PathOf(const GraphUrl& url) {
  return absl::StrCat("/", absl::StrJoin(url.segments, "/"));
}

GraphCall::GraphCall(GraphHandler& handler, std::unique_ptr<HttpExchange> exchange)
    : handler_(handler),
      exchange_(std::move(exchange)),
      ids_(MakeAnswerIds(exchange_->request().headers, handler.clock().Now())) {
  HttpRequest& http = exchange_->request();
  caller_.peer = http.peer;
  caller_.certificate_names = http.certificate_names;
  for (const auto& [name, value] : http.headers.fields()) {
    if (absl::EqualsIgnoreCase(name, "x-threadstore-user")) caller_.users.push_back(value);
    if (absl::EqualsIgnoreCase(name, "Authorization")) caller_.authorizations.push_back(value);
  }
}

bool GraphCall::IsDescription(absl::string_view path) const {
  HttpRequest get;
  get.method = "GET";
  return ServeDescription(get, path, handler_.options().docs).has_value();
}

void GraphCall::Start() {
  HttpRequest& http = exchange_->request();
  // The listener leaves the body out.
  if (http.method == "HEAD") http.method = "GET";
  absl::StatusOr<GraphUrl> url = ParseGraphUrl(http.target);
  if (!url.ok()) return Fail(url.status());
  const std::string& public_url = handler_.options().public_url;
  const std::string origin = !public_url.empty() ? public_url
                             : http.host.empty() ? ""
                                                 : absl::StrCat(http.scheme, "://", http.host);
  links_.emplace(origin, *url);
  if (auto page = ServeDescription(http, PathOf(*url), handler_.options().docs)) {
    return Respond(*std::move(page));
  }
  if (!url->segments.empty() && url->segments.front() == "$batch") {
    if (url->segments.size() > 1) return Respond(ErrorOfStatus(404, "There is no such resource."));
    if (http.is_in_batch) return Respond(BadRequest("A batch cannot be in a batch."));
    if (http.method != "POST") return Respond(MethodNotAllowed({"POST"}));
    if (!HasJsonBody(http.headers)) {
      return Respond(ErrorOfStatus(415, "The body must be application/json in UTF-8."));
    }
    return StartBatch(handler_, std::move(exchange_), url->version, ids_, handler_.answer_memory());
  }
  if (!url->segments.empty() && url->segments.front() == "subscriptions") {
    return Respond(ErrorOfStatus(501,
                                 "Subscriptions are not supported. Changes are followed with "
                                 "GET /groups/{id}/threads/delta."));
  }
  Route(*std::move(url));
}

// `/threads/$count` is a list, `DELETE .../$ref?$id=URL` is `.../{id}/$ref`, and `$search` has an
// RPC of its own.
void GraphCall::Route(GraphUrl url) {
  HttpRequest& http = exchange_->request();
  std::vector<std::string> segments = url.segments;
  const bool is_count = segments.size() > 1 && segments.back() == "$count";
  if (is_count) segments.pop_back();
  if (http.method == "DELETE" && segments.size() > 1 && segments.back() == "$ref") {
    if (const std::optional<std::string> reference = TakeOption(url, "id")) {
      const absl::StatusOr<std::string> id = ParseGraphReference(*reference);
      if (!id.ok()) {
        return Respond(BadRequest(absl::StrCat("The query option $id ", id.status().message())));
      }
      segments.insert(segments.end() - 1, *id);
    }
  }
  const bool has_search = std::any_of(url.query.begin(), url.query.end(), [](const auto& pair) {
    return NamesQueryOption(pair.first, "search");
  });
  const bool is_search =
      http.method == "GET" && has_search && !segments.empty() && segments.back() == "threads";
  if (is_search) segments.back() = "threads:search";

  auto found = handler_.routes().Find(http.method, segments);
  if (const auto* none = std::get_if<NoRoute>(&found)) {
    if (http.method == "DELETE" && !none->allowed.empty() && segments.back() == "$ref") {
      return Respond(BadRequest("The query option $id must say what to remove."));
    }
    if (!none->allowed.empty()) return Respond(MethodNotAllowed(none->allowed));
    if (is_search) return Respond(BadRequest("The query option $search is not supported here."));
    if (IsDescription(PathOf(url))) return Respond(MethodNotAllowed({"GET"}));
    return Respond(ErrorOfStatus(404, "There is no such resource."));
  }
  const RouteMatch& match = std::get<RouteMatch>(found);
  if (match.is_malformed) {
    return Respond(GraphError{400, "ErrorInvalidIdMalformed", "Id is malformed."});
  }
  if (is_count && !absl::StartsWith(match.route->rpc->name(), "List")) {
    return Respond(ErrorOfStatus(404, "There is no such resource."));
  }
  if (!match.route->body.empty() && !HasJsonBody(http.headers)) {
    return Respond(ErrorOfStatus(415, "The body must be application/json in UTF-8."));
  }
  absl::StatusOr<GraphRequest> request = MakeGraphRequest(http, std::move(url), match, is_count);
  if (!request.ok()) return Fail(request.status());
  request_ = *std::move(request);
  // What was sent is kept only once.
  exchange_->ReleaseBody();
  if (request_.options.skip > 0) return SkipThen(request_.options.skip);
  Call();
}

void SetPageToken(Message& message, const std::string& token) {
  message.GetReflection()->SetString(&message,
                                     message.GetDescriptor()->FindFieldByName("page_token"), token);
}

std::string NextPageToken(const Message& page) {
  return page.GetReflection()->GetString(page,
                                         page.GetDescriptor()->FindFieldByName("next_page_token"));
}

// What a page is of, the one list that it has.
const FieldDescriptor* ResourcesField(const Message& page) {
  const Descriptor& type = *page.GetDescriptor();
  int i = 0;
  while (!type.field(i)->is_repeated()) ++i;
  return type.field(i);
}

int ResourcesOn(const Message& page) {
  return page.GetReflection()->FieldSize(page, ResourcesField(page));
}

void ClearResources(Message& page) {
  page.GetReflection()->ClearField(&page, ResourcesField(page));
}

// Reads as many ids as are to be skipped, page by page, and then the page that was asked for.
void GraphCall::SkipThen(int32_t left) {
  std::unique_ptr<Message> ids(request_.message->New());
  ids->CopyFrom(*request_.message);
  const Reflection& reflection = *ids->GetReflection();
  const Descriptor& type = *ids->GetDescriptor();
  if (const FieldDescriptor* mask = type.FindFieldByName("read_mask")) {
    reflection.ClearField(ids.get(), mask);
    static_cast<FieldMask*>(reflection.MutableMessage(ids.get(), mask))->add_paths("id");
  }
  if (const FieldDescriptor* expand = type.FindFieldByName("expand")) {
    reflection.ClearField(ids.get(), expand);
  }
  reflection.SetInt32(ids.get(), type.FindFieldByName("page_size"), std::min(left, kSkipPageSize));
  CallWith(*ids, [self = shared_from_this(), left](std::unique_ptr<Message> page) {
    const std::string token = NextPageToken(*page);
    if (token.empty()) {
      ClearResources(*page);
      return self->Answer(std::move(page));
    }
    SetPageToken(*self->request_.message, token);
    const int32_t rest = left - ResourcesOn(*page);
    if (rest > 0) return self->SkipThen(rest);
    self->Call();
  });
}

void GraphCall::Call() {
  CallWith(*request_.message, [self = shared_from_this()](std::unique_ptr<Message> answer) {
    self->Answer(std::move(answer));
  });
}

void GraphCall::CallWith(const Message& request,
                         absl::AnyInvocable<void(std::unique_ptr<Message>) &&> then) {
  handler_.face().Call(*request_.route->rpc, caller_, request,
                       [self = shared_from_this(), then = std::move(then)](
                           absl::StatusOr<std::unique_ptr<Message>> answer) mutable {
                         HttpExchange& exchange = *self->exchange_;
                         exchange.Run([self = std::move(self), then = std::move(then),
                                       answer = std::move(answer)]() mutable {
                           if (!answer.ok()) return self->Fail(answer.status());
                           self->caller_.is_charged = true;
                           std::move(then)(*std::move(answer));
                         });
                       });
}

// The answer to a new attachment is without its content, which is at hand: it is written, and
// nothing may fail any more.
void GiveContentBack(const Message& request, Message& answer) {
  const auto* create =
      google::protobuf::DynamicCastToGenerated<v1::CreateAttachmentRequest>(&request);
  if (create == nullptr) return;
  auto& attachment = static_cast<v1::Attachment&>(answer);
  if (attachment.has_file()) {
    attachment.mutable_file()->set_content_bytes(create->attachment().file().content_bytes());
  } else if (attachment.has_item()) {
    attachment.mutable_item()->set_item_json(create->attachment().item().item_json());
  }
}

// What is above a thread's posts, or the thread itself, may have been deleted.
bool IsParentGone(const GraphRequest& request, const Message& answer) {
  if (request.operation != GraphOperation::kListChanges ||
      request.type->message != v1::Post::descriptor()) {
    return false;
  }
  const auto& page = static_cast<const v1::ListThreadChangesResponse&>(answer);
  return std::any_of(page.changes().begin(), page.changes().end(),
                     [](const v1::ThreadChange& change) {
                       return change.kind() == v1::ThreadChange::KIND_DELETED &&
                              !absl::StrContains(change.name(), "/posts/");
                     });
}

void GraphCall::Answer(std::unique_ptr<Message> message) {
  if (IsParentGone(request_, *message)) {
    const auto& changes = static_cast<const v1::ListThreadChangesRequest&>(*request_.message);
    return Fail(NotFoundError(kThreadType, changes.parent()));
  }
  if (request_.operation == GraphOperation::kContent &&
      static_cast<const v1::Attachment&>(*message).has_reference()) {
    return Respond(MethodNotAllowed({}));
  }
  GiveContentBack(*request_.message, *message);
  GraphAnswer answer = MakeGraphAnswer(request_, *links_, *message);
  if (answer.body.holes.empty()) {
    answer.response.body += answer.body.text;
  } else {
    answer.response.rest = MakeAttachmentBody(std::move(answer.body), handler_.face(), caller_);
  }
  Respond(std::move(answer.response));
}

void GraphCall::Fail(const absl::Status& error) {
  const bool is_write = request_.route != nullptr && request_.effect() == Effect::kWrite;
  GraphError answer = ToGraphError(error, is_write ? Effect::kWrite : Effect::kRead);
  if (absl::IsOutOfRange(error)) {
    // Where to start over.
    answer.headers.Add("Location", links_->Again(WithoutQueryOptions(request_.url.query,
                                                                     {"skiptoken", "deltatoken"})));
  }
  Respond(answer);
}

void GraphCall::Respond(const GraphError& error) { exchange_->Respond(ErrorAnswer(error, ids_)); }

void GraphCall::Respond(HttpResponse response) {
  AddIds(ids_, response.headers);
  exchange_->Respond(std::move(response));
}

}  // namespace

std::unique_ptr<HttpHandler> MakeGraphHandler(GraphHandlerOptions options,
                                              std::unique_ptr<GrpcFace> face, const Clock& clock,
                                              ByteBudget& answer_memory) {
  return std::make_unique<GraphHandler>(std::move(options), std::move(face), clock, answer_memory);
}

}  // namespace threadstore
