// The streams of ThreadClient, against a server that does what a test tells it to.

#include <atomic>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "client/thread_client.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/base/mutex.h"
#include "tests/testing/status_matchers.h"
#include "threadstore/v1/admin_service.grpc.pb.h"
#include "threadstore/v1/thread_service.grpc.pb.h"

namespace threadstore {
namespace {

using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;
using ::threadstore::testing::IsOk;
using ::threadstore::testing::StatusIs;

using Watch = std::function<absl::Status(const v1::WatchThreadsRequest&, grpc::ServerContext&,
                                         grpc::ServerWriter<v1::WatchThreadsResponse>&)>;
using Export = std::function<absl::Status(grpc::ServerContext&,
                                          grpc::ServerWriter<v1::ExportThreadsResponse>&)>;
using ImportCall = grpc::ServerReaderWriter<v1::ImportThreadsResponse, v1::ImportThreadsRequest>;
using Import = std::function<absl::Status(ImportCall&)>;

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

absl::Status Broken() { return absl::UnavailableError("the connection broke"); }

absl::Status TooSlow() {
  absl::Status status = absl::AbortedError("too slow");
  google::rpc::ErrorInfo info;
  info.set_domain("threadstore");
  info.set_reason("WATCH_TOO_SLOW");
  status.SetPayload("type.googleapis.com/google.rpc.ErrorInfo",
                    absl::Cord(info.SerializeAsString()));
  return status;
}

// Does for each call what is next on its list.
class StreamServer final : public v1::ThreadService::Service, public v1::AdminService::Service {
 public:
  StreamServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(static_cast<v1::ThreadService::Service*>(this));
    builder.RegisterService(static_cast<v1::AdminService::Service*>(this));
    server_ = builder.BuildAndStart();
  }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

  void Expect(Watch watch) { watches_.Push(std::move(watch)); }
  void Expect(Export one) { exports_.Push(std::move(one)); }
  void Expect(Import import) { imports_.Push(std::move(import)); }
  bool HasServedAll() { return watches_.IsEmpty() && exports_.IsEmpty() && imports_.IsEmpty(); }

  grpc::Status WatchThreads(grpc::ServerContext* context, const v1::WatchThreadsRequest* request,
                            grpc::ServerWriter<v1::WatchThreadsResponse>* writer) override {
    const Watch watch = watches_.Pop();
    return watch ? ToGrpcStatus(watch(*request, *context, *writer)) : Unexpected();
  }
  grpc::Status ExportThreads(grpc::ServerContext* context,
                             const v1::ExportThreadsRequest* /*request*/,
                             grpc::ServerWriter<v1::ExportThreadsResponse>* writer) override {
    const Export one = exports_.Pop();
    return one ? ToGrpcStatus(one(*context, *writer)) : Unexpected();
  }
  grpc::Status ImportThreads(grpc::ServerContext* /*context*/, ImportCall* call) override {
    const Import import = imports_.Pop();
    return import ? ToGrpcStatus(import(*call)) : Unexpected();
  }

 private:
  template <typename Call>
  class List {
   public:
    void Push(Call call) {
      MutexLock lock(&mutex_);
      calls_.push_back(std::move(call));
    }
    Call Pop() {
      MutexLock lock(&mutex_);
      if (calls_.empty()) return nullptr;
      Call call = std::move(calls_.front());
      calls_.pop_front();
      return call;
    }
    bool IsEmpty() {
      MutexLock lock(&mutex_);
      return calls_.empty();
    }

   private:
    Mutex mutex_;
    std::deque<Call> calls_ ABSL_GUARDED_BY(mutex_);
  };

  static grpc::Status Unexpected() {
    return {grpc::StatusCode::FAILED_PRECONDITION, "a call too many"};
  }

  List<Watch> watches_;
  List<Export> exports_;
  List<Import> imports_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

class StreamTest : public ::testing::Test {
 protected:
  StreamTest() {
    ThreadClient::Options options;
    options.server = server_.address();
    client_ = *ThreadClient::Create(options);
    // A test that fails is to end.
    options_.patience = absl::Seconds(20);
    options_.on_break = [this](const absl::Status& broken, absl::Duration /*wait*/) {
      breaks_.push_back(broken.code());
    };
  }
  ~StreamTest() override { EXPECT_TRUE(server_.HasServedAll()); }

  StreamServer server_;
  std::unique_ptr<ThreadClient> client_;
  StreamOptions options_;
  std::vector<absl::StatusCode> breaks_;
};

class WatchTest : public StreamTest {
 protected:
  // A call that must bring `token`, sends others, and ends.
  void ExpectWatch(const std::string& token, const std::vector<std::string>& others,
                   const absl::Status& end) {
    server_.Expect(Watch([=](const v1::WatchThreadsRequest& request, grpc::ServerContext&,
                             grpc::ServerWriter<v1::WatchThreadsResponse>& writer) {
      EXPECT_EQ(request.parent(), "groups/a");
      EXPECT_EQ(request.delta_token(), token);
      for (const std::string& other : others) {
        v1::WatchThreadsResponse response;
        response.set_delta_token(other);
        writer.Write(response);
      }
      return end;
    }));
  }

  absl::Status WatchUntil(const std::string& last) {
    v1::WatchThreadsRequest request;
    request.set_parent("groups/a");
    return client_->WatchThreads(request, options_, [&](const v1::WatchThreadsResponse& response) {
      tokens_.push_back(response.delta_token());
      return response.delta_token() != last;
    });
  }

  std::vector<std::string> tokens_;
};

TEST_F(WatchTest, GoesOnFromTheLastTokenAfterEveryKindOfBreak) {
  ExpectWatch("", {"1", "2"}, Broken());
  ExpectWatch("2", {"3"}, absl::OkStatus());
  ExpectWatch("3", {"4"}, TooSlow());
  ExpectWatch("4", {}, absl::CancelledError("the server stopped"));
  ExpectWatch("4", {"5"}, QueueFullError(absl::Milliseconds(1)));
  ExpectWatch("5", {}, absl::DeadlineExceededError("not taken in time"));
  ExpectWatch("5", {}, CredentialsChangedError("5"));
  ExpectWatch("5", {"6"}, NotFoundError(kGroupType, "groups/a"));
  EXPECT_THAT(WatchUntil("never"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(tokens_, ElementsAre("1", "2", "3", "4", "5", "6"));
  EXPECT_THAT(breaks_,
              ElementsAre(absl::StatusCode::kUnavailable, absl::StatusCode::kUnavailable,
                          absl::StatusCode::kAborted, absl::StatusCode::kCancelled,
                          absl::StatusCode::kResourceExhausted, absl::StatusCode::kDeadlineExceeded,
                          absl::StatusCode::kUnauthenticated));
}

TEST_F(WatchTest, ReturnsErrorsThatStay) {
  for (const absl::Status& error :
       {InvalidFieldError("parent", "is wrong"), NotAMemberError("groups/a"),
        absl::OutOfRangeError("the token has expired"), absl::AbortedError("another reason"),
        absl::ResourceExhaustedError("a quota"), CancelledError(), DeadlineExceededError(),
        InvalidCredentialsError("no token"), InternalError()}) {
    ExpectWatch("", {}, error);
    EXPECT_THAT(WatchUntil("never"), StatusIs(error.code()));
  }
  EXPECT_THAT(breaks_, IsEmpty());
}

TEST_F(WatchTest, EndsWhenTold) {
  server_.Expect(Watch([](const v1::WatchThreadsRequest&, grpc::ServerContext& context,
                          grpc::ServerWriter<v1::WatchThreadsResponse>& writer) {
    v1::WatchThreadsResponse response;
    response.set_delta_token("1");
    while (writer.Write(response)) continue;
    while (!context.IsCancelled()) std::this_thread::yield();
    return absl::OkStatus();
  }));
  EXPECT_THAT(WatchUntil("1"), IsOk());
  EXPECT_THAT(tokens_, ElementsAre("1"));
}

TEST_F(WatchTest, EndsWhenCancelledWhileNothingComes) {
  // Shared, since the server may still be leaving it when the test goes on.
  const auto begun = std::make_shared<std::promise<void>>();
  server_.Expect(Watch([begun](const v1::WatchThreadsRequest&, grpc::ServerContext& context,
                               grpc::ServerWriter<v1::WatchThreadsResponse>&) {
    begun->set_value();
    while (!context.IsCancelled()) std::this_thread::yield();
    return absl::OkStatus();
  }));
  Cancellation cancellation;
  options_.cancellation = &cancellation;
  auto status = std::async(std::launch::async, [this] { return WatchUntil("never"); });
  begun->get_future().wait();
  cancellation.Cancel();
  EXPECT_THAT(status.get(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(WatchUntil("never"), StatusIs(absl::StatusCode::kCancelled)) << "for good";
}

TEST_F(WatchTest, EndsWhenCancelledWhileItWaits) {
  Cancellation cancellation;
  options_.cancellation = &cancellation;
  std::promise<void> waiting;
  options_.on_break = [&](const absl::Status&, absl::Duration wait) {
    EXPECT_GE(wait, absl::Hours(1));
    waiting.set_value();
  };
  ExpectWatch("", {}, QueueFullError(absl::Hours(1)));
  options_.patience = absl::InfiniteDuration();
  auto status = std::async(std::launch::async, [this] { return WatchUntil("never"); });
  waiting.get_future().wait();
  cancellation.Cancel();
  EXPECT_THAT(status.get(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(WatchTest, HasNoMorePatienceThanAskedFor) {
  options_.patience = absl::ZeroDuration();
  ExpectWatch("", {}, Broken());
  EXPECT_THAT(WatchUntil("never"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(breaks_, IsEmpty());
}

class ExportTest : public StreamTest {
 protected:
  void ExpectExport(int answers, const absl::Status& end) {
    server_.Expect(
        Export([=](grpc::ServerContext&, grpc::ServerWriter<v1::ExportThreadsResponse>& writer) {
          for (int i = 0; i < answers; ++i) {
            v1::ExportThreadsResponse response;
            response.set_estimated_count(i);
            writer.Write(response);
          }
          return end;
        }));
  }

  absl::Status Run() {
    return client_->ExportThreads({}, options_, [this](const v1::ExportThreadsResponse& response) {
      counts_.push_back(response.estimated_count());
      return after_each_;
    });
  }

  std::vector<int64_t> counts_;
  absl::Status after_each_;
};

TEST_F(ExportTest, WaitsForTheServerButIsNotBegunAgain) {
  ExpectExport(0, Broken());
  ExpectExport(0, QueueFullError(absl::Milliseconds(1)));
  ExpectExport(2, absl::OkStatus());
  EXPECT_THAT(Run(), IsOk());
  EXPECT_THAT(counts_, ElementsAre(0, 1));
  ExpectExport(2, Broken());
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(counts_, ElementsAre(0, 1, 0, 1));
}

TEST_F(ExportTest, EndsWithTheCallersError) {
  server_.Expect(
      Export([](grpc::ServerContext&, grpc::ServerWriter<v1::ExportThreadsResponse>& writer) {
        while (writer.Write({})) continue;
        return absl::OkStatus();
      }));
  after_each_ = absl::DataLossError("the disk is full");
  EXPECT_THAT(Run(), StatusIs(absl::StatusCode::kDataLoss, "the disk is full"));
  EXPECT_THAT(counts_, ElementsAre(0));
}

v1::Record NewRecord(const std::string& group) {
  v1::Record record;
  record.mutable_group()->set_id(group);
  return record;
}

class ImportTest : public StreamTest {
 protected:
  ImportTest() {
    import_options_.on_refusal = [this](const v1::ImportRefusal& refusal) {
      refusals_.emplace_back(refusal.record_index(), refusal.name());
    };
  }

  std::unique_ptr<ThreadImport> NewImport() {
    import_options_.stream = options_;
    return std::make_unique<ThreadImport>(*client_, import_options_);
  }

  // Reads `count` records of a call, or all, and returns what they are.
  static std::vector<std::string> ReadGroups(ImportCall& call, size_t count = 1'000'000) {
    std::vector<std::string> groups;
    v1::ImportThreadsRequest request;
    while (groups.size() < count && call.Read(&request)) {
      EXPECT_THAT(request.records_size(), Le(1000));
      for (const v1::Record& record : request.records()) groups.push_back(record.group().id());
    }
    return groups;
  }

  static void Acknowledge(ImportCall& call, int64_t count, int64_t stored, int64_t skipped,
                          const std::vector<std::pair<int64_t, std::string>>& refused = {}) {
    v1::ImportThreadsResponse response;
    response.set_acknowledged_count(count);
    response.set_stored_count(stored);
    response.set_skipped_count(skipped);
    for (const auto& [i, name] : refused) {
      v1::ImportRefusal* refusal = response.add_refusals();
      refusal->set_record_index(i);
      refusal->set_name(name);
    }
    call.Write(response);
  }

  ThreadImport::Options import_options_;
  std::vector<std::pair<int64_t, std::string>> refusals_;
};

TEST_F(ImportTest, SendsInOrderAndCounts) {
  server_.Expect(Import([](ImportCall& call) {
    const std::vector<std::string> groups = ReadGroups(call);
    EXPECT_THAT(groups, ::testing::SizeIs(2500));
    for (size_t i = 0; i < groups.size(); ++i) EXPECT_EQ(groups[i], absl::StrCat(i));
    Acknowledge(call, 1000, 700, 299, {{3, "three"}});
    Acknowledge(call, 2500, 2000, 498, {{1000, "thousand"}});
    return absl::OkStatus();
  }));
  const auto import = NewImport();
  for (int i = 0; i < 2500; ++i)
    ASSERT_THAT(import->Add(NewRecord(absl::StrCat(i)), i + 1), IsOk());
  ASSERT_OK_AND_ASSIGN(const ThreadImport::Totals totals, import->Finish());
  EXPECT_EQ(totals.stored, 2000);
  EXPECT_EQ(totals.skipped, 498);
  EXPECT_EQ(totals.refused, 2);
  EXPECT_EQ(totals.skipped_after_break, 0);
  EXPECT_THAT(refusals_, ElementsAre(std::pair(4, "three"), std::pair(1001, "thousand")));
  EXPECT_EQ(import->FirstUnacknowledged(-1), -1);
  EXPECT_THAT(import->Add(NewRecord("late"), 0), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ImportTest, SendsAgainOnlyWhatIsNotAcknowledged) {
  server_.Expect(Import([](ImportCall& call) {
    EXPECT_THAT(ReadGroups(call, 5), ElementsAre("a", "b", "c", "d", "e"));
    // The others' acknowledgement does not get through.
    Acknowledge(call, 2, 1, 0, {{1, "b"}});
    return Broken();
  }));
  server_.Expect(Import([](ImportCall& call) {
    EXPECT_THAT(ReadGroups(call, 3), ElementsAre("c", "d", "e"));
    return absl::OkStatus();
  }));
  server_.Expect(Import([](ImportCall& call) {
    EXPECT_THAT(ReadGroups(call), ElementsAre("c", "d", "e"));
    Acknowledge(call, 2, 0, 2);
    Acknowledge(call, 3, 0, 2, {{2, "e"}});
    return absl::OkStatus();
  }));
  const auto import = NewImport();
  int64_t number = 10;
  for (const char* group : {"a", "b", "c", "d", "e"}) {
    ASSERT_THAT(import->Add(NewRecord(group), number), IsOk());
    number += 10;
  }
  ASSERT_OK_AND_ASSIGN(const ThreadImport::Totals totals, import->Finish());
  EXPECT_EQ(totals.stored, 1);
  EXPECT_EQ(totals.skipped, 2);
  EXPECT_EQ(totals.refused, 2);
  EXPECT_EQ(totals.skipped_after_break, 2);
  EXPECT_THAT(refusals_, ElementsAre(std::pair(20, "b"), std::pair(50, "e")));
  EXPECT_THAT(breaks_, ElementsAre(absl::StatusCode::kUnavailable, absl::StatusCode::kUnavailable));
}

TEST_F(ImportTest, KeepsNoMoreThanAskedFor) {
  import_options_.max_unacknowledged = 3;
  std::atomic<int> added = 0;
  server_.Expect(Import([&added](ImportCall& call) {
    int64_t received = 0;
    int64_t acknowledged = 0;
    v1::ImportThreadsRequest request;
    while (call.Read(&request)) {
      received += request.records_size();
      EXPECT_THAT(received - acknowledged, Le(3));
      EXPECT_THAT(added, Le(acknowledged + 3));
      // One at a time, and the last two only at the end.
      if (received - acknowledged == 3) {
        ++acknowledged;
        Acknowledge(call, acknowledged, acknowledged, 0);
      }
    }
    Acknowledge(call, received, received, 0);
    return absl::OkStatus();
  }));
  const auto import = NewImport();
  for (int i = 0; i < 50; ++i) {
    ASSERT_THAT(import->Add(NewRecord("a"), i), IsOk());
    ++added;
  }
  ASSERT_OK_AND_ASSIGN(const ThreadImport::Totals totals, import->Finish());
  EXPECT_EQ(totals.stored, 50);
}

TEST_F(ImportTest, KeepsNoMoreBytesThanAskedFor) {
  import_options_.max_unacknowledged_bytes = 3 << 20;
  server_.Expect(Import([](ImportCall& call) {
    size_t bytes = 0;
    int64_t received = 0;
    v1::ImportThreadsRequest request;
    while (call.Read(&request)) {
      received += request.records_size();
      bytes += request.ByteSizeLong();
      EXPECT_THAT(bytes, Le(size_t{4} << 20));
      if (bytes < (2 << 20)) continue;
      Acknowledge(call, received, received, 0);
      bytes = 0;
    }
    Acknowledge(call, received, received, 0);
    return absl::OkStatus();
  }));
  const auto import = NewImport();
  const std::string large(100 << 10, 'x');
  for (int i = 0; i < 200; ++i) ASSERT_THAT(import->Add(NewRecord(large), i), IsOk());
  ASSERT_OK_AND_ASSIGN(const ThreadImport::Totals totals, import->Finish());
  EXPECT_EQ(totals.stored, 200);
}

TEST_F(ImportTest, LeavesOutARecordThatNoMessageCanCarry) {
  server_.Expect(Import([](ImportCall& call) {
    const std::vector<std::string> groups = ReadGroups(call);
    EXPECT_THAT(groups, ::testing::SizeIs(2));
    Acknowledge(call, 2, 2, 0);
    return absl::OkStatus();
  }));
  const auto import = NewImport();
  ASSERT_THAT(import->Add(NewRecord("a"), 1), IsOk());
  EXPECT_THAT(import->Add(NewRecord(std::string(4 << 20, 'x')), 2),
              StatusIs(absl::StatusCode::kInvalidArgument));
  // With the message around it this is as large as a request may be.
  const std::string largest(ThreadImport::kMaxRecordBytes - 10, 'x');
  ASSERT_THAT(NewRecord(largest).ByteSizeLong(), Ge(ThreadImport::kMaxRecordBytes));
  ASSERT_THAT(import->Add(NewRecord(largest), 3), IsOk());
  EXPECT_THAT(import->Finish(), IsOk());
}

TEST_F(ImportTest, EndsWithAnErrorThatStays) {
  server_.Expect(Import([](ImportCall& call) {
    EXPECT_THAT(ReadGroups(call, 2), ElementsAre("a", "b"));
    Acknowledge(call, 1, 1, 0);
    return MissingPermissionError("Threadstore.Admin");
  }));
  const auto import = NewImport();
  ASSERT_THAT(import->Add(NewRecord("a"), 7), IsOk());
  ASSERT_THAT(import->Add(NewRecord("b"), 8), IsOk());
  EXPECT_THAT(import->Finish(), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(import->Add(NewRecord("c"), 9), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(import->totals().stored, 1);
  EXPECT_EQ(import->FirstUnacknowledged(-1), 8);
}

TEST_F(ImportTest, RefusesAnswersForWhatItHasNotSent) {
  for (const auto& [count, refused] : {std::pair(2, 0), {-1, 0}, {1, 1}, {1, -1}}) {
    server_.Expect(Import([count = count, refused = refused](ImportCall& call) {
      EXPECT_THAT(ReadGroups(call), ElementsAre("a"));
      Acknowledge(call, count, 0, 0, {{refused, "a"}});
      return absl::OkStatus();
    }));
    const auto import = NewImport();
    ASSERT_THAT(import->Add(NewRecord("a"), 1), IsOk());
    EXPECT_THAT(import->Finish(), StatusIs(absl::StatusCode::kInternal));
  }
}

TEST_F(ImportTest, IsCancelledWhileItWaitsForAcknowledgements) {
  Cancellation cancellation;
  options_.cancellation = &cancellation;
  server_.Expect(Import([&cancellation](ImportCall& call) {
    EXPECT_THAT(ReadGroups(call, 1), ElementsAre("a"));
    cancellation.Cancel();
    ReadGroups(call);
    return absl::OkStatus();
  }));
  const auto import = NewImport();
  ASSERT_THAT(import->Add(NewRecord("a"), 1), IsOk());
  EXPECT_THAT(import->Finish(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(ImportTest, CanBeGivenUp) {
  const auto has_ended = std::make_shared<std::promise<void>>();
  server_.Expect(Import([has_ended](ImportCall& call) {
    EXPECT_THAT(ReadGroups(call, 1), ElementsAre("a"));
    Acknowledge(call, 1, 1, 0);
    EXPECT_THAT(ReadGroups(call), IsEmpty());
    has_ended->set_value();
    return absl::OkStatus();
  }));
  import_options_.max_unacknowledged = 1;
  auto import = NewImport();
  ASSERT_THAT(import->Add(NewRecord("a"), 1), IsOk());
  import.reset();
  has_ended->get_future().wait();
}

}  // namespace
}  // namespace threadstore
