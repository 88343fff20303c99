#ifndef THREADSTORE_SERVER_DOMAIN_VALIDATION_H_
#define THREADSTORE_SERVER_DOMAIN_VALIDATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/errors.h"
#include "server/base/uuid.h"
#include "server/domain/list_query.h"
#include "server/domain/resource_name.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/group_service.pb.h"
#include "threadstore/v1/thread_service.pb.h"

// The rules that requests must keep, as pure functions. Each finds every violation of a
// request, not only the first, and returns what it parsed on the way.
namespace threadstore {

// The violations found so far in one request.
class Violations {
 public:
  void Add(std::string field, std::string description) {
    violations_.push_back({std::move(field), std::move(description)});
  }

  // The value of `parsed`; on error adds its message as a violation of `field` and returns a
  // default value.
  template <typename T>
  T Take(std::string field, absl::StatusOr<T> parsed) {
    if (parsed.ok()) return *std::move(parsed);
    Add(std::move(field), std::string(parsed.status().message()));
    return T();
  }

  // OK, or an INVALID_ARGUMENT that lists all violations.
  absl::Status ToStatus() const {
    return violations_.empty() ? absl::OkStatus() : InvalidFieldsError(violations_);
  }

 private:
  std::vector<FieldViolation> violations_;
};

struct CreateThreadInput {
  ThreadParent parent;
  std::optional<Uuid> request_id;
};

struct CreateGroupInput {
  std::optional<Uuid> request_id;
};

// Of lists. `fingerprint` is the query's, for the token of the next page.
struct ListThreadsInput {
  ThreadParent parent;
  ThreadQuery query;
  uint64_t fingerprint = 0;
};

struct ListMembersInput {
  GroupName group;
  MemberQuery query;
  uint64_t fingerprint = 0;
};

// `query.member` is absent: whose groups to list is up to who is calling.
struct ListGroupsInput {
  GroupQuery query;
  uint64_t fingerprint = 0;
};

struct ListJoinedGroupsInput {
  UserName user;
  GroupQuery query;
  uint64_t fingerprint = 0;
};

absl::StatusOr<CreateThreadInput> Validate(const v1::CreateThreadRequest& request);
absl::StatusOr<ThreadName> Validate(const v1::GetThreadRequest& request);
absl::StatusOr<ListThreadsInput> Validate(const v1::ListThreadsRequest& request);
absl::StatusOr<CreateGroupInput> Validate(const v1::CreateGroupRequest& request);
absl::StatusOr<GroupName> Validate(const v1::GetGroupRequest& request);
absl::StatusOr<GroupName> Validate(const v1::DeleteGroupRequest& request);
absl::StatusOr<GroupName> Validate(const v1::AddMemberRequest& request);
absl::StatusOr<MemberName> Validate(const v1::RemoveMemberRequest& request);
absl::StatusOr<ListMembersInput> Validate(const v1::ListMembersRequest& request);
absl::StatusOr<ListGroupsInput> Validate(const v1::ListGroupsRequest& request);

// `calling_user` is whom `me` names: empty for an application.
absl::StatusOr<ListJoinedGroupsInput> Validate(const v1::ListJoinedGroupsRequest& request,
                                               absl::string_view calling_user);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_VALIDATION_H_
