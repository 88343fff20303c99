#include "client/threadctl/line_reader.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/status/status.h"
#include "server/base/errno_text.h"
#include "server/base/status_macros.h"

namespace threadstore::threadctl {
namespace {

constexpr size_t kBufferBytes = size_t{256} << 10;

// How long a wait for input takes to notice that it is cancelled.
constexpr int kPollMillis = 100;

}  // namespace

LineReader::LineReader(int file, size_t max_bytes) : file_(file), max_bytes_(max_bytes) {
  struct stat status = {};
  if (fstat(file, &status) == 0 && S_ISREG(status.st_mode)) total_bytes_ = status.st_size;
}

absl::StatusOr<LineReader::Result> LineReader::Next(Cancellation& cancellation, std::string* line) {
  line->clear();
  bool is_too_long = false;
  for (bool has_begun = false;; has_begun = true) {
    if (next_ == buffer_.size()) {
      ASSIGN_OR_RETURN(const bool has_more, Fill(cancellation));
      if (!has_more && !has_begun) return Result::kEnd;
      if (!has_more) break;
    }
    const size_t newline = buffer_.find('\n', next_);
    const size_t end = std::min(newline, buffer_.size());
    is_too_long = is_too_long || line->size() + (end - next_) > max_bytes_;
    if (is_too_long) {
      line->clear();
    } else {
      line->append(buffer_, next_, end - next_);
    }
    next_ = std::min(end + 1, buffer_.size());
    if (newline != std::string::npos) break;
  }
  ++number_;
  return is_too_long ? Result::kTooLong : Result::kLine;
}

absl::StatusOr<bool> LineReader::Fill(Cancellation& cancellation) {
  pollfd input = {file_, POLLIN, 0};
  while (poll(&input, 1, kPollMillis) <= 0) {
    if (cancellation.IsCancelled()) return absl::CancelledError("interrupted");
  }
  buffer_.resize(kBufferBytes);
  ssize_t size = 0;
  do {
    size = read(file_, buffer_.data(), buffer_.size());
  } while (size < 0 && errno == EINTR);
  if (size < 0) return absl::UnknownError(ErrnoText(errno));
  buffer_.resize(size);
  next_ = 0;
  bytes_ += size;
  return size > 0;
}

}  // namespace threadstore::threadctl
