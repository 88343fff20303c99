#ifndef THREADSTORE_TESTS_TESTING_BLOCKING_STORE_H_
#define THREADSTORE_TESTS_TESTING_BLOCKING_STORE_H_

#include <future>
#include <optional>
#include <string>
#include <utility>

#include "server/store/thread_store.h"

namespace threadstore::testing {

// A ThreadStore whose calls return their result.
class BlockingStore {
 public:
  explicit BlockingStore(ThreadStore& store) : store_(store) {}

  absl::StatusOr<v1::Group> CreateGroup(CreateContext context, v1::Group group,
                                        std::optional<v1::Member> owner = std::nullopt) {
    return Await<absl::StatusOr<v1::Group>>([&](auto done) {
      store_.CreateGroup(std::move(context), std::move(group), std::move(owner), std::move(done));
    });
  }
  absl::StatusOr<v1::Group> GetGroup(CallContext context, std::string group) {
    return Await<absl::StatusOr<v1::Group>>(
        [&](auto done) { store_.GetGroup(std::move(context), std::move(group), std::move(done)); });
  }
  absl::StatusOr<GroupPage> ListGroups(CallContext context, GroupQuery query) {
    return Await<absl::StatusOr<GroupPage>>([&](auto done) {
      store_.ListGroups(std::move(context), std::move(query), std::move(done));
    });
  }
  absl::Status DeleteGroup(CallContext context, std::string group, bool force = false) {
    return Await<absl::Status>([&](auto done) {
      store_.DeleteGroup(std::move(context), std::move(group), force, std::move(done));
    });
  }
  absl::StatusOr<v1::Member> AddMember(CallContext context, std::string group, v1::Member member) {
    return Await<absl::StatusOr<v1::Member>>([&](auto done) {
      store_.AddMember(std::move(context), std::move(group), std::move(member), std::move(done));
    });
  }
  absl::Status RemoveMember(CallContext context, std::string group, std::string user) {
    return Await<absl::Status>([&](auto done) {
      store_.RemoveMember(std::move(context), std::move(group), std::move(user), std::move(done));
    });
  }
  absl::StatusOr<MemberPage> ListMembers(CallContext context, MemberQuery query) {
    return Await<absl::StatusOr<MemberPage>>([&](auto done) {
      store_.ListMembers(std::move(context), std::move(query), std::move(done));
    });
  }
  absl::StatusOr<v1::ConversationThread> CreateThread(CreateContext context, std::string group,
                                                      std::optional<Uuid> conversation,
                                                      v1::ConversationThread thread) {
    return Await<absl::StatusOr<v1::ConversationThread>>([&](auto done) {
      store_.CreateThread(std::move(context), std::move(group), conversation, std::move(thread),
                          std::move(done));
    });
  }
  absl::StatusOr<v1::ConversationThread> GetThread(CallContext context, std::string group,
                                                   std::optional<Uuid> conversation, Uuid thread) {
    return Await<absl::StatusOr<v1::ConversationThread>>([&](auto done) {
      store_.GetThread(std::move(context), std::move(group), conversation, thread, std::move(done));
    });
  }
  absl::StatusOr<ThreadPage> ListThreads(CallContext context, ThreadQuery query) {
    return Await<absl::StatusOr<ThreadPage>>([&](auto done) {
      store_.ListThreads(std::move(context), std::move(query), std::move(done));
    });
  }

 private:
  template <typename Result, typename Start>
  Result Await(Start start) {
    std::promise<Result> promise;
    std::future<Result> result = promise.get_future();
    start([&promise](Result value) { promise.set_value(std::move(value)); });
    return result.get();
  }

  ThreadStore& store_;
};

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_TESTING_BLOCKING_STORE_H_
