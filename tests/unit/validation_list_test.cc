// What gets and lists may be asked for: orders, filters, masks, expansions, and the tokens that
// follow from them.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/limits.h"
#include "server/domain/page_token.h"
#include "server/domain/validation.h"
#include "tests/testing/proto_matchers.h"
#include "tests/testing/request_rules.h"
#include "tests/testing/status_matchers.h"

namespace threadstore::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr char kId[] = "01934f6e-8f00-7abc-8def-0123456789ab";
const std::string kConversation = absl::StrCat("groups/g/conversations/", kId);
const std::string kThread = absl::StrCat("groups/g/threads/", kId);
const std::string kPost = absl::StrCat(kThread, "/posts/", kId);

template <typename Request>
Request RequestOf(const std::string& parent, const std::string& text_format = "") {
  Request request = ParseText<Request>(text_format);
  request.set_parent(parent);
  return request;
}

template <typename Request>
Request GetOf(const std::string& name, const std::string& text_format = "") {
  Request request = ParseText<Request>(text_format);
  request.set_name(name);
  return request;
}

// --- Orders

TEST(ListOrderTest, OrdersOfThreadsAndConversationsAreThoseDocumented) {
  const auto order_of = [](const std::string& order_by) -> absl::StatusOr<ThreadOrder> {
    auto threads = RequestOf<v1::ListThreadsRequest>("groups/g");
    threads.set_order_by(order_by);
    auto conversations = RequestOf<v1::ListConversationsRequest>("groups/g");
    conversations.set_order_by(order_by);
    const auto input = Validate(threads);
    const auto same = Validate(conversations);
    EXPECT_EQ(input.ok(), same.ok());
    if (!input.ok()) return input.status();
    EXPECT_EQ(input->query.order, same->query.order);
    return input->query.order;
  };
  const std::pair<ThreadOrder, std::vector<const char*>> orders[] = {
      {ThreadOrder::kNewestActivity,
       {"", " ", "last_delivered_date_time desc", "  last_delivered_date_time   desc ",
        "lastDeliveredDateTime desc"}},
      {ThreadOrder::kOldestActivity,
       {"last_delivered_date_time", "last_delivered_date_time asc", "lastDeliveredDateTime"}},
      {ThreadOrder::kOldestCreated,
       {"create_time", "create_time asc", "created_date_time", "createdDateTime asc"}},
      {ThreadOrder::kNewestCreated,
       {"create_time desc", "created_date_time desc", "createdDateTime desc"}},
      {ThreadOrder::kTopicAscending, {"topic", "topic asc"}},
      {ThreadOrder::kTopicDescending, {"topic desc"}},
  };
  for (const auto& [order, texts] : orders) {
    for (const char* text : texts) EXPECT_THAT(order_of(text), IsOkAndHolds(order)) << text;
  }
  for (const char* bad :
       {"id", "desc", "CREATE_TIME", "create_time DESC", "create_time,topic", "create_time topic",
        "create_time desc desc", "receivedDateTime", "create_time\t"}) {
    const auto refused = order_of(bad);
    EXPECT_THAT(FieldsOf(refused), ElementsAre("order_by")) << bad;
    EXPECT_THAT(refused.status().message(), HasSubstr("'last_delivered_date_time'"));
  }
}

TEST(ListOrderTest, OrdersOfPostsAreThoseDocumented) {
  const auto newest_first = [](const char* order_by) -> absl::StatusOr<bool> {
    auto request = RequestOf<v1::ListPostsRequest>(kThread);
    request.set_order_by(order_by);
    const auto input = Validate(request);
    if (!input.ok()) return input.status();
    return input->query.newest_first;
  };
  for (const char* text : {"", "create_time", "create_time asc", "createdDateTime",
                           "created_date_time", "received_date_time", "receivedDateTime asc"}) {
    EXPECT_THAT(newest_first(text), IsOkAndHolds(false)) << text;
  }
  for (const char* text : {" create_time  desc", "createdDateTime desc", "receivedDateTime desc"}) {
    EXPECT_THAT(newest_first(text), IsOkAndHolds(true)) << text;
  }
  for (const char* bad : {"desc", "topic", "last_delivered_date_time desc", "create_time,id"}) {
    EXPECT_THAT(FieldsOf(newest_first(bad)), ElementsAre("order_by")) << bad;
  }
}

// --- Filters

TEST(ListFilterTest, FiltersAreOverTheFieldsOfWhatIsListed) {
  auto threads = RequestOf<v1::ListThreadsRequest>("groups/g", "filter: 'isLocked eq true'");
  ASSERT_OK_AND_ASSIGN(const ListThreadsInput input, Validate(threads));
  EXPECT_TRUE(input.query.filter.has_value());
  auto conversations =
      RequestOf<v1::ListConversationsRequest>("groups/g", "filter: 'is_locked eq true'");
  EXPECT_THAT(FieldsOf(Validate(conversations)), ElementsAre("filter"));
  auto posts = RequestOf<v1::ListPostsRequest>(kThread, "filter: \"body/content eq 'a'\"");
  EXPECT_THAT(Validate(posts), IsOk());
  threads.set_filter("topic eq");
  threads.set_order_by("id");
  EXPECT_THAT(FieldsOf(Validate(threads)), UnorderedElementsAre("filter", "order_by"));
}

// --- Tokens

TEST(ListTokenTest, TokensBelongToOrderAndFilterButNotToSizeMaskAndExpansion) {
  auto request = RequestOf<v1::ListThreadsRequest>("groups/g", "filter: 'is_locked eq true'");
  ASSERT_OK_AND_ASSIGN(const ListThreadsInput first, Validate(request));
  internal::v1::PageToken token;
  token.set_query_fingerprint(first.fingerprint);
  token.set_last_id(kId);
  token.set_last_delivered_us(5);
  request.set_page_token(EncodePageToken(token));
  request.set_page_size(3);
  request.mutable_read_mask()->add_paths("topic");
  request.mutable_expand()->add_paths("posts");
  EXPECT_THAT(Validate(request), IsOk());
  for (const char* filter : {"", "is_locked eq false"}) {
    request.set_filter(filter);
    EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("page_token")) << filter;
  }
}

// Tokens outlive upgrades: what they were before there were filters.
TEST(ListTokenTest, FingerprintsDoNotChange) {
  ASSERT_OK_AND_ASSIGN(const ListThreadsInput input,
                       Validate(RequestOf<v1::ListThreadsRequest>("groups/g")));
  EXPECT_EQ(input.fingerprint, 0x6E73EE261F9C44D3U);
}

TEST(ListTokenTest, TokensOfOrdersByTopicHaveTheTopic) {
  auto request = RequestOf<v1::ListThreadsRequest>("groups/g", "order_by: 'topic'");
  ASSERT_OK_AND_ASSIGN(const ListThreadsInput first, Validate(request));
  internal::v1::PageToken token;
  token.set_query_fingerprint(first.fingerprint);
  token.set_last_id(kId);
  token.set_last_delivered_us(5);
  request.set_page_token(EncodePageToken(token));
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("page_token"));
  std::string longest;
  for (size_t i = 0; i < kMaxTopicCharacters; ++i) longest += "\xF0\x9F\x8C\x8D";
  token.set_last_topic(longest);
  request.set_page_token(EncodePageToken(token));
  ASSERT_OK_AND_ASSIGN(const ListThreadsInput next, Validate(request));
  EXPECT_EQ(next.query.after->topic, longest);
}

// --- Masks

TEST(ReadMaskTest, NamesFieldsOfTheResourceAndOfSingleMessagesInIt) {
  for (const char* path : {"*", "id", "body", "body.content", "sender.email_address.address",
                           "in_reply_to_post.body.content", "categories"}) {
    auto get = GetOf<v1::GetPostRequest>(kPost);
    get.mutable_read_mask()->add_paths(path);
    EXPECT_THAT(Validate(get), IsOk()) << path;
  }
  std::string deep = "in_reply_to_post";
  while (deep.size() <= kMaxMaskPathBytes) deep += ".in_reply_to_post";
  for (const std::string& path :
       {std::string(), std::string("no_field"), std::string("ID"), std::string("body."),
        std::string(".body"), std::string("body.no_field"), std::string("id.x"),
        std::string("new_participants.email_address"), std::string("bod*"), deep}) {
    auto get = GetOf<v1::GetPostRequest>(kPost);
    get.mutable_read_mask()->add_paths("id");
    get.mutable_read_mask()->add_paths(path);
    EXPECT_THAT(FieldsOf(Validate(get)), ElementsAre("read_mask")) << path;
  }
  auto get = GetOf<v1::GetPostRequest>(kPost);
  for (int i = 0; i <= kMaxMaskPaths; ++i) get.mutable_read_mask()->add_paths("id");
  EXPECT_THAT(FieldsOf(Validate(get)), ElementsAre("read_mask"));
}

TEST(ReadMaskTest, EveryRequestThatHasOneChecksIt) {
  const std::string bad = "read_mask { paths: 'x' } expand { paths: 'x' }";
  const auto fields = ElementsAre("read_mask", "expand");
  EXPECT_THAT(FieldsOf(Validate(GetOf<v1::GetThreadRequest>(kThread, bad))), fields);
  EXPECT_THAT(FieldsOf(Validate(GetOf<v1::GetConversationRequest>(kConversation, bad))), fields);
  EXPECT_THAT(FieldsOf(Validate(GetOf<v1::GetPostRequest>(kPost, bad))), fields);
  EXPECT_THAT(FieldsOf(Validate(RequestOf<v1::ListThreadsRequest>("groups/g", bad))), fields);
  EXPECT_THAT(FieldsOf(Validate(RequestOf<v1::ListConversationsRequest>("groups/g", bad))), fields);
  EXPECT_THAT(FieldsOf(Validate(RequestOf<v1::ListPostsRequest>(kThread, bad))), fields);
}

TEST(ReadMaskTest, TrimsToWhatIsNamedAndWhatIsExpanded) {
  const auto post = ParseText<v1::Post>(
      "id: 'i' etag: 'e' body { content_type: 'text' content: 'c' }"
      " sender { email_address { name: 'n' address: 'a' } } attachments { id: 'x' }"
      " attachments_next_page_token: 't' in_reply_to_post { id: 'r' etag: 'e' }");
  const auto trimmed = [&post](const std::string& text_format) {
    const auto input = Validate(GetOf<v1::GetPostRequest>(kPost, text_format));
    EXPECT_THAT(input, IsOk());
    v1::Post copy = post;
    input->mask.Trim(copy);
    return copy;
  };
  EXPECT_THAT(trimmed(""), EqualsProto(post));
  EXPECT_THAT(trimmed("read_mask { paths: 'id' paths: '*' }"), EqualsProto(post));
  EXPECT_THAT(trimmed("read_mask { paths: 'id' }"), EqualsProto(ParseText<v1::Post>("id: 'i'")));
  EXPECT_THAT(trimmed("read_mask { paths: 'sender.email_address.name' paths: 'body' }"),
              EqualsProto(ParseText<v1::Post>("body { content_type: 'text' content: 'c' }"
                                              " sender { email_address { name: 'n' } }")));
  EXPECT_THAT(trimmed("read_mask { paths: 'id' }"
                      " expand { paths: 'attachments' paths: 'in_reply_to' }"),
              EqualsProto(ParseText<v1::Post>("id: 'i' attachments { id: 'x' }"
                                              " attachments_next_page_token: 't'"
                                              " in_reply_to_post { id: 'r' etag: 'e' }")));
}

TEST(ReadMaskTest, SparesTheStoreWhatIsLeftOut) {
  ASSERT_OK_AND_ASSIGN(
      const GetThreadInput thread,
      Validate(GetOf<v1::GetThreadRequest>(kThread, "read_mask { paths: 'cc_recipients' }")));
  EXPECT_TRUE(thread.view.recipients);
  EXPECT_FALSE(thread.view.unique_senders);
  ASSERT_OK_AND_ASSIGN(
      const GetPostInput post,
      Validate(GetOf<v1::GetPostRequest>(kPost, "read_mask { paths: 'body.content_type' }")));
  EXPECT_TRUE(post.view.body);
  EXPECT_FALSE(post.view.categories);
  EXPECT_FALSE(post.view.new_participants);
  ASSERT_OK_AND_ASSIGN(
      const GetConversationInput conversation,
      Validate(GetOf<v1::GetConversationRequest>(kConversation, "read_mask { paths: 'topic' }")));
  EXPECT_FALSE(conversation.view.newest_thread);
  EXPECT_FALSE(conversation.view.has_attachments);
  EXPECT_FALSE(conversation.view.unique_senders);
}

// --- Expansions

TEST(ExpandTest, NamesTheRelationsOfTheResource) {
  const auto view_of = [](const std::string& paths) {
    const auto input = Validate(GetOf<v1::GetThreadRequest>(kThread, "expand {" + paths + "}"));
    EXPECT_THAT(input, IsOk());
    return input->view.posts;
  };
  EXPECT_FALSE(view_of("").has_value());
  EXPECT_FALSE(view_of("paths: 'posts'")->attachments);
  const auto all =
      view_of("paths: 'posts.attachments' paths: 'posts.extensions' paths: 'posts.in_reply_to'");
  ASSERT_TRUE(all.has_value());
  EXPECT_TRUE(all->attachments && all->extensions && all->in_reply_to_post);
  for (const char* bad : {"*", "", "attachments", "posts.body", "threads", "posts.*"}) {
    auto get = GetOf<v1::GetThreadRequest>(kThread);
    get.mutable_expand()->add_paths(bad);
    EXPECT_THAT(FieldsOf(Validate(get)), ElementsAre("expand")) << bad;
  }
}

TEST(ExpandTest, TokensAreThoseOfTheListThatGoesOn) {
  v1::ConversationThread thread;
  thread.set_name(kThread);
  auto posts = RequestOf<v1::ListPostsRequest>(kThread);
  posts.set_page_token(PostsPageToken(thread));
  EXPECT_TRUE(Validate(posts)->query.after->is_nil());
  thread.add_posts()->set_id(kId);
  posts.set_page_token(PostsPageToken(thread));
  EXPECT_EQ(Validate(posts)->query.after->ToString(), kId);

  v1::Conversation conversation;
  conversation.set_name(kConversation);
  auto threads = RequestOf<v1::ListThreadsRequest>(kConversation);
  threads.set_page_token(ThreadsPageToken(conversation));
  EXPECT_EQ(Validate(threads)->query.after->last_delivered_us, INT64_MAX);
  thread.mutable_last_delivered_date_time()->set_seconds(1);
  thread.set_id(kId);
  *conversation.add_threads() = thread;
  threads.set_page_token(ThreadsPageToken(conversation));
  EXPECT_EQ(Validate(threads)->query.after->id.ToString(), kId);
  EXPECT_EQ(Validate(threads)->query.after->last_delivered_us, 1'000'000);

  v1::Post post;
  post.set_name(kPost);
  auto attachments = RequestOf<v1::ListAttachmentsRequest>(kPost);
  auto extensions = RequestOf<v1::ListExtensionsRequest>(kPost);
  attachments.set_page_token(AttachmentsPageToken(post));
  extensions.set_page_token(ExtensionsPageToken(post));
  EXPECT_TRUE(Validate(attachments)->query.after->is_nil());
  EXPECT_LT(Validate(extensions)->query.after_name, "-");
  post.add_attachments()->set_id(kId);
  post.add_extensions()->set_extension_name("e");
  attachments.set_page_token(AttachmentsPageToken(post));
  extensions.set_page_token(ExtensionsPageToken(post));
  EXPECT_EQ(Validate(attachments)->query.after->ToString(), kId);
  EXPECT_EQ(Validate(extensions)->query.after_name, "e");
}

}  // namespace
}  // namespace threadstore::testing
