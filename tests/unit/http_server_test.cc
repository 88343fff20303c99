// The HTTP server over sockets, with a handler that the tests command.

#include "server/http/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/byte_budget.h"
#include "server/base/mutex.h"
#include "tests/testing/gzip.h"
#include "tests/testing/http_client.h"
#include "tests/testing/status_matchers.h"

namespace threadstore {
namespace {

using testing::ClientResponse;
using testing::Gzip;
using ::testing::HasSubstr;
using testing::HttpClient;
using testing::IsOk;

constexpr absl::Duration kShort = absl::Milliseconds(50);
constexpr absl::Duration kPatience = absl::Minutes(1);

HttpResponse Text(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.Add("Content-Type", "text/plain");
  response.body = std::move(body);
  return response;
}

// More than all buffers between a server and a client hold.
constexpr size_t kTooMuchBytes = 50'000'000;
std::string TooMuch() {
  std::string text;
  text.resize(kTooMuchBytes, 'x');
  return text;
}

// A queue between threads.
template <typename T>
class Channel {
 public:
  void Put(T value) {
    MutexLock lock(&mutex_);
    values_.push_back(std::move(value));
    changed_.NotifyAll();
  }

  T Take() {
    MutexLock lock(&mutex_);
    while (values_.empty()) changed_.Wait(&mutex_);
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }

  size_t size() {
    MutexLock lock(&mutex_);
    return values_.size();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<T> values_ ABSL_GUARDED_BY(mutex_);
};

// Answers with the request's method, target and body, or does what it is told.
class FakeHandler final : public HttpHandler {
 public:
  using Step = std::function<void(std::unique_ptr<HttpExchange>)>;

  void Do(Step step) {
    MutexLock lock(&mutex_);
    step_ = std::move(step);
  }

  void Handle(std::unique_ptr<HttpExchange> exchange) override {
    if (const Step step = CurrentStep()) return step(std::move(exchange));
    const HttpRequest& request = exchange->request();
    HttpResponse response =
        Text(200, absl::StrCat(request.method, " ", request.target, " ", request.body));
    exchange->Respond(std::move(response));
  }

  HttpResponse Refuse(const HttpRequest& /*request*/, int status,
                      absl::string_view message) override {
    return Text(status, std::string(message));
  }

 private:
  Step CurrentStep() {
    MutexLock lock(&mutex_);
    return step_;
  }

  Mutex mutex_;
  Step step_ ABSL_GUARDED_BY(mutex_);
};

// Hands out parts as it is told.
class FakeSource final : public HttpBodySource {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<std::string>) &&>;

  explicit FakeSource(std::function<void(Done)> next) : next_(std::move(next)) {}
  void Next(Done done) override { next_(std::move(done)); }

 private:
  const std::function<void(Done)> next_;
};

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    options_.timeouts = {.head = kPatience,
                         .body = kPatience,
                         .idle = kPatience,
                         .answer = kPatience,
                         .linger = kPatience};
    options_.on_closing = [this](int /*descriptor*/) { closings_.Put(true); };
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    auto* const address = reinterpret_cast<sockaddr*>(&address_);
    EXPECT_EQ(bind(listener_, address, size), 0);
    EXPECT_EQ(listen(listener_, SOMAXCONN), 0);
    EXPECT_EQ(getsockname(listener_, address, &size), 0);
  }

  ~HttpServerTest() override { close(listener_); }

  void Start() {
    absl::StatusOr<std::unique_ptr<HttpServer>> server =
        HttpServer::Start(options_, handler_, *request_memory_, *answer_memory_);
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
  }

  HttpClient Connect() {
    if (server_ == nullptr) Start();
    HttpClient client = ConnectSocket();
    Accept();
    return client;
  }

  void Accept() {
    server_->Accept(accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  }

  HttpClient ConnectSocket() {
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(connect(descriptor, reinterpret_cast<sockaddr*>(&address_), sizeof address_), 0);
    return HttpClient(descriptor);
  }

  // Has the handler put what it gets into exchanges_.
  void HoldExchanges() {
    handler_.Do(
        [this](std::unique_ptr<HttpExchange> exchange) { exchanges_.Put(std::move(exchange)); });
  }

  // Answers every request with this body and then what `next` hands out.
  void Stream(std::string body, std::function<void(FakeSource::Done)> next) {
    handler_.Do([body = std::move(body),
                 next = std::move(next)](const std::unique_ptr<HttpExchange>& exchange) {
      HttpResponse response = Text(200, body);
      response.rest = std::make_unique<FakeSource>(next);
      exchange->Respond(std::move(response));
    });
  }

  ClientResponse Ask(absl::string_view lines) {
    HttpClient client = Connect();
    client.Get("/", lines);
    return client.Read();
  }

  HttpServer::Options options_;
  FakeHandler handler_;
  std::unique_ptr<ByteBudget> request_memory_ = std::make_unique<ByteBudget>(size_t{64} << 20);
  std::unique_ptr<ByteBudget> answer_memory_ = std::make_unique<ByteBudget>(size_t{64} << 20);
  Channel<std::unique_ptr<HttpExchange>> exchanges_;
  Channel<bool> closings_;
  int listener_ = -1;
  sockaddr_in address_ = {};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, RequestsAreAnsweredOnOneConnection) {
  HttpClient client = Connect();
  for (int i = 0; i < 3; ++i) {
    client.Post(absl::StrCat("body ", i));
    const ClientResponse response = client.Read();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, absl::StrCat("POST / body ", i));
    EXPECT_EQ(response.headers.Get("Content-Type"), "text/plain");
    EXPECT_EQ(response.headers.Count("Content-Length"), 1);
    EXPECT_THAT(std::string(response.headers.Get("Date")), ::testing::EndsWith(" GMT"));
    EXPECT_FALSE(response.headers.Has("Connection"));
  }
}

TEST_F(HttpServerTest, AHandlerLearnsWhoAsksForWhat) {
  HoldExchanges();
  HttpClient client = Connect();
  client.Get("/p?q");
  const auto exchange = exchanges_.Take();
  const HttpRequest& request = exchange->request();
  EXPECT_EQ(request.peer, "127.0.0.1");
  EXPECT_EQ(request.scheme, "http");
  EXPECT_EQ(request.host, "localhost");
  EXPECT_FALSE(request.is_tls);
  exchange->Respond({});

  HttpClient old = Connect();
  old.Send("GET / HTTP/1.0\r\n\r\n");
  const auto without_host = exchanges_.Take();
  EXPECT_EQ(without_host->request().host, absl::StrCat("127.0.0.1:", ntohs(address_.sin_port)));
  without_host->Respond({});
}

TEST_F(HttpServerTest, TrustedProxiesAreBelieved) {
  options_.trusted_proxies = *TrustedProxies::Parse({"127.0.0.1"});
  HoldExchanges();
  HttpClient client = Connect();
  client.Get("/", "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\n");
  const auto exchange = exchanges_.Take();
  EXPECT_EQ(exchange->request().peer, "1.1.1.1");
  EXPECT_EQ(exchange->request().scheme, "https");
  exchange->Respond({});
}

TEST_F(HttpServerTest, PipelinedRequestsAreHandledOneAfterTheOther) {
  HoldExchanges();
  HttpClient client = Connect();
  std::string requests;
  for (int i = 0; i < 100; ++i) {
    absl::StrAppend(&requests, "GET /", i, " HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  client.Send(requests);
  for (int i = 0; i < 100; ++i) {
    const auto exchange = exchanges_.Take();
    EXPECT_EQ(exchanges_.size(), 0U);
    EXPECT_EQ(exchange->request().target, absl::StrCat("/", i));
    exchange->Respond(Text(200, exchange->request().target));
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(client.Read().body, absl::StrCat("/", i));
}

TEST_F(HttpServerTest, ARequestMayComeByteByByte) {
  HttpClient client = Connect();
  for (const char c : absl::string_view("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                                        "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")) {
    client.Send(absl::string_view(&c, 1));
  }
  EXPECT_EQ(client.Read().body, "POST /p abc");
}

TEST_F(HttpServerTest, AClientMayFinishSendingBeforeItReads) {
  HttpClient client = Connect();
  client.Get("/1");
  client.Get("/2");
  client.FinishSending();
  EXPECT_EQ(client.Read().body, "GET /1 ");
  EXPECT_EQ(client.Read().body, "GET /2 ");
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(HttpServerTest, AnswersToHeadHaveNoBody) {
  HttpClient client = Connect();
  client.Send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  const ClientResponse head = client.Read(/*has_body=*/false);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.Get("Content-Length"), "7");
  client.Get("/");
  EXPECT_EQ(client.Read().body, "GET / ");
}

TEST_F(HttpServerTest, EmptyAnswersSayThatTheyAre) {
  HoldExchanges();
  HttpClient client = Connect();
  client.Get("/");
  exchanges_.Take()->Respond({.status = 202, .headers = {}, .body = ""});
  EXPECT_EQ(client.Read().headers.Get("Content-Length"), "0");
  client.Get("/");
  exchanges_.Take()->Respond(Text(204, "dropped"));
  const ClientResponse response = client.Read();
  EXPECT_EQ(response.status, 204);
  EXPECT_FALSE(response.headers.Has("Content-Length"));
  EXPECT_FALSE(response.headers.Has("Content-Type"));
  client.Get("/");
  exchanges_.Take()->Respond(Text(200, "next"));
  EXPECT_EQ(client.Read().body, "next");
}

TEST_F(HttpServerTest, ConnectionsEndWhenTheClientWantsIt) {
  const ClientResponse response = Ask("Connection: close\r\n");
  EXPECT_EQ(response.headers.Get("Connection"), "close");

  HttpClient old = Connect();
  old.Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_THAT(old.ReadAll(), HasSubstr("Connection: close\r\n\r\nGET / "));

  HttpClient kept = Connect();
  kept.Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.Read().headers.Get("Connection"), "keep-alive");
  kept.Get("/2");
  EXPECT_EQ(kept.Read().body, "GET /2 ");
}

TEST_F(HttpServerTest, ConnectionsEndWhenTheyAreOld) {
  options_.max_connection_age = absl::ZeroDuration();
  HttpClient client = Connect();
  client.Get("/");
  EXPECT_EQ(client.Read().headers.Get("Connection"), "close");
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(HttpServerTest, ABodyIsAskedForWhenTheHeadIsGood) {
  HttpClient client = Connect();
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ";
  client.Send(head + "3\r\n\r\n");
  EXPECT_EQ(client.ReadTo("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("abc");
  EXPECT_EQ(client.Read().body, "POST / abc");
  // One that does not wait is not asked.
  client.Send(head + "3\r\n\r\nabc");
  EXPECT_EQ(client.Read().body, "POST / abc");
  client.Send(head + "9999999\r\n\r\n");
  EXPECT_EQ(client.Read().status, 413);
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(HttpServerTest, WhatIsNoHttpIsRefusedAndTheConnectionClosed) {
  for (const auto& [bytes, status] : std::vector<std::pair<std::string, int>>{
           {"\x16\x03\x01", 400},
           {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
           {"GET / HTTP/1.1\r\n\r\n", 400},
           {"GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", 417},
           {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(40'000, 'x'), 431},
           {"GET /" + std::string(40'000, 'x'), 414},
           {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nGET / "
            "HTTP/1.1\r\nHost: a\r\n\r\n",
            400}}) {
    HttpClient client = Connect();
    client.Send(bytes);
    const ClientResponse response = client.Read();
    EXPECT_EQ(response.status, status) << bytes.substr(0, 100);
    EXPECT_EQ(response.headers.Get("Connection"), "close");
    EXPECT_NE(response.body, "");
    EXPECT_TRUE(client.IsClosed());
  }
}

TEST_F(HttpServerTest, ARefusalReachesClientsThatStillSend) {
  HttpClient client = Connect();
  client.Send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1073741824\r\n\r\n");
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(client.Send(std::string(100'000, 'x')));
  EXPECT_EQ(client.Read().status, 413);
}

TEST_F(HttpServerTest, SlowHeadsAreCutOff) {
  options_.timeouts.head = kShort;
  HttpClient client = Connect();
  client.Send("GET / HTTP/1.1\r\nHos");
  EXPECT_EQ(client.Read().status, 408);
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(HttpServerTest, SlowBodiesAreCutOff) {
  options_.timeouts.body = kShort;
  for (const char* lines :
       {"Content-Length: 5\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"}) {
    HttpClient client = Connect();
    client.Send(absl::StrCat("POST / HTTP/1.1\r\nHost: a\r\n", lines));
    if (absl::StrContains(lines, "Expect")) client.ReadTo("\r\n\r\n");
    EXPECT_EQ(client.Read().status, 408) << lines;
    EXPECT_TRUE(client.IsClosed());
  }
}

TEST_F(HttpServerTest, IdleConnectionsAreClosed) {
  options_.timeouts.idle = kShort;
  HttpClient silent = Connect();
  EXPECT_TRUE(silent.IsClosed());
  HttpClient client = ConnectSocket();
  // There before the server waits for it.
  client.Get("/");
  Accept();
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_TRUE(client.IsClosed());
  HttpClient empty_lines = Connect();
  empty_lines.Send("\r\n\r\n");
  EXPECT_TRUE(empty_lines.IsClosed());
}

TEST_F(HttpServerTest, AClientThatStaysAfterTheEndIsLeft) {
  options_.timeouts.linger = kShort;
  HttpClient client = Connect();
  client.Get("/", "Connection: close\r\n");
  EXPECT_EQ(client.Read().status, 200);
  closings_.Take();
}

TEST_F(HttpServerTest, AnswersThatAreNotTakenAreCutOff) {
  options_.timeouts.answer = kShort;
  HoldExchanges();
  HttpClient client = Connect();
  client.Get("/");
  exchanges_.Take()->Respond(Text(200, TooMuch()));
  closings_.Take();
  EXPECT_EQ(client.Read().status, 0);
}

TEST_F(HttpServerTest, AHandlerMayAnswerLater) {
  HoldExchanges();
  HttpClient client = Connect();
  client.Get("/");
  std::shared_ptr<HttpExchange> exchange = exchanges_.Take();
  exchange->Run([exchange] { exchange->Respond(Text(200, "later")); });
  exchange.reset();
  EXPECT_EQ(client.Read().body, "later");
}

TEST_F(HttpServerTest, ADroppedExchangeIsAnswered) {
  HoldExchanges();
  HttpClient client = Connect();
  client.Get("/");
  exchanges_.Take().reset();
  EXPECT_EQ(client.Read().status, 500);
  client.Get("/");
  exchanges_.Take()->Respond(Text(200, ""));
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(HttpServerTest, AnAnswerCannotAddFields) {
  HoldExchanges();
  HttpClient client = Connect();
  client.Get("/");
  HttpResponse response = Text(200, "");
  response.headers.Add("Location", "/x\r\nSet-Cookie: a=b");
  exchanges_.Take()->Respond(std::move(response));
  const ClientResponse answer = client.Read();
  EXPECT_EQ(answer.status, 500);
  EXPECT_FALSE(answer.headers.Has("Set-Cookie"));
}

TEST_F(HttpServerTest, AClientMayLeaveWhileItsRequestIsHandled) {
  HoldExchanges();
  HttpClient client = Connect();
  client.Get("/");
  const auto exchange = exchanges_.Take();
  client.Close();
  exchange->Respond(Text(200, TooMuch()));
  closings_.Take();
}

TEST_F(HttpServerTest, GzipIsDecoded) {
  HttpClient client = Connect();
  client.Post(Gzip("hello"), "Content-Encoding: gzip\r\n");
  EXPECT_EQ(client.Read().body, "POST / hello");
  client.Post("plain", "Content-Encoding: identity\r\n");
  EXPECT_EQ(client.Read().body, "POST / plain");
  client.Post("no gzip", "Content-Encoding: gzip\r\n");
  EXPECT_EQ(client.Read().status, 400);
  client.Post(Gzip(std::string(6'000'000, 'x')), "Content-Encoding: gzip\r\n");
  EXPECT_EQ(client.Read().status, 413);
  client.Post("plain");
  EXPECT_EQ(client.Read().status, 200) << "the connection goes on";
  client.Post("x", "Content-Encoding: br\r\n");
  const ClientResponse refused = client.Read();
  EXPECT_EQ(refused.status, 415);
  EXPECT_EQ(refused.headers.Get("Accept-Encoding"), "gzip");
}

TEST_F(HttpServerTest, BodiesAreCountedWhileTheyAreHeld) {
  request_memory_ = std::make_unique<ByteBudget>(100'000);
  HoldExchanges();
  HttpClient first = Connect();
  first.Post(std::string(60'000, 'x'));
  auto held = exchanges_.Take();
  HttpClient second = Connect();
  second.Post(std::string(60'000, 'x'));
  const ClientResponse refused = second.Read();
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.headers.Has("Retry-After"));
  HttpClient third = Connect();
  third.Get("/");
  exchanges_.Take()->Respond(Text(200, ""));
  EXPECT_EQ(third.Read().status, 200) << "without a body nothing is needed";

  held->Respond(Text(200, ""));
  held.reset();
  EXPECT_EQ(first.Read().status, 200);
  first.Post(std::string(60'000, 'x'));
  exchanges_.Take()->Respond(Text(200, ""));
  EXPECT_EQ(first.Read().status, 200);
  // What a body holds is counted too, and given back.
  first.Post(Gzip(std::string(200'000, 'x')), "Content-Encoding: gzip\r\n");
  EXPECT_EQ(first.Read().status, 503);
  server_.reset();
  EXPECT_TRUE(request_memory_->TryTake(100'000));
  EXPECT_TRUE(answer_memory_->TryTake(size_t{64} << 20));
}

TEST_F(HttpServerTest, NothingIsTakenWhileAnswersFillTheirMemory) {
  answer_memory_ = std::make_unique<ByteBudget>(1'000'000);
  HoldExchanges();
  HttpClient reader = Connect();
  reader.Get("/");
  exchanges_.Take()->Respond(Text(200, TooMuch()));
  // The answer is counted before any of it is sent.
  ASSERT_TRUE(reader.Receive());
  HttpClient client = Connect();
  client.Get("/");
  EXPECT_EQ(client.Read().status, 503);
  EXPECT_EQ(reader.Read().body.size(), kTooMuchBytes);
}

TEST_F(HttpServerTest, AnswersAreMadeWhileTheyAreSent) {
  std::atomic<int> parts = 0;
  Stream("first ", [&parts](FakeSource::Done done) {
    const int part = ++parts;
    std::move(done)(part > 3 ? std::string() : absl::StrCat("part", part, " "));
  });
  HttpClient client = Connect();
  client.Get("/");
  const ClientResponse response = client.Read();
  EXPECT_EQ(response.headers.Get("Transfer-Encoding"), "chunked");
  EXPECT_FALSE(response.headers.Has("Content-Length"));
  EXPECT_EQ(response.body, "first part1 part2 part3 ");
  parts = 3;
  client.Get("/");
  EXPECT_EQ(client.Read().body, "first ");
  parts = 3;
  client.Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(client.ReadAll(), ::testing::EndsWith("Connection: close\r\n\r\nfirst "));
}

TEST_F(HttpServerTest, ASourceWithoutAnythingMakesAnEmptyAnswer) {
  Stream("", [](FakeSource::Done done) { std::move(done)(std::string()); });
  HttpClient client = Connect();
  client.Get("/");
  EXPECT_EQ(client.Read().status, 200);
  client.Send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.Read(/*has_body=*/false).status, 200);
}

TEST_F(HttpServerTest, ASourceIsAskedOnlyAsPartsAreTaken) {
  Channel<FakeSource::Done> asked;
  Stream("", [&asked](FakeSource::Done done) { asked.Put(std::move(done)); });
  options_.timeouts.answer = kShort;
  HttpClient client = Connect();
  client.Get("/");
  // It is not taken, so nothing else is asked for.
  asked.Take()(TooMuch());
  closings_.Take();
  EXPECT_EQ(asked.size(), 0U);
}

TEST_F(HttpServerTest, AFailedSourceCutsTheConnection) {
  for (const char* version : {"HTTP/1.1", "HTTP/1.0"}) {
    for (const bool is_dropped : {false, true}) {
      Stream("some", [is_dropped](FakeSource::Done done) {
        if (!is_dropped) std::move(done)(absl::InternalError("no more"));
      });
      HttpClient client = Connect();
      client.Send(absl::StrCat("GET / ", version, "\r\nHost: a\r\n\r\n"));
      while (client.Receive()) {
      }
      EXPECT_EQ(errno, ECONNRESET) << "an end would look like that of the answer";
    }
  }
}

TEST_F(HttpServerTest, PagesOfOtherSitesAreRefused) {
  options_.cors.allowed = {*ParseWebOrigin("https://app.example")};
  options_.cors.refuse_others = true;
  options_.cors.loopback_only = true;
  EXPECT_EQ(Ask("Origin: https://evil.example\r\n").status, 403);
  EXPECT_EQ(Ask("Origin: http://localhost\r\n").status, 200);
  const ClientResponse allowed = Ask("Origin: https://app.example\r\n");
  EXPECT_EQ(allowed.status, 200);
  EXPECT_EQ(allowed.headers.Get("Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(Ask("Origin: https://app.example\r\nContent-Encoding: br\r\n")
                .headers.Get("Access-Control-Allow-Origin"),
            "https://app.example")
      << "refusals can be read too";

  HttpClient client = Connect();
  client.Send(
      "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\n"
      "Access-Control-Request-Method: PATCH\r\n\r\n");
  const ClientResponse preflight = client.Read();
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight.headers.Get("Access-Control-Allow-Origin"), "https://app.example");
  client.Send("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  EXPECT_EQ(client.Read().status, 403);
}

TEST_F(HttpServerTest, ClosingsAreTold) {
  {
    HttpClient client = Connect();
    client.Get("/");
    client.Read();
    EXPECT_EQ(closings_.size(), 0U);
  }
  closings_.Take();
}

TEST_F(HttpServerTest, ADrainAnswersWhatIsUnderWay) {
  HoldExchanges();
  HttpClient busy = Connect();
  busy.Send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  const auto exchange = exchanges_.Take();
  HttpClient idle = Connect();
  idle.Get("/");
  exchanges_.Take()->Respond(Text(200, ""));
  idle.Read();
  HttpClient sending = Connect();
  sending.Send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  sending.ReadTo("\r\n\r\n");

  std::thread drain([this] { server_->Shutdown(absl::InfiniteFuture()); });
  EXPECT_TRUE(idle.IsClosed());
  const ClientResponse refused = sending.Read();
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.headers.Has("Retry-After"));
  EXPECT_EQ(refused.headers.Get("Connection"), "close");
  sending.Close();
  exchange->Respond(Text(200, "done"));
  const ClientResponse last = busy.Read();
  EXPECT_EQ(last.body, "done");
  EXPECT_EQ(last.headers.Get("Connection"), "close");
  EXPECT_TRUE(busy.IsClosed());
  busy.Close();
  drain.join();
  HttpClient late = Connect();
  EXPECT_TRUE(late.IsClosed());
}

TEST_F(HttpServerTest, ADrainEndsAtItsDeadline) {
  HoldExchanges();
  HttpClient busy = Connect();
  busy.Get("/");
  auto exchange = exchanges_.Take();
  Channel<FakeSource::Done> asked;
  HttpClient streamed = Connect();
  streamed.Get("/");
  HttpResponse response = Text(200, "");
  response.rest =
      std::make_unique<FakeSource>([&asked](FakeSource::Done done) { asked.Put(std::move(done)); });
  exchanges_.Take()->Respond(std::move(response));
  FakeSource::Done done = asked.Take();

  server_->Shutdown(absl::Now());
  EXPECT_EQ(busy.Read().status, 0);
  EXPECT_EQ(streamed.Read().status, 0);
  // Nobody is there any more, and no harm is done.
  exchange->Respond(Text(200, "late"));
  exchange.reset();
  std::move(done)(std::string("late"));
  server_.reset();
}

TEST_F(HttpServerTest, ManyClientsAreServedAtOnce) {
  Start();
  std::vector<std::thread> clients;
  for (int i = 0; i < 20; ++i) {
    HttpClient client = Connect();
    clients.emplace_back([client = std::move(client), i]() mutable {
      for (int j = 0; j < 50; ++j) {
        const std::string body(static_cast<size_t>(i * 1000 + j), 'x');
        client.Post(body);
        EXPECT_EQ(client.Read().body, absl::StrCat("POST / ", body));
      }
    });
  }
  for (std::thread& client : clients) client.join();
}

}  // namespace
}  // namespace threadstore
