// Building resources, times and hashes from requests.

#include "server/domain/resource.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/uuid.h"
#include "server/domain/limits.h"
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

TEST(BuildThreadTest, ThePostGivesThePreview) {
  const auto sent = ParseText<v1::ConversationThread>(R"pb(
    topic: "t"
    preview: "mine"
    has_attachments: true
    unique_senders: "mine"
    posts {
      name: "mine"
      body { content_type: 'html' content: "<p>One</p><p>&amp; two</p>" }
      attachments {
        display_name: "a"
        file { content_bytes: "12345" }
      }
    }
  )pb");
  const v1::ConversationThread thread = BuildThread(InGroup("g"), sent, kNow);
  EXPECT_EQ(thread.preview(), "One & two");
  EXPECT_TRUE(thread.has_attachments()) << "left for DeriveFromFirstPost";
  EXPECT_EQ(thread.posts(0).name(), "") << "left for PlacePost";
  EXPECT_EQ(thread.posts(0).attachments(0).size(), 5);

  const auto without_body = ParseText<v1::ConversationThread>("preview: 'mine' posts {}");
  const v1::ConversationThread empty = BuildThread(InGroup("g"), without_body, kNow);
  EXPECT_EQ(empty.preview(), "");
  EXPECT_FALSE(empty.posts(0).has_body());
}

TEST(BuildConversationTest, ThreadsAreItsOwnAndInOrder) {
  GroupName group;
  group.group = "g";
  const auto sent = ParseText<v1::Conversation>(R"pb(
    topic: "t"
    has_attachments: true
    last_delivered_date_time { seconds: 1 }
    unique_senders: "mine"
    preview: "mine"
    name: "mine"
    created_date_time { seconds: 1 }
    threads { is_locked: true }
    threads { topic: "u" }
    threads {}
  )pb");
  v1::Conversation conversation = BuildConversation(group, sent, kNow);
  ASSERT_EQ(conversation.threads_size(), 3);
  EXPECT_EQ(conversation.threads(0).topic(), "t");
  EXPECT_TRUE(conversation.threads(0).is_locked());
  EXPECT_EQ(conversation.threads(1).topic(), "u");
  for (const v1::ConversationThread& thread : conversation.threads()) {
    EXPECT_EQ(thread.conversation_id(), conversation.id());
    EXPECT_EQ(thread.name(), "groups/g/threads/" + thread.id());
  }
  EXPECT_LT(conversation.threads(0).id(), conversation.threads(1).id());
  EXPECT_LT(conversation.threads(1).id(), conversation.threads(2).id());
  conversation.clear_threads();
  auto expected = ParseText<v1::Conversation>(
      "topic: 't' created_date_time { seconds: 1700000000 nanos: 123456000 }");
  expected.set_id(conversation.id());
  expected.set_name("groups/g/conversations/" + conversation.id());
  EXPECT_THAT(conversation, EqualsProto(expected));
}

const char kSentPost[] = R"pb(
  categories: "c"
  body { content: "b" }
  sender { email_address { name: "s" } }
  new_participants { email_address { address: "p" } }
  attachments {
    display_name: "1"
    file { content_bytes: "12345" }
  }
  attachments {
    display_name: "2"
    item { item_json: "{}" }
  }
  attachments {
    display_name: "3"
    reference { source_url: "u" }
  }
  extensions { extension_name: "microsoft.graph.openTypeExtension.e" content_json: "{}" }
)pb";

// What a caller may echo, or make up.
const char kReadOnlyFields[] = R"pb(
  has_attachments: true
  created_date_time { seconds: 1 }
  last_modified_date_time { seconds: 1 }
  received_date_time { seconds: 1 }
  from { email_address { name: "mine" } }
  conversation_id: "mine"
  conversation_thread_id: "mine"
  in_reply_to: "mine"
  name: "mine"
  etag: "mine"
  attachments {
    name: "mine"
    display_name: "4"
    size: 7
    last_modified_date_time { seconds: 1 }
    reference { source_url: "u" }
  }
  extensions { name: "mine" extension_name: "f" content_json: "{}" }
)pb";

TEST(BuildPostTest, KeepsWhatTheCallerMaySayAndFillsInTheRest) {
  auto sent = ParseText<v1::Post>(kSentPost);
  sent.MergeFrom(ParseText<v1::Post>(kReadOnlyFields));
  sent.GetReflection()->MutableUnknownFields(&sent)->AddVarint(999, 1);
  auto* body = sent.mutable_body();
  body->GetReflection()->MutableUnknownFields(body)->AddVarint(999, 1);
  v1::Post post = BuildPost(sent, kNow);
  EXPECT_TRUE(post.GetReflection()->GetUnknownFields(post).empty());
  EXPECT_TRUE(body->GetReflection()->GetUnknownFields(post.body()).empty());
  ASSERT_EQ(post.attachments_size(), 4);
  std::string previous_id;
  for (v1::Attachment& attachment : *post.mutable_attachments()) {
    EXPECT_TRUE(Uuid::Parse(attachment.id()).has_value());
    EXPECT_LT(previous_id, attachment.id());
    previous_id = attachment.id();
    attachment.clear_id();
  }
  auto expected = ParseText<v1::Post>(R"pb(
    categories: "c"
    body { content_type: 'text' content: "b" }
    sender { email_address { name: "s" } }
    new_participants { email_address { address: "p" } }
    attachments {
      display_name: "1"
      size: 5
      file { content_bytes: "12345" }
    }
    attachments {
      display_name: "2"
      size: 2
      item { item_json: "{}" }
    }
    attachments {
      display_name: "3"
      reference { source_url: "u" }
    }
    attachments {
      display_name: "4"
      reference { source_url: "u" }
    }
    extensions { extension_name: "e" content_json: "{}" }
    extensions { extension_name: "f" content_json: "{}" }
  )pb");
  EXPECT_THAT(post, EqualsProto(expected));
}

TEST(BuildPostTest, APostWithoutABodyKeepsNone) {
  EXPECT_FALSE(BuildPost(v1::Post(), kNow).has_body());
  const auto html = ParseText<v1::Post>("body { content_type: 'HTML' }");
  EXPECT_EQ(BuildPost(html, kNow).body().content_type(), "html");
}

v1::ConversationThread StoredThread() {
  return BuildThread(InGroup("g"), ParseText<v1::ConversationThread>("topic: 't'"), kNow);
}

TEST(PlacePostTest, GivesTimeIdAndNames) {
  const v1::ConversationThread thread = StoredThread();
  v1::Post post = BuildPost(ParseText<v1::Post>(kSentPost), kNow);
  post.set_in_reply_to("a post");
  const v1::Post built = post;
  const auto timestamp = ParseText<google::protobuf::Timestamp>("seconds: 1800000000 nanos: 1000");
  PlacePost(thread, absl::FromUnixNanos(1'800'000'000'000'001'999), post);

  v1::Post expected = built;
  expected.set_id(post.id());
  expected.set_name(thread.name() + "/posts/" + post.id());
  expected.set_conversation_id(thread.conversation_id());
  expected.set_conversation_thread_id(thread.id());
  expected.set_has_attachments(true);
  expected.set_etag("\"1\"");
  *expected.mutable_created_date_time() = timestamp;
  *expected.mutable_last_modified_date_time() = timestamp;
  *expected.mutable_received_date_time() = timestamp;
  for (v1::Attachment& attachment : *expected.mutable_attachments()) {
    attachment.set_name(expected.name() + "/attachments/" + attachment.id());
    *attachment.mutable_last_modified_date_time() = timestamp;
  }
  expected.mutable_extensions(0)->set_name(expected.name() + "/extensions/e");
  EXPECT_THAT(post, EqualsProto(expected));
}

TEST(PlacePostTest, MayBeCalledAgain) {
  const v1::ConversationThread thread = StoredThread();
  v1::Post post = BuildPost(ParseText<v1::Post>(kSentPost), kNow);
  PlacePost(thread, kNow, post);
  const std::string first = post.id();
  PlacePost(thread, kNow + absl::Microseconds(1), post);
  EXPECT_LT(first, post.id());
  EXPECT_EQ(post.name(), thread.name() + "/posts/" + post.id());
  EXPECT_EQ(ToMicros(post.received_date_time()), absl::ToUnixMicros(kNow) + 1);
}

TEST(BuildAttachmentTest, NamesItByThePost) {
  const auto sent = ParseText<v1::Attachment>(
      "name: 'mine' size: 9 display_name: 'a' is_inline: true file { content_bytes: '12' }");
  const v1::Attachment attachment = BuildAttachment("groups/g/threads/t/posts/p", sent, kNow);
  auto expected = ParseText<v1::Attachment>(R"pb(
    display_name: "a"
    size: 2
    is_inline: true
    last_modified_date_time { seconds: 1700000000 nanos: 123456000 }
    file { content_bytes: "12" }
  )pb");
  expected.set_id(attachment.id());
  expected.set_name("groups/g/threads/t/posts/p/attachments/" + attachment.id());
  EXPECT_THAT(attachment, EqualsProto(expected));
  EXPECT_TRUE(Uuid::Parse(attachment.id()).has_value());
}

TEST(BuildExtensionTest, TakesTheShortName) {
  const auto sent = ParseText<v1::Extension>(
      "name: 'mine' extension_name: 'microsoft.graph.openTypeExtension.e' content_json: '{}'");
  EXPECT_THAT(BuildExtension("groups/g/threads/t/posts/p", sent),
              EqualsProto(ParseText<v1::Extension>(R"pb(
                name: "groups/g/threads/t/posts/p/extensions/e"
                extension_name: "e"
                content_json: "{}"
              )pb")));
}

TEST(BuildForwardTest, RecordsWhatWasAskedFor) {
  const auto request = ParseText<v1::ForwardPostRequest>(
      "name: 'n' comment: 'c' to_recipients { email_address { address: 'a' } } request_id: 'r'");
  const v1::Forward forward = BuildForward("groups/g/threads/t/posts/p", request, kNow);
  auto expected = ParseText<v1::Forward>(R"pb(
    comment: "c"
    to_recipients { email_address { address: "a" } }
    created_date_time { seconds: 1700000000 nanos: 123456000 }
  )pb");
  expected.set_id(forward.id());
  expected.set_name("groups/g/threads/t/posts/p/forwards/" + forward.id());
  EXPECT_THAT(forward, EqualsProto(expected));
}

v1::ItemBody Body(const std::string& type, const std::string& content) {
  v1::ItemBody body;
  body.set_content_type(type);
  body.set_content(content);
  return body;
}

std::string Repeat(const std::string& text, size_t count) {
  std::string repeated;
  for (size_t i = 0; i < count; ++i) repeated += text;
  return repeated;
}

TEST(MakePreviewTest, TextStaysAsItIsButForWhiteSpace) {
  EXPECT_EQ(MakePreview(Body("text", " a <b>\r\n\u00A0&amp; c\t")), "a <b> &amp; c");
  EXPECT_EQ(MakePreview(v1::ItemBody()), "");
}

TEST(MakePreviewTest, HtmlIsReadAsItsReaderSeesIt) {
  EXPECT_EQ(MakePreview(Body("html", " a <b>b</b><br>&amp;&nbsp; c\t")), "a b & c");
}

TEST(MakePreviewTest, HasAtMost255WholeCharacters) {
  for (const char* type : {"text", "html"}) {
    const std::string longest = Repeat("😀", kMaxPreviewCharacters);
    EXPECT_EQ(MakePreview(Body(type, longest)), longest);
    EXPECT_EQ(MakePreview(Body(type, longest + "😀")), longest);
    EXPECT_EQ(MakePreview(Body(type, Repeat("€ ", kMaxPreviewCharacters))),
              Repeat("€ ", 127) + "€");
    EXPECT_EQ(MakePreview(Body(type, Repeat("a", kMaxPreviewCharacters - 1) + " b")),
              Repeat("a", kMaxPreviewCharacters - 1));
  }
}

TEST(SenderTest, AMemberIsASenderByNameOrElseById) {
  EXPECT_THAT(
      SenderOf(ParseText<v1::Member>("id: 'ann' display_name: 'Ann' mail: 'a@x'")),
      EqualsProto(ParseText<v1::Recipient>("email_address { name: 'Ann' address: 'a@x' }")));
  EXPECT_THAT(SenderOf(ParseText<v1::Member>("id: 'ann'")),
              EqualsProto(ParseText<v1::Recipient>("email_address { name: 'ann' }")));
}

TEST(GroupTest, TheCreatorIsAnOwner) {
  const auto request = ParseText<v1::CreateGroupRequest>(
      "group_id: 'g' members { id: 'ann' mail: 'm' name: 'x' } members { id: 'bob' }");
  std::vector<v1::Member> members = BuildFirstMembers(request, std::nullopt);
  ASSERT_EQ(members.size(), 2U);
  EXPECT_THAT(members[0],
              EqualsProto(ParseText<v1::Member>(
                  "name: 'groups/g/members/ann' id: 'ann' mail: 'm' role: ROLE_MEMBER")));
  members = BuildFirstMembers(request, "ann");
  ASSERT_EQ(members.size(), 2U);
  EXPECT_THAT(members[0],
              EqualsProto(ParseText<v1::Member>(
                  "name: 'groups/g/members/ann' id: 'ann' mail: 'm' role: ROLE_OWNER")));
  members = BuildFirstMembers(request, "zoe");
  ASSERT_EQ(members.size(), 3U);
  EXPECT_THAT(members[2], EqualsProto(ParseText<v1::Member>(
                              "name: 'groups/g/members/zoe' id: 'zoe' role: ROLE_OWNER")));
}

TEST(HashTest, FirstMembersArePartOfTheRequest) {
  auto request = ParseText<v1::CreateGroupRequest>("group_id: 'g' group { mail: 'm' }");
  const std::string without = HashRequest(request);
  request.add_members()->set_id("ann");
  const std::string with = HashRequest(request);
  EXPECT_NE(with, without);
  request.set_request_id("any");
  request.mutable_members(0)->set_name("read-only");
  EXPECT_EQ(HashRequest(request), with);
  request.mutable_members(0)->set_role(v1::Member::ROLE_OWNER);
  EXPECT_NE(HashRequest(request), with);
}

TEST(SenderTest, PostsAreFromTheGroupIfItHasMail) {
  const auto sender = ParseText<v1::Recipient>("email_address { name: 's' }");
  EXPECT_THAT(FromOf(ParseText<v1::Group>("id: 'g' display_name: 'G'"), sender),
              EqualsProto(sender));
  EXPECT_THAT(FromOf(ParseText<v1::Group>("id: 'g' display_name: 'G' mail: 'g@x'"), sender),
              EqualsProto(ParseText<v1::Recipient>("email_address { name: 'G' address: 'g@x' }")));
  EXPECT_THAT(FromOf(ParseText<v1::Group>("id: 'g' mail: 'g@x'"), sender),
              EqualsProto(ParseText<v1::Recipient>("email_address { name: 'g' address: 'g@x' }")));
}

TEST(SenderTest, LabelsAreNamesOrElseAddresses) {
  EXPECT_EQ(SenderLabel(ParseText<v1::Recipient>("email_address { name: 'n' address: 'a' }")), "n");
  EXPECT_EQ(SenderLabel(ParseText<v1::Recipient>("email_address { name: '' address: 'a' }")), "a");
}

TEST(AddParticipantsTest, AddsThoseWhoAreNotThere) {
  const auto participants = ParseText<v1::Post>(R"pb(
    new_participants { email_address { name: "A" address: "a" } }
    new_participants { email_address { name: "B" address: "b" } }
    new_participants { email_address { name: "B again" address: "b" } }
    new_participants { email_address { name: "N" } }
    new_participants { email_address { name: "a" } }
    new_participants { email_address { name: "a" address: "" } }
  )pb");
  auto thread = ParseText<v1::ConversationThread>(R"pb(
    to_recipients { email_address { address: "a" } }
    to_recipients { email_address { name: "N" } }
    to_recipients { email_address { name: "N" } }
  )pb");
  AddParticipants(participants.new_participants(), *thread.mutable_to_recipients());
  EXPECT_THAT(thread, EqualsProto(ParseText<v1::ConversationThread>(R"pb(
                to_recipients { email_address { address: "a" } }
                to_recipients { email_address { name: "N" } }
                to_recipients { email_address { name: "N" } }
                to_recipients { email_address { name: "B" address: "b" } }
                to_recipients { email_address { name: "a" } }
              )pb")));
}

TEST(DeriveFromFirstPostTest, ThePostReplacesWhatTheCallerSaid) {
  auto sent = ParseText<v1::ConversationThread>(R"pb(
    topic: "t"
    to_recipients { email_address { address: "a" } }
    has_attachments: true
    last_delivered_date_time { seconds: 1 }
    unique_senders: "x"
    unique_senders: "y"
  )pb");
  *sent.add_posts() = ParseText<v1::Post>(R"pb(
    sender { email_address { name: "s" } }
    new_participants { email_address { address: "p" } }
  )pb");
  v1::ConversationThread thread = BuildThread(InGroup("g"), sent, kNow);
  PlacePost(thread, kNow, *thread.mutable_posts(0));
  DeriveFromFirstPost(thread);
  EXPECT_FALSE(thread.has_attachments());
  EXPECT_THAT(thread.last_delivered_date_time(), EqualsProto(thread.posts(0).received_date_time()));
  EXPECT_THAT(thread.unique_senders(), ::testing::ElementsAre("s"));
  ASSERT_EQ(thread.to_recipients_size(), 2);
  EXPECT_EQ(thread.to_recipients(1).email_address().address(), "p");
}

TEST(BuildMemberTest, RoleDefaultsToMember) {
  MemberListName list;
  list.group.group = "g";
  EXPECT_THAT(BuildMember(list, ParseText<v1::Member>("id: 'ann' name: 'x'")),
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

TEST(HashRequestTest, ReadOnlyFieldsAtAnyDepthDoNotCount) {
  auto thread = ParseText<v1::CreateThreadRequest>("thread { posts { body { content: 'b' } } }");
  auto conversation = ParseText<v1::CreateConversationRequest>(
      "conversation { threads { posts { attachments { display_name: 'a' } } } }");
  const GroupName group = InGroup("g").group;
  const std::string thread_hash = HashRequest(InGroup("g"), thread);
  const std::string conversation_hash = HashRequest(group, conversation);
  thread.mutable_thread()->mutable_posts(0)->set_etag("echoed");
  thread.mutable_thread()->mutable_posts(0)->set_has_attachments(true);
  conversation.mutable_conversation()->set_preview("echoed");
  conversation.mutable_conversation()
      ->mutable_threads(0)
      ->mutable_posts(0)
      ->mutable_attachments(0)
      ->set_size(7);
  EXPECT_EQ(HashRequest(InGroup("g"), thread), thread_hash);
  EXPECT_EQ(HashRequest(group, conversation), conversation_hash);
  thread.mutable_thread()->mutable_posts(0)->mutable_body()->set_content("c");
  conversation.mutable_conversation()->mutable_threads(0)->mutable_posts(0)->add_categories("c");
  EXPECT_NE(HashRequest(InGroup("g"), thread), thread_hash);
  EXPECT_NE(HashRequest(group, conversation), conversation_hash);
}

TEST(HashRequestTest, RequestsOnAPostDifferByMethodPostAndContent) {
  PostName post;
  post.thread.group.group = "g";
  PostName other = post;
  other.post = Uuid::V7(kNow);
  const v1::ReplyToPostRequest reply;
  const v1::ForwardPostRequest forward;
  const v1::CreateAttachmentRequest attachment;
  const v1::CreateExtensionRequest extension;
  const std::set<std::string> hashes = {
      HashRequest(post.thread, v1::ReplyToThreadRequest()),
      HashRequest(post, reply),
      HashRequest(other, reply),
      HashRequest(post, forward),
      HashRequest(post, ParseText<v1::ForwardPostRequest>("comment: 'c'")),
      HashRequest(post, attachment),
      HashRequest(post, ParseText<v1::CreateAttachmentRequest>("attachment { is_inline: true }")),
      HashRequest(post, extension),
      HashRequest(post, ParseText<v1::CreateExtensionRequest>("extension { content_json: '{}' }"))};
  EXPECT_EQ(hashes.size(), 9U);
  EXPECT_EQ(HashRequest(post, forward),
            HashRequest(post, ParseText<v1::ForwardPostRequest>("name: 'alias' request_id: 'r'")));
}

}  // namespace
}  // namespace threadstore
