#ifndef THREADSTORE_CLIENT_THREADCTL_TERMINAL_H_
#define THREADSTORE_CLIENT_THREADCTL_TERMINAL_H_

#include <cstdio>
#include <optional>
#include <thread>

#include "client/thread_client.h"

// What threadctl needs to know of the terminal it runs in.
namespace threadstore::threadctl {

// How many columns the terminal has that `stream` goes to, at this moment; none if it goes
// elsewhere, or to a terminal that knows no escapes (TERM=dumb).
std::optional<int> TerminalWidth(std::FILE* stream);

// While there is one of these, the first SIGINT or SIGTERM cancels instead of ending the process;
// another one ends it. One at a time.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  // What is cancelled.
  Cancellation* cancellation() { return &cancellation_; }

 private:
  void AwaitSignal();

  Cancellation cancellation_;
  std::thread thread_;
};

}  // namespace threadstore::threadctl

#endif  // THREADSTORE_CLIENT_THREADCTL_TERMINAL_H_
