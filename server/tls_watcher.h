#ifndef THREADSTORE_SERVER_TLS_WATCHER_H_
#define THREADSTORE_SERVER_TLS_WATCHER_H_

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"
#include "server/base/poller.h"
#include "server/base/tls_identity.h"

namespace threadstore {

// Follows the files of a TLS identity, for both faces. What they hold is taken as soon as two looks
// in a row have found the same, so that files which are written one after the other are not taken
// half. What cannot be used is refused, and what was taken before stays: each change of the files
// is logged once, as taken with the end of its certificate or as refused with the reason. The files
// themselves are read, since Kubernetes swaps a link far above them. Thread-safe.
class TlsWatcher {
 public:
  // Between two looks. Each reads three small files.
  static constexpr absl::Duration kInterval = absl::Seconds(1);

  // Takes what the files hold now, and starts a thread that looks every `interval`. Its errors are
  // those of ReadTlsFiles, CheckTlsIdentity and HttpServer::CheckTls.
  static absl::StatusOr<std::unique_ptr<TlsWatcher>> Start(TlsFiles files,
                                                           absl::Duration interval = kInterval);

  TlsWatcher(const TlsWatcher&) = delete;
  TlsWatcher& operator=(const TlsWatcher&) = delete;

  // What was taken last; never null, and the same pointer until something else is taken.
  std::shared_ptr<const TlsIdentity> Current() const;

  // Looks at the files now.
  void Look();

 private:
  explicit TlsWatcher(TlsFiles files) : files_(std::move(files)) {}

  absl::Status Take(const absl::StatusOr<TlsIdentity>& found) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const TlsFiles files_;

  mutable Mutex mutex_;
  std::shared_ptr<const TlsIdentity> current_ ABSL_GUARDED_BY(mutex_);
  absl::StatusOr<TlsIdentity> found_ ABSL_GUARDED_BY(mutex_);    // By the last look.
  absl::StatusOr<TlsIdentity> decided_ ABSL_GUARDED_BY(mutex_);  // What was last taken or refused.

  std::unique_ptr<Poller> poller_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_TLS_WATCHER_H_
