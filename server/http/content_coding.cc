#include "server/http/content_coding.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/http/http_syntax.h"

namespace threadstore {
namespace {

constexpr size_t kBlockBytes = size_t{16} << 10;

// zlib: 16 more than the window bits reads gzip, and nothing else.
constexpr int kGzipWindowBits = MAX_WBITS + 16;

absl::Status NotGzip() {
  return absl::InvalidArgumentError("The body is not gzip, as its Content-Encoding says.");
}

absl::Status TooLarge(size_t max_bytes) {
  return absl::OutOfRangeError(
      absl::StrCat("The body of a request may have at most ", max_bytes, " bytes when decoded."));
}

}  // namespace

std::optional<ContentCoding> ContentCodingOf(const HttpHeaders& headers) {
  const std::vector<absl::string_view> codings = ListOf(headers, "Content-Encoding");
  if (codings.empty()) return ContentCoding::kIdentity;
  if (codings.size() > 1) return std::nullopt;
  if (absl::EqualsIgnoreCase(codings[0], "identity")) return ContentCoding::kIdentity;
  if (absl::EqualsIgnoreCase(codings[0], "gzip") || absl::EqualsIgnoreCase(codings[0], "x-gzip")) {
    return ContentCoding::kGzip;
  }
  return std::nullopt;
}

absl::StatusOr<std::string> DecodeGzip(absl::string_view body, size_t max_bytes) {
  z_stream stream = {};
  if (inflateInit2(&stream, kGzipWindowBits) != Z_OK) {
    return absl::ResourceExhaustedError("zlib has no memory");
  }
  const absl::Cleanup end = [&stream] { inflateEnd(&stream); };
  // zlib does not write to its input.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());

  std::string decoded;
  std::array<char, kBlockBytes> block;
  while (true) {
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    const int result = inflate(&stream, Z_NO_FLUSH);
    const size_t size = block.size() - stream.avail_out;
    if (size > max_bytes - decoded.size()) return TooLarge(max_bytes);
    decoded.append(block.data(), size);
    if (result == Z_STREAM_END) {
      if (stream.avail_in == 0) return decoded;
      if (inflateReset(&stream) != Z_OK) return NotGzip();  // Another member follows.
    } else if (result != Z_OK) {
      return NotGzip();  // Z_BUF_ERROR is one that is cut off.
    }
  }
}

}  // namespace threadstore
