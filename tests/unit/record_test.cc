#include "server/domain/record.h"

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/domain/limits.h"
#include "server/domain/timestamp.h"
#include "server/domain/validation.h"
#include "tests/testing/proto_matchers.h"
#include "tests/testing/status_matchers.h"

namespace threadstore {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::ParseText;

constexpr int64_t kCreatedUs = 1'700'000'000'123'456;

class RecordTest : public ::testing::Test {
 protected:
  const std::string conversation_ = IdOf(kCreatedUs);
  const std::string thread_ = IdOf(kCreatedUs);
  const std::string post_ = IdOf(kCreatedUs + 1);
  const std::string post_name_ = absl::StrCat("groups/g/threads/", thread_, "/posts/", post_);

  static std::string IdOf(int64_t micros) {
    return Uuid::V7(absl::FromUnixMicros(micros)).ToString();
  }

  static std::string Time(absl::string_view field, int64_t micros = kCreatedUs) {
    return absl::StrCat(" ", field, " { seconds: ", micros / 1'000'000,
                        " nanos: ", micros % 1'000'000 * 1000 + 999, " }");
  }

  v1::Record Conversation() {
    return ParseText<v1::Record>(absl::StrCat("conversation { topic: 't' id: '", conversation_,
                                              "' name: 'groups/g/conversations/", conversation_,
                                              "'", Time("created_date_time"), "}"));
  }

  v1::Record Thread() {
    return ParseText<v1::Record>(
        absl::StrCat("thread { has_had_posts: true thread { topic: 't' etag: '\"3\"' id: '",
                     thread_, "' name: 'groups/g/threads/", thread_, "' conversation_id: '",
                     conversation_, "'", Time("created_date_time"), Time("last_modified_date_time"),
                     Time("last_delivered_date_time", -5'000'000), "} }"));
  }

  v1::Record Post() {
    return ParseText<v1::Record>(absl::StrCat(
        "post { author: 'ann' post { etag: '\"12\"' id: '", post_, "' name: '", post_name_,
        "' conversation_id: '", conversation_, "' conversation_thread_id: '", thread_,
        "' sender { email_address { name: 'Ann' } } from { email_address { name: 'G' } }"
        " body { content_type: 'HTML' content: '<p>a<p>b' }",
        Time("created_date_time", kCreatedUs + 1), Time("last_modified_date_time"),
        Time("received_date_time", kCreatedUs + 1), "} }"));
  }

  v1::Record File() {
    return ParseText<v1::Record>(absl::StrCat("attachment { display_name: 'f' size: 2 id: '", post_,
                                              "' name: '", post_name_, "/attachments/", post_,
                                              "' file { content_bytes: 'ab' }",
                                              Time("last_modified_date_time"), "}"));
  }

  // The fields that are refused when a valid record is changed.
  static std::vector<std::string> FieldsOf(v1::Record record,
                                           const std::function<void(v1::Record&)>& change) {
    change(record);
    const auto checked = CheckRecord(record);
    std::vector<std::string> fields;
    for (const FieldViolation& violation : FieldViolationsOf(checked.status())) {
      fields.push_back(violation.field);
    }
    EXPECT_EQ(checked.ok(), fields.empty());
    return fields;
  }
};

TEST_F(RecordTest, ValidRecordsAreBroughtIntoTheFormOfExports) {
  const auto post = CheckRecord(Post());
  ASSERT_THAT(post, IsOk());
  EXPECT_EQ(post->name, post_name_);
  EXPECT_EQ(post->revision, 12);
  EXPECT_EQ(post->preview, "a b");
  const v1::Post& stored = post->record.post().post();
  EXPECT_EQ(stored.body().content_type(), "html");
  EXPECT_FALSE(stored.has_from());
  EXPECT_EQ(stored.created_date_time().nanos(), 123'457'000);
  v1::Record conversation = Conversation();
  conversation.mutable_conversation()->set_preview("of its threads");
  const auto checked = CheckRecord(conversation);
  ASSERT_THAT(checked, IsOk());
  EXPECT_EQ(checked->record.conversation().preview(), "");
  EXPECT_THAT(CheckRecord(Thread()), IsOk());
  EXPECT_THAT(CheckRecord(File()), IsOk());
}

TEST_F(RecordTest, NamesAndIdsAgree) {
  EXPECT_THAT(FieldsOf(Thread(),
                       [&](v1::Record& record) {
                         record.mutable_thread()->mutable_thread()->set_id(IdOf(kCreatedUs));
                       }),
              ElementsAre("thread.thread.id"));
  EXPECT_THAT(FieldsOf(Thread(),
                       [&](v1::Record& record) {
                         record.mutable_thread()->mutable_thread()->set_name(
                             absl::StrCat("me/joinedGroups/g/threads/", thread_));
                       }),
              ElementsAre("thread.thread.name"));
  EXPECT_THAT(FieldsOf(Post(),
                       [](v1::Record& record) {
                         record.mutable_post()->mutable_post()->clear_conversation_thread_id();
                       }),
              ElementsAre("post.post.conversation_thread_id"));
  EXPECT_THAT(FieldsOf(Post(),
                       [](v1::Record& record) {
                         record.mutable_post()->mutable_post()->set_in_reply_to("groups/g");
                       }),
              ElementsAre("post.post.in_reply_to", "post.post.in_reply_to"));
}

TEST_F(RecordTest, IdsHoldTheTimeOfCreation) {
  const auto later = [](google::protobuf::Timestamp* time) {
    *time = FromMicros(ToMicros(*time) + 1);
  };
  EXPECT_THAT(FieldsOf(Conversation(),
                       [&](v1::Record& record) {
                         later(record.mutable_conversation()->mutable_created_date_time());
                       }),
              ElementsAre("conversation.id"));
  EXPECT_THAT(
      FieldsOf(Thread(),
               [&](v1::Record& record) {
                 later(record.mutable_thread()->mutable_thread()->mutable_created_date_time());
               }),
      ElementsAre("thread.thread.id"));
  EXPECT_THAT(FieldsOf(Post(),
                       [&](v1::Record& record) {
                         later(record.mutable_post()->mutable_post()->mutable_created_date_time());
                         later(record.mutable_post()->mutable_post()->mutable_received_date_time());
                       }),
              ElementsAre("post.post.id"));
}

TEST_F(RecordTest, WhatIsGivenOnReadsIsThere) {
  EXPECT_THAT(
      FieldsOf(Thread(),
               [](v1::Record& record) {
                 v1::ConversationThread& thread = *record.mutable_thread()->mutable_thread();
                 thread.clear_created_date_time();
                 thread.clear_last_delivered_date_time();
                 thread.set_etag("\"03\"");
                 thread.clear_conversation_id();
                 thread.clear_topic();
               }),
      ElementsAre("thread.thread.conversation_id", "thread.thread.etag", "thread.thread.topic",
                  "thread.thread.last_delivered_date_time", "thread.thread.created_date_time"));
  EXPECT_THAT(
      FieldsOf(File(), [](v1::Record& record) { record.mutable_attachment()->set_size(3); }),
      ElementsAre("attachment.size"));
}

// What has records of its own would be lost.
TEST_F(RecordTest, NothingIsDropped) {
  EXPECT_THAT(
      FieldsOf(Thread(),
               [](v1::Record& record) { record.mutable_thread()->mutable_thread()->add_posts(); }),
      ElementsAre("thread.thread.posts"));
  EXPECT_THAT(FieldsOf(Post(),
                       [](v1::Record& record) {
                         record.mutable_post()->mutable_post()->add_attachments();
                         record.mutable_post()->mutable_post()->add_extensions();
                       }),
              ElementsAre("post.post.attachments", "post.post.extensions"));
  EXPECT_THAT(FieldsOf(v1::Record(), [](v1::Record&) {}), ElementsAre("kind"));
}

// Addresses may be longer than names, and senders without a name count by theirs.
TEST_F(RecordTest, SendersMayBeAddresses) {
  const auto add = [](size_t size) {
    return [size](v1::Record& record) {
      record.mutable_thread()->mutable_thread()->add_unique_senders(std::string(size, 'a'));
    };
  };
  EXPECT_THAT(FieldsOf(Thread(), add(kMaxAddressBytes)), IsEmpty());
  EXPECT_THAT(FieldsOf(Thread(), add(kMaxAddressBytes + 1)),
              ElementsAre("thread.thread.unique_senders[0]"));
}

TEST(ExportRequestTest, AllGroupsOrOne) {
  const auto group_of = [](const std::string& parent) {
    v1::ExportThreadsRequest request;
    request.set_parent(parent);
    return Validate(request);
  };
  EXPECT_THAT(group_of(""), testing::IsOkAndHolds(std::nullopt));
  EXPECT_THAT(group_of("groups/-"), testing::IsOkAndHolds(std::nullopt));
  EXPECT_THAT(group_of("groups/g"), testing::IsOkAndHolds(std::optional<std::string>("g")));
  for (const char* parent : {"g", "me/joinedGroups/g", "groups/g/", "groups/"}) {
    EXPECT_EQ(FieldViolationsOf(group_of(parent).status()).size(), 1) << parent;
  }
}

}  // namespace
}  // namespace threadstore
