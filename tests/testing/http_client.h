#ifndef THREADSTORE_TESTS_TESTING_HTTP_CLIENT_H_
#define THREADSTORE_TESTS_TESTING_HTTP_CLIENT_H_

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/http/http_message.h"

namespace threadstore::testing {

// An answer as a client sees it.
struct ClientResponse {
  int status = 0;  // 0 if the connection ended before the answer was whole.
  HttpHeaders headers;
  std::string body;
};

// A client of HTTP that sends bytes as they are, and owns its connected socket. What does not come
// for a minute ends as a closed connection does.
class HttpClient {
 public:
  explicit HttpClient(int descriptor) : descriptor_(descriptor) {
    constexpr timeval kPatience = {60, 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  }
  HttpClient(HttpClient&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), received_(std::move(other.received_)) {}
  HttpClient& operator=(HttpClient&&) = delete;
  ~HttpClient() { Close(); }

  void Close() {
    if (descriptor_ >= 0) close(std::exchange(descriptor_, -1));
  }

  int descriptor() const { return descriptor_; }

  void FinishSending() { shutdown(descriptor_, SHUT_WR); }

  // Returns false if the connection is closed.
  bool Send(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  // A GET of `target` with these lines besides its Host.
  bool Get(absl::string_view target, absl::string_view lines = "") {
    return Send(absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: localhost\r\n", lines, "\r\n"));
  }

  bool Post(absl::string_view body, absl::string_view lines = "") {
    return Send(absl::StrCat("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ", body.size(),
                             "\r\n", lines, "\r\n", body));
  }

  // The next answer; `has_body` is false if it is one to a HEAD.
  ClientResponse Read(bool has_body = true) {
    ClientResponse response;
    const std::string head = ReadTo("\r\n\r\n");
    if (head.empty()) return response;
    const std::vector<absl::string_view> lines = absl::StrSplit(head, "\r\n", absl::SkipEmpty());
    for (size_t i = 1; i < lines.size(); ++i) {
      const std::pair<std::string, std::string> field =
          absl::StrSplit(lines[i], absl::MaxSplits(": ", 1));
      response.headers.Add(field.first, field.second);
    }
    bool is_whole = true;
    size_t length = 0;
    if (!has_body) {
      // Nothing follows.
    } else if (response.headers.Has("Transfer-Encoding")) {
      is_whole = ReadChunks(response.body);
    } else if (absl::SimpleAtoi(response.headers.Get("Content-Length"), &length)) {
      is_whole = ReadBytes(length, response.body);
    } else if (response.headers.Get("Connection") == "close") {
      response.body = ReadAll();
    }
    if (is_whole) static_cast<void>(absl::SimpleAtoi(lines[0].substr(9, 3), &response.status));
    return response;
  }

  // What comes until the connection ends.
  std::string ReadAll() {
    while (Receive()) {
    }
    return std::exchange(received_, "");
  }

  bool IsClosed() { return ReadAll().empty(); }

  // Receives at least a byte. Returns false at the end.
  bool Receive() {
    std::array<char, 65536> buffer;
    const ssize_t size = recv(descriptor_, buffer.data(), buffer.size(), 0);
    if (size <= 0) return false;
    received_.append(buffer.data(), static_cast<size_t>(size));
    return true;
  }

  // Up to and with `end`; empty if the connection ends before.
  std::string ReadTo(absl::string_view end) {
    size_t found;
    while ((found = received_.find(std::string(end))) == std::string::npos) {
      if (!Receive()) return "";
    }
    std::string result;
    ReadBytes(found + end.size(), result);
    return result;
  }

 private:
  bool ReadBytes(size_t size, std::string& result) {
    while (received_.size() < size) {
      if (!Receive()) return false;
    }
    result += received_.substr(0, size);
    received_.erase(0, size);
    return true;
  }

  bool ReadChunks(std::string& result) {
    while (true) {
      const std::string line = ReadTo("\r\n");
      if (line.empty()) return false;
      constexpr int kHexadecimal = 16;
      const size_t size = std::strtoul(line.c_str(), nullptr, kHexadecimal);
      if (size > 0 && !ReadBytes(size, result)) return false;
      if (ReadTo("\r\n") != "\r\n") return false;
      if (size == 0) return true;
    }
  }

  int descriptor_;
  std::string received_;
};

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_TESTING_HTTP_CLIENT_H_
