#ifndef THREADSTORE_SERVER_DOMAIN_RESOURCE_H_
#define THREADSTORE_SERVER_DOMAIN_RESOURCE_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "server/domain/resource_name.h"
#include "threadstore/v1/conversation_thread.pb.h"
#include "threadstore/v1/group_service.pb.h"
#include "threadstore/v1/thread_service.pb.h"

namespace threadstore {

// Builds the thread that a valid request asks for: its id, times (cut to microseconds), etag
// and name, and under a group the id of the conversation it begins. What the caller sent in
// read-only fields is dropped. Under an existing conversation an empty topic stays empty, for
// the store to fill in.
v1::ConversationThread BuildThread(const ThreadParent& parent, const v1::ConversationThread& sent,
                                   absl::Time now);

// Likewise for a group and for a member.
v1::Group BuildGroup(const v1::CreateGroupRequest& request, absl::Time now);
v1::Member BuildMember(const GroupName& group, const v1::Member& sent);

// A resource's etag: its revision, quoted (RFC 9110, section 8.8.3).
std::string MakeEtag(int64_t revision);

// The SHA-256 that tells whether two requests under one request_id are the same: of the method,
// the canonical parent, and the resource as the caller sent it without its read-only fields.
std::string HashRequest(const ThreadParent& parent, const v1::CreateThreadRequest& request);
std::string HashRequest(const v1::CreateGroupRequest& request);

}  // namespace threadstore

#endif  // THREADSTORE_SERVER_DOMAIN_RESOURCE_H_
