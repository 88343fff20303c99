#ifndef THREADSTORE_CLIENT_THREADCTL_PROGRESS_H_
#define THREADSTORE_CLIENT_THREADCTL_PROGRESS_H_

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace threadstore::threadctl {

// How far something has come.
struct Step {
  // Records so far.
  int64_t records = 0;

  // Of a whole, such as the bytes of a file; `total` is 0 if it is not known.
  int64_t done = 0;
  int64_t total = 0;
};

// One line that says it, at most `width` columns: records, percent, rate, remaining time, and a bar
// in the room that is left. Where there is too little, the bar goes first, then the rate, then the
// time. Without a total there is neither percent, time nor bar.
std::string FormatProgress(const Step& step, absl::Duration elapsed, int width);

// Shows on a stream for people, such as standard error, how far something has come: on a terminal
// as its last line, which is drawn again about ten times a second and follows the terminal's width;
// elsewhere as a line every five seconds. Not thread-safe.
class Progress {
 public:
  explicit Progress(std::FILE* out) : out_(out), begin_(absl::Now()), last_(begin_) {}

  // Clears.
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Shows it, unless that was done a moment ago.
  void Show(const Step& step);

  // Prints a line of its own, which must be printable, and not the last line of a terminal twice.
  void PrintLine(absl::string_view line);

  // Begins anew: rate and remaining time count from here.
  void Restart();

  // Takes the line off the terminal.
  void Clear();

 private:
  // What takes the line off the terminal, with which it is not drawn any more.
  std::string Erase();

  // At once: in parts, it would be seen to come and go.
  void Write(const std::string& text);

  std::FILE* const out_;
  absl::Time begin_;
  absl::Time last_;
  int drawn_ = 0;  // columns that are on the terminal
};

}  // namespace threadstore::threadctl

#endif  // THREADSTORE_CLIENT_THREADCTL_PROGRESS_H_
