#include "server/tls_credentials.h"

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpc/grpc.h"
#include "grpc/grpc_security.h"
#include "server/base/mutex.h"

namespace threadstore {
namespace {

// gRPC lets clients resume sessions, with tickets that it renews each time, and does not look at
// their certificates again. Keys of tickets end with the configuration that they belong to.
constexpr absl::Duration kMaxConfigurationAge = absl::Minutes(10);

// gRPC asks it before each handshake. That is its C interface: the C++ one has certificates that
// never change, or files that gRPC reads by itself.
class WatchedCredentials final : public grpc::ServerCredentials {
 public:
  explicit WatchedCredentials(const TlsWatcher& watcher)
      : watcher_(watcher),
        credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                watcher.Current()->client_authorities.empty()
                    ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                    : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY,
                &Fetch, this))) {}

  ~WatchedCredentials() override { grpc_server_credentials_release(credentials_); }
  WatchedCredentials(const WatchedCredentials&) = delete;
  WatchedCredentials& operator=(const WatchedCredentials&) = delete;

  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {
    // Callers are told apart above gRPC.
  }

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** configuration) {
    return static_cast<WatchedCredentials*>(self)->Fetch(configuration);
  }

  grpc_ssl_certificate_config_reload_status Fetch(
      grpc_ssl_server_certificate_config** configuration) {
    std::shared_ptr<const TlsIdentity> now = watcher_.Current();
    const bool asks_clients = !now->client_authorities.empty();
    MutexLock lock(&mutex_);
    const bool is_old = asks_clients && absl::Now() - made_at_ > kMaxConfigurationAge;
    if (now == identity_ && !is_old) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair = {now->private_key.c_str(), now->certificates.c_str()};
    // gRPC 1.51 ends the process if there are no authorities, even if clients are asked for none.
    *configuration = grpc_ssl_server_certificate_config_create(
        (asks_clients ? now->client_authorities : now->certificates).c_str(), &pair, 1);
    identity_ = std::move(now);
    made_at_ = absl::Now();
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const TlsWatcher& watcher_;

  Mutex mutex_;
  std::shared_ptr<const TlsIdentity> identity_ ABSL_GUARDED_BY(mutex_);  // What gRPC has.
  absl::Time made_at_ ABSL_GUARDED_BY(mutex_);

  grpc_server_credentials* const credentials_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> MakeTlsCredentials(const TlsWatcher& watcher) {
  return std::make_shared<WatchedCredentials>(watcher);
}

}  // namespace threadstore
