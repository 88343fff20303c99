#include "server/http/graph_reader.h"

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/limits.h"
#include "server/http/graph_reference.h"
#include "tests/testing/proto_matchers.h"
#include "tests/testing/status_matchers.h"
#include "threadstore/v1/group_service.pb.h"

namespace threadstore {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::threadstore::testing::EqualsProto;
using ::threadstore::testing::IsOk;
using ::threadstore::testing::IsOkAndHolds;
using ::threadstore::testing::ParseText;
using ::threadstore::testing::StatusIs;

std::string ReadTestdata(const std::string& name) {
  std::ifstream stream(absl::StrCat(TESTDATA, "/", name));
  return {std::istreambuf_iterator<char>(stream), {}};
}

// The message that `json` reads as.
template <typename Message>
Message Read(absl::string_view json) {
  Message message;
  EXPECT_THAT(ReadGraphEntity(json, &message), IsOk()) << json;
  return message;
}

// What is wrong with `json`.
template <typename Message>
std::string ErrorOf(absl::string_view json) {
  Message message;
  const absl::Status status = ReadGraphEntity(json, &message).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
  EXPECT_EQ(message.ByteSizeLong(), 0U) << "a failed read leaves something behind";
  return std::string(status.message());
}

template <typename Message>
std::vector<std::string> FieldsOf(absl::string_view json) {
  Message message;
  const absl::StatusOr<GraphBody> body = ReadGraphEntity(json, &message);
  EXPECT_THAT(body, IsOk()) << json;
  return body.ok() ? body->fields : std::vector<std::string>();
}

// ---- Threads ----

TEST(GraphReaderTest, ReadsTheDocumentedRequest) {
  v1::ConversationThread thread;
  ASSERT_OK_AND_ASSIGN(const GraphBody body,
                       ReadGraphEntity(ReadTestdata("create_thread_request.json"), &thread));
  EXPECT_THAT(thread, EqualsProto(ParseText<v1::ConversationThread>(R"(
    to_recipients { email_address { name: "Name value" address: "Address value" } }
    topic: "Topic value"
    has_attachments: true
    last_delivered_date_time { seconds: 1483217895 nanos: 304900000 }
    unique_senders: "Unique Senders value"
    cc_recipients {}
    preview: "Preview value"
    is_locked: true
  )")));
  EXPECT_THAT(body.fields, ElementsAre("cc_recipients", "has_attachments", "is_locked",
                                       "last_delivered_date_time", "preview", "to_recipients",
                                       "topic", "unique_senders"));
}

TEST(GraphReaderTest, ReadsTheDocumentedResponseWithoutItsId) {
  EXPECT_THAT(
      Read<v1::ConversationThread>(ReadTestdata("create_thread_response.json")),
      EqualsProto(Read<v1::ConversationThread>(ReadTestdata("create_thread_request.json"))));
}

TEST(GraphReaderTest, ReadsAConversationWithAllThatIsInIt) {
  EXPECT_THAT(Read<v1::Conversation>(R"({
    "topic": "T",
    "threads": [{
      "posts": [{
        "body": {"contentType": "HTML", "content": "<p>x</p>"},
        "categories": ["a", "b"],
        "sender": {"emailAddress": {"name": "Ann"}},
        "newParticipants": [{"emailAddress": {"address": "b@x"}}],
        "attachments": [
          {"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt",
           "contentType": "text/plain", "isInline": true, "contentId": "c", "contentBytes": "YQ=="},
          {"@odata.type": "#microsoft.graph.itemAttachment", "name": "i",
           "item": { "@odata.type": "microsoft.graph.event", "subject": "s" }},
          {"@odata.type": "#microsoft.graph.referenceAttachment", "name": "r",
           "sourceUrl": "https://x", "providerType": "other", "permission": "Edit",
           "isFolder": "True"}],
        "extensions": [{"@odata.type": "microsoft.graph.openTypeExtension",
                        "extensionName": "com.x", "theme": "dark", "n": [1, 2.50, null]}]
      }]
    }]
  })"),
              EqualsProto(ParseText<v1::Conversation>(R"(
    topic: "T"
    threads {
      posts {
        body { content_type: "HTML" content: "<p>x</p>" }
        categories: "a"
        categories: "b"
        sender { email_address { name: "Ann" } }
        new_participants { email_address { address: "b@x" } }
        attachments {
          display_name: "a.txt" content_type: "text/plain" is_inline: true
          file { content_id: "c" content_bytes: "a" }
        }
        attachments {
          display_name: "i"
          item {
            item_json: "{ \"@odata.type\": \"microsoft.graph.event\", \"subject\": \"s\" }"
          }
        }
        attachments {
          display_name: "r"
          reference {
            source_url: "https://x" provider_type: "other" permission: "Edit" is_folder: true
          }
        }
        extensions {
          extension_name: "com.x"
          content_json: "{\"theme\":\"dark\",\"n\":[1, 2.50, null]}"
        }
      }
    }
  )")));
}

// What was read can be sent back.
TEST(GraphReaderTest, IgnoresReadOnlyMembersWhateverTheyHold) {
  for (const absl::string_view value :
       {"null", "1", "\"x\"", "true", "[null,[{}]]", R"({"unknown":{"deeper":[null]}})"}) {
    EXPECT_THAT(
        Read<v1::ConversationThread>(absl::StrCat(
            R"({"id":)", value, R"(,"conversationId":)", value, R"(,"createdDateTime":)", value,
            R"(,"lastModifiedDateTime":)", value, R"(,"topic":"T","posts":[{"id":)", value,
            R"(,"from":)", value, R"(,"inReplyTo":)", value, R"(,"changeKey":)", value,
            R"(,"receivedDateTime":)", value, R"(,"hasAttachments":)", value,
            R"(,"conversationThreadId":)", value, R"(,"attachments":[{"size":)", value, R"(,"id":)",
            value, R"(,"lastModifiedDateTime":)", value, R"(,"contentBytes":""}]}]})")),
        EqualsProto(
            ParseText<v1::ConversationThread>(R"(topic: "T" posts { attachments { file {} } })")))
        << value;
    EXPECT_THAT(
        Read<v1::Conversation>(absl::StrCat(R"({"hasAttachments":)", value, R"(,"uniqueSenders":)",
                                            value, R"(,"preview":)", value, "}")),
        EqualsProto(v1::Conversation()))
        << value;
  }
}

TEST(GraphReaderTest, ReadOnlyMembersAreStillJson) {
  EXPECT_EQ(ErrorOf<v1::ConversationThread>(R"({"id":{"a":1,"a":2}})"),
            "line 1, column 14: id.a: duplicate member");
  EXPECT_EQ(ErrorOf<v1::ConversationThread>(R"({"id":1,"id":2})"),
            "line 1, column 9: id: duplicate member");
  EXPECT_EQ(ErrorOf<v1::ConversationThread>(R"({"id":[1,]})"),
            "line 1, column 10: id: trailing comma");
}

TEST(GraphReaderTest, NullIsAbsentButNotForLists) {
  EXPECT_THAT(Read<v1::ConversationThread>(
                  R"({"topic":null,"isLocked":null,"lastDeliveredDateTime":null})"),
              EqualsProto(v1::ConversationThread()));
  EXPECT_THAT(Read<v1::Post>(R"({"body":null,"sender":{"emailAddress":null}})"),
              EqualsProto(ParseText<v1::Post>("sender {}")));
  EXPECT_THAT(Read<v1::Post>(R"({"sender":{"emailAddress":{"name":"","address":null}}})"),
              EqualsProto(ParseText<v1::Post>(R"(sender { email_address { name: "" } })")));
  EXPECT_EQ(ErrorOf<v1::ConversationThread>(R"({"toRecipients":null})"),
            "line 1, column 17: toRecipients: expected a list, got null");
  EXPECT_EQ(ErrorOf<v1::ConversationThread>(R"({"toRecipients":[null]})"),
            "line 1, column 18: toRecipients[0]: expected an object, got null");
  EXPECT_EQ(ErrorOf<v1::ConversationThread>(R"({"uniqueSenders":["a",null]})"),
            "line 1, column 23: uniqueSenders[1]: expected a string, got null");
}

TEST(GraphReaderTest, NamesWhatIsWrong) {
  EXPECT_EQ(ErrorOf<v1::ConversationThread>("{\n  \"toRecipients\": [\n    {},\n"
                                            "    {\"topik\": 1}\n  ]\n}"),
            "line 4, column 6: toRecipients[1].topik: unknown member");
  EXPECT_EQ(ErrorOf<v1::ConversationThread>(R"({"topik":1})"),
            "line 1, column 2: topik: unknown member; did you mean topic?");
  // Only Graph's names.
  EXPECT_EQ(ErrorOf<v1::ConversationThread>(R"({"to_recipients":[]})"),
            "line 1, column 2: to_recipients: unknown member; did you mean toRecipients?");
  EXPECT_EQ(ErrorOf<v1::ConversationThread>(R"({"etag":""})"),
            "line 1, column 2: etag: unknown member");
  EXPECT_EQ(ErrorOf<v1::ConversationThread>(R"({"Topic":"T"})"),
            "line 1, column 2: Topic: unknown member; did you mean topic?");
  EXPECT_EQ(ErrorOf<v1::ConversationThread>(R"({"topic":"a","topic":"b"})"),
            "line 1, column 14: topic: duplicate member");
  EXPECT_EQ(ErrorOf<v1::ConversationThread>(R"({"topic":"a\u0000b"})"),
            "line 1, column 10: topic: must not contain U+0000");
  EXPECT_EQ(ErrorOf<v1::ConversationThread>(R"({"topic":"\ud83d"})"),
            "line 1, column 10: topic: invalid string: surrogate U+D800..U+DBFF must be followed "
            "by U+DC00..U+DFFF");
  EXPECT_EQ(ErrorOf<v1::ConversationThread>(R"({"topic":1e999})"),
            "line 1, column 10: topic: the number is out of range");
  EXPECT_EQ(ErrorOf<v1::ConversationThread>(R"({"isLocked":"true"})"),
            "line 1, column 13: isLocked: expected true or false, got a string");
  EXPECT_EQ(ErrorOf<v1::ConversationThread>("[]"),
            "line 1, column 1: expected an object, got a list");
  for (const absl::string_view member :
       {"importance", "mentions", "singleValueExtendedProperties", "in_reply_to", "name"}) {
    EXPECT_THAT(ErrorOf<v1::Post>(absl::StrCat("{\"", member, "\":null}")),
                HasSubstr(absl::StrCat(std::string(member), ": unknown member")));
  }
}

TEST(GraphReaderTest, BoundsDepth) {
  std::string json = R"({"id":)";
  for (int i = 0; i < 1000; ++i) json += "[";
  EXPECT_THAT(ErrorOf<v1::ConversationThread>(json),
              HasSubstr("more than 100 levels of lists and objects"));
}

// Two bytes can take a hundred in memory.
TEST(GraphReaderTest, BoundsHowManyValuesThereAre) {
  const auto recipients = [](int count) {
    std::string json = R"({"toRecipients":[{})";
    for (int i = 1; i < count; ++i) json += ",{}";
    return json + "]}";
  };
  EXPECT_EQ(Read<v1::ConversationThread>(recipients(kMaxRequestFields - 1)).to_recipients_size(),
            kMaxRequestFields - 1);
  EXPECT_THAT(ErrorOf<v1::ConversationThread>(recipients(kMaxRequestFields + 1)),
              HasSubstr("toRecipients[20000]: a request has at most 20000 values"));
  std::string numbers = "[0";
  for (int i = 0; i < 30'000; ++i) numbers += ",0";
  EXPECT_GT(Read<v1::Extension>(absl::StrCat(R"({"id":)", numbers, R"(],"a":)", numbers, "]}"))
                .content_json()
                .size(),
            60'000U);
}

TEST(GraphReaderTest, IgnoresAnnotations) {
  EXPECT_THAT(Read<v1::ConversationThread>(R"({
    "@odata.context": "x", "@odata.etag": "W/\"1\"", "topic@odata.type": "#String",
    "posts@odata.nextLink": "y", "@removed": {"reason": "deleted"}, "topic": "T",
    "toRecipients": [{"@odata.type": 7}]
  })"),
              EqualsProto(ParseText<v1::ConversationThread>(R"(topic: "T" to_recipients {})")));
}

TEST(GraphReaderTest, AnEntityDoesNotSayThatItIsAnother) {
  for (const absl::string_view type :
       {"#microsoft.graph.conversationThread", "microsoft.graph.conversationThread",
        "#Microsoft.OutlookServices.ConversationThread", "conversationthread",
        "#CONVERSATIONTHREAD"}) {
    EXPECT_THAT(Read<v1::ConversationThread>(absl::StrCat(R"({"@odata.type":")", type, R"("})")),
                EqualsProto(v1::ConversationThread()));
  }
  EXPECT_THAT(Read<v1::Post>(R"({"@odata.type":null})"), EqualsProto(v1::Post()));
  EXPECT_EQ(ErrorOf<v1::ConversationThread>(R"({"@odata.type":"#microsoft.graph.message"})"),
            "line 1, column 16: @odata.type: expected #microsoft.graph.conversationThread, got "
            "#microsoft.graph.message");
  EXPECT_THAT(ErrorOf<v1::ConversationThread>(
                  R"({"posts":[{"@odata.type":"#microsoft.graph.conversationThread"}]})"),
              HasSubstr("posts[0].@odata.type: expected #microsoft.graph.post, got"));
  EXPECT_EQ(ErrorOf<v1::Post>(R"({"@odata.type":1})"),
            "line 1, column 16: @odata.type: expected a string, got a number");
}

TEST(GraphReaderTest, ContentTypesAreLeftToTheRules) {
  EXPECT_EQ(Read<v1::Post>(R"({"body":{"contentType":"","content":"x"}})").body().content_type(),
            "");
  EXPECT_EQ(Read<v1::Post>(R"({"body":{"contentType":"HTML"}})").body().content_type(), "HTML");
}

// ---- Fields for update masks ----

TEST(GraphReaderTest, SaysWhichFieldsAreSet) {
  EXPECT_THAT(FieldsOf<v1::ConversationThread>("{}"), IsEmpty());
  EXPECT_THAT(FieldsOf<v1::ConversationThread>(R"({"isLocked":false})"), ElementsAre("is_locked"));
  EXPECT_THAT(FieldsOf<v1::ConversationThread>(R"({"id":"x","@odata.type":null,"topic":""})"),
              ElementsAre("topic"));
  EXPECT_THAT(FieldsOf<v1::ConversationThread>(R"({"isLocked":null,"posts":[]})"),
              ElementsAre("posts"));
  EXPECT_THAT(FieldsOf<v1::Post>(R"({"categories":[],"body":{"content":"x"}})"),
              ElementsAre("body", "categories"));
  EXPECT_THAT(FieldsOf<v1::Attachment>(R"({"name":"x","contentBytes":"","contentId":"c"})"),
              ElementsAre("display_name", "file"));
  EXPECT_THAT(FieldsOf<v1::Extension>(R"({"id":"x","extensionName":"a","@x":1})"),
              ElementsAre("extension_name"));
  EXPECT_THAT(FieldsOf<v1::Extension>(R"({"a":null})"), ElementsAre("content_json"));
  // A nullable property is cleared by null.
  EXPECT_THAT(FieldsOf<v1::Group>(R"({"id":"g","mail":null,"displayName":null,"description":"d",
                                      "groupTypes":["Unified"]})"),
              ElementsAre("description", "mail"));
}

// ---- Attachments ----

TEST(GraphReaderTest, AttachmentsSayWhatTheyAre) {
  const v1::Attachment file = ParseText<v1::Attachment>(R"(file { content_bytes: "a" })");
  for (const absl::string_view json : {
           R"({"contentBytes":"YQ=="})",
           R"({"@odata.type":"#microsoft.graph.fileAttachment","contentBytes":"YQ"})",
           R"({"contentBytes":"YQ==","@odata.type":"microsoft.graph.fileAttachment"})",
           R"({"@odata.type":"#Microsoft.OutlookServices.FILEATTACHMENT","contentBytes":"YQ=="})",
           R"({"contentBytes":"YQ==","contentLocation":null,"contentId":null})",
           R"({"@odata.type":"#microsoft.graph.attachment","contentBytes":"YQ=="})",
       }) {
    EXPECT_THAT(Read<v1::Attachment>(json), EqualsProto(file)) << json;
  }
  EXPECT_THAT(Read<v1::Attachment>(R"({"contentBytes":""})"),
              EqualsProto(ParseText<v1::Attachment>("file {}")));
  EXPECT_THAT(Read<v1::Attachment>(R"({"@odata.type":"fileAttachment"})"),
              EqualsProto(ParseText<v1::Attachment>("file {}")));
  EXPECT_THAT(Read<v1::Attachment>(R"({"item":{}})"),
              EqualsProto(ParseText<v1::Attachment>(R"(item { item_json: "{}" })")));
  EXPECT_THAT(
      Read<v1::Attachment>(R"({"sourceUrl":"u","isFolder":true})"),
      EqualsProto(ParseText<v1::Attachment>(R"(reference { source_url: "u" is_folder: true })")));
}

TEST(GraphReaderTest, AttachmentsAreOfOneKind) {
  const std::string must_say =
      "@odata.type must say what it is: #microsoft.graph.fileAttachment or "
      "#microsoft.graph.itemAttachment or #microsoft.graph.referenceAttachment";
  for (const absl::string_view json :
       {R"({})", R"({"name":"x"})", R"({"contentId":"x"})", R"({"isFolder":true})",
        R"({"@odata.type":"#microsoft.graph.attachment"})"}) {
    EXPECT_THAT(ErrorOf<v1::Attachment>(json), HasSubstr(must_say)) << json;
  }
  EXPECT_EQ(ErrorOf<v1::Post>("{\"attachments\":[\n{\"name\":\"x\"}]}"),
            absl::StrCat("line 2, column 12: attachments[0]: ", must_say));
  EXPECT_EQ(ErrorOf<v1::Attachment>(R"({"@odata.type":"#microsoft.graph.message"})"),
            "line 1, column 16: @odata.type: expected #microsoft.graph.fileAttachment or "
            "#microsoft.graph.itemAttachment or #microsoft.graph.referenceAttachment, got "
            "#microsoft.graph.message");
  EXPECT_EQ(ErrorOf<v1::Attachment>(R"({"contentBytes":"","sourceUrl":"u"})"),
            "line 1, column 20: sourceUrl: not a member of fileAttachment");
  EXPECT_EQ(ErrorOf<v1::Attachment>(R"({"@odata.type":"itemAttachment","contentBytes":""})"),
            "line 1, column 33: contentBytes: not a member of itemAttachment");
  EXPECT_EQ(ErrorOf<v1::Attachment>(R"({"contentBytes":"","@odata.type":"itemAttachment"})"),
            "line 1, column 34: @odata.type: does not fit the members before it, which are those "
            "of fileAttachment");
  EXPECT_EQ(ErrorOf<v1::Attachment>(R"({"sourceUrl":"u","contentUrl":"u"})"),
            "line 1, column 18: contentUrl: unknown member");
}

TEST(GraphReaderTest, AttachmentsHaveTheRightValues) {
  EXPECT_EQ(ErrorOf<v1::Attachment>(R"({"contentBytes":"?"})"),
            "line 1, column 17: contentBytes: the string is not base64");
  EXPECT_EQ(ErrorOf<v1::Attachment>(R"({"contentBytes":"","contentLocation":"x"})"),
            "line 1, column 38: contentLocation: must be null: it is not supported");
  EXPECT_EQ(ErrorOf<v1::Attachment>(R"({"item":"x"})"),
            "line 1, column 9: item: expected an object, got a string");
  EXPECT_EQ(ErrorOf<v1::Attachment>(R"({"item":[]})"),
            "line 1, column 9: item: expected an object, got a list");
  EXPECT_EQ(ErrorOf<v1::Attachment>(R"({"item":{"a":1,"a":2}})"),
            "line 1, column 16: item.a: duplicate member");
  for (const absl::string_view folder : {"true", "\"True\"", "\"true\""}) {
    EXPECT_TRUE(Read<v1::Attachment>(absl::StrCat(R"({"sourceUrl":"u","isFolder":)", folder, "}"))
                    .reference()
                    .is_folder());
  }
  EXPECT_FALSE(
      Read<v1::Attachment>(R"({"sourceUrl":"u","isFolder":"False"})").reference().is_folder());
  EXPECT_EQ(ErrorOf<v1::Attachment>(R"({"sourceUrl":"u","isFolder":"yes"})"),
            "line 1, column 29: isFolder: expected true or false, got a string");
  EXPECT_EQ(ErrorOf<v1::Attachment>(R"({"contentBytes":"","isInline":"True"})"),
            "line 1, column 31: isInline: expected true or false, got a string");
}

// ---- Extensions ----

TEST(GraphReaderTest, ExtensionsKeepTheirMembersAsTheyWereSent) {
  EXPECT_THAT(
      Read<v1::Extension>("{\"@odata.type\":\"#microsoft.graph.openTypeExtension\", \"id\":[null],"
                          "\n \"a\" : {\"b\" : [ 1.0e2 ] } , \"extensionName\":\"com.x\","
                          "\"\\u00e9\":\"\\u0041\", \"x@odata.type\":\"#Int64\", \"n\":null}"),
      EqualsProto(ParseText<v1::Extension>(
          R"(extension_name: "com.x"
             content_json: "{\"a\":{\"b\" : [ 1.0e2 ] },\"\\u00e9\":\"\\u0041\",\"n\":null}")")));
  EXPECT_THAT(Read<v1::Extension>("{}"),
              EqualsProto(ParseText<v1::Extension>(R"(content_json: "{}")")));
  // A member may have the name of a field.
  EXPECT_THAT(Read<v1::Extension>(R"({"extensionName":"a","extension_name":1,"content_json":2})"),
              EqualsProto(ParseText<v1::Extension>(
                  R"(extension_name: "a"
                     content_json: "{\"extension_name\":1,\"content_json\":2}")")));
  EXPECT_EQ(ErrorOf<v1::Extension>(R"({"a":1,"\u0061":2})"),
            "line 1, column 8: a: duplicate member");
  EXPECT_EQ(ErrorOf<v1::Extension>(R"({"extensionName":1})"),
            "line 1, column 18: extensionName: expected a string, got a number");
  EXPECT_THAT(ErrorOf<v1::Extension>(R"({"@odata.type":"#microsoft.graph.post"})"),
              HasSubstr("expected #microsoft.graph.openTypeExtension"));
}

// ---- Groups ----

TEST(GraphReaderTest, ReadsGroups) {
  v1::Group group;
  ASSERT_OK_AND_ASSIGN(const GraphBody body, ReadGraphEntity(R"json({
    "id": "g1", "displayName": "Golf", "description": "Golfers", "mailNickname": "golf",
    "mail": "golf@x", "allowExternalSenders": true, "createdDateTime": 7,
    "groupTypes": ["Unified"], "mailEnabled": true, "securityEnabled": false,
    "visibility": "Private",
    "owners@odata.bind": ["https://graph.microsoft.com/v1.0/users/ann%40example.com"],
    "members@odata.bind": ["https://h/v1.0/directoryObjects/u1", "https://h/v1.0/users('u2')"]
  })json",
                                                             &group));
  EXPECT_THAT(group, EqualsProto(ParseText<v1::Group>(R"(
    id: "g1" display_name: "Golf" description: "Golfers" mail_nickname: "golf" mail: "golf@x"
    allow_external_senders: true
  )")));
  EXPECT_THAT(body.fields, ElementsAre("allow_external_senders", "description", "display_name",
                                       "mail", "mail_nickname"));
  EXPECT_THAT(body.owners, ElementsAre("ann@example.com"));
  EXPECT_THAT(body.members, ElementsAre("u1", "u2"));
  EXPECT_THAT(Read<v1::Group>(R"({"visibility":null,"mailEnabled":null,"securityEnabled":null})"),
              EqualsProto(v1::Group()));
}

TEST(GraphReaderTest, GroupsAreWhatThisServerHas) {
  EXPECT_EQ(ErrorOf<v1::Group>(R"({"groupTypes":["DynamicMembership"]})"),
            "line 1, column 16: groupTypes[0]: must be Unified: there are no other groups");
  for (const absl::string_view types : {"[]", R"(["Unified","Unified"])"}) {
    EXPECT_THAT(ErrorOf<v1::Group>(absl::StrCat(R"({"groupTypes":)", types, "}")),
                HasSubstr(R"(groupTypes must be ["Unified"])"));
  }
  EXPECT_THAT(ErrorOf<v1::Group>(R"({"mailEnabled":false})"),
              HasSubstr("mailEnabled: must be true"));
  EXPECT_THAT(ErrorOf<v1::Group>(R"({"securityEnabled":true})"),
              HasSubstr("securityEnabled: must be false"));
  EXPECT_THAT(ErrorOf<v1::Group>(R"({"visibility":"Public"})"),
              HasSubstr("visibility: must be Private"));
  EXPECT_EQ(ErrorOf<v1::Group>(R"({"owners@odata.bind":"x"})"),
            "line 1, column 22: owners@odata.bind: expected a list, got a string");
  EXPECT_THAT(ErrorOf<v1::Group>(R"({"members@odata.bind":["https://h/v1.0/me"]})"),
              HasSubstr("members@odata.bind[0]: must be the URL of a user"));
  EXPECT_EQ(ErrorOf<v1::Group>(R"({"id":1})"),
            "line 1, column 7: id: expected a string, got a number");
  EXPECT_EQ(ErrorOf<v1::Group>(R"({"owners":[]})"), "line 1, column 2: owners: unknown member");
  EXPECT_EQ(ErrorOf<v1::Group>(R"({"group":{}})"), "line 1, column 2: group: unknown member");
}

// ---- Actions ----

TEST(GraphReaderTest, RepliesAreWrappedOrNot) {
  v1::ReplyToThreadRequest expected;
  expected.mutable_post()->mutable_body()->set_content("x");
  for (const absl::string_view json : {
           R"({"post":{"body":{"content":"x"}}})",
           R"({"Post":{"body":{"content":"x"}}})",
           R"({"body":{"content":"x"}})",
           R"({"@odata.type":"#microsoft.graph.post","body":{"content":"x"},"id":"1"})",
       }) {
    v1::ReplyToThreadRequest to_thread;
    EXPECT_THAT(ReadGraphReply(json, &to_thread), IsOk()) << json;
    EXPECT_THAT(to_thread, EqualsProto(expected)) << json;
    v1::ReplyToPostRequest to_post;
    EXPECT_THAT(ReadGraphReply(json, &to_post), IsOk()) << json;
    EXPECT_THAT(to_post.post(), EqualsProto(expected.post())) << json;
  }
  v1::ReplyToThreadRequest empty;
  EXPECT_THAT(ReadGraphReply("{}", &empty), IsOk());
  EXPECT_FALSE(empty.has_post());
}

TEST(GraphReaderTest, RepliesHaveOnePost) {
  const struct {
    absl::string_view json;
    absl::string_view error;
  } kCases[] = {
      {R"({"post":{},"Post":{}})", "line 1, column 12: Post: duplicate member"},
      {R"({"post":{},"body":{}})", "line 1, column 12: body: cannot stand beside post"},
      {R"({"body":{},"post":{}})", "line 1, column 12: post: cannot stand beside parts of it"},
      {R"({"post":{"bodi":{}}})",
       "line 1, column 10: post.bodi: unknown member; did you mean body?"},
      {R"({"name":"x"})", "line 1, column 2: name: unknown member"},
      {R"({"posts":[]})", "line 1, column 2: posts: unknown member; did you mean post?"},
      {R"({"post":{"@odata.type":"#microsoft.graph.message"}})",
       "line 1, column 24: post.@odata.type: expected #microsoft.graph.post, got "
       "#microsoft.graph.message"},
  };
  for (const auto& [json, error] : kCases) {
    v1::ReplyToThreadRequest request;
    EXPECT_THAT(ReadGraphReply(json, &request),
                StatusIs(absl::StatusCode::kInvalidArgument, std::string(error)));
  }
}

TEST(GraphReaderTest, ReadsForwards) {
  v1::ForwardPostRequest expected;
  expected.set_comment("c");
  expected.add_to_recipients()->mutable_email_address()->set_address("a@x");
  for (const absl::string_view json :
       {R"({"comment":"c","toRecipients":[{"emailAddress":{"address":"a@x"}}]})",
        R"({"Comment":"c","ToRecipients":[{"emailAddress":{"address":"a@x"}}],"@x":1})"}) {
    v1::ForwardPostRequest request;
    EXPECT_THAT(ReadGraphForward(json, &request), IsOk()) << json;
    EXPECT_THAT(request, EqualsProto(expected)) << json;
  }
  v1::ForwardPostRequest request;
  EXPECT_THAT(
      ReadGraphForward(R"({"comment":"c","Comment":"d"})", &request),
      StatusIs(absl::StatusCode::kInvalidArgument, "line 1, column 16: Comment: duplicate member"));
  EXPECT_THAT(ReadGraphForward(R"({"coment":"c"})", &request),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "line 1, column 2: coment: unknown member; did you mean comment?"));
  EXPECT_THAT(
      ReadGraphForward(R"({"name":"c"})", &request),
      StatusIs(absl::StatusCode::kInvalidArgument, "line 1, column 2: name: unknown member"));
  // Only parameters come in two spellings.
  EXPECT_THAT(ReadGraphForward(R"({"ToRecipients":[{"EmailAddress":{}}]})", &request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("unknown member")));
}

// ---- References ----

TEST(GraphReferenceTest, IsWhatTheUrlEndsWith) {
  for (const absl::string_view url :
       {"https://graph.microsoft.com/v1.0/users/ann%40example.com",
        "http://127.0.0.1:8080/localtest/users/ann@example.com",
        "https://any.host/beta/directoryObjects/ann%40example.com",
        "https://any.host/v1.0/users('ann%40example.com')",
        "https://any.host/v1.0/groups/g/Users/ann@example.com", "/v1.0/users/ann@example.com",
        "users/ann@example.com", "users('ann@example.com')", "ann@example.com",
        "https://any.host/groups/ann@example.com"}) {
    EXPECT_THAT(ReadGraphReference(absl::StrCat(R"({"@odata.id":")", url, R"("})")),
                IsOkAndHolds("ann@example.com"))
        << url;
  }
  EXPECT_THAT(ParseGraphReference("users('o''hara')"), IsOkAndHolds("o'hara"));
  EXPECT_THAT(ParseGraphReference("https://h/v1.0/users/a%20b%2Bc"), IsOkAndHolds("a b+c"));
}

TEST(GraphReferenceTest, RefusesAllElse) {
  for (const absl::string_view url :
       {"", "/", "https://h", "https://h/", "https://h/ann", "https://h/v1.0/me",
        "https://h/v1.0/users", "https://h/v1.0/users/a/manager", "/ann", "users/%zz", "users/%FF",
        "users/%00", "users/a?b=c", "users/a#EXT#", "users//a"}) {
    EXPECT_THAT(ReadGraphReference(absl::StrCat(R"({"@odata.id":")", url, R"("})")),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("@odata.id: must be the URL of a user")))
        << url;
  }
  for (const absl::string_view json : {"{}", R"({"@odata.id":null})", R"({"@odata.type":"x"})"}) {
    EXPECT_THAT(ReadGraphReference(json),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("@odata.id is required")));
  }
  EXPECT_THAT(ReadGraphReference(R"({"@odata.id":1})"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "line 1, column 14: @odata.id: expected a string, got a number"));
  EXPECT_THAT(ReadGraphReference(R"({"id":"x"})"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("id: unknown member")));
  EXPECT_THAT(ReadGraphReference("7"), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace threadstore
