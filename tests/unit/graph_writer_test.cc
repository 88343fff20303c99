#include "server/http/graph_writer.h"

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "server/base/json_object.h"
#include "server/http/graph_reader.h"
#include "tests/testing/proto_matchers.h"
#include "tests/testing/status_matchers.h"
#include "threadstore/v1/group_service.pb.h"

namespace threadstore {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::threadstore::testing::EqualsProto;
using ::threadstore::testing::IsOk;
using ::threadstore::testing::ParseText;
using Json = nlohmann::ordered_json;

constexpr int kMaxDepth = 100;

// What is written, which has no holes.
std::string Write(const google::protobuf::Message& entity, const GraphView& view = {},
                  const GraphStyle& style = {}) {
  GraphText out;
  AppendGraphEntity(entity, view, style, /*context=*/"", &out);
  EXPECT_THAT(out.holes, IsEmpty());
  EXPECT_THAT(CheckJsonObject(out.text, kMaxDepth), IsOk()) << out.text;
  return out.text;
}

GraphView All() {
  GraphView view;
  view.all = true;
  return view;
}

GraphView Select(std::vector<std::string> properties) {
  GraphView view;
  view.select = std::move(properties);
  return view;
}

GraphView Expand(std::string relation, GraphView view = {}) {
  view.relation = std::move(relation);
  GraphView outer;
  outer.expand = {std::move(view)};
  return outer;
}

GraphStyle WithBody(GraphStyle::Body body) {
  GraphStyle style;
  style.body = body;
  return style;
}

v1::ConversationThread SeedThread() {
  return ParseText<v1::ConversationThread>(R"(
    id: "3083ed6b-ed6b-3083-6bed-83306bed8330"
    to_recipients { email_address { name: "Name value" address: "Address value" } }
    topic: "Topic value"
    has_attachments: true
    last_delivered_date_time { seconds: 1483217895 nanos: 304900000 }
    unique_senders: "Unique Senders value"
    cc_recipients {}
    preview: "Preview value"
    is_locked: true
    name: "groups/g/threads/t"
    conversation_id: "c"
    etag: "\"7\""
    created_date_time { seconds: 1 }
    last_modified_date_time { seconds: 2 nanos: 500000 }
  )");
}

// ---- Threads ----

TEST(GraphWriterTest, WritesTheDocumentedResponseInItsOrder) {
  std::ifstream stream(absl::StrCat(TESTDATA, "/create_thread_response.json"));
  Json expected = Json::parse(stream);
  // The same time, in UTC.
  expected["lastDeliveredDateTime"] = "2016-12-31T20:58:15.3049Z";
  GraphStyle style;
  style.with_types = true;
  Json written = Json::parse(Write(SeedThread(), All(), style));
  ASSERT_EQ(written["@odata.etag"], R"(W/"7")");
  written.erase("@odata.etag");
  auto property = written.begin();
  for (const auto& [name, value] : expected.items()) {
    ASSERT_NE(property, written.end());
    EXPECT_EQ(property.key(), name);
    EXPECT_EQ(property.value().dump(), value.dump());
    ++property;
  }
  std::vector<std::string> additional;
  for (; property != written.end(); ++property) additional.push_back(property.key());
  EXPECT_THAT(additional, ElementsAre("conversationId", "createdDateTime", "lastModifiedDateTime"));
}

TEST(GraphWriterTest, WritesEveryPrimitiveAndEveryList) {
  EXPECT_EQ(Write(v1::ConversationThread(), All()),
            R"({"id":"","toRecipients":[],"topic":"","hasAttachments":false,"uniqueSenders":[],)"
            R"("ccRecipients":[],"preview":"","isLocked":false,"conversationId":""})");
  EXPECT_EQ(Write(v1::Conversation(), All()),
            R"({"id":"","topic":"","hasAttachments":false,"uniqueSenders":[],"preview":""})");
}

TEST(GraphWriterTest, ShowsRecipientsOnlyWhenAskedFor) {
  EXPECT_EQ(Write(SeedThread()),
            R"({"@odata.etag":"W/\"7\"","id":"3083ed6b-ed6b-3083-6bed-83306bed8330",)"
            R"("topic":"Topic value","hasAttachments":true,)"
            R"("lastDeliveredDateTime":"2016-12-31T20:58:15.3049Z",)"
            R"("uniqueSenders":["Unique Senders value"],"preview":"Preview value",)"
            R"("isLocked":true,"conversationId":"c","createdDateTime":"1970-01-01T00:00:01Z",)"
            R"("lastModifiedDateTime":"1970-01-01T00:00:02.0005Z"})");
  EXPECT_EQ(Write(SeedThread(), Select({"ccRecipients", "toRecipients"})),
            R"({"@odata.etag":"W/\"7\"","toRecipients":[{"emailAddress":{"name":"Name value",)"
            R"("address":"Address value"}}],"ccRecipients":[{}]})");
}

TEST(GraphWriterTest, SelectsAndExpands) {
  v1::ConversationThread thread = SeedThread();
  v1::Post& post = *thread.add_posts();
  post.set_id("p");
  post.add_extensions()->set_extension_name("x");
  GraphView view = Expand("posts", Select({"id"}));
  view.select = {"topic"};
  EXPECT_EQ(Write(thread, view),
            R"({"@odata.etag":"W/\"7\"","topic":"Topic value","posts":[{"id":"p"}]})");
  // A navigation property is not selected but expanded.
  EXPECT_EQ(Write(thread, Select({"posts"})), R"({"@odata.etag":"W/\"7\""})");
  view = Expand("posts", Expand("extensions"));
  view.expand[0].select = {"id"};
  view.select = {"isLocked"};
  EXPECT_EQ(Write(thread, view),
            R"({"@odata.etag":"W/\"7\"","isLocked":true,"posts":[{"id":"p","extensions":[)"
            R"({"@odata.type":"#microsoft.graph.openTypeExtension",)"
            R"("id":"microsoft.graph.openTypeExtension.x","extensionName":"x"}]}]})");
  EXPECT_THAT(Write(thread), Not(HasSubstr("posts")));
  EXPECT_THAT(Write(thread, All()), Not(HasSubstr("posts")));
}

TEST(GraphWriterTest, BeginsWithAnnotations) {
  GraphStyle style;
  style.with_types = true;
  GraphText out;
  out.text = "[";
  AppendGraphEntity(SeedThread(), Select({"id"}), style, "https://h/v1.0/$metadata#x/$entity",
                    &out);
  EXPECT_EQ(out.text,
            R"([{"@odata.context":"https://h/v1.0/$metadata#x/$entity",)"
            R"("@odata.type":"#microsoft.graph.conversationThread","@odata.etag":"W/\"7\"",)"
            R"("id":"3083ed6b-ed6b-3083-6bed-83306bed8330"})");
}

TEST(GraphWriterTest, LinksToTheRestOfWhatIsExpanded) {
  v1::ConversationThread thread;
  thread.set_id("t");
  thread.set_posts_next_page_token("more posts");
  v1::Post& post = *thread.add_posts();
  post.set_id("p");
  post.set_attachments_next_page_token("more attachments");
  GraphView view = Expand("posts", Expand("attachments"));
  view.select = {"id"};
  view.expand[0].select = {"id"};
  GraphStyle style;
  style.next_link = [](const google::protobuf::Message& entity, absl::string_view property,
                       absl::string_view token) {
    return absl::StrCat(std::string(entity.GetDescriptor()->name()), "/", property, "?", token);
  };
  EXPECT_EQ(Write(thread, view, style),
            R"({"id":"t","posts":[{"id":"p","attachments":[],)"
            R"("attachments@odata.nextLink":"Post/attachments?more attachments"}],)"
            R"("posts@odata.nextLink":"ConversationThread/posts?more posts"})");
  EXPECT_THAT(Write(thread, view), Not(HasSubstr("nextLink")));
}

// ---- Values ----

TEST(GraphWriterTest, WritesTimesWithNoMoreDigitsThanTheyNeed) {
  const struct {
    absl::string_view time;
    absl::string_view text;
  } kCases[] = {
      {"", "1970-01-01T00:00:00Z"},
      {"nanos: 100000000", "1970-01-01T00:00:00.1Z"},
      {"nanos: 1000", "1970-01-01T00:00:00.000001Z"},
      {"nanos: 100", "1970-01-01T00:00:00.0000001Z"},
      {"seconds: -1 nanos: 999999000", "1969-12-31T23:59:59.999999Z"},
      {"seconds: 1483217895 nanos: 304900000", "2016-12-31T20:58:15.3049Z"},
      {"seconds: -62135596800", "0001-01-01T00:00:00Z"},
  };
  for (const auto& [time, text] : kCases) {
    const auto thread =
        ParseText<v1::ConversationThread>(absl::StrCat("last_delivered_date_time {", time, "}"));
    EXPECT_EQ(Write(thread, Select({"lastDeliveredDateTime"})),
              absl::StrCat(R"({"lastDeliveredDateTime":")", text, R"("})"));
  }
}

TEST(GraphWriterTest, EscapesText) {
  v1::ConversationThread thread;
  thread.set_topic("\"\\\n\t\x01\x7f\xC2\x9B é😀</script>");
  EXPECT_EQ(Write(thread, Select({"topic"})),
            "{\"topic\":\"\\\"\\\\\\n\\t\\u0001\\u007f\\u009b é😀</script>\"}");
}

TEST(GraphWriterTest, KeepsWhatIsAbsentInRecipientsAbsent) {
  const auto thread = ParseText<v1::ConversationThread>(R"(
    to_recipients {}
    to_recipients { email_address {} }
    to_recipients { email_address { name: "" } }
    to_recipients { email_address { address: "" } }
  )");
  EXPECT_EQ(Write(thread, Select({"toRecipients"})),
            R"({"toRecipients":[{},{"emailAddress":{}},{"emailAddress":{"name":""}},)"
            R"({"emailAddress":{"address":""}}]})");
}

// ---- Posts ----

TEST(GraphWriterTest, WritesPostsAsGraphOrdersThem) {
  const auto post = ParseText<v1::Post>(R"(
    id: "p" created_date_time { seconds: 1 } last_modified_date_time { seconds: 2 }
    categories: "a" received_date_time { seconds: 3 } has_attachments: true
    body { content_type: "html" content: "<p>x</p>" }
    from { email_address { name: "G" } } sender { email_address { name: "A" } }
    new_participants { email_address { name: "N" } }
    conversation_id: "c" conversation_thread_id: "t" in_reply_to: "groups/g/threads/t/posts/q"
    name: "groups/g/threads/t/posts/p" etag: "\"12\""
  )");
  EXPECT_EQ(Write(post),
            R"({"@odata.etag":"W/\"12\"","id":"p","createdDateTime":"1970-01-01T00:00:01Z",)"
            R"("lastModifiedDateTime":"1970-01-01T00:00:02Z","changeKey":"12","categories":["a"],)"
            R"("receivedDateTime":"1970-01-01T00:00:03Z","hasAttachments":true,)"
            R"("body":{"contentType":"html","content":"<p>x</p>"},)"
            R"("from":{"emailAddress":{"name":"G"}},"sender":{"emailAddress":{"name":"A"}},)"
            R"("conversationId":"c","conversationThreadId":"t"})");
  EXPECT_EQ(Write(post, Select({"newParticipants", "changeKey"})),
            R"({"@odata.etag":"W/\"12\"","changeKey":"12",)"
            R"("newParticipants":[{"emailAddress":{"name":"N"}}]})");
  GraphStyle style;
  style.with_types = true;
  EXPECT_EQ(Write(post, Select({"body"}), style),
            R"({"@odata.type":"#microsoft.graph.post","@odata.etag":"W/\"12\"",)"
            R"("body":{"@odata.type":"microsoft.graph.itemBody","contentType":"html",)"
            R"("content":"<p>x</p>"}})");
}

TEST(GraphWriterTest, ExpandsThePostRepliedTo) {
  v1::Post post;
  GraphView view = Expand("inReplyTo", Select({"id"}));
  view.select = {"id"};
  EXPECT_EQ(Write(post, view), R"({"id":"","inReplyTo":null})");
  post.mutable_in_reply_to_post()->set_id("q");
  post.mutable_in_reply_to_post()->set_etag("\"3\"");
  EXPECT_EQ(Write(post, view), R"({"id":"","inReplyTo":{"@odata.etag":"W/\"3\"","id":"q"}})");
}

TEST(GraphWriterTest, ConvertsBodies) {
  v1::Post post;
  post.mutable_body()->set_content_type("HTML");
  post.mutable_body()->set_content("<p>a &lt; b</p><p>c</p>");
  const GraphView body = Select({"body"});
  const std::string html = R"({"body":{"contentType":"html","content":"<p>a &lt; b</p><p>c</p>"}})";
  EXPECT_EQ(Write(post, body), html);
  EXPECT_EQ(Write(post, body, WithBody(GraphStyle::Body::kHtml)), html);
  EXPECT_EQ(Write(post, body, WithBody(GraphStyle::Body::kText)),
            R"({"body":{"contentType":"text","content":"a < b\nc"}})");
  post.mutable_body()->set_content_type("");
  post.mutable_body()->set_content("a < b & \"c\" 'd'\r\ne\nf");
  EXPECT_EQ(Write(post, body, WithBody(GraphStyle::Body::kText)),
            R"({"body":{"contentType":"text","content":"a < b & \"c\" 'd'\u000d\ne\nf"}})");
  EXPECT_EQ(Write(post, body, WithBody(GraphStyle::Body::kHtml)),
            R"({"body":{"contentType":"html","content":"<html><head><meta )"
            R"(http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"></head><body>)"
            R"(a &lt; b &amp; &quot;c&quot; &#39;d&#39;<br>\ne<br>\nf</body></html>"}})");
}

TEST(GraphWriterTest, LeavesHtmlThatIsNotReadWhole) {
  const GraphView body = Select({"body"});
  const GraphStyle style = WithBody(GraphStyle::Body::kText);
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "<div>x";
  for (const std::string& html : {std::string(300'000, 'x'), deep}) {
    v1::Post post;
    post.mutable_body()->set_content_type("html");
    post.mutable_body()->set_content(html);
    EXPECT_EQ(Write(post, body, style), Write(post, body));
  }
  // Far more than a preview, but all of it.
  v1::Post post;
  post.mutable_body()->set_content_type("html");
  const std::string words(200'000, 'x');
  post.mutable_body()->set_content(absl::StrCat("<p>", words, "</p>"));
  EXPECT_EQ(Write(post, body, style),
            absl::StrCat(R"({"body":{"contentType":"text","content":")", words, R"("}})"));
}

// ---- Attachments ----

TEST(GraphWriterTest, WritesAttachmentsByTheirKind) {
  EXPECT_EQ(Write(ParseText<v1::Attachment>(R"(
              name: "groups/g/threads/t/posts/p/attachments/a" id: "a" display_name: "a.txt"
              content_type: "text/plain" size: 1 is_inline: true
              last_modified_date_time { seconds: 1 } file { content_bytes: "a" content_id: "c" }
            )")),
            R"({"@odata.type":"#microsoft.graph.fileAttachment","id":"a",)"
            R"("lastModifiedDateTime":"1970-01-01T00:00:01Z","name":"a.txt",)"
            R"("contentType":"text/plain","size":1,"isInline":true,"contentId":"c",)"
            R"("contentLocation":null,"contentBytes":"YQ=="})");
  EXPECT_EQ(Write(ParseText<v1::Attachment>(R"(file {})")),
            R"({"@odata.type":"#microsoft.graph.fileAttachment","id":"","name":"",)"
            R"("contentType":null,"size":0,"isInline":false,"contentId":null,)"
            R"("contentLocation":null,"contentBytes":""})");
  const auto item = ParseText<v1::Attachment>(R"(item { item_json: "{ \"a\" :1}" } size: 9)");
  EXPECT_EQ(Write(item), R"({"@odata.type":"#microsoft.graph.itemAttachment","id":"","name":"",)"
                         R"("contentType":null,"size":9,"isInline":false})");
  EXPECT_THAT(Write(item, Expand("item")), HasSubstr(R"("isInline":false,"item":{ "a" :1}})"));
  EXPECT_EQ(Write(ParseText<v1::Attachment>(R"(reference { source_url: "u" is_folder: true })")),
            R"({"@odata.type":"#microsoft.graph.referenceAttachment","id":"","name":"",)"
            R"("contentType":null,"size":0,"isInline":false,"sourceUrl":"u",)"
            R"("providerType":null,"permission":null,"isFolder":true})");
  EXPECT_EQ(Write(item, Select({"name", "contentBytes"})),
            R"({"@odata.type":"#microsoft.graph.itemAttachment","name":""})");
}

TEST(GraphWriterTest, LeavesHolesForContentItDoesNotHave) {
  v1::Post post;
  for (const char* name : {"a", "b", "c"}) {
    v1::Attachment& attachment = *post.add_attachments();
    attachment.set_name(name);
    attachment.set_size(3);
  }
  post.mutable_attachments(0)->mutable_file();
  post.mutable_attachments(1)->mutable_item();
  post.mutable_attachments(2)->mutable_file()->set_content_id("c");
  GraphView of_attachments = Expand("item");
  of_attachments.select = {"contentBytes"};
  GraphView view = Expand("attachments", of_attachments);
  view.select = {"id"};
  GraphText out;
  out.text = "[";
  AppendGraphEntity(post, view, GraphStyle(), "", &out);
  ASSERT_EQ(out.holes.size(), 3U);
  v1::Attachment file;
  file.mutable_file()->set_content_bytes("abc");
  v1::Attachment item;
  item.mutable_item()->set_item_json(R"({"a":1})");
  std::string filled = out.text;
  for (auto hole = out.holes.rbegin(); hole != out.holes.rend(); ++hole) {
    filled.insert(hole->position, GraphContentOf(hole->attachment == "b" ? item : file));
  }
  EXPECT_EQ(filled, R"([{"id":"","attachments":[)"
                    R"({"@odata.type":"#microsoft.graph.fileAttachment","contentBytes":"YWJj"},)"
                    R"({"@odata.type":"#microsoft.graph.itemAttachment","item":{"a":1}},)"
                    R"({"@odata.type":"#microsoft.graph.fileAttachment","contentBytes":"YWJj"}]})");
  EXPECT_EQ(out.holes[1].attachment, "b");
  // Nothing that is not asked for is fetched.
  GraphText without;
  AppendGraphEntity(post, Expand("attachments", Select({"id"})), GraphStyle(), "", &without);
  EXPECT_THAT(without.holes, IsEmpty());
}

// ---- Extensions, groups, people ----

TEST(GraphWriterTest, SplicesTheMembersOfExtensionsIn) {
  v1::Extension extension;
  extension.set_extension_name("com.x");
  extension.set_content_json("{ \"a\" : [ 1.0e2 ],\n \"\\u00e9\":\"\\u0041\" }");
  EXPECT_EQ(Write(extension),
            R"({"@odata.type":"#microsoft.graph.openTypeExtension",)"
            R"("id":"microsoft.graph.openTypeExtension.com.x","extensionName":"com.x",)"
            "\"a\":[ 1.0e2 ],\"\\u00e9\":\"\\u0041\"}");
  EXPECT_EQ(Write(extension, Select({"a"})),
            R"({"@odata.type":"#microsoft.graph.openTypeExtension","a":[ 1.0e2 ]})");
  // Over gRPC it may have any.
  extension.set_content_json(
      R"({"id":1,"extensionName":{},"@odata.type":"x","b@odata.type":"y","b":2})");
  EXPECT_EQ(Write(extension),
            R"({"@odata.type":"#microsoft.graph.openTypeExtension",)"
            R"("id":"microsoft.graph.openTypeExtension.com.x","extensionName":"com.x","b":2})");
  extension.set_content_json("{}");
  EXPECT_EQ(Write(extension, Select({"id"})),
            R"({"@odata.type":"#microsoft.graph.openTypeExtension",)"
            R"("id":"microsoft.graph.openTypeExtension.com.x"})");
}

TEST(GraphWriterTest, WritesGroups) {
  EXPECT_EQ(Write(ParseText<v1::Group>(R"(
              name: "groups/g" id: "g" display_name: "Golf" mail: "golf@x"
              created_date_time { seconds: 1 } allow_external_senders: true
              description: "Golfers" mail_nickname: "golf"
            )"),
                  All()),
            R"({"id":"g","createdDateTime":"1970-01-01T00:00:01Z","description":"Golfers",)"
            R"("displayName":"Golf","groupTypes":["Unified"],"mail":"golf@x","mailEnabled":true,)"
            R"("mailNickname":"golf","securityEnabled":false,"visibility":"Private",)"
            R"("allowExternalSenders":true})");
  EXPECT_EQ(Write(v1::Group()),
            R"({"id":"","description":null,"displayName":"","groupTypes":["Unified"],)"
            R"("mail":null,"mailEnabled":true,"mailNickname":null,"securityEnabled":false,)"
            R"("visibility":"Private"})");
}

TEST(GraphWriterTest, WritesPeopleAsUsers) {
  EXPECT_EQ(Write(ParseText<v1::Member>(
                R"(name: "groups/g/members/u" id: "u" display_name: "U" mail: "u@x")")),
            R"({"@odata.type":"#microsoft.graph.user","id":"u","displayName":"U","mail":"u@x",)"
            R"("userPrincipalName":"u@x"})");
  EXPECT_EQ(Write(ParseText<v1::Sender>(R"(id: "u")")),
            R"({"@odata.type":"#microsoft.graph.user","id":"u","displayName":null,"mail":null,)"
            R"("userPrincipalName":null})");
}

// ---- Round trips ----

TEST(GraphWriterTest, WhatIsWrittenCanBeRead) {
  const auto conversation = ParseText<v1::Conversation>(R"(
    id: "c" topic: "T" preview: "p" unique_senders: "A" created_date_time {}
    threads {
      id: "t" etag: "\"1\"" topic: "T\n\"" to_recipients {} unique_senders: "A" is_locked: true
      last_delivered_date_time { seconds: 5 nanos: 123456000 } conversation_id: "c"
      posts {
        id: "p" etag: "\"2\"" body { content_type: "html" content: "<p>" } categories: "x"
        from { email_address { name: "G" } } sender { email_address { name: "A" address: "a@x" } }
        new_participants { email_address {} }
        attachments { id: "1" display_name: "f" size: 1 file { content_bytes: "\377" } }
        attachments { id: "2" display_name: "i" size: 7 item { item_json: "{\"a\":1}" } }
        attachments { id: "3" display_name: "r" reference { source_url: "u" permission: "Edit" } }
        extensions { extension_name: "x" content_json: "{\"a\":{\"b\":null},\"c\":1e3}" }
      }
    }
  )");
  GraphView posts = All();
  posts.relation = "posts";
  posts.expand = Expand("attachments", Expand("item")).expand;
  posts.expand.push_back(Expand("extensions").expand[0]);
  GraphView threads = All();
  threads.relation = "threads";
  threads.expand = {posts};
  GraphView view = All();
  view.expand = {threads};
  GraphStyle style;
  style.with_types = true;
  v1::Conversation read;
  ASSERT_THAT(ReadGraphEntity(Write(conversation, view, style), &read), IsOk());
  EXPECT_THAT(read, EqualsProto(ParseText<v1::Conversation>(R"(
    topic: "T"
    threads {
      topic: "T\n\"" to_recipients {} unique_senders: "A" is_locked: true
      last_delivered_date_time { seconds: 5 nanos: 123456000 }
      posts {
        body { content_type: "html" content: "<p>" } categories: "x"
        sender { email_address { name: "A" address: "a@x" } }
        new_participants { email_address {} }
        attachments { display_name: "f" file { content_bytes: "\377" } }
        attachments { display_name: "i" item { item_json: "{\"a\":1}" } }
        attachments { display_name: "r" reference { source_url: "u" permission: "Edit" } }
        extensions { extension_name: "x" content_json: "{\"a\":{\"b\":null},\"c\":1e3}" }
      }
    }
  )")));
}

TEST(GraphWriterTest, WrittenGroupsCanBeRead) {
  const auto group = ParseText<v1::Group>(
      R"(id: "g" display_name: "G" description: "d" allow_external_senders: true)");
  v1::Group read;
  ASSERT_THAT(ReadGraphEntity(Write(group, All()), &read), IsOk());
  EXPECT_THAT(read, EqualsProto(group));
}

}  // namespace
}  // namespace threadstore
