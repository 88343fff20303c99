#include "server/http/batch.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "nlohmann/json.hpp"
#include "server/base/json_dialect.h"
#include "server/base/mutex.h"
#include "server/base/proto_json.h"
#include "server/base/status_macros.h"
#include "server/http/graph_url.h"
#include "threadstore/internal/v1/graph_batch.pb.h"

namespace threadstore {
namespace {

using internal::v1::GraphBatch;
using internal::v1::GraphBatchRequest;

// Graph's limit.
constexpr int kMaxBatchRequests = 20;

// All answers are held until the last is there: the largest page of a list, in JSON, and as much
// again.
constexpr size_t kMaxHeldBytes = size_t{8} << 20;

constexpr int kFirstFailure = 400;

// Bodies and headers are read when it is known what for.
class BatchDialect final : public JsonDialect {
 public:
  Member Find(const google::protobuf::Message& object, absl::string_view name) const override {
    const bool is_request = object.GetDescriptor() == GraphBatchRequest::descriptor();
    if (is_request && (name == "headers" || name == "body")) return {Use::kRaw};
    if (is_request && (name == "headersJson" || name == "bodyJson")) return {Use::kUnknown};
    return JsonDialect::Find(object, name);
  }

  Fault TakeRaw(const RawValue& value, google::protobuf::Message* object) override {
    auto& request = static_cast<GraphBatchRequest&>(*object);
    const bool is_null = value.scalar != nullptr && value.scalar->kind == Scalar::Kind::kNull;
    if (is_null) return std::nullopt;
    (value.name == "headers" ? request.mutable_headers_json() : request.mutable_body_json())
        ->assign(value.json.data(), value.json.size());
    return std::nullopt;
  }
};

absl::Status InvalidRequest(int index, absl::string_view rule) {
  return absl::InvalidArgumentError(absl::StrCat("requests[", index, "]", rule));
}

bool IsOfTheBatch(absl::string_view header) {
  return absl::EqualsIgnoreCase(header, "Authorization") ||
         absl::EqualsIgnoreCase(header, "x-threadstore-user");
}

// Clients that add the caller's headers to every request add them here, too.
bool HasHeader(const HttpRequest& request, absl::string_view name, absl::string_view value) {
  const auto& fields = request.headers.fields();
  return std::any_of(fields.begin(), fields.end(), [&](const auto& field) {
    return absl::EqualsIgnoreCase(field.first, name) && field.second == value;
  });
}

absl::Status ReadHeaders(int index, const std::string& json, const HttpRequest& outer,
                         HttpHeaders& headers) {
  if (json.empty()) return absl::OkStatus();
  const nlohmann::json object = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return InvalidRequest(index, ".headers: must be an object");
  for (const auto& [name, value] : object.items()) {
    if (!value.is_string()) return InvalidRequest(index, ".headers: values must be strings");
    if (IsOfTheBatch(name)) {
      if (HasHeader(outer, name, value.get<std::string>())) continue;
      return InvalidRequest(index,
                            absl::StrCat(".headers: ", name, " is that of the batch as a whole"));
    }
    headers.Add(name, value.get<std::string>());
  }
  return absl::OkStatus();
}

// An object is JSON; what is not, comes as base64 in a string.
absl::Status ReadBody(int index, const std::string& json, HttpRequest& request) {
  if (json.empty()) return absl::OkStatus();
  if (!absl::StartsWith(json, "\"")) {
    if (!request.headers.Has("Content-Type")) {
      return InvalidRequest(index, ".headers: must have the Content-Type of the body");
    }
    request.body = json;
    return absl::OkStatus();
  }
  const auto text = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!text.is_string() || !absl::Base64Unescape(text.get<std::string>(), &request.body)) {
    return InvalidRequest(index, ".body: must be an object, or base64 in a string");
  }
  return absl::OkStatus();
}

// The target of a URL that is relative to the batch's version, or whole.
std::string TargetOf(absl::string_view url, const std::string& version) {
  const absl::string_view target = TargetOfLink(url);
  const bool is_whole = target.size() != url.size();
  std::string path = absl::StrCat(absl::StartsWith(target, "/") ? "" : "/", target);
  for (const absl::string_view own : {"/v1.0/", "/beta/", "/localtest/"}) {
    if (absl::StartsWith(path, own)) return path;
  }
  return is_whole || version.empty() ? path : absl::StrCat("/", version, path);
}

// One request of a batch.
struct Part {
  std::string id;
  HttpRequest request;
  std::vector<size_t> needs;      // Other parts.
  std::vector<size_t> needed_by;  // Other parts.
  size_t waits_for = 0;           // As many of the parts it needs are not answered yet.
  bool has_failed_need = false;
  bool is_head = false;
  HttpResponse response;
};

absl::Status Link(const GraphBatch& batch, std::vector<Part>& parts) {
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!places.emplace(absl::AsciiStrToLower(parts[i].id), i).second) {
      return InvalidRequest(static_cast<int>(i), ".id: another request has it");
    }
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    for (const std::string& id : batch.requests(static_cast<int>(i)).depends_on()) {
      const auto found = places.find(absl::AsciiStrToLower(id));
      if (found == places.end() || found->second == i) {
        return InvalidRequest(static_cast<int>(i), ".dependsOn: must name other requests");
      }
      parts[i].needs.push_back(found->second);
      parts[found->second].needed_by.push_back(i);
      ++parts[i].waits_for;
    }
  }
  return absl::OkStatus();
}

// Whether every part can have its turn.
bool HasOrder(const std::vector<Part>& parts) {
  std::vector<size_t> waits_for;
  std::vector<size_t> ready;
  for (size_t i = 0; i < parts.size(); ++i) {
    waits_for.push_back(parts[i].waits_for);
    if (parts[i].waits_for == 0) ready.push_back(i);
  }
  size_t done = 0;
  for (; !ready.empty(); ++done) {
    const size_t i = ready.back();
    ready.pop_back();
    for (const size_t next : parts[i].needed_by) {
      if (--waits_for[next] == 0) ready.push_back(next);
    }
  }
  return done == parts.size();
}

absl::StatusOr<std::vector<Part>> ReadParts(const HttpRequest& outer, const std::string& version) {
  GraphBatch batch;
  BatchDialect dialect;
  RETURN_IF_ERROR(ReadJson(outer.body, dialect, &batch));
  if (batch.requests().empty() || batch.requests_size() > kMaxBatchRequests) {
    return absl::InvalidArgumentError(
        absl::StrCat("requests: must have 1 to ", kMaxBatchRequests, " requests"));
  }
  std::vector<Part> parts(batch.requests_size());
  for (int i = 0; i < batch.requests_size(); ++i) {
    const GraphBatchRequest& sent = batch.requests(i);
    if (sent.id().empty()) return InvalidRequest(i, ".id: is required");
    if (sent.method().empty()) return InvalidRequest(i, ".method: is required");
    if (sent.url().empty()) return InvalidRequest(i, ".url: is required");
    Part& part = parts[i];
    part.id = sent.id();
    part.request.method = absl::AsciiStrToUpper(sent.method());
    part.request.target = TargetOf(sent.url(), version);
    RETURN_IF_ERROR(ReadHeaders(i, sent.headers_json(), outer, part.request.headers));
    RETURN_IF_ERROR(ReadBody(i, sent.body_json(), part.request));
    for (const auto& [name, value] : outer.headers.fields()) {
      if (IsOfTheBatch(name)) part.request.headers.Add(name, value);
    }
    part.request.peer = outer.peer;
    part.request.scheme = outer.scheme;
    part.request.host = outer.host;
    part.request.certificate_names = outer.certificate_names;
    part.request.is_tls = outer.is_tls;
    part.request.is_in_batch = true;
    part.is_head = part.request.method == "HEAD";
  }
  RETURN_IF_ERROR(Link(batch, parts));
  if (!HasOrder(parts)) {
    return absl::InvalidArgumentError("requests: dependsOn must not lead back to a request");
  }
  return parts;
}

void AppendPart(const Part& part, std::string& json) {
  absl::StrAppend(&json, "{\"id\":", WriteJsonString(part.id), ",\"status\":", part.response.status,
                  ",\"headers\":{");
  bool is_json = false;
  bool is_first = true;
  for (const auto& [name, value] : part.response.headers.fields()) {
    absl::StrAppend(&json, std::exchange(is_first, false) ? "" : ",", WriteJsonString(name), ":",
                    WriteJsonString(value));
    is_json |=
        absl::EqualsIgnoreCase(name, "Content-Type") && absl::StartsWith(value, "application/json");
  }
  json += "}";
  is_json = is_json && !part.response.is_foreign;
  if (!part.response.body.empty() && !part.is_head) {
    absl::StrAppend(&json, ",\"body\":",
                    is_json ? part.response.body
                            : absl::StrCat("\"", absl::Base64Escape(part.response.body), "\""));
  }
  json += "}";
}

std::vector<bool> WritesOf(const std::vector<Part>& parts) {
  std::vector<bool> writes;
  writes.reserve(parts.size());
  for (const Part& part : parts) {
    writes.push_back(part.request.method != "GET" && part.request.method != "HEAD");
  }
  return writes;
}

// A batch on its way.
class Batch : public std::enable_shared_from_this<Batch> {
 public:
  Batch(HttpHandler& handler, std::unique_ptr<HttpExchange> exchange, std::vector<Part> parts,
        AnswerIds ids, ByteBudget& memory)
      : handler_(handler),
        memory_(memory),
        exchange_(std::move(exchange)),
        ids_(std::move(ids)),
        is_write_(WritesOf(parts)),
        parts_(std::move(parts)),
        left_(parts_.size()) {}

  ~Batch() { memory_.GiveBack(held_bytes_); }

  void Start() {
    std::vector<size_t> ready;
    {
      const MutexLock lock(&mutex_);
      for (size_t i = 0; i < parts_.size(); ++i) {
        if (parts_[i].waits_for == 0) ready.push_back(i);
      }
    }
    for (const size_t i : ready) Handle(i);
  }

  void Run(absl::AnyInvocable<void() &&> step) { exchange_->Run(std::move(step)); }

  // A part's answer.
  void Take(size_t index, HttpResponse response) {
    if (std::optional<HttpResponse> refusal = Hold(index, response.body.size())) {
      response = *std::move(refusal);
    }
    Read(index, std::make_shared<HttpResponse>(std::move(response)));
  }

 private:
  class Exchange;

  void Handle(size_t index);

  void Finish(size_t index, HttpResponse response) {
    std::vector<size_t> ready;
    std::vector<size_t> skipped;
    bool is_last = false;
    {
      const MutexLock lock(&mutex_);
      Part& part = parts_[index];
      part.response = std::move(response);
      is_last = --left_ == 0;
      for (const size_t next : part.needed_by) {
        parts_[next].has_failed_need |= part.response.status >= kFirstFailure;
        if (--parts_[next].waits_for > 0) continue;
        (parts_[next].has_failed_need ? skipped : ready).push_back(next);
      }
    }
    for (const size_t next : ready) Handle(next);
    for (const size_t next : skipped) {
      Finish(next, handler_.Refuse({}, 424, "A request that this one depends on has failed."));
    }
    if (is_last) Respond();
  }

  void Respond() {
    HttpResponse response;
    response.headers.Add("Content-Type", "application/json");
    response.headers.Add("Cache-Control", "no-store");
    AddIds(ids_, response.headers);
    response.body = "{\"responses\":[";
    {
      const MutexLock lock(&mutex_);
      for (size_t i = 0; i < parts_.size(); ++i) {
        if (i > 0) response.body += ",";
        AppendPart(parts_[i], response.body);
        parts_[i].response = {};
      }
    }
    response.body += "]}";
    exchange_->Respond(std::move(response));
  }

  // Reads what follows an answer's body, and is done with it.
  void Read(size_t index, const std::shared_ptr<HttpResponse>& response) {
    if (response->rest == nullptr) return Finish(index, std::move(*response));
    response->rest->Next(
        [self = shared_from_this(), index, response](absl::StatusOr<std::string> text) {
          if (absl::IsResourceExhausted(text.status())) return self->Finish(index, self->NoRoom());
          if (!text.ok()) {
            return self->Finish(index, self->handler_.Refuse({}, 500, "The answer ended early."));
          }
          if (auto refusal = self->Hold(index, text->size())) {
            return self->Finish(index, *std::move(refusal));
          }
          response->body += *text;
          // Not where the part came from: its source may go only after it has returned.
          self->Run([self, index, response, is_over = text->empty()] {
            if (is_over) response->rest = nullptr;
            self->Read(index, response);
          });
        });
  }

  // Makes room for more of an answer; what to answer instead if there is none. A write has been
  // done, so its answer is always held.
  std::optional<HttpResponse> Hold(size_t index, size_t bytes) {
    const bool must_be_held = is_write_[index];
    if (!must_be_held && held_bytes_ + bytes > kMaxHeldBytes) {
      return handler_.Refuse({}, 413, "The answer is too large for the batch.");
    }
    if (must_be_held) {
      memory_.Take(bytes);
    } else if (!memory_.TryTake(bytes)) {
      return NoRoom();
    }
    held_bytes_ += bytes;
    return std::nullopt;
  }

  HttpResponse NoRoom() {
    HttpResponse response = handler_.Refuse({}, 503, "There is no room for more answers.");
    response.headers.Add("Retry-After", "1");
    return response;
  }

  HttpHandler& handler_;
  ByteBudget& memory_;
  std::atomic<size_t> held_bytes_ = 0;
  const std::unique_ptr<HttpExchange> exchange_;
  const AnswerIds ids_;
  const std::vector<bool> is_write_;  // Of each part.
  Mutex mutex_;
  std::vector<Part> parts_ ABSL_GUARDED_BY(mutex_);
  size_t left_ ABSL_GUARDED_BY(mutex_);
};

class Batch::Exchange final : public HttpExchange {
 public:
  Exchange(std::shared_ptr<Batch> batch, size_t index, HttpRequest request)
      : batch_(std::move(batch)), index_(index), request_(std::move(request)) {}

  ~Exchange() override {
    if (batch_ == nullptr) return;
    batch_->Take(index_, batch_->handler_.Refuse(request_, 500, "The request was dropped."));
  }

  HttpRequest& request() override { return request_; }
  void Run(absl::AnyInvocable<void() &&> step) override { batch_->Run(std::move(step)); }
  void Respond(HttpResponse response) override {
    std::exchange(batch_, nullptr)->Take(index_, std::move(response));
  }

 private:
  std::shared_ptr<Batch> batch_;  // Until it is answered.
  const size_t index_;
  HttpRequest request_;
};

void Batch::Handle(size_t index) {
  HttpRequest request;
  {
    const MutexLock lock(&mutex_);
    request = std::move(parts_[index].request);
  }
  handler_.Handle(std::make_unique<Exchange>(shared_from_this(), index, std::move(request)));
}

}  // namespace

void StartBatch(HttpHandler& handler, std::unique_ptr<HttpExchange> exchange,
                const std::string& version, const AnswerIds& ids, ByteBudget& memory) {
  absl::StatusOr<std::vector<Part>> parts = ReadParts(exchange->request(), version);
  if (!parts.ok()) {
    return exchange->Respond(ErrorAnswer(BadRequest(std::string(parts.status().message())), ids));
  }
  exchange->request().body = std::string();
  std::make_shared<Batch>(handler, std::move(exchange), *std::move(parts), ids, memory)->Start();
}

}  // namespace threadstore
