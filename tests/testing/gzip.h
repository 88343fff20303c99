#ifndef THREADSTORE_TESTS_TESTING_GZIP_H_
#define THREADSTORE_TESTS_TESTING_GZIP_H_

#include <zlib.h>

#include <string>

namespace threadstore::testing {

// One gzip member that holds `text`.
inline std::string Gzip(const std::string& text) {
  constexpr int kGzipWindowBits = MAX_WBITS + 16;
  constexpr int kMemoryLevel = 8;
  z_stream stream = {};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzipWindowBits, kMemoryLevel,
               Z_DEFAULT_STRATEGY);
  std::string member(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(member.data());
  stream.avail_out = static_cast<uInt>(member.size());
  deflate(&stream, Z_FINISH);
  member.resize(stream.total_out);
  deflateEnd(&stream);
  return member;
}

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_TESTING_GZIP_H_
