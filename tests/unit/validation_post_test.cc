// The rules for posts, attachments and extensions.

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/limits.h"
#include "server/domain/page_token.h"
#include "server/domain/validation.h"
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

constexpr char kId[] = "01934f6e-8f00-7abc-8def-0123456789ab";
const std::string kThread = absl::StrCat("groups/g/threads/", kId);
const std::string kPost = absl::StrCat(kThread, "/posts/", kId);

v1::ReplyToPostRequest ValidReply() {
  auto request =
      ParseText<v1::ReplyToPostRequest>("post { sender { email_address { name: 's' } } }");
  request.set_name(kPost);
  return request;
}

// `{"a": "..."}` of so many bytes.
std::string JsonOfSize(size_t bytes) {
  const std::string empty = R"({"a": ""})";
  std::string json = empty;
  return json.insert(empty.size() - 2, bytes - empty.size(), 'a');
}

v1::Attachment File(size_t bytes) {
  auto attachment = ParseText<v1::Attachment>("display_name: 'f' file {}");
  attachment.mutable_file()->set_content_bytes(std::string(bytes, '\0'));
  return attachment;
}

v1::Attachment Item(const std::string& json) {
  auto attachment = ParseText<v1::Attachment>("display_name: 'i'");
  attachment.mutable_item()->set_item_json(json);
  return attachment;
}

v1::Attachment Reference(const std::string& url) {
  auto attachment = ParseText<v1::Attachment>("display_name: 'r'");
  attachment.mutable_reference()->set_source_url(url);
  return attachment;
}

v1::Extension MakeExtension(const std::string& name, const std::string& json) {
  v1::Extension extension;
  extension.set_extension_name(name);
  extension.set_content_json(json);
  return extension;
}

TEST(ValidateReplyToPostTest, LeastRequestIsValid) {
  ASSERT_OK_AND_ASSIGN(const PostRequestInput input, Validate(ValidReply(), kApplication));
  EXPECT_EQ(input.post.Canonical(), kPost);
  EXPECT_FALSE(input.request_id.has_value());
}

TEST(ValidateReplyToPostTest, EachViolationNamesItsField) {
  struct Case {
    const char* field;
    std::function<void(v1::Post&)> break_rule;
  };
  const Case cases[] = {
      {"post.id", [](auto& p) { p.set_id(kId); }},
      {"post.categories",
       [](auto& p) {
         for (int i = 0; i <= kMaxCategories; ++i) p.add_categories("c");
       }},
      {"post.categories[1]",
       [](auto& p) {
         p.add_categories("c");
         p.add_categories("");
       }},
      {"post.categories[0]",
       [](auto& p) { p.add_categories(Characters(kMaxCategoryCharacters + 1)); }},
      {"post.categories[0]", [](auto& p) { p.add_categories(kNul); }},
      {"post.body.content_type", [](auto& p) { p.mutable_body()->set_content_type("markdown"); }},
      {"post.body.content", [](auto& p) { p.mutable_body()->set_content(kNul); }},
      {"post.body.content",
       [](auto& p) { p.mutable_body()->set_content(std::string(kMaxBodyBytes + 1, 'b')); }},
      {"post.sender", [](auto& p) { p.clear_sender(); }},
      {"post.sender",
       [](auto& p) {
         p = ParseText<v1::Post>("sender { email_address { name: '' address: '' } }");
       }},
      {"post.sender.email_address.name",
       [](auto& p) {
         p.mutable_sender()->mutable_email_address()->set_name(
             Characters(kMaxDisplayNameCharacters + 1));
       }},
      {"post.sender.email_address.address",
       [](auto& p) { p.mutable_sender()->mutable_email_address()->set_address(kNul); }},
      {"post.new_participants",
       [](auto& p) {
         for (int i = 0; i <= kMaxRecipients; ++i) p.add_new_participants();
       }},
      {"post.new_participants[0].email_address.address",
       [](auto& p) { p.add_new_participants()->mutable_email_address()->set_address(kNul); }},
      {"post.attachments",
       [](auto& p) {
         for (int i = 0; i <= kMaxAttachmentsPerPost; ++i) *p.add_attachments() = File(0);
       }},
      {"post.attachments[1].id",
       [](auto& p) {
         *p.add_attachments() = File(1);
         *p.add_attachments() = File(1);
         p.mutable_attachments(1)->set_id(kId);
       }},
      {"post.attachments[0]", [](auto& p) { p.add_attachments()->set_display_name("a"); }},
      {"post.attachments[0].display_name",
       [](auto& p) { p.add_attachments()->mutable_file()->set_content_bytes("b"); }},
      {"post.attachments[0].content_type",
       [](auto& p) {
         *p.add_attachments() = File(1);
         p.mutable_attachments(0)->set_content_type(kNul);
       }},
      {"post.attachments[0].file.content_id",
       [](auto& p) {
         *p.add_attachments() = File(1);
         p.mutable_attachments(0)->mutable_file()->set_content_id(
             Characters(kMaxAttachmentTextCharacters + 1));
       }},
      {"post.attachments[0].file.content_bytes",
       [](auto& p) { *p.add_attachments() = File(kMaxAttachmentBytes + 1); }},
      {"post.attachments[2].file.content_bytes",
       [](auto& p) {
         *p.add_attachments() = File(kMaxAttachmentBytes - 2);
         *p.add_attachments() = Item("{}");
         *p.add_attachments() = File(1);
       }},
      {"post.attachments[0].item.item_json", [](auto& p) { *p.add_attachments() = Item(""); }},
      {"post.attachments[0].item.item_json",
       [](auto& p) { *p.add_attachments() = Item(R"({"a": 1, "a": 2})"); }},
      {"post.attachments[0].item.item_json",
       [](auto& p) { *p.add_attachments() = Item(JsonOfSize(kMaxAttachmentBytes + 1)); }},
      {"post.attachments[0].reference.source_url",
       [](auto& p) { *p.add_attachments() = Reference(""); }},
      {"post.attachments[0].reference.source_url",
       [](auto& p) { *p.add_attachments() = Reference(Characters(kMaxUrlCharacters + 1)); }},
      {"post.attachments[0].reference.provider_type",
       [](auto& p) {
         *p.add_attachments() = Reference("u");
         p.mutable_attachments(0)->mutable_reference()->set_provider_type(kNul);
       }},
      {"post.attachments[0].reference.permission",
       [](auto& p) {
         *p.add_attachments() = Reference("u");
         p.mutable_attachments(0)->mutable_reference()->set_permission(kNul);
       }},
      {"post.extensions",
       [](auto& p) {
         for (int i = 0; i <= kMaxExtensionsPerPost; ++i) {
           *p.add_extensions() = MakeExtension(absl::StrCat("e", i), "{}");
         }
       }},
      {"post.extensions[0].extension_name",
       [](auto& p) { *p.add_extensions() = MakeExtension("a b", "{}"); }},
      {"post.extensions[1].extension_name",
       [](auto& p) {
         *p.add_extensions() = MakeExtension("org.example", "{}");
         *p.add_extensions() = MakeExtension("microsoft.graph.openTypeExtension.org.example", "{}");
       }},
      {"post.extensions[0].content_json",
       [](auto& p) { *p.add_extensions() = MakeExtension("e", "[]"); }},
      {"post.extensions[0].content_json",
       [](auto& p) {
         *p.add_extensions() = MakeExtension("e", JsonOfSize(kMaxExtensionBytes + 1));
       }},
  };
  for (const Case& c : cases) {
    v1::ReplyToPostRequest request = ValidReply();
    c.break_rule(*request.mutable_post());
    EXPECT_THAT(FieldsOf(Validate(request, kApplication)), ElementsAre(c.field));
  }
}

TEST(ValidateReplyToPostTest, LimitsThemselvesAreAllowed) {
  v1::ReplyToPostRequest request = ValidReply();
  v1::Post& post = *request.mutable_post();
  for (int i = 0; i < kMaxCategories; ++i) {
    post.add_categories(Characters(kMaxCategoryCharacters));
  }
  post.mutable_body()->set_content(std::string(kMaxBodyBytes, 'b'));
  for (int i = 0; i < kMaxRecipients; ++i) post.add_new_participants();
  const std::string text = Characters(kMaxAttachmentTextCharacters);
  *post.add_attachments() = File(kMaxAttachmentBytes - 1000);
  *post.add_attachments() = Item(JsonOfSize(1000));
  *post.add_attachments() = Reference(Characters(kMaxUrlCharacters));
  for (v1::Attachment& attachment : *post.mutable_attachments()) {
    attachment.set_display_name(text);
    attachment.set_content_type(text);
  }
  while (post.attachments_size() < kMaxAttachmentsPerPost) *post.add_attachments() = File(0);
  post.mutable_attachments(0)->mutable_file()->set_content_id(text);
  post.mutable_attachments(2)->mutable_reference()->set_provider_type(text);
  post.mutable_attachments(2)->mutable_reference()->set_permission(text);
  for (int i = 10; i < 10 + kMaxExtensionsPerPost; ++i) {
    *post.add_extensions() =
        MakeExtension(absl::StrCat(std::string(kMaxExtensionNameBytes - 2, 'e'), i),
                      JsonOfSize(kMaxExtensionBytes));
  }
  EXPECT_THAT(Validate(request, kApplication), IsOk());
}

TEST(ValidateReplyToPostTest, IsBoundedBesidesItsFilesAndItems) {
  v1::ReplyToPostRequest request = ValidReply();
  v1::Post& post = *request.mutable_post();
  post.mutable_body()->set_content(std::string(kMaxBodyBytes, 'b'));
  *post.add_attachments() = File(kMaxAttachmentBytes);
  EXPECT_THAT(Validate(request, kApplication), IsOk());
  std::string url;
  for (size_t i = 0; i < kMaxUrlCharacters; ++i) url += "\U0001F600";
  while (post.attachments_size() < kMaxAttachmentsPerPost) *post.add_attachments() = Reference(url);
  for (int i = 0; i < kMaxRecipients; ++i) {
    v1::EmailAddress& email = *post.add_new_participants()->mutable_email_address();
    email.set_address(std::string(kMaxAddressBytes, 'a'));
  }
  EXPECT_THAT(FieldsOf(Validate(request, kApplication)), ElementsAre("post"));
}

TEST(ValidateReplyToPostTest, ReadOnlyFieldsAreNotLookedAt) {
  v1::ReplyToPostRequest request = ValidReply();
  request.mutable_post()->MergeFrom(ParseText<v1::Post>(R"pb(
    has_attachments: true
    from { email_address { name: "f" } }
    conversation_id: "c"
    conversation_thread_id: "t"
    in_reply_to: "p"
    name: "n"
    etag: "e"
  )pb"));
  EXPECT_THAT(Validate(request, kApplication), IsOk());
}

TEST(ValidateReplyToPostTest, ApplicationsMustNameASender) {
  v1::ReplyToPostRequest request = ValidReply();
  EXPECT_THAT(Validate(request, kUser), IsOk()) << "the store says whether it is the user";
  request.mutable_post()->clear_sender();
  EXPECT_THAT(Validate(request, kUser), IsOk());
  EXPECT_THAT(FieldsOf(Validate(request, kApplication)), ElementsAre("post.sender"));
  request.mutable_post()->mutable_sender()->mutable_email_address()->set_address("a@example.org");
  EXPECT_THAT(Validate(request, kApplication), IsOk());
}

TEST(ValidateReplyToPostTest, NeedsAPost) {
  v1::ReplyToPostRequest request;
  request.set_request_id("x");
  EXPECT_THAT(FieldsOf(Validate(request, kUser)), ElementsAre("name", "post", "request_id"));
}

TEST(ValidateReplyToPostTest, AttachmentsBeyondTheLimitAreToldTheLimit) {
  v1::ReplyToPostRequest request = ValidReply();
  *request.mutable_post()->add_attachments() = File(kMaxAttachmentBytes + 1);
  EXPECT_THAT(Validate(request, kApplication),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most 3145728 bytes")));
}

TEST(ValidatePostTest, NamesAreRead) {
  v1::GetPostRequest get;
  get.set_name(kPost);
  ASSERT_OK_AND_ASSIGN(const GetPostInput input, Validate(get));
  EXPECT_EQ(input.post.Canonical(), kPost);
  get.set_name(kThread);
  EXPECT_THAT(FieldsOf(Validate(get)), ElementsAre("name"));
  v1::DeletePostRequest remove;
  remove.set_name(kPost);
  EXPECT_THAT(Validate(remove), IsOk());
  remove.clear_name();
  EXPECT_THAT(FieldsOf(Validate(remove)), ElementsAre("name"));
}

TEST(ValidateListPostsTest, TokensBelongToTheirQuery) {
  v1::ListPostsRequest request;
  request.set_parent(absl::StrCat("me/joinedGroups/g/conversations/", kId, "/threads/", kId));
  ASSERT_OK_AND_ASSIGN(const ListPostsInput first, Validate(request));
  EXPECT_EQ(first.query.limit, kDefaultPageSize);
  EXPECT_EQ(first.query.thread.conversation->ToString(), kId);
  EXPECT_FALSE(first.query.after.has_value());
  internal::v1::PageToken token;
  token.set_query_fingerprint(first.fingerprint);
  token.set_last_id(kId);
  request.set_page_token(EncodePageToken(token));
  ASSERT_OK_AND_ASSIGN(const ListPostsInput next, Validate(request));
  EXPECT_EQ(next.query.after->ToString(), kId);
  request.set_order_by("create_time desc");
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("page_token"));
  request.clear_order_by();
  token.set_last_id("no id");
  request.set_page_token(EncodePageToken(token));
  request.set_page_size(-1);
  EXPECT_THAT(FieldsOf(Validate(request)), UnorderedElementsAre("page_token", "page_size"));
}

TEST(ValidateUpdatePostTest, TheMaskSaysWhatChanges) {
  struct Case {
    const char* request;
    bool changes_body;
    bool changes_categories;
  };
  for (const Case& c : {
           Case{"", false, false},
           Case{"post { body {} in_reply_to: 'x' }", true, false},
           Case{"post { categories: 'c' }", false, true},
           Case{"post { categories: 'c' } update_mask { paths: 'body' }", true, false},
           Case{"update_mask { paths: 'categories' }", false, true},
           Case{"update_mask { paths: '*' }", true, true},
       }) {
    auto request = ParseText<v1::UpdatePostRequest>(c.request);
    request.mutable_post()->set_name(kPost);
    ASSERT_OK_AND_ASSIGN(const UpdatePostInput input, Validate(request));
    EXPECT_EQ(input.changes_body, c.changes_body) << c.request;
    EXPECT_EQ(input.changes_categories, c.changes_categories) << c.request;
    EXPECT_EQ(input.post.Canonical(), kPost);
  }
}

TEST(ValidateUpdatePostTest, FindsEveryViolation) {
  v1::UpdatePostRequest request;
  request.mutable_post()->mutable_body()->set_content(kNul);
  request.mutable_post()->add_categories("");
  request.mutable_update_mask()->add_paths("body.content");
  const auto result = Validate(request);
  EXPECT_THAT(FieldsOf(result), UnorderedElementsAre("post.name", "post.body.content",
                                                     "post.categories[0]", "update_mask"));
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("body.content")));
}

TEST(ValidateForwardPostTest, EveryRecipientNeedsAnAddress) {
  auto request = ParseText<v1::ForwardPostRequest>(R"pb(
    comment: "c"
    to_recipients { email_address { address: "a@example.org" } }
  )pb");
  request.set_name(kPost);
  EXPECT_THAT(Validate(request), IsOk());
  request.add_to_recipients();
  request.add_to_recipients()->mutable_email_address()->set_name("n");
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("to_recipients[1].email_address.address",
                                                       "to_recipients[2].email_address.address"));
  request.clear_to_recipients();
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("to_recipients"));
  for (int i = 0; i <= kMaxRecipients; ++i) request.add_to_recipients();
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("to_recipients"));
}

TEST(ValidateForwardPostTest, CommentsAreBounded) {
  auto request = ParseText<v1::ForwardPostRequest>(
      "to_recipients { email_address { address: 'a@example.org' } }");
  request.set_name(kPost);
  request.set_comment(std::string(kMaxForwardCommentBytes, 'c'));
  EXPECT_THAT(Validate(request), IsOk());
  request.mutable_comment()->push_back('c');
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("comment"));
  request.set_comment(kNul);
  request.set_request_id("x");
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("comment", "request_id"));
}

TEST(ValidateCreateAttachmentTest, FindsEveryViolation) {
  v1::CreateAttachmentRequest request;
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("parent", "attachment"));
  request.set_parent(kPost);
  *request.mutable_attachment() = File(kMaxAttachmentBytes);
  EXPECT_THAT(Validate(request), IsOk());
  request.mutable_attachment()->set_id(kId);
  request.mutable_attachment()->clear_display_name();
  request.mutable_attachment()->mutable_file()->mutable_content_bytes()->push_back('b');
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("attachment.id", "attachment.display_name",
                                                       "attachment.file.content_bytes"));
}

TEST(ValidateAttachmentTest, TheViewSaysWhetherContentComes) {
  struct Case {
    v1::AttachmentView view;
    bool single;
    bool list;
  };
  v1::GetAttachmentRequest get;
  get.set_name(absl::StrCat(kPost, "/attachments/", kId));
  v1::ListAttachmentsRequest list;
  list.set_parent(kPost);
  for (const Case& c : {Case{v1::ATTACHMENT_VIEW_UNSPECIFIED, true, false},
                        Case{v1::ATTACHMENT_VIEW_BASIC, false, false},
                        Case{v1::ATTACHMENT_VIEW_FULL, true, true}}) {
    get.set_view(c.view);
    ASSERT_OK_AND_ASSIGN(const GetAttachmentInput single, Validate(get));
    EXPECT_EQ(single.with_content, c.single);
    EXPECT_EQ(single.attachment.attachment.ToString(), kId);
    list.set_view(c.view);
    ASSERT_OK_AND_ASSIGN(const ListAttachmentsInput many, Validate(list));
    EXPECT_EQ(many.query.with_content, c.list);
  }
  get.set_view(static_cast<v1::AttachmentView>(9));
  get.set_name(kPost);
  EXPECT_THAT(FieldsOf(Validate(get)), ElementsAre("name", "view"));
  list.set_view(static_cast<v1::AttachmentView>(9));
  EXPECT_THAT(FieldsOf(Validate(list)), ElementsAre("view"));
}

TEST(ValidateListAttachmentsTest, TokensAreUuids) {
  v1::ListAttachmentsRequest request;
  request.set_parent(kPost);
  ASSERT_OK_AND_ASSIGN(const ListAttachmentsInput first, Validate(request));
  internal::v1::PageToken token;
  token.set_query_fingerprint(first.fingerprint);
  token.set_last_id(kId);
  request.set_page_token(EncodePageToken(token));
  ASSERT_OK_AND_ASSIGN(const ListAttachmentsInput next, Validate(request));
  EXPECT_EQ(next.query.after->ToString(), kId);
  token.set_last_id("no id");
  request.set_page_token(EncodePageToken(token));
  EXPECT_THAT(FieldsOf(Validate(request)), ElementsAre("page_token"));
}

TEST(ValidateExtensionTest, CreateAndUpdate) {
  v1::CreateExtensionRequest create;
  EXPECT_THAT(FieldsOf(Validate(create)), ElementsAre("parent", "extension"));
  create.set_parent(kPost);
  *create.mutable_extension() =
      MakeExtension("Microsoft.OutlookServices.OpenTypeExtension.e", R"({"a": 1})");
  EXPECT_THAT(Validate(create), IsOk());
  *create.mutable_extension() = MakeExtension("", "");
  EXPECT_THAT(FieldsOf(Validate(create)),
              ElementsAre("extension.extension_name", "extension.content_json"));

  v1::UpdateExtensionRequest update;
  update.mutable_extension()->set_name(
      absl::StrCat(kPost, "/extensions/microsoft.graph.openTypeExtension.e"));
  update.mutable_extension()->set_content_json("{}");
  ASSERT_OK_AND_ASSIGN(const ExtensionName name, Validate(update));
  EXPECT_EQ(name.extension, "e");
  for (const char* path : {"content_json", "*"}) {
    update.mutable_update_mask()->add_paths(path);
    EXPECT_THAT(Validate(update), IsOk()) << path;
  }
  update.mutable_update_mask()->add_paths("extension_name");
  update.mutable_extension()->set_name(kPost);
  update.mutable_extension()->clear_content_json();
  EXPECT_THAT(FieldsOf(Validate(update)),
              UnorderedElementsAre("extension.name", "extension.content_json", "update_mask"));
}

TEST(ValidateExtensionTest, NamesAndTokens) {
  v1::GetExtensionRequest get;
  get.set_name(absl::StrCat(kPost, "/extensions/e"));
  EXPECT_THAT(Validate(get), IsOk());
  get.set_name(absl::StrCat(kPost, "/extensions/e/f"));
  EXPECT_THAT(FieldsOf(Validate(get)), ElementsAre("name"));
  v1::DeleteExtensionRequest remove;
  EXPECT_THAT(FieldsOf(Validate(remove)), ElementsAre("name"));
  v1::ListExtensionsRequest list;
  list.set_parent(kPost);
  ASSERT_OK_AND_ASSIGN(const ListExtensionsInput first, Validate(list));
  internal::v1::PageToken token;
  token.set_query_fingerprint(first.fingerprint);
  token.set_last_id("e");
  list.set_page_token(EncodePageToken(token));
  ASSERT_OK_AND_ASSIGN(const ListExtensionsInput next, Validate(list));
  EXPECT_EQ(next.query.after_name, "e");
  list.set_parent(kThread);
  list.set_page_size(-1);
  EXPECT_THAT(FieldsOf(Validate(list)), UnorderedElementsAre("parent", "page_size", "page_token"));
}

}  // namespace
}  // namespace threadstore
