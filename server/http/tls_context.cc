#include "server/http/tls_context.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/buffer.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/status_macros.h"
#include "server/telemetry/log.h"

namespace threadstore {
namespace {

using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free)>;

// Of TLS 1.2, as gRPC has them for the other face. Those of TLS 1.3 are all good.
constexpr char kCiphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

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

absl::Status Unusable(absl::string_view flags, absl::string_view why) {
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat(flags, " cannot be used: ", why));
}

// Tells clients, too, whose certificates are believed, so that they can choose theirs.
absl::Status RequireClientCertificates(SSL_CTX* context, const std::string& authorities) {
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  // As gRPC has it: an authority that is not at the root of its chain is enough.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
  const BioPtr view(BIO_new_mem_buf(authorities.data(), static_cast<int>(authorities.size())),
                    &BIO_free);
  while (X509* const next = PEM_read_bio_X509(view.get(), nullptr, nullptr, nullptr)) {
    const std::unique_ptr<X509, decltype(&X509_free)> authority(next, &X509_free);
    if (X509_STORE_add_cert(store, authority.get()) != 1 ||
        SSL_CTX_add_client_CA(context, authority.get()) != 1) {
      return Unusable("--tls_client_ca", "OpenSSL does not take a certificate");
    }
  }
  ERR_clear_error();  // That there are no more.
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // Resuming a session does not look at the certificate again, however long that has expired.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context, 0);
  return absl::OkStatus();
}

std::string SubjectOf(const X509& certificate) {
  const BioPtr text(BIO_new(BIO_s_mem()), &BIO_free);
  X509_NAME_print_ex(text.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253);
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(text.get(), &bytes);
  return size > 0 ? std::string(bytes, static_cast<size_t>(size)) : "";
}

std::vector<std::string> SpiffeIdsOf(const X509& certificate) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)),
      &GENERAL_NAMES_free);
  std::vector<std::string> ids;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME& name = *sk_GENERAL_NAME_value(names.get(), i);
    if (name.type != GEN_URI) continue;
    const ASN1_IA5STRING& uri = *name.d.uniformResourceIdentifier;
    std::string id(reinterpret_cast<const char*>(ASN1_STRING_get0_data(&uri)),
                   static_cast<size_t>(ASN1_STRING_length(&uri)));
    if (IsSpiffeId(id)) ids.push_back(std::move(id));
  }
  return ids;
}

}  // namespace

absl::StatusOr<std::shared_ptr<TlsContext>> MakeTlsContext(const TlsIdentity& identity) {
  auto context = std::make_shared<TlsContext>(TlsContext::tls_server);
  SSL_CTX* const native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(
      native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(native, &SelectHttp11, nullptr);
  boost::system::error_code error;
  context->use_certificate_chain(boost::asio::buffer(identity.certificates), error);
  if (!error) {
    context->use_private_key(boost::asio::buffer(identity.private_key), TlsContext::pem, error);
  }
  if (error) return Unusable("--tls_cert and --tls_key", error.message());
  if (SSL_CTX_set_cipher_list(native, kCiphers) != 1) {
    return absl::InternalError("OpenSSL has none of the ciphers");
  }
  if (!identity.client_authorities.empty()) {
    RETURN_IF_ERROR(RequireClientCertificates(native, identity.client_authorities));
  }
  return context;
}

std::optional<CertificateNames> ReadPeerCertificate(SSL* connection) {
  const X509* const certificate = SSL_get0_peer_certificate(connection);
  if (certificate == nullptr) return std::nullopt;
  return CertificateNames{.spiffe_ids = SpiffeIdsOf(*certificate),
                          .subject = SubjectOf(*certificate)};
}

absl::StatusOr<std::unique_ptr<TlsContexts>> TlsContexts::Create(TlsIdentitySource source) {
  std::unique_ptr<TlsContexts> contexts(new TlsContexts(std::move(source)));
  MutexLock lock(&contexts->mutex_);
  contexts->identity_ = contexts->source_();
  ASSIGN_OR_RETURN(contexts->context_, MakeTlsContext(*contexts->identity_));
  return contexts;
}

std::shared_ptr<TlsContext> TlsContexts::Get() {
  std::shared_ptr<const TlsIdentity> now = source_();
  MutexLock lock(&mutex_);
  if (now == identity_) return context_;
  absl::StatusOr<std::shared_ptr<TlsContext>> made = MakeTlsContext(*now);
  if (made.ok()) {
    context_ = *std::move(made);
  } else {
    log::Error("tls context not made", {{"message", std::string(made.status().message())}});
  }
  identity_ = std::move(now);
  return context_;
}

}  // namespace threadstore
