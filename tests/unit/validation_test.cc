#include "server/domain/validation.h"

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/limits.h"
#include "server/domain/page_token.h"
#include "tests/testing/proto_matchers.h"
#include "tests/testing/status_matchers.h"

namespace threadstore {
namespace {

using ::testing::ElementsAre;
using testing::IsOk;
using testing::ParseText;
using testing::StatusIs;
using ::testing::UnorderedElementsAre;

constexpr char kConversation[] = "groups/g/conversations/01934f6e-8f00-7abc-8def-0123456789ab";

template <typename T>
std::vector<std::string> FieldsOf(const absl::StatusOr<T>& result) {
  std::vector<std::string> fields;
  for (const FieldViolation& violation : FieldViolationsOf(result.status())) {
    fields.push_back(violation.field);
  }
  return fields;
}

v1::CreateThreadRequest ValidCreate() {
  return ParseText<v1::CreateThreadRequest>("parent: 'groups/g' thread { topic: 't' }");
}

// Characters of three bytes each, to tell characters from bytes.
std::string Characters(size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += "€";
  return text;
}

const std::string kNul("a\0b", 3);

TEST(ValidateCreateThreadTest, LeastRequestIsValid) {
  EXPECT_THAT(Validate(ValidCreate()), IsOk());
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
      {"request_id", [](auto& r) { r.set_request_id("not-a-uuid"); }},
      {"request_id", [](auto& r) { r.set_request_id("00000000-0000-0000-0000-000000000000"); }},
      {"request_id", [](auto& r) { r.set_request_id("{01934f6e-8f00-7abc-8def-0123456789ab}"); }},
  };
  for (const Case& c : cases) {
    v1::CreateThreadRequest request = ValidCreate();
    c.break_rule(request);
    EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre(c.field)) << request.ShortDebugString();
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
  EXPECT_THAT(Validate(request), IsOk());
  thread.mutable_last_delivered_date_time()->set_seconds(-62135596800);
  thread.mutable_last_delivered_date_time()->set_nanos(0);
  EXPECT_THAT(Validate(request), IsOk());
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
  const auto result = Validate(request);
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(FieldsOf(result),
              UnorderedElementsAre("parent", "thread.id", "thread.topic",
                                   "thread.to_recipients[0].email_address.address", "request_id"));
}

TEST(ValidateCreateThreadTest, TopicMayBeEmptyInAConversation) {
  v1::CreateThreadRequest request = ValidCreate();
  request.set_parent(kConversation);
  request.mutable_thread()->clear_topic();
  EXPECT_THAT(Validate(request), IsOk());
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

TEST(ValidateListThreadsTest, OrdersAreThoseDocumented) {
  const auto order_of = [](const std::string& order_by) -> absl::StatusOr<ThreadOrder> {
    v1::ListThreadsRequest request;
    request.set_parent("groups/g");
    request.set_order_by(order_by);
    const auto input = Validate(request);
    if (!input.ok()) return input.status();
    return input->query.order;
  };
  EXPECT_EQ(*order_of(""), ThreadOrder::kNewestActivity);
  EXPECT_EQ(*order_of("last_delivered_date_time desc"), ThreadOrder::kNewestActivity);
  EXPECT_EQ(*order_of("create_time"), ThreadOrder::kOldestCreated);
  EXPECT_EQ(*order_of("  create_time   desc "), ThreadOrder::kNewestCreated);
  for (const char* bad : {"topic", "create_time asc", "CREATE_TIME", "create_time,topic",
                          "last_delivered_date_time"}) {
    EXPECT_THAT(FieldsOf(order_of(bad)), ElementsAre("order_by")) << bad;
  }
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

TEST(ValidateGroupTest, CreateGroup) {
  v1::CreateGroupRequest request;
  request.set_group_id("g");
  EXPECT_THAT(Validate(request), IsOk());
  request.set_group_id("a/b");
  request.mutable_group()->set_display_name(Characters(kMaxDisplayNameCharacters + 1));
  request.mutable_group()->set_mail(std::string(kMaxAddressBytes + 1, 'm'));
  request.set_request_id("x");
  EXPECT_THAT(FieldsOf(Validate(request)),
              UnorderedElementsAre("group_id", "group.display_name", "group.mail", "request_id"));
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

TEST(ValidateGroupTest, NamesAndPageSizes) {
  v1::GetGroupRequest get;
  get.set_name("groups/g/");
  EXPECT_THAT(FieldsOf(Validate(get)), ElementsAre("name"));
  v1::DeleteGroupRequest remove;
  EXPECT_THAT(FieldsOf(Validate(remove)), ElementsAre("name"));
  v1::RemoveMemberRequest member;
  member.set_name("groups/g");
  EXPECT_THAT(FieldsOf(Validate(member)), ElementsAre("name"));
  v1::ListMembersRequest members;
  members.set_page_size(-1);
  members.set_page_token("x");
  EXPECT_THAT(FieldsOf(Validate(members)),
              UnorderedElementsAre("parent", "page_size", "page_token"));
  v1::ListGroupsRequest groups;
  groups.set_page_size(-1);
  EXPECT_THAT(FieldsOf(Validate(groups)), ElementsAre("page_size"));
}

}  // namespace
}  // namespace threadstore
