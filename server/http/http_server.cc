#include "server/http/http_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "server/base/executor.h"
#include "server/base/mutex.h"
#include "server/base/status_macros.h"
#include "server/base/thread_name.h"
#include "server/http/http_connection.h"
#include "server/http/stream.h"
#include "server/http/tls_context.h"

namespace threadstore {
namespace {

namespace asio = boost::asio;

size_t Cores() { return std::max(1U, std::thread::hardware_concurrency()); }

class AsioHttpServer final : public HttpServer, private HttpConnectionContext::Observer {
 public:
  AsioHttpServer(const Options& options, std::unique_ptr<TlsContexts> tls, HttpHandler& handler,
                 ByteBudget& request_memory, ByteBudget& answer_memory)
      : tls_(std::move(tls)),
        on_closing_(options.on_closing),
        executor_("http-handlers", Cores()),
        context_{handler,
                 *this,
                 CorsPolicy(options.cors),
                 options.trusted_proxies,
                 options.timeouts,
                 options.max_connection_age,
                 request_memory,
                 ByteShares(std::max(request_memory.limit(), 2 * kMaxHttpBodyBytes)),
                 answer_memory,
                 executor_},
        work_(asio::make_work_guard(io_)) {
    for (size_t i = 0; i < Cores(); ++i) {
      threads_.emplace_back([this] {
        SetThreadName("http-io");
        io_.run();
      });
    }
  }

  ~AsioHttpServer() override {
    Shutdown(absl::InfinitePast());
    {
      MutexLock lock(&mutex_);
      while (alive_ > 0) changed_.Wait(&mutex_);
    }
    work_.reset();
    for (std::thread& thread : threads_) thread.join();
  }

  void Accept(int descriptor) override {
    sockaddr_storage address = {};
    socklen_t size = sizeof address;
    const bool is_known =
        getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    Stream::Socket socket(asio::make_strand(io_));
    Stream::ErrorCode error;
    socket.assign(address.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(),
                  descriptor, error);
    if (!is_known || error) {
      if (on_closing_) on_closing_(descriptor);
      if (error) close(descriptor);
      return;
    }
    std::shared_ptr<TlsContext> tls;
    if (tls_ != nullptr) tls = tls_->Get();
    std::shared_ptr<HttpConnection> connection;
    {
      MutexLock lock(&mutex_);
      ++alive_;
      // Counted until all of it is gone, so that nothing of it outlives what it uses.
      connection.reset(new HttpConnection(context_, MakeStream(std::move(socket), std::move(tls))),
                       [this](const HttpConnection* gone) {
                         delete gone;
                         OnDestroyed();
                       });
      open_.emplace(connection.get(), connection);
    }
    connection->Start();
    // It may have come too late to be seen by Shutdown.
    if (context_.draining) connection->Drain();
  }

  void Shutdown(absl::Time deadline) override {
    context_.draining = true;
    for (const auto& connection : Open()) connection->Drain();
    if (AwaitClosed(deadline)) return;
    for (const auto& connection : Open()) connection->Cut();
    AwaitClosed(absl::InfiniteFuture());
  }

 private:
  void OnClosing(HttpConnection& connection) override {
    if (on_closing_) on_closing_(connection.descriptor());
    MutexLock lock(&mutex_);
    open_.erase(&connection);
    changed_.NotifyAll();
  }

  void OnDestroyed() {
    MutexLock lock(&mutex_);
    --alive_;
    changed_.NotifyAll();
  }

  std::vector<std::shared_ptr<HttpConnection>> Open() {
    MutexLock lock(&mutex_);
    std::vector<std::shared_ptr<HttpConnection>> connections;
    for (const auto& [_, weak] : open_) {
      if (std::shared_ptr<HttpConnection> connection = weak.lock()) {
        connections.push_back(std::move(connection));
      }
    }
    return connections;
  }

  // Returns false at `deadline`.
  bool AwaitClosed(absl::Time deadline) {
    MutexLock lock(&mutex_);
    while (!open_.empty()) {
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) return false;
      changed_.WaitFor(&mutex_, left);
    }
    return true;
  }

  const std::unique_ptr<TlsContexts> tls_;  // Each connection keeps the one it began with.
  const std::function<void(int)> on_closing_;

  Mutex mutex_;
  CondVar changed_;
  std::unordered_map<HttpConnection*, std::weak_ptr<HttpConnection>> open_ ABSL_GUARDED_BY(mutex_);
  size_t alive_ ABSL_GUARDED_BY(mutex_) = 0;

  asio::io_context io_;
  Executor executor_;
  HttpConnectionContext context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::vector<std::thread> threads_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const Options& options,
                                                              HttpHandler& handler,
                                                              ByteBudget& request_memory,
                                                              ByteBudget& answer_memory) {
  std::unique_ptr<TlsContexts> tls;
  if (options.tls) {
    ASSIGN_OR_RETURN(tls, TlsContexts::Create(options.tls));
  }
  return std::make_unique<AsioHttpServer>(options, std::move(tls), handler, request_memory,
                                          answer_memory);
}

absl::Status HttpServer::CheckTls(const TlsIdentity& identity) {
  return MakeTlsContext(identity).status();
}

}  // namespace threadstore
