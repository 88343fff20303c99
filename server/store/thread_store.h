#ifndef THREADSTORE_SERVER_STORE_THREAD_STORE_H_
#define THREADSTORE_SERVER_STORE_THREAD_STORE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "server/base/uuid.h"
#include "server/domain/list_query.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/group_service.pb.h"

namespace threadstore {

// A user who must be in the group that a call acts on. Checked in the transaction that does the
// work, so that a member removed meanwhile is refused.
struct RequiredMember {
  std::string user;

  // The user must also be an owner; a mere member gets PERMISSION_DENIED / NOT_AN_OWNER.
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
// it is now, or NOT_FOUND if that has been deleted since; otherwise INVALID_ARGUMENT /
// REQUEST_ID_REUSED.
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

struct GroupPage {
  google::protobuf::RepeatedPtrField<v1::Group> groups;
  bool has_more = false;
};

struct MemberPage {
  google::protobuf::RepeatedPtrField<v1::Member> members;
  bool has_more = false;
};

struct ThreadPage {
  google::protobuf::RepeatedPtrField<v1::ConversationThread> threads;
  bool has_more = false;
};

// Groups, members, conversations and threads on disk. tests/store/conformance_test.cc is this
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
//   RESOURCE_EXHAUSTED / QUEUE_FULL   the queue is full; carries RetryInfo
//   RESOURCE_EXHAUSTED / STORE_FULL   a write found the disk full
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

  // Creates a group, with `owner` as its first member if given. ALREADY_EXISTS if a group of
  // that id exists. The context's required member is not used. Request keys of created groups
  // are per principal, not per group.
  virtual void CreateGroup(CreateContext context, v1::Group group, std::optional<v1::Member> owner,
                           Callback<v1::Group> done) = 0;

  virtual void GetGroup(CallContext context, std::string group, Callback<v1::Group> done) = 0;

  // Lists groups by id. The context's required member is not used.
  virtual void ListGroups(CallContext context, GroupQuery query, Callback<GroupPage> done) = 0;

  // Deletes a group with its members and, with `force`, its threads; without, FAILED_PRECONDITION
  // / GROUP_NOT_EMPTY if it has any. When this has ended no read finds any of it and the id may be
  // used again; what it held is removed from the disk later, bit by bit.
  virtual void DeleteGroup(CallContext context, std::string group, bool force,
                           DoneCallback done) = 0;

  // --- Members

  // ALREADY_EXISTS if the user is in the group.
  virtual void AddMember(CallContext context, std::string group, v1::Member member,
                         Callback<v1::Member> done) = 0;

  // NOT_FOUND if the user is not in the group. FAILED_PRECONDITION / LAST_OWNER if it is the
  // only owner.
  virtual void RemoveMember(CallContext context, std::string group, std::string user,
                            DoneCallback done) = 0;

  // Lists members by user id.
  virtual void ListMembers(CallContext context, MemberQuery query, Callback<MemberPage> done) = 0;

  // --- Threads

  // Creates a thread with its recipients and senders. Without `conversation` it also creates a
  // conversation, of the id that thread.conversation_id gives and the thread's topic. With
  // `conversation` the thread joins it, NOT_FOUND if the group has none of that id, and an
  // empty topic takes the conversation's. Returns the thread as stored.
  virtual void CreateThread(CreateContext context, std::string group,
                            std::optional<Uuid> conversation, v1::ConversationThread thread,
                            Callback<v1::ConversationThread> done) = 0;

  // NOT_FOUND if the group has no such thread, or if `conversation` is given and the thread is
  // in another.
  virtual void GetThread(CallContext context, std::string group, std::optional<Uuid> conversation,
                         Uuid thread, Callback<v1::ConversationThread> done) = 0;

  // NOT_FOUND if the query names a conversation that the group does not have.
  virtual void ListThreads(CallContext context, ThreadQuery query, Callback<ThreadPage> done) = 0;

  // Refuses further calls and ends all that were accepted. Returns when all callbacks have been
  // called. The database is released by destruction, which also closes.
  virtual void Close() = 0;
};

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_STORE_THREAD_STORE_H_
