#include "tests/fuzz/rpc_world.h"

#include <fstream>
#include <sstream>
#include <utility>

#include "absl/time/time.h"
#include "google/protobuf/text_format.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/auth/authenticator.h"
#include "server/base/byte_budget.h"
#include "server/base/errors.h"
#include "server/base/executor.h"
#include "server/domain/limits.h"
#include "server/service/admin_service.h"
#include "server/service/calls_in_flight.h"
#include "server/service/change_feed.h"
#include "server/service/conversation_service.h"
#include "server/service/group_service.h"
#include "server/service/post_service.h"
#include "server/service/thread_service.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/telemetry/log.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/rpc_scene.h"
#include "tests/store/moving.h"
#include "tests/store/stored_rows.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/temp_dir.h"

namespace threadstore::testing {
namespace {

constexpr size_t kMemory = size_t{256} << 20;
constexpr absl::Duration kTimeout = absl::Seconds(30);
constexpr char kFaceSecret[] = "secret";

void RequireNoFailure(const char* what) { Require(!::testing::Test::HasFailure(), what); }

SqliteOptions MakeOptions(std::string path) {
  SqliteOptions options;
  options.path = std::move(path);
  options.reader_threads = 1;
  options.completion_threads = 1;
  // Only searches have it updated, so that an input does the same each time.
  options.index_delay = absl::InfiniteDuration();
  options.on_failure = [] { Require(false, "the store failed"); };
  return options;
}

std::unique_ptr<ThreadStore> Open(const SqliteOptions& options, const Clock& clock) {
  auto store = OpenSqliteStore(options, clock);
  Require(store.ok(), store.status().ToString());
  return *std::move(store);
}

// The file of a store with the scene in it.
const std::string& SceneFile() {
  static const auto* const file = [] {
    const TempDir folder;
    const FakeClock clock;
    const SqliteOptions options = MakeOptions(folder.File("threads.db"));
    std::unique_ptr<ThreadStore> store = Open(options, clock);
    v1::ImportThreadsRequest scene;
    Require(google::protobuf::TextFormat::ParseFromString(kRpcScene, &scene), "the scene");
    BlockingStore db(*store);
    for (const RecordOutcome& outcome :
         ImportAll(db, std::vector<v1::Record>(scene.records().begin(), scene.records().end()))) {
      Require(outcome.is_stored, outcome.refusal.ToString());
    }
    RequireNoFailure("the scene breaks rules");
    store.reset();
    std::stringstream content;
    content << std::ifstream(options.path, std::ios::binary).rdbuf();
    return new std::string(content.str());
  }();
  return *file;
}

// A user, or an application, which may do everything if it is known to be on this machine.
void SayWhoCalls(RpcCaller caller, grpc::ClientContext& context) {
  switch (caller) {
    case RpcCaller::kApplication:
      return;
    case RpcCaller::kAdministrator:
      context.AddMetadata("x-threadstore-face-secret", kFaceSecret);
      context.AddMetadata("x-threadstore-face-peer", "127.0.0.1");
      return;
    case RpcCaller::kOwner:
      return context.AddMetadata("x-threadstore-user", "ann");
    case RpcCaller::kMember:
      return context.AddMetadata("x-threadstore-user", "bob");
    case RpcCaller::kStranger:
      return context.AddMetadata("x-threadstore-user", "eve");
  }
}

std::string ToString(grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  Require(buffer.Dump(&slices).ok(), "an answer without bytes");
  std::string text;
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

// Waits for what has just been asked of a call; whether it was done.
bool Await(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool done = false;
  Require(queue.Next(&tag, &done), "the queue ended");
  return done;
}

}  // namespace

// gRPC's threads own what they begin with only once they run, and are begun at any time.
extern "C" const char* __lsan_default_suppressions() { return "leak:libgrpc.so\nleak:libgpr.so\n"; }

class RpcWorld::Impl {
 public:
  Impl() {
    log::CaptureLibraryLogs();
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(static_cast<int>(kMaxRequestBytes));
    for (grpc::Service* const service : std::initializer_list<grpc::Service*>{
             &admin_, &conversations_, &groups_, &posts_, &threads_}) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    stub_ = std::make_unique<grpc::GenericStub>(server_->InProcessChannel(arguments));
  }

  ~Impl() {
    feed_.Drain();
    calls_.CloseAndWait(absl::InfiniteFuture());
    server_->Shutdown();
    feed_.Close();
    {
      BlockingStore db(*store_);
      Checked(ExportAll(db));
    }
    PurgeAll(*store_, options_.path);
    store_.reset();
    // What an import says of threads is believed.
    has_imported_ ? CheckSoundFile(options_.path) : CheckStoredFile(options_.path);
    RequireNoFailure("what is stored breaks rules");
  }

  Answer Call(const google::protobuf::MethodDescriptor& method, RpcCaller caller,
              const std::vector<std::string>& requests) {
    has_imported_ |= method.name() == "ImportThreads";
    grpc::ClientContext context;
    SayWhoCalls(caller, context);
    grpc::CompletionQueue queue;
    const auto call = stub_->PrepareCall(
        &context, absl::StrCat("/", method.service()->full_name(), "/", method.name()), &queue);
    call->StartCall(nullptr);
    // A call that has been answered takes no more requests.
    bool goes_on = Await(queue);
    for (size_t i = 0; goes_on && i < requests.size(); ++i) {
      const grpc::Slice slice(requests[i]);
      const bool is_last = i + 1 == requests.size() || !method.client_streaming();
      grpc::WriteOptions options;
      if (is_last) options.set_last_message();
      call->Write(grpc::ByteBuffer(&slice, 1), options, nullptr);
      goes_on = Await(queue) && !is_last;
    }
    Answer answer;
    const bool is_endless = method.name() == "WatchThreads";
    grpc::ByteBuffer bytes;
    for (call->Read(&bytes, nullptr); Await(queue); call->Read(&bytes, nullptr)) {
      answer.messages.push_back(ToString(bytes));
      if (is_endless) context.TryCancel();
    }
    grpc::Status status;
    call->Finish(&status, nullptr);
    Await(queue);
    queue.Shutdown();
    void* tag = nullptr;
    bool done = false;
    while (queue.Next(&tag, &done)) {
    }
    const bool was_cancelled = is_endless && !answer.messages.empty();
    if (!was_cancelled) {
      answer.status =
          StatusFromWire(status.error_code(), status.error_message(), status.error_details());
    }
    return answer;
  }

 private:
  const TempDir folder_;
  FakeClock clock_;
  const SqliteOptions options_ = [this] {
    clock_.Advance(absl::Hours(1));
    const std::string path = folder_.File("threads.db");
    std::ofstream(path, std::ios::binary) << SceneFile();
    return MakeOptions(path);
  }();
  std::unique_ptr<ThreadStore> store_ = Open(options_, clock_);
  const NoAuthentication authenticator_;
  ByteBudget request_memory_{kMemory};
  ByteShares request_shares_{kMemory};
  ByteBudget answer_memory_{kMemory};
  CallsInFlight calls_{kTimeout};
  Executor large_requests_{"large-requests", 1};
  const std::string face_secret_ = kFaceSecret;
  RateLimiter rate_limiter_{{}, clock_};
  const ServiceContext services_{*store_,         authenticator_,  clock_,         rate_limiter_,
                                 request_memory_, request_shares_, answer_memory_, calls_,
                                 kTimeout,        large_requests_, face_secret_};
  ChangeFeed feed_{*store_, authenticator_, request_memory_, ChangeFeed::Options()};
  const WatchServices watches_{feed_, [](absl::string_view) { return absl::InfiniteFuture(); }};
  AdminServiceImpl admin_{services_};
  ConversationServiceImpl conversations_{services_};
  GroupServiceImpl groups_{services_};
  PostServiceImpl posts_{services_};
  ThreadServiceImpl threads_{services_, watches_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<grpc::GenericStub> stub_;
  bool has_imported_ = false;
};

RpcWorld::RpcWorld() : impl_(std::make_unique<Impl>()) {}

RpcWorld::~RpcWorld() = default;

RpcWorld::Answer RpcWorld::Call(const google::protobuf::MethodDescriptor& method, RpcCaller caller,
                                const std::vector<std::string>& requests) {
  return impl_->Call(method, caller, requests);
}

}  // namespace threadstore::testing
