#ifndef THREADSTORE_TESTS_TESTING_FAKE_HTTP_H_
#define THREADSTORE_TESTS_TESTING_FAKE_HTTP_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/message.h"
#include "server/base/errors.h"
#include "server/http/grpc_face.h"
#include "server/http/http_message.h"

namespace threadstore::testing {

// A gRPC face whose answers a test gives. An RPC without any is a fault.
class FakeGrpcFace final : public GrpcFace {
 public:
  struct Received {
    std::string rpc;
    HttpCaller caller;
    std::unique_ptr<google::protobuf::Message> request;
  };

  // Answers an RPC, such as `GetThread`.
  template <typename Request, typename Response>
  void On(const std::string& rpc,
          std::function<absl::StatusOr<Response>(const Request& request)> answer) {
    answers_[rpc] = [answer](const google::protobuf::Message& request)
        -> absl::StatusOr<std::unique_ptr<google::protobuf::Message>> {
      absl::StatusOr<Response> response = answer(static_cast<const Request&>(request));
      if (!response.ok()) return response.status();
      return std::make_unique<Response>(*std::move(response));
    };
  }

  void Fail(const std::string& rpc, const absl::Status& error) {
    answers_[rpc] = [error](const google::protobuf::Message&) { return error; };
  }

  void Call(const google::protobuf::MethodDescriptor& rpc, const HttpCaller& caller,
            const google::protobuf::Message& request, Done done) override {
    std::unique_ptr<google::protobuf::Message> copy(request.New());
    copy->CopyFrom(request);
    received.push_back({rpc.name(), caller, std::move(copy)});
    const auto answer = answers_.find(rpc.name());
    std::move(done)(answer == answers_.end() ? absl::InternalError("no answer")
                                             : answer->second(request));
  }

  template <typename Request>
  const Request& Last() const {
    return static_cast<const Request&>(*received.back().request);
  }

  std::vector<Received> received;

 private:
  using Answer = std::function<absl::StatusOr<std::unique_ptr<google::protobuf::Message>>(
      const google::protobuf::Message&)>;

  std::map<std::string, Answer> answers_;
};

// An exchange that runs everything at once and keeps its answer, with all that followed the body.
class FakeExchange final : public HttpExchange {
 public:
  FakeExchange(HttpRequest request, std::optional<HttpResponse>& answer)
      : request_(std::move(request)), answer_(answer) {}

  HttpRequest& request() override { return request_; }
  void Run(absl::AnyInvocable<void() &&> step) override { std::move(step)(); }

  void Respond(HttpResponse response) override {
    bool is_over = response.rest == nullptr;
    while (!is_over) {
      response.rest->Next([&](absl::StatusOr<std::string> part) {
        is_over = !part.ok() || part->empty();
        response.body += part.ok() ? *part : "(cut)";
      });
    }
    answer_ = std::move(response);
  }

 private:
  HttpRequest request_;
  std::optional<HttpResponse>& answer_;
};

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_TESTING_FAKE_HTTP_H_
