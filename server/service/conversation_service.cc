#include "server/service/conversation_service.h"

#include <optional>
#include <string>
#include <utility>

#include "google/protobuf/empty.pb.h"
#include "server/auth/access.h"
#include "server/base/status_macros.h"
#include "server/domain/resource.h"
#include "server/domain/validation.h"
#include "server/service/page_finisher.h"

namespace threadstore {
namespace {

using google::protobuf::Empty;

using CreateConversationCall =
    UnaryCall<v1::CreateConversationRequest, v1::Conversation, CallKind::kWrite>;
using GetConversationCall =
    UnaryCall<v1::GetConversationRequest, v1::Conversation, CallKind::kRead>;
using ListConversationsCall =
    UnaryCall<v1::ListConversationsRequest, v1::ListConversationsResponse, CallKind::kRead>;
using DeleteConversationCall = UnaryCall<v1::DeleteConversationRequest, Empty, CallKind::kWrite>;

absl::Status HandleCreateConversation(CreateConversationCall& call) {
  ASSIGN_OR_RETURN(CreateConversationInput input, Validate(call.request(), call.caller_kind()));
  ASSIGN_OR_RETURN(auto required_member, ResolveAccess(call.principal(), input.parent, "parent"));
  const absl::Time now = call.services().clock.Now();
  v1::Conversation conversation =
      BuildConversation(input.parent, call.request().conversation(), now);
  CreateContext context =
      call.MakeCreateContext(std::move(required_member), now, input.request_id,
                             [&] { return HashRequest(input.parent, call.request()); });
  ThreadStore& store = call.services().store;
  store.CreateConversation(std::move(context), std::move(input.parent.group),
                           std::move(conversation), Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleGetConversation(GetConversationCall& call) {
  ASSIGN_OR_RETURN(GetConversationInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.conversation.group, "name"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.GetConversation(std::move(context), std::move(input.conversation), input.view,
                        MaskedFinisher(std::move(call), std::move(input.mask)));
  return absl::OkStatus();
}

absl::Status HandleListConversations(ListConversationsCall& call) {
  ASSIGN_OR_RETURN(ListConversationsInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member, ResolveAccess(call.principal(), input.parent, "parent"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.ListConversations(
      std::move(context), std::move(input.query),
      PageFinisher(std::move(call), input.fingerprint, &ConversationPage::conversations,
                   &v1::ListConversationsResponse::mutable_conversations, std::move(input.mask)));
  return absl::OkStatus();
}

absl::Status HandleDeleteConversation(DeleteConversationCall& call) {
  ASSIGN_OR_RETURN(ConversationName name, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member, ResolveAccess(call.principal(), name.group, "name"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.DeleteConversation(std::move(context), std::move(name), Finisher(std::move(call)));
  return absl::OkStatus();
}

}  // namespace

ConversationServiceImpl::ConversationServiceImpl(const ServiceContext& services)
    : UnaryService(services) {
  Serve(HandleCreateConversation);
  Serve(HandleGetConversation);
  Serve(HandleListConversations);
  Serve(HandleDeleteConversation);
}

}  // namespace threadstore
