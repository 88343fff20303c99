#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/base/status_macros.h"
#include "server/domain/content_checks.h"
#include "server/domain/field_checks.h"
#include "server/domain/limits.h"
#include "server/domain/list_order.h"
#include "server/domain/page_token.h"
#include "server/domain/resource.h"
#include "server/domain/timestamp.h"
#include "server/domain/validation.h"
#include "server/domain/words.h"

// Requests on threads and on conversations.
namespace threadstore {
namespace {

enum class Topic { kRequired, kOptional };

void CheckTopic(const std::string& field, absl::string_view topic, Topic rule,
                Violations& violations) {
  if (topic.empty() && rule == Topic::kRequired) violations.Add(field, "must not be empty");
  CheckText(field, topic, kMaxTopicCharacters, violations);
}

void CheckUniqueSenders(const std::string& field,
                        const google::protobuf::RepeatedPtrField<std::string>& senders,
                        Violations& violations) {
  if (!CheckCount(field, senders.size(), kMaxUniqueSenders, violations)) return;
  for (int i = 0; i < senders.size(); ++i) {
    CheckText(absl::StrCat(field, "[", i, "]"), senders[i], kMaxDisplayNameCharacters, violations);
  }
}

// That the To: line has room for those whom a new thread's post brings into it.
void CheckToLine(const std::string& path, const v1::ConversationThread& thread,
                 Violations& violations) {
  google::protobuf::RepeatedPtrField<v1::Recipient> line = thread.to_recipients();
  AddParticipants(thread.posts(0).new_participants(), line);
  if (thread.to_recipients_size() <= kMaxRecipients && line.size() > kMaxRecipients) {
    violations.Add(
        absl::StrCat(path, ".new_participants"),
        absl::StrCat("must have at most ", kMaxRecipients, " entries together with to_recipients"));
  }
}

// `content` counts for the whole request.
void CheckNewThread(const std::string& path, const v1::ConversationThread& thread, Topic topic,
                    CallerKind caller, ContentChecks& content, Violations& violations) {
  CheckNewId(absl::StrCat(path, ".id"), thread.id(), violations);
  CheckTopic(absl::StrCat(path, ".topic"), thread.topic(), topic, violations);
  CheckText(absl::StrCat(path, ".preview"), thread.preview(), kMaxPreviewCharacters, violations);
  CheckRecipients(absl::StrCat(path, ".to_recipients"), thread.to_recipients(), violations);
  CheckRecipients(absl::StrCat(path, ".cc_recipients"), thread.cc_recipients(), violations);
  CheckUniqueSenders(absl::StrCat(path, ".unique_senders"), thread.unique_senders(), violations);
  if (thread.has_last_delivered_date_time() &&
      !IsValidTimestamp(thread.last_delivered_date_time())) {
    violations.Add(absl::StrCat(path, ".last_delivered_date_time"),
                   "must be between 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z");
  }
  const std::string posts = absl::StrCat(path, ".posts");
  if (CheckCount(posts, thread.posts_size(), /*max=*/1, violations) && thread.posts_size() == 1) {
    const std::string post = absl::StrCat(posts, "[0]");
    content.CheckPost(post, thread.posts(0), caller);
    CheckToLine(post, thread, violations);
  }
}

void CheckNewConversation(const v1::Conversation& conversation, CallerKind caller,
                          Violations& violations) {
  CheckNewId("conversation.id", conversation.id(), violations);
  CheckTopic("conversation.topic", conversation.topic(), Topic::kRequired, violations);
  const std::string threads = "conversation.threads";
  if (conversation.threads().empty()) violations.Add(threads, "must have at least 1 entry");
  if (!CheckCount(threads, conversation.threads_size(), kMaxThreadsPerCreate, violations)) return;
  ContentChecks content(violations);
  for (int i = 0; i < conversation.threads_size(); ++i) {
    CheckNewThread(absl::StrCat(threads, "[", i, "]"), conversation.threads(i), Topic::kOptional,
                   caller, content, violations);
  }
  content.CheckSize("conversation", conversation);
}

// What a thread or a page of threads is to hold, and in `mask` what of it is to be returned.
template <typename Request>
ThreadView CheckThreadView(const Request& request, ReadMask& mask, Violations& violations) {
  mask = ReadMask(request.read_mask(), *v1::ConversationThread::descriptor(), violations);
  const Expand expand(request.expand(),
                      {"posts", "posts.attachments", "posts.extensions", "posts.in_reply_to"},
                      violations);
  ThreadView view;
  view.recipients = mask.Has("to_recipients") || mask.Has("cc_recipients");
  view.unique_senders = mask.Has("unique_senders");
  if (request.expand().paths().empty()) return view;
  view.posts.emplace();
  view.posts->attachments = expand.Has("posts.attachments");
  view.posts->extensions = expand.Has("posts.extensions");
  view.posts->in_reply_to_post = expand.Has("posts.in_reply_to");
  mask.Keep("posts");
  mask.Keep("posts_next_page_token");
  return view;
}

// Likewise for conversations.
template <typename Request>
ConversationView CheckConversationView(const Request& request, ReadMask& mask,
                                       Violations& violations) {
  mask = ReadMask(request.read_mask(), *v1::Conversation::descriptor(), violations);
  const Expand expand(request.expand(), {"threads"}, violations);
  ConversationView view;
  view.has_attachments = mask.Has("has_attachments");
  view.newest_thread = mask.Has("last_delivered_date_time") || mask.Has("preview");
  view.unique_senders = mask.Has("unique_senders");
  view.threads = expand.Has("threads");
  if (view.threads) {
    mask.Keep("threads");
    mask.Keep("threads_next_page_token");
  }
  return view;
}

// Where the page before ended.
std::optional<int64_t> CheckSearchPageToken(absl::string_view text, uint64_t fingerprint,
                                            Violations& violations) {
  if (text.empty()) return std::nullopt;
  const internal::v1::PageToken token = CheckPageToken(text, fingerprint, violations);
  return token.last_document();
}

}  // namespace

absl::StatusOr<CreateThreadInput> Validate(const v1::CreateThreadRequest& request,
                                           CallerKind caller) {
  Violations violations;
  CreateThreadInput input;
  const absl::StatusOr<ThreadParent> parent = ParseThreadParent(request.parent());
  const bool in_conversation = parent.ok() && parent->conversation.has_value();
  input.parent = violations.Take("parent", parent);
  if (request.has_thread()) {
    ContentChecks content(violations);
    CheckNewThread("thread", request.thread(),
                   in_conversation ? Topic::kOptional : Topic::kRequired, caller, content,
                   violations);
    content.CheckSize("thread", request.thread());
  } else {
    violations.Add("thread", "is required");
  }
  input.request_id = CheckRequestId(request.request_id(), violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<GetThreadInput> Validate(const v1::GetThreadRequest& request) {
  Violations violations;
  GetThreadInput input;
  input.thread = violations.Take("name", ParseThreadName(request.name()));
  input.view = CheckThreadView(request, input.mask, violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<ListThreadsInput> Validate(const v1::ListThreadsRequest& request) {
  Violations violations;
  ListThreadsInput input;
  input.parent = violations.Take("parent", ParseThreadParent(request.parent()));
  input.query.group = input.parent.group.group;
  input.query.conversation = input.parent.conversation;
  input.query.limit = CheckPageSize(request.page_size(), violations);
  input.query.order = violations.Take("order_by", ParseThreadOrder(request.order_by()));
  input.query.filter = CheckFilter(request.filter(), ThreadFilterFields(), violations);
  input.query.count = request.include_total_size();
  input.query.view = CheckThreadView(request, input.mask, violations);
  input.fingerprint = QueryFingerprint("ListThreads", input.parent.Canonical(),
                                       OrderText(input.query.order), request.filter());
  input.query.after =
      CheckThreadPageToken(request.page_token(), input.fingerprint, input.query.order, violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<SearchThreadsInput> Validate(const v1::SearchThreadsRequest& request) {
  Violations violations;
  SearchThreadsInput input;
  input.parent = violations.Take("parent", ParseGroupName(request.parent()));
  input.query.group = input.parent.group;
  input.query.terms = violations.Take("query", ParseSearch(request.query()));
  input.query.limit = CheckPageSize(request.page_size(), violations);
  input.query.order = violations.Take("order_by", ParseSearchOrder(request.order_by()));
  input.fingerprint = QueryFingerprint("SearchThreads", input.parent.Canonical(),
                                       OrderText(input.query.order), request.query());
  input.query.after = CheckSearchPageToken(request.page_token(), input.fingerprint, violations);
  input.mask = ReadMask(request.read_mask(), *v1::ConversationThread::descriptor(), violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<UpdateThreadInput> Validate(const v1::UpdateThreadRequest& request) {
  Violations violations;
  const v1::ConversationThread& thread = request.thread();
  UpdateThreadInput input;
  input.thread = violations.Take("thread.name", ParseThreadName(thread.name()));
  const UpdateMask mask(request.update_mask(), {"is_locked", "topic"}, violations);
  const bool has_topic = !thread.topic().empty();
  // With `*`, a topic that is not said is not meant.
  input.has_topic = (has_topic || mask.Names("topic")) && mask.Changes("topic", has_topic);
  input.changes_is_locked = mask.Changes("is_locked", thread.is_locked());
  CheckTopic("thread.topic", thread.topic(), Topic::kOptional, violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<ThreadName> Validate(const v1::DeleteThreadRequest& request) {
  return ValidateName("name", ParseThreadName(request.name()));
}

absl::StatusOr<ReplyToThreadInput> Validate(const v1::ReplyToThreadRequest& request,
                                            CallerKind caller) {
  Violations violations;
  ReplyToThreadInput input;
  input.thread = violations.Take("name", ParseThreadName(request.name()));
  if (request.has_post()) {
    ContentChecks content(violations);
    content.CheckPost("post", request.post(), caller);
    content.CheckSize("post", request.post());
  } else {
    violations.Add("post", "is required");
  }
  input.request_id = CheckRequestId(request.request_id(), violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<CreateConversationInput> Validate(const v1::CreateConversationRequest& request,
                                                 CallerKind caller) {
  Violations violations;
  CreateConversationInput input;
  input.parent = violations.Take("parent", ParseGroupName(request.parent()));
  if (request.has_conversation()) {
    CheckNewConversation(request.conversation(), caller, violations);
  } else {
    violations.Add("conversation", "is required");
  }
  input.request_id = CheckRequestId(request.request_id(), violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<GetConversationInput> Validate(const v1::GetConversationRequest& request) {
  Violations violations;
  GetConversationInput input;
  input.conversation = violations.Take("name", ParseConversationName(request.name()));
  input.view = CheckConversationView(request, input.mask, violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<ListConversationsInput> Validate(const v1::ListConversationsRequest& request) {
  Violations violations;
  ListConversationsInput input;
  input.parent = violations.Take("parent", ParseGroupName(request.parent()));
  input.query.group = input.parent.group;
  input.query.limit = CheckPageSize(request.page_size(), violations);
  input.query.order = violations.Take("order_by", ParseThreadOrder(request.order_by()));
  input.query.filter = CheckFilter(request.filter(), ConversationFilterFields(), violations);
  input.query.count = request.include_total_size();
  input.query.view = CheckConversationView(request, input.mask, violations);
  input.fingerprint = QueryFingerprint("ListConversations", input.parent.Canonical(),
                                       OrderText(input.query.order), request.filter());
  input.query.after =
      CheckThreadPageToken(request.page_token(), input.fingerprint, input.query.order, violations);
  RETURN_IF_ERROR(violations.ToStatus());
  return input;
}

absl::StatusOr<ConversationName> Validate(const v1::DeleteConversationRequest& request) {
  return ValidateName("name", ParseConversationName(request.name()));
}

}  // namespace threadstore
