#ifndef THREADSTORE_SERVER_STORE_THREAD_STORE_H_
#define THREADSTORE_SERVER_STORE_THREAD_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/base/uuid.h"
#include "server/domain/change_query.h"
#include "server/domain/list_query.h"
#include "server/domain/record.h"
#include "server/domain/resource_name.h"
#include "threadstore/v1/admin_service.pb.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/group_service.pb.h"
#include "threadstore/v1/thread_service.pb.h"

namespace threadstore {

// A user who must be in the group that a call acts on. Checked in the transaction that does the
// work, so that a member removed meanwhile is refused.
struct RequiredMember {
  std::string user;

  // Whether it is the user who calls, rather than an application that goes through the user's
  // groups: the rules about authors and senders are then about this user.
  bool is_caller = true;

  // Whether the caller's credentials say that the user is in the group, which is then believed even
  // if the store's members do not have it.
  bool is_vouched_for = false;

  // What the credentials call the user: where it posts, that stands in for texts that the member
  // does not have.
  std::string display_name = {};
  std::string mail = {};

  // The user must also be an owner, by the store's members; a mere member gets PERMISSION_DENIED /
  // NOT_AN_OWNER.
  bool must_be_owner = false;

  // What the caller hears of a group the user is not in, whether or not the group exists:
  // NOT_FOUND if set (the name came through the user's joined groups), otherwise
  // PERMISSION_DENIED / NOT_A_MEMBER.
  bool hides_group = false;
};

// What every call to a store carries.
struct CallContext {
  // Absent: the caller may act on any group, and hears NOT_FOUND of an unknown one.
  std::optional<RequiredMember> required_member;

  // Who is calling, as a number that other callers do not have: one caller gets no more than half
  // of any queue (see server/base/shares.h). 0 is nobody in particular, who may have all.
  uint64_t caller = 0;

  // Work that has not begun by then is not begun: DEADLINE_EXCEEDED.
  absl::Time deadline = absl::InfiniteFuture();

  // Tells whether the caller has given up; work that has not begun by then is not begun:
  // CANCELLED. Called from any thread until the call's callback has been called. May be null.
  std::function<bool()> cancelled;
};

// CANCELLED or DEADLINE_EXCEEDED if the caller no longer waits at `now`.
absl::Status CheckWanted(const CallContext& context, absl::Time now);

// The request_id of a create. Within the retention time the same principal's second request of
// the same id on the same group makes nothing: if the hashes are equal it gets the resource as
// it is now, with those of the threads and posts made with it that are still there (of a
// conversation as much as fits into a page), or NOT_FOUND if it has been deleted since; otherwise
// INVALID_ARGUMENT / REQUEST_ID_REUSED.
struct RequestKey {
  Uuid id;
  std::string hash;       // SHA-256
  std::string principal;  // Who is calling, in a form that no two callers share.
};

// What a create carries besides.
struct CreateContext : CallContext {
  std::optional<RequestKey> request;

  // The caller's clock, for the age of the request key.
  absl::Time now;
};

// What a change of an existing resource carries besides.
struct ChangeContext : CallContext {
  // The etag that the resource must have, otherwise ABORTED / ETAG_MISMATCH. Empty: any.
  std::string etag;

  // The caller's clock, for the time of the change.
  absl::Time now;
};

// What to change; the rest stays.
struct GroupChanges {
  std::optional<std::string> display_name;
  std::optional<std::string> mail;
  std::optional<bool> allow_external_senders;
  std::optional<std::string> description;
  std::optional<std::string> mail_nickname;
};
struct MemberChanges {
  std::optional<v1::Member::Role> role;  // One of the two that there are.
  std::optional<std::string> display_name;
  std::optional<std::string> mail;
};
struct ThreadChanges {
  std::optional<std::string> topic;  // Must be the thread's own: INVALID_ARGUMENT.
  std::optional<bool> is_locked;
};
struct PostChanges {
  std::optional<v1::ItemBody> body;
  std::string preview;  // Of `body`.
  std::optional<google::protobuf::RepeatedPtrField<std::string>> categories;
};

// A post by BuildPost, and its preview. Its id and times are given when it is stored: it is later
// than every other post of its thread. Without a sender it is by the required member; a user who
// calls may name only itself.
struct NewPost {
  v1::Post post;
  std::string preview;
  std::optional<Uuid> in_reply_to;  // A post of the same thread: NOT_FOUND if it is not there.
};

struct MemberPage {
  google::protobuf::RepeatedPtrField<v1::Member> members;
  bool has_more = false;
};

// Of pages that may be short, or empty, because what was looked at does not pass the filter or has
// been deleted: `last` is where they ended, if there is more. `total_size` is there if it was asked
// for.
struct GroupPage {
  google::protobuf::RepeatedPtrField<v1::Group> groups;
  bool has_more = false;
  std::string last;
  std::optional<int64_t> total_size;
};

struct ThreadPage {
  google::protobuf::RepeatedPtrField<v1::ConversationThread> threads;
  bool has_more = false;
  ThreadCursor last;
  std::optional<int64_t> total_size;
};

struct SearchPage {
  google::protobuf::RepeatedPtrField<v1::SearchResult> results;
  bool has_more = false;  // There may be more; there need not be.
  int64_t last = 0;       // Where the page ended, if there may be more.
};

struct ConversationPage {
  google::protobuf::RepeatedPtrField<v1::Conversation> conversations;
  bool has_more = false;
  ThreadCursor last;
  std::optional<int64_t> total_size;
};

struct PostPage {
  google::protobuf::RepeatedPtrField<v1::Post> posts;
  bool has_more = false;
  Uuid last;
  std::optional<int64_t> total_size;
};

struct AttachmentPage {
  google::protobuf::RepeatedPtrField<v1::Attachment> attachments;
  bool has_more = false;
};

struct ExtensionPage {
  google::protobuf::RepeatedPtrField<v1::Extension> extensions;
  bool has_more = false;
};

struct SenderPage {
  google::protobuf::RepeatedPtrField<v1::Sender> senders;
  bool has_more = false;
};

// A change, and what tells whose it is.
struct StoredChange {
  // Equal for what changed at once; of what is listed, that of the beginning.
  int64_t sequence = 0;
  int64_t group_key = 0;
  std::optional<Uuid> conversation = std::nullopt;
  std::optional<Uuid> thread = std::nullopt;
  std::optional<Uuid> post = std::nullopt;  // Of changes of posts and forwards.
  v1::ThreadChange change;
};

// Whether a change is one of the scope's; `group_key` is that of the scope's group.
bool IsInScope(const StoredChange& change, const ChangeScope& scope,
               const std::optional<int64_t>& group_key);

// Whether it is the deletion of a group.
bool IsGroupDeletion(const StoredChange& change);

struct ChangePage {
  std::vector<StoredChange> changes;
  ChangePosition next;  // Where to go on.
  bool has_more = false;

  // The position's group has been deleted; no change but that is listed.
  bool group_is_deleted = false;
};

// What became of one record of an import.
struct RecordOutcome {
  absl::Status refusal;    // OK if it is there now.
  bool is_stored = false;  // Now, rather than before.
};

// Some records of an export: about kExportMessageBytes, and at most kMaxRecordsPerMessage.
struct RecordChunk {
  google::protobuf::RepeatedPtrField<v1::Record> records;
  bool has_more = false;
};

// An export in progress: all records of a group, or of all groups, as they were when it was opened.
// What is written meanwhile takes more of the disk until it has ended. Destroying it ends it,
// before the store is destroyed. The callback is as those of ThreadStore. Safe to use from any
// thread.
class RecordExport {
 public:
  virtual ~RecordExport() = default;

  // How many records there will be, roughly: those of deleted resources that are still on the disk
  // are among them.
  virtual int64_t estimated_count() const = 0;

  // The next records, in the order that ImportRecords needs them in and otherwise by id, or by
  // name. Not again before the callback has been called, nor after an error or the last chunk.
  // UNAVAILABLE / SHUTTING_DOWN if the store is closing.
  virtual void Next(absl::AnyInvocable<void(absl::StatusOr<RecordChunk>) &&> done) = 0;
};

// Groups and all that is in them, on disk. tests/store/conformance_test.cc is this
// contract as a test; every engine passes it.
//
// Callers have validated what they pass by the rules of server/domain. Ids, times, names and
// etags of new resources are the caller's to choose; the store keeps them.
//
// Every call returns at once and ends with exactly one call of its callback: on a thread of the
// store's, which the callback must not block, or, if the call is refused at once, on the
// calling thread before it returns. Callbacks of several calls may come in any order. The
// methods are safe to call from any thread.
//
// A write is reported OK only when it is on disk, and every read that begins afterwards sees
// it. A write that is reported as anything but OK has changed nothing, except
// WRITE_OUTCOME_UNKNOWN, after which it is there whole or not at all.
//
// Besides what is said at each method, any call may end with
//   RESOURCE_EXHAUSTED / QUEUE_FULL   the queue, or the caller's half of it, is full; carries
//                                     RetryInfo
//   RESOURCE_EXHAUSTED / STORE_FULL   a write found the disk full
//   RESOURCE_EXHAUSTED / QUOTA_EXCEEDED  a write of threads or of what they have would take its
//                                        group beyond a quota (server/domain/usage.h)
//   DEADLINE_EXCEEDED, CANCELLED      it was not begun in time
//   UNAVAILABLE / SHUTTING_DOWN       the store is closing
//   UNAVAILABLE / STORE_BUSY          another process has locked the store
//   UNAVAILABLE / STORE_FAILED        a write, after a failure of the disk
//   UNAVAILABLE / WRITE_OUTCOME_UNKNOWN  the failure itself
// and any call on a group with NOT_FOUND (ResourceInfo names the group) or PERMISSION_DENIED as
// RequiredMember says. Errors are made by server/base/errors.h; any other status is a fault of
// the store, whose text is for the log only.
class ThreadStore {
 public:
  template <typename T>
  using Callback = absl::AnyInvocable<void(absl::StatusOr<T>) &&>;
  using DoneCallback = absl::AnyInvocable<void(absl::Status) &&>;

  virtual ~ThreadStore() = default;

  // --- Groups

  // Creates a group with its first members, each of them once. ALREADY_EXISTS if a group of that id
  // exists. The context's required member, one of them, is asked for only where an earlier request
  // has made the group. Request keys of created groups are per principal, not per group.
  virtual void CreateGroup(CreateContext context, v1::Group group, std::vector<v1::Member> members,
                           Callback<v1::Group> done) = 0;

  virtual void GetGroup(CallContext context, std::string group, Callback<v1::Group> done) = 0;

  // A list that is asked to count is FAILED_PRECONDITION / TOO_MANY_TO_COUNT if there is more to
  // look at than kMaxRowsCounted, what was deleted lately included, or it takes longer than
  // kMaxCountTime. The count and the page are of one moment.

  // Lists groups by id. However seldom its filter matches, a page looks at no more than
  // kMaxRowsExamined groups, and for no longer than kMaxFilterTime. The context's required member
  // is not used.
  virtual void ListGroups(CallContext context, GroupQuery query, Callback<GroupPage> done) = 0;

  // Deletes a group with its members and, with `force`, its threads; without, FAILED_PRECONDITION
  // / GROUP_NOT_EMPTY if it has any. When this has ended no read finds any of it and the id may be
  // used again; what it held is removed from the disk later, bit by bit.
  virtual void DeleteGroup(CallContext context, std::string group, bool force,
                           DoneCallback done) = 0;

  // Returns the group as changed.
  virtual void UpdateGroup(CallContext context, std::string group, GroupChanges changes,
                           Callback<v1::Group> done) = 0;

  // INVALID_ARGUMENT if the sender is on the group's other list, ALREADY_EXISTS if on this one.
  virtual void AddSender(CallContext context, SenderName sender, Callback<v1::Sender> done) = 0;

  // NOT_FOUND if the sender is not on the list.
  virtual void RemoveSender(CallContext context, SenderName sender, DoneCallback done) = 0;

  // Lists senders by id.
  virtual void ListSenders(CallContext context, SenderQuery query, Callback<SenderPage> done) = 0;

  // --- Members

  // Returns the member as stored. ALREADY_EXISTS if the user is on the list. Among the owners a
  // member who is none becomes one, and takes those texts of `member` that are not empty.
  virtual void AddMember(CallContext context, MemberListName list, v1::Member member,
                         Callback<v1::Member> done) = 0;

  // NOT_FOUND if the user is not on the list; so it is with the other calls on a member.
  virtual void GetMember(CallContext context, MemberName name, Callback<v1::Member> done) = 0;

  // Returns the member as changed. FAILED_PRECONDITION / LAST_OWNER if it is the only owner and
  // would be none.
  virtual void UpdateMember(CallContext context, MemberName name, MemberChanges changes,
                            Callback<v1::Member> done) = 0;

  // Of the owners: the user stays in the group as a member. FAILED_PRECONDITION / LAST_OWNER if it
  // is the only owner.
  virtual void RemoveMember(CallContext context, MemberName name, DoneCallback done) = 0;

  // Lists members by user id.
  virtual void ListMembers(CallContext context, MemberQuery query, Callback<MemberPage> done) = 0;

  // --- Conversations

  // A conversation is there as long as it has threads; what it says of itself is computed from them
  // when it is read.

  // What of a resource is expanded comes in the orders of server/domain/list_query.h, at most
  // kMaxExpanded of each; the resource has a page token for the rest. A page with all that it is
  // expanded by has at most kMaxPageBytes, for which it has fewer resources; its first has fewer
  // of what it is expanded by, but always the post that it replies to. So has a single resource.

  // Creates a conversation with its threads, each as CreateThread does. Returns all of it as
  // stored.
  virtual void CreateConversation(CreateContext context, std::string group,
                                  v1::Conversation conversation,
                                  Callback<v1::Conversation> done) = 0;

  // NOT_FOUND if the group has no such conversation.
  virtual void GetConversation(CallContext context, ConversationName name, ConversationView view,
                               Callback<v1::Conversation> done) = 0;

  // TOO_MANY_TO_SORT as in ListThreads.
  virtual void ListConversations(CallContext context, ConversationQuery query,
                                 Callback<ConversationPage> done) = 0;

  // Deletes a conversation with its threads. As with groups, no read finds any of it from then on,
  // and the rows go later. NOT_FOUND if the group has no such conversation.
  virtual void DeleteConversation(CallContext context, ConversationName name,
                                  DoneCallback done) = 0;

  // --- Threads

  // Creates a thread with its recipients and senders. Without `conversation` it also creates a
  // conversation, of the id that thread.conversation_id gives and the thread's topic. With
  // `conversation` the thread joins it, NOT_FOUND if the group has none of that id, and an
  // empty topic takes the conversation's. Returns the thread as stored.
  //
  // The thread may come with one post by BuildPost, which is stored as CreatePost does, except that
  // the thread may be locked; thread.preview is the post's preview. The answer then has that post.
  //
  // PERMISSION_DENIED / SENDER_NOT_ALLOWED if the group does not take posts from the post's sender
  // or, without a post, from the user who calls.
  virtual void CreateThread(CreateContext context, std::string group,
                            std::optional<Uuid> conversation, v1::ConversationThread thread,
                            Callback<v1::ConversationThread> done) = 0;

  // NOT_FOUND if the group has no such thread, or if the name goes through a conversation and the
  // thread is in another. So it is with all calls on a thread, its posts and what they have.
  virtual void GetThread(CallContext context, ThreadName name, ThreadView view,
                         Callback<v1::ConversationThread> done) = 0;

  // Returns the thread as changed.
  virtual void UpdateThread(ChangeContext context, ThreadName name, ThreadChanges changes,
                            Callback<v1::ConversationThread> done) = 0;

  // Deletes a thread with its posts, as DeleteConversation does; with the last thread of a
  // conversation also the conversation.
  virtual void DeleteThread(ChangeContext context, ThreadName name, DoneCallback done) = 0;

  // NOT_FOUND if the query names a conversation that the group does not have. FAILED_PRECONDITION /
  // TOO_MANY_TO_SORT in orders of topics if there are more than kMaxRowsToSort; those deleted
  // lately may count. However seldom its filter matches, a page looks at no more than
  // kMaxRowsExamined threads, and for no longer than kMaxFilterTime.
  virtual void ListThreads(CallContext context, ThreadQuery query, Callback<ThreadPage> done) = 0;

  // Finds the threads whose topic, or whose topic together with one of their posts, has all terms
  // of the query; as words are those of server/domain/words.h. A thread is one result: where its
  // newest matching post stands, or by rank its best. Every write acknowledged before is looked at.
  //   UNAVAILABLE / SEARCH_INDEX_BEHIND  the index of words does not have them in time; carries
  //                                      RetryInfo
  virtual void SearchThreads(CallContext context, SearchQuery query, Callback<SearchPage> done) = 0;

  // --- Posts

  // Every change of a post, its attachments or its extensions gives the post and its thread a new
  // etag and time of change, and keeps what the thread derives from its posts true.

  // Adds a post to a thread, and returns it as stored, with its attachments but without their
  // content.
  //   FAILED_PRECONDITION / THREAD_LOCKED
  //   FAILED_PRECONDITION / TOO_MANY_RECIPIENTS  its new participants do not fit
  //   PERMISSION_DENIED / SENDER_NOT_ALLOWED
  virtual void CreatePost(CreateContext context, ThreadName thread, NewPost post,
                          Callback<v1::Post> done) = 0;

  // NOT_FOUND if the thread has no such post.
  virtual void GetPost(CallContext context, PostName name, PostView view,
                       Callback<v1::Post> done) = 0;

  virtual void ListPosts(CallContext context, PostQuery query, Callback<PostPage> done) = 0;

  // Returns the post as changed. PERMISSION_DENIED / NOT_THE_AUTHOR if a user calls and the post is
  // by someone else.
  virtual void UpdatePost(ChangeContext context, PostName name, PostChanges changes,
                          Callback<v1::Post> done) = 0;

  // Likewise, but an owner of the group may delete any.
  virtual void DeletePost(ChangeContext context, PostName name, DoneCallback done) = 0;

  // Records a forward, made by BuildForward. NOT_FOUND if the thread has no such post;
  // FAILED_PRECONDITION / TOO_MANY_FORWARDS.
  virtual void ForwardPost(CreateContext context, PostName name, v1::Forward forward,
                           Callback<v1::Forward> done) = 0;

  // --- Attachments

  // Adds an attachment, made by BuildAttachment, and returns it without its content.
  // FAILED_PRECONDITION / TOO_MANY_ATTACHMENTS by the limits of server/domain/limits.h;
  // PERMISSION_DENIED / NOT_THE_AUTHOR as in UpdatePost.
  virtual void CreateAttachment(CreateContext context, PostName post, v1::Attachment attachment,
                                Callback<v1::Attachment> done) = 0;

  // NOT_FOUND if the post has no such attachment.
  virtual void GetAttachment(CallContext context, AttachmentName name, bool with_content,
                             Callback<v1::Attachment> done) = 0;

  virtual void ListAttachments(CallContext context, AttachmentQuery query,
                               Callback<AttachmentPage> done) = 0;

  // --- Extensions

  // ALREADY_EXISTS if the post has one of that name; FAILED_PRECONDITION / TOO_MANY_EXTENSIONS.
  virtual void CreateExtension(CreateContext context, PostName post, v1::Extension extension,
                               Callback<v1::Extension> done) = 0;

  // NOT_FOUND if the post has no such extension.
  virtual void GetExtension(CallContext context, ExtensionName name,
                            Callback<v1::Extension> done) = 0;

  // Lists extensions by name.
  virtual void ListExtensions(CallContext context, ExtensionQuery query,
                              Callback<ExtensionPage> done) = 0;

  // Replaces the content. NOT_FOUND if the post has no such extension. The etag of this and of the
  // deletion is the post's.
  virtual void UpdateExtension(ChangeContext context, ExtensionName name, std::string content_json,
                               Callback<v1::Extension> done) = 0;
  virtual void DeleteExtension(ChangeContext context, ExtensionName name, DoneCallback done) = 0;

  // --- Changes

  // Lists what has changed, in the order of commits, each change with its resource as it is now.
  // Applied in order to a copy (an absent resource is removed with all below it, any other put in
  // place), they make it equal to what is stored. A deleted conversation is told of at once, and
  // then each of its threads, as it is removed from the disk.
  //
  // From the beginning of a group, conversation or thread, what is there is listed first, as
  // created, in order of creation; all groups have no beginning. NOT_FOUND if there is no such
  // conversation or thread to begin with. A page may be empty and have more after it.
  //
  // OUT_OF_RANGE / DELTA_TOKEN_EXPIRED if the changes after the position are not kept any more, or
  // it is another store's, another group's or of the future.
  //
  // With a position, a group that has been deleted since is no error to anyone, and the page says
  // so, until the deletion itself is not kept any more.
  virtual void ListChanges(CallContext context, ChangeQuery query, Callback<ChangePage> done) = 0;

  // Calls `listener` after every commit that ListChanges then tells of, on a thread of the store's,
  // which it must not block; several commits may share a call. Replaces the listener before, which
  // is not called any more when this returns; null: none.
  virtual void SetChangeListener(std::function<void()> listener) = 0;

  // --- Moving

  // Stores records as they are, in their order, in one write: ids, times, etags, and what threads
  // say of their posts. Each comes after what it belongs to, in this call or before; a post not
  // before the posts that are older. The outcomes are those of the records, one by one; a record
  // that is refused changes nothing, and does not stop the others:
  //   ALREADY_EXISTS / RECORD_DIFFERS  it is there, and an export would give another record
  //   NOT_FOUND         what it belongs to is not there
  //   INVALID_ARGUMENT  it contradicts what it belongs to: a post its thread's conversation, time
  //                     of delivery or has_attachments, or another post's time; an attachment its
  //                     post's has_attachments; or a sender is on the group's other list
  //   FAILED_PRECONDITION / TOO_MANY_ATTACHMENTS, TOO_MANY_EXTENSIONS, TOO_MANY_FORWARDS
  //   RESOURCE_EXHAUSTED / QUOTA_EXCEEDED
  // A conversation appears with its first thread. The context's required member is not used, and
  // rules about who may post, and locked threads, do not count. All of it is noted as changes but
  // forwards, which a mailer would send again. The records are shared so that a call that is
  // refused can be made again.
  virtual void ImportRecords(CallContext context,
                             std::shared_ptr<const std::vector<CheckedRecord>> records,
                             Callback<std::vector<RecordOutcome>> done) = 0;

  // Begins an export, of all groups without `group`. NOT_FOUND if there is no such group;
  // RESOURCE_EXHAUSTED / TOO_MANY_STREAMS if as many as may are in progress, or half of them for
  // the caller. An export is in progress no more when its last chunk or an error is told, or when
  // it has been destroyed.
  virtual void OpenExport(CallContext context, std::optional<std::string> group,
                          Callback<std::unique_ptr<RecordExport>> done) = 0;

  // Refuses further calls and ends all that were accepted, exports among them. Returns when all
  // callbacks have been called. The database is released by destruction, which also closes.
  virtual void Close() = 0;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_STORE_THREAD_STORE_H_
