#ifndef THREADSTORE_SERVER_HTTP_STREAM_H_
#define THREADSTORE_SERVER_HTTP_STREAM_H_

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "server/base/certificate_names.h"
#include "server/http/tls_context.h"

namespace threadstore {

// A TCP connection, with or without TLS. One read and one write at a time; callbacks come on the
// socket's executor, on which also all calls are made. What is under way when it is destroyed or
// its socket closed ends with an error.
class Stream {
 public:
  using ErrorCode = boost::system::error_code;
  using Socket = boost::asio::ip::tcp::socket;
  using Done = absl::AnyInvocable<void(const ErrorCode& error, size_t bytes)>;

  virtual ~Stream() = default;

  // Comes first. Without TLS it is done at once.
  virtual void Handshake(Done done) = 0;

  // Reads some bytes; at the end there is an error.
  virtual void Read(boost::asio::mutable_buffer buffer, Done done) = 0;

  // Writes all; what the buffers point to must stay.
  virtual void Write(const std::vector<boost::asio::const_buffer>& buffers, Done done) = 0;

  // Tells the peer that nothing follows. What it still sends can be read from the socket.
  virtual void Finish(Done done) = 0;

  virtual Socket& socket() = 0;
  virtual bool is_tls() const = 0;

  // Whose certificate the client has shown; nothing if it was asked for none. After the handshake.
  virtual std::optional<CertificateNames> PeerCertificate() = 0;
};

// Without TLS if `tls` is null.
std::unique_ptr<Stream> MakeStream(Stream::Socket socket, std::shared_ptr<TlsContext> tls);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_HTTP_STREAM_H_
