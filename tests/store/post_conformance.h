#ifndef THREADSTORE_TESTS_STORE_POST_CONFORMANCE_H_
#define THREADSTORE_TESTS_STORE_POST_CONFORMANCE_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/domain/limits.h"
#include "tests/store/conformance.h"

// What the conformance tests of posts and of lists share.
namespace threadstore::testing {

inline constexpr char kAnnsPost[] =
    "sender { email_address { name: 'Ann' address: 'ann@x' } }"
    " body { content_type: 'text' content: 'by Ann' }";
inline constexpr char kBobsPost[] =
    "sender { email_address { name: 'Bob' address: 'bob@x' } }"
    " body { content_type: 'text' content: 'by Bob' }";
inline constexpr char kFile[] =
    "display_name: 'file' content_type: 'text/plain' is_inline: true"
    " file { content_bytes: 'a\\000\\377b' content_id: 'cid' }";
inline constexpr char kItem[] = "display_name: 'item' item { item_json: '{\"a\": 1}' }";
inline constexpr char kReference[] =
    "display_name: 'link' reference { source_url: 'https://example.com/' permission: 'edit'"
    " provider_type: 'oneDriveBusiness' is_folder: true }";

inline ThreadName NameOf(const std::string& group, const v1::ConversationThread& thread) {
  ThreadName name;
  name.group.group = group;
  name.thread = IdOf(thread);
  return name;
}

inline ThreadName Through(const Uuid& conversation, ThreadName name) {
  name.conversation = conversation;
  return name;
}

inline PostName NameOf(const ThreadName& thread, const v1::Post& post) {
  return {thread, *Uuid::Parse(post.id())};
}

inline AttachmentName NameOf(const PostName& post, const v1::Attachment& attachment) {
  return {post, *Uuid::Parse(attachment.id())};
}

inline ConversationName ConversationNameOf(const std::string& group, const Uuid& conversation) {
  ConversationName name;
  name.group.group = group;
  name.conversation = conversation;
  return name;
}

inline SenderName Listed(const std::string& group, SenderList list, const std::string& sender) {
  SenderName name;
  name.list.group.group = group;
  name.list.list = list;
  name.sender = sender;
  return name;
}

template <typename Message>
Message WithoutEtagAndTimeOfChange(Message message) {
  message.clear_etag();
  message.clear_last_modified_date_time();
  return message;
}

class PostConformance : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    CreateOpenGroup("g");
  }

  // A group that takes posts from everyone.
  void CreateOpenGroup(const std::string& id) {
    v1::Group group = MakeGroup(id);
    group.clear_mail();
    group.set_allow_external_senders(true);
    ASSERT_THAT(db_->CreateGroup({}, group), IsOk());
  }

  void AddMember(const std::string& user, v1::Member::Role role = v1::Member::ROLE_MEMBER) {
    ASSERT_THAT(db_->AddMember({}, "g", MakeMember("g", user, role)), IsOk());
  }

  CreateContext Creating(std::optional<RequiredMember> member = std::nullopt) {
    CreateContext context;
    context.required_member = std::move(member);
    context.now = clock_.Now();
    return context;
  }

  ChangeContext Changing(std::optional<RequiredMember> member = std::nullopt,
                         const std::string& etag = "") {
    ChangeContext context;
    context.required_member = std::move(member);
    context.now = clock_.Now();
    context.etag = etag;
    return context;
  }

  ThreadName CreateThreadNamed(const std::string& text_format = "topic: 't'") {
    return NameOf("g", CreateThread("g", text_format));
  }

  NewPost MakePost(const std::string& text_format) {
    clock_.Advance(absl::Milliseconds(1));
    NewPost post;
    post.post = BuildPost(ParseText<v1::Post>(text_format), clock_.Now());
    post.preview = MakePreview(post.post.body());
    return post;
  }

  v1::Post CreatePost(const ThreadName& thread, const std::string& text_format) {
    const NewPost post = MakePost(text_format);
    const auto created = db_->CreatePost(Creating(), thread, post);
    EXPECT_THAT(created, IsOk());
    return created.value_or(v1::Post());
  }

  v1::Post CreatePostBy(const std::string& user, const ThreadName& thread) {
    const NewPost post = MakePost("body { content: 'as itself' }");
    const auto created = db_->CreatePost(Creating(Member(user)), thread, post);
    EXPECT_THAT(created, IsOk());
    return created.value_or(v1::Post());
  }

  v1::Attachment MakeAttachment(const PostName& post, const std::string& text_format) {
    clock_.Advance(absl::Milliseconds(1));
    return BuildAttachment(post.Canonical(), ParseText<v1::Attachment>(text_format), clock_.Now());
  }

  v1::Extension MakeExtension(const PostName& post, const std::string& name,
                              const std::string& content = "{}") {
    v1::Extension extension;
    extension.set_extension_name(name);
    extension.set_content_json(content);
    return BuildExtension(post.Canonical(), extension);
  }

  v1::Forward MakeForward(const PostName& post) {
    v1::ForwardPostRequest request;
    request.set_comment("see below");
    request.add_to_recipients()->mutable_email_address()->set_address("zoe@x");
    return BuildForward(post.Canonical(), request, clock_.Now());
  }

  v1::Conversation MakeConversation(const std::string& text_format) {
    clock_.Advance(absl::Milliseconds(1));
    GroupName group;
    group.group = "g";
    return BuildConversation(group, ParseText<v1::Conversation>(text_format), clock_.Now());
  }

  v1::Conversation CreateConversation(const std::string& text_format) {
    const v1::Conversation conversation = MakeConversation(text_format);
    const auto created = db_->CreateConversation(Creating(), "g", conversation);
    EXPECT_THAT(created, IsOk());
    return created.value_or(v1::Conversation());
  }

  v1::ConversationThread Get(const ThreadName& name) {
    const auto thread = db_->GetThread({}, name);
    EXPECT_THAT(thread, IsOk());
    return thread.value_or(v1::ConversationThread());
  }

  v1::Post Get(const PostName& name) {
    const auto post = db_->GetPost({}, name);
    EXPECT_THAT(post, IsOk());
    return post.value_or(v1::Post());
  }

  std::vector<v1::Post> PostsOf(const ThreadName& thread) {
    const auto page = db_->ListPosts({}, {.thread = thread, .limit = kMaxPageSize});
    EXPECT_THAT(page, IsOk());
    if (!page.ok()) return {};
    return {page->posts.begin(), page->posts.end()};
  }

  // The topics of a group's conversations in pages of `limit`.
  std::string WalkConversations(ThreadOrder order, int32_t limit) {
    std::string topics;
    ConversationQuery query{.group = "g", .order = order, .limit = limit};
    while (true) {
      const auto page = db_->ListConversations({}, query);
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) return topics;
      for (const auto& conversation : page->conversations) topics += conversation.topic();
      if (!page->has_more) return topics;
      query.after = page->last;
    }
  }
};

}  // namespace threadstore::testing

#endif  // THREADSTORE_TESTS_STORE_POST_CONFORMANCE_H_
