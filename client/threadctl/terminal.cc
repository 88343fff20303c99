#include "client/threadctl/terminal.h"

#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace threadstore::threadctl {
namespace {

// A terminal that does not know its size, such as a serial line.
constexpr int kUnknownWidth = 80;

// Signal handlers may only touch what is outside of objects.
int signal_event = -1;

void Write(uint64_t value) {
  const int error = errno;
  // An eventfd that is never full takes every write.
  [[maybe_unused]] const ssize_t written = write(signal_event, &value, sizeof(value));
  errno = error;
}

constexpr uint64_t kSignal = 1;
constexpr uint64_t kEnd = uint64_t{1} << 32;

void Handle(int /*signal*/) { Write(kSignal); }

void SetHandler(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  // The second one ends a process that does not end itself. No SA_RESTART: a read of standard input
  // is to end.
  action.sa_flags = SA_RESETHAND;
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
}

}  // namespace

std::optional<int> TerminalWidth(std::FILE* stream) {
  const int descriptor = fileno(stream);
  if (descriptor < 0 || isatty(descriptor) == 0) return std::nullopt;
  const char* terminal = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe)
  if (terminal != nullptr && std::string(terminal) == "dumb") return std::nullopt;
  winsize size = {};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUnknownWidth;
  return size.ws_col;
}

Interruption::Interruption() {
  signal_event = eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([this] { AwaitSignal(); });
  SetHandler(&Handle);
}

Interruption::~Interruption() {
  SetHandler(SIG_DFL);
  Write(kEnd);
  thread_.join();
  close(signal_event);
  signal_event = -1;
}

void Interruption::AwaitSignal() {
  uint64_t value = 0;
  while (read(signal_event, &value, sizeof(value)) < 0 && errno == EINTR) continue;
  if (value >= kEnd) return;
  cancellation_.Cancel();
  while (value < kEnd && (read(signal_event, &value, sizeof(value)) >= 0 || errno == EINTR)) {
    continue;
  }
}

}  // namespace threadstore::threadctl
