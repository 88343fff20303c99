#ifndef THREADSTORE_CLIENT_THREADCTL_PART_FILE_H_
#define THREADSTORE_CLIENT_THREADCTL_PART_FILE_H_

#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace threadstore::threadctl {

// A file that is there whole or not at all: written as FILE.part, which takes the place of FILE at
// the end. Errors are DATA_LOSS, and say which file and why.
class PartFile {
 public:
  explicit PartFile(const std::string& path) : path_(path), part_path_(path + ".part") {}

  // Removes FILE.part, unless it has become FILE.
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  // Begins, or begins anew with nothing in it.
  absl::Status Begin();
  absl::Status Write(absl::string_view bytes);

  // Puts all that was written on disk, and in the place of FILE.
  absl::Status Commit();

 private:
  void Close();

  const std::string path_;
  const std::string part_path_;
  std::FILE* file_ = nullptr;
};

}  // namespace threadstore::threadctl

#endif  // THREADSTORE_CLIENT_THREADCTL_PART_FILE_H_
