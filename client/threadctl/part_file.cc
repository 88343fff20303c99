#include "client/threadctl/part_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "server/base/errno_text.h"

namespace threadstore::threadctl {
namespace {

absl::Status Failure(absl::string_view path) {
  return absl::DataLossError(absl::StrCat(path, ": ", ErrnoText(errno)));
}

// A new name is on disk when its directory is.
bool SyncDirectoryOf(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const int directory =
      open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return false;
  const bool is_synced = fsync(directory) == 0;
  close(directory);
  return is_synced;
}

}  // namespace

PartFile::~PartFile() {
  if (file_ == nullptr) return;
  Close();
  unlink(part_path_.c_str());
}

absl::Status PartFile::Begin() {
  Close();
  file_ = std::fopen(part_path_.c_str(), "wbe");
  return file_ == nullptr ? Failure(part_path_) : absl::OkStatus();
}

absl::Status PartFile::Write(absl::string_view bytes) {
  return std::fwrite(bytes.data(), 1, bytes.size(), file_) == bytes.size() ? absl::OkStatus()
                                                                           : Failure(part_path_);
}

absl::Status PartFile::Commit() {
  if (std::fflush(file_) != 0 || fsync(fileno(file_)) != 0) return Failure(part_path_);
  if (std::rename(part_path_.c_str(), path_.c_str()) != 0) return Failure(path_);
  Close();
  return SyncDirectoryOf(path_) ? absl::OkStatus() : Failure(path_);
}

void PartFile::Close() {
  if (file_ != nullptr) std::fclose(file_);
  file_ = nullptr;
}

}  // namespace threadstore::threadctl
