#ifndef THREADSTORE_CLIENT_THREAD_CLIENT_H_
#define THREADSTORE_CLIENT_THREAD_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpc/health/v1/health.pb.h"
#include "threadstore/v1/admin_service.pb.h"
#include "threadstore/v1/conversation_service.pb.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/group_service.pb.h"
#include "threadstore/v1/post_service.pb.h"
#include "threadstore/v1/thread_service.pb.h"

namespace threadstore {

// Ends streams from outside: from another thread, or from one of their own callbacks. Thread-safe,
// but not for signal handlers. Must outlive the calls it was given to.
class Cancellation {
 public:
  Cancellation();
  ~Cancellation();
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  // Ends what has this, now and later, with CANCELLED.
  void Cancel();
  bool IsCancelled() const;

 private:
  friend class Retries;
  friend class StreamContext;
  struct State;

  const std::unique_ptr<State> state_;
};

// How a stream goes on after a break: the server cannot be reached, restarts, closes the connection
// for its age, or has no room for now (see IsBreak). It is begun again after about 0.2, 0.4, 0.8 s
// and so on up to 2 s (with jitter, or after the server's RetryInfo if it sent one).
struct StreamOptions {
  // How long to try without getting on before the error is returned; 0 tries once.
  absl::Duration patience = absl::InfiniteDuration();

  // Called before each wait, on the thread of the call, with what happened and the wait; may be
  // empty.
  std::function<void(const absl::Status& broken, absl::Duration wait)> on_break;

  // Ends the stream, and the waits; the caller's, may be null.
  Cancellation* cancellation = nullptr;
};

// Whether a stream that ended so can be begun again: UNAVAILABLE; a CANCELLED that the server did
// not explain; RESOURCE_EXHAUSTED with a RetryInfo; WATCH_TOO_SLOW, and likewise a
// DEADLINE_EXCEEDED without a reason, with which the server cuts off who does not take what it
// sends; UNAUTHENTICATED with a `delta_token` in its ErrorInfo, with which it ends watches when
// the credentials that count have changed: those of the caller may still.
bool IsBreak(const absl::Status& error);

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
// Streams have no timeout; each says what it does about breaks. A server that is gone without a
// word is noticed within 30 s.
class ThreadClient {
 public:
  struct Options {
    // Where the server is: HOST:PORT, or another target that gRPC resolves, such as
    // `dns:///HOST:PORT` or `unix:PATH`. Environment variables for HTTP proxies are not heeded.
    std::string server = "127.0.0.1:50051";

    // The certificates, as PEM, of those who may vouch for the server. With them the connection is
    // encrypted, and the server must be who its address says; without, it is not encrypted.
    std::string tls_roots;

    // The client's own certificates, its own first, and their key, as PEM, for servers that ask for
    // one. Both or neither; only with `tls_roots`.
    std::string tls_certificates;
    std::string tls_private_key;

    // Sent as `authorization: Bearer TOKEN`; nothing is sent if empty. Without `tls_roots` only to
    // this machine (see loopback_target.h), unless the next says otherwise: whoever reads a token
    // can use it.
    std::string token;

    // The file that holds the token, in place of `token`, with white space around it that does not
    // count. It is read before each call, since whoever issues tokens replaces them before they
    // expire; while it cannot be read, the token it held last is sent. A pipe is read once.
    std::string token_file;
    bool allow_token_without_tls = false;

    // Sent as `x-threadstore-user: USER`, or as `x-threadstore-user-bin` if it is not printable
    // ASCII, which a server with `--auth=none` heeds; nothing is sent if empty.
    std::string user;

    // How long a call may take, all tries and the waiting between them included. Positive; may
    // be infinite.
    absl::Duration timeout = absl::Seconds(30);
  };

  // Connects with the first call, so an unreachable server is no error here. INVALID_ARGUMENT
  // if there is no server, the roots are no PEM certificates, the token file cannot be read, is
  // empty or comes beside a token, the token cannot be sent in a header, which may hold printable
  // ASCII only, or would leave this machine without TLS, or the user has control characters.
  static absl::StatusOr<std::unique_ptr<ThreadClient>> Create(Options options);

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
  absl::StatusOr<v1::Member> GetMember(const v1::GetMemberRequest& request);
  absl::StatusOr<v1::Member> UpdateMember(const v1::UpdateMemberRequest& request);
  absl::Status RemoveMember(const v1::RemoveMemberRequest& request);
  absl::StatusOr<v1::ListMembersResponse> ListMembers(const v1::ListMembersRequest& request);

  absl::StatusOr<v1::Sender> AddSender(const v1::AddSenderRequest& request);
  absl::Status RemoveSender(const v1::RemoveSenderRequest& request);
  absl::StatusOr<v1::ListSendersResponse> ListSenders(const v1::ListSendersRequest& request);

  absl::StatusOr<v1::User> GetUser(const v1::GetUserRequest& request);

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

  // Hands each answer to `on_response`, on this thread, in order, until that returns false: then
  // returns OK. After a break, and when the server ends the watch, goes on after the last answer
  // that was handed out, so that no change is missed, and none comes twice except for `groups/-`.
  // Without a token in the request, changes before the first answer may be missed.
  //
  // Returns errors that waiting does not cure, such as NOT_FOUND when the group is deleted, or
  // OUT_OF_RANGE (DELTA_TOKEN_EXPIRED); CANCELLED if cancelled.
  absl::Status WatchThreads(
      v1::WatchThreadsRequest request, const StreamOptions& options,
      const std::function<bool(const v1::WatchThreadsResponse&)>& on_response);

  // Hands each answer to `on_response`, on this thread, until all records have come: then returns
  // OK. A status of it other than OK ends the export, and is returned. `options` count until the
  // first answer: a later break is returned, since another export would show another moment.
  absl::Status ExportThreads(
      const v1::ExportThreadsRequest& request, const StreamOptions& options,
      const std::function<absl::Status(const v1::ExportThreadsResponse&)>& on_response);

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
  friend class ThreadImport;
  class Connection;

  explicit ThreadClient(std::unique_ptr<Connection> connection);

  const std::unique_ptr<Connection> connection_;
};

// AdminService.ImportThreads, record by record. Keeps what the server has not acknowledged, and
// sends it again after a break. Not thread-safe; callbacks come on the thread that calls it, from
// inside Add and Finish, and must not call it.
//
//   ThreadImport import(*client, {});
//   for (...) RETURN_IF_ERROR(import.Add(std::move(record), number));
//   ASSIGN_OR_RETURN(const ThreadImport::Totals totals, import.Finish());
class ThreadImport {
 public:
  struct Options {
    // What may wait for its acknowledgement: from then on Add blocks. It takes about twice as much
    // memory.
    size_t max_unacknowledged = 10'000;
    size_t max_unacknowledged_bytes = size_t{16} << 20;

    // Called for each record that the server refuses, with the caller's number of it as the
    // `record_index`; may be empty. A refusal is not an error of the import.
    std::function<void(const v1::ImportRefusal&)> on_refusal;

    // How breaks are dealt with. Acknowledgements count as getting on.
    StreamOptions stream;
  };

  // Counts of the records acknowledged so far.
  struct Totals {
    int64_t stored = 0;
    int64_t skipped = 0;  // were there already
    int64_t refused = 0;

    // Of those skipped, at most this many were stored by this import itself: sent before a break
    // that took the acknowledgement with it.
    int64_t skipped_after_break = 0;
  };

  // The largest record that the server takes, in bytes of its encoding: with the message around it,
  // 4 MiB.
  static constexpr size_t kMaxRecordBytes = (size_t{4} << 20) - 16;

  // `client` must outlive it. Connects with the first records that are sent.
  ThreadImport(ThreadClient& client, Options options);

  // Gives up what has not been acknowledged.
  ~ThreadImport();
  ThreadImport(const ThreadImport&) = delete;
  ThreadImport& operator=(const ThreadImport&) = delete;

  // Takes a record, to be sent with others, after those before. `number` is the caller's, for
  // refusals. Blocks while too much waits for its acknowledgement. INVALID_ARGUMENT if the record
  // is larger than any may be: it is not taken, and the rest can go on. Any other error has ended
  // the import.
  absl::Status Add(v1::Record record, int64_t number);

  // Sends the rest, and waits until everything is acknowledged. Nothing can be added after it.
  absl::StatusOr<Totals> Finish();

  // So far; also after an error.
  const Totals& totals() const;

  // The number of the first record that is not acknowledged; `otherwise` if there is none.
  int64_t FirstUnacknowledged(int64_t otherwise) const;

 private:
  class Session;

  const std::unique_ptr<Session> session_;
};

}  // namespace threadstore

#endif  // THREADSTORE_CLIENT_THREAD_CLIENT_H_
