#include "client/thread_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/connection.h"
#include "client/loopback_target.h"
#include "server/base/status_macros.h"

namespace threadstore {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

using Conversations = v1::ConversationService::Stub;
using Groups = v1::GroupService::Stub;
using Posts = v1::PostService::Stub;
using Threads = v1::ThreadService::Stub;

constexpr char kBeginCertificate[] = "-----BEGIN CERTIFICATE-----";

absl::Status CheckTlsIdentity(const ThreadClient::Options& options) {
  if (options.tls_certificates.empty() != options.tls_private_key.empty()) {
    return absl::InvalidArgumentError("a TLS certificate and its key need each other");
  }
  if (options.tls_certificates.empty()) return absl::OkStatus();
  if (options.tls_roots.empty()) {
    return absl::InvalidArgumentError("a TLS certificate without TLS roots would not be shown");
  }
  if (!absl::StrContains(options.tls_certificates, kBeginCertificate)) {
    return absl::InvalidArgumentError("the TLS certificate is no PEM certificate");
  }
  if (!absl::StrContains(options.tls_private_key, "PRIVATE KEY-----")) {
    return absl::InvalidArgumentError("the TLS key is no PEM private key");
  }
  return absl::OkStatus();
}

absl::Status CheckToken(const ThreadClient::Options& options) {
  if (options.token.empty()) return absl::OkStatus();
  // gRPC ends the process when it is handed a header that it cannot send.
  if (!IsPrintableAscii(options.token)) {
    return absl::InvalidArgumentError("the token holds characters other than printable ASCII");
  }
  if (options.tls_roots.empty() && !options.allow_token_without_tls &&
      !IsLoopbackTarget(options.server)) {
    return absl::InvalidArgumentError(absl::StrCat("the token would be sent to ", options.server,
                                                   " without TLS, for others to read"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ThreadClient>> ThreadClient::Create(Options options) {
  if (options.token.empty() && !options.token_file.empty()) {
    absl::StatusOr<std::string> token = ReadTokenFile(options.token_file);
    if (!token.ok()) return absl::InvalidArgumentError(token.status().message());
    options.token = *std::move(token);
  } else if (!options.token_file.empty()) {
    return absl::InvalidArgumentError("a token and a token file exclude each other");
  }
  if (options.server.empty()) return absl::InvalidArgumentError("the server's address is empty");
  // gRPC would only say, call by call, that the server cannot be reached.
  if (!options.tls_roots.empty() && !absl::StrContains(options.tls_roots, kBeginCertificate)) {
    return absl::InvalidArgumentError("the TLS roots hold no PEM certificate");
  }
  RETURN_IF_ERROR(CheckTlsIdentity(options));
  RETURN_IF_ERROR(CheckToken(options));
  const bool has_control = std::any_of(options.user.begin(), options.user.end(), [](char c) {
    return absl::ascii_iscntrl(static_cast<unsigned char>(c));
  });
  if (has_control) return absl::InvalidArgumentError("the user holds control characters");
  return std::unique_ptr<ThreadClient>(new ThreadClient(std::make_unique<Connection>(options)));
}

ThreadClient::ThreadClient(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)) {}

ThreadClient::~ThreadClient() = default;

absl::StatusOr<v1::Group> ThreadClient::CreateGroup(v1::CreateGroupRequest request) {
  return connection_->Create(&Groups::CreateGroup, std::move(request));
}

absl::StatusOr<v1::Group> ThreadClient::GetGroup(const v1::GetGroupRequest& request) {
  return connection_->Read(&Groups::GetGroup, request);
}

absl::StatusOr<v1::ListGroupsResponse> ThreadClient::ListGroups(
    const v1::ListGroupsRequest& request) {
  return connection_->Read(&Groups::ListGroups, request);
}

absl::StatusOr<v1::ListJoinedGroupsResponse> ThreadClient::ListJoinedGroups(
    const v1::ListJoinedGroupsRequest& request) {
  return connection_->Read(&Groups::ListJoinedGroups, request);
}

absl::StatusOr<v1::Group> ThreadClient::UpdateGroup(const v1::UpdateGroupRequest& request) {
  return connection_->Write(&Groups::UpdateGroup, request);
}

absl::Status ThreadClient::DeleteGroup(const v1::DeleteGroupRequest& request) {
  return connection_->Write(&Groups::DeleteGroup, request).status();
}

absl::StatusOr<v1::Member> ThreadClient::AddMember(const v1::AddMemberRequest& request) {
  return connection_->Write(&Groups::AddMember, request);
}

absl::StatusOr<v1::Member> ThreadClient::GetMember(const v1::GetMemberRequest& request) {
  return connection_->Read(&Groups::GetMember, request);
}

absl::StatusOr<v1::Member> ThreadClient::UpdateMember(const v1::UpdateMemberRequest& request) {
  return connection_->Write(&Groups::UpdateMember, request);
}

absl::Status ThreadClient::RemoveMember(const v1::RemoveMemberRequest& request) {
  return connection_->Write(&Groups::RemoveMember, request).status();
}

absl::StatusOr<v1::ListMembersResponse> ThreadClient::ListMembers(
    const v1::ListMembersRequest& request) {
  return connection_->Read(&Groups::ListMembers, request);
}

absl::StatusOr<v1::Sender> ThreadClient::AddSender(const v1::AddSenderRequest& request) {
  return connection_->Write(&Groups::AddSender, request);
}

absl::Status ThreadClient::RemoveSender(const v1::RemoveSenderRequest& request) {
  return connection_->Write(&Groups::RemoveSender, request).status();
}

absl::StatusOr<v1::ListSendersResponse> ThreadClient::ListSenders(
    const v1::ListSendersRequest& request) {
  return connection_->Read(&Groups::ListSenders, request);
}

absl::StatusOr<v1::User> ThreadClient::GetUser(const v1::GetUserRequest& request) {
  return connection_->Read(&Groups::GetUser, request);
}

absl::StatusOr<v1::Conversation> ThreadClient::CreateConversation(
    v1::CreateConversationRequest request) {
  return connection_->Create(&Conversations::CreateConversation, std::move(request));
}

absl::StatusOr<v1::Conversation> ThreadClient::GetConversation(
    const v1::GetConversationRequest& request) {
  return connection_->Read(&Conversations::GetConversation, request);
}

absl::StatusOr<v1::ListConversationsResponse> ThreadClient::ListConversations(
    const v1::ListConversationsRequest& request) {
  return connection_->Read(&Conversations::ListConversations, request);
}

absl::Status ThreadClient::DeleteConversation(const v1::DeleteConversationRequest& request) {
  return connection_->Write(&Conversations::DeleteConversation, request).status();
}

absl::StatusOr<v1::ConversationThread> ThreadClient::CreateThread(v1::CreateThreadRequest request) {
  return connection_->Create(&Threads::CreateThread, std::move(request));
}

absl::StatusOr<v1::ConversationThread> ThreadClient::GetThread(
    const v1::GetThreadRequest& request) {
  return connection_->Read(&Threads::GetThread, request);
}

absl::StatusOr<v1::ListThreadsResponse> ThreadClient::ListThreads(
    const v1::ListThreadsRequest& request) {
  return connection_->Read(&Threads::ListThreads, request);
}

absl::StatusOr<v1::ConversationThread> ThreadClient::UpdateThread(
    const v1::UpdateThreadRequest& request) {
  return connection_->Write(&Threads::UpdateThread, request);
}

absl::Status ThreadClient::DeleteThread(const v1::DeleteThreadRequest& request) {
  return connection_->Write(&Threads::DeleteThread, request).status();
}

absl::StatusOr<v1::Post> ThreadClient::ReplyToThread(v1::ReplyToThreadRequest request) {
  return connection_->Create(&Threads::ReplyToThread, std::move(request));
}

absl::StatusOr<v1::SearchThreadsResponse> ThreadClient::SearchThreads(
    const v1::SearchThreadsRequest& request) {
  return connection_->Read(&Threads::SearchThreads, request);
}

absl::StatusOr<v1::ListThreadChangesResponse> ThreadClient::ListThreadChanges(
    const v1::ListThreadChangesRequest& request) {
  return connection_->Read(&Threads::ListThreadChanges, request);
}

absl::StatusOr<v1::Post> ThreadClient::GetPost(const v1::GetPostRequest& request) {
  return connection_->Read(&Posts::GetPost, request);
}

absl::StatusOr<v1::ListPostsResponse> ThreadClient::ListPosts(const v1::ListPostsRequest& request) {
  return connection_->Read(&Posts::ListPosts, request);
}

absl::StatusOr<v1::Post> ThreadClient::UpdatePost(const v1::UpdatePostRequest& request) {
  return connection_->Write(&Posts::UpdatePost, request);
}

absl::Status ThreadClient::DeletePost(const v1::DeletePostRequest& request) {
  return connection_->Write(&Posts::DeletePost, request).status();
}

absl::StatusOr<v1::Post> ThreadClient::ReplyToPost(v1::ReplyToPostRequest request) {
  return connection_->Create(&Posts::ReplyToPost, std::move(request));
}

absl::StatusOr<v1::Forward> ThreadClient::ForwardPost(v1::ForwardPostRequest request) {
  return connection_->Create(&Posts::ForwardPost, std::move(request));
}

absl::StatusOr<v1::Attachment> ThreadClient::CreateAttachment(v1::CreateAttachmentRequest request) {
  return connection_->Create(&Posts::CreateAttachment, std::move(request));
}

absl::StatusOr<v1::Attachment> ThreadClient::GetAttachment(
    const v1::GetAttachmentRequest& request) {
  return connection_->Read(&Posts::GetAttachment, request);
}

absl::StatusOr<v1::ListAttachmentsResponse> ThreadClient::ListAttachments(
    const v1::ListAttachmentsRequest& request) {
  return connection_->Read(&Posts::ListAttachments, request);
}

absl::StatusOr<v1::Extension> ThreadClient::CreateExtension(v1::CreateExtensionRequest request) {
  return connection_->Create(&Posts::CreateExtension, std::move(request));
}

absl::StatusOr<v1::Extension> ThreadClient::GetExtension(const v1::GetExtensionRequest& request) {
  return connection_->Read(&Posts::GetExtension, request);
}

absl::StatusOr<v1::ListExtensionsResponse> ThreadClient::ListExtensions(
    const v1::ListExtensionsRequest& request) {
  return connection_->Read(&Posts::ListExtensions, request);
}

absl::StatusOr<v1::Extension> ThreadClient::UpdateExtension(
    const v1::UpdateExtensionRequest& request) {
  return connection_->Write(&Posts::UpdateExtension, request);
}

absl::Status ThreadClient::DeleteExtension(const v1::DeleteExtensionRequest& request) {
  return connection_->Write(&Posts::DeleteExtension, request).status();
}

absl::StatusOr<HealthCheckResponse> ThreadClient::CheckHealth(const HealthCheckRequest& request) {
  return connection_->CheckHealth(request);
}

}  // namespace threadstore
