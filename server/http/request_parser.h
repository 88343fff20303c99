#ifndef THREADSTORE_SERVER_HTTP_REQUEST_PARSER_H_
#define THREADSTORE_SERVER_HTTP_REQUEST_PARSER_H_

#include <cstddef>
#include <memory>
#include <string>

#include "server/http/http_message.h"

namespace threadstore {

// Reads one HTTP/1 request out of bytes as they come (RFC 9112), within the limits of
// http_limits.h. Stricter than the RFC where being lenient lets two readers of the same bytes see
// different requests: what is ambiguous is refused. Not thread-safe.
class RequestParser {
 public:
  enum class Progress {
    kNeedsMore,  // All that came has been looked at.
    kHead,       // The request has come but for its body; told once.
    kDone,       // All of it has come.
    kRefused,    // See refusal(). The connection is to be closed: what follows cannot be told.
  };

  struct Refusal {
    int status = 0;
    std::string message;
  };

  RequestParser();
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // Reads on in `input`, which has the bytes that came and were not taken yet, and takes what it
  // has read from its front. Bytes after the request are left. Not called again after kDone and
  // kRefused.
  Progress Read(std::string& input);

  // As far as it has come: its method, target, host and headers with the head; its body grows with
  // each Read. Fields that follow a chunked body are dropped. What the connection knows, such as
  // the peer, is not set.
  HttpRequest& request();

  const Refusal& refusal() const;

  // From the head on.
  bool has_body() const;
  bool is_http_1_0() const;
  bool keeps_alive() const;       // The client wants to send more on this connection.
  bool expects_continue() const;  // It sends the body when it is told to.

 private:
  class Impl;

  const std::unique_ptr<Impl> impl_;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_REQUEST_PARSER_H_
