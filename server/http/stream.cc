#include "server/http/stream.h"

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace threadstore {
namespace {

namespace asio = boost::asio;

class PlainStream final : public Stream {
 public:
  explicit PlainStream(Socket socket) : socket_(std::move(socket)) {}

  void Handshake(Done done) override {
    asio::post(socket_.get_executor(),
               [done = std::move(done)]() mutable { done(ErrorCode(), 0); });
  }

  void Read(asio::mutable_buffer buffer, Done done) override {
    socket_.async_read_some(buffer, std::move(done));
  }

  void Write(const std::vector<asio::const_buffer>& buffers, Done done) override {
    asio::async_write(socket_, buffers, std::move(done));
  }

  void Finish(Done done) override {
    ErrorCode error;
    socket_.shutdown(Socket::shutdown_send, error);
    asio::post(socket_.get_executor(),
               [done = std::move(done), error]() mutable { done(error, 0); });
  }

  Socket& socket() override { return socket_; }
  bool is_tls() const override { return false; }
  std::optional<CertificateNames> PeerCertificate() override { return std::nullopt; }

 private:
  Socket socket_;
};

class TlsStream final : public Stream {
 public:
  TlsStream(Socket socket, std::shared_ptr<TlsContext> context)
      : context_(std::move(context)), stream_(std::move(socket), *context_) {}

  void Handshake(Done done) override {
    stream_.async_handshake(
        asio::ssl::stream_base::server,
        [done = std::move(done)](const ErrorCode& error) mutable { done(error, 0); });
  }

  void Read(asio::mutable_buffer buffer, Done done) override {
    stream_.async_read_some(buffer, std::move(done));
  }

  void Write(const std::vector<asio::const_buffer>& buffers, Done done) override {
    asio::async_write(stream_, buffers, std::move(done));
  }

  // The peer's own end, which this waits for, may not come before more data: that is an error here,
  // and no harm.
  void Finish(Done done) override {
    stream_.async_shutdown([this, done = std::move(done)](const ErrorCode& /*error*/) mutable {
      ErrorCode error;
      socket().shutdown(Socket::shutdown_send, error);
      done(error, 0);
    });
  }

  Socket& socket() override { return stream_.next_layer(); }
  bool is_tls() const override { return true; }
  std::optional<CertificateNames> PeerCertificate() override {
    return ReadPeerCertificate(stream_.native_handle());
  }

 private:
  const std::shared_ptr<TlsContext> context_;
  asio::ssl::stream<Socket> stream_;
};

}  // namespace

std::unique_ptr<Stream> MakeStream(Stream::Socket socket, std::shared_ptr<TlsContext> tls) {
  if (tls == nullptr) return std::make_unique<PlainStream>(std::move(socket));
  return std::make_unique<TlsStream>(std::move(socket), std::move(tls));
}

}  // namespace threadstore
