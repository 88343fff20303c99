// What threads, conversations and groups are said to take up is what their rows have, whatever is
// written, refused and rolled back together. The environment may set THREADSTORE_USAGE_SEED and
// THREADSTORE_USAGE_STEPS.

#include <cstdint>
#include <cstdlib>
#include <deque>
#include <future>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/base/sha256.h"
#include "server/domain/resource.h"
#include "server/store/sqlite/database.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/store/moving.h"
#include "tests/store/stored_rows.h"
#include "tests/store/usage_check.h"
#include "tests/testing/blocking_store.h"
#include "tests/testing/error_matchers.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/proto_matchers.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/store_block.h"
#include "tests/testing/temp_dir.h"

namespace threadstore::testing {
namespace {

constexpr uint64_t kDefaultSteps = 150;
constexpr int kMaxWritesAtOnce = 12;

// Of what was made so many are remembered, so that writes meet what is there, and what is not any
// more.
constexpr size_t kNamesKept = 10;

// Such that groups are full most of the time.
constexpr GroupQuotas kQuotas = {.max_threads = 12, .max_bytes = 3000};

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  uint64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

class UsageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const uint64_t seed = FromEnvironment("THREADSTORE_USAGE_SEED", std::random_device()());
    std::cout << "THREADSTORE_USAGE_SEED=" << seed << "\n";
    random_.seed(seed);
    options_.path = folder_.File("threads.db");
    options_.group_quotas = kQuotas;
    Open();
  }

  void Open() {
    store_.reset();
    auto store = OpenSqliteStore(options_, clock_);
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }

  size_t Below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random_);
  }
  std::string Text() { return std::string(1 + Below(60), 'x') + (Below(2) == 0 ? "\u00e9" : ""); }
  std::string Json() { return absl::StrCat(R"({"":")", Text(), R"("})"); }
  std::string Group() { return Below(2) == 0 ? "a" : "b"; }

  template <typename T>
  static void Keep(std::deque<T>& names, T name) {
    names.push_back(std::move(name));
    if (names.size() > kNamesKept) names.pop_front();
  }

  template <typename T>
  std::optional<T> AnyOf(const std::deque<T>& names) {
    if (names.empty()) return std::nullopt;
    return names[Below(names.size())];
  }

  CreateContext Creating() {
    CreateContext context;
    context.now = clock_.Now();
    if (Below(2) == 0) return context;
    const Uuid id = Uuid::V7(clock_.Now());
    context.request = RequestKey{id, Sha256(id.ToString()), "application:test"};
    return context;
  }
  ChangeContext Changing() {
    ChangeContext context;
    context.now = clock_.Now();
    return context;
  }

  std::string RecipientText() {
    return Below(3) == 0
               ? ""
               : absl::StrCat("email_address { name: '", Text(), "' address: '", Below(5), "@x' }");
  }

  std::string PostText() {
    std::string text =
        absl::StrCat("sender { email_address { name: 'Ann' } } body { content: '", Text(), "' }");
    if (Below(2) == 0) absl::StrAppend(&text, " categories: '", Text(), "'");
    if (Below(2) == 0) absl::StrAppend(&text, " new_participants { ", RecipientText(), " }");
    if (Below(3) == 0) absl::StrAppend(&text, " attachments { ", AttachmentText(), " }");
    if (Below(3) == 0) {
      absl::StrAppend(&text, " extensions { extension_name: 'e' content_json: '", Json(), "' }");
    }
    return text;
  }

  std::string AttachmentText() {
    const std::string texts =
        absl::StrCat("display_name: '", Text(), "' content_type: '", Text(), "' ");
    switch (Below(3)) {
      case 0:
        return absl::StrCat(texts, "file { content_bytes: '", Text(), "' content_id: '", Text(),
                            "' }");
      case 1:
        return absl::StrCat(texts, "item { item_json: '", Json(), "' }");
      default:
        return absl::StrCat(texts, "reference { source_url: '", Text(), "' provider_type: '",
                            Text(), "' permission: '", Text(), "' }");
    }
  }

  std::string ThreadText() {
    std::string text =
        absl::StrCat("topic: '", Text(), "' preview: '", Text(), "' to_recipients { ",
                     RecipientText(), " } cc_recipients { ", RecipientText(), " }");
    for (size_t i = Below(3); i > 0; --i) absl::StrAppend(&text, " unique_senders: '", Text(), "'");
    if (Below(2) == 0) absl::StrAppend(&text, " posts { ", PostText(), " }");
    return text;
  }

  v1::ConversationThread MakeThread(const std::string& group, std::optional<Uuid> conversation) {
    ThreadParent parent;
    parent.group.group = group;
    parent.conversation = conversation;
    v1::ConversationThread thread =
        BuildThread(parent, ParseText<v1::ConversationThread>(ThreadText()), clock_.Now());
    if (thread.posts_size() > 0) thread.set_preview(MakePreview(thread.posts(0).body()));
    return thread;
  }

  // A callback that notes how the call ended, and of a success what it has made.
  auto Noting() {
    auto promise = std::make_shared<std::promise<absl::Status>>();
    calls_.push_back({promise->get_future(), {}});
    auto* const made = &calls_.back().made;
    return [promise, made](auto result) {
      absl::Status status = DeepCopy(GetStatus(result));
      if (status.ok()) Note(result, *made);
      promise->set_value(std::move(status));
    };
  }

  struct Made {
    std::vector<ThreadName> threads;
    std::vector<PostName> posts;
  };
  static void Note(const absl::StatusOr<v1::ConversationThread>& thread, Made& made) {
    made.threads.push_back(*ParseThreadName(thread->name()));
    made.threads.back().conversation = Uuid::Parse(thread->conversation_id()).value_or(Uuid());
    for (const v1::Post& post : thread->posts()) made.posts.push_back(*ParsePostName(post.name()));
  }
  static void Note(const absl::StatusOr<v1::Conversation>& conversation, Made& made) {
    for (const v1::ConversationThread& thread : conversation->threads()) Note(thread, made);
  }
  static void Note(const absl::StatusOr<v1::Post>& post, Made& made) {
    made.posts.push_back(*ParsePostName(post->name()));
  }
  template <typename T>
  static void Note(const T& /*result*/, Made& /*made*/) {}

  void CreateThread() {
    std::string group = Group();
    std::optional<Uuid> conversation;
    const auto beside = AnyOf(threads_);
    if (beside.has_value() && Below(2) == 0) {
      group = beside->group.group;
      conversation = beside->conversation;
    }
    v1::ConversationThread thread = MakeThread(group, conversation);
    const CreateContext context = Creating();
    repeat_ = [this, context, group, conversation, thread] {
      store_->CreateThread(context, group, conversation, thread, Noting());
    };
    repeat_();
  }

  // The second time its id is taken, which is found out when its conversation has been stored.
  void CreateThreadTwice() {
    const std::string group = Group();
    v1::ConversationThread thread = MakeThread(group, std::nullopt);
    store_->CreateThread({}, group, std::nullopt, thread, Noting());
    thread.set_conversation_id(Uuid::V7(clock_.Now()).ToString());
    store_->CreateThread({}, group, std::nullopt, thread, Noting());
  }

  void CreateConversation() {
    GroupName group;
    group.group = Group();
    const auto sent = ParseText<v1::Conversation>(
        absl::StrCat("topic: '", Text(), "' threads { ", ThreadText(), " } threads {}"));
    const CreateContext context = Creating();
    const auto conversation = BuildConversation(group, sent, clock_.Now());
    repeat_ = [this, context, group, conversation] {
      store_->CreateConversation(context, group.group, conversation, Noting());
    };
    repeat_();
  }

  void CreatePost(const ThreadName& thread) {
    NewPost post;
    post.post = BuildPost(ParseText<v1::Post>(PostText()), clock_.Now());
    post.preview = MakePreview(post.post.body());
    const CreateContext context = Creating();
    repeat_ = [this, context, thread, post] {
      store_->CreatePost(context, thread, post, Noting());
    };
    repeat_();
  }

  void UpdatePost(const PostName& post) {
    PostChanges changes;
    if (Below(2) == 0) changes.body.emplace().set_content(Text());
    if (Below(2) == 0) *changes.categories.emplace().Add() = Text();
    store_->UpdatePost(Changing(), post, changes, Noting());
  }

  void ForwardPost(const PostName& post) {
    const auto request = ParseText<v1::ForwardPostRequest>(
        absl::StrCat("comment: '", Text(), "' to_recipients { email_address { name: '", Text(),
                     "' address: 'a' } }"));
    const CreateContext context = Creating();
    const v1::Forward forward = BuildForward(post.Canonical(), request, clock_.Now());
    repeat_ = [this, context, post, forward] {
      store_->ForwardPost(context, post, forward, Noting());
    };
    repeat_();
  }

  void CreateAttachment(const PostName& post) {
    store_->CreateAttachment(
        Creating(), post,
        BuildAttachment(post.Canonical(), ParseText<v1::Attachment>(AttachmentText()),
                        clock_.Now()),
        Noting());
  }

  void ChangeExtensions(const PostName& post) {
    const std::string name = Below(2) == 0 ? "e" : "f";
    switch (Below(3)) {
      case 0: {
        v1::Extension extension;
        extension.set_extension_name(name);
        extension.set_content_json(Json());
        return store_->CreateExtension(Creating(), post,
                                       BuildExtension(post.Canonical(), extension), Noting());
      }
      case 1:
        return store_->UpdateExtension(Changing(), {post, name}, Json(), Noting());
      default:
        return store_->DeleteExtension(Changing(), {post, name}, Noting());
    }
  }

  void MakeGroupAnew(const std::string& id) {
    store_->DeleteGroup({}, id, /*force=*/true, Noting());
    CreateGroup(id);
  }
  void CreateGroup(const std::string& id) {
    v1::CreateGroupRequest request;
    request.set_group_id(id);
    request.mutable_group()->set_allow_external_senders(true);
    store_->CreateGroup(Creating(), BuildGroup(request, clock_.Now()), {}, Noting());
  }

  // All of a group, which is there or has just been deleted.
  void Import() {
    if (Below(2) == 0) store_->DeleteGroup({}, "a", /*force=*/true, Noting());
    store_->ImportRecords({}, std::make_shared<const std::vector<CheckedRecord>>(exported_),
                          Noting());
  }

  void WriteSomething() {
    clock_.Advance(absl::Milliseconds(1));
    const auto thread = AnyOf(threads_);
    const auto post = AnyOf(posts_);
    const size_t kind = Below(100);
    if (kind < 20 || !thread.has_value() || !post.has_value()) return CreateThread();
    if (kind < 22) return CreateThreadTwice();
    if (kind < 25) return CreateConversation();
    if (kind < 45) return CreatePost(*thread);
    if (kind < 52) return UpdatePost(*post);
    if (kind < 59) return ForwardPost(*post);
    if (kind < 64) return CreateAttachment(*post);
    if (kind < 72) return ChangeExtensions(*post);
    if (kind < 80) return store_->DeletePost(Changing(), *post, Noting());
    if (kind < 87) return store_->DeleteThread(Changing(), *thread, Noting());
    if (kind < 90) {
      ConversationName conversation;
      conversation.group = thread->group;
      conversation.conversation = *thread->conversation;
      return store_->DeleteConversation({}, conversation, Noting());
    }
    if (kind < 91) return MakeGroupAnew(Group());
    if (kind < 93) return Import();
    if (kind < 95) {
      ThreadChanges changes;
      changes.is_locked = Below(2) == 0;
      return store_->UpdateThread(Changing(), *thread, changes, Noting());
    }
    if (repeat_ != nullptr) repeat_();
  }

  void WriteGroups() {
    CreateGroup("a");
    CreateGroup("b");
    AwaitAll();
  }

  // Several writes in one transaction, as a rule.
  void WriteTogether() {
    WriterBlock block(*store_);
    const size_t writes = 1 + Below(kMaxWritesAtOnce);
    for (size_t i = 0; i < writes; ++i) WriteSomething();
    block.Release();
    AwaitAll();
  }

  void AwaitAll() {
    for (Call& call : calls_) {
      const absl::Status status = call.outcome.get();
      ++outcomes_[ErrorReasonOf(status)];
      if (status.code() == absl::StatusCode::kInternal) ++rolled_back_;
      for (ThreadName& thread : call.made.threads) Keep(threads_, std::move(thread));
      for (PostName& post : call.made.posts) Keep(posts_, std::move(post));
    }
    calls_.clear();
  }

  struct Call {
    std::future<absl::Status> outcome;
    Made made;
  };

  const TempDir folder_;
  FakeClock clock_;
  SqliteOptions options_;
  std::unique_ptr<ThreadStore> store_;
  std::mt19937_64 random_;
  std::deque<Call> calls_;
  std::function<void()> repeat_;
  std::deque<ThreadName> threads_;
  std::deque<PostName> posts_;
  std::vector<CheckedRecord> exported_;
  absl::flat_hash_map<v1::ErrorReason, int> outcomes_;
  int rolled_back_ = 0;
};

TEST_F(UsageTest, IsWhatIsThereWhateverIsWritten) {
  WriteGroups();
  const uint64_t steps = FromEnvironment("THREADSTORE_USAGE_STEPS", kDefaultSteps);
  for (uint64_t step = 0; step < steps; ++step) {
    WriteTogether();
    CheckUsage(options_.path);
    ASSERT_FALSE(HasFailure()) << "at step " << step;
    if (step % 20 == 0) {
      BlockingStore db(*store_);
      if (db.GetGroup({}, "a").ok()) exported_ = Checked(ExportAll(db, "a"));
    }
    if (step % 50 == 0) Open();
  }
  EXPECT_GT(outcomes_[v1::ERROR_REASON_QUOTA_EXCEEDED], 0);
  EXPECT_GT(outcomes_[v1::ERROR_REASON_RESOURCE_NOT_FOUND], 0);
  EXPECT_GT(rolled_back_, 0) << "no write has failed half-way";
  PurgeAll(*store_, options_.path);
  store_.reset();
  CheckSoundFile(options_.path);
}

TEST_F(UsageTest, IsCountedInAStoreFromBefore) {
  options_.group_quotas = {};
  Open();
  WriteGroups();
  for (int step = 0; step < 20; ++step) WriteTogether();
  CreateGroup("a");
  // Of which some are left in any case.
  for (int i = 0; i < 3; ++i) {
    store_->CreateThread({}, "a", std::nullopt, MakeThread("a", std::nullopt), Noting());
  }
  AwaitAll();
  PurgeAll(*store_, options_.path);
  store_.reset();
  {
    auto file = sqlite::Database::Open(options_.path, sqlite::Database::Mode::kReadWrite);
    ASSERT_THAT(file, IsOk());
    // Makes the schema before this one, and leaves some of what was deleted to be purged.
    ASSERT_THAT(
        (*file)->Execute("DROP TABLE group_usage;"
                         "ALTER TABLE threads DROP COLUMN bytes;"
                         "ALTER TABLE conversations DROP COLUMN threads;"
                         "ALTER TABLE conversations DROP COLUMN bytes;"
                         "UPDATE store_metadata SET version = 5, min_compatible_version = 4;"
                         "UPDATE threads SET deleted = 1 WHERE key % 5 = 0;"
                         "UPDATE conversations SET deleted = 1 WHERE key % 7 = 0"),
        IsOk());
  }
  options_.group_quotas = {.max_threads = 1};
  Open();
  CheckUsage(options_.path);
  EXPECT_THAT(
      BlockingStore(*store_).CreateThread({}, "a", std::nullopt, MakeThread("a", std::nullopt)),
      HasReason(v1::ERROR_REASON_QUOTA_EXCEEDED));
  for (int step = 0; step < 5; ++step) WriteTogether();
  PurgeAll(*store_, options_.path);
  store_.reset();
  CheckSoundFile(options_.path);
  const auto file = sqlite::Database::Open(options_.path, sqlite::Database::Mode::kReadOnly);
  ASSERT_THAT(file, IsOk());
  EXPECT_THAT((*file)->QueryInteger("SELECT min_compatible_version FROM store_metadata"),
              IsOkAndHolds(::testing::Ge(6)))
      << "an older server would write without counting";
}

}  // namespace
}  // namespace threadstore::testing
