#ifndef THREADSTORE_SERVER_HTTP_HTTP_LIMITS_H_
#define THREADSTORE_SERVER_HTTP_HTTP_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"
#include "server/domain/limits.h"

// What the HTTP face takes of a client, each with its reason. Limits that operators set are flags
// (see server/config.h).
namespace threadstore {

// The request line and all header fields: as much as gRPC takes of metadata.
inline constexpr size_t kMaxHttpHeadBytes = kMaxMetadataBytes;

// The path and the query. Page tokens and filters are the longest things in it; proxies commonly
// take no more either.
inline constexpr size_t kMaxHttpTargetBytes = size_t{8} << 10;

// Browsers behind proxies send about 30.
inline constexpr int kMaxHttpHeaderFields = 100;

// A body, as it comes and without its content coding: as much as gRPC takes of a message.
inline constexpr size_t kMaxHttpBodyBytes = kMaxRequestBytes;

// The line before a chunk of a body, with its extensions, which nobody sends; and what may follow
// the last one.
inline constexpr size_t kMaxHttpChunkLineBytes = size_t{8} << 10;

// What is read at once; a connection keeps a buffer of it.
inline constexpr size_t kHttpReadBytes = size_t{16} << 10;

// How long clients may take.
struct HttpTimeouts {
  // For the handshake of TLS, and for a whole request line with its header fields.
  absl::Duration head = absl::Seconds(10);

  // For the whole body: the largest comes over a line of 1 Mbit/s.
  absl::Duration body = absl::Seconds(60);

  // From an answer to the next request. Longer than the minute that proxies commonly keep unused
  // connections: they send no request into one that is being closed.
  absl::Duration idle = absl::Seconds(75);

  // To take an answer, or the next part of one.
  absl::Duration answer = absl::Seconds(30);

  // To close a connection after the last answer. What still comes meanwhile is dropped: it would
  // make the kernel reset the connection, and take the answer from the client.
  absl::Duration linger = absl::Seconds(2);
};

// When a client that was refused for want of room may come back, in seconds.
inline constexpr int kHttpRetryAfterSeconds = 1;

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_HTTP_LIMITS_H_
