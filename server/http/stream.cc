#include "server/http/stream.h"

#include <openssl/ssl.h>

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "absl/strings/str_cat.h"

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

 private:
  const std::shared_ptr<TlsContext> context_;
  asio::ssl::stream<Socket> stream_;
};

// As ALPN has it: a length, and so many bytes. OpenSSL keeps a pointer into it.
constexpr unsigned char kProtocols[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

// RFC 7301: a client that offers protocols, and not ours, is refused.
int SelectHttp11(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size,
                 const unsigned char* offered, unsigned int offered_size, void* /*data*/) {
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, out_size, kProtocols, sizeof kProtocols, offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

absl::StatusOr<std::shared_ptr<TlsContext>> MakeTlsContext(const TlsIdentity& identity) {
  auto context = std::make_shared<TlsContext>(TlsContext::tls_server);
  SSL_CTX* const native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(native, &SelectHttp11, nullptr);
  Stream::ErrorCode error;
  context->use_certificate_chain(asio::buffer(identity.certificates), error);
  if (!error) {
    context->use_private_key(asio::buffer(identity.private_key), TlsContext::pem, error);
  }
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("--tls_cert and --tls_key cannot be used: ", error.message()));
  }
  return context;
}

std::unique_ptr<Stream> MakeStream(Stream::Socket socket, std::shared_ptr<TlsContext> tls) {
  if (tls == nullptr) return std::make_unique<PlainStream>(std::move(socket));
  return std::make_unique<TlsStream>(std::move(socket), std::move(tls));
}

}  // namespace threadstore
