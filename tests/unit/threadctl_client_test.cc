#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/thread_client.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/empty.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/base/mutex.h"
#include "server/base/uuid.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"
#include "threadstore/v1/group_service.grpc.pb.h"

namespace threadstore {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Lt;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::threadstore::testing::IsOk;
using ::threadstore::testing::StatusIs;
using ::threadstore::testing::TempDir;

grpc::Status ToGrpcStatus(const absl::Status& status) {
  google::rpc::Status details;
  status.ForEachPayload([&details](absl::string_view type_url, const absl::Cord& payload) {
    google::protobuf::Any* detail = details.add_details();
    detail->set_type_url(std::string(type_url));
    detail->set_value(std::string(payload));
  });
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
          details.SerializeAsString()};
}

// Answers with the errors it was given, one a call, then with success.
class ScriptedServer final : public v1::GroupService::Service {
 public:
  ScriptedServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

  void Fail(std::vector<absl::Status> errors) {
    MutexLock lock(&mutex_);
    errors_.assign(errors.begin(), errors.end());
    request_ids_.clear();
    calls_ = 0;
  }

  int calls() {
    MutexLock lock(&mutex_);
    return calls_;
  }

  std::vector<std::string> request_ids() {
    MutexLock lock(&mutex_);
    return request_ids_;
  }

  std::vector<std::string> headers() {
    MutexLock lock(&mutex_);
    return headers_;
  }

  grpc::Status CreateGroup(grpc::ServerContext* context, const v1::CreateGroupRequest* request,
                           v1::Group* group) override {
    group->set_id(request->group_id());
    return Answer(*context, request->request_id());
  }
  grpc::Status GetGroup(grpc::ServerContext* context, const v1::GetGroupRequest* /*request*/,
                        v1::Group* /*group*/) override {
    return Answer(*context, "");
  }
  grpc::Status DeleteGroup(grpc::ServerContext* context, const v1::DeleteGroupRequest* /*request*/,
                           google::protobuf::Empty* /*empty*/) override {
    return Answer(*context, "");
  }

 private:
  grpc::Status Answer(const grpc::ServerContext& context, const std::string& request_id) {
    MutexLock lock(&mutex_);
    ++calls_;
    request_ids_.push_back(request_id);
    headers_.clear();
    for (const char* name : {"authorization", "x-threadstore-user", "x-threadstore-user-bin"}) {
      const auto header = context.client_metadata().find(name);
      if (header == context.client_metadata().end()) continue;
      headers_.emplace_back(header->second.data(), header->second.size());
    }
    if (errors_.empty()) return grpc::Status::OK;
    const absl::Status error = errors_.front();
    errors_.pop_front();
    return ToGrpcStatus(error);
  }

  Mutex mutex_;
  std::deque<absl::Status> errors_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> request_ids_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> headers_ ABSL_GUARDED_BY(mutex_);
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// Answers the first call of every method with UNAVAILABLE, each other one with an empty message.
class AnyServer final : public grpc::CallbackGenericService {
 public:
  AnyServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterCallbackGenericService(this);
    server_ = builder.BuildAndStart();
  }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

  // The requests so far, under the paths of their methods.
  std::map<std::string, std::vector<std::string>> requests() {
    MutexLock lock(&mutex_);
    return requests_;
  }

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new Reactor(this, context->method());
  }

 private:
  class Reactor final : public grpc::ServerGenericBidiReactor {
   public:
    Reactor(AnyServer* server, std::string method) : server_(server), method_(std::move(method)) {
      StartRead(&message_);
    }
    void OnReadDone(bool /*ok*/) override {
      std::vector<grpc::Slice> slices;
      EXPECT_TRUE(message_.Dump(&slices).ok());
      std::string request;
      for (const grpc::Slice& slice : slices) request.append(slice.begin(), slice.end());
      if (server_->IsFirst(method_, std::move(request))) {
        Finish({grpc::StatusCode::UNAVAILABLE, "the connection broke"});
      } else {
        const grpc::Slice empty;
        message_ = grpc::ByteBuffer(&empty, 1);
        StartWriteAndFinish(&message_, {}, grpc::Status::OK);
      }
    }
    void OnDone() override { delete this; }

   private:
    AnyServer* const server_;
    const std::string method_;
    grpc::ByteBuffer message_;
  };

  bool IsFirst(const std::string& method, std::string request) {
    MutexLock lock(&mutex_);
    requests_[method].push_back(std::move(request));
    return requests_[method].size() == 1;
  }

  Mutex mutex_;
  std::map<std::string, std::vector<std::string>> requests_ ABSL_GUARDED_BY(mutex_);
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

template <typename Result, typename Request>
std::function<void(ThreadClient&)> Calling(Result (ThreadClient::*method)(Request)) {
  return [method](ThreadClient& client) {
    static_cast<void>((client.*method)(std::decay_t<Request>()));
  };
}

class ThreadClientTest : public ::testing::Test {
 protected:
  ThreadClientTest() { options_.server = server_.address(); }

  std::unique_ptr<ThreadClient> NewClient() {
    absl::StatusOr<std::unique_ptr<ThreadClient>> client = ThreadClient::Create(options_);
    EXPECT_THAT(client, IsOk());
    return *std::move(client);
  }

  ScriptedServer server_;
  ThreadClient::Options options_;
};

TEST_F(ThreadClientTest, RepeatsCreatesUnderOneRequestId) {
  const std::unique_ptr<ThreadClient> client = NewClient();
  v1::CreateGroupRequest request;
  request.set_group_id("a");
  server_.Fail({WriteOutcomeUnknownError(), absl::UnavailableError("the connection broke")});
  ASSERT_OK_AND_ASSIGN(const v1::Group group, client->CreateGroup(request));
  EXPECT_EQ(group.id(), "a");
  const std::vector<std::string> ids = server_.request_ids();
  ASSERT_THAT(ids, SizeIs(3));
  EXPECT_THAT(ids, Each(ids.front()));
  EXPECT_TRUE(Uuid::Parse(ids.front()).has_value()) << ids.front();

  request.set_request_id("the caller's");
  server_.Fail({});
  ASSERT_THAT(client->CreateGroup(request), IsOk());
  EXPECT_THAT(server_.request_ids(), ElementsAre("the caller's"));
}

TEST_F(ThreadClientTest, CallsEveryMethodAndRepeatsReadsAndCreates) {
  AnyServer server;
  options_.server = server.address();
  const std::unique_ptr<ThreadClient> client = NewClient();
  std::vector<std::future<void>> calls;
  for (const std::function<void(ThreadClient&)>& call : {
           Calling(&ThreadClient::CreateGroup),
           Calling(&ThreadClient::GetGroup),
           Calling(&ThreadClient::ListGroups),
           Calling(&ThreadClient::ListJoinedGroups),
           Calling(&ThreadClient::UpdateGroup),
           Calling(&ThreadClient::DeleteGroup),
           Calling(&ThreadClient::AddMember),
           Calling(&ThreadClient::GetMember),
           Calling(&ThreadClient::UpdateMember),
           Calling(&ThreadClient::RemoveMember),
           Calling(&ThreadClient::ListMembers),
           Calling(&ThreadClient::AddSender),
           Calling(&ThreadClient::RemoveSender),
           Calling(&ThreadClient::ListSenders),
           Calling(&ThreadClient::GetUser),
           Calling(&ThreadClient::CreateConversation),
           Calling(&ThreadClient::GetConversation),
           Calling(&ThreadClient::ListConversations),
           Calling(&ThreadClient::DeleteConversation),
           Calling(&ThreadClient::CreateThread),
           Calling(&ThreadClient::GetThread),
           Calling(&ThreadClient::ListThreads),
           Calling(&ThreadClient::UpdateThread),
           Calling(&ThreadClient::DeleteThread),
           Calling(&ThreadClient::ReplyToThread),
           Calling(&ThreadClient::SearchThreads),
           Calling(&ThreadClient::ListThreadChanges),
           Calling(&ThreadClient::GetPost),
           Calling(&ThreadClient::ListPosts),
           Calling(&ThreadClient::UpdatePost),
           Calling(&ThreadClient::DeletePost),
           Calling(&ThreadClient::ReplyToPost),
           Calling(&ThreadClient::ForwardPost),
           Calling(&ThreadClient::CreateAttachment),
           Calling(&ThreadClient::GetAttachment),
           Calling(&ThreadClient::ListAttachments),
           Calling(&ThreadClient::CreateExtension),
           Calling(&ThreadClient::GetExtension),
           Calling(&ThreadClient::ListExtensions),
           Calling(&ThreadClient::UpdateExtension),
           Calling(&ThreadClient::DeleteExtension),
       }) {
    calls.push_back(std::async(std::launch::async, call, std::ref(*client)));
  }
  for (const std::future<void>& call : calls) call.wait();
  const auto requests = server.requests();
  size_t methods = 0;
  for (const char* name : {"ConversationService", "GroupService", "PostService", "ThreadService"}) {
    const auto* service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
        absl::StrCat("threadstore.v1.", name));
    ASSERT_NE(service, nullptr) << name;
    for (int i = 0; i < service->method_count(); ++i) {
      const google::protobuf::MethodDescriptor& method = *service->method(i);
      // Streams have tests of their own.
      if (method.client_streaming() || method.server_streaming()) continue;
      const bool is_read = absl::StartsWith(method.name(), "Get") ||
                           absl::StartsWith(method.name(), "List") ||
                           absl::StartsWith(method.name(), "Search");
      const bool has_request_id = method.input_type()->FindFieldByName("request_id") != nullptr;
      const std::string path = absl::StrCat("/", service->full_name(), "/", method.name());
      ASSERT_TRUE(requests.contains(path)) << path;
      const std::vector<std::string>& tries = requests.at(path);
      EXPECT_THAT(tries, AllOf(SizeIs(is_read || has_request_id ? 2 : 1), Each(tries.front())))
          << path;
      EXPECT_EQ(!tries.front().empty(), has_request_id) << path;
      ++methods;
    }
  }
  EXPECT_THAT(requests, SizeIs(methods));
}

TEST_F(ThreadClientTest, RepeatsOnlyWhatCannotDoTheWorkTwice) {
  const std::unique_ptr<ThreadClient> client = NewClient();
  const struct {
    absl::Status error;
    int reads;    // how often a read is tried
    int deletes;  // how often a delete is tried
  } kCases[] = {
      {absl::UnavailableError("the connection broke"), 2, 1},
      {absl::CancelledError("the server stopped"), 2, 1},
      {CancelledError(), 1, 1},
      {StoreBusyError(), 2, 2},
      {WriteOutcomeUnknownError(), 2, 1},
      {ShuttingDownError(), 2, 2},
      {StoreFailedError(), 2, 2},
      {QueueFullError(absl::Milliseconds(1)), 2, 2},
      {StoreFullError(), 1, 1},
      {TooManyBytesError("groups/a", 1), 1, 1},
      {absl::ResourceExhaustedError("a quota"), 1, 1},
      {InternalError(), 1, 1},
      {DeadlineExceededError(), 1, 1},
      {NotFoundError(kGroupType, "groups/a"), 1, 1},
  };
  for (const auto& [error, reads, deletes] : kCases) {
    const auto expected = [&error = error](int tries) {
      return tries > 1 ? absl::StatusCode::kOk : error.code();
    };
    server_.Fail({error});
    EXPECT_THAT(client->GetGroup({}), StatusIs(expected(reads)));
    EXPECT_EQ(server_.calls(), reads) << error;
    server_.Fail({error});
    EXPECT_THAT(client->DeleteGroup({}), StatusIs(expected(deletes)));
    EXPECT_EQ(server_.calls(), deletes) << error;
  }
}

TEST_F(ThreadClientTest, GivesUpAfterFiveTries) {
  const std::unique_ptr<ThreadClient> client = NewClient();
  server_.Fail(std::vector<absl::Status>(9, QueueFullError(absl::Milliseconds(1))));
  EXPECT_THAT(client->GetGroup({}), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(server_.calls(), 5);
}

TEST_F(ThreadClientTest, DoesNotWaitLongerThanTheTimeout) {
  options_.timeout = absl::Seconds(5);
  const std::unique_ptr<ThreadClient> client = NewClient();
  server_.Fail({QueueFullError(absl::Seconds(6))});
  const absl::Time begin = absl::Now();
  EXPECT_THAT(client->GetGroup({}), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(server_.calls(), 1);
  EXPECT_THAT(absl::Now() - begin, Lt(absl::Seconds(4)));
}

TEST_F(ThreadClientTest, WaitsAsLongAsTheServerAsks) {
  const std::unique_ptr<ThreadClient> client = NewClient();
  server_.Fail({QueueFullError(absl::Milliseconds(300))});
  const absl::Time begin = absl::Now();
  EXPECT_THAT(client->GetGroup({}), IsOk());
  EXPECT_THAT(absl::Now() - begin, AllOf(Ge(absl::Milliseconds(300)), Lt(absl::Seconds(10))));
}

TEST_F(ThreadClientTest, KeepsTheDetailsOfErrors) {
  const std::unique_ptr<ThreadClient> client = NewClient();
  server_.Fail({InvalidFieldError("group.mail", "is too long")});
  const absl::Status error = client->CreateGroup({}).status();
  EXPECT_THAT(error, StatusIs(absl::StatusCode::kInvalidArgument, "group.mail: is too long"));
  EXPECT_EQ(ErrorReasonOf(error), v1::ERROR_REASON_INVALID_FIELD);
  const std::vector<FieldViolation> violations = FieldViolationsOf(error);
  ASSERT_THAT(violations, SizeIs(1));
  EXPECT_EQ(violations[0].field, "group.mail");
}

TEST_F(ThreadClientTest, SaysWhoIsCalling) {
  EXPECT_THAT(NewClient()->GetGroup({}), IsOk());
  EXPECT_THAT(server_.headers(), IsEmpty());
  options_.token = "s3cret";
  options_.user = "ann";
  EXPECT_THAT(NewClient()->GetGroup({}), IsOk());
  EXPECT_THAT(server_.headers(), ElementsAre("Bearer s3cret", "ann"));
  options_.user = "Jürgen";
  EXPECT_THAT(NewClient()->GetGroup({}), IsOk());
  EXPECT_THAT(server_.headers(), ElementsAre("Bearer s3cret", "Jürgen"));
}

TEST_F(ThreadClientTest, SendsWhatTheTokenFileHoldsAtEachCall) {
  const TempDir folder;
  options_.token_file = folder.File("token");
  const auto write = [this](absl::string_view text) {
    std::ofstream(options_.token_file, std::ios::trunc) << text;
  };
  for (const char* const text : {"", " \n", "a\nb"}) {
    write(text);
    const absl::Status refused = ThreadClient::Create(options_).status();
    EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(refused.message()), StartsWith(options_.token_file));
  }
  write("first\n");
  const std::unique_ptr<ThreadClient> client = NewClient();
  EXPECT_THAT(client->GetGroup({}), IsOk());
  EXPECT_THAT(server_.headers(), ElementsAre("Bearer first"));
  write("  second");
  EXPECT_THAT(client->GetGroup({}), IsOk());
  EXPECT_THAT(server_.headers(), ElementsAre("Bearer second"));
  std::filesystem::remove(options_.token_file);
  EXPECT_THAT(client->GetGroup({}), IsOk());
  EXPECT_THAT(server_.headers(), ElementsAre("Bearer second"));
  EXPECT_THAT(ThreadClient::Create(options_), StatusIs(absl::StatusCode::kInvalidArgument));
  write("third");
  const std::unique_ptr<ThreadClient> before_any_call = NewClient();
  write("");
  EXPECT_THAT(before_any_call->GetGroup({}), IsOk());
  EXPECT_THAT(server_.headers(), ElementsAre("Bearer third"));
  options_.token = "other";
  EXPECT_THAT(ThreadClient::Create(options_), StatusIs(absl::StatusCode::kInvalidArgument));
  options_.token.clear();
  options_.server = "example.com:1";
  EXPECT_THAT(ThreadClient::Create(options_), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(ThreadClientTest, RefusesWhatNoHeaderCanCarry) {
  for (const std::string& text : {std::string("a\nb"), std::string("é"), std::string(1, '\0')}) {
    ThreadClient::Options options;
    options.token = text;
    EXPECT_THAT(ThreadClient::Create(options), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  for (const std::string& text : {std::string("a\nb"), std::string("\x7F"), std::string(1, '\0')}) {
    ThreadClient::Options options;
    options.user = text;
    EXPECT_THAT(ThreadClient::Create(options), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  ThreadClient::Options options;
  options.tls_roots = "no certificate";
  EXPECT_THAT(ThreadClient::Create(options), StatusIs(absl::StatusCode::kInvalidArgument));
  constexpr char kCertificate[] = "-----BEGIN CERTIFICATE-----";
  constexpr char kKey[] = "-----BEGIN PRIVATE KEY-----";
  for (const auto& [roots, certificate, key] :
       {std::tuple{"", kCertificate, kKey}, std::tuple{kCertificate, kCertificate, ""},
        std::tuple{kCertificate, "", kKey}, std::tuple{kCertificate, kCertificate, kCertificate},
        std::tuple{kCertificate, kKey, kKey}}) {
    options.tls_roots = roots;
    options.tls_certificates = certificate;
    options.tls_private_key = key;
    EXPECT_THAT(ThreadClient::Create(options), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  options = {};
  options.server = "";
  EXPECT_THAT(ThreadClient::Create(options), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(ThreadClientTest, SendsNoTokenToOtherMachinesWithoutTls) {
  ThreadClient::Options options;
  options.token = "s3cret";
  for (const char* server :
       {"127.0.0.1:1", "127.8.9.10:1", "localhost:1", "LOCALHOST", "[::1]:1", "::1", "unix:/socket",
        "unix-abstract:name", "dns:localhost:1", "dns:///127.0.0.1:1",
        "ipv4:127.0.0.1:1,127.0.0.2:1", "ipv6:[::1]:1"}) {
    options.server = server;
    EXPECT_THAT(ThreadClient::Create(options), IsOk()) << server;
  }
  for (const char* server :
       {"10.0.0.1:1", "example.com:1", "127.0.0.1.example.com:1", "localhost.example.com:1",
        "127.1:1", "[::2]:1", "[::ffff:10.0.0.1]:1", "0.0.0.0:1", "dns://localhost/example.com:1",
        "ipv4:127.0.0.1:1,10.0.0.1:1", "ipv4:", "passthrough:localhost:1", ":1"}) {
    options.server = server;
    options.allow_token_without_tls = false;
    EXPECT_THAT(ThreadClient::Create(options), StatusIs(absl::StatusCode::kInvalidArgument))
        << server;
    options.allow_token_without_tls = true;
    EXPECT_THAT(ThreadClient::Create(options), IsOk()) << server;
  }
  options.allow_token_without_tls = false;
  options.server = "example.com:1";
  options.tls_roots = "-----BEGIN CERTIFICATE-----";
  EXPECT_THAT(ThreadClient::Create(options), IsOk());
  options = {};
  options.server = "example.com:1";
  EXPECT_THAT(ThreadClient::Create(options), IsOk()) << "there is no token";
}

TEST_F(ThreadClientTest, ReportsAServerThatIsNotThere) {
  options_.server = "unix:/nonexistent/socket";
  const std::unique_ptr<ThreadClient> client = NewClient();
  EXPECT_THAT(client->CheckHealth({}), StatusIs(absl::StatusCode::kUnavailable));
  options_.timeout = absl::Seconds(1);
  EXPECT_THAT(NewClient()->DeleteGroup({}), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(ThreadClientTest, ChecksHealth) {
  // A server without a health service.
  EXPECT_THAT(NewClient()->CheckHealth({}), StatusIs(absl::StatusCode::kUnimplemented));
}

}  // namespace
}  // namespace threadstore
