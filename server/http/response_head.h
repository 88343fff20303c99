#ifndef THREADSTORE_SERVER_HTTP_RESPONSE_HEAD_H_
#define THREADSTORE_SERVER_HTTP_RESPONSE_HEAD_H_

#include <cstddef>
#include <string>

#include "absl/time/time.h"
#include "server/http/http_message.h"

namespace threadstore {

// How the end of a body is told (RFC 9112, section 6).
enum class BodyFraming {
  kNone,        // There is no body, whatever the request: 204 and 304.
  kLength,      // By Content-Length.
  kChunked,     // By the last chunk.
  kUntilClose,  // By the end of the connection, for HTTP/1.0.
};

struct ResponseFraming {
  BodyFraming body = BodyFraming::kLength;
  size_t length = 0;                 // With kLength.
  bool closes = false;               // The connection ends after it.
  bool tells_it_stays_open = false;  // For HTTP/1.0, where that is not the rule.
};

// Whether an answer with this status never has a body.
bool HasNoBody(int status);

// Whether nothing in `headers` would end its line.
bool AreSendable(const HttpHeaders& headers);

// The status line and the fields of an answer that is sent at `now`, with those of the connection
// and the body.
std::string FormatHead(const HttpResponse& response, const ResponseFraming& framing,
                       absl::Time now);

// The line before a chunk of `size` bytes, which is not 0. The chunk ends with kEndOfChunk.
std::string FormatChunkLine(size_t size);
inline constexpr absl::string_view kEndOfChunk = "\r\n";
inline constexpr absl::string_view kLastChunk = "0\r\n\r\n";

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_RESPONSE_HEAD_H_
