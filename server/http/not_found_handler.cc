#include "server/http/not_found_handler.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "server/base/uuid.h"

namespace threadstore {
namespace {

constexpr int kNotFound = 404;

class NotFoundHandler final : public HttpHandler {
 public:
  explicit NotFoundHandler(const Clock& clock) : clock_(clock) {}

  void Handle(std::unique_ptr<HttpExchange> exchange) override {
    HttpResponse response = MakeError(exchange->request(), kNotFound, "There is no such resource.");
    exchange->Respond(std::move(response));
  }

  HttpResponse Refuse(const HttpRequest& request, int status, absl::string_view message) override {
    return MakeError(request, status, message);
  }

 private:
  HttpResponse MakeError(const HttpRequest& request, int status, absl::string_view message) const {
    const absl::Time now = clock_.Now();
    const std::string request_id = Uuid::V7(now).ToString();
    const auto client_id = Uuid::Parse(request.headers.Get("client-request-id"));
    const std::string client_request_id =
        client_id.has_value() ? client_id->ToString() : request_id;
    const std::string text = absl::StrReplaceAll(message, {{"\\", "\\\\"}, {"\"", "\\\""}});
    HttpResponse response;
    response.status = status;
    response.headers.Add("Content-Type", "application/json");
    response.headers.Add("request-id", request_id);
    response.headers.Add("client-request-id", client_request_id);
    response.body = absl::StrCat(
        R"({"error":{"code":"BadRequest","message":")", text, R"(","innerError":{"date":")",
        absl::FormatTime("%Y-%m-%dT%H:%M:%S", now, absl::UTCTimeZone()), R"(","request-id":")",
        request_id, R"(","client-request-id":")", client_request_id, R"("}}})");
    return response;
  }

  const Clock& clock_;
};

}  // namespace

std::unique_ptr<HttpHandler> MakeNotFoundHandler(const Clock& clock) {
  return std::make_unique<NotFoundHandler>(clock);
}

}  // namespace threadstore
