#include "server/telemetry/log_writer.h"

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/base/thread_name.h"
#include "server/telemetry/log_lines.h"

namespace threadstore::log {

struct Writer::Queue {
  Mutex mutex;
  CondVar changed;
  std::string waiting ABSL_GUARDED_BY(mutex);
  int64_t lost ABSL_GUARDED_BY(mutex) = 0;
  bool is_writing ABSL_GUARDED_BY(mutex) = false;
  bool closing ABSL_GUARDED_BY(mutex) = false;

  bool is_empty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    return waiting.empty() && lost == 0 && !is_writing;
  }
};

namespace {

constexpr absl::Duration kCloseLimit = absl::Seconds(1);

// A log that cannot be written has nowhere to say so; it must not stop the server.
void WriteNow(absl::string_view lines) {
  while (!lines.empty()) {
    const ssize_t written = write(STDERR_FILENO, lines.data(), lines.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return;
    }
    lines.remove_prefix(static_cast<size_t>(written));
  }
}

Mutex current_mutex;
std::shared_ptr<Writer::Queue>& Current() ABSL_EXCLUSIVE_LOCKS_REQUIRED(current_mutex) {
  static auto* const current = new std::shared_ptr<Writer::Queue>();
  return *current;
}

std::shared_ptr<Writer::Queue> CurrentQueue() {
  MutexLock lock(&current_mutex);
  return Current();
}

void SetCurrent(std::shared_ptr<Writer::Queue> queue) {
  MutexLock lock(&current_mutex);
  Current() = std::move(queue);
}

// Shares the queue, since it may outlive the Writer while nobody takes what it writes.
void Run(const std::shared_ptr<Writer::Queue>& queue) {
  SetThreadName("log");
  std::string lines;
  while (true) {
    {
      MutexLock lock(&queue->mutex);
      queue->is_writing = false;
      queue->changed.NotifyAll();
      while (queue->is_empty() && !queue->closing) queue->changed.Wait(&queue->mutex);
      if (queue->is_empty()) return;
      lines.swap(queue->waiting);
      if (const int64_t lost = std::exchange(queue->lost, 0); lost > 0) {
        lines += FormatLine("error", "lines not logged", {{"count", lost}});
      }
      queue->is_writing = true;
    }
    WriteNow(lines);
    lines.clear();
  }
}

// Returns false if there is something left.
bool AwaitEmpty(Writer::Queue& queue, absl::Duration limit) {
  const absl::Duration end = SteadyNow() + limit;
  MutexLock lock(&queue.mutex);
  while (!queue.is_empty() && SteadyNow() < end) {
    queue.changed.WaitFor(&queue.mutex, end - SteadyNow());
  }
  return queue.is_empty();
}

}  // namespace

Writer::Writer() : queue_(std::make_shared<Queue>()), thread_([queue = queue_] { Run(queue); }) {
  SetCurrent(queue_);
}

Writer::~Writer() {
  SetCurrent(nullptr);
  {
    MutexLock lock(&queue_->mutex);
    queue_->closing = true;
    queue_->changed.NotifyAll();
  }
  if (AwaitEmpty(*queue_, kCloseLimit)) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void Flush(absl::Duration limit) {
  if (const auto queue = CurrentQueue(); queue != nullptr) AwaitEmpty(*queue, limit);
}

void WriteLine(absl::string_view line) {
  const std::shared_ptr<Writer::Queue> queue = CurrentQueue();
  if (queue == nullptr) return WriteNow(line);
  MutexLock lock(&queue->mutex);
  if (queue->waiting.size() + line.size() > Writer::kMaxWaitingBytes) {
    ++queue->lost;
    return;
  }
  queue->waiting.append(line.data(), line.size());
  if (!queue->is_writing) queue->changed.NotifyAll();
}

}  // namespace threadstore::log
