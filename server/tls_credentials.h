#ifndef THREADSTORE_SERVER_TLS_CREDENTIALS_H_
#define THREADSTORE_SERVER_TLS_CREDENTIALS_H_

#include <memory>

#include "grpcpp/security/server_credentials.h"
#include "server/tls_watcher.h"

namespace threadstore {

// TLS 1.2 and later for gRPC, with what `watcher` has as each connection begins. If it has
// authorities for clients now, each connection must show a certificate that one of them vouches
// for. The watcher must outlive the server, and whoever builds it must keep the credentials as long
// as it runs.
std::shared_ptr<grpc::ServerCredentials> MakeTlsCredentials(const TlsWatcher& watcher);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_TLS_CREDENTIALS_H_
