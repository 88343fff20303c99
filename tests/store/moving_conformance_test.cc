// Imports and exports.

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/domain/limits.h"
#include "tests/store/conformance.h"
#include "tests/store/moving.h"

namespace threadstore::testing {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kPost[] =
    "sender { email_address { name: 'Ann' address: 'ann@x' } } categories: 'red' categories: 'blue'"
    " body { content_type: 'html' content: '<p>by <b>Ann</b></p>' }"
    " new_participants { email_address { name: '' } } new_participants {}";
constexpr char kFile[] =
    "display_name: 'file' content_type: 'text/plain' is_inline: true"
    " file { content_bytes: 'a\\000\\377b' content_id: 'cid' }";
constexpr char kItem[] = "display_name: 'item' item { item_json: '{\"a\": 1}' }";
constexpr char kReference[] =
    "display_name: 'link' reference { source_url: 'https://example.com/' permission: 'edit'"
    " provider_type: 'oneDriveBusiness' is_folder: true }";

// What became of each record, in words.
std::vector<std::string> Words(const std::vector<RecordOutcome>& outcomes) {
  std::vector<std::string> words;
  words.reserve(outcomes.size());
  for (const RecordOutcome& outcome : outcomes) {
    words.push_back(!outcome.refusal.ok() ? v1::ErrorReason_Name(ErrorReasonOf(outcome.refusal))
                    : outcome.is_stored   ? "stored"
                                          : "skipped");
  }
  return words;
}

SenderName Accepted(const std::string& group, const std::string& sender) {
  SenderName name;
  name.list.group.group = group;
  name.sender = sender;
  return name;
}

ThreadChanges Locked() {
  ThreadChanges changes;
  changes.is_locked = true;
  return changes;
}

class MovingConformance : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    target_engine_ = MakeEngineUnderTest();
    target_store_ = target_engine_->Open({}, clock_);
    ASSERT_NE(target_store_, nullptr);
    target_ = std::make_unique<BlockingStore>(*target_store_);
  }

  void TearDown() override {
    target_store_.reset();
    target_engine_->CheckIntegrity();
    Conformance::TearDown();
  }

  PostName Reply(const ThreadName& thread, const std::string& text_format,
                 std::optional<Uuid> in_reply_to = std::nullopt,
                 std::optional<RequiredMember> member = std::nullopt) {
    clock_.Advance(absl::Milliseconds(3));
    CreateContext context;
    context.required_member = std::move(member);
    context.now = clock_.Now();
    NewPost post;
    post.post = BuildPost(ParseText<v1::Post>(text_format), clock_.Now());
    post.preview = MakePreview(post.post.body());
    post.in_reply_to = in_reply_to;
    const auto stored = db_->CreatePost(context, thread, post);
    EXPECT_THAT(stored, IsOk());
    return {thread, stored.ok() ? *Uuid::Parse(stored->id()) : Uuid()};
  }

  void Attach(const PostName& post, const std::string& text_format) {
    clock_.Advance(absl::Milliseconds(1));
    CreateContext context;
    context.now = clock_.Now();
    ASSERT_THAT(db_->CreateAttachment(
                    context, post,
                    BuildAttachment(post.Canonical(), ParseText<v1::Attachment>(text_format),
                                    clock_.Now())),
                IsOk());
  }

  void Extend(const PostName& post, const std::string& name) {
    CreateContext context;
    context.now = clock_.Now();
    v1::Extension extension;
    extension.set_extension_name(name);
    extension.set_content_json("{ \"a\" : [1] }");
    ASSERT_THAT(db_->CreateExtension(context, post, BuildExtension(post.Canonical(), extension)),
                IsOk());
  }

  void Forward(const PostName& post) {
    clock_.Advance(absl::Milliseconds(1));
    CreateContext context;
    context.now = clock_.Now();
    const auto request = ParseText<v1::ForwardPostRequest>(
        "comment: 'see' to_recipients { email_address { address: 'zoe@x' } }");
    ASSERT_THAT(
        db_->ForwardPost(context, post, BuildForward(post.Canonical(), request, clock_.Now())),
        IsOk());
  }

  ThreadName NameOf(const std::string& group, const v1::ConversationThread& thread) {
    ThreadName name;
    name.group.group = group;
    name.thread = IdOf(thread);
    return name;
  }

  // A group that takes posts from anyone.
  void CreateOpenGroup(const std::string& group) {
    CreateGroup(group);
    GroupChanges changes;
    changes.allow_external_senders = true;
    ASSERT_THAT(db_->UpdateGroup({}, group, changes), IsOk());
  }

  // Many, in one write.
  void AddThreads(const std::string& group, int count) {
    std::vector<v1::Record> records;
    for (int i = 0; i < count; ++i) {
      const v1::ConversationThread thread = MakeThread(group, "topic: 't'");
      v1::Conversation& conversation = *records.emplace_back().mutable_conversation();
      conversation.set_id(thread.conversation_id());
      conversation.set_name(MakeConversationName(group, ConversationOf(thread)));
      conversation.set_topic(thread.topic());
      *conversation.mutable_created_date_time() = thread.created_date_time();
      *records.emplace_back().mutable_thread()->mutable_thread() = thread;
    }
    ASSERT_THAT(Words(ImportAll(*db_, records)), Each("stored"));
  }

  // Every kind of record, with every field.
  void Fill(const std::string& group) {
    CreateOpenGroup(group);
    ASSERT_THAT(db_->AddMember({}, group, MakeMember(group, "ann", v1::Member::ROLE_OWNER)),
                IsOk());
    ASSERT_THAT(db_->AddMember({}, group, MakeMember(group, "bob")), IsOk());
    SenderName rejected = Accepted(group, "eve@x");
    rejected.list.list = SenderList::kRejected;
    ASSERT_THAT(db_->AddSender({}, rejected), IsOk());
    ASSERT_THAT(db_->AddSender({}, Accepted(group, "ann")), IsOk());
    ASSERT_THAT(db_->AddSender({}, Accepted(group, "Ann")), IsOk());
    ASSERT_THAT(db_->AddSender({}, Accepted(group, "ann@x")), IsOk());
    const auto plain = CreateThread(
        group,
        "topic: 'plain' preview: 'kept as sent' has_attachments: true unique_senders: 'A'"
        " unique_senders: '' last_delivered_date_time { seconds: -5 nanos: 1000 }"
        " to_recipients { email_address { name: '' address: 'to@x' } } to_recipients {}"
        " cc_recipients { email_address { address: '' } }");
    const auto second = CreateThread(group, "topic: 'second'", ConversationOf(plain));
    ChangeContext change;
    change.now = clock_.Now() + absl::Seconds(1);
    ASSERT_THAT(db_->UpdateThread(change, NameOf(group, plain), Locked()), IsOk());
    const ThreadName name = NameOf(group, second);
    const PostName first = Reply(name, kPost);
    const PostName by_ann = Reply(name, "body { content: 'mine' }", first.post, Member("ann"));
    Attach(first, kFile);
    Attach(first, kItem);
    Attach(first, kReference);
    Extend(first, "com.example.b");
    Extend(first, "com.example.a");
    Forward(by_ann);
    Forward(by_ann);
    const auto with_post = CreateThread(group, absl::StrCat("topic: 'p' posts { ", kPost, " }"));
    ASSERT_EQ(with_post.posts_size(), 1);
    // A thread whose posts have all been deleted is not one that never had any.
    const auto emptied = CreateThread(group, "topic: 'emptied'");
    ASSERT_THAT(db_->DeletePost(change, Reply(NameOf(group, emptied), kPost)), IsOk());
  }

  std::unique_ptr<EngineUnderTest> target_engine_;
  std::unique_ptr<ThreadStore> target_store_;
  std::unique_ptr<BlockingStore> target_;
};

TEST_F(MovingConformance, WhatIsImportedIsExportedAgain) {
  Fill("g");
  Fill("h");
  CreateGroup("no-threads");
  const std::vector<v1::Record> records = ExportAll(*db_);
  EXPECT_THAT(Words(ImportAll(*target_, records)), Each("stored"));
  EXPECT_EQ(Lines(ExportAll(*target_)), Lines(records));
}

TEST_F(MovingConformance, RecordsComeInTheOrderOfTheirIdsAfterWhatTheyBelongTo) {
  Fill("g");
  std::vector<std::string> kinds;
  for (const v1::Record& record : ExportAll(*db_, "g")) {
    kinds.push_back(
        record.GetDescriptor()->FindFieldByNumber(static_cast<int>(record.kind_case()))->name());
  }
  EXPECT_THAT(kinds,
              ElementsAre("group", "member", "member", "sender", "sender", "sender", "sender",
                          "conversation", "thread", "thread", "post", "attachment", "attachment",
                          "attachment", "extension", "extension", "post", "forward", "forward",
                          "conversation", "thread", "post", "conversation", "thread"));
}

TEST_F(MovingConformance, ReadsSeeWhatWasImportedAsItWas) {
  Fill("g");
  ImportAll(*target_, ExportAll(*db_));
  ThreadQuery query;
  query.group = "g";
  query.limit = 10;
  const auto sent = db_->ListThreads({}, query);
  const auto imported = target_->ListThreads({}, query);
  ASSERT_THAT(sent, IsOk());
  ASSERT_THAT(imported, IsOk());
  ASSERT_THAT(imported->threads, SizeIs(4));
  for (int i = 0; i < imported->threads.size(); ++i) {
    EXPECT_THAT(imported->threads[i], EqualsProto(sent->threads[i]));
  }
  // The next revision, and what is derived, go on from there.
  const ThreadName name = NameOf("g", imported->threads[0]);
  ChangeContext change;
  change.now = clock_.Now();
  change.etag = imported->threads[0].etag();
  EXPECT_THAT(target_->UpdateThread(change, name, Locked()), IsOk());
}

TEST_F(MovingConformance, OneGroupIsMovedByItself) {
  Fill("g");
  Fill("h");
  const std::vector<v1::Record> records = ExportAll(*db_, "h");
  ASSERT_THAT(target_->CreateGroup({}, MakeGroup("other")), IsOk());
  EXPECT_THAT(Words(ImportAll(*target_, records)), Each("stored"));
  EXPECT_EQ(Lines(ExportAll(*target_, "h")), Lines(records));
  EXPECT_THAT(ExportAll(*target_), SizeIs(records.size() + 1));
  EXPECT_THAT(db_->OpenExport({}, "nobody"), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
}

TEST_F(MovingConformance, EqualRecordsAreSkipped) {
  Fill("g");
  const std::vector<v1::Record> records = ExportAll(*db_);
  EXPECT_THAT(Words(ImportAll(*db_, records)), Each("skipped"));
  ImportAll(*target_, {records.begin(), records.begin() + 11});
  const std::vector<std::string> words = Words(ImportAll(*target_, records));
  for (size_t i = 0; i < words.size(); ++i) EXPECT_EQ(words[i], i < 11 ? "skipped" : "stored");
  EXPECT_EQ(Lines(ExportAll(*target_)), Lines(records));
}

// Each record in a call of its own: nothing is known of those before.
TEST_F(MovingConformance, RecordsMayComeOneByOne) {
  Fill("g");
  const std::vector<v1::Record> records = ExportAll(*db_);
  for (const v1::Record& record : records) {
    EXPECT_THAT(Words(ImportAll(*target_, {record})), ElementsAre("stored"));
    // Nothing that is half there is in the way of a read.
    ConversationQuery query;
    query.group = "g";
    query.limit = 10;
    query.order = ThreadOrder::kOldestCreated;
    EXPECT_THAT(target_->ListConversations({}, query), IsOk());
  }
  EXPECT_EQ(Lines(ExportAll(*target_)), Lines(records));
}

TEST_F(MovingConformance, RecordsThatDifferAreRefusedAndTheRestGoesOn) {
  Fill("g");
  std::vector<v1::Record> records = ExportAll(*db_);
  ImportAll(*target_, records);
  const std::vector<std::string> before = Lines(ExportAll(*target_));
  std::vector<v1::Record> changed = records;
  for (v1::Record& record : changed) {
    if (record.has_group()) record.mutable_group()->set_display_name("other");
    if (record.has_member()) record.mutable_member()->set_mail("other@x");
    if (record.has_conversation()) record.mutable_conversation()->set_topic("other");
    if (record.has_thread()) record.mutable_thread()->mutable_thread()->set_etag("\"7\"");
    if (record.has_post()) record.mutable_post()->set_author("other");
    if (record.has_attachment()) record.mutable_attachment()->set_is_inline(false);
    if (record.has_attachment()) record.mutable_attachment()->set_display_name("other");
    if (record.has_extension()) record.mutable_extension()->set_content_json("{}");
    if (record.has_forward()) record.mutable_forward()->set_comment("other");
  }
  const std::vector<std::string> words = Words(ImportAll(*target_, changed));
  for (size_t i = 0; i < words.size(); ++i) {
    // A sender has nothing but its name.
    EXPECT_EQ(words[i], records[i].has_sender() ? "skipped" : "ERROR_REASON_RECORD_DIFFERS")
        << records[i].ShortDebugString();
  }
  EXPECT_EQ(Lines(ExportAll(*target_)), before);
}

TEST_F(MovingConformance, RecordsWithNothingToBelongToAreRefused) {
  Fill("g");
  const std::vector<v1::Record> records = ExportAll(*db_);
  for (size_t i = 1; i < records.size(); ++i) {
    EXPECT_THAT(Words(ImportAll(*target_, {records[i]})),
                ElementsAre("ERROR_REASON_RESOURCE_NOT_FOUND"));
  }
  EXPECT_THAT(ExportAll(*target_), IsEmpty());
  // With the group, what hangs on conversations, threads and posts still has nothing.
  for (const v1::Record& record : records) {
    const bool is_of_group = record.has_group() || record.has_member() || record.has_sender();
    if (!is_of_group && !record.has_conversation()) {
      EXPECT_THAT(Words(ImportAll(*target_, {record})),
                  ElementsAre("ERROR_REASON_RESOURCE_NOT_FOUND"));
    } else if (is_of_group) {
      EXPECT_THAT(Words(ImportAll(*target_, {record})), ElementsAre("stored"));
    }
  }
}

TEST_F(MovingConformance, ARefusalInTheMiddleChangesNothingForTheOthers) {
  Fill("g");
  std::vector<v1::Record> records = ExportAll(*db_);
  v1::Record orphan = records.back();  // A thread.
  ASSERT_TRUE(orphan.has_thread());
  const std::string nowhere = Uuid::V7(clock_.Now()).ToString();
  orphan.mutable_thread()->mutable_thread()->set_conversation_id(nowhere);
  const std::vector<std::string> expected = Lines(records);
  // Between a conversation and its thread.
  records.insert(records.end() - 1, orphan);
  std::vector<std::string> words = Words(ImportAll(*target_, records));
  EXPECT_EQ(words[words.size() - 2], "ERROR_REASON_RESOURCE_NOT_FOUND");
  words.erase(words.end() - 2);
  EXPECT_THAT(words, Each("stored"));
  EXPECT_EQ(Lines(ExportAll(*target_)), expected);
}

TEST_F(MovingConformance, PostsThatContradictTheirThreadAreRefused) {
  CreateOpenGroup("g");
  const auto thread = CreateThread("g", absl::StrCat("topic: 't' posts { ", kPost, " }"));
  const std::vector<v1::Record> records = ExportAll(*db_);
  ASSERT_THAT(records, SizeIs(4));
  const auto import_with = [&](auto change_thread, auto change_post) {
    v1::Record thread_record = records[2];
    v1::Record post = records[3];
    change_thread(*thread_record.mutable_thread());
    change_post(*post.mutable_post()->mutable_post());
    const auto engine = MakeEngineUnderTest();
    const auto store = engine->Open({}, clock_);
    BlockingStore db(*store);
    return Words(ImportAll(db, {records[0], records[1], thread_record, post})).back();
  };
  const auto same = [](auto&) {};
  EXPECT_EQ(import_with(same, same), "stored");
  EXPECT_EQ(import_with([](v1::ThreadRecord& record) { record.set_has_had_posts(false); }, same),
            "ERROR_REASON_INVALID_FIELD");
  EXPECT_EQ(import_with(
                [](v1::ThreadRecord& record) {
                  *record.mutable_thread()->mutable_last_delivered_date_time() = FromMicros(5);
                },
                same),
            "ERROR_REASON_INVALID_FIELD");
  EXPECT_EQ(import_with(same, [](v1::Post& post) { post.set_has_attachments(true); }),
            "ERROR_REASON_INVALID_FIELD");
  const std::string elsewhere = Uuid::V7(clock_.Now()).ToString();
  EXPECT_EQ(import_with(same, [&](v1::Post& post) { post.set_conversation_id(elsewhere); }),
            "ERROR_REASON_INVALID_FIELD");
}

TEST_F(MovingConformance, TwoPostsOfAThreadNeverHaveTheSameTime) {
  CreateOpenGroup("g");
  CreateThread("g", absl::StrCat("topic: 't' posts { ", kPost, " }"));
  const std::vector<v1::Record> records = ExportAll(*db_);
  v1::Record twin = records.back();
  v1::Post& post = *twin.mutable_post()->mutable_post();
  const std::string id = Uuid::V7(clock_.Now()).ToString();
  post.set_name(post.name().substr(0, post.name().size() - id.size()) + id);
  post.set_id(id);
  EXPECT_THAT(Words(ImportAll(*db_, {twin})), ElementsAre("ERROR_REASON_INVALID_FIELD"));
  EXPECT_EQ(Lines(ExportAll(*db_)), Lines(records));
}

TEST_F(MovingConformance, AttachmentsNeedAPostThatHasSome) {
  CreateOpenGroup("g");
  const auto thread = CreateThread("g");
  Attach(Reply(NameOf("g", thread), kPost), kFile);
  std::vector<v1::Record> records = ExportAll(*db_);
  ASSERT_TRUE(records.back().has_attachment());
  records[records.size() - 2].mutable_post()->mutable_post()->set_has_attachments(false);
  EXPECT_EQ(Words(ImportAll(*target_, records)).back(), "ERROR_REASON_INVALID_FIELD");
}

TEST_F(MovingConformance, TheLimitsOfAPostHold) {
  CreateOpenGroup("g");
  const PostName post = Reply(NameOf("g", CreateThread("g")), kPost);
  for (int i = 0; i < kMaxExtensionsPerPost; ++i) Extend(post, absl::StrCat("com.example.", i));
  std::vector<v1::Record> records = ExportAll(*db_);
  v1::Record one_more = records.back();
  one_more.mutable_extension()->set_extension_name("com.example.more");
  one_more.mutable_extension()->set_name(MakeExtensionName(post.Canonical(), "com.example.more"));
  records.push_back(one_more);
  EXPECT_EQ(Words(ImportAll(*target_, records)).back(), "ERROR_REASON_TOO_MANY_EXTENSIONS");
}

TEST_F(MovingConformance, ASenderIsOnOneListOnly) {
  Fill("g");
  std::vector<v1::Record> records = ExportAll(*db_);
  ImportAll(*target_, records);
  v1::Record record;
  SenderListName rejected = Accepted("g", "ann").list;
  rejected.list = SenderList::kRejected;
  *record.mutable_sender() = MakeSender(rejected, "ann");
  EXPECT_THAT(Words(ImportAll(*target_, {record})), ElementsAre("ERROR_REASON_INVALID_FIELD"));
}

TEST_F(MovingConformance, WhatWasDeletedCanBeImportedAtOnce) {
  Fill("g");
  const std::vector<v1::Record> records = ExportAll(*db_);
  ThreadQuery query;
  query.group = "g";
  query.limit = 10;
  const auto threads = db_->ListThreads({}, query);
  ASSERT_THAT(threads, IsOk());
  // A thread alone; a conversation with its threads; the group.
  ASSERT_THAT(db_->DeleteThread({}, NameOf("g", threads->threads[1])), IsOk());
  std::vector<std::string> words = Words(ImportAll(*db_, records));
  EXPECT_THAT(words, Contains("stored"));
  EXPECT_EQ(Lines(ExportAll(*db_)), Lines(records));
  for (const auto& thread : threads->threads) {
    ConversationName name;
    name.group.group = "g";
    name.conversation = ConversationOf(thread);
    const absl::Status deleted = db_->DeleteConversation({}, name);
    EXPECT_TRUE(deleted.ok() || absl::IsNotFound(deleted)) << deleted;
  }
  EXPECT_THAT(Words(ImportAll(*db_, records)), Contains("stored"));
  EXPECT_EQ(Lines(ExportAll(*db_)), Lines(records));
  ASSERT_THAT(db_->DeleteGroup({}, "g", /*force=*/true), IsOk());
  EXPECT_THAT(Words(ImportAll(*db_, {records[1]})), ElementsAre("ERROR_REASON_RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Words(ImportAll(*db_, records)), Each("stored"));
  EXPECT_EQ(Lines(ExportAll(*db_)), Lines(records));
}

// A conversation without threads has nothing to say.
TEST_F(MovingConformance, AConversationAppearsWithItsFirstThread) {
  CreateGroup("g");
  const auto thread = CreateThread("g");
  const std::vector<v1::Record> records = ExportAll(*db_);
  ASSERT_THAT(records, SizeIs(3));
  EXPECT_THAT(Words(ImportAll(*target_, {records[0], records[1]})), Each("stored"));
  ConversationName name;
  name.group.group = "g";
  name.conversation = ConversationOf(thread);
  EXPECT_THAT(target_->GetConversation({}, name), HasReason(v1::ERROR_REASON_RESOURCE_NOT_FOUND));
  EXPECT_THAT(ExportAll(*target_), SizeIs(1));
  EXPECT_THAT(Words(ImportAll(*target_, records)), ElementsAre("skipped", "skipped", "stored"));
  EXPECT_THAT(target_->GetConversation({}, name), IsOk());
  // Nor is one in the way of its group's end.
  ASSERT_THAT(target_->CreateGroup({}, MakeGroup("h")), IsOk());
  v1::Record elsewhere = records[1];
  elsewhere.mutable_conversation()->set_name(MakeConversationName("h", name.conversation));
  EXPECT_THAT(Words(ImportAll(*target_, {elsewhere})), ElementsAre("stored"));
  EXPECT_THAT(target_->DeleteGroup({}, "h"), IsOk());
}

TEST_F(MovingConformance, AnExportIsOneMoment) {
  Fill("g");
  // More than fits into the chunks that are read ahead.
  AddThreads("g", 3 * kMaxRecordsPerMessage);
  const std::vector<v1::Record> before = ExportAll(*db_);
  auto opened = db_->OpenExport({});
  ASSERT_THAT(opened, IsOk());
  const auto first = BlockingStore::Next(**opened);
  ASSERT_THAT(first, IsOk());
  EXPECT_TRUE(first->has_more);
  Fill("a");
  Fill("h");
  CreateThread("g");
  ASSERT_THAT(db_->DeleteGroup({}, "g", /*force=*/true), IsOk());
  std::vector<v1::Record> records(first->records.begin(), first->records.end());
  for (v1::Record& record : ReadToTheEnd(**opened)) records.push_back(std::move(record));
  EXPECT_EQ(Lines(records), Lines(before));
  EXPECT_GE((*opened)->estimated_count(), static_cast<int64_t>(before.size()));
}

TEST_F(MovingConformance, OnlySoManyExportsGoOnAtOnce) {
  CreateGroup("g");
  AddThreads("g", 3 * kMaxRecordsPerMessage);
  std::vector<std::unique_ptr<RecordExport>> opened;
  absl::Status refusal;
  while (refusal.ok()) {
    auto one_more = db_->OpenExport({});
    refusal = one_more.status();
    if (one_more.ok()) opened.push_back(*std::move(one_more));
    ASSERT_LT(opened.size(), 100);
  }
  EXPECT_THAT(refusal, HasReason(v1::ERROR_REASON_TOO_MANY_STREAMS));
  opened.pop_back();
  EXPECT_THAT(db_->OpenExport({}), IsOk());
}

// Opens exports until it is refused.
std::vector<std::unique_ptr<RecordExport>> OpenAll(BlockingStore& db, const CallContext& caller) {
  std::vector<std::unique_ptr<RecordExport>> opened;
  auto last = db.OpenExport(caller);
  for (; last.ok(); last = db.OpenExport(caller)) opened.push_back(*std::move(last));
  EXPECT_THAT(last, HasReason(v1::ERROR_REASON_TOO_MANY_STREAMS));
  return opened;
}

TEST_F(MovingConformance, OneCallerMayHaveHalfOfTheExports) {
  CreateGroup("g");
  AddThreads("g", 3 * kMaxRecordsPerMessage);
  CallContext ann;
  ann.caller = 1;
  CallContext bob;
  bob.caller = 2;
  auto opened = OpenAll(*db_, ann);
  for (size_t left = opened.size(); left > 0; --left) {
    auto others = db_->OpenExport(bob);
    ASSERT_THAT(others, IsOk());
    opened.push_back(*std::move(others));
  }
  EXPECT_THAT(db_->OpenExport(bob), HasReason(v1::ERROR_REASON_TOO_MANY_STREAMS));
}

TEST_F(MovingConformance, WhoHasHeardOfTheEndOfAnExportMayBeginAnother) {
  CreateGroup("g");
  CreateGroup("large");
  AddThreads("large", 3 * kMaxRecordsPerMessage);
  CallContext ann;
  ann.caller = 1;
  auto others = OpenAll(*db_, ann);
  const size_t share = others.size();
  others.pop_back();
  // Each asks for its chunk, which is the last, before anything has been read: it is told of it by
  // the thread that reads, and begins the next at once.
  int left = 50;
  std::unique_ptr<RecordExport> current;
  std::promise<absl::Status> ended;
  std::function<void()> open_next = [&] {
    store_->OpenExport(ann, "g", [&](absl::StatusOr<std::unique_ptr<RecordExport>> opened) {
      if (!opened.ok() || --left == 0) {
        const absl::Status end = opened.status();
        if (opened.ok()) opened->reset();
        return ended.set_value(end);
      }
      current = *std::move(opened);
      current->Next([&](const absl::StatusOr<RecordChunk>& last) {
        EXPECT_THAT(last, IsOk());
        open_next();
      });
    });
  };
  open_next();
  EXPECT_THAT(ended.get_future().get(), IsOk());
  // Each gave its place back once.
  current.reset();
  others.clear();
  EXPECT_THAT(OpenAll(*db_, ann), SizeIs(share));
}

TEST_F(MovingConformance, WhoHasAbandonedAnExportMayBeginAnother) {
  CreateGroup("g");
  AddThreads("g", 3 * kMaxRecordsPerMessage);
  CallContext ann;
  ann.caller = 1;
  auto opened = OpenAll(*db_, ann);
  const size_t share = opened.size();
  for (int i = 0; i < 50; ++i) {
    opened.pop_back();
    auto another = db_->OpenExport(ann);
    ASSERT_THAT(another, IsOk()) << i;
    opened.push_back(*std::move(another));
  }
  EXPECT_THAT(db_->OpenExport(ann), HasReason(v1::ERROR_REASON_TOO_MANY_STREAMS));
  opened.clear();
  EXPECT_THAT(OpenAll(*db_, ann), SizeIs(share));
}

TEST_F(MovingConformance, ClosingEndsExports) {
  CreateGroup("g");
  AddThreads("g", 3 * kMaxRecordsPerMessage);
  auto opened = db_->OpenExport({});
  ASSERT_THAT(opened, IsOk());
  ASSERT_THAT(BlockingStore::Next(**opened), IsOk());
  store_->Close();
  EXPECT_THAT(BlockingStore::Next(**opened), HasReason(v1::ERROR_REASON_SHUTTING_DOWN));
  EXPECT_THAT(db_->OpenExport({}), HasReason(v1::ERROR_REASON_SHUTTING_DOWN));
  EXPECT_THAT(db_->ImportRecords({}, {}), HasReason(v1::ERROR_REASON_SHUTTING_DOWN));
}

}  // namespace
}  // namespace threadstore::testing
