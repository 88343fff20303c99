#include "server/tls_watcher.h"

#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "server/base/status_macros.h"
#include "server/http/http_server.h"
#include "server/telemetry/log.h"

namespace threadstore {

absl::StatusOr<std::unique_ptr<TlsWatcher>> TlsWatcher::Start(TlsFiles files,
                                                              absl::Duration interval) {
  std::unique_ptr<TlsWatcher> watcher(new TlsWatcher(std::move(files)));
  {
    MutexLock lock(&watcher->mutex_);
    watcher->found_ = watcher->decided_ = ReadTlsFiles(watcher->files_);
    RETURN_IF_ERROR(watcher->Take(watcher->found_));
  }
  watcher->poller_ =
      std::make_unique<Poller>("tls-watcher", interval, [raw = watcher.get()] { raw->Look(); });
  return watcher;
}

std::shared_ptr<const TlsIdentity> TlsWatcher::Current() const {
  MutexLock lock(&mutex_);
  return current_;
}

void TlsWatcher::Look() {
  absl::StatusOr<TlsIdentity> now = ReadTlsFiles(files_);
  MutexLock lock(&mutex_);
  const bool is_settled = now == found_;
  found_ = std::move(now);
  if (!is_settled || found_ == decided_) return;
  decided_ = found_;
  if (const absl::Status status = Take(found_); !status.ok()) {
    log::Warning("tls files refused", {{"message", std::string(status.message())}});
  }
}

absl::Status TlsWatcher::Take(const absl::StatusOr<TlsIdentity>& found) {
  RETURN_IF_ERROR(found.status());
  ASSIGN_OR_RETURN(const absl::Time expiry, CheckTlsIdentity(*found, files_));
  RETURN_IF_ERROR(HttpServer::CheckTls(*found));
  current_ = std::make_shared<const TlsIdentity>(*found);
  const auto level = expiry < absl::Now() ? log::Warning : log::Info;
  level("tls files taken",
        {{"tls_cert", files_.certificates},
         {"expires", absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", expiry, absl::UTCTimeZone())}});
  return absl::OkStatus();
}

}  // namespace threadstore
