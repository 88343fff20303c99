#ifndef THREADSTORE_CLIENT_THREAD_CLIENT_H_
#define THREADSTORE_CLIENT_THREAD_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpc/health/v1/health.pb.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/group_service.pb.h"
#include "threadstore/v1/thread_service.pb.h"

namespace threadstore {

// A client of a Threadstore server. Each method is one RPC, described in the protos, and blocks
// until it has ended. Requests are checked by the server only. Thread-safe; one client, and so
// one connection, serves a whole process. Calls must have returned before it is destroyed.
//
// Errors are the server's, with its google.rpc details as payloads under their type URLs, which
// error_details.h reads; or gRPC's own, without details: UNAVAILABLE if the server cannot be
// reached, DEADLINE_EXCEEDED.
//
// A call is tried up to five times, for at most the timeout altogether:
// - UNAVAILABLE, and a CANCELLED that the server did not explain, is tried again after about 0.2,
// 0.4, 0.8 and 1.6 s (with jitter, or after the
//   server's RetryInfo if it sent one) where that cannot do the work twice. It cannot for reads,
//   nor for creates with a request_id, which goes along with every create: the caller's, or a
//   new UUIDv7. For AddMember, RemoveMember and DeleteGroup it cannot if the server says that
//   nothing was written (SHUTTING_DOWN, STORE_BUSY, STORE_FAILED). These three wait up to 3 s, or
//   half of the timeout, for a connection before they send anything, so that only a connection lost
//   in the middle is left to the caller.
// - RESOURCE_EXHAUSTED is tried again if it has a RetryInfo, after that time: the server sends
//   one only when it has written nothing.
// - Everything else is returned at once, and so is an error whose wait would outlast the timeout.
// - CheckHealth is tried once.
class ThreadClient {
 public:
  struct Options {
    // Where the server is: HOST:PORT, or another target that gRPC resolves, such as
    // `dns:///HOST:PORT` or `unix:PATH`. The connection is not encrypted, and environment
    // variables for HTTP proxies are not heeded.
    std::string server = "127.0.0.1:50051";

    // Sent as `authorization: Bearer TOKEN`; nothing is sent if empty.
    std::string token;

    // Sent as `x-threadstore-user: USER`, which a server with `--auth=none` heeds; nothing is
    // sent if empty.
    std::string user;

    // How long a call may take, all tries and the waiting between them included. Positive; may
    // be infinite.
    absl::Duration timeout = absl::Seconds(30);
  };

  // Connects with the first call, so an unreachable server is no error here. INVALID_ARGUMENT
  // if there is no server, or the token or the user cannot be sent in a header: they may hold
  // printable ASCII only.
  static absl::StatusOr<std::unique_ptr<ThreadClient>> Create(const Options& options);

  ~ThreadClient();
  ThreadClient(const ThreadClient&) = delete;
  ThreadClient& operator=(const ThreadClient&) = delete;

  absl::StatusOr<v1::Group> CreateGroup(v1::CreateGroupRequest request);
  absl::StatusOr<v1::Group> GetGroup(const v1::GetGroupRequest& request);
  absl::StatusOr<v1::ListGroupsResponse> ListGroups(const v1::ListGroupsRequest& request);
  absl::StatusOr<v1::ListJoinedGroupsResponse> ListJoinedGroups(
      const v1::ListJoinedGroupsRequest& request);
  absl::Status DeleteGroup(const v1::DeleteGroupRequest& request);

  absl::StatusOr<v1::Member> AddMember(const v1::AddMemberRequest& request);
  absl::Status RemoveMember(const v1::RemoveMemberRequest& request);
  absl::StatusOr<v1::ListMembersResponse> ListMembers(const v1::ListMembersRequest& request);

  absl::StatusOr<v1::ConversationThread> CreateThread(v1::CreateThreadRequest request);
  absl::StatusOr<v1::ConversationThread> GetThread(const v1::GetThreadRequest& request);
  absl::StatusOr<v1::ListThreadsResponse> ListThreads(const v1::ListThreadsRequest& request);

  // grpc.health.v1: whether a service of the server, or with an empty name the whole server,
  // takes calls. NOT_FOUND if it has no such service.
  absl::StatusOr<grpc::health::v1::HealthCheckResponse> CheckHealth(
      const grpc::health::v1::HealthCheckRequest& request);

 private:
  class Connection;

  explicit ThreadClient(std::unique_ptr<Connection> connection);

  const std::unique_ptr<Connection> connection_;
};

}  // namespace threadstore

#endif  // THREADSTORE_CLIENT_THREAD_CLIENT_H_
