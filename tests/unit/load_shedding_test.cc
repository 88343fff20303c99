// A server whose disk does not answer: what waits for it is bounded, and all else goes on, over
// both faces.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/auth/authenticator.h"
#include "server/base/byte_budget.h"
#include "server/base/errors.h"
#include "server/base/mutex.h"
#include "server/config.h"
#include "server/domain/limits.h"
#include "server/http/graph_handler.h"
#include "server/http/grpc_face.h"
#include "server/server.h"
#include "server/service/wire_message.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/testing/blocking_store.h"
#include "tests/testing/error_matchers.h"
#include "tests/testing/http_client.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/store_block.h"
#include "tests/testing/temp_dir.h"
#include "threadstore/v1/admin_service.grpc.pb.h"
#include "threadstore/v1/group_service.grpc.pb.h"
#include "threadstore/v1/thread_service.grpc.pb.h"

namespace threadstore::testing {
namespace {

absl::Status FromGrpc(const grpc::Status& status) {
  return StatusFromWire(status.error_code(), status.error_message(), status.error_details());
}

// Counts, for whoever waits for a number.
class Counter {
 public:
  void Add() {
    {
      MutexLock lock(&mutex_);
      ++count_;
    }
    changed_.NotifyAll();
  }

  void Await(int count) {
    MutexLock lock(&mutex_);
    while (count_ < count) changed_.Wait(&mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

// A call that may wait.
template <typename Request, typename Response>
struct Pending {
  grpc::ClientContext context;
  Request request;
  Response response;
  std::promise<absl::Status> promise;
  std::future<absl::Status> outcome = promise.get_future();

  std::function<void(grpc::Status)> Done(Counter& refusals) {
    return [this, &refusals](const grpc::Status& status) {
      if (!status.ok()) refusals.Add();
      promise.set_value(FromGrpc(status));
    };
  }
};
using PendingCreate = Pending<v1::CreateThreadRequest, v1::ConversationThread>;
using PendingUpdate = Pending<v1::UpdateThreadRequest, v1::ConversationThread>;

class LoadSheddingTest : public ::testing::Test {
 protected:
  void Start() {
    config_.listen = "127.0.0.1:0";
    config_.http_listen = "127.0.0.1:0";
    SqliteOptions options;
    options.path = folder_.File("threads.db");
    options.write_queue = config_.write_queue;
    auto store = OpenSqliteStore(options, clock_);
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
    request_memory_ = std::make_unique<ByteBudget>(config_.request_memory);
    request_shares_ = std::make_unique<ByteShares>(config_.request_memory);
    answer_memory_ = std::make_unique<ByteBudget>(config_.request_memory);
    services_ = std::make_unique<ServiceContext>(ServiceContext{
        *store_, authenticator_, clock_, rate_limiter_, *request_memory_, *request_shares_,
        *answer_memory_, calls_, config_.default_timeout, large_requests_, face_secret_});
    auto server =
        Server::Start(config_, *services_, [this](std::shared_ptr<grpc::Channel> channel) {
          return MakeGraphHandler({}, MakeGrpcFace(std::move(channel), face_secret_), clock_,
                                  *answer_memory_);
        });
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                   grpc::InsecureChannelCredentials());
    threads_ = v1::ThreadService::NewStub(channel_);
    v1::Group group;
    grpc::ClientContext context;
    // Not default_timeout, which a test may have made short.
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(1)));
    v1::CreateGroupRequest request;
    request.set_group_id("g");
    request.mutable_group()->set_allow_external_senders(true);
    ASSERT_TRUE(v1::GroupService::NewStub(channel_)->CreateGroup(&context, request, &group).ok());
  }

  void TearDown() override {
    server_->Shutdown(absl::InfiniteFuture());
    server_.reset();
    store_.reset();
  }

  static v1::CreateThreadRequest MakeCreate(const std::string& content) {
    v1::CreateThreadRequest request;
    request.set_parent("groups/g");
    request.mutable_thread()->set_topic("topic");
    if (!content.empty()) {
      v1::Post& post = *request.mutable_thread()->add_posts();
      post.mutable_body()->set_content(content);
      post.mutable_sender()->mutable_email_address()->set_address("ann@example.com");
    }
    return request;
  }

  // What such a request takes of the memory.
  static size_t MeasuredCreate(const std::string& content) {
    const v1::CreateThreadRequest request = MakeCreate(content);
    const grpc::Slice bytes(request.SerializeAsString());
    grpc::ByteBuffer buffer(&bytes, 1);
    return *MeasureMessage(buffer, request, kMaxRequestFields);
  }

  std::unique_ptr<PendingCreate> StartCreate(const std::string& user = "",
                                             const std::string& content = "") {
    auto call = std::make_unique<PendingCreate>();
    if (!user.empty()) call->context.AddMetadata("x-threadstore-user", user);
    call->request = MakeCreate(content);
    threads_->async()->CreateThread(&call->context, &call->request, &call->response,
                                    call->Done(refusals_));
    return call;
  }

  std::vector<std::unique_ptr<PendingCreate>> StartCreates(int count,
                                                           const std::string& content = "") {
    std::vector<std::unique_ptr<PendingCreate>> calls(static_cast<size_t>(count));
    for (auto& call : calls) call = StartCreate("", content);
    return calls;
  }

  HttpClient ConnectHttp() {
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(server_->http_port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return HttpClient(descriptor);
  }

  int GetOverHttp(const std::string& target) {
    HttpClient client = ConnectHttp();
    client.Get(target);
    return client.Read().status;
  }

  ClientResponse CreateOverHttp(const std::string& content = "") {
    const std::string body =
        content.empty() ? R"({"topic": "topic"})"
                        : absl::StrCat(R"({"topic": "topic", "posts": [{"body": {"content": ")",
                                       content, R"("}}]})");
    HttpClient client = ConnectHttp();
    client.Send(
        absl::StrCat("POST /v1.0/groups/g/threads HTTP/1.1\r\nHost: localhost\r\n"
                     "Content-Type: application/json\r\nContent-Length: ",
                     body.size(), "\r\n\r\n", body));
    return client.Read();
  }

  grpc::health::v1::HealthCheckResponse::ServingStatus Health() {
    using Request = grpc::health::v1::HealthCheckRequest;
    using Response = grpc::health::v1::HealthCheckResponse;
    grpc::TemplatedGenericStub<Request, Response> health(channel_);
    grpc::ClientContext context;
    const Request request;
    Response response;
    std::promise<grpc::Status> done;
    health.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request,
                     &response, [&done](const grpc::Status& status) { done.set_value(status); });
    EXPECT_THAT(FromGrpc(done.get_future().get()), IsOk());
    return response.status();
  }

  void ExpectReadsGoOn() {
    for (int i = 0; i < 5; ++i) {
      grpc::ClientContext context;
      v1::ListThreadsRequest request;
      request.set_parent("groups/g");
      v1::ListThreadsResponse threads;
      EXPECT_THAT(FromGrpc(threads_->ListThreads(&context, request, &threads)), IsOk());

      EXPECT_EQ(Health(), grpc::health::v1::HealthCheckResponse::SERVING);

      EXPECT_EQ(GetOverHttp("/v1.0/groups/g/threads"), 200);
      EXPECT_EQ(GetOverHttp("/v1.0/groups"), 200);
      EXPECT_EQ(GetOverHttp("/openapi.json"), 200);
    }
  }

  Counter refusals_;
  const TempDir folder_;
  SystemClock clock_;
  NoAuthentication authenticator_;
  Config config_;
  RateLimiter rate_limiter_{{}, clock_};
  CallsInFlight calls_{absl::Minutes(1)};
  Executor large_requests_{"large-requests", 1};
  const std::string face_secret_ = "secret";
  std::unique_ptr<ThreadStore> store_;
  std::unique_ptr<ByteBudget> request_memory_;
  std::unique_ptr<ByteShares> request_shares_;
  std::unique_ptr<ByteBudget> answer_memory_;
  std::unique_ptr<ServiceContext> services_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ThreadService::Stub> threads_;
};

TEST_F(LoadSheddingTest, WithAFullWriteQueueOnlyWritesAreRefused) {
  config_.write_queue = 10;
  Start();
  WriterBlock block(*store_);
  // Users that are not in the group are refused only by the writer. Of the calls of each, five may
  // wait, or four beside a write of the index.
  std::vector<std::unique_ptr<PendingCreate>> calls;
  for (int i = 0; i < 7; ++i) {
    for (const char* user : {"ann", "bob"}) calls.push_back(StartCreate(user));
  }
  refusals_.Await(4);
  const auto refused = StartCreate();
  const absl::Status refusal = refused->outcome.get();
  EXPECT_THAT(refusal, HasReason(v1::ERROR_REASON_QUEUE_FULL));
  EXPECT_TRUE(refusal.GetPayload("type.googleapis.com/google.rpc.RetryInfo").has_value());
  const ClientResponse http_refusal = CreateOverHttp();
  EXPECT_EQ(http_refusal.status, 503);
  EXPECT_TRUE(http_refusal.headers.Has("Retry-After"));
  ExpectReadsGoOn();
  block.Release();
  int waited = 0;
  for (const auto& call : calls) {
    const absl::Status outcome = call->outcome.get();
    if (ErrorReasonOf(outcome) == v1::ERROR_REASON_NOT_A_MEMBER) {
      ++waited;
    } else {
      EXPECT_THAT(outcome, HasReason(v1::ERROR_REASON_QUEUE_FULL));
    }
  }
  EXPECT_GE(waited, 9);
  EXPECT_LE(waited, 10);
  const auto written = StartCreate();
  EXPECT_THAT(written->outcome.get(), IsOk());
  EXPECT_EQ(CreateOverHttp().status, 201);
}

TEST_F(LoadSheddingTest, ACallerLeavesHalfOfTheWriteQueueToOthers) {
  config_.write_queue = 10;
  Start();
  WriterBlock block(*store_);
  const auto calls = StartCreates(7);
  refusals_.Await(2);
  EXPECT_EQ(CreateOverHttp().status, 503) << "the same caller, by its address";
  const auto other = StartCreate("ann");
  block.Release();
  EXPECT_THAT(other->outcome.get(), HasReason(v1::ERROR_REASON_NOT_A_MEMBER));
  int refused = 0;
  for (const auto& call : calls) {
    const absl::Status outcome = call->outcome.get();
    if (outcome.ok()) continue;
    ++refused;
    EXPECT_THAT(outcome, HasReason(v1::ERROR_REASON_QUEUE_FULL));
  }
  EXPECT_EQ(refused, 2);
}

TEST_F(LoadSheddingTest, WritesThatWaitLeaveMemoryToReads) {
  config_.request_memory = size_t{8} << 20;
  Start();
  WriterBlock block(*store_);
  const std::string content(1'000'000, 'x');
  constexpr int kRefused = 11;  // For which there is no room in seven eighths of 8 MiB.
  std::vector<std::unique_ptr<PendingCreate>> calls;
  for (int i = 0; i < 6; ++i) {
    for (const char* user : {"", "ann", "bob"}) calls.push_back(StartCreate(user, content));
  }
  refusals_.Await(kRefused);
  size_t rest = 0;
  while (request_memory_->TryTakeUnreserved(1)) ++rest;
  const auto small = StartCreate();
  EXPECT_THAT(small->outcome.get(), HasReason(v1::ERROR_REASON_REQUEST_MEMORY_FULL));
  EXPECT_EQ(CreateOverHttp(content).status, 503);
  ExpectReadsGoOn();
  request_memory_->GiveBack(rest);
  block.Release();
  int refused = 0;
  for (const auto& call : calls) {
    const absl::Status outcome = call->outcome.get();
    const bool waited = outcome.ok() || ErrorReasonOf(outcome) == v1::ERROR_REASON_NOT_A_MEMBER;
    if (waited) continue;
    ++refused;
    EXPECT_THAT(outcome, HasReason(v1::ERROR_REASON_REQUEST_MEMORY_FULL));
  }
  EXPECT_EQ(refused, kRefused);
}

TEST_F(LoadSheddingTest, ACallerLeavesHalfOfTheMemoryToOthers) {
  config_.request_memory = size_t{8} << 20;
  Start();
  WriterBlock block(*store_);
  const std::string content(1'000'000, 'x');
  const auto calls = StartCreates(6, content);  // Three of them fit into what writes may have.
  refusals_.Await(3);
  const auto other = StartCreate("ann", content);
  const auto another = StartCreate("", content);
  EXPECT_THAT(another->outcome.get(), HasReason(v1::ERROR_REASON_REQUEST_MEMORY_FULL));
  block.Release();
  EXPECT_THAT(other->outcome.get(), HasReason(v1::ERROR_REASON_NOT_A_MEMBER));
  int refused = 0;
  for (const auto& call : calls) refused += call->outcome.get().ok() ? 0 : 1;
  EXPECT_EQ(refused, 3);
  for (const auto& call : StartCreates(3, content)) EXPECT_THAT(call->outcome.get(), IsOk());
}

TEST_F(LoadSheddingTest, ACallersWritesLeaveMemoryToItsReads) {
  config_.request_memory = size_t{8} << 20;
  Start();
  WriterBlock block(*store_);
  // Together they are all of a share, but for less than a read takes.
  constexpr size_t kWrites = 4;
  const std::string shortened(config_.request_memory / 2 / kWrites - 1000, 'x');
  const size_t overhead = MeasuredCreate(shortened) - shortened.size();
  const std::string content(config_.request_memory / 2 / kWrites - overhead, 'x');
  const auto calls = StartCreates(kWrites, content);
  refusals_.Await(1);
  ExpectReadsGoOn();
  block.Release();
  int refused = 0;
  for (const auto& call : calls) refused += call->outcome.get().ok() ? 0 : 1;
  EXPECT_EQ(refused, 1);
}

TEST_F(LoadSheddingTest, ImportsCountInTheirCallersHalfOfTheMemory) {
  config_.request_memory = size_t{8} << 20;
  config_.default_timeout = absl::Seconds(1);  // For so long an import waits for memory.
  Start();
  WriterBlock block(*store_);
  const std::string content(1'000'000, 'x');
  const auto calls = StartCreates(4, content);
  refusals_.Await(1);
  grpc::ClientContext context;
  const auto import = v1::AdminService::NewStub(channel_)->ImportThreads(&context);
  v1::ImportThreadsRequest request;
  request.add_records()->mutable_group()->set_description(content);
  EXPECT_TRUE(import->Write(request));
  v1::ImportThreadsResponse response;
  EXPECT_FALSE(import->Read(&response));
  EXPECT_THAT(FromGrpc(import->Finish()), HasReason(v1::ERROR_REASON_REQUEST_MEMORY_FULL));
  block.Release();
  for (const auto& call : calls) call->outcome.wait();
}

TEST_F(LoadSheddingTest, BodiesThatDoNotEndLeaveMemoryToOtherAddresses) {
  config_.request_memory = size_t{16} << 20;
  config_.trusted_proxies = {"127.0.0.0/8"};
  Start();
  constexpr size_t kBytes = 2'900'000;
  const auto head = [&](absl::string_view address) {
    return absl::StrCat("POST /v1.0/groups/g/threads HTTP/1.1\r\nHost: localhost\r\n",
                        "X-Forwarded-For: ", address, "\r\nContent-Type: application/json\r\n",
                        "Content-Length: ", kBytes, "\r\n\r\n");
  };
  std::vector<HttpClient> clients;  // The bodies of two of them fit into half of the memory.
  std::vector<pollfd> answers;
  for (int i = 0; i < 3; ++i) {
    HttpClient& client = clients.emplace_back(ConnectHttp());
    client.Send(absl::StrCat(head("2001:db8::1"), std::string(kBytes - 1, ' ')));
    answers.push_back({client.descriptor(), POLLIN, 0});
  }
  ASSERT_EQ(poll(answers.data(), answers.size(), /*timeout=*/60'000), 1);
  for (size_t i = 0; i < clients.size(); ++i) {
    if (answers[i].revents == 0) continue;
    EXPECT_EQ(clients[i].Read().status, 503);
  }
  const std::string body = R"({"topic": "topic"})";
  HttpClient other = ConnectHttp();
  other.Send(absl::StrCat(head("2001:db8:1::1"), std::string(kBytes - body.size(), ' '), body));
  EXPECT_EQ(other.Read().status, 201);
}

TEST_F(LoadSheddingTest, TheLargestBodyFitsIntoTheSmallestMemory) {
  config_.request_memory = size_t{8} << 20;
  Start();
  // In base64, as attachments are.
  const std::string content(kMaxAttachmentBytes / 3 * 4, 'A');
  const std::string body = absl::StrCat(
      R"({"topic": "t", "posts": [{"body": {"content": "c"}, "sender": {"emailAddress": )",
      R"({"address": "ann@example.com"}}, "attachments": [{"@odata.type": )",
      R"("#microsoft.graph.fileAttachment", "name": "a", "contentBytes": ")", content, "\"}]}]}");
  HttpClient client = ConnectHttp();
  client.Send(
      absl::StrCat("POST /v1.0/groups/g/threads HTTP/1.1\r\nHost: localhost\r\n"
                   "Content-Type: application/json\r\nContent-Length: ",
                   body.size(), "\r\n\r\n", body));
  const ClientResponse answer = client.Read();
  EXPECT_EQ(answer.status, 201) << answer.body;
}

TEST_F(LoadSheddingTest, UpdatesThatWaitLeaveMemoryForAnswers) {
  config_.request_memory = size_t{8} << 20;
  Start();
  const auto created = StartCreate();
  ASSERT_THAT(created->outcome.get(), IsOk());
  WriterBlock block(*store_);
  // There is memory for the answers of three.
  std::vector<std::unique_ptr<PendingUpdate>> calls;
  for (int i = 0; i < 10; ++i) {
    auto call = std::make_unique<PendingUpdate>();
    call->request.mutable_thread()->set_name(created->response.name());
    call->request.mutable_thread()->set_is_locked(true);
    call->request.mutable_update_mask()->add_paths("is_locked");
    threads_->async()->UpdateThread(&call->context, &call->request, &call->response,
                                    call->Done(refusals_));
    calls.push_back(std::move(call));
  }
  refusals_.Await(7);
  ExpectReadsGoOn();
  block.Release();
  int refused = 0;
  for (const auto& call : calls) {
    const absl::Status outcome = call->outcome.get();
    if (outcome.ok()) continue;
    ++refused;
    EXPECT_THAT(outcome, HasReason(v1::ERROR_REASON_REQUEST_MEMORY_FULL));
  }
  EXPECT_EQ(refused, 7);
}

}  // namespace
}  // namespace threadstore::testing
