#ifndef THREADSTORE_CLIENT_THREAD_CLIENT_H_
#define THREADSTORE_CLIENT_THREAD_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpc/health/v1/health.pb.h"
#include "threadstore/v1/conversation_service.pb.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/group_service.pb.h"
#include "threadstore/v1/post_service.pb.h"
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
//   0.4, 0.8 and 1.6 s (with jitter, or after the server's RetryInfo if it sent one) where that
//   cannot do the work twice. It cannot for reads, nor for what has a request_id, which goes along
//   with every Create*, Reply* and Forward*: the caller's, or a new UUIDv7. For the other writes it
//   cannot if the server says that nothing was written (SHUTTING_DOWN, STORE_BUSY, STORE_FAILED).
//   These wait up to 3 s, or half of the timeout, for a connection before they send anything, so
//   that only a connection lost in the middle is left to the caller.
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
  absl::StatusOr<v1::Group> UpdateGroup(const v1::UpdateGroupRequest& request);
  absl::Status DeleteGroup(const v1::DeleteGroupRequest& request);

  absl::StatusOr<v1::Member> AddMember(const v1::AddMemberRequest& request);
  absl::Status RemoveMember(const v1::RemoveMemberRequest& request);
  absl::StatusOr<v1::ListMembersResponse> ListMembers(const v1::ListMembersRequest& request);

  absl::StatusOr<v1::Sender> AddSender(const v1::AddSenderRequest& request);
  absl::Status RemoveSender(const v1::RemoveSenderRequest& request);
  absl::StatusOr<v1::ListSendersResponse> ListSenders(const v1::ListSendersRequest& request);

  absl::StatusOr<v1::Conversation> CreateConversation(v1::CreateConversationRequest request);
  absl::StatusOr<v1::Conversation> GetConversation(const v1::GetConversationRequest& request);
  absl::StatusOr<v1::ListConversationsResponse> ListConversations(
      const v1::ListConversationsRequest& request);
  absl::Status DeleteConversation(const v1::DeleteConversationRequest& request);

  absl::StatusOr<v1::ConversationThread> CreateThread(v1::CreateThreadRequest request);
  absl::StatusOr<v1::ConversationThread> GetThread(const v1::GetThreadRequest& request);
  absl::StatusOr<v1::ListThreadsResponse> ListThreads(const v1::ListThreadsRequest& request);
  absl::StatusOr<v1::ConversationThread> UpdateThread(const v1::UpdateThreadRequest& request);
  absl::Status DeleteThread(const v1::DeleteThreadRequest& request);
  absl::StatusOr<v1::Post> ReplyToThread(v1::ReplyToThreadRequest request);
  absl::StatusOr<v1::SearchThreadsResponse> SearchThreads(const v1::SearchThreadsRequest& request);
  absl::StatusOr<v1::ListThreadChangesResponse> ListThreadChanges(
      const v1::ListThreadChangesRequest& request);

  absl::StatusOr<v1::Post> GetPost(const v1::GetPostRequest& request);
  absl::StatusOr<v1::ListPostsResponse> ListPosts(const v1::ListPostsRequest& request);
  absl::StatusOr<v1::Post> UpdatePost(const v1::UpdatePostRequest& request);
  absl::Status DeletePost(const v1::DeletePostRequest& request);
  absl::StatusOr<v1::Post> ReplyToPost(v1::ReplyToPostRequest request);
  absl::StatusOr<v1::Forward> ForwardPost(v1::ForwardPostRequest request);

  absl::StatusOr<v1::Attachment> CreateAttachment(v1::CreateAttachmentRequest request);
  absl::StatusOr<v1::Attachment> GetAttachment(const v1::GetAttachmentRequest& request);
  absl::StatusOr<v1::ListAttachmentsResponse> ListAttachments(
      const v1::ListAttachmentsRequest& request);

  absl::StatusOr<v1::Extension> CreateExtension(v1::CreateExtensionRequest request);
  absl::StatusOr<v1::Extension> GetExtension(const v1::GetExtensionRequest& request);
  absl::StatusOr<v1::ListExtensionsResponse> ListExtensions(
      const v1::ListExtensionsRequest& request);
  absl::StatusOr<v1::Extension> UpdateExtension(const v1::UpdateExtensionRequest& request);
  absl::Status DeleteExtension(const v1::DeleteExtensionRequest& request);

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
