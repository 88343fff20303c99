// Conversations, changes of threads, posts and what hangs on them, and lists of senders.

#include "tests/store/post_conformance.h"

#include <algorithm>
#include <functional>
#include <future>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "server/domain/limits.h"

namespace threadstore::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// --- Groups

TEST_F(PostConformance, GroupIsUpdatedInWhatIsNamed) {
  const v1::Group before = *db_->GetGroup({}, "g");
  v1::Group expected = before;
  expected.set_display_name("new name");
  GroupChanges changes;
  changes.display_name = "new name";
  EXPECT_THAT(db_->UpdateGroup({}, "g", changes), IsOkAndHolds(EqualsProto(expected)));
  expected.set_mail("");
  expected.set_allow_external_senders(false);
  changes = {};
  changes.mail = "";
  changes.allow_external_senders = false;
  EXPECT_THAT(db_->UpdateGroup({}, "g", changes), IsOkAndHolds(EqualsProto(expected)));
  Open({});
  EXPECT_THAT(db_->GetGroup({}, "g"), IsOkAndHolds(EqualsProto(expected)));
  EXPECT_THAT(db_->UpdateGroup({}, "x", changes), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
}

// --- Senders

TEST_F(PostConformance, SendersAreListedByIdInPages) {
  for (const char* sender : {"b", "A", "c@x"}) {
    const SenderName name = Listed("g", SenderList::kAccepted, sender);
    v1::Sender expected;
    expected.set_name(MakeSenderName("g", SenderList::kAccepted, sender));
    expected.set_id(sender);
    EXPECT_THAT(db_->AddSender({}, name), IsOkAndHolds(EqualsProto(expected)));
  }
  SenderQuery query{.list = Listed("g", SenderList::kAccepted, "").list, .limit = 2};
  auto page = db_->ListSenders({}, query);
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(IdsOf(page->senders), ElementsAre("A", "b"));
  EXPECT_TRUE(page->has_more);
  query.after_id = "b";
  page = db_->ListSenders({}, query);
  EXPECT_THAT(IdsOf(page->senders), ElementsAre("c@x"));
  EXPECT_FALSE(page->has_more);
  query = {.list = Listed("g", SenderList::kRejected, "").list, .limit = 2};
  EXPECT_THAT(db_->ListSenders({}, query)->senders, IsEmpty());
}

TEST_F(PostConformance, SenderIsOnOneListAtMost) {
  const SenderName accepted = Listed("g", SenderList::kAccepted, "ann");
  const SenderName rejected = Listed("g", SenderList::kRejected, "ann");
  ASSERT_THAT(db_->AddSender({}, accepted), IsOk());
  EXPECT_THAT(db_->AddSender({}, accepted), HasReason(v1::ERROR_REASON_RESOURCE_EXISTS));
  EXPECT_THAT(db_->AddSender({}, rejected), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(db_->RemoveSender({}, rejected), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  EXPECT_THAT(db_->RemoveSender({}, accepted), IsOk());
  EXPECT_THAT(db_->RemoveSender({}, accepted), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  EXPECT_THAT(db_->AddSender({}, rejected), IsOk());
  CreateOpenGroup("other");
  EXPECT_THAT(db_->AddSender({}, Listed("other", SenderList::kAccepted, "ann")), IsOk())
      << "lists are each group's own";
}

TEST_F(PostConformance, ListsOfADeletedGroupAreNotThoseOfTheNext) {
  ASSERT_THAT(db_->AddSender({}, Listed("g", SenderList::kRejected, "ann@x")), IsOk());
  ASSERT_THAT(db_->DeleteGroup({}, "g"), IsOk());
  CreateOpenGroup("g");
  EXPECT_THAT(
      db_->ListSenders({}, {.list = Listed("g", SenderList::kRejected, "").list, .limit = 1})
          ->senders,
      IsEmpty());
  CreatePost(CreateThreadNamed(), kAnnsPost);
}

// Who may post, by user and by an application's sender.
TEST_F(PostConformance, PostsAreTakenFromThoseWhomTheGroupAllows) {
  AddMember("ann");
  AddMember("bob");
  const ThreadName thread = CreateThreadNamed();
  const auto by_user = [&](const std::string& user) {
    return db_->CreatePost(Creating(Member(user)), thread, MakePost("")).status();
  };
  const auto by_address = [&](const std::string& address) {
    NewPost post = MakePost("");
    post.post.mutable_sender()->mutable_email_address()->set_address(address);
    return db_->CreatePost(Creating(), thread, post).status();
  };
  const auto refused = HasReason(v1::ERROR_REASON_SENDER_NOT_ALLOWED);
  EXPECT_THAT(by_address("zoe@x"), IsOk());

  GroupChanges members_only;
  members_only.allow_external_senders = false;
  ASSERT_THAT(db_->UpdateGroup({}, "g", members_only), IsOk());
  EXPECT_THAT(by_address("zoe@x"), refused);
  EXPECT_THAT(by_address("ann@example.com"), IsOk()) << "a member's mail";
  EXPECT_THAT(by_address("ann"), IsOk()) << "a member's id";
  EXPECT_THAT(by_user("ann"), IsOk());
  EXPECT_THAT(
      db_->CreatePost(Creating(), thread, MakePost("sender { email_address { name: 'ann' } }")),
      refused)
      << "a name is nobody's";

  ASSERT_THAT(db_->AddSender({}, Listed("g", SenderList::kRejected, "ann")), IsOk());
  EXPECT_THAT(by_user("ann"), refused);
  EXPECT_THAT(by_address("ann@example.com"), refused) << "the mail of one rejected by id";
  EXPECT_THAT(by_user("bob"), IsOk());
  ASSERT_THAT(db_->RemoveSender({}, Listed("g", SenderList::kRejected, "ann")), IsOk());
  EXPECT_THAT(by_user("ann"), IsOk());

  ASSERT_THAT(db_->AddSender({}, Listed("g", SenderList::kAccepted, "bob@example.com")), IsOk());
  EXPECT_THAT(by_user("ann"), refused);
  EXPECT_THAT(by_user("bob"), IsOk()) << "accepted by its mail";
  EXPECT_THAT(by_address("bob"), IsOk());
}

TEST_F(PostConformance, ThreadWithoutAPostIsCheckedByItsMemberOnly) {
  AddMember("ann");
  ASSERT_THAT(db_->AddSender({}, Listed("g", SenderList::kRejected, "ann")), IsOk());
  const v1::ConversationThread thread = MakeThread("g", "topic: 't'");
  EXPECT_THAT(db_->CreateThread(Creating(Member("ann")), "g", std::nullopt, thread),
              HasReason(v1::ERROR_REASON_SENDER_NOT_ALLOWED));
  EXPECT_THAT(db_->CreateThread(Creating(), "g", std::nullopt, thread), IsOk());
  EXPECT_THAT(db_->CreateThread(Creating(Member("ann")), "g", std::nullopt,
                                MakeThread("g", "topic: 't' posts { body { content: 'by Ann' } }")),
              HasReason(v1::ERROR_REASON_SENDER_NOT_ALLOWED));
}

// --- Conversations

TEST_F(PostConformance, ConversationIsReturnedAsStored) {
  const v1::Conversation created = CreateConversation(absl::StrCat(
      "topic: 'c'"
      " threads { posts { ",
      kAnnsPost, " attachments { ", kFile,
      " } } }"
      " threads { topic: 'own' unique_senders: 'Ann' unique_senders: 'Cyd' preview: 'as sent'"
      "   last_delivered_date_time { seconds: 5 } }"));
  ASSERT_THAT(created.threads(), SizeIs(2));
  const v1::ConversationThread& first = created.threads(0);
  EXPECT_EQ(first.topic(), "c");
  EXPECT_EQ(created.threads(1).topic(), "own");
  ASSERT_THAT(first.posts(), SizeIs(1));
  EXPECT_EQ(first.posts(0).conversation_id(), created.id());
  EXPECT_TRUE(created.has_attachments());
  EXPECT_THAT(created.unique_senders(), ElementsAre("Ann", "Cyd"));
  EXPECT_EQ(created.preview(), "by Ann");
  EXPECT_THAT(created.last_delivered_date_time(), EqualsProto(first.posts(0).created_date_time()));

  v1::Conversation expected = created;
  expected.clear_threads();
  const ConversationName name = ConversationNameOf("g", *Uuid::Parse(created.id()));
  EXPECT_THAT(db_->GetConversation({}, name), IsOkAndHolds(EqualsProto(expected)));
  Open({});
  EXPECT_THAT(db_->GetConversation({}, name), IsOkAndHolds(EqualsProto(expected)));
  EXPECT_THAT(db_->ListConversations({}, {.group = "g", .limit = 5})->conversations,
              ElementsAre(EqualsProto(expected)));
  v1::ConversationThread thread = first;
  thread.clear_posts();
  EXPECT_THAT(db_->GetThread({}, NameOf("g", thread)), IsOkAndHolds(EqualsProto(thread)));
}

TEST_F(PostConformance, ConversationBegunByAThreadHasItsTopic) {
  const v1::ConversationThread thread = CreateThread("g", "topic: 'begun' preview: 'p'");
  const auto conversation =
      db_->GetConversation({}, ConversationNameOf("g", ConversationOf(thread)));
  ASSERT_THAT(conversation, IsOk());
  EXPECT_EQ(conversation->id(), thread.conversation_id());
  EXPECT_EQ(conversation->name(), MakeConversationName("g", ConversationOf(thread)));
  EXPECT_EQ(conversation->topic(), "begun");
  EXPECT_EQ(conversation->preview(), "p");
  EXPECT_THAT(conversation->created_date_time(), EqualsProto(thread.created_date_time()));
}

TEST_F(PostConformance, ConversationFollowsItsThreads) {
  const v1::ConversationThread a = CreateThread("g", "topic: 'a'");
  const Uuid conversation = ConversationOf(a);
  const ConversationName name = ConversationNameOf("g", conversation);
  const v1::ConversationThread b = CreateThread("g", "topic: 'b'", conversation);
  CreatePost(NameOf("g", b), kBobsPost);
  const v1::Post newest =
      CreatePost(NameOf("g", a), absl::StrCat(kAnnsPost, " attachments { ", kFile, " }"));
  v1::Conversation read = *db_->GetConversation({}, name);
  EXPECT_EQ(read.preview(), "by Ann");
  EXPECT_THAT(read.last_delivered_date_time(), EqualsProto(newest.created_date_time()));
  EXPECT_THAT(read.unique_senders(), ElementsAre("Ann", "Bob")) << "in order of the threads";
  EXPECT_TRUE(read.has_attachments());
  ASSERT_THAT(db_->DeleteThread(Changing(), NameOf("g", a)), IsOk());
  read = *db_->GetConversation({}, name);
  EXPECT_EQ(read.preview(), "by Bob");
  EXPECT_THAT(read.unique_senders(), ElementsAre("Bob"));
  EXPECT_FALSE(read.has_attachments());
}

TEST_F(PostConformance, ConversationsAreListedInEachOrder) {
  const v1::ConversationThread a =
      CreateThread("g", "topic: 'a' last_delivered_date_time { seconds: 20 }");
  CreateThread("g", "topic: 'b' last_delivered_date_time { seconds: 30 }");
  CreateThread("g", "topic: 'c' last_delivered_date_time { seconds: 20 }");
  CreateThread("g", "topic: 'd' last_delivered_date_time { seconds: 10 }");
  CreateOpenGroup("other");
  CreateThread("other");
  for (const int32_t limit : {1, 2, 3, 100}) {
    SCOPED_TRACE(limit);
    EXPECT_EQ(WalkConversations(ThreadOrder::kNewestActivity, limit), "bcad");
    EXPECT_EQ(WalkConversations(ThreadOrder::kOldestCreated, limit), "abcd");
    EXPECT_EQ(WalkConversations(ThreadOrder::kNewestCreated, limit), "dcba");
  }
  CreateThread("g", "topic: 'x' last_delivered_date_time { seconds: 40 }", ConversationOf(a));
  for (const int32_t limit : {1, 2, 3, 100}) {
    SCOPED_TRACE(limit);
    EXPECT_EQ(WalkConversations(ThreadOrder::kNewestActivity, limit), "abcd")
        << "each stands where its newest thread does, and nowhere else";
  }
}

TEST_F(PostConformance, ConversationIsCreatedWholeOrNotAtAll) {
  ASSERT_THAT(db_->AddSender({}, Listed("g", SenderList::kRejected, "bob@x")), IsOk());
  const v1::Conversation conversation = MakeConversation(absl::StrCat(
      "topic: 'c' threads { posts { ", kAnnsPost, " } } threads { posts { ", kBobsPost, " } }"));
  EXPECT_THAT(db_->CreateConversation(Creating(), "g", conversation),
              HasReason(v1::ERROR_REASON_SENDER_NOT_ALLOWED));
  EXPECT_THAT(Walk({.group = "g", .limit = 5}), IsEmpty());
  EXPECT_EQ(WalkConversations(ThreadOrder::kOldestCreated, 5), "");
}

TEST_F(PostConformance, DeletedConversationIsGoneWithAllThatIsInIt) {
  const v1::ConversationThread kept = CreateThread("g", "topic: 'kept'");
  const v1::ConversationThread first = CreateThread("g", "topic: 'first'");
  const Uuid conversation = ConversationOf(first);
  const v1::ConversationThread second = CreateThread("g", "topic: 'second'", conversation);
  const ThreadName thread = NameOf("g", first);
  const PostName post =
      NameOf(thread, CreatePost(thread, absl::StrCat(kAnnsPost, " attachments { ", kFile, " }")));
  const ConversationName name = ConversationNameOf("g", conversation);
  ASSERT_THAT(db_->DeleteConversation({}, name), IsOk());

  const auto gone = HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND);
  const auto check = [&] {
    EXPECT_THAT(db_->GetConversation({}, name), gone);
    EXPECT_THAT(db_->DeleteConversation({}, name), gone);
    EXPECT_THAT(db_->ListThreads({}, {.group = "g", .conversation = conversation, .limit = 5}),
                gone);
    EXPECT_THAT(db_->CreateThread(Creating(), "g", conversation, MakeThread("g", "", conversation)),
                gone);
    EXPECT_THAT(db_->GetThread({}, thread), gone);
    EXPECT_THAT(db_->GetThread({}, NameOf("g", second)), gone);
    EXPECT_THAT(db_->GetThread({}, Through(conversation, thread)), gone);
    EXPECT_THAT(db_->GetPost({}, post), gone);
    EXPECT_THAT(db_->ListAttachments({}, {.post = post, .limit = 5}), gone);
    EXPECT_THAT(db_->CreatePost(Creating(), thread, MakePost(kAnnsPost)), gone);
    EXPECT_THAT(IdsOf(Walk({.group = "g", .limit = 5})), ElementsAre(kept.id()));
    EXPECT_EQ(WalkConversations(ThreadOrder::kNewestActivity, 1), "kept");
    EXPECT_EQ(WalkConversations(ThreadOrder::kOldestCreated, 1), "kept");
  };
  check();
  Open({});
  check();
  EXPECT_THAT(db_->DeleteGroup({}, "g"), HasReason(v1::ERROR_REASON_GROUP_NOT_EMPTY));
  ASSERT_THAT(db_->DeleteThread(Changing(), NameOf("g", kept)), IsOk());
  EXPECT_THAT(db_->DeleteGroup({}, "g"), IsOk()) << "what is deleted does not count";
}

// --- Changes of threads

TEST_F(PostConformance, ThreadIsLockedAndUnlocked) {
  const v1::ConversationThread before = CreateThread("g");
  const ThreadName name = NameOf("g", before);
  clock_.Advance(absl::Seconds(1));
  ThreadChanges lock;
  lock.is_locked = true;
  const auto locked = db_->UpdateThread(Changing(), name, lock);
  ASSERT_THAT(locked, IsOk());
  EXPECT_TRUE(locked->is_locked());
  EXPECT_NE(locked->etag(), before.etag());
  EXPECT_EQ(ToMicros(locked->last_modified_date_time()), absl::ToUnixMicros(clock_.Now()));
  EXPECT_THAT(db_->GetThread({}, name), IsOkAndHolds(EqualsProto(*locked)));
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(db_->UpdateThread(Changing(), name, lock), IsOkAndHolds(EqualsProto(*locked)))
      << "nothing has changed";
  ThreadChanges unlock;
  unlock.is_locked = false;
  unlock.topic = "t";
  const auto unlocked = db_->UpdateThread(Changing(), name, unlock);
  ASSERT_THAT(unlocked, IsOk());
  EXPECT_FALSE(unlocked->is_locked());
}

TEST_F(PostConformance, TopicOfAThreadDoesNotChange) {
  const v1::ConversationThread before = CreateThread("g");
  ThreadChanges changes;
  changes.topic = "another";
  changes.is_locked = true;
  EXPECT_THAT(db_->UpdateThread(Changing(), NameOf("g", before), changes),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(db_->GetThread({}, NameOf("g", before)), IsOkAndHolds(EqualsProto(before)));
}

TEST_F(PostConformance, TimeOfChangeDoesNotGoBack) {
  const v1::ConversationThread before = CreateThread("g");
  ChangeContext earlier = Changing();
  earlier.now -= absl::Hours(1);
  ThreadChanges lock;
  lock.is_locked = true;
  const auto locked = db_->UpdateThread(earlier, NameOf("g", before), lock);
  ASSERT_THAT(locked, IsOk());
  EXPECT_THAT(locked->last_modified_date_time(), EqualsProto(before.last_modified_date_time()));
}

TEST_F(PostConformance, ChangeUnderAnOldEtagIsRefused) {
  const ThreadName thread = CreateThreadNamed();
  const std::string old_thread = Get(thread).etag();
  const v1::Post created = CreatePost(thread, kAnnsPost);
  const PostName post = NameOf(thread, created);
  ASSERT_THAT(db_->CreateExtension(Creating(), post, MakeExtension(post, "e")), IsOk());
  const std::string& old_post = created.etag();
  const auto mismatch = HasReason(v1::ERROR_REASON_ETAG_MISMATCH);
  ThreadChanges lock;
  lock.is_locked = true;
  PostChanges edit;
  edit.body.emplace().set_content("new");
  EXPECT_THAT(db_->UpdateThread(Changing({}, old_thread), thread, lock), mismatch);
  EXPECT_THAT(db_->DeleteThread(Changing({}, old_thread), thread), mismatch);
  EXPECT_THAT(db_->UpdatePost(Changing({}, old_post), post, edit), mismatch);
  EXPECT_THAT(db_->DeletePost(Changing({}, old_post), post), mismatch);
  EXPECT_THAT(db_->DeletePost(Changing({}, old_post), post), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(db_->UpdatePost(Changing({}, Get(post).etag()), post, edit), IsOk());
  EXPECT_THAT(db_->DeletePost(Changing({}, Get(post).etag()), post), IsOk());
  EXPECT_THAT(db_->UpdateThread(Changing({}, Get(thread).etag()), thread, lock), IsOk());
  EXPECT_THAT(db_->DeleteThread(Changing({}, Get(thread).etag()), thread), IsOk());
}

TEST_F(PostConformance, DeletedThreadIsGoneWithAllThatIsInIt) {
  const v1::ConversationThread first = CreateThread("g", "topic: 'first'");
  const Uuid conversation = ConversationOf(first);
  const v1::ConversationThread kept = CreateThread("g", "topic: 'kept'", conversation);
  const ThreadName thread = NameOf("g", first);
  const v1::Post created = CreatePost(thread, absl::StrCat(kAnnsPost, " attachments { ", kFile,
                                                           " } extensions { extension_name: 'e'"
                                                           " content_json: '{}' }"));
  const PostName post = NameOf(thread, created);
  ASSERT_THAT(db_->ForwardPost(Creating(), post, MakeForward(post)), IsOk());
  ASSERT_THAT(db_->DeleteThread(Changing(), thread), IsOk());

  const auto gone = HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND);
  const AttachmentName attachment = NameOf(post, created.attachments(0));
  PostChanges edit;
  edit.categories.emplace();
  ThreadChanges lock;
  lock.is_locked = true;
  EXPECT_THAT(db_->GetThread({}, thread), gone);
  EXPECT_THAT(db_->GetThread({}, Through(conversation, thread)), gone);
  EXPECT_THAT(db_->UpdateThread(Changing(), thread, lock), gone);
  EXPECT_THAT(db_->DeleteThread(Changing(), thread), gone);
  EXPECT_THAT(db_->CreatePost(Creating(), thread, MakePost(kAnnsPost)), gone);
  EXPECT_THAT(db_->ListPosts({}, {.thread = thread, .limit = 5}), gone);
  EXPECT_THAT(db_->GetPost({}, post), gone);
  EXPECT_THAT(db_->UpdatePost(Changing(), post, edit), gone);
  EXPECT_THAT(db_->DeletePost(Changing(), post), gone);
  EXPECT_THAT(db_->ForwardPost(Creating(), post, MakeForward(post)), gone);
  EXPECT_THAT(db_->CreateAttachment(Creating(), post, MakeAttachment(post, kFile)), gone);
  EXPECT_THAT(db_->GetAttachment({}, attachment, false), gone);
  EXPECT_THAT(db_->ListAttachments({}, {.post = post, .limit = 5}), gone);
  EXPECT_THAT(db_->CreateExtension(Creating(), post, MakeExtension(post, "f")), gone);
  EXPECT_THAT(db_->GetExtension({}, {post, "e"}), gone);
  EXPECT_THAT(db_->ListExtensions({}, {.post = post, .limit = 5}), gone);
  EXPECT_THAT(db_->UpdateExtension(Changing(), {post, "e"}, "{}"), gone);
  EXPECT_THAT(db_->DeleteExtension(Changing(), {post, "e"}), gone);
  EXPECT_THAT(IdsOf(Walk({.group = "g", .limit = 5})), ElementsAre(kept.id()));
  EXPECT_THAT(IdsOf(Walk({.group = "g", .conversation = conversation, .limit = 5})),
              ElementsAre(kept.id()));
}

TEST_F(PostConformance, ConversationGoesWithItsLastThread) {
  const v1::ConversationThread thread = CreateThread("g");
  const Uuid conversation = ConversationOf(thread);
  const v1::ConversationThread last = CreateThread("g", "topic: 'last'", conversation);
  const ConversationName name = ConversationNameOf("g", conversation);
  ASSERT_THAT(db_->DeleteThread(Changing(), NameOf("g", thread)), IsOk());
  EXPECT_THAT(db_->GetConversation({}, name), IsOk());
  ASSERT_THAT(db_->DeleteThread(Changing(), Through(conversation, NameOf("g", last))), IsOk());
  EXPECT_THAT(db_->GetConversation({}, name), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  EXPECT_EQ(WalkConversations(ThreadOrder::kNewestActivity, 5), "");
  EXPECT_THAT(
      db_->CreateThread(Creating(), "g", conversation, MakeThread("g", "topic: 't'", conversation)),
      HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  EXPECT_THAT(db_->DeleteGroup({}, "g"), IsOk());
}

TEST_F(PostConformance, NameThroughAnotherConversationOrGroupFindsNothing) {
  const v1::ConversationThread sent = CreateThread("g");
  const ThreadName thread = NameOf("g", sent);
  const PostName post = NameOf(thread, CreatePost(thread, kAnnsPost));
  EXPECT_THAT(db_->GetPost({}, {Through(ConversationOf(sent), thread), post.post}), IsOk());
  CreateOpenGroup("other");
  ThreadName in_other_group = thread;
  in_other_group.group.group = "other";
  const ThreadName in_other_conversation = Through(ConversationOf(CreateThread("g")), thread);
  const auto gone = HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND);
  for (const ThreadName& name : {in_other_group, in_other_conversation}) {
    EXPECT_THAT(db_->GetThread({}, name), gone);
    EXPECT_THAT(db_->DeleteThread(Changing(), name), gone);
    EXPECT_THAT(db_->CreatePost(Creating(), name, MakePost(kAnnsPost)), gone);
    EXPECT_THAT(db_->ListPosts({}, {.thread = name, .limit = 5}), gone);
    EXPECT_THAT(db_->GetPost({}, {name, post.post}), gone);
    EXPECT_THAT(db_->DeletePost(Changing(), {name, post.post}), gone);
    EXPECT_THAT(db_->ListExtensions({}, {.post = {name, post.post}, .limit = 5}), gone);
  }
  const ThreadName other_thread = NameOf("g", CreateThread("g"));
  EXPECT_THAT(db_->GetPost({}, {other_thread, post.post}), gone) << "a post of another thread";
}

// --- Posts

TEST_F(PostConformance, PostIsReturnedAsStored) {
  const ThreadName thread = CreateThreadNamed();
  clock_.Advance(absl::Seconds(1));
  NewPost sent = MakePost(absl::StrCat(R"pb(
                                         sender { email_address { name: "Ann" address: "ann@x" } }
                                         body { content_type: 'html' content: "<p>Grüße</p>" }
                                         categories: "b"
                                         categories: "a"
                                         new_participants { email_address { address: "zoe@x" } }
                                         new_participants {}
                                       )pb",
                                       "attachments { ", kFile, " } attachments { ", kItem,
                                       " } attachments { ", kReference,
                                       " } extensions { extension_name: 'e' content_json: '{}' }"));
  const auto created = db_->CreatePost(Creating(), thread, sent);
  ASSERT_THAT(created, IsOk());
  const PostName name = NameOf(thread, *created);

  v1::Post expected = sent.post;
  expected.clear_attachments();
  expected.clear_extensions();
  expected.set_id(created->id());
  expected.set_name(name.Canonical());
  const auto now = FromMicros(absl::ToUnixMicros(clock_.Now()));
  *expected.mutable_created_date_time() = now;
  *expected.mutable_received_date_time() = now;
  *expected.mutable_last_modified_date_time() = now;
  expected.set_has_attachments(true);
  *expected.mutable_from() = sent.post.sender();
  expected.set_conversation_id(Get(thread).conversation_id());
  expected.set_conversation_thread_id(thread.thread.ToString());
  expected.set_etag(MakeEtag(1));
  EXPECT_THAT(db_->GetPost({}, name), IsOkAndHolds(EqualsProto(expected)));
  Open({});
  EXPECT_THAT(db_->GetPost({}, name), IsOkAndHolds(EqualsProto(expected)));
  EXPECT_THAT(PostsOf(thread), ElementsAre(EqualsProto(expected)));

  const auto attachments = db_->ListAttachments({}, {.post = name, .limit = 5});
  ASSERT_THAT(attachments, IsOk());
  *expected.mutable_attachments() = attachments->attachments;
  EXPECT_THAT(*created, EqualsProto(expected)) << "with its attachments, without their content";
  ASSERT_THAT(created->attachments(), SizeIs(3));
  EXPECT_EQ(created->attachments(0).display_name(), "file");
  EXPECT_EQ(created->attachments(1).display_name(), "item");
  EXPECT_EQ(created->attachments(2).display_name(), "link");
  EXPECT_THAT(db_->GetExtension({}, {name, "e"}),
              IsOkAndHolds(EqualsProto(MakeExtension(name, "e"))));
}

TEST_F(PostConformance, PostWithoutABodyStaysWithout) {
  const ThreadName thread = CreateThreadNamed();
  const v1::Post created = CreatePost(thread, "sender { email_address { name: 'Ann' } }");
  EXPECT_FALSE(created.has_body());
  EXPECT_FALSE(Get(NameOf(thread, created)).has_body());
  EXPECT_EQ(Get(thread).preview(), "");
}

TEST_F(PostConformance, WhoIsVouchedForPostsAsTheCredentialsCallIt) {
  const ThreadName thread = CreateThreadNamed();
  RequiredMember eve{
      .user = "eve", .is_vouched_for = true, .display_name = "Eve Oh", .mail = "eve@example.com"};
  const auto post = db_->CreatePost(Creating(eve), thread, MakePost(""));
  ASSERT_THAT(post, IsOk());
  EXPECT_EQ(post->sender().email_address().name(), "Eve Oh");
  EXPECT_EQ(post->sender().email_address().address(), "eve@example.com");
  AddMember("eve");
  EXPECT_EQ(db_->CreatePost(Creating(eve), thread, MakePost(""))->sender().email_address().name(),
            "Name of eve")
      << "a member is called as the group calls it";
}

TEST_F(PostConformance, WhatCredentialsCallAUserDoesNotDecideWhetherItMayPost) {
  const ThreadName thread = CreateThreadNamed();
  RequiredMember eve{.user = "eve", .is_vouched_for = true, .mail = "boss@example.com"};
  ASSERT_THAT(db_->AddSender({}, Listed("g", SenderList::kAccepted, "boss@example.com")), IsOk());
  EXPECT_THAT(db_->CreatePost(Creating(eve), thread, MakePost("")),
              HasReason(v1::ERROR_REASON_SENDER_NOT_ALLOWED));
  ASSERT_THAT(db_->AddSender({}, Listed("g", SenderList::kAccepted, "eve")), IsOk());
  EXPECT_THAT(db_->CreatePost(Creating(eve), thread, MakePost("")), IsOk());
}

TEST_F(PostConformance, UserPostsAsItself) {
  AddMember("ann");
  const ThreadName thread = CreateThreadNamed();
  const v1::Post post = CreatePostBy("ann", thread);
  EXPECT_THAT(post.sender(), EqualsProto(SenderOf(MakeMember("g", "ann"))));
  EXPECT_THAT(post.from(), EqualsProto(post.sender()));
  EXPECT_THAT(Get(thread).unique_senders(), ElementsAre("Name of ann"));
  NewPost again = MakePost("");
  *again.post.mutable_sender() = post.sender();
  EXPECT_THAT(db_->CreatePost(Creating(Member("ann")), thread, again), IsOk())
      << "what was read can be sent";
  again = MakePost("sender { email_address { name: 'Name of ann' address: 'bob@x' } }");
  EXPECT_THAT(db_->CreatePost(Creating(Member("ann")), thread, again),
              HasReason(v1::ERROR_REASON_INVALID_FIELD));
  ASSERT_THAT(db_->RemoveMember({}, "g", "ann"), IsOk());
  EXPECT_THAT(Get(NameOf(thread, post)), EqualsProto(post)) << "the sender has left, not the post";
}

TEST_F(PostConformance, CredentialsStandInForTextsThatAMemberDoesNotHave) {
  const ThreadName thread = CreateThreadNamed();
  const auto sender_of_post_by = [&](const RequiredMember& member) {
    const auto post = db_->CreatePost(Creating(member), thread, MakePost("body { content: 'x' }"));
    EXPECT_THAT(post, IsOk());
    return post.value_or(v1::Post()).sender().email_address();
  };
  v1::Member nameless = MakeMember("g", "bob");
  nameless.clear_display_name();
  nameless.clear_mail();
  ASSERT_THAT(db_->AddMember({}, "g", nameless), IsOk());
  AddMember("ann");
  RequiredMember caller = Member("bob");
  caller.display_name = "Bob Roe";
  caller.mail = "bob@corp.example";
  EXPECT_EQ(sender_of_post_by(caller).name(), "Bob Roe");
  EXPECT_EQ(sender_of_post_by(caller).address(), "bob@corp.example");
  caller.user = "ann";
  EXPECT_EQ(sender_of_post_by(caller).name(), MakeMember("g", "ann").display_name());
  EXPECT_EQ(sender_of_post_by(caller).address(), MakeMember("g", "ann").mail());
  caller.user = "nobody's member";
  caller.is_vouched_for = true;
  EXPECT_EQ(sender_of_post_by(caller).name(), "Bob Roe");
}

TEST_F(PostConformance, PostIsFromTheGroupIfThatHasMail) {
  const ThreadName thread = CreateThreadNamed();
  GroupChanges changes;
  changes.mail = "group@x";
  ASSERT_THAT(db_->UpdateGroup({}, "g", changes), IsOk());
  const v1::Post post = CreatePost(thread, kAnnsPost);
  EXPECT_THAT(post.from(), EqualsProto(FromOf(*db_->GetGroup({}, "g"), post.sender())));
  EXPECT_EQ(post.from().email_address().address(), "group@x");
  EXPECT_EQ(post.sender().email_address().address(), "ann@x");
}

TEST_F(PostConformance, PostIsLaterThanTheOthersWhateverTheClockSays) {
  const ThreadName thread = CreateThreadNamed();
  const int64_t start = absl::ToUnixMicros(clock_.Now());
  CreateContext context = Creating();
  const int64_t offsets[] = {0, 0, -1'000'000, 5, 4, 1'000};
  const int64_t expected[] = {0, 1, 2, 5, 6, 1'000};
  std::vector<std::string> ids;
  for (size_t i = 0; i < std::size(offsets); ++i) {
    context.now = absl::FromUnixMicros(start + offsets[i]);
    const auto post = db_->CreatePost(context, thread, MakePost(kAnnsPost));
    ASSERT_THAT(post, IsOk());
    EXPECT_EQ(ToMicros(post->created_date_time()) - start, expected[i]);
    ids.push_back(post->id());
  }
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_EQ(ToMicros(Get(thread).last_delivered_date_time()) - start, 1'000);
}

TEST_F(PostConformance, PostsAreListedInBothOrdersInPages) {
  const ThreadName thread = CreateThreadNamed();
  std::vector<std::string> ids;
  ids.reserve(5);
  for (int i = 0; i < 5; ++i) ids.push_back(CreatePost(thread, kAnnsPost).id());
  for (const bool newest_first : {false, true}) {
    std::vector<std::string> expected = ids;
    if (newest_first) std::reverse(expected.begin(), expected.end());
    for (const int32_t limit : {1, 2, 5, 6}) {
      std::vector<std::string> walked;
      PostQuery query{.thread = thread, .newest_first = newest_first, .limit = limit};
      while (true) {
        const auto page = db_->ListPosts({}, query);
        ASSERT_THAT(page, IsOk());
        ASSERT_LE(page->posts.size(), limit);
        for (const v1::Post& post : page->posts) walked.push_back(post.id());
        if (!page->has_more) break;
        query.after = *Uuid::Parse(walked.back());
      }
      EXPECT_EQ(walked, expected);
    }
  }
  ASSERT_THAT(db_->DeletePost(Changing(), {thread, *Uuid::Parse(ids[1])}), IsOk());
  const auto page =
      db_->ListPosts({}, {.thread = thread, .after = *Uuid::Parse(ids[1]), .limit = 1});
  EXPECT_THAT(IdsOf(page->posts), ElementsAre(ids[2])) << "the cursor's post need not be there";
}

TEST_F(PostConformance, PageOfLargePostsEndsEarly) {
  const ThreadName thread = CreateThreadNamed();
  NewPost large = MakePost(kAnnsPost);
  large.post.mutable_body()->set_content(std::string(kMaxBodyBytes, 'x'));
  constexpr int kPosts = 5;
  for (int i = 0; i < kPosts; ++i) {
    ASSERT_THAT(db_->CreatePost(Creating(), thread, large), IsOk());
  }
  int seen = 0;
  PostQuery query{.thread = thread, .limit = kPosts};
  while (true) {
    const auto page = db_->ListPosts({}, query);
    ASSERT_THAT(page, IsOk());
    ASSERT_FALSE(page->posts.empty());
    EXPECT_LT(page->posts.size(), kPosts);
    seen += page->posts.size();
    if (!page->has_more) break;
    query.after = *Uuid::Parse(page->posts.rbegin()->id());
  }
  EXPECT_EQ(seen, kPosts);
}

TEST_F(PostConformance, ReplyNamesThePostItRepliesTo) {
  const ThreadName thread = CreateThreadNamed();
  const v1::Post first = CreatePost(thread, kAnnsPost);
  NewPost reply = MakePost(kBobsPost);
  reply.in_reply_to = *Uuid::Parse(first.id());
  const auto replied = db_->CreatePost(Creating(), thread, reply);
  ASSERT_THAT(replied, IsOk());
  EXPECT_EQ(replied->in_reply_to(), first.name());
  ASSERT_THAT(db_->DeletePost(Changing(), NameOf(thread, first)), IsOk());
  EXPECT_EQ(Get(NameOf(thread, *replied)).in_reply_to(), first.name());
  EXPECT_THAT(db_->CreatePost(Creating(), thread, reply),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  const v1::Post elsewhere = CreatePost(CreateThreadNamed(), kAnnsPost);
  reply.in_reply_to = *Uuid::Parse(elsewhere.id());
  EXPECT_THAT(db_->CreatePost(Creating(), thread, reply),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  EXPECT_THAT(PostsOf(thread), SizeIs(1));
}

TEST_F(PostConformance, LockedThreadTakesNoPostsButChanges) {
  const v1::ConversationThread created =
      CreateThread("g", absl::StrCat("topic: 't' is_locked: true posts { ", kAnnsPost, " }"));
  ASSERT_THAT(created.posts(), SizeIs(1)) << "the post that comes with a create";
  const ThreadName thread = NameOf("g", created);
  const PostName post = NameOf(thread, created.posts(0));
  EXPECT_THAT(db_->CreatePost(Creating(), thread, MakePost(kBobsPost)),
              HasReason(v1::ERROR_REASON_THREAD_LOCKED));
  PostChanges edit;
  edit.body.emplace().set_content("new");
  EXPECT_THAT(db_->UpdatePost(Changing(), post, edit), IsOk());
  EXPECT_THAT(db_->CreateAttachment(Creating(), post, MakeAttachment(post, kFile)), IsOk());
  EXPECT_THAT(db_->CreateExtension(Creating(), post, MakeExtension(post, "e")), IsOk());
  EXPECT_THAT(db_->DeletePost(Changing(), post), IsOk());
  EXPECT_THAT(db_->CreatePost(Creating(), thread, MakePost(kBobsPost)),
              HasReason(v1::ERROR_REASON_THREAD_LOCKED));
}

TEST_F(PostConformance, NewParticipantsJoinTheToLine) {
  const ThreadName thread = CreateThreadNamed(
      "topic: 't' to_recipients { email_address { address: 'ann@x' name: 'Ann' } }"
      " cc_recipients { email_address { address: 'cyd@x' } }");
  const v1::Post post =
      CreatePost(thread, absl::StrCat(kAnnsPost,
                                      " new_participants { email_address { address: 'ann@x' } }"
                                      " new_participants { email_address { address: 'zoe@x' } }"));
  const v1::ConversationThread read = Get(thread);
  ASSERT_THAT(read.to_recipients(), SizeIs(2));
  EXPECT_EQ(read.to_recipients(0).email_address().name(), "Ann");
  EXPECT_EQ(read.to_recipients(1).email_address().address(), "zoe@x");
  EXPECT_THAT(read.cc_recipients(), SizeIs(1));
  ASSERT_THAT(db_->DeletePost(Changing(), NameOf(thread, post)), IsOk());
  EXPECT_THAT(Get(thread).to_recipients(), SizeIs(2)) << "who was brought in stays";
}

TEST_F(PostConformance, ToLineHasABound) {
  v1::ConversationThread full = MakeThread("g", "topic: 't'");
  for (int i = 1; i < kMaxRecipients; ++i) {
    full.add_to_recipients()->mutable_email_address()->set_address(absl::StrCat(i, "@x"));
  }
  ASSERT_THAT(db_->CreateThread(Creating(), "g", std::nullopt, full), IsOk());
  const ThreadName thread = NameOf("g", full);
  const std::string one =
      absl::StrCat(kAnnsPost, " new_participants { email_address { address: 'one@x' } }");
  const std::string two =
      absl::StrCat(one, " new_participants { email_address { address: 'two@x' } }");
  EXPECT_THAT(db_->CreatePost(Creating(), thread, MakePost(two)),
              HasReason(v1::ERROR_REASON_TOO_MANY_RECIPIENTS));
  EXPECT_THAT(Get(thread).to_recipients(), SizeIs(kMaxRecipients - 1));
  EXPECT_THAT(PostsOf(thread), IsEmpty());
  EXPECT_THAT(db_->CreatePost(Creating(), thread, MakePost(one)), IsOk());
  EXPECT_THAT(db_->CreatePost(Creating(), thread, MakePost(one)), IsOk()) << "brings nobody new";
  EXPECT_THAT(Get(thread).to_recipients(), SizeIs(kMaxRecipients));
}

TEST_F(PostConformance, UserChangesOnlyItsOwnPosts) {
  for (const char* user : {"ann", "bob"}) AddMember(user);
  AddMember("cyd", v1::Member::ROLE_OWNER);
  const ThreadName thread = CreateThreadNamed();
  const PostName anns = NameOf(thread, CreatePostBy("ann", thread));
  PostChanges edit;
  edit.body.emplace().set_content("new");
  const auto refused = HasReason(v1::ERROR_REASON_NOT_THE_AUTHOR);
  for (const char* user : {"bob", "cyd"}) {
    EXPECT_THAT(db_->UpdatePost(Changing(Member(user)), anns, edit), refused);
    EXPECT_THAT(db_->CreateAttachment(Creating(Member(user)), anns, MakeAttachment(anns, kFile)),
                refused);
  }
  EXPECT_THAT(db_->DeletePost(Changing(Member("bob")), anns), refused);
  EXPECT_THAT(db_->UpdatePost(Changing(Member("ann")), anns, edit), IsOk());
  EXPECT_THAT(db_->UpdatePost(Changing(), anns, edit), IsOk()) << "an application";
  EXPECT_THAT(db_->CreateAttachment(Creating(Member("ann")), anns, MakeAttachment(anns, kFile)),
              IsOk());
  EXPECT_THAT(db_->DeletePost(Changing(Member("cyd")), anns), IsOk()) << "an owner";
  const PostName again = NameOf(thread, CreatePostBy("ann", thread));
  EXPECT_THAT(db_->DeletePost(Changing(Member("ann")), again), IsOk());
  const PostName applications = NameOf(thread, CreatePost(thread, kAnnsPost));
  EXPECT_THAT(db_->UpdatePost(Changing(Member("ann")), applications, edit), refused);
}

TEST_F(PostConformance, PostIsUpdatedInWhatIsNamed) {
  const ThreadName thread = CreateThreadNamed();
  const v1::Post before =
      CreatePost(thread, absl::StrCat(kAnnsPost, " categories: 'a' categories: 'b'"));
  const PostName name = NameOf(thread, before);
  clock_.Advance(absl::Seconds(1));
  PostChanges edit;
  edit.body.emplace().set_content_type("html");
  edit.body->set_content("<b>new</b>");
  edit.preview = "new";
  v1::Post expected = before;
  *expected.mutable_body() = *edit.body;
  const auto edited = db_->UpdatePost(Changing(), name, edit);
  ASSERT_THAT(edited, IsOk());
  EXPECT_THAT(WithoutEtagAndTimeOfChange(*edited),
              EqualsProto(WithoutEtagAndTimeOfChange(expected)));
  EXPECT_EQ(ToMicros(edited->last_modified_date_time()), absl::ToUnixMicros(clock_.Now()));
  EXPECT_NE(edited->etag(), before.etag());

  PostChanges categories;
  *categories.categories.emplace().Add() = "c";
  expected.clear_categories();
  expected.add_categories("c");
  ASSERT_THAT(db_->UpdatePost(Changing(), name, categories), IsOk());
  EXPECT_THAT(WithoutEtagAndTimeOfChange(Get(name)),
              EqualsProto(WithoutEtagAndTimeOfChange(expected)));
  categories.categories->Clear();
  ASSERT_THAT(db_->UpdatePost(Changing(), name, categories), IsOk());
  EXPECT_THAT(Get(name).categories(), IsEmpty());
  EXPECT_THAT(db_->UpdatePost(Changing(), {thread, Uuid::V7(clock_.Now())}, edit),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
}

// Each change gives new etags and times, as far up as the thread.
TEST_F(PostConformance, EveryChangeBelowAPostShowsInItAndItsThread) {
  const ThreadName thread = CreateThreadNamed();
  const PostName post = NameOf(thread, CreatePost(thread, kAnnsPost));
  const std::pair<const char*, std::function<absl::Status()>> changes[] = {
      {"UpdatePost",
       [&] {
         PostChanges edit;
         edit.body.emplace().set_content("new");
         return db_->UpdatePost(Changing(), post, edit).status();
       }},
      {"CreateAttachment",
       [&] {
         return db_->CreateAttachment(Creating(), post, MakeAttachment(post, kFile)).status();
       }},
      {"CreateExtension",
       [&] { return db_->CreateExtension(Creating(), post, MakeExtension(post, "e")).status(); }},
      {"UpdateExtension",
       [&] {
         return db_->UpdateExtension(Changing(), {post, "e"}, "{\"a\": 1}").status();
       }},
      {"DeleteExtension",
       [&] {
         return db_->DeleteExtension(Changing(), {post, "e"});
       }},
  };
  for (const auto& [name, change] : changes) {
    SCOPED_TRACE(name);
    const v1::ConversationThread thread_before = Get(thread);
    const v1::Post post_before = Get(post);
    clock_.Advance(absl::Seconds(1));
    ASSERT_THAT(change(), IsOk());
    const auto now = FromMicros(absl::ToUnixMicros(clock_.Now()));
    EXPECT_NE(Get(post).etag(), post_before.etag());
    EXPECT_THAT(Get(post).last_modified_date_time(), EqualsProto(now));
    EXPECT_NE(Get(thread).etag(), thread_before.etag());
    EXPECT_THAT(Get(thread).last_modified_date_time(), EqualsProto(now));
  }
  const std::string before = Get(thread).etag();
  CreatePost(thread, kBobsPost);
  const std::string after_reply = Get(thread).etag();
  EXPECT_NE(after_reply, before);
  ASSERT_THAT(db_->DeletePost(Changing(), post), IsOk());
  EXPECT_NE(Get(thread).etag(), after_reply);
}

TEST_F(PostConformance, DeletedPostIsGoneWithAllThatIsInIt) {
  const ThreadName thread = CreateThreadNamed();
  const v1::Post created = CreatePost(thread, absl::StrCat(kAnnsPost, " attachments { ", kFile,
                                                           " } extensions { extension_name: 'e'"
                                                           " content_json: '{}' }"));
  const PostName post = NameOf(thread, created);
  ASSERT_THAT(db_->ForwardPost(Creating(), post, MakeForward(post)), IsOk());
  ASSERT_THAT(db_->DeletePost(Changing(), post), IsOk());
  const auto gone = HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND);
  EXPECT_THAT(db_->GetPost({}, post), gone);
  EXPECT_THAT(db_->DeletePost(Changing(), post), gone);
  EXPECT_THAT(db_->GetAttachment({}, NameOf(post, created.attachments(0)), true), gone);
  EXPECT_THAT(db_->ListAttachments({}, {.post = post, .limit = 5}), gone);
  EXPECT_THAT(db_->GetExtension({}, {post, "e"}), gone);
  EXPECT_THAT(db_->ForwardPost(Creating(), post, MakeForward(post)), gone);
  EXPECT_THAT(PostsOf(thread), IsEmpty());
}

// --- What threads derive from their posts

TEST_F(PostConformance, ThreadWithItsFirstPostIsReturnedAsStored) {
  const v1::ConversationThread created =
      CreateThread("g", absl::StrCat("topic: 't' posts { ", kAnnsPost,
                                     " new_participants { email_address { address: 'zoe@x' } }"
                                     " attachments { ",
                                     kFile, " } }"));
  ASSERT_THAT(created.posts(), SizeIs(1));
  const v1::Post& post = created.posts(0);
  EXPECT_THAT(created.unique_senders(), ElementsAre("Ann"));
  EXPECT_EQ(created.preview(), "by Ann");
  EXPECT_TRUE(created.has_attachments());
  EXPECT_THAT(created.last_delivered_date_time(), EqualsProto(post.created_date_time()));
  EXPECT_THAT(created.to_recipients(), SizeIs(1));
  EXPECT_THAT(post.attachments(), SizeIs(1));
  const ThreadName name = NameOf("g", created);
  v1::ConversationThread expected = created;
  expected.clear_posts();
  EXPECT_THAT(Get(name), EqualsProto(expected));
  v1::Post stored = post;
  stored.clear_attachments();
  EXPECT_THAT(PostsOf(name), ElementsAre(EqualsProto(stored)));
}

TEST_F(PostConformance, FirstReplyReplacesWhatWasSentOfPosts) {
  const v1::ConversationThread sent =
      CreateThread("g",
                   "topic: 't' has_attachments: true unique_senders: 'sent' preview: 'sent'"
                   " last_delivered_date_time { seconds: 4000000000 }");
  const ThreadName thread = NameOf("g", sent);
  const v1::Post post = CreatePost(thread, kBobsPost);
  const v1::ConversationThread read = Get(thread);
  EXPECT_FALSE(read.has_attachments());
  EXPECT_THAT(read.unique_senders(), ElementsAre("Bob"));
  EXPECT_EQ(read.preview(), "by Bob");
  EXPECT_THAT(read.last_delivered_date_time(), EqualsProto(post.created_date_time()));
}

TEST_F(PostConformance, ThreadFollowsItsPosts) {
  const ThreadName thread = CreateThreadNamed();
  const v1::Post first =
      CreatePost(thread, absl::StrCat(kAnnsPost, " attachments { ", kReference, " }"));
  const v1::Post second = CreatePost(thread, kBobsPost);
  const v1::Post third = CreatePost(thread, kAnnsPost);
  EXPECT_THAT(Get(thread).unique_senders(), ElementsAre("Ann", "Bob"));
  PostChanges edit;
  edit.body.emplace().set_content("edited");
  edit.preview = "edited";
  ASSERT_THAT(db_->UpdatePost(Changing(), NameOf(thread, second), edit), IsOk());
  EXPECT_EQ(Get(thread).preview(), "by Ann") << "the edited post is not the newest";
  ASSERT_THAT(db_->UpdatePost(Changing(), NameOf(thread, third), edit), IsOk());
  EXPECT_EQ(Get(thread).preview(), "edited");

  ASSERT_THAT(db_->DeletePost(Changing(), NameOf(thread, first)), IsOk());
  EXPECT_THAT(Get(thread).unique_senders(), ElementsAre("Bob", "Ann"));
  EXPECT_FALSE(Get(thread).has_attachments());
  ASSERT_THAT(db_->DeletePost(Changing(), NameOf(thread, third)), IsOk());
  v1::ConversationThread read = Get(thread);
  EXPECT_THAT(read.unique_senders(), ElementsAre("Bob"));
  EXPECT_THAT(read.last_delivered_date_time(), EqualsProto(second.created_date_time()));
  EXPECT_EQ(read.preview(), "edited");

  ASSERT_THAT(db_->DeletePost(Changing(), NameOf(thread, second)), IsOk());
  read = Get(thread);
  EXPECT_THAT(read.unique_senders(), IsEmpty());
  EXPECT_EQ(read.preview(), "");
  EXPECT_FALSE(read.has_attachments());
  EXPECT_THAT(read.last_delivered_date_time(), EqualsProto(read.created_date_time()));
  Open({});
  EXPECT_THAT(Get(thread), EqualsProto(read));
}

TEST_F(PostConformance, RepliedThreadMovesAheadInOrderOfActivity) {
  const v1::ConversationThread a = CreateThread("g", "topic: 'a'");
  const v1::ConversationThread b = CreateThread("g", "topic: 'b'");
  EXPECT_THAT(IdsOf(Walk({.group = "g", .limit = 1})), ElementsAre(b.id(), a.id()));
  const v1::Post post = CreatePost(NameOf("g", a), kAnnsPost);
  EXPECT_THAT(IdsOf(Walk({.group = "g", .limit = 1})), ElementsAre(a.id(), b.id()));
  EXPECT_EQ(WalkConversations(ThreadOrder::kNewestActivity, 1), "ab");
  ASSERT_THAT(db_->DeletePost(Changing(), NameOf(NameOf("g", a), post)), IsOk());
  EXPECT_THAT(IdsOf(Walk({.group = "g", .limit = 1})), ElementsAre(b.id(), a.id()));
  EXPECT_EQ(WalkConversations(ThreadOrder::kNewestActivity, 1), "ba");
}

TEST_F(PostConformance, SendersOfAThreadAreTheFirst) {
  const ThreadName thread = CreateThreadNamed();
  std::vector<std::promise<absl::StatusOr<v1::Post>>> answers(kMaxUniqueSenders + 2);
  for (size_t i = 0; i < answers.size(); ++i) {
    NewPost post = MakePost("");
    post.post.mutable_sender()->mutable_email_address()->set_name(absl::StrCat("sender ", i));
    store_->CreatePost(Creating(), thread, post, [&answers, i](absl::StatusOr<v1::Post> answer) {
      answers[i].set_value(std::move(answer));
    });
  }
  std::vector<PostName> posts;
  for (auto& answer : answers) {
    const auto post = answer.get_future().get();
    ASSERT_THAT(post, IsOk());
    posts.push_back(NameOf(thread, *post));
  }
  v1::ConversationThread read = Get(thread);
  ASSERT_THAT(read.unique_senders(), SizeIs(kMaxUniqueSenders));
  EXPECT_EQ(*read.unique_senders().begin(), "sender 0");
  EXPECT_EQ(*read.unique_senders().rbegin(), absl::StrCat("sender ", kMaxUniqueSenders - 1));
  ASSERT_THAT(db_->DeletePost(Changing(), posts[0]), IsOk());
  read = Get(thread);
  ASSERT_THAT(read.unique_senders(), SizeIs(kMaxUniqueSenders));
  EXPECT_EQ(*read.unique_senders().begin(), "sender 1");
  EXPECT_EQ(*read.unique_senders().rbegin(), absl::StrCat("sender ", kMaxUniqueSenders));
}

// --- Attachments

TEST_F(PostConformance, AttachmentIsReturnedAsStored) {
  const ThreadName thread = CreateThreadNamed();
  const PostName post = NameOf(thread, CreatePost(thread, kAnnsPost));
  EXPECT_FALSE(Get(post).has_attachments());
  for (const char* text : {kFile, kItem, kReference}) {
    const v1::Attachment sent = MakeAttachment(post, text);
    const auto created = db_->CreateAttachment(Creating(), post, sent);
    ASSERT_THAT(created, IsOk());
    v1::Attachment basic = sent;
    if (basic.has_file()) basic.mutable_file()->clear_content_bytes();
    if (basic.has_item()) basic.mutable_item()->clear_item_json();
    EXPECT_THAT(*created, EqualsProto(basic));
    const AttachmentName name = NameOf(post, sent);
    EXPECT_THAT(db_->GetAttachment({}, name, true), IsOkAndHolds(EqualsProto(sent)));
    EXPECT_THAT(db_->GetAttachment({}, name, false), IsOkAndHolds(EqualsProto(basic)));
  }
  EXPECT_TRUE(Get(post).has_attachments());
  EXPECT_TRUE(Get(thread).has_attachments());
  EXPECT_THAT(db_->GetAttachment({}, {post, Uuid::V7(clock_.Now())}, true),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
}

TEST_F(PostConformance, AttachmentsAreListedInOrderInPages) {
  const ThreadName thread = CreateThreadNamed();
  const PostName post = NameOf(thread, CreatePost(thread, kAnnsPost));
  std::vector<v1::Attachment> sent;
  for (const char* text : {kFile, kItem, kReference}) {
    sent.push_back(MakeAttachment(post, text));
    ASSERT_THAT(db_->CreateAttachment(Creating(), post, sent.back()), IsOk());
  }
  AttachmentQuery query{.post = post, .with_content = true, .limit = 2};
  auto page = db_->ListAttachments({}, query);
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(page->attachments, ElementsAre(EqualsProto(sent[0]), EqualsProto(sent[1])));
  EXPECT_TRUE(page->has_more);
  query.after = *Uuid::Parse(sent[1].id());
  page = db_->ListAttachments({}, query);
  EXPECT_THAT(page->attachments, ElementsAre(EqualsProto(sent[2])));
  EXPECT_FALSE(page->has_more);
}

TEST_F(PostConformance, PageOfLargeAttachmentsEndsEarlyIfItHasTheirContent) {
  const ThreadName thread = CreateThreadNamed();
  const PostName post = NameOf(thread, CreatePost(thread, kAnnsPost));
  constexpr int kFiles = 4;
  for (int i = 0; i < kFiles; ++i) {
    v1::Attachment large = MakeAttachment(post, kFile);
    large.mutable_file()->set_content_bytes(std::string(kMaxAttachmentBytes, 'x'));
    large.set_size(kMaxAttachmentBytes);
    ASSERT_THAT(db_->CreateAttachment(Creating(), post, large), IsOk());
  }
  AttachmentQuery query{.post = post, .with_content = true, .limit = kFiles};
  const auto full = db_->ListAttachments({}, query);
  ASSERT_THAT(full, IsOk());
  EXPECT_TRUE(full->has_more);
  EXPECT_THAT(full->attachments, SizeIs(1));
  query.with_content = false;
  const auto basic = db_->ListAttachments({}, query);
  ASSERT_THAT(basic, IsOk());
  EXPECT_FALSE(basic->has_more);
  EXPECT_THAT(basic->attachments, SizeIs(kFiles));
}

TEST_F(PostConformance, AttachmentsOfAPostHaveABound) {
  const ThreadName thread = CreateThreadNamed();
  NewPost many = MakePost(kAnnsPost);
  for (int i = 1; i < kMaxAttachmentsPerPost; ++i) {
    *many.post.add_attachments() = ParseText<v1::Attachment>(kReference);
  }
  many.post = BuildPost(many.post, clock_.Now());
  const auto created = db_->CreatePost(Creating(), thread, many);
  ASSERT_THAT(created, IsOk());
  const PostName post = NameOf(thread, *created);
  EXPECT_THAT(db_->CreateAttachment(Creating(), post, MakeAttachment(post, kReference)), IsOk());
  const std::string etag = Get(post).etag();
  EXPECT_THAT(db_->CreateAttachment(Creating(), post, MakeAttachment(post, kReference)),
              HasReason(v1::ERROR_REASON_TOO_MANY_ATTACHMENTS));
  EXPECT_EQ(Get(post).etag(), etag);
}

TEST_F(PostConformance, BytesOfAttachmentsHaveABound) {
  const ThreadName thread = CreateThreadNamed();
  const PostName post = NameOf(thread, CreatePost(thread, kAnnsPost));
  const auto attach = [&](int64_t bytes) {
    v1::Attachment file = MakeAttachment(post, kFile);
    file.mutable_file()->set_content_bytes(std::string(static_cast<size_t>(bytes), 'x'));
    file.set_size(static_cast<int32_t>(bytes));
    return db_->CreateAttachment(Creating(), post, file).status();
  };
  constexpr int64_t kLarge = kMaxAttachmentBytes;
  int64_t left = kMaxAttachmentBytesPerPost;
  for (; left >= kLarge; left -= kLarge) ASSERT_THAT(attach(kLarge), IsOk());
  EXPECT_THAT(attach(left + 1), HasReason(v1::ERROR_REASON_TOO_MANY_ATTACHMENTS));
  EXPECT_THAT(attach(left), IsOk());
  EXPECT_THAT(attach(1), HasReason(v1::ERROR_REASON_TOO_MANY_ATTACHMENTS));
  EXPECT_THAT(db_->CreateAttachment(Creating(), post, MakeAttachment(post, kReference)), IsOk())
      << "a link has no bytes";
}

// --- Extensions

TEST_F(PostConformance, ExtensionIsReturnedAsStored) {
  const ThreadName thread = CreateThreadNamed();
  const PostName post = NameOf(thread, CreatePost(thread, kAnnsPost));
  const v1::Extension sent = MakeExtension(post, "com.example.a", "{\"ä\":  [1]}");
  const ExtensionName name = {post, "com.example.a"};
  EXPECT_THAT(db_->CreateExtension(Creating(), post, sent), IsOkAndHolds(EqualsProto(sent)));
  EXPECT_THAT(db_->GetExtension({}, name), IsOkAndHolds(EqualsProto(sent)));
  EXPECT_THAT(db_->CreateExtension(Creating(), post, sent),
              HasReason(v1::ERROR_REASON_RESOURCE_EXISTS));
  v1::Extension changed = sent;
  changed.set_content_json("{}");
  EXPECT_THAT(db_->UpdateExtension(Changing(), name, "{}"), IsOkAndHolds(EqualsProto(changed)));
  Open({});
  EXPECT_THAT(db_->GetExtension({}, name), IsOkAndHolds(EqualsProto(changed)));
  EXPECT_THAT(db_->DeleteExtension(Changing(), name), IsOk());
  const auto gone = HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND);
  EXPECT_THAT(db_->GetExtension({}, name), gone);
  EXPECT_THAT(db_->UpdateExtension(Changing(), name, "{}"), gone);
  EXPECT_THAT(db_->DeleteExtension(Changing(), name), gone);
  EXPECT_THAT(db_->CreateExtension(Creating(), post, sent), IsOk()) << "the name is free again";
}

TEST_F(PostConformance, ExtensionsAreListedByNameInPages) {
  const ThreadName thread = CreateThreadNamed();
  const PostName post = NameOf(thread, CreatePost(thread, kAnnsPost));
  for (const char* name : {"b", "A", "a"}) {
    ASSERT_THAT(db_->CreateExtension(Creating(), post, MakeExtension(post, name)), IsOk());
  }
  auto page = db_->ListExtensions({}, {.post = post, .limit = 2});
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(page->extensions, ElementsAre(EqualsProto(MakeExtension(post, "A")),
                                            EqualsProto(MakeExtension(post, "a"))));
  EXPECT_TRUE(page->has_more);
  page = db_->ListExtensions({}, {.post = post, .after_name = "a", .limit = 2});
  EXPECT_THAT(page->extensions, ElementsAre(EqualsProto(MakeExtension(post, "b"))));
  EXPECT_FALSE(page->has_more);
}

TEST_F(PostConformance, ExtensionsOfAPostHaveABound) {
  const ThreadName thread = CreateThreadNamed();
  const PostName post = NameOf(thread, CreatePost(thread, kAnnsPost));
  for (int i = 0; i < kMaxExtensionsPerPost; ++i) {
    const v1::Extension extension = MakeExtension(post, absl::StrCat("e", i));
    ASSERT_THAT(db_->CreateExtension(Creating(), post, extension), IsOk());
  }
  EXPECT_THAT(db_->CreateExtension(Creating(), post, MakeExtension(post, "more")),
              HasReason(v1::ERROR_REASON_TOO_MANY_EXTENSIONS));
  ASSERT_THAT(db_->DeleteExtension(Changing(), {post, "e0"}), IsOk());
  EXPECT_THAT(db_->CreateExtension(Creating(), post, MakeExtension(post, "more")), IsOk());
}

TEST_F(PostConformance, ExtensionsAreChangedByThePostsEtag) {
  const ThreadName thread = CreateThreadNamed();
  const PostName own = NameOf(thread, CreatePost(thread, kAnnsPost));
  ASSERT_THAT(db_->CreateExtension(Creating(), own, MakeExtension(own, "e")), IsOk());
  const std::string etag = Get(own).etag();
  const auto mismatch = HasReason(v1::ERROR_REASON_ETAG_MISMATCH);
  EXPECT_THAT(db_->UpdateExtension(Changing({}, MakeEtag(1)), {own, "e"}, "{}"), mismatch);
  EXPECT_THAT(db_->DeleteExtension(Changing({}, MakeEtag(1)), {own, "e"}), mismatch);
  EXPECT_THAT(db_->UpdateExtension(Changing({}, etag), {own, "e"}, "{}"), IsOk());
  EXPECT_THAT(db_->DeleteExtension(Changing({}, etag), {own, "e"}), mismatch);
  EXPECT_THAT(db_->DeleteExtension(Changing({}, Get(own).etag()), {own, "e"}), IsOk());
}

// --- Forwards

TEST_F(PostConformance, PostIsForwardedSoOften) {
  const ThreadName thread = CreateThreadNamed();
  const PostName post = NameOf(thread, CreatePost(thread, kAnnsPost));
  for (int i = 0; i < kMaxForwardsPerPost; ++i) {
    ASSERT_THAT(db_->ForwardPost(Creating(), post, MakeForward(post)), IsOk());
  }
  EXPECT_THAT(db_->ForwardPost(Creating(), post, MakeForward(post)),
              HasReason(v1::ERROR_REASON_TOO_MANY_FORWARDS));
  EXPECT_THAT(db_->DeletePost(Changing(), post), IsOk());
}

TEST_F(PostConformance, RulesAboutAuthorsAreNotForApplicationsThatGoThroughAUser) {
  const ThreadName thread = CreateThreadNamed();
  const PostName post = NameOf(thread, CreatePost(thread, kAnnsPost));
  AddMember("bob");
  RequiredMember through = ThroughJoinedGroups("bob");
  PostChanges changes;
  changes.body = v1::ItemBody();
  EXPECT_THAT(db_->UpdatePost(Changing(through), post, changes),
              HasReason(v1::ERROR_REASON_NOT_THE_AUTHOR));
  through.is_caller = false;
  EXPECT_THAT(db_->UpdatePost(Changing(through), post, changes), IsOk());
  EXPECT_THAT(db_->DeletePost(Changing(through), post), IsOk());
}

TEST_F(PostConformance, ForwardIsRecordedAndChangesNothingElse) {
  const ThreadName thread = CreateThreadNamed();
  const v1::Post created = CreatePost(thread, kAnnsPost);
  const PostName post = NameOf(thread, created);
  const v1::ConversationThread before = Get(thread);
  const v1::Forward forward = MakeForward(post);
  EXPECT_THAT(db_->ForwardPost(Creating(), post, forward), IsOkAndHolds(EqualsProto(forward)));
  EXPECT_THAT(Get(thread), EqualsProto(before));
  EXPECT_THAT(Get(post), EqualsProto(created));
}

// --- Idempotency

TEST_F(PostConformance, RepeatedRequestMakesNothingNew) {
  const ThreadName thread = CreateThreadNamed();
  const PostName post = NameOf(thread, CreatePost(thread, kAnnsPost));
  const Uuid request = Uuid::V7(clock_.Now());
  const auto context = [&](const std::string& content) { return WithRequest(request, content); };

  const auto reply = db_->CreatePost(context("reply"), thread, MakePost(kBobsPost));
  ASSERT_THAT(reply, IsOk());
  const PostName replied = NameOf(thread, *reply);
  PostChanges edit;
  edit.body.emplace().set_content("edited");
  ASSERT_THAT(db_->UpdatePost(Changing(), replied, edit), IsOk());
  EXPECT_THAT(db_->CreatePost(context("reply"), thread, MakePost(kBobsPost)),
              IsOkAndHolds(EqualsProto(Get(replied))))
      << "as it is now";
  EXPECT_THAT(PostsOf(thread), SizeIs(2));
  EXPECT_THAT(db_->CreatePost(context("another"), thread, MakePost(kBobsPost)),
              HasReason(v1::ERROR_REASON_REQUEST_ID_REUSED));
  EXPECT_THAT(db_->CreateAttachment(context("file"), post, MakeAttachment(post, kFile)),
              HasReason(v1::ERROR_REASON_REQUEST_ID_REUSED))
      << "one space of ids for all creates in a group";
  ASSERT_THAT(db_->DeletePost(Changing(), replied), IsOk());
  EXPECT_THAT(db_->CreatePost(context("reply"), thread, MakePost(kBobsPost)),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  ThreadChanges lock;
  lock.is_locked = true;
  ASSERT_THAT(db_->UpdateThread(Changing(), thread, lock), IsOk());
  EXPECT_THAT(db_->CreatePost(context("reply"), thread, MakePost(kBobsPost)),
              HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND))
      << "what it made before counts, not what it would make";
}

TEST_F(PostConformance, RepeatedAttachmentExtensionAndForwardMakeNothingNew) {
  const ThreadName thread = CreateThreadNamed();
  const PostName post = NameOf(thread, CreatePost(thread, kAnnsPost));
  const auto context = [&, file = Uuid::V7(clock_.Now()), extension = Uuid::V7(clock_.Now()),
                        forward = Uuid::V7(clock_.Now())](const std::string& what) {
    return WithRequest(what == "file" ? file : what == "extension" ? extension : forward, what);
  };
  const auto attach = [&] {
    return db_->CreateAttachment(context("file"), post, MakeAttachment(post, kFile));
  };
  const auto extend = [&] {
    return db_->CreateExtension(context("extension"), post, MakeExtension(post, "e"));
  };
  const auto forward = [&] {
    return db_->ForwardPost(context("forward"), post, MakeForward(post));
  };
  const auto attached = attach();
  const auto extended = extend();
  const auto forwarded = forward();
  ASSERT_THAT(attached, IsOk());
  ASSERT_THAT(extended, IsOk());
  ASSERT_THAT(forwarded, IsOk());
  const std::string etag = Get(post).etag();
  clock_.Advance(absl::Seconds(1));
  Open({});
  EXPECT_THAT(attach(), IsOkAndHolds(EqualsProto(*attached)));
  EXPECT_THAT(extend(), IsOkAndHolds(EqualsProto(*extended)));
  EXPECT_THAT(forward(), IsOkAndHolds(EqualsProto(*forwarded)));
  EXPECT_EQ(Get(post).etag(), etag);
  EXPECT_THAT(db_->ListAttachments({}, {.post = post, .limit = 5})->attachments, SizeIs(1));

  const auto gone = HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND);
  ASSERT_THAT(db_->DeleteExtension(Changing(), {post, "e"}), IsOk());
  EXPECT_THAT(extend(), gone);
  ASSERT_THAT(db_->CreateExtension(Creating(), post, MakeExtension(post, "e")), IsOk());
  EXPECT_THAT(extend(), gone) << "the extension that another request made is not this one's";
  ASSERT_THAT(db_->DeletePost(Changing(), post), IsOk());
  EXPECT_THAT(attach(), gone);
  EXPECT_THAT(forward(), gone);
}

TEST_F(PostConformance, RepeatedCreateReturnsWhatTheFirstMadeAsItIsNow) {
  const Uuid request = Uuid::V7(clock_.Now());
  const auto create = [&] {
    return db_->CreateConversation(
        WithRequest(request, "conversation"), "g",
        MakeConversation(absl::StrCat("topic: 'c' threads { posts { ", kAnnsPost, " } }")));
  };
  const auto created = create();
  ASSERT_THAT(created, IsOk());
  const ConversationName name = ConversationNameOf("g", *Uuid::Parse(created->id()));
  const ThreadName first = NameOf("g", created->threads(0));
  CreatePost(first, kBobsPost);
  CreateThread("g", "topic: 'later'", name.conversation);
  v1::Conversation expected = *db_->GetConversation({}, name);
  *expected.add_threads() = Get(first);
  *expected.mutable_threads(0)->mutable_posts() = created->threads(0).posts();
  EXPECT_THAT(create(), IsOkAndHolds(EqualsProto(expected)));
  EXPECT_EQ(WalkConversations(ThreadOrder::kOldestCreated, 5), "c");
  ASSERT_THAT(db_->DeleteConversation({}, name), IsOk());
  EXPECT_THAT(create(), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));

  const Uuid other_request = Uuid::V7(clock_.Now());
  const auto create_thread = [&] {
    return db_->CreateThread(WithRequest(other_request, "thread"), "g", std::nullopt,
                             MakeThread("g", absl::StrCat("topic: 't' posts { ", kAnnsPost, " }")));
  };
  const auto thread = create_thread();
  ASSERT_THAT(thread, IsOk());
  const ThreadName thread_name = NameOf("g", *thread);
  CreatePost(thread_name, kBobsPost);
  v1::ConversationThread expected_thread = Get(thread_name);
  *expected_thread.mutable_posts() = thread->posts();
  EXPECT_THAT(create_thread(), IsOkAndHolds(EqualsProto(expected_thread)));
  ASSERT_THAT(db_->DeletePost(Changing(), NameOf(thread_name, thread->posts(0))), IsOk());
  EXPECT_THAT(create_thread(), IsOkAndHolds(EqualsProto(Get(thread_name))));
  ASSERT_THAT(db_->DeleteThread(Changing(), thread_name), IsOk());
  EXPECT_THAT(create_thread(), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
}

TEST_F(PostConformance, RefusedReplyIsNotRemembered) {
  const ThreadName thread = CreateThreadNamed("topic: 't' is_locked: true");
  const Uuid request = Uuid::V7(clock_.Now());
  EXPECT_THAT(db_->CreatePost(WithRequest(request, "a"), thread, MakePost(kAnnsPost)),
              HasReason(v1::ERROR_REASON_THREAD_LOCKED));
  ThreadChanges unlock;
  unlock.is_locked = false;
  ASSERT_THAT(db_->UpdateThread(Changing(), thread, unlock), IsOk());
  EXPECT_THAT(db_->CreatePost(WithRequest(request, "b"), thread, MakePost(kAnnsPost)), IsOk());
}

// --- Who sees what

TEST_F(PostConformance, EveryCallChecksTheRequiredMember) {
  AddMember("ann", v1::Member::ROLE_OWNER);
  const v1::ConversationThread created = CreateThread("g");
  const ThreadName thread = NameOf("g", created);
  const v1::Post posted = CreatePost(thread, absl::StrCat(kAnnsPost, " attachments { ", kFile,
                                                          " } extensions { extension_name: 'e'"
                                                          " content_json: '{}' }"));
  const PostName post = NameOf(thread, posted);
  const ConversationName conversation = ConversationNameOf("g", ConversationOf(created));
  const SenderName sender = Listed("g", SenderList::kAccepted, "ann");
  using Call = std::function<absl::Status(const RequiredMember&)>;
  const std::pair<const char*, Call> calls[] = {
      {"UpdateGroup", [&](auto& member) { return db_->UpdateGroup(As(member), "g", {}).status(); }},
      {"AddSender", [&](auto& member) { return db_->AddSender(As(member), sender).status(); }},
      {"RemoveSender", [&](auto& member) { return db_->RemoveSender(As(member), sender); }},
      {"ListSenders",
       [&](auto& member) {
         return db_->ListSenders(As(member), {.list = sender.list, .limit = 1}).status();
       }},
      {"CreateConversation",
       [&](auto& member) {
         return db_
             ->CreateConversation(Creating(member), "g", MakeConversation("topic: 'c' threads {}"))
             .status();
       }},
      {"GetConversation",
       [&](auto& member) { return db_->GetConversation(As(member), conversation).status(); }},
      {"ListConversations",
       [&](auto& member) {
         return db_->ListConversations(As(member), {.group = "g", .limit = 1}).status();
       }},
      {"DeleteConversation",
       [&](auto& member) { return db_->DeleteConversation(As(member), conversation); }},
      {"UpdateThread",
       [&](auto& member) { return db_->UpdateThread(Changing(member), thread, {}).status(); }},
      {"DeleteThread", [&](auto& member) { return db_->DeleteThread(Changing(member), thread); }},
      {"CreatePost",
       [&](auto& member) {
         return db_->CreatePost(Creating(member), thread, MakePost("")).status();
       }},
      {"GetPost", [&](auto& member) { return db_->GetPost(As(member), post).status(); }},
      {"ListPosts",
       [&](auto& member) {
         return db_->ListPosts(As(member), {.thread = thread, .limit = 1}).status();
       }},
      {"UpdatePost",
       [&](auto& member) { return db_->UpdatePost(Changing(member), post, {}).status(); }},
      {"DeletePost", [&](auto& member) { return db_->DeletePost(Changing(member), post); }},
      {"ForwardPost",
       [&](auto& member) {
         return db_->ForwardPost(Creating(member), post, MakeForward(post)).status();
       }},
      {"CreateAttachment",
       [&](auto& member) {
         return db_->CreateAttachment(Creating(member), post, MakeAttachment(post, kFile)).status();
       }},
      {"GetAttachment",
       [&](auto& member) {
         return db_->GetAttachment(As(member), NameOf(post, posted.attachments(0)), false).status();
       }},
      {"ListAttachments",
       [&](auto& member) {
         return db_->ListAttachments(As(member), {.post = post, .limit = 1}).status();
       }},
      {"CreateExtension",
       [&](auto& member) {
         return db_->CreateExtension(Creating(member), post, MakeExtension(post, "f")).status();
       }},
      {"GetExtension",
       [&](auto& member) {
         return db_->GetExtension(As(member), {post, "e"}).status();
       }},
      {"ListExtensions",
       [&](auto& member) {
         return db_->ListExtensions(As(member), {.post = post, .limit = 1}).status();
       }},
      {"UpdateExtension",
       [&](auto& member) {
         return db_->UpdateExtension(Changing(member), {post, "e"}, "{}").status();
       }},
      {"DeleteExtension",
       [&](auto& member) {
         return db_->DeleteExtension(Changing(member), {post, "e"});
       }},
  };
  const v1::ConversationThread before = Get(thread);
  for (const auto& [name, call] : calls) {
    SCOPED_TRACE(name);
    EXPECT_THAT(call(Member("eve")), HasReason(v1::ERROR_REASON_NOT_A_MEMBER));
    EXPECT_THAT(call(ThroughJoinedGroups("eve")), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  }
  EXPECT_THAT(Get(thread), EqualsProto(before));
  AddMember("bob");
  const auto refused = HasReason(v1::ERROR_REASON_NOT_AN_OWNER);
  EXPECT_THAT(db_->AddSender(As(Owner("bob")), sender), refused);
  EXPECT_THAT(db_->RemoveSender(As(Owner("bob")), sender), refused);
  EXPECT_THAT(db_->UpdateGroup(As(Owner("bob")), "g", {}), refused);
}

TEST_F(PostConformance, ErrorsNameWhatTheyAreAbout) {
  const ThreadName thread = CreateThreadNamed();
  const PostName unknown = {thread, Uuid::V7(clock_.Now())};
  const auto resource = [](const absl::Status& status) {
    return ErrorDetailOf<google::rpc::ResourceInfo>(status)
        .value_or(google::rpc::ResourceInfo())
        .resource_name();
  };
  EXPECT_EQ(resource(db_->GetPost({}, unknown).status()), unknown.Canonical());
  EXPECT_EQ(resource(db_->ListExtensions({}, {.post = unknown, .limit = 1}).status()),
            unknown.Canonical());
  EXPECT_EQ(resource(db_->UpdateThread(Changing({}, "\"0\""), thread, {}).status()),
            thread.Canonical());
  const PostName post = NameOf(thread, CreatePost(thread, kAnnsPost));
  EXPECT_EQ(resource(db_->GetExtension({}, {post, "e"}).status()),
            MakeExtensionName(post.Canonical(), "e"));
  const Uuid conversation = Uuid::V7(clock_.Now());
  EXPECT_EQ(resource(db_->GetConversation({}, ConversationNameOf("g", conversation)).status()),
            MakeConversationName("g", conversation));
}

// --- Deletion of a group, with all kinds of rows

TEST_F(PostConformance, GroupDeletedByForceTakesItsPostsWithIt) {
  AddMember("ann");
  const v1::ConversationThread created = CreateThread("g");
  const ThreadName thread = NameOf("g", created);
  const v1::Post posted = CreatePost(
      thread, absl::StrCat(kAnnsPost, " categories: 'c' new_participants {} attachments { ", kFile,
                           " } extensions { extension_name: 'e' content_json: '{}' }"));
  const PostName post = NameOf(thread, posted);
  ASSERT_THAT(db_->ForwardPost(Creating(), post, MakeForward(post)), IsOk());
  ASSERT_THAT(db_->AddSender({}, Listed("g", SenderList::kRejected, "zoe")), IsOk());
  ASSERT_THAT(db_->DeleteGroup({}, "g", /*force=*/true), IsOk());
  CreateOpenGroup("g");
  const auto gone = HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND);
  EXPECT_THAT(db_->GetConversation({}, ConversationNameOf("g", ConversationOf(created))), gone);
  EXPECT_THAT(db_->GetThread({}, thread), gone);
  EXPECT_THAT(db_->GetPost({}, post), gone);
  EXPECT_THAT(db_->GetAttachment({}, NameOf(post, posted.attachments(0)), true), gone);
  EXPECT_THAT(db_->GetExtension({}, {post, "e"}), gone);
  EXPECT_EQ(WalkConversations(ThreadOrder::kNewestActivity, 5), "");
}

}  // namespace
}  // namespace threadstore::testing
