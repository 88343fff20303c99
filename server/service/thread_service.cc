#include "server/service/thread_service.h"

#include <utility>

#include "server/auth/access.h"
#include "server/base/status_macros.h"
#include "server/domain/page_token.h"
#include "server/domain/resource.h"
#include "server/domain/timestamp.h"
#include "server/domain/validation.h"

namespace threadstore {
namespace {

using CreateThreadCall =
    UnaryCall<v1::CreateThreadRequest, v1::ConversationThread, CallKind::kWrite>;
using GetThreadCall = UnaryCall<v1::GetThreadRequest, v1::ConversationThread, CallKind::kRead>;
using ListThreadsCall = UnaryCall<v1::ListThreadsRequest, v1::ListThreadsResponse, CallKind::kRead>;

absl::Status HandleCreateThread(CreateThreadCall& call) {
  ASSIGN_OR_RETURN(const CreateThreadInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.parent.group, "parent"));
  const absl::Time now = call.services().clock.Now();
  v1::ConversationThread thread = BuildThread(input.parent, call.request().thread(), now);
  std::string hash;
  if (input.request_id.has_value()) hash = HashRequest(input.parent, call.request());
  CreateContext context =
      call.MakeCreateContext(std::move(required_member), now, input.request_id, std::move(hash));
  ThreadStore& store = call.services().store;
  store.CreateThread(
      std::move(context), input.parent.group.group, input.parent.conversation, std::move(thread),
      [call = std::move(call)](const absl::StatusOr<v1::ConversationThread>& stored) mutable {
        std::move(call).Finish(stored);
      });
  return absl::OkStatus();
}

absl::Status HandleGetThread(GetThreadCall& call) {
  ASSIGN_OR_RETURN(const ThreadName name, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member, ResolveAccess(call.principal(), name.group, "name"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.GetThread(
      std::move(context), name.group.group, name.conversation, name.thread,
      [call = std::move(call)](const absl::StatusOr<v1::ConversationThread>& thread) mutable {
        std::move(call).Finish(thread);
      });
  return absl::OkStatus();
}

v1::ListThreadsResponse MakeResponse(ThreadPage page, uint64_t fingerprint) {
  v1::ListThreadsResponse response;
  response.mutable_threads()->Swap(&page.threads);
  if (page.has_more) {
    const v1::ConversationThread& last = response.threads(response.threads_size() - 1);
    internal::v1::PageToken token;
    token.set_query_fingerprint(fingerprint);
    token.set_last_id(last.id());
    token.set_last_delivered_us(ToMicros(last.last_delivered_date_time()));
    response.set_next_page_token(EncodePageToken(token));
  }
  return response;
}

absl::Status HandleListThreads(ListThreadsCall& call) {
  ASSIGN_OR_RETURN(ListThreadsInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.parent.group, "parent"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.ListThreads(std::move(context), std::move(input.query),
                    [call = std::move(call),
                     fingerprint = input.fingerprint](absl::StatusOr<ThreadPage> page) mutable {
                      if (!page.ok()) return std::move(call).Finish(page.status());
                      std::move(call).Finish(MakeResponse(*std::move(page), fingerprint));
                    });
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* ThreadServiceImpl::CreateThread(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* response) {
  return StartUnaryCall(services_, "threadstore.v1.ThreadService.CreateThread", context, request,
                        response, HandleCreateThread);
}

grpc::ServerUnaryReactor* ThreadServiceImpl::GetThread(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  return StartUnaryCall(services_, "threadstore.v1.ThreadService.GetThread", context, request,
                        response, HandleGetThread);
}

grpc::ServerUnaryReactor* ThreadServiceImpl::ListThreads(grpc::CallbackServerContext* context,
                                                         const grpc::ByteBuffer* request,
                                                         grpc::ByteBuffer* response) {
  return StartUnaryCall(services_, "threadstore.v1.ThreadService.ListThreads", context, request,
                        response, HandleListThreads);
}

}  // namespace threadstore
