#include "server/http/descriptions.h"

#include <zlib.h>

#include <cstdlib>
#include <string>

#include "google/protobuf/stubs/logging.h"

namespace threadstore {
namespace {

// The document, which is never freed.
const std::string& BodyOfDescription(absl::string_view path) {
  for (const DocsFile& file : DescriptionFiles()) {
    if (file.path == path) return *new std::string(BodyOf(file));
  }
  GOOGLE_LOG(FATAL) << "no description " << std::string(path);
  std::abort();
}

}  // namespace

absl::string_view OpenApiDocument() {
  static const std::string& document = BodyOfDescription("/openapi.json");
  return document;
}

absl::string_view CsdlDocument() {
  static const std::string& document = BodyOfDescription("/$metadata");
  return document;
}

bool HasDocsPage() { return !DocsFiles().empty(); }

std::string BodyOf(const DocsFile& file) {
  constexpr int kGzipFormat = 16;
  constexpr size_t kTrailerBytes = 4;
  // The member ends with its length (RFC 1952), least significant byte first.
  size_t size = 0;
  for (size_t i = 0; i < kTrailerBytes; ++i) {
    size = (size << 8) | static_cast<unsigned char>(file.gzip_body[file.gzip_body.size() - 1 - i]);
  }
  std::string body(size, '\0');
  z_stream stream = {};
  GOOGLE_CHECK(inflateInit2(&stream, kGzipFormat + MAX_WBITS) == Z_OK);
  // zlib does not write through it.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(file.gzip_body.data()));
  stream.avail_in = static_cast<uInt>(file.gzip_body.size());
  stream.next_out = reinterpret_cast<Bytef*>(body.data());
  stream.avail_out = static_cast<uInt>(body.size());
  const int result = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  GOOGLE_CHECK(result == Z_STREAM_END) << std::string(file.path);
  return body;
}

}  // namespace threadstore
