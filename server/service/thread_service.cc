#include "server/service/thread_service.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "google/protobuf/empty.pb.h"
#include "server/auth/access.h"
#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/delta_token.h"
#include "server/domain/page_token.h"
#include "server/domain/resource.h"
#include "server/domain/validation.h"
#include "server/service/page_finisher.h"

namespace threadstore {
namespace {

using google::protobuf::Empty;

using CreateThreadCall =
    UnaryCall<v1::CreateThreadRequest, v1::ConversationThread, CallKind::kWrite>;
using GetThreadCall = UnaryCall<v1::GetThreadRequest, v1::ConversationThread, CallKind::kRead>;
using ListThreadsCall = UnaryCall<v1::ListThreadsRequest, v1::ListThreadsResponse, CallKind::kRead>;
using ListThreadChangesCall =
    UnaryCall<v1::ListThreadChangesRequest, v1::ListThreadChangesResponse, CallKind::kRead>;
using SearchThreadsCall =
    UnaryCall<v1::SearchThreadsRequest, v1::SearchThreadsResponse, CallKind::kRead>;
using UpdateThreadCall =
    UnaryCall<v1::UpdateThreadRequest, v1::ConversationThread, CallKind::kUpdate>;
using DeleteThreadCall = UnaryCall<v1::DeleteThreadRequest, Empty, CallKind::kWrite>;
using ReplyToThreadCall = UnaryCall<v1::ReplyToThreadRequest, v1::Post, CallKind::kWrite>;

absl::Status HandleCreateThread(CreateThreadCall& call) {
  ASSIGN_OR_RETURN(const CreateThreadInput input, Validate(call.request(), call.caller_kind()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.parent.group, "parent"));
  const absl::Time now = call.services().clock.Now();
  v1::ConversationThread thread = BuildThread(input.parent, call.request().thread(), now);
  CreateContext context =
      call.MakeCreateContext(std::move(required_member), now, input.request_id,
                             [&] { return HashRequest(input.parent, call.request()); });
  ThreadStore& store = call.services().store;
  store.CreateThread(std::move(context), input.parent.group.group, input.parent.conversation,
                     std::move(thread), Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleGetThread(GetThreadCall& call) {
  ASSIGN_OR_RETURN(GetThreadInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.thread.group, "name"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.GetThread(std::move(context), std::move(input.thread), input.view,
                  MaskedFinisher(std::move(call), std::move(input.mask)));
  return absl::OkStatus();
}

absl::Status HandleListThreads(ListThreadsCall& call) {
  ASSIGN_OR_RETURN(ListThreadsInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.parent.group, "parent"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.ListThreads(std::move(context), std::move(input.query),
                    PageFinisher(std::move(call), input.fingerprint, &ThreadPage::threads,
                                 &v1::ListThreadsResponse::mutable_threads, std::move(input.mask)));
  return absl::OkStatus();
}

// Where the next page begins is the store's to tell, as a page without results may not be the last.
auto SearchFinisher(SearchThreadsCall call, uint64_t fingerprint, ReadMask mask) {
  call.DropRequest();
  return [call = std::move(call), fingerprint,
          mask = std::move(mask)](absl::StatusOr<SearchPage> page) mutable {
    if (!page.ok()) return std::move(call).Finish(page.status());
    v1::SearchThreadsResponse response;
    response.mutable_results()->Swap(&page->results);
    for (v1::SearchResult& result : *response.mutable_results()) {
      mask.Trim(*result.mutable_thread());
    }
    if (page->has_more) {
      internal::v1::PageToken token;
      token.set_query_fingerprint(fingerprint);
      token.set_last_document(page->last);
      response.set_next_page_token(EncodePageToken(token));
    }
    std::move(call).Finish(std::move(response));
  };
}

absl::Status HandleSearchThreads(SearchThreadsCall& call) {
  ASSIGN_OR_RETURN(SearchThreadsInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member, ResolveAccess(call.principal(), input.parent, "parent"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  store.SearchThreads(std::move(context), std::move(input.query),
                      SearchFinisher(std::move(call), input.fingerprint, std::move(input.mask)));
  return absl::OkStatus();
}

absl::Status HandleUpdateThread(UpdateThreadCall& call) {
  ASSIGN_OR_RETURN(UpdateThreadInput input, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.thread.group, "thread.name"));
  const v1::ConversationThread& sent = call.request().thread();
  ThreadChanges changes;
  if (input.has_topic) changes.topic = sent.topic();
  if (input.changes_is_locked) changes.is_locked = sent.is_locked();
  ChangeContext context = call.MakeChangeContext(std::move(required_member), sent.etag());
  ThreadStore& store = call.services().store;
  store.UpdateThread(std::move(context), std::move(input.thread), std::move(changes),
                     Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleDeleteThread(DeleteThreadCall& call) {
  ASSIGN_OR_RETURN(ThreadName name, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member, ResolveAccess(call.principal(), name.group, "name"));
  ChangeContext context = call.MakeChangeContext(std::move(required_member), call.request().etag());
  ThreadStore& store = call.services().store;
  store.DeleteThread(std::move(context), std::move(name), Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleReplyToThread(ReplyToThreadCall& call) {
  ASSIGN_OR_RETURN(ReplyToThreadInput input, Validate(call.request(), call.caller_kind()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), input.thread.group, "name"));
  const absl::Time now = call.services().clock.Now();
  NewPost reply;
  reply.post = BuildPost(call.request().post(), now);
  reply.preview = MakePreview(reply.post.body());
  CreateContext context =
      call.MakeCreateContext(std::move(required_member), now, input.request_id,
                             [&] { return HashRequest(input.thread, call.request()); });
  ThreadStore& store = call.services().store;
  store.CreatePost(std::move(context), std::move(input.thread), std::move(reply),
                   Finisher(std::move(call)));
  return absl::OkStatus();
}

absl::Status HandleListThreadChanges(ListThreadChangesCall& call) {
  ASSIGN_OR_RETURN(ChangeQuery query, Validate(call.request()));
  ASSIGN_OR_RETURN(auto required_member,
                   ResolveAccess(call.principal(), *query.scope.group, "parent"));
  CallContext context = call.MakeCallContext(std::move(required_member));
  ThreadStore& store = call.services().store;
  call.DropRequest();
  const uint64_t fingerprint = ParentFingerprint(query.scope);
  store.ListChanges(std::move(context), std::move(query),
                    [call = std::move(call), fingerprint](absl::StatusOr<ChangePage> page) mutable {
                      if (!page.ok()) return std::move(call).Finish(page.status());
                      if (page->group_is_deleted)
                        return std::move(call).Finish(DeltaTokenExpiredError());
                      v1::ListThreadChangesResponse response;
                      for (StoredChange& change : page->changes)
                        response.add_changes()->Swap(&change.change);
                      response.set_delta_token(EncodeDeltaToken(page->next, fingerprint));
                      response.set_has_more(page->has_more);
                      std::move(call).Finish(std::move(response));
                    });
  return absl::OkStatus();
}

}  // namespace

ThreadServiceImpl::ThreadServiceImpl(const ServiceContext& services, const WatchServices& watches)
    : UnaryService(services) {
  Serve(HandleCreateThread);
  Serve(HandleGetThread);
  Serve(HandleListThreads);
  Serve(HandleSearchThreads);
  Serve(HandleUpdateThread);
  Serve(HandleDeleteThread);
  Serve(HandleReplyToThread);
  Serve(HandleListThreadChanges);
  ServeStream<v1::WatchThreadsRequest, v1::WatchThreadsResponse>(
      [&watches](const ServiceContext& context_of_all, absl::string_view method,
                 grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
        return WatchCall::Start(context_of_all, watches, method, context, request);
      });
}

}  // namespace threadstore
