#include "server/telemetry/audit_log.h"

#include <utility>

#include "server/base/thread_name.h"
#include "server/telemetry/log.h"

namespace threadstore {

AuditLog::AuditLog()
    : thread_([this] {
        SetThreadName("audit-log");
        Run();
      }) {}

AuditLog::~AuditLog() {
  {
    MutexLock lock(&mutex_);
    closing_ = true;
  }
  wake_.NotifyOne();
  thread_.join();
}

void AuditLog::Add(const Change& change) {
  std::string line = log::FormatInfo(
      "change", {{"method", std::string(change.method)},
                 {"principal", std::string(change.principal)},
                 {"token_id", std::string(change.token_id)},
                 {"resource", std::string(change.resource)}});
  bool is_first = false;
  {
    MutexLock lock(&mutex_);
    if (waiting_.size() + line.size() > kMaxWaitingBytes) {
      ++lost_;
      return;
    }
    is_first = waiting_.empty();
    waiting_ += line;
  }
  if (is_first) wake_.NotifyOne();
}

void AuditLog::Run() {
  std::string lines;
  while (true) {
    int64_t lost = 0;
    {
      MutexLock lock(&mutex_);
      while (waiting_.empty() && !closing_) wake_.Wait(&mutex_);
      if (waiting_.empty()) return;
      lines.swap(waiting_);
      lost = std::exchange(lost_, 0);
    }
    log::Write(lines);
    lines.clear();
    if (lost > 0) log::Error("changes not logged", {{"count", lost}});
  }
}

}  // namespace threadstore
