#include "server/domain/validation.h"

#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/limits.h"
#include "server/domain/page_token.h"
#include "server/domain/resource.h"
#include "tests/testing/proto_matchers.h"
#include "tests/testing/request_rules.h"
#include "tests/testing/status_matchers.h"

namespace threadstore {
namespace {

using testing::Characters;
using ::testing::ElementsAre;
using testing::FieldsOf;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::kNul;
using testing::ParseText;
using testing::StatusIs;
using ::testing::UnorderedElementsAre;

constexpr CallerKind kUser = CallerKind::kUser;
constexpr CallerKind kApplication = CallerKind::kApplication;

constexpr char kConversation[] = "groups/g/conversations/01934f6e-8f00-7abc-8def-0123456789ab";

constexpr char kThread[] = "groups/g/threads/01934f6e-8f00-7abc-8def-0123456789ab";

v1::CreateThreadRequest ValidCreate() {
  return ParseText<v1::CreateThreadRequest>("parent: 'groups/g' thread { topic: 't' }");
}

v1::Post PostWithBody(const std::string& content) {
  v1::Post post = ParseText<v1::Post>("sender { email_address { name: 's' } }");
  post.mutable_body()->set_content(content);
  return post;
}

TEST(ValidateCreateThreadTest, LeastRequestIsValid) {
  EXPECT_THAT(Validate(ValidCreate(), kApplication), IsOk());
}

TEST(ValidateCreateThreadTest, EachViolationNamesItsField) {
  struct Case {
    const char* field;
    std::function<void(v1::CreateThreadRequest&)> break_rule;
  };
  const Case cases[] = {
      {"parent", [](auto& r) { r.set_parent("groups"); }},
      {"thread", [](auto& r) { r.clear_thread(); }},
      {"thread.id", [](auto& r) { r.mutable_thread()->set_id("x"); }},
      {"thread.topic", [](auto& r) { r.mutable_thread()->clear_topic(); }},
      {"thread.topic",
       [](auto& r) { r.mutable_thread()->set_topic(Characters(kMaxTopicCharacters + 1)); }},
      {"thread.topic", [](auto& r) { r.mutable_thread()->set_topic(kNul); }},
      {"thread.preview",
       [](auto& r) { r.mutable_thread()->set_preview(Characters(kMaxPreviewCharacters + 1)); }},
      {"thread.preview", [](auto& r) { r.mutable_thread()->set_preview(kNul); }},
      {"thread.to_recipients",
       [](auto& r) {
         for (int i = 0; i <= kMaxRecipients; ++i) r.mutable_thread()->add_to_recipients();
       }},
      {"thread.cc_recipients",
       [](auto& r) {
         for (int i = 0; i <= kMaxRecipients; ++i) r.mutable_thread()->add_cc_recipients();
       }},
      {"thread.to_recipients[1].email_address.address",
       [](auto& r) {
         r.mutable_thread()->add_to_recipients();
         r.mutable_thread()->add_to_recipients()->mutable_email_address()->set_address(
             std::string(kMaxAddressBytes + 1, 'a'));
       }},
      {"thread.cc_recipients[0].email_address.address",
       [](auto& r) {
         r.mutable_thread()->add_cc_recipients()->mutable_email_address()->set_address(kNul);
       }},
      {"thread.to_recipients[0].email_address.name",
       [](auto& r) {
         r.mutable_thread()->add_to_recipients()->mutable_email_address()->set_name(
             Characters(kMaxDisplayNameCharacters + 1));
       }},
      {"thread.cc_recipients[0].email_address.name",
       [](auto& r) {
         r.mutable_thread()->add_cc_recipients()->mutable_email_address()->set_name(kNul);
       }},
      {"thread.unique_senders",
       [](auto& r) {
         for (int i = 0; i <= kMaxUniqueSenders; ++i) r.mutable_thread()->add_unique_senders("s");
       }},
      {"thread.unique_senders[1]",
       [](auto& r) {
         r.mutable_thread()->add_unique_senders("s");
         r.mutable_thread()->add_unique_senders(kNul);
       }},
      {"thread.unique_senders[0]",
       [](auto& r) {
         r.mutable_thread()->add_unique_senders(Characters(kMaxDisplayNameCharacters + 1));
       }},
      {"thread.last_delivered_date_time",
       [](auto& r) {
         r.mutable_thread()->mutable_last_delivered_date_time()->set_seconds(-62135596801);
       }},
      {"thread.last_delivered_date_time",
       [](auto& r) {
         r.mutable_thread()->mutable_last_delivered_date_time()->set_seconds(253402300800);
       }},
      {"thread.last_delivered_date_time",
       [](auto& r) { r.mutable_thread()->mutable_last_delivered_date_time()->set_nanos(-1); }},
      {"thread.last_delivered_date_time",
       [](auto& r) {
         r.mutable_thread()->mutable_last_delivered_date_time()->set_nanos(1'000'000'000);
       }},
      {"thread.posts",
       [](auto& r) {
         r.mutable_thread()->add_posts();
         r.mutable_thread()->add_posts();
       }},
      {"thread.posts[0].body.content",
       [](auto& r) { *r.mutable_thread()->add_posts() = PostWithBody(kNul); }},
      {"thread.posts[0].new_participants",
       [](auto& r) {
         *r.mutable_thread()->add_posts() = ParseText<v1::Post>(R"pb(
           sender { email_address { name: "s" } }
           new_participants { email_address { name: "one too many" } }
         )pb");
         for (int i = 0; i < kMaxRecipients; ++i) r.mutable_thread()->add_to_recipients();
       }},
      {"request_id", [](auto& r) { r.set_request_id("not-a-uuid"); }},
      {"request_id", [](auto& r) { r.set_request_id("00000000-0000-0000-0000-000000000000"); }},
      {"request_id", [](auto& r) { r.set_request_id("{01934f6e-8f00-7abc-8def-0123456789ab}"); }},
  };
  for (const Case& c : cases) {
    v1::CreateThreadRequest request = ValidCreate();
    c.break_rule(request);
    EXPECT_THAT(FieldsOf(Validate(request, kApplication)), ElementsAre(c.field))
        << request.ShortDebugString();
  }
}

TEST(ValidateCreateThreadTest, LimitsThemselvesAreAllowed) {
  v1::CreateThreadRequest request = ValidCreate();
  v1::ConversationThread& thread = *request.mutable_thread();
  thread.set_topic(Characters(kMaxTopicCharacters));
  thread.set_preview(Characters(kMaxPreviewCharacters));
  for (int i = 0; i < kMaxRecipients; ++i) {
    auto& email = *thread.add_to_recipients()->mutable_email_address();
    email.set_name(Characters(kMaxDisplayNameCharacters));
    email.set_address(std::string(kMaxAddressBytes, 'a'));
    thread.add_cc_recipients();
  }
  for (int i = 0; i < kMaxUniqueSenders; ++i) {
    thread.add_unique_senders(Characters(kMaxDisplayNameCharacters));
  }
  thread.mutable_last_delivered_date_time()->set_seconds(253402300799);
  thread.mutable_last_delivered_date_time()->set_nanos(999'999'999);
  request.set_request_id("FFFFFFFF-ffff-FFFF-ffff-FFFFFFFFFFFF");
  EXPECT_THAT(Validate(request, kApplication), IsOk());
  thread.mutable_last_delivered_date_time()->set_seconds(-62135596800);
  thread.mutable_last_delivered_date_time()->set_nanos(0);
  EXPECT_THAT(Validate(request, kApplication), IsOk());
}

TEST(ValidateCreateThreadTest, AllViolationsComeAtOnce) {
  v1::CreateThreadRequest request = ParseText<v1::CreateThreadRequest>(R"pb(
    parent: "nowhere"
    thread {
      id: "x"
      to_recipients { email_address { address: "\000" } }
    }
    request_id: "x"
  )pb");
  const auto result = Validate(request, kApplication);
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(FieldsOf(result),
              UnorderedElementsAre("parent", "thread.id", "thread.topic",
                                   "thread.to_recipients[0].email_address.address", "request_id"));
}

TEST(ValidateCreateThreadTest, TopicMayBeEmptyInAConversation) {
  v1::CreateThreadRequest request = ValidCreate();
  request.set_parent(kConversation);
  request.mutable_thread()->clear_topic();
  EXPECT_THAT(Validate(request, kApplication), IsOk());
}

TEST(ValidateCreateThreadTest, ParticipantsOfTheToLineNeedNoRoom) {
  v1::CreateThreadRequest request = ValidCreate();
  *request.mutable_thread()->add_posts() = ParseText<v1::Post>(R"pb(
    sender { email_address { name: "s" } }
    new_participants { email_address { address: "7" } }
  )pb");
  for (int i = 0; i < kMaxRecipients; ++i) {
    request.mutable_thread()->add_to_recipients()->mutable_email_address()->set_address(
        std::to_string(i));
  }
  EXPECT_THAT(Validate(request, kApplication), IsOk());
}

TEST(ValidateUpdateThreadTest, TheMaskSaysWhatChanges) {
  struct Case {
    const char* request;
    bool has_topic;
    bool changes_is_locked;
  };
  for (const Case& c : {
           Case{"", false, false},
           Case{"thread { preview: 'p' }", false, false},
           Case{"thread { topic: 't' }", true, false},
           Case{"thread { is_locked: true }", false, true},
           Case{"thread { is_locked: true } update_mask { paths: 'topic' }", true, false},
           Case{"update_mask { paths: 'is_locked' }", false, true},
           Case{"update_mask { paths: '*' }", false, true},
           Case{"thread { topic: 't' } update_mask { paths: '*' }", true, true},
           Case{"update_mask { paths: 'topic' }", true, false},
       }) {
    auto request = ParseText<v1::UpdateThreadRequest>(c.request);
    request.mutable_thread()->set_name(kThread);
    ASSERT_OK_AND_ASSIGN(const UpdateThreadInput input, Validate(request));
    EXPECT_EQ(input.has_topic, c.has_topic) << c.request;
    EXPECT_EQ(input.changes_is_locked, c.changes_is_locked) << c.request;
    EXPECT_EQ(input.thread.Canonical(), kThread);
  }
}

TEST(ValidateUpdateThreadTest, FindsEveryViolation) {
  auto request = ParseText<v1::UpdateThreadRequest>(
      "update_mask { paths: 'preview' paths: 'is_locked' paths: 'thread.topic' }");
  request.mutable_thread()->set_name("groups/g");
  request.mutable_thread()->set_topic(kNul);
  const auto result = Validate(request);
  EXPECT_THAT(FieldsOf(result),
              ElementsAre("thread.name", "update_mask", "update_mask", "thread.topic"));
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("name preview")));
}

TEST(ValidateThreadTest, NamesAreRead) {
  v1::DeleteThreadRequest remove;
  remove.set_name(kThread);
  EXPECT_THAT(Validate(remove), IsOk());
  remove.set_name("groups/g");
  EXPECT_THAT(FieldsOf(Validate(remove)), ElementsAre("name"));
}

TEST(ValidateReplyToThreadTest, NeedsAPost) {
  v1::ReplyToThreadRequest request;
  request.set_request_id("x");
  EXPECT_THAT(FieldsOf(Validate(request, kUser)), ElementsAre("name", "post", "request_id"));
  request.set_name(kThread);
  request.set_request_id("01934f6e-8f00-7abc-8def-0123456789ab");
  *request.mutable_post() = PostWithBody("b");
  ASSERT_OK_AND_ASSIGN(const ReplyToThreadInput input, Validate(request, kApplication));
  EXPECT_EQ(input.thread.Canonical(), kThread);
  EXPECT_EQ(input.request_id->ToString(), request.request_id());
}

v1::CreateConversationRequest ValidCreateConversation() {
  return ParseText<v1::CreateConversationRequest>(
      "parent: 'groups/g' conversation { topic: 't' threads {} }");
}

TEST(ValidateCreateConversationTest, LeastRequestIsValid) {
  EXPECT_THAT(Validate(ValidCreateConversation(), kApplication), IsOk());
  EXPECT_THAT(Validate(ValidCreateConversation(), kUser), IsOk());
}

TEST(ValidateCreateConversationTest, EachViolationNamesItsField) {
  struct Case {
    const char* field;
    std::function<void(v1::CreateConversationRequest&)> break_rule;
  };
  const Case cases[] = {
      {"parent", [](auto& r) { r.set_parent(kConversation); }},
      {"conversation", [](auto& r) { r.clear_conversation(); }},
      {"conversation.id", [](auto& r) { r.mutable_conversation()->set_id("x"); }},
      {"conversation.topic", [](auto& r) { r.mutable_conversation()->clear_topic(); }},
      {"conversation.threads", [](auto& r) { r.mutable_conversation()->clear_threads(); }},
      {"conversation.threads",
       [](auto& r) {
         for (int i = 0; i < kMaxThreadsPerCreate; ++i) r.mutable_conversation()->add_threads();
       }},
      {"conversation.threads[1].topic",
       [](auto& r) {
         r.mutable_conversation()->add_threads()->set_topic(Characters(kMaxTopicCharacters + 1));
       }},
      {"conversation.threads[1].posts",
       [](auto& r) {
         auto* thread = r.mutable_conversation()->add_threads();
         thread->add_posts();
         thread->add_posts();
       }},
      {"conversation.threads[1].posts[0].sender",
       [](auto& r) { r.mutable_conversation()->add_threads()->add_posts(); }},
      {"conversation.threads[0].posts[0].body.content",
       [](auto& r) {
         *r.mutable_conversation()->mutable_threads(0)->add_posts() =
             PostWithBody(std::string(kMaxBodyBytes + 1, 'b'));
       }},
      {"request_id", [](auto& r) { r.set_request_id("x"); }},
  };
  for (const Case& c : cases) {
    v1::CreateConversationRequest request = ValidCreateConversation();
    c.break_rule(request);
    EXPECT_THAT(FieldsOf(Validate(request, kApplication)), ElementsAre(c.field));
  }
}

TEST(ValidateCreateConversationTest, BodiesAndAttachmentsHaveOneLimitTogether) {
  v1::CreateConversationRequest request = ValidCreateConversation();
  v1::Conversation& conversation = *request.mutable_conversation();
  v1::Post& first = *conversation.mutable_threads(0)->add_posts();
  v1::Post& second = *conversation.add_threads()->add_posts();
  first = PostWithBody(std::string(kMaxBodyBytes - 1, 'b'));
  second = PostWithBody("b");
  v1::Attachment& attachment = *first.add_attachments();
  attachment.set_display_name("a");
  attachment.mutable_file()->set_content_bytes(std::string(kMaxAttachmentBytes - 2, 'b'));
  *second.add_attachments() =
      ParseText<v1::Attachment>("display_name: 'b' item { item_json: '{}' }");
  EXPECT_THAT(Validate(request, kApplication), IsOk());

  second.mutable_body()->mutable_content()->push_back('b');
  second.mutable_attachments(0)->mutable_item()->mutable_item_json()->push_back(' ');
  const auto result = Validate(request, kApplication);
  EXPECT_THAT(FieldsOf(result),
              ElementsAre("conversation.threads[1].posts[0].body.content",
                          "conversation.threads[1].posts[0].attachments[0].item.item_json"));
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1048576 bytes")));
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("3145728 bytes")));
}

TEST(ValidateConversationTest, NamesAreRead) {
  v1::GetConversationRequest get;
  get.set_name(kConversation);
  EXPECT_THAT(Validate(get), IsOk());
  get.set_name(kThread);
  EXPECT_THAT(FieldsOf(Validate(get)), ElementsAre("name"));
  v1::DeleteConversationRequest remove;
  remove.set_name(kConversation);
  EXPECT_THAT(Validate(remove), IsOk());
  remove.clear_name();
  EXPECT_THAT(FieldsOf(Validate(remove)), ElementsAre("name"));
}

TEST(ValidateListConversationsTest, TokensBelongToTheirQuery) {
  v1::ListConversationsRequest request;
  request.set_parent("me/joinedGroups/g");
  ASSERT_OK_AND_ASSIGN(const ListConversationsInput first, Validate(request));
  EXPECT_EQ(first.query.group, "g");
  EXPECT_EQ(first.query.limit, kDefaultPageSize);
  EXPECT_EQ(first.query.order, ThreadOrder::kNewestActivity);
  internal::v1::PageToken token;
  token.set_query_fingerprint(first.fingerprint);
  token.set_last_id("01934f6e-8f00-7abc-8def-0123456789ab");
  token.set_last_delivered_us(5);
  request.set_page_token(EncodePageToken(token));
  ASSERT_OK_AND_ASSIGN(const ListConversationsInput next, Validate(request));
  EXPECT_EQ(next.query.after->id.ToString(), token.last_id());
  EXPECT_EQ(next.query.after->last_delivered_us, 5);

  request.set_order_by("create_time");
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("page_token"));
  v1::ListThreadsRequest threads;
  threads.set_parent("groups/g");
  threads.set_page_token(request.page_token());
  EXPECT_THAT(FieldsOf(Validate(threads)), ElementsAre("page_token"));

  request.set_parent("groups");
  request.set_order_by("preview");
  request.set_page_size(-1);
  EXPECT_THAT(FieldsOf(Validate(request)),
              UnorderedElementsAre("parent", "order_by", "page_size", "page_token"));
}

TEST(ValidateListThreadsTest, PageSizeHasDefaultAndMaximum) {
  const auto limit_of = [](int32_t page_size) {
    v1::ListThreadsRequest request;
    request.set_parent("groups/g");
    request.set_page_size(page_size);
    const auto input = Validate(request);
    return input.ok() ? input->query.limit : -1;
  };
  EXPECT_EQ(limit_of(0), kDefaultPageSize);
  EXPECT_EQ(limit_of(1), 1);
  EXPECT_EQ(limit_of(kMaxPageSize), kMaxPageSize);
  EXPECT_EQ(limit_of(kMaxPageSize + 1), kMaxPageSize);
  EXPECT_EQ(limit_of(-1), -1);
}

TEST(ValidateListThreadsTest, TokensBelongToTheirQuery) {
  v1::ListThreadsRequest request;
  request.set_parent("groups/g");
  ASSERT_OK_AND_ASSIGN(const ListThreadsInput first, Validate(request));
  internal::v1::PageToken token;
  token.set_query_fingerprint(first.fingerprint);
  token.set_last_id("01934f6e-8f00-7abc-8def-0123456789ab");
  token.set_last_delivered_us(-5);
  request.set_page_token(EncodePageToken(token));

  request.set_parent("me/joinedGroups/g");
  request.set_page_size(7);
  ASSERT_OK_AND_ASSIGN(const ListThreadsInput next, Validate(request));
  EXPECT_EQ(next.query.after->id.ToString(), token.last_id());
  EXPECT_EQ(next.query.after->last_delivered_us, -5);

  request.set_order_by("create_time");
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("page_token"));
  request.clear_order_by();
  request.set_parent("groups/h");
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("page_token"));
  request.set_parent("groups/g");
  for (const std::string& bad :
       {std::string("x"), std::string("!!!!"), EncodePageToken(token) + "AAAA",
        std::string(kMaxPageTokenBytes + 1, 'A')}) {
    request.set_page_token(bad);
    EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("page_token")) << bad;
  }
  internal::v1::PageToken cut_short = token;
  cut_short.clear_last_delivered_us();
  request.set_page_token(EncodePageToken(cut_short));
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("page_token"));
  cut_short.clear_last_id();
  request.set_page_token(EncodePageToken(cut_short));
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("page_token"));
  token.set_last_id("no id");
  request.set_page_token(EncodePageToken(token));
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("page_token"));
}

TEST(ValidateListJoinedGroupsTest, TokensBelongToTheUser) {
  v1::ListJoinedGroupsRequest request;
  request.set_parent("me");
  ASSERT_OK_AND_ASSIGN(const ListJoinedGroupsInput mine, Validate(request, "ann"));
  internal::v1::PageToken token;
  token.set_query_fingerprint(mine.fingerprint);
  token.set_last_id("g");
  request.set_page_token(EncodePageToken(token));
  EXPECT_THAT(Validate(request, "bob").status(), StatusIs(absl::StatusCode::kInvalidArgument));
  request.set_parent("users/ann");
  ASSERT_OK_AND_ASSIGN(const ListJoinedGroupsInput named, Validate(request, ""));
  EXPECT_EQ(named.query.after_id, "g");
}

TEST(ValidateListGroupsTest, TokensBelongToTheFilter) {
  v1::ListGroupsRequest request;
  EXPECT_EQ(Validate(request)->fingerprint, QueryFingerprint("ListGroups", ""));
  request.set_filter("startswith(displayName,'a')");
  ASSERT_OK_AND_ASSIGN(const ListGroupsInput filtered, Validate(request));
  EXPECT_TRUE(filtered.query.filter.has_value());
  EXPECT_NE(filtered.fingerprint, QueryFingerprint("ListGroups", ""));
  request.set_filter("no_such_field eq 1");
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("filter"));
  v1::ListJoinedGroupsRequest joined;
  joined.set_parent("me");
  EXPECT_EQ(Validate(joined, "ann")->fingerprint, QueryFingerprint("ListJoinedGroups", "ann"));
  joined.set_filter("mail eq 'm'");
  EXPECT_NE(Validate(joined, "ann")->fingerprint, QueryFingerprint("ListJoinedGroups", "ann"));
  joined.set_filter("(");
  EXPECT_THAT(FieldsOf(Validate(joined, "ann")), ElementsAre("filter"));
}

TEST(ValidateGroupTest, CreateGroup) {
  v1::CreateGroupRequest request;
  request.set_group_id("g");
  EXPECT_THAT(Validate(request), IsOk());
  request.set_group_id("a/b");
  request.mutable_group()->set_display_name(Characters(kMaxDisplayNameCharacters + 1));
  request.mutable_group()->set_mail(std::string(kMaxAddressBytes + 1, 'm'));
  request.mutable_group()->set_description(Characters(kMaxDescriptionCharacters + 1));
  request.mutable_group()->set_mail_nickname(Characters(kMaxMailNicknameCharacters + 1));
  request.set_request_id("x");
  EXPECT_THAT(FieldsOf(Validate(request)),
              UnorderedElementsAre("group_id", "group.display_name", "group.mail",
                                   "group.description", "group.mail_nickname", "request_id"));
  request = v1::CreateGroupRequest();
  request.set_group_id("g");
  request.mutable_group()->set_description(Characters(kMaxDescriptionCharacters));
  request.mutable_group()->set_mail_nickname(Characters(kMaxMailNicknameCharacters));
  EXPECT_THAT(Validate(request), IsOk());
}

TEST(ValidateGroupTest, FirstMembers) {
  auto request = ParseText<v1::CreateGroupRequest>(
      "group_id: 'g' members { id: 'ann' role: ROLE_OWNER } members { id: 'bob' }");
  EXPECT_THAT(Validate(request), IsOk());
  request.mutable_members(0)->set_id("a/b");
  request.mutable_members(0)->set_role(static_cast<v1::Member::Role>(7));
  request.mutable_members(1)->set_display_name(kNul);
  *request.add_members() = request.members(1);
  request.mutable_members(2)->set_mail(kNul);
  EXPECT_THAT(FieldsOf(Validate(request)),
              UnorderedElementsAre("members[0].id", "members[0].role", "members[1].display_name",
                                   "members[2].id", "members[2].display_name", "members[2].mail"));
  request.clear_members();
  for (int i = 0; i <= kMaxMembersPerCreate; ++i) {
    request.add_members()->set_id(std::to_string(i));
  }
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("members"));
  request.mutable_members()->RemoveLast();
  EXPECT_THAT(Validate(request), IsOk());
}

TEST(ValidateGroupTest, AddMember) {
  v1::AddMemberRequest request;
  request.set_parent("groups/g");
  request.mutable_member()->set_id("ann");
  EXPECT_THAT(Validate(request), IsOk());
  request.set_parent("groups");
  request.mutable_member()->set_id("a/b");
  request.mutable_member()->set_display_name(kNul);
  request.mutable_member()->set_mail(kNul);
  request.mutable_member()->set_role(static_cast<v1::Member::Role>(7));
  EXPECT_THAT(FieldsOf(Validate(request)),
              UnorderedElementsAre("parent", "member.id", "member.display_name", "member.mail",
                                   "member.role"));
}

TEST(ValidateGroupTest, AmongOwnersARoleIsAnOwners) {
  auto add = ParseText<v1::AddMemberRequest>("parent: 'groups/g/owners' member { id: 'ann' }");
  ASSERT_OK_AND_ASSIGN(const MemberListName list, Validate(add));
  EXPECT_TRUE(list.owners_only);
  EXPECT_EQ(BuildMember(list, add.member()).role(), v1::Member::ROLE_OWNER);
  add.mutable_member()->set_role(v1::Member::ROLE_OWNER);
  EXPECT_THAT(Validate(add), IsOk());
  add.mutable_member()->set_role(v1::Member::ROLE_MEMBER);
  EXPECT_THAT(FieldsOf(Validate(add)), ElementsAre("member.role"));
}

TEST(ValidateGroupTest, ARoleToChangeToIsOneOfTwo) {
  auto request = ParseText<v1::UpdateMemberRequest>(
      "member { name: 'groups/g/members/ann' role: ROLE_MEMBER mail: 'm' }");
  ASSERT_OK_AND_ASSIGN(const UpdateMemberInput set, Validate(request));
  EXPECT_TRUE(set.changes_role && set.changes_mail);
  EXPECT_FALSE(set.changes_display_name);
  request.mutable_update_mask()->add_paths("display_name");
  ASSERT_OK_AND_ASSIGN(const UpdateMemberInput named, Validate(request));
  EXPECT_FALSE(named.changes_role || named.changes_mail);
  EXPECT_TRUE(named.changes_display_name);
  for (const char* path : {"role", "*"}) {
    request.mutable_update_mask()->set_paths(0, path);
    request.mutable_member()->clear_role();
    EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("member.role")) << path;
    request.mutable_member()->set_role(static_cast<v1::Member::Role>(7));
    EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("member.role")) << path;
  }
  const auto bad = ParseText<v1::UpdateMemberRequest>(
      "member { name: 'groups/g/owners' display_name: '\\000' mail: '\\000' }"
      " update_mask { paths: 'id' }");
  EXPECT_THAT(FieldsOf(Validate(bad)), UnorderedElementsAre("member.name", "member.display_name",
                                                            "member.mail", "update_mask"));
}

TEST(ValidateGroupTest, MembersAreListedByRole) {
  v1::ListMembersRequest request;
  request.set_parent("groups/g");
  ASSERT_OK_AND_ASSIGN(const ListMembersInput all, Validate(request));
  EXPECT_FALSE(all.query.is_owner.has_value());
  EXPECT_EQ(all.fingerprint, QueryFingerprint("ListMembers", "groups/g"))
      << "tokens from before there were roles are refused";
  request.set_role(v1::Member::ROLE_MEMBER);
  ASSERT_OK_AND_ASSIGN(const ListMembersInput others, Validate(request));
  EXPECT_EQ(others.query.is_owner, false);
  request.set_role(v1::Member::ROLE_OWNER);
  ASSERT_OK_AND_ASSIGN(const ListMembersInput owners, Validate(request));
  EXPECT_EQ(owners.query.is_owner, true);
  request.set_parent("me/joinedGroups/g/owners");
  EXPECT_EQ(Validate(request)->fingerprint, owners.fingerprint);
  request.clear_role();
  EXPECT_EQ(Validate(request)->fingerprint, owners.fingerprint);
  EXPECT_EQ(Validate(request)->query.is_owner, true);
  EXPECT_NE(all.fingerprint, owners.fingerprint);
  EXPECT_NE(others.fingerprint, owners.fingerprint);
  request.set_role(v1::Member::ROLE_MEMBER);
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("role"));
  request.set_role(static_cast<v1::Member::Role>(7));
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("role"));
}

TEST(ValidateGroupTest, GetUser) {
  v1::GetUserRequest request;
  request.set_name("me");
  EXPECT_TRUE(Validate(request)->is_me);
  request.set_name("users/ann");
  EXPECT_EQ(Validate(request)->user, "ann");
  for (const char* bad : {"", "ann", "users/", "users/a/b", "me/"}) {
    request.set_name(bad);
    EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("name")) << bad;
  }
}

TEST(ValidateGroupTest, NamesAndPageSizes) {
  v1::GetGroupRequest get;
  get.set_name("groups/g/");
  EXPECT_THAT(FieldsOf(Validate(get)), ElementsAre("name"));
  v1::DeleteGroupRequest remove;
  EXPECT_THAT(FieldsOf(Validate(remove)), ElementsAre("name"));
  v1::RemoveMemberRequest member;
  member.set_name("groups/g");
  EXPECT_THAT(FieldsOf(Validate(member)), ElementsAre("name"));
  v1::GetMemberRequest get_member;
  get_member.set_name("groups/g/owners");
  EXPECT_THAT(FieldsOf(Validate(get_member)), ElementsAre("name"));
  v1::ListMembersRequest members;
  members.set_page_size(-1);
  members.set_page_token("x");
  EXPECT_THAT(FieldsOf(Validate(members)),
              UnorderedElementsAre("parent", "page_size", "page_token"));
  v1::ListGroupsRequest groups;
  groups.set_page_size(-1);
  EXPECT_THAT(FieldsOf(Validate(groups)), ElementsAre("page_size"));
}

TEST(ValidateUpdateGroupTest, TheMaskSaysWhatChanges) {
  auto request = ParseText<v1::UpdateGroupRequest>(
      "group { name: 'groups/g' display_name: 'd' allow_external_senders: true }");
  ASSERT_OK_AND_ASSIGN(const UpdateGroupInput set, Validate(request));
  EXPECT_EQ(set.group.group, "g");
  EXPECT_TRUE(set.changes_display_name);
  EXPECT_FALSE(set.changes_mail);
  EXPECT_TRUE(set.changes_allow_external_senders);
  request.mutable_update_mask()->add_paths("mail");
  ASSERT_OK_AND_ASSIGN(const UpdateGroupInput named, Validate(request));
  EXPECT_FALSE(named.changes_display_name);
  EXPECT_TRUE(named.changes_mail);
  EXPECT_FALSE(named.changes_allow_external_senders);
  request.mutable_update_mask()->add_paths("*");
  ASSERT_OK_AND_ASSIGN(const UpdateGroupInput all, Validate(request));
  EXPECT_TRUE(all.changes_display_name && all.changes_mail && all.changes_allow_external_senders &&
              all.changes_description && all.changes_mail_nickname);
}

TEST(ValidateUpdateGroupTest, FindsEveryViolation) {
  v1::UpdateGroupRequest request;
  request.mutable_group()->set_display_name(kNul);
  request.mutable_group()->set_mail(std::string(kMaxAddressBytes + 1, 'm'));
  request.mutable_update_mask()->add_paths("id");
  EXPECT_THAT(FieldsOf(Validate(request)), UnorderedElementsAre("group.name", "group.display_name",
                                                                "group.mail", "update_mask"));
}

TEST(ValidateSenderTest, AddAndRemove) {
  v1::AddSenderRequest add;
  add.set_parent("me/joinedGroups/g/rejectedSenders");
  add.mutable_sender()->set_id("ann@example.org");
  ASSERT_OK_AND_ASSIGN(const SenderName added, Validate(add));
  EXPECT_EQ(added.list.Canonical(), "groups/g/rejectedSenders");
  EXPECT_EQ(added.sender, "ann@example.org");
  add.set_parent("groups/g");
  add.mutable_sender()->set_id("a/b");
  EXPECT_THAT(FieldsOf(Validate(add)), ElementsAre("parent", "sender.id"));
  v1::RemoveSenderRequest remove;
  remove.set_name("groups/g/acceptedSenders/ann");
  EXPECT_THAT(Validate(remove), IsOk());
  remove.set_name("groups/g/acceptedSenders");
  EXPECT_THAT(FieldsOf(Validate(remove)), ElementsAre("name"));
}

TEST(ValidateListSendersTest, TokensBelongToTheirList) {
  v1::ListSendersRequest request;
  request.set_parent("groups/g/acceptedSenders");
  ASSERT_OK_AND_ASSIGN(const ListSendersInput first, Validate(request));
  internal::v1::PageToken token;
  token.set_query_fingerprint(first.fingerprint);
  token.set_last_id("ann");
  request.set_page_token(EncodePageToken(token));
  ASSERT_OK_AND_ASSIGN(const ListSendersInput next, Validate(request));
  EXPECT_EQ(next.query.after_id, "ann");
  EXPECT_EQ(next.query.list.list, SenderList::kAccepted);
  request.set_parent("groups/g/rejectedSenders");
  request.set_page_size(-1);
  EXPECT_THAT(FieldsOf(Validate(request)), UnorderedElementsAre("page_size", "page_token"));
}

}  // namespace
}  // namespace threadstore
