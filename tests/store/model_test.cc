// A long random sequence of calls, each answered by the store and by a model of its contract. The
// environment may set THREADSTORE_MODEL_SEED and THREADSTORE_MODEL_STEPS. Ids have random bits of
// their own, so a seed repeats the calls, but not the order of what was made in one microsecond.

#include "tests/store/model.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/base/sha256.h"
#include "server/domain/change_query.h"
#include "server/domain/limits.h"
#include "server/domain/resource.h"
#include "server/domain/timestamp.h"
#include "tests/store/engine_under_test.h"
#include "tests/store/moving.h"
#include "tests/testing/blocking_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"

namespace threadstore::testing {
namespace {

constexpr absl::Duration kRetention = absl::Hours(24);
constexpr uint64_t kDefaultSteps = 5'000;
constexpr uint64_t kStepsBetweenReopens = 500;
constexpr size_t kNamesKept = 30;

// Few, so that calls meet.
const std::vector<std::string> kGroups = {"a", "b", "c"};
const std::vector<std::string> kUsers = {"ann", "bob", "cyd", "eve"};
const std::vector<std::string> kSenders = {"ann", "bob@x", "cyd", "eve@x", "zoe@x"};
const std::vector<std::string> kAddresses = {"ann@x", "bob", "bob@x", "eve@x", "zoe@x"};
const std::vector<std::string> kNames = {"", "Ann", "Zoe"};
const std::vector<std::string> kWords = {"apple", "Äpfel", "app", "東京都", "京都", "ไทย", "a-b"};
const std::vector<std::string> kSearches = {"topic",         "step",          "apple", "APP*",
                                            "apfel apple",   "\"apple app\"", "京都",  "京",
                                            "\"a b\" topic", "ไทย apple",     "html"};
const std::vector<std::string> kExtensions = {"com.example.a", "com.example.b", "C"};
constexpr ThreadOrder kOrders[] = {ThreadOrder::kNewestActivity, ThreadOrder::kOldestActivity,
                                   ThreadOrder::kOldestCreated,  ThreadOrder::kNewestCreated,
                                   ThreadOrder::kTopicAscending, ThreadOrder::kTopicDescending};

// NOW stands for a time.
const std::vector<std::string> kGroupFilters = {
    "mail eq 'group@x' or description ne ''",
    "startswith(mailNickname, 'nick') and createdDateTime lt NOW",
    "groupTypes/any(c: c eq 'Unified') and id ge 'b'",
    "contains(displayName, 'display') or not mailEnabled",
};
const std::vector<std::string> kThreadFilters = {
    "isLocked eq true",
    "hasAttachments ne false and topic ge 'b'",
    "lastDeliveredDateTime ge NOW",
    "lastDeliveredDateTime lt NOW or isLocked eq true",
    "lastDeliveredDateTime gt NOW and not isLocked eq true",
    "createdDateTime ge NOW",
    "createdDateTime le NOW and isLocked eq false",
    "uniqueSenders/any(s: contains(s, 'n'))",
    "contains(preview, 'a')",
};
const std::vector<std::string> kConversationFilters = {
    "hasAttachments eq true",
    "lastDeliveredDateTime ge NOW",
    "lastDeliveredDateTime lt NOW",
    "createdDateTime gt NOW",
    "createdDateTime lt NOW and topic ge 'b'",
    "uniqueSenders/any(s: s eq 'Ann')",
    "startswith(preview, 'a')",
};
const std::vector<std::string> kPostFilters = {
    "hasAttachments eq true",
    "createdDateTime ge NOW",
    "receivedDateTime lt NOW and hasAttachments eq false",
    "contains(body/content, 'a')",
    "categories/any()",
    "sender/emailAddress/name eq 'Ann'",
    "in_reply_to ne null",
};

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  uint64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

Uuid IdOf(const std::string& text) { return Uuid::Parse(text).value_or(Uuid()); }

ThreadName NameOf(const std::string& group, const v1::ConversationThread& thread) {
  ThreadName name;
  name.group.group = group;
  name.conversation = IdOf(thread.conversation_id());
  name.thread = IdOf(thread.id());
  return name;
}

// --- Answers as text

const auto& ItemsOf(const SearchPage& page) { return page.results; }
const auto& ItemsOf(const GroupPage& page) { return page.groups; }
const auto& ItemsOf(const SenderPage& page) { return page.senders; }
const auto& ItemsOf(const MemberPage& page) { return page.members; }
const auto& ItemsOf(const ConversationPage& page) { return page.conversations; }
const auto& ItemsOf(const ThreadPage& page) { return page.threads; }
const auto& ItemsOf(const PostPage& page) { return page.posts; }
const auto& ItemsOf(const AttachmentPage& page) { return page.attachments; }
const auto& ItemsOf(const ExtensionPage& page) { return page.extensions; }

std::string Describe(const std::string& text) { return text; }

std::string Describe(const absl::Status& status) {
  if (status.ok()) return "OK";
  const v1::ErrorReason reason = ErrorReasonOf(status);
  return absl::StrCat(absl::StatusCodeToString(status.code()), " ",
                      reason == v1::ERROR_REASON_UNSPECIFIED ? std::string(status.message())
                                                             : v1::ErrorReason_Name(reason));
}

template <typename Page>
std::string Describe(const Page& page) {
  std::string text;
  for (const auto& item : ItemsOf(page)) absl::StrAppend(&text, item.ShortDebugString(), "\n");
  absl::StrAppend(&text, page.has_more ? "and more" : "and no more");
  if constexpr (requires { page.total_size; }) {
    if (page.total_size.has_value()) absl::StrAppend(&text, " of ", *page.total_size);
  }
  return text;
}

template <typename T>
std::string Describe(const absl::StatusOr<T>& answer) {
  if (!answer.ok()) return Describe(answer.status());
  if constexpr (std::is_base_of_v<google::protobuf::Message, T>) {
    return answer->ShortDebugString();
  } else {
    return Describe(*answer);
  }
}

const absl::Status& StatusOf(const absl::Status& status) { return status; }

template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& answer) {
  return answer.status();
}

// A copy of the threads and posts of a group, made of its changes and of nothing else.
class Copy {
 public:
  void Apply(const v1::ThreadChange& change) {
    if (change.has_forward()) return;
    if (change.has_thread()) return Put(change.name(), change.thread());
    if (change.has_post()) {
      v1::Post post = change.post();
      post.clear_from();  // Says what the group is now.
      return Put(change.name(), post);
    }
    if (const auto found = conversations_.find(change.name()); found != conversations_.end()) {
      for (const std::string& thread : found->second) Remove(thread);
      return;
    }
    Remove(change.name());
  }

  void Put(const std::string& name, const v1::ConversationThread& thread) {
    resources_[name] = thread.ShortDebugString();
    const std::string group = name.substr(0, name.find("/threads/"));
    conversations_[absl::StrCat(group, "/conversations/", thread.conversation_id())].insert(name);
  }

  void Put(const std::string& name, const v1::Post& post) {
    resources_[name] = post.ShortDebugString();
  }

  const std::map<std::string, std::string>& resources() const { return resources_; }

 private:
  void Remove(const std::string& name) {
    resources_.erase(name);
    const std::string below = name + "/";
    auto resource = resources_.lower_bound(below);
    while (resource != resources_.end() && absl::StartsWith(resource->first, below)) {
      resource = resources_.erase(resource);
    }
  }

  std::map<std::string, std::string> resources_;                // By name.
  std::map<std::string, std::set<std::string>> conversations_;  // The threads that each has had.
};

class ModelTest : public ::testing::Test {
 protected:
  ModelTest()
      : seed_(FromEnvironment("THREADSTORE_MODEL_SEED", std::random_device()())),
        random_(seed_),
        engine_(MakeEngineUnderTest()) {}

  void Reopen() {
    db_.reset();
    if (store_ != nullptr) {
      store_.reset();
      engine_->CheckIntegrity();
    }
    store_ = engine_->Open({.request_id_retention = kRetention}, clock_);
    ASSERT_NE(store_, nullptr);
    db_ = std::make_unique<BlockingStore>(*store_);
  }

  // Goes on with a copy of the store.
  void Move() {
    const std::vector<v1::Record> records = ExportAll(*db_);
    db_.reset();
    store_.reset();
    engine_ = MakeEngineUnderTest();
    Reopen();
    for (const RecordOutcome& outcome : ImportAll(*db_, records)) {
      EXPECT_TRUE(outcome.is_stored) << outcome.refusal;
    }
    EXPECT_EQ(Lines(ExportAll(*db_)), Lines(records));
  }

  void Step() {
    // Threads and posts of one create have times that are a few microseconds apart.
    clock_.Advance(absl::Microseconds(kMaxThreadsPerCreate + Below(2'000)));
    if (OneIn(400)) clock_.Advance(kRetention + absl::Hours(1));
    const std::pair<int, void (ModelTest::*)()> operations[] = {
        {3, &ModelTest::CreateGroup},
        {1, &ModelTest::DeleteGroup},
        {3, &ModelTest::UpdateGroup},
        {4, &ModelTest::AddMember},
        {3, &ModelTest::UpdateMember},
        {2, &ModelTest::RemoveMember},
        {1, &ModelTest::AddSender},
        {3, &ModelTest::RemoveSender},
        {5, &ModelTest::CreateConversation},
        {3, &ModelTest::DeleteConversation},
        {12, &ModelTest::CreateThread},
        {10, &ModelTest::UpdateThread},
        {6, &ModelTest::DeleteThread},
        {30, &ModelTest::CreatePost},
        {12, &ModelTest::UpdatePost},
        {12, &ModelTest::DeletePost},
        {4, &ModelTest::ForwardPost},
        {8, &ModelTest::CreateAttachment},
        {7, &ModelTest::CreateExtension},
        {4, &ModelTest::UpdateExtension},
        {4, &ModelTest::DeleteExtension},
        {14, &ModelTest::Repeat},
        {30, &ModelTest::Read},
        {20, &ModelTest::FollowSome},
    };
    int total = 0;
    for (const auto& [weight, operation] : operations) total += weight;
    int chosen = Below(total);
    for (const auto& [weight, operation] : operations) {
      chosen -= weight;
      if (chosen < 0) return (this->*operation)();
    }
  }

  // --- Following

  struct Follower {
    Copy copy;
    std::optional<ChangePosition> position;
  };

  // Applies some changes of a group to its copy, from the beginning if it cannot go on. Returns
  // whether there are more.
  bool Follow(const std::string& group) {
    Follower& follower = followers_[group];
    ChangeQuery query;
    query.scope.group.emplace().group = group;
    query.after = follower.position;
    query.start = ChangeStart::kBeginning;
    query.limit = 1 + Below(20);
    const auto page = db_->ListChanges({}, query);
    ++outcomes_[absl::StrCat("ListChanges ", Describe(page.status()))];
    const bool is_over = !page.ok() || page->group_is_deleted;
    if (is_over) {
      const bool could_go_on = follower.position.has_value();
      follower = Follower();
      return could_go_on;
    }
    for (const StoredChange& change : page->changes) follower.copy.Apply(change.change);
    follower.position = page->next;
    return page->has_more;
  }

  void FollowSome() { Follow(Pick(kGroups)); }

  // That a copy which has been told everything is what is stored.
  void CompareCopy(const std::string& group) {
    while (Follow(group)) {
    }
    Copy stored;
    const auto threads = db_->ListThreads({}, {.group = group, .limit = INT32_MAX});
    if (threads.ok()) {
      for (const auto& thread : threads->threads) {
        stored.Put(thread.name(), thread);
        const ThreadName name = NameOf(group, thread);
        const auto posts = db_->ListPosts({}, {.thread = name, .limit = INT32_MAX});
        for (v1::Post post : posts->posts) {
          AttachmentQuery query;
          query.post = {name, IdOf(post.id())};
          query.limit = INT32_MAX;
          *post.mutable_attachments() = db_->ListAttachments({}, query)->attachments;
          post.clear_from();
          stored.Put(post.name(), post);
        }
      }
    }
    EXPECT_EQ(followers_[group].copy.resources(), stored.resources())
        << "THREADSTORE_MODEL_SEED=" << seed_ << " differs at step " << step_;
    followed_resources_ += stored.resources().size();
  }

  // --- Comparing

  template <typename Answer>
  void Expect(const std::string& call, const Answer& stored, const Answer& expected) {
    ++outcomes_[absl::StrCat(call, " ", Describe(StatusOf(stored)))];
    const std::string ours = Describe(stored);
    const std::string theirs = Describe(expected);
    if (ours == theirs || HasFailure()) return;
    ADD_FAILURE() << "THREADSTORE_MODEL_SEED=" << seed_ << " differs at step " << step_ << " in "
                  << call << "\nthe store: " << ours << "\nthe model: " << theirs;
  }

  template <typename Call>
  void Both(const std::string& name, Call call) {
    Expect(name, call(*db_), call(model_));
  }

  // All pages of a list; `advance` makes a query go on where a page ended.
  template <typename Query, typename List, typename Advance>
  void Walk(const std::string& name, Query query, List list, Advance advance) {
    while (true) {
      const auto stored = list(*db_, query);
      Expect(name, stored, list(model_, query));
      if (HasFailure() || !stored.ok() || !stored->has_more) return;
      advance(query, *stored);
    }
  }

  // Everything that can be read.
  void CompareAll() {
    const auto list_groups = [](auto& store, const GroupQuery& query) {
      return store.ListGroups({}, query);
    };
    const auto next_group = [](GroupQuery& query, const GroupPage& page) {
      query.after_id = page.last;
    };
    Walk("ListGroups", GroupQuery{.limit = 2}, list_groups, next_group);
    for (const std::string& user : kUsers) {
      Walk("ListGroups",
           GroupQuery{.member = user,
                      .filter = SomeFilter(kGroupFilters, GroupFilterFields()),
                      .limit = 2,
                      .count = OneIn(2)},
           list_groups, next_group);
    }
    Walk("ListGroups",
         GroupQuery{.filter = SomeFilter(kGroupFilters, GroupFilterFields()),
                    .limit = 2,
                    .count = OneIn(2)},
         list_groups, next_group);
    for (const std::string& group : kGroups) {
      CompareGroup(group);
      CompareCopy(group);
    }
  }

  void CompareGroup(const std::string& group) {
    Both("GetGroup", [&](auto& store) { return store.GetGroup({}, group); });
    for (const std::optional<bool> is_owner : {std::optional<bool>(), {true}, {false}}) {
      Walk(
          "ListMembers", MemberQuery{.group = group, .is_owner = is_owner, .limit = 2},
          [](auto& store, const auto& query) { return store.ListMembers({}, query); },
          [](auto& query, const auto& page) { query.after_id = page.members.rbegin()->id(); });
    }
    for (const SenderList list : {SenderList::kAccepted, SenderList::kRejected}) {
      SenderQuery senders;
      senders.list.group.group = group;
      senders.list.list = list;
      senders.limit = 2;
      Walk(
          "ListSenders", senders,
          [](auto& store, const auto& query) { return store.ListSenders({}, query); },
          [](auto& query, const auto& page) { query.after_id = page.senders.rbegin()->id(); });
    }
    for (const std::string& text : kSearches) CompareSearch({}, group, text);
    CompareThreads(group, std::nullopt);
    for (const ThreadOrder order : kOrders) {
      Walk(
          "ListConversations",
          ConversationQuery{.group = group,
                            .order = order,
                            .filter = SomeFilter(kConversationFilters, ConversationFilterFields()),
                            .limit = 3,
                            .count = OneIn(2)},
          [](auto& store, const auto& query) { return store.ListConversations({}, query); },
          [](auto& query, const auto& page) { query.after = page.last; });
    }
    const auto conversations = model_.ListConversations({}, {.group = group, .limit = INT32_MAX});
    if (!conversations.ok()) return;
    for (const auto& conversation : conversations->conversations) {
      ConversationName name;
      name.group.group = group;
      name.conversation = IdOf(conversation.id());
      Both("GetConversation", [&](auto& store) { return store.GetConversation({}, name); });
      CompareExpanded(name);
      CompareThreads(group, name.conversation);
    }
    const auto threads = model_.ListThreads({}, {.group = group, .limit = INT32_MAX});
    for (const auto& thread : threads->threads) CompareThread(NameOf(group, thread));
  }

  // All pages of a search. Of results of one time any may come first.
  void CompareSearch(const CallContext& caller, const std::string& group, const std::string& text) {
    SearchQuery query;
    query.group = group;
    query.terms = ParseSearch(text).value_or(std::vector<SearchTerm>());
    query.limit = 3;
    const auto expected = model_.SearchThreads(caller, query);
    SearchPage all;
    absl::StatusOr<SearchPage> page;
    do {
      page = db_->SearchThreads(caller, query);
      if (!page.ok()) break;
      EXPECT_LE(page->results.size(), query.limit);
      all.results.MergeFrom(page->results);
      query.after = page->last;
    } while (page->has_more);
    if (!page.ok() || !expected.ok()) return Expect("SearchThreads", page, expected);
    const absl::StatusOr<SearchPage> walked(std::move(all));
    Expect("SearchThreads", TimesOf(*walked), TimesOf(*expected));
    Expect("SearchThreads", Sorted(*walked), Sorted(*expected));
  }

  // The times at which the results stand.
  absl::StatusOr<std::string> TimesOf(const SearchPage& page) {
    std::string times;
    for (const v1::SearchResult& result : page.results) {
      const auto post = ParsePostName(result.post());
      const google::protobuf::Timestamp time =
          post.ok() ? model_.GetPost({}, *post).value_or(v1::Post()).created_date_time()
                    : result.thread().created_date_time();
      absl::StrAppend(&times, ToMicros(time), " ");
    }
    return times;
  }

  static absl::StatusOr<std::string> Sorted(const SearchPage& page) {
    std::vector<std::string> results;
    for (const v1::SearchResult& result : page.results) {
      results.push_back(result.ShortDebugString());
    }
    std::sort(results.begin(), results.end());
    return absl::StrJoin(results, "\n");
  }

  void CompareThreads(const std::string& group, std::optional<Uuid> conversation) {
    for (const ThreadOrder order : kOrders) {
      Walk(
          "ListThreads",
          ThreadQuery{.group = group,
                      .conversation = conversation,
                      .order = order,
                      .filter = SomeFilter(kThreadFilters, ThreadFilterFields()),
                      .limit = 3,
                      .count = OneIn(2)},
          [](auto& store, const auto& query) { return store.ListThreads({}, query); },
          [](auto& query, const auto& page) { query.after = page.last; });
    }
  }

  void CompareThread(const ThreadName& name) {
    Both("GetThread", [&](auto& store) { return store.GetThread({}, name); });
    CompareExpanded(name);
    for (const bool newest_first : {false, true}) {
      Walk(
          "ListPosts",
          PostQuery{.thread = name,
                    .newest_first = newest_first,
                    .filter = SomeFilter(kPostFilters, PostFilterFields()),
                    .limit = 2,
                    .count = OneIn(2)},
          [](auto& store, const auto& query) { return store.ListPosts({}, query); },
          [](auto& query, const auto& page) { query.after = page.last; });
    }
    const auto posts = model_.ListPosts({}, {.thread = name, .limit = INT32_MAX});
    for (const auto& post : posts->posts) ComparePost({name, IdOf(post.id())});
  }

  // Nothing, as often as not.
  std::optional<FilterNode> SomeFilter(const std::vector<std::string>& filters,
                                       const std::vector<FilterField>& fields) {
    const auto choice = static_cast<size_t>(Below(2 * static_cast<int>(filters.size())));
    if (choice >= filters.size()) return std::nullopt;
    const std::string now = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ",
                                             clock_.Now() - absl::Seconds(1), absl::UTCTimeZone());
    auto filter = ParseFilter(absl::StrReplaceAll(filters[choice], {{"NOW", now}}), fields);
    EXPECT_THAT(filter, IsOk()) << filters[choice];
    return *filter;
  }

  // Expanded, a thread has what the lists of its posts and of what they have say.
  void CompareExpanded(const ThreadName& name) {
    ThreadView view;
    view.posts.emplace();
    view.posts->attachments = view.posts->extensions = view.posts->in_reply_to_post = true;
    auto expected = model_.GetThread({}, name);
    const auto posts = model_.ListPosts({}, {.thread = name, .limit = INT32_MAX});
    for (v1::Post post : posts->posts) {
      const PostName post_name{name, IdOf(post.id())};
      const auto attachments = model_.ListAttachments({}, {.post = post_name, .limit = INT32_MAX});
      *post.mutable_attachments() = attachments->attachments;
      *post.mutable_extensions() =
          model_.ListExtensions({}, {.post = post_name, .limit = INT32_MAX})->extensions;
      for (const v1::Post& other : posts->posts) {
        if (other.name() == post.in_reply_to()) *post.mutable_in_reply_to_post() = other;
      }
      *expected->add_posts() = std::move(post);
    }
    Expect("GetThread expanded", db_->GetThread({}, name, view), expected);
  }

  // Expanded, a conversation has what the list of its threads says.
  void CompareExpanded(const ConversationName& name) {
    auto expected = model_.GetConversation({}, name);
    *expected->mutable_threads() = model_
                                       .ListThreads({}, {.group = name.group.group,
                                                         .conversation = name.conversation,
                                                         .limit = INT32_MAX})
                                       ->threads;
    Expect("GetConversation expanded", db_->GetConversation({}, name, {.threads = true}), expected);
  }

  void ComparePost(const PostName& name) {
    Both("GetPost", [&](auto& store) { return store.GetPost({}, name); });
    for (const bool with_content : {false, true}) {
      Walk(
          "ListAttachments",
          AttachmentQuery{.post = name, .with_content = with_content, .limit = 2},
          [](auto& store, const auto& query) { return store.ListAttachments({}, query); },
          [](auto& query, const auto& page) {
            query.after = IdOf(page.attachments.rbegin()->id());
          });
    }
    Walk(
        "ListExtensions", ExtensionQuery{.post = name, .limit = 2},
        [](auto& store, const auto& query) { return store.ListExtensions({}, query); },
        [](auto& query, const auto& page) {
          query.after_name = page.extensions.rbegin()->extension_name();
        });
    const auto attachments = model_.ListAttachments({}, {.post = name, .limit = INT32_MAX});
    for (const auto& attachment : attachments->attachments) {
      Both("GetAttachment", [&](auto& store) {
        return store.GetAttachment({}, {name, IdOf(attachment.id())}, /*with_content=*/true);
      });
    }
    const auto extensions = model_.ListExtensions({}, {.post = name, .limit = INT32_MAX});
    for (const auto& extension : extensions->extensions) {
      Both("GetExtension", [&](auto& store) {
        return store.GetExtension({}, {name, extension.extension_name()});
      });
    }
  }

  // --- Chance

  int Below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }
  bool OneIn(int n) { return Below(n) == 0; }

  template <typename T>
  const T& Pick(const std::vector<T>& items) {
    return items[static_cast<size_t>(Below(static_cast<int>(items.size())))];
  }

  // As a rule one that is still there.
  template <typename T, typename Exists>
  const T& PickLive(const std::vector<T>& items, Exists exists) {
    constexpr int kTries = 4;
    for (int i = 0; i < kTries; ++i) {
      const T& item = Pick(items);
      if (exists(item)) return item;
    }
    return Pick(items);
  }

  // Replaces one by chance if there are many.
  template <typename T>
  void Keep(std::vector<T>& items, T item) {
    if (items.size() == kNamesKept) {
      std::swap(items[static_cast<size_t>(Below(kNamesKept))], items.back());
      items.pop_back();
    }
    items.push_back(std::move(item));
  }

  // --- Who calls, and when

  // At times behind the store's newest posts, as another server's clock may be.
  absl::Time Now() { return clock_.Now() - absl::Microseconds(OneIn(10) ? Below(5'000) : 0); }

  CallContext AnyCaller() {
    CallContext context;
    if (OneIn(2)) return context;
    context.required_member = RequiredMember{.user = Pick(kUsers), .hides_group = OneIn(4)};
    return context;
  }

  CallContext AnyManager() {
    CallContext context = AnyCaller();
    if (context.required_member.has_value()) context.required_member->must_be_owner = true;
    return context;
  }

  // `etag` is the right one.
  ChangeContext Changing(CallContext caller, const std::string& etag = "") {
    ChangeContext context;
    static_cast<CallContext&>(context) = std::move(caller);
    context.now = Now();
    if (!etag.empty() && OneIn(2)) context.etag = OneIn(4) ? "\"0\"" : etag;
    return context;
  }

  // --- Names of what is there, mostly

  ThreadName Vary(ThreadName name) {
    if (!OneIn(4)) name.conversation.reset();
    if (OneIn(40)) name.conversation = Uuid::V7(clock_.Now());
    if (OneIn(60)) name.group.group = Pick(kGroups);
    return name;
  }

  ThreadName AnyThread() {
    if (!threads_.empty() && !OneIn(60)) {
      return Vary(PickLive(threads_, [&](auto& it) { return model_.GetThread({}, it).ok(); }));
    }
    ThreadName name;
    name.group.group = Pick(kGroups);
    name.thread = Uuid::V7(clock_.Now());
    return name;
  }

  PostName AnyPost() {
    if (posts_.empty() || OneIn(60)) return {AnyThread(), Uuid::V7(clock_.Now())};
    PostName name = PickLive(posts_, [&](auto& it) { return model_.GetPost({}, it).ok(); });
    name.thread = Vary(name.thread);
    return name;
  }

  AttachmentName AnyAttachment() {
    if (attachments_.empty() || OneIn(20)) return {AnyPost(), Uuid::V7(clock_.Now())};
    return Pick(attachments_);
  }

  ExtensionName AnyExtension() {
    if (extensions_.empty() || OneIn(3)) return {AnyPost(), Pick(kExtensions)};
    return PickLive(extensions_, [&](auto& it) { return model_.GetExtension({}, it).ok(); });
  }

  ConversationName AnyConversation() {
    const ThreadName thread = AnyThread();
    ConversationName name;
    name.group = thread.group;
    name.conversation = thread.conversation.value_or(
        threads_.empty() ? Uuid::V7(clock_.Now()) : *Pick(threads_).conversation);
    return name;
  }

  SenderName AnySender() {
    SenderName name;
    name.list.group.group = Pick(kGroups);
    name.list.list = OneIn(2) ? SenderList::kAccepted : SenderList::kRejected;
    name.sender = Pick(kSenders);
    return name;
  }

  // --- What is sent

  v1::Recipient AnyRecipient() {
    v1::Recipient recipient;
    if (OneIn(8)) return recipient;
    v1::EmailAddress& email = *recipient.mutable_email_address();
    if (!OneIn(3)) email.set_name(Pick(kNames));
    if (!OneIn(4)) email.set_address(Pick(kAddresses));
    return recipient;
  }

  // Has a name or an address.
  v1::Recipient AnyNamedSender() {
    v1::Recipient sender;
    sender.mutable_email_address()->set_name(Pick(kNames));
    if (sender.email_address().name().empty() || OneIn(2)) {
      sender.mutable_email_address()->set_address(Pick(kAddresses));
    }
    return sender;
  }

  v1::ItemBody AnyBody() {
    v1::ItemBody body;
    const bool html = OneIn(2);
    body.set_content_type(html ? "html" : "text");
    std::string content = absl::StrCat(html ? "<p>Step</p> " : "Step\n", step_);
    for (int i = Below(4); i > 0; --i) absl::StrAppend(&content, " ", Pick(kWords));
    body.set_content(content);
    return body;
  }

  v1::Attachment AnyAttachmentContent() {
    v1::Attachment attachment;
    attachment.set_display_name(absl::StrCat("attachment ", step_));
    attachment.set_is_inline(OneIn(2));
    switch (Below(3)) {
      case 0:
        attachment.set_content_type("application/octet-stream");
        attachment.mutable_file()->set_content_bytes(std::string("\0\xFF content", 10));
        attachment.mutable_file()->set_content_id("cid");
        break;
      case 1:
        attachment.mutable_item()->set_item_json(R"({"subject": "an item"})");
        break;
      default:
        attachment.mutable_reference()->set_source_url("https://example.com/");
        attachment.mutable_reference()->set_provider_type("oneDriveBusiness");
        attachment.mutable_reference()->set_permission("edit");
        attachment.mutable_reference()->set_is_folder(OneIn(2));
    }
    return attachment;
  }

  // A user posts as itself.
  v1::Post AnyPostContent(const CallContext& caller) {
    v1::Post post;
    if (!caller.required_member.has_value()) *post.mutable_sender() = AnyNamedSender();
    if (!OneIn(8)) *post.mutable_body() = AnyBody();
    for (int i = Below(3); i > 0; --i) post.add_categories(absl::StrCat("category ", i));
    for (int i = Below(3); i > 0; --i) *post.add_new_participants() = AnyRecipient();
    for (int i = OneIn(3) ? Below(3) : 0; i > 0; --i) {
      *post.add_attachments() = AnyAttachmentContent();
    }
    const bool many_extensions = OneIn(30);
    for (int i = many_extensions ? kMaxExtensionsPerPost : Below(2); i > 0; --i) {
      v1::Extension& extension = *post.add_extensions();
      extension.set_extension_name(many_extensions ? absl::StrCat("many.", i) : Pick(kExtensions));
      extension.set_content_json("{}");
    }
    return post;
  }

  v1::ConversationThread AnyThreadContent(const CallContext& caller) {
    v1::ConversationThread thread;
    if (!OneIn(3)) thread.set_topic(absl::StrCat("topic ", step_, " ", Pick(kWords)));
    for (int i = Below(3); i > 0; --i) *thread.add_to_recipients() = AnyRecipient();
    for (int i = Below(2); i > 0; --i) *thread.add_cc_recipients() = AnyRecipient();
    if (OneIn(20)) {
      for (int i = thread.to_recipients_size() + 1; i < kMaxRecipients; ++i) {
        thread.add_to_recipients()->mutable_email_address()->set_address(absl::StrCat(i, "@x"));
      }
    }
    thread.set_is_locked(OneIn(8));
    if (OneIn(3)) {
      thread.set_has_attachments(true);
      thread.set_preview("as sent");
      thread.add_unique_senders("Ann");
      thread.add_unique_senders("as sent");
      thread.mutable_last_delivered_date_time()->set_seconds(Below(100));
    }
    if (OneIn(2)) *thread.add_posts() = AnyPostContent(caller);
    return thread;
  }

  // --- Creates

  // Makes a create and, if it has a request key, remembers it, so that it can be sent again.
  // `send` may send another content each time: the key's hash says that it is the same.
  void Send(CallContext caller, std::function<void(const CreateContext&)> send) {
    CreateContext context;
    static_cast<CallContext&>(context) = std::move(caller);
    context.now = clock_.Now();
    if (!OneIn(3)) {
      context.request = RequestKey{Uuid::V7(clock_.Now()), Sha256(absl::StrCat(step_)),
                                   OneIn(2) ? "user:ann" : "application"};
    }
    send(context);
    if (context.request.has_value()) Keep(requests_, {context, std::move(send)});
  }

  void Repeat() {
    if (requests_.empty()) return;
    auto [context, send] = Pick(requests_);
    context.now = clock_.Now();
    if (OneIn(6)) context.request->hash = Sha256("another request");
    if (OneIn(10)) context.request->principal = "another principal";
    send(context);
  }

  void CreateGroup() {
    v1::CreateGroupRequest request;
    request.set_group_id(Pick(kGroups));
    request.mutable_group()->set_allow_external_senders(!OneIn(3));
    if (OneIn(2)) request.mutable_group()->set_mail("group@x");
    if (OneIn(2)) request.mutable_group()->set_description("a group");
    if (OneIn(2)) request.mutable_group()->set_mail_nickname("group");
    for (const std::string& user : kUsers) {
      if (!OneIn(3)) continue;
      *request.add_members() = AnyMember(
          request.group_id(), user, OneIn(3) ? v1::Member::ROLE_OWNER : v1::Member::ROLE_MEMBER);
    }
    std::optional<std::string> creator;
    CallContext caller;
    if (!OneIn(3)) {
      creator = Pick(kUsers);
      caller.required_member = RequiredMember{.user = *creator};
    }
    Send(caller, [this, request, creator](const CreateContext& context) {
      const v1::Group group = BuildGroup(request, context.now);
      const std::vector<v1::Member> members = BuildFirstMembers(request, creator);
      Both("CreateGroup", [&](auto& store) { return store.CreateGroup(context, group, members); });
    });
  }

  void CreateConversation() {
    const CallContext caller = AnyCaller();
    GroupName group;
    group.group = Pick(kGroups);
    Send(caller, [this, group](const CreateContext& context) {
      v1::Conversation sent;
      sent.set_topic(absl::StrCat("conversation ", step_));
      for (int i = 1 + Below(3); i > 0; --i) *sent.add_threads() = AnyThreadContent(context);
      const v1::Conversation built = BuildConversation(group, sent, context.now);
      const auto stored = db_->CreateConversation(context, group.group, built);
      const v1::Conversation answer = stored.value_or(v1::Conversation());
      Expect("CreateConversation", stored,
             model_.CreateConversation(context, group.group, built, answer));
      for (const auto& thread : answer.threads()) KeepNames(group.group, thread);
    });
  }

  void CreateThread() {
    ThreadParent parent;
    parent.group.group = Pick(kGroups);
    if (OneIn(2)) {
      const ConversationName conversation = AnyConversation();
      parent = {conversation.group, conversation.conversation};
    }
    Send(AnyCaller(), [this, parent](const CreateContext& context) {
      v1::ConversationThread sent = AnyThreadContent(context);
      if (!parent.conversation.has_value() && sent.topic().empty()) sent.set_topic("a topic");
      const v1::ConversationThread built = BuildThread(parent, sent, context.now);
      const std::string& group = parent.group.group;
      const auto stored = db_->CreateThread(context, group, parent.conversation, built);
      const v1::ConversationThread answer = stored.value_or(v1::ConversationThread());
      Expect("CreateThread", stored,
             model_.CreateThread(context, group, parent.conversation, built, answer));
      if (stored.ok()) KeepNames(group, answer);
    });
  }

  void KeepNames(const std::string& group, const v1::ConversationThread& thread) {
    const ThreadName name = NameOf(group, thread);
    Keep(threads_, name);
    for (const v1::Post& post : thread.posts()) KeepNames(name, post);
  }

  void KeepNames(const ThreadName& thread, const v1::Post& post) {
    const PostName name = {thread, IdOf(post.id())};
    Keep(posts_, name);
    for (const auto& attachment : post.attachments()) {
      Keep(attachments_, {name, IdOf(attachment.id())});
    }
  }

  void CreatePost() {
    ThreadName thread = AnyThread();
    std::optional<Uuid> in_reply_to;
    if (OneIn(3)) {
      const PostName replied = AnyPost();
      thread = replied.thread;
      in_reply_to = replied.post;
    }
    Send(AnyCaller(), [this, thread, in_reply_to](CreateContext context) {
      context.now = Now();
      NewPost post;
      post.post = BuildPost(AnyPostContent(context), context.now);
      post.preview = MakePreview(post.post.body());
      post.in_reply_to = in_reply_to;
      const auto stored = db_->CreatePost(context, thread, post);
      const v1::Post answer = stored.value_or(v1::Post());
      Expect("CreatePost", stored, model_.CreatePost(context, thread, post, answer));
      if (!stored.ok()) return;
      ThreadName name = thread;
      name.conversation = IdOf(answer.conversation_id());
      KeepNames(name, answer);
    });
  }

  void ForwardPost() {
    Send(AnyCaller(), [this, name = AnyPost()](const CreateContext& context) {
      v1::ForwardPostRequest request;
      request.set_comment(absl::StrCat("comment ", step_));
      request.add_to_recipients()->mutable_email_address()->set_address(Pick(kAddresses));
      const v1::Forward forward = BuildForward(name.Canonical(), request, context.now);
      Both("ForwardPost", [&](auto& store) { return store.ForwardPost(context, name, forward); });
    });
  }

  void CreateAttachment() {
    Send(AnyCaller(), [this, post = AnyPost()](const CreateContext& context) {
      const v1::Attachment attachment =
          BuildAttachment(post.Canonical(), AnyAttachmentContent(), context.now);
      Both("CreateAttachment",
           [&](auto& store) { return store.CreateAttachment(context, post, attachment); });
      Keep(attachments_, {post, IdOf(attachment.id())});
    });
  }

  void CreateExtension() {
    const ExtensionName name =
        OneIn(4) ? AnyExtension() : ExtensionName{AnyPost(), Pick(kExtensions)};
    Send(AnyCaller(), [this, name](const CreateContext& context) {
      v1::Extension sent;
      sent.set_extension_name(name.extension);
      sent.set_content_json(absl::StrCat("{\"step\": ", step_, "}"));
      const v1::Extension extension = BuildExtension(name.post.Canonical(), sent);
      Both("CreateExtension",
           [&](auto& store) { return store.CreateExtension(context, name.post, extension); });
      Keep(extensions_, name);
    });
  }

  // --- Groups, members, senders

  v1::Member AnyMember(const std::string& group, const std::string& user, v1::Member::Role role) {
    v1::Member member;
    member.set_id(user);
    if (!OneIn(4)) member.set_mail(member.id() + "@x");
    if (!OneIn(4)) member.set_display_name("Name of " + member.id());
    member.set_role(role);
    MemberListName list;
    list.group.group = group;
    return BuildMember(list, member);
  }

  MemberName AnyMemberName() {
    MemberName name;
    name.list.group.group = Pick(kGroups);
    name.list.owners_only = OneIn(2);
    name.user = Pick(kUsers);
    return name;
  }

  void DeleteGroup() {
    const CallContext caller = AnyManager();
    const std::string group = Pick(kGroups);
    const bool force = OneIn(3);
    Both("DeleteGroup", [&](auto& store) { return store.DeleteGroup(caller, group, force); });
  }

  void UpdateGroup() {
    const CallContext caller = AnyManager();
    const std::string group = Pick(kGroups);
    GroupChanges changes;
    if (OneIn(2)) changes.display_name = absl::StrCat("display name ", step_);
    if (OneIn(2)) changes.mail = OneIn(2) ? "" : "changed@x";
    if (OneIn(2)) changes.allow_external_senders = !OneIn(4);
    if (OneIn(4)) changes.description = OneIn(2) ? "" : absl::StrCat("for step ", step_);
    if (OneIn(4)) changes.mail_nickname = absl::StrCat("nickname", step_);
    Both("UpdateGroup", [&](auto& store) { return store.UpdateGroup(caller, group, changes); });
  }

  void AddMember() {
    const CallContext caller = AnyManager();
    MemberListName list;
    list.group.group = Pick(kGroups);
    list.owners_only = OneIn(4);
    const bool is_owner = list.owners_only || OneIn(4);
    const v1::Member member =
        AnyMember(list.group.group, Pick(kUsers),
                  is_owner ? v1::Member::ROLE_OWNER : v1::Member::ROLE_MEMBER);
    Both("AddMember", [&](auto& store) { return store.AddMember(caller, list, member); });
  }

  void UpdateMember() {
    const CallContext caller = AnyManager();
    const MemberName name = AnyMemberName();
    MemberChanges changes;
    if (OneIn(2)) changes.role = OneIn(2) ? v1::Member::ROLE_OWNER : v1::Member::ROLE_MEMBER;
    if (OneIn(3)) changes.display_name = Pick(kNames);
    if (OneIn(4)) changes.mail = OneIn(2) ? "" : name.user + "@x";
    Both("UpdateMember", [&](auto& store) { return store.UpdateMember(caller, name, changes); });
  }

  void RemoveMember() {
    const CallContext caller = AnyManager();
    const MemberName name = AnyMemberName();
    Both("RemoveMember", [&](auto& store) { return store.RemoveMember(caller, name); });
  }

  void AddSender() {
    const CallContext caller = AnyManager();
    const SenderName sender = AnySender();
    Both("AddSender", [&](auto& store) { return store.AddSender(caller, sender); });
  }

  // As a rule one that is there, so that most can post.
  void RemoveSender() {
    const CallContext caller = OneIn(4) ? AnyManager() : CallContext();
    SenderName name = AnySender();
    SenderQuery query;
    query.list = name.list;
    query.limit = 1;
    const auto listed = model_.ListSenders({}, query);
    if (listed.ok() && !listed->senders.empty() && !OneIn(4)) name.sender = listed->senders[0].id();
    Both("RemoveSender", [&](auto& store) { return store.RemoveSender(caller, name); });
  }

  // --- Changes of the rest

  void DeleteConversation() {
    const CallContext caller = AnyCaller();
    const ConversationName name = AnyConversation();
    Both("DeleteConversation", [&](auto& store) { return store.DeleteConversation(caller, name); });
  }

  void UpdateThread() {
    const ThreadName name = AnyThread();
    const v1::ConversationThread now =
        model_.GetThread({}, name).value_or(v1::ConversationThread());
    const ChangeContext context = Changing(AnyCaller(), now.etag());
    ThreadChanges changes;
    if (!OneIn(4)) changes.is_locked = OneIn(4);
    if (OneIn(4)) changes.topic = now.topic();
    if (context.etag.empty() && OneIn(10)) changes.topic = "another topic";
    Both("UpdateThread", [&](auto& store) { return store.UpdateThread(context, name, changes); });
  }

  void DeleteThread() {
    const ThreadName name = AnyThread();
    const auto now = model_.GetThread({}, name);
    const ChangeContext context = Changing(AnyCaller(), now.ok() ? now->etag() : "");
    Both("DeleteThread", [&](auto& store) { return store.DeleteThread(context, name); });
  }

  void UpdatePost() {
    const PostName name = AnyPost();
    const auto now = model_.GetPost({}, name);
    const ChangeContext context = Changing(AnyCaller(), now.ok() ? now->etag() : "");
    PostChanges changes;
    if (!OneIn(3)) {
      changes.body = AnyBody();
      changes.preview = MakePreview(*changes.body);
    }
    if (!changes.body.has_value() || OneIn(2)) {
      changes.categories.emplace();
      *changes.categories->Add() = absl::StrCat("category ", step_);
    }
    Both("UpdatePost", [&](auto& store) { return store.UpdatePost(context, name, changes); });
  }

  void DeletePost() {
    const PostName name = AnyPost();
    const auto now = model_.GetPost({}, name);
    const ChangeContext context = Changing(AnyCaller(), now.ok() ? now->etag() : "");
    Both("DeletePost", [&](auto& store) { return store.DeletePost(context, name); });
  }

  void UpdateExtension() {
    const ChangeContext context = Changing(AnyCaller());
    const ExtensionName name = AnyExtension();
    const std::string content = absl::StrCat("{\"step\": ", step_, "}");
    Both("UpdateExtension",
         [&](auto& store) { return store.UpdateExtension(context, name, content); });
  }

  void DeleteExtension() {
    const ChangeContext context = Changing(AnyCaller());
    const ExtensionName name = AnyExtension();
    Both("DeleteExtension", [&](auto& store) { return store.DeleteExtension(context, name); });
  }

  // --- Reads, as anyone

  void Read() {
    const CallContext caller = AnyCaller();
    const std::string group = Pick(kGroups);
    const ConversationName conversation = AnyConversation();
    const ThreadName thread = AnyThread();
    const PostName post = AnyPost();
    const AttachmentName attachment = AnyAttachment();
    const ExtensionName extension = AnyExtension();
    const bool with_content = OneIn(2);
    const MemberName member = AnyMemberName();
    switch (Below(14)) {
      case 13:
        return Both("GetMember", [&](auto& store) { return store.GetMember(caller, member); });
      case 12:
        return CompareSearch(caller, group, Pick(kSearches));
      case 0:
        return Both("GetGroup", [&](auto& store) { return store.GetGroup(caller, group); });
      case 1:
        return Both("ListMembers", [&](auto& store) {
          return store.ListMembers(caller, {.group = group, .limit = 3});
        });
      case 2:
        return Both("ListSenders", [&](auto& store) {
          SenderQuery query;
          query.list.group.group = group;
          query.limit = 3;
          return store.ListSenders(caller, query);
        });
      case 3:
        return Both("GetConversation",
                    [&](auto& store) { return store.GetConversation(caller, conversation); });
      case 4:
        return Both("ListConversations", [&](auto& store) {
          return store.ListConversations(caller, {.group = group, .limit = 3});
        });
      case 5:
        return Both("GetThread", [&](auto& store) { return store.GetThread(caller, thread); });
      case 6:
        return Both("ListThreads", [&](auto& store) {
          return store.ListThreads(caller, {.group = conversation.group.group,
                                            .conversation = conversation.conversation,
                                            .limit = 3});
        });
      case 7:
        return Both("GetPost", [&](auto& store) { return store.GetPost(caller, post); });
      case 8:
        return Both("ListPosts", [&](auto& store) {
          return store.ListPosts(caller, {.thread = thread, .after = post.post, .limit = 3});
        });
      case 9:
        return Both("GetAttachment", [&](auto& store) {
          return store.GetAttachment(caller, attachment, with_content);
        });
      case 10:
        return Both("GetExtension",
                    [&](auto& store) { return store.GetExtension(caller, extension); });
      default:
        return Both("ListExtensions", [&](auto& store) {
          return store.ListExtensions(caller, {.post = post, .limit = 3});
        });
    }
  }

  const uint64_t seed_;
  uint64_t step_ = 0;
  std::mt19937_64 random_;
  FakeClock clock_;
  Model model_{kRetention};
  std::unique_ptr<EngineUnderTest> engine_;
  std::unique_ptr<ThreadStore> store_;
  std::unique_ptr<BlockingStore> db_;

  // Some of what has been made; it may have been deleted since. Threads have their conversation.
  std::vector<ThreadName> threads_;
  std::vector<PostName> posts_;
  std::vector<AttachmentName> attachments_;
  std::vector<ExtensionName> extensions_;
  std::vector<std::pair<CreateContext, std::function<void(const CreateContext&)>>> requests_;

  std::map<std::string, Follower> followers_;  // By group.
  size_t followed_resources_ = 0;

  std::map<std::string, int> outcomes_;
};

TEST_F(ModelTest, TheStoreAnswersAsTheModelDoes) {
  const uint64_t steps = FromEnvironment("THREADSTORE_MODEL_STEPS", kDefaultSteps);
  std::cout << "THREADSTORE_MODEL_SEED=" << seed_ << " THREADSTORE_MODEL_STEPS=" << steps << "\n";
  ASSERT_NO_FATAL_FAILURE(Reopen());
  for (step_ = 1; step_ <= steps && !HasFailure(); ++step_) {
    Step();
    if (!HasFailure() && (step_ % kStepsBetweenReopens == 0 || step_ == steps)) {
      ASSERT_NO_FATAL_FAILURE(Reopen());
      CompareAll();
    }
  }
  if (!HasFailure()) {
    Move();
    CompareAll();
  }
  for (const auto& [outcome, times] : outcomes_) {
    if (!HasFailure()) std::cout << times << " " << outcome << "\n";
  }
  EXPECT_GT(followed_resources_, 0);
  db_.reset();
  store_.reset();
  engine_->CheckIntegrity();
}

}  // namespace
}  // namespace threadstore::testing
