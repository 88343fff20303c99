#ifndef THREADSTORE_SERVER_HTTP_TLS_CONTEXT_H_
#define THREADSTORE_SERVER_HTTP_TLS_CONTEXT_H_

#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "server/base/certificate_names.h"
#include "server/base/mutex.h"
#include "server/base/tls_identity.h"

namespace threadstore {

using TlsContext = boost::asio::ssl::context;

// What a server is now, and whom it believes now. Never null; the same pointer as long as nothing
// has changed. Safe to call from any thread.
using TlsIdentitySource = std::function<std::shared_ptr<const TlsIdentity>()>;

// For TLS 1.2 and later, and HTTP/1.1; TLS 1.2 with forward secrecy and authenticated encryption
// only. INVALID_ARGUMENT if OpenSSL does not take the identity.
absl::StatusOr<std::shared_ptr<TlsContext>> MakeTlsContext(const TlsIdentity& identity);

// Whose certificate the peer of a connection has shown; nothing if it was asked for none. After the
// handshake.
std::optional<CertificateNames> ReadPeerCertificate(SSL* connection);

// The context for what a source says, made anew when that changes. Thread-safe.
class TlsContexts {
 public:
  // INVALID_ARGUMENT if OpenSSL does not take what the source says.
  static absl::StatusOr<std::unique_ptr<TlsContexts>> Create(TlsIdentitySource source);

  // The context that connections begin with now; never null. If OpenSSL does not take what the
  // source says, which is logged, the last that it took.
  std::shared_ptr<TlsContext> Get();

 private:
  explicit TlsContexts(TlsIdentitySource source) : source_(std::move(source)) {}

  const TlsIdentitySource source_;

  Mutex mutex_;
  std::shared_ptr<const TlsIdentity> identity_ ABSL_GUARDED_BY(mutex_);  // Of the last Get.
  std::shared_ptr<TlsContext> context_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_TLS_CONTEXT_H_
