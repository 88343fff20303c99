#include "server/base/file_text.h"

#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace threadstore {

absl::StatusOr<std::string> ReadFileText(const std::string& path, size_t max_bytes) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream.is_open()) return absl::UnavailableError("cannot be read");
  std::string text(max_bytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return absl::UnavailableError("cannot be read");
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > max_bytes) {
    return absl::UnavailableError(absl::StrCat("has more than ", max_bytes, " bytes"));
  }
  return text;
}

}  // namespace threadstore
