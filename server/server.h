#ifndef THREADSTORE_SERVER_SERVER_H_
#define THREADSTORE_SERVER_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/service/unary_call.h"

namespace threadstore {

struct Config;

// The gRPC listener with the services, grpc.health.v1, reflection and channelz.
//
// Health answers SERVING for the whole server (the empty name) and for each service while the
// store takes writes.
class Server {
 public:
  // Begins to serve where `config` says, with its limits. `services` must outlive the server.
  // UNAVAILABLE if the address cannot be listened on.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Config& config,
                                                       const ServiceContext& services);

  virtual ~Server() = default;

  // The port that is listened on.
  virtual int port() const = 0;

  // Answers NOT_SERVING from now on, on every name. Safe from any thread.
  virtual void StopServingHealth() = 0;

  // Answers new calls with UNAVAILABLE / SHUTTING_DOWN and returns when all calls in flight have
  // ended; those that still run at `deadline` are cancelled. Streams of grpc.health.v1 and idle
  // connections are not waited for, beyond a second. Called once, before destruction.
  virtual void Shutdown(absl::Time deadline) = 0;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_SERVER_H_
