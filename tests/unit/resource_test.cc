// Building resources, times and hashes from requests.

#include "server/domain/resource.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/uuid.h"
#include "server/domain/timestamp.h"
#include "tests/testing/proto_matchers.h"

namespace threadstore {
namespace {

using testing::EqualsProto;
using testing::ParseText;

const absl::Time kNow = absl::FromUnixMicros(1'700'000'000'123'456);

ThreadParent InGroup(const std::string& group) {
  ThreadParent parent;
  parent.group.group = group;
  return parent;
}

TEST(BuildThreadTest, FillsInWhatTheCallerLeftOut) {
  const v1::ConversationThread sent = ParseText<v1::ConversationThread>("topic: 't'");
  const v1::ConversationThread thread = BuildThread(InGroup("g"), sent, kNow);
  EXPECT_TRUE(Uuid::Parse(thread.id()).has_value());
  EXPECT_TRUE(Uuid::Parse(thread.conversation_id()).has_value());
  EXPECT_NE(thread.id(), thread.conversation_id());
  v1::ConversationThread expected = ParseText<v1::ConversationThread>(R"pb(
    topic: "t"
    last_delivered_date_time { seconds: 1700000000 nanos: 123456000 }
    etag: "\"1\""
    created_date_time { seconds: 1700000000 nanos: 123456000 }
    last_modified_date_time { seconds: 1700000000 nanos: 123456000 }
  )pb");
  expected.set_id(thread.id());
  expected.set_conversation_id(thread.conversation_id());
  expected.set_name("groups/g/threads/" + thread.id());
  EXPECT_THAT(thread, EqualsProto(expected));
}

TEST(BuildThreadTest, KeepsWhatTheCallerSentAndDropsReadOnlyFields) {
  const v1::ConversationThread sent = ParseText<v1::ConversationThread>(R"pb(
    topic: "t"
    has_attachments: true
    last_delivered_date_time { seconds: -1 nanos: 999999999 }
    unique_senders: "s"
    preview: "p"
    is_locked: true
    name: "mine"
    conversation_id: "mine"
    etag: "mine"
    created_date_time { seconds: 1 }
    last_modified_date_time { seconds: 1 }
  )pb");
  ThreadParent parent = InGroup("g");
  parent.conversation = Uuid::V7(kNow);
  const v1::ConversationThread thread = BuildThread(parent, sent, kNow);
  EXPECT_TRUE(thread.has_attachments());
  EXPECT_EQ(thread.preview(), "p");
  EXPECT_TRUE(thread.is_locked());
  EXPECT_EQ(thread.last_delivered_date_time().seconds(), -1);
  EXPECT_EQ(thread.last_delivered_date_time().nanos(), 999'999'000) << "cut to microseconds";
  EXPECT_EQ(thread.conversation_id(), parent.conversation->ToString());
  EXPECT_EQ(thread.etag(), "\"1\"");
  EXPECT_EQ(thread.created_date_time().seconds(), 1'700'000'000);
  EXPECT_EQ(thread.last_modified_date_time().seconds(), 1'700'000'000);
}

TEST(BuildMemberTest, RoleDefaultsToMember) {
  GroupName group;
  group.group = "g";
  EXPECT_THAT(BuildMember(group, ParseText<v1::Member>("id: 'ann' name: 'x'")),
              EqualsProto(ParseText<v1::Member>(
                  "id: 'ann' name: 'groups/g/members/ann' role: ROLE_MEMBER")));
}

TEST(TimestampTest, ConvertsBothWays) {
  for (int64_t micros :
       {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{-1'000'000}, int64_t{1'700'000'000'123'456},
        int64_t{-62135596800'000'000}, int64_t{253402300799'999'999}}) {
    const auto timestamp = FromMicros(micros);
    EXPECT_TRUE(IsValidTimestamp(timestamp)) << micros;
    EXPECT_EQ(ToMicros(timestamp), micros);
  }
}

TEST(HashRequestTest, SameRequestSameHash) {
  const auto request = ParseText<v1::CreateThreadRequest>(
      "parent: 'me/joinedGroups/g' request_id: 'a' thread { topic: 't' is_locked: true }");
  auto alias = request;
  alias.set_parent("groups/g");
  alias.set_request_id("b");
  alias.mutable_thread()->set_etag("echoed");
  EXPECT_EQ(HashRequest(InGroup("g"), request), HashRequest(InGroup("g"), alias));
}

TEST(HashRequestTest, AnotherRequestAnotherHash) {
  const auto request = ParseText<v1::CreateThreadRequest>("thread { topic: 't' }");
  const std::string hash = HashRequest(InGroup("g"), request);
  auto other = request;
  other.mutable_thread()->set_is_locked(true);
  EXPECT_NE(HashRequest(InGroup("g"), other), hash);
  EXPECT_NE(HashRequest(InGroup("h"), request), hash);
  ThreadParent conversation = InGroup("g");
  conversation.conversation = Uuid::V7(kNow);
  EXPECT_NE(HashRequest(conversation, request), hash);
  other = request;
  other.mutable_thread()->add_to_recipients();
  const std::string with_to = HashRequest(InGroup("g"), other);
  other.mutable_thread()->mutable_to_recipients(0)->mutable_email_address();
  EXPECT_NE(HashRequest(InGroup("g"), other), with_to);
}

}  // namespace
}  // namespace threadstore
