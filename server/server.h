#ifndef THREADSTORE_SERVER_SERVER_H_
#define THREADSTORE_SERVER_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "server/http/http_message.h"
#include "server/service/unary_call.h"

namespace threadstore {

struct Config;

// Makes what answers the requests of the HTTP face, which is a client of the gRPC face: `channel`
// leads there within the process.
using HttpHandlerFactory =
    std::function<std::unique_ptr<HttpHandler>(const std::shared_ptr<grpc::Channel>& channel)>;

// The gRPC face: its listener, the services, grpc.health.v1, reflection and channelz. And the HTTP
// face, if there is one.
//
// Health answers SERVING for the whole server (the empty name) and for each service while the
// store takes writes.
class Server {
 public:
  // Begins to serve where `config` says, with its limits. `services` must outlive the server.
  // UNAVAILABLE if an address cannot be listened on; INVALID_ARGUMENT if the TLS files cannot be
  // used.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Config& config,
                                                       const ServiceContext& services,
                                                       const HttpHandlerFactory& make_handler);

  virtual ~Server() = default;

  // The ports that are listened on; http_port() is 0 without an HTTP face.
  virtual int port() const = 0;
  virtual int http_port() const = 0;

  // Answers NOT_SERVING from now on, on every name. Safe from any thread.
  virtual void StopServingHealth() = 0;

  // The HTTP face comes first, since what it has under way calls the gRPC face: it takes no new
  // requests. Then answers new calls with UNAVAILABLE / SHUTTING_DOWN and returns when all calls in
  // flight have ended; those that still run at `deadline` are cancelled. Streams of grpc.health.v1
  // and idle connections are not waited for, beyond a second. Called once, before destruction.
  virtual void Shutdown(absl::Time deadline) = 0;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVER_H_
