#ifndef THREADSTORE_CLIENT_THREADCTL_LINE_READER_H_
#define THREADSTORE_CLIENT_THREADCTL_LINE_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "client/thread_client.h"

namespace threadstore::threadctl {

// Reads lines of any number in constant memory.
class LineReader {
 public:
  enum class Result { kLine, kTooLong, kEnd };

  // Reads from a file that stays the caller's. Lines of more than `max_bytes` are too long.
  LineReader(int file, size_t max_bytes);

  // Reads a line into `line`, without its newline, which the last one needs not have; of one that
  // is too long, nothing. Also while it waits for input it is CANCELLED by `cancellation`. UNKNOWN
  // if the input cannot be read.
  absl::StatusOr<Result> Next(Cancellation& cancellation, std::string* line);

  // The number of the line that was read last, from 1.
  int64_t number() const { return number_; }

  // How much has been read, and how much there is; 0 if that is not known, as of a pipe.
  int64_t bytes() const { return bytes_; }
  int64_t total_bytes() const { return total_bytes_; }

 private:
  // Returns false at the end.
  absl::StatusOr<bool> Fill(Cancellation& cancellation);

  const int file_;
  const size_t max_bytes_;
  std::string buffer_;
  size_t next_ = 0;  // in the buffer
  int64_t number_ = 0;
  int64_t bytes_ = 0;
  int64_t total_bytes_ = 0;
};

}  // namespace threadstore::threadctl

#endif  // THREADSTORE_CLIENT_THREADCTL_LINE_READER_H_
