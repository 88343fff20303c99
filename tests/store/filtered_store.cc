#include "tests/store/filtered_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/domain/resource.h"
#include "server/domain/timestamp.h"
#include "server/store/sqlite/columns.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/testing/blocking_store.h"
#include "tests/testing/fake_clock.h"

namespace threadstore::testing {
namespace {

constexpr char kGroup[] = "g";
constexpr size_t kThreadsWithPosts = 4;
constexpr size_t kPostsEach = 15;
constexpr int32_t kAll = 1000;

enum Place { kGroups, kThreads, kConversations, kPosts };

FakeClock& TheClock() {
  static auto* clock = new FakeClock;
  return *clock;
}

const std::string& Text(size_t i) {
  return FilteredStore::texts()[i % FilteredStore::texts().size()];
}

google::protobuf::Timestamp Time(size_t i) {
  return FromMicros(FilteredStore::times()[i % FilteredStore::times().size()]);
}

v1::ConversationThread MakeThread(const std::optional<Uuid>& conversation, size_t i) {
  ThreadParent parent;
  parent.group.group = kGroup;
  parent.conversation = conversation;
  v1::ConversationThread sent;
  sent.set_topic(absl::StrCat(Text(i), i % 3 == 0 ? "" : Text(i / 2)));
  if (sent.topic().empty()) sent.set_topic("t");
  sent.set_has_attachments(i % 3 == 0);
  if (i % 4 != 0) *sent.mutable_last_delivered_date_time() = Time(i);
  for (size_t sender = 0; sender < i % 4; ++sender) sent.add_unique_senders(Text(i + sender));
  if (i % 5 != 0) sent.set_preview(absl::StrCat(Text(i * 3), Text(i * 7)));
  sent.set_is_locked(i % 7 == 0);
  TheClock().Advance(absl::Milliseconds(i % 5));
  return BuildThread(parent, sent, TheClock().Now());
}

v1::Post MakePost(size_t i) {
  v1::Post sent;
  if (i % 4 != 0) {
    sent.mutable_body()->set_content_type(i % 3 == 0 ? "html" : "text");
    if (i % 5 != 0) sent.mutable_body()->set_content(absl::StrCat(Text(i), " ", Text(i * 5)));
  }
  for (size_t category = 0; category < i % 3; ++category) {
    sent.add_categories(absl::StrCat("c", Text(i + category * 2)));
  }
  v1::EmailAddress& sender = *sent.mutable_sender()->mutable_email_address();
  if (i % 3 != 0) sender.set_name(Text(i));
  if (i % 3 == 0 || i % 2 == 0) sender.set_address(absl::StrCat(Text(i * 2), "@x"));
  if (i % 6 == 0) {
    v1::Attachment& attachment = *sent.add_attachments();
    attachment.set_display_name("a");
    attachment.mutable_file()->set_content_bytes("b");
  }
  TheClock().Advance(absl::Milliseconds(1));
  return BuildPost(sent, TheClock().Now());
}

ThreadName NameOf(const v1::ConversationThread& thread) {
  ThreadName name;
  name.group.group = kGroup;
  name.thread = Uuid::Parse(thread.id()).value();
  return name;
}

template <typename Resources>
void Keep(const Resources& resources, FilteredStore::Kind& kind) {
  for (const auto& resource : resources) {
    kind.resources.emplace_back(resource.New())->CopyFrom(resource);
  }
}

std::string IdOf(const google::protobuf::Message& resource) {
  return resource.GetReflection()->GetString(resource,
                                             resource.GetDescriptor()->FindFieldByName("id"));
}

}  // namespace

const std::vector<std::string>& FilteredStore::texts() {
  static const auto* texts = new std::vector<std::string>{
      "",
      "a",
      "A",
      "ab",
      "aab",
      "b",
      " ",
      "it's",
      "''",
      "100%",
      "%",
      "_",
      "_a",
      "*",
      "a*b",
      "?",
      "[a]",
      "\\",
      "\"q\"",
      "é",
      "e\u0301",
      "É",
      "ß",
      "ss",
      "\uFFFD",
      "😀",
      "😀a",
      "👩‍👩‍👧",
      "日本",
      "null",
      "true",
      "0",
      "1",
      "-1",
      "text",
      "html",
      "2026-01-31T12:00:00Z",
      "\x7F",
      "\t\n",
  };
  return *texts;
}

const std::vector<int64_t>& FilteredStore::times() {
  constexpr int64_t kStart = 1'700'000'000'000'000;  // Of the clock.
  static const auto* times = new std::vector<int64_t>{
      0,
      1,
      -1,
      1'000'000,
      -62'135'596'800'000'000,
      kStart,
      kStart + 1,
      kStart - 1,
      kStart + 1'000,
      253'402'300'799'999'999,
      kStart + 50'000,
      kStart + 100'000,
      kStart + 150'000,
  };
  return *times;
}

std::vector<std::string> FilteredStore::ids() const {
  std::vector<std::string> ids = {"", "x", "00000000-0000-0000-0000-000000000000"};
  for (const Kind& kind : kinds_) {
    for (const auto& resource : kind.resources) ids.push_back(IdOf(*resource));
  }
  return ids;
}

FilteredStore::FilteredStore() {
  kinds_.push_back({"groups",
                    GroupFilterFields(),
                    sqlite::GroupFilterColumns(),
                    "SELECT groups.id FROM groups WHERE groups.deleted = 0 AND ",
                    {}});
  kinds_.push_back({"threads",
                    ThreadFilterFields(),
                    sqlite::ThreadFilterColumns(),
                    "SELECT threads.id FROM threads"
                    " JOIN conversations ON conversations.key = threads.conversation_key"
                    " WHERE threads.deleted = 0 AND conversations.deleted = 0 AND ",
                    {}});
  // As lists by activity do, from the table that the columns look into under another name.
  kinds_.push_back({"conversations",
                    ConversationFilterFields(),
                    sqlite::ConversationFilterColumns(),
                    "SELECT DISTINCT conversations.id FROM threads"
                    " JOIN conversations ON conversations.key = threads.conversation_key"
                    " WHERE threads.deleted = 0 AND conversations.deleted = 0 AND ",
                    {}});
  kinds_.push_back({"posts",
                    PostFilterFields(),
                    sqlite::PostFilterColumns(),
                    "SELECT posts.id FROM posts WHERE ",
                    {}});
  const std::string path = folder_.File("threads.db");
  Fill(path);
  AddDeleted(path);
  db_ = sqlite::Database::Open(path, sqlite::Database::Mode::kReadOnly).value();
}

void FilteredStore::Fill(const std::string& path) {
  SqliteOptions options;
  options.path = path;
  const std::unique_ptr<ThreadStore> store = OpenSqliteStore(options, TheClock()).value();
  BlockingStore blocking(*store);
  v1::CreateGroupRequest request;
  request.set_group_id(kGroup);
  request.mutable_group()->set_allow_external_senders(true);
  blocking.CreateGroup({}, BuildGroup(request, TheClock().Now())).value();
  FillGroups(blocking);
  FillThreads(blocking);
  FillPosts(blocking);
  ReadAll(blocking);
}

void FilteredStore::FillGroups(BlockingStore& store) {
  for (size_t i = 0; i < texts().size(); ++i) {
    v1::CreateGroupRequest request;
    request.set_group_id(absl::StrCat(kGroup, i));
    v1::Group& group = *request.mutable_group();
    if (i % 2 == 0) group.set_display_name(absl::StrCat(Text(i), Text(i * 3)));
    if (i % 3 != 0) group.set_mail(Text(i));
    group.set_description(Text(i * 5));
    group.set_mail_nickname(Text(i * 7));
    const absl::Time created = absl::FromUnixMicros(times()[i % times().size()]);
    store.CreateGroup({}, BuildGroup(request, created)).value();
  }
}

// Every third thread begins a conversation, which the next two join.
void FilteredStore::FillThreads(BlockingStore& store) {
  std::optional<Uuid> conversation;
  for (size_t i = 0; i < texts().size(); ++i) {
    if (i % 3 == 0) conversation.reset();
    const v1::ConversationThread thread =
        store.CreateThread({}, kGroup, conversation, MakeThread(conversation, i)).value();
    conversation = Uuid::Parse(thread.conversation_id());
  }
}

// The posts of a thread answer one another, and some are changed later.
void FilteredStore::FillPosts(BlockingStore& store) {
  ThreadQuery query;
  query.group = kGroup;
  query.order = ThreadOrder::kOldestCreated;
  query.limit = kAll;
  const ThreadPage threads = store.ListThreads({}, query).value();
  size_t made = 0;
  for (const v1::ConversationThread& thread : threads.threads) {
    if (thread.is_locked()) continue;
    std::optional<Uuid> last;
    for (size_t i = 0; i < kPostsEach; ++i) {
      NewPost post;
      post.post = MakePost(made);
      post.preview = MakePreview(post.post.body());
      if (made % 2 == 0) post.in_reply_to = last;
      CreateContext context;
      context.now = TheClock().Now();
      const v1::Post stored = store.CreatePost(context, NameOf(thread), post).value();
      last = Uuid::Parse(stored.id());
      if (made % 8 == 0) {
        ChangeContext change;
        change.now = TheClock().Now() + absl::Milliseconds(made);
        PostChanges changes;
        changes.categories.emplace();
        *changes.categories->Add() = Text(made + 1);
        store.UpdatePost(change, {NameOf(thread), *last}, changes).value();
      }
      ++made;
    }
    if (made == kThreadsWithPosts * kPostsEach) break;
  }
}

void FilteredStore::ReadAll(BlockingStore& store) {
  GroupQuery groups;
  groups.limit = kAll;
  Keep(store.ListGroups({}, groups).value().groups, kinds_[kGroups]);
  ConversationQuery conversations;
  conversations.group = kGroup;
  conversations.limit = kAll;
  Keep(store.ListConversations({}, conversations).value().conversations, kinds_[kConversations]);
  ThreadQuery threads;
  threads.group = kGroup;
  threads.limit = kAll;
  const ThreadPage page = store.ListThreads({}, threads).value();
  Keep(page.threads, kinds_[kThreads]);
  for (const v1::ConversationThread& thread : page.threads) {
    PostQuery posts;
    posts.thread = NameOf(thread);
    posts.limit = kAll;
    Keep(store.ListPosts({}, posts).value().posts, kinds_[kPosts]);
  }
}

// In each conversation a thread that is deleted but not yet gone, newer than all others, with
// attachments, and with a sender whom no other thread has.
void FilteredStore::AddDeleted(const std::string& path) {
  const auto db = sqlite::Database::Open(path, sqlite::Database::Mode::kReadWrite).value();
  const absl::Status status = db->Execute(
      "INSERT INTO threads (group_key, conversation_key, id, topic, has_attachments,"
      " last_delivered_us, preview, is_locked, revision, created_us, modified_us, deleted)"
      " SELECT group_key, key, randomblob(16), 'deleted', 1, 253402300799999999, 'deleted', 0, 1,"
      " created_us, created_us, 1 FROM conversations;"
      "INSERT INTO unique_senders (thread_key, position, name)"
      " SELECT key, 0, 'deleted' FROM threads WHERE deleted = 1");
  if (!status.ok()) std::abort();
}

std::vector<std::string> FilteredStore::AskMatches(const Kind& kind, const FilterNode& filter) {
  std::vector<std::string> ids;
  for (const auto& resource : kind.resources) {
    if (Matches(filter, kind.fields, *resource)) ids.push_back(IdOf(*resource));
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

absl::StatusOr<std::vector<std::string>> FilteredStore::AskSql(const Kind& kind,
                                                               const FilterNode& filter) {
  const sqlite::FilterSql sql = sqlite::CompileFilter(filter, kind.fields, kind.columns);
  ASSIGN_OR_RETURN(sqlite::Statement statement,
                   db_->Prepare(absl::StrCat(kind.select, sql.expression)));
  sqlite::Query query(statement);
  sqlite::BindFilter(sql, query);
  std::vector<std::string> ids;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) break;
    // Groups have ids of their own, which are shorter.
    const std::optional<Uuid> id = Uuid::FromBytes(query.Blob(0));
    ids.push_back(id.has_value() ? id->ToString() : std::string(query.Text(0)));
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

absl::StatusOr<std::string> FilteredStore::ExplainPlan(absl::string_view before,
                                                       const sqlite::FilterSql& filter,
                                                       absl::string_view after) {
  ASSIGN_OR_RETURN(
      sqlite::Statement statement,
      db_->Prepare(absl::StrCat("EXPLAIN QUERY PLAN ", before, filter.expression, after)));
  sqlite::Query query(statement);
  sqlite::BindFilter(filter, query);
  std::string plan;
  while (true) {
    ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return plan;
    absl::StrAppend(&plan, query.Text(3), "\n");
  }
}

}  // namespace threadstore::testing
