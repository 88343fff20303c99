#include "tests/store/write_kinds.h"

#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/str_replace.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "server/base/sha256.h"
#include "server/domain/resource.h"
#include "server/domain/words.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/store/moving.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/proto_matchers.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace threadstore::testing {
namespace {

constexpr char kGroup[] = "g";
constexpr char kDoomedGroup[] = "h";

constexpr char kRichPost[] = R"pb(
  sender { email_address { name: "Bob" address: "bob@x" } }
  categories: "red"
  categories: "blue"
  new_participants { email_address { name: "Zoe" address: "zoe@x" } }
  body { content_type: "html" content: "<p>rich <b>apple</b></p>" }
  attachments {
    display_name: "f"
    file { content_bytes: "some content" }
  }
  attachments {
    display_name: "l"
    reference { source_url: "https://example.com/" }
  }
  extensions { extension_name: "e" content_json: "{\"a\": 1}" }
  extensions { extension_name: "e2" content_json: "{}" }
)pb";

template <typename Message>
Message Parse(const std::string& text_format) {
  return ParseText<Message>(text_format);
}

// A request_id that is the same for each write of a name.
CreateContext Creating(const std::string& name, absl::Time now) {
  CreateContext context;
  context.now = now;
  const std::string hash = Sha256(name);
  context.request =
      RequestKey{*Uuid::FromBytes(hash.substr(0, Uuid::kBytes)), hash, "application:test"};
  return context;
}

ChangeContext Changing(absl::Time now) {
  ChangeContext context;
  context.now = now;
  return context;
}

NewPost MakePost(const std::string& text_format, absl::Time now) {
  NewPost post;
  post.post = BuildPost(Parse<v1::Post>(text_format), now);
  post.preview = MakePreview(post.post.body());
  return post;
}

std::string TextPost(const std::string& sender, const std::string& text) {
  return "sender { email_address { name: '" + sender + "' address: '" + sender +
         "@x' } } body { content: '" + text + "' }";
}

v1::ConversationThread MakeThread(const std::string& group, const std::string& text_format,
                                  absl::Time now, std::optional<Uuid> conversation = std::nullopt) {
  ThreadParent parent;
  parent.group.group = group;
  parent.conversation = conversation;
  v1::ConversationThread thread =
      BuildThread(parent, Parse<v1::ConversationThread>(text_format), now);
  if (thread.posts_size() > 0) thread.set_preview(MakePreview(thread.posts(0).body()));
  return thread;
}

v1::Conversation MakeConversation(const std::string& text_format, absl::Time now) {
  GroupName group;
  group.group = kGroup;
  return BuildConversation(group, Parse<v1::Conversation>(text_format), now);
}

v1::Member MakeMember(const std::string& group, const std::string& user, bool is_owner = false) {
  v1::Member member;
  member.set_name(MakeMemberName(group, user));
  member.set_id(user);
  member.set_display_name("Name of " + user);
  member.set_mail(user + "@x");
  member.set_role(is_owner ? v1::Member::ROLE_OWNER : v1::Member::ROLE_MEMBER);
  return member;
}

MemberName MemberOf(const std::string& user, bool among_owners = false) {
  MemberName name;
  name.list.group.group = kGroup;
  name.list.owners_only = among_owners;
  name.user = user;
  return name;
}

v1::Group MakeGroup(const std::string& id, absl::Time now) {
  v1::CreateGroupRequest request;
  request.set_group_id(id);
  request.mutable_group()->set_display_name("Group " + id);
  request.mutable_group()->set_mail(id + "@x");
  request.mutable_group()->set_allow_external_senders(true);
  return BuildGroup(request, now);
}

v1::Forward MakeForward(const PostName& post, absl::Time now) {
  return BuildForward(post.Canonical(),
                      Parse<v1::ForwardPostRequest>(
                          "comment: 'see' to_recipients { email_address { address: 'eve@x' } }"
                          " to_recipients { email_address { address: 'kim@x' } }"),
                      now);
}

SenderName Sender(const std::string& name) { return *ParseSenderName(name); }

// What a group has, as another group's.
std::vector<v1::Record> Renamed(const std::vector<v1::Record>& records) {
  std::vector<v1::Record> renamed;
  for (const v1::Record& record : records) {
    std::string text;
    google::protobuf::TextFormat::PrintToString(record, &text);
    renamed.push_back(Parse<v1::Record>(absl::StrReplaceAll(
        text, {{"groups/g/", "groups/imported/"}, {"\"groups/g\"", "\"groups/imported\""}})));
  }
  renamed.front().mutable_group()->set_id("imported");
  return renamed;
}

template <typename T>
T Stored(absl::StatusOr<T> stored) {
  EXPECT_THAT(stored, IsOk());
  return stored.ok() ? *std::move(stored) : T();
}

}  // namespace

const Scene& Scene::Get() {
  static const Scene* const kScene = new Scene();
  return *kScene;
}

Scene::Scene() {
  const TempDir folder;
  FakeClock clock;
  const auto now = [&clock] {
    clock.Advance(absl::Milliseconds(1));
    return clock.Now();
  };
  const std::string path = folder.File("threads.db");
  auto store = OpenSqliteStore({.path = path}, clock);
  EXPECT_THAT(store, IsOk());
  BlockingStore db(**store);
  const auto add_thread = [&](const std::string& group, const std::string& text_format) {
    const auto thread =
        Stored(db.CreateThread({}, group, std::nullopt, MakeThread(group, text_format, now())));
    return *ParseThreadName(thread.name());
  };
  const auto add_post = [&](const ThreadName& thread, const std::string& text_format) {
    CreateContext context;
    context.now = now();
    return *ParsePostName(
        Stored(db.CreatePost(context, thread, MakePost(text_format, context.now))).name());
  };
  EXPECT_THAT(db.CreateGroup({}, MakeGroup(kGroup, now()),
                             {MakeMember(kGroup, "ann", true), MakeMember(kGroup, "bob", true),
                              MakeMember(kGroup, "carl"), MakeMember(kGroup, "dora")}),
              IsOk());
  EXPECT_THAT(db.AddSender({}, Sender("groups/g/rejectedSenders/eve@y")), IsOk());
  busy = add_thread(kGroup,
                    "topic: 'busy' to_recipients { email_address { name: 'To' } }"
                    " cc_recipients { email_address { name: 'Cc' } } posts { " +
                        TextPost("ann", "the first apple") + " }");
  first = *ParsePostName(Stored(db.ListPosts({}, {.thread = busy, .limit = 1})).posts[0].name());
  rich = add_post(busy, kRichPost);
  EXPECT_THAT(db.ForwardPost({}, rich, MakeForward(rich, now())), IsOk());
  newest = add_post(busy, TextPost("carl", "the newest apple"));
  silent = add_thread(kGroup,
                      "topic: 'silent' preview: 'its own' unique_senders: 'Kim'"
                      " to_recipients { email_address { name: 'To' } }");
  doomed = add_thread(kGroup, "topic: 'doomed' posts { " + TextPost("ann", "soon gone") + " }");
  add_post(doomed, kRichPost);
  const absl::Time time = now();
  pair = *ParseConversationName(
      Stored(db.CreateConversation(
                 {}, kGroup,
                 MakeConversation(
                     "topic: 'pair' threads { posts { " + TextPost("ann", "one") + " } }", time)))
          .name());
  const auto second = Stored(db.CreateThread(
      {}, kGroup, pair.conversation,
      MakeThread(kGroup, "posts { " + TextPost("bob", "two") + " }", now(), pair.conversation)));
  add_post(*ParseThreadName(second.name()), kRichPost);
  other_records = Renamed(ExportAll(db, kGroup));

  EXPECT_THAT(
      db.CreateGroup({}, MakeGroup(kDoomedGroup, now()), {MakeMember(kDoomedGroup, "ann", true)}),
      IsOk());
  EXPECT_THAT(db.AddSender({}, Sender("groups/h/acceptedSenders/bob@x")), IsOk());
  add_post(add_thread(kDoomedGroup, "topic: 'in h'"), TextPost("bob", "an apple of h"));
  // It waits for the index, which knows changes in their order.
  SearchQuery search{.group = kDoomedGroup, .terms = *ParseSearch("apple"), .limit = 1};
  EXPECT_EQ(Stored(db.SearchThreads({}, search)).results.size(), 1);
  store->reset();

  std::stringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  file_ = content.str();
}

void Scene::CopyTo(const std::string& path) const {
  std::ofstream(path, std::ios::binary) << file_;
}

const std::vector<WriteKind>& WriteKinds() {
  using Db = BlockingStore;
  static const auto* const kKinds = new std::vector<WriteKind>{
      {"CreateGroup",
       [](Db& db, const Scene&, absl::Time now) {
         return db
             .CreateGroup(Creating("CreateGroup", now), MakeGroup("new", now),
                          {MakeMember("new", "ann", true), MakeMember("new", "bob")})
             .status();
       }},
      {"UpdateGroup",
       [](Db& db, const Scene&, absl::Time) {
         GroupChanges changes;
         changes.display_name = "Renamed";
         changes.description = "Described";
         return db.UpdateGroup({}, kGroup, changes).status();
       }},
      {"AddSender",
       [](Db& db, const Scene&, absl::Time) {
         return db.AddSender({}, Sender("groups/g/rejectedSenders/zoe@y")).status();
       }},
      {"RemoveSender",
       [](Db& db, const Scene&, absl::Time) {
         return db.RemoveSender({}, Sender("groups/g/rejectedSenders/eve@y"));
       }},
      {"AddMember",
       [](Db& db, const Scene&, absl::Time) {
         return db.AddMember({}, kGroup, MakeMember(kGroup, "dave")).status();
       }},
      {"UpdateMember",
       [](Db& db, const Scene&, absl::Time) {
         MemberChanges changes;
         changes.display_name = "Carla";
         changes.mail = "carla@y";
         return db.UpdateMember({}, MemberOf("carl"), changes).status();
       }},
      {"RemoveMember",
       [](Db& db, const Scene&, absl::Time) { return db.RemoveMember({}, kGroup, "dora"); }},
      {"AddOwner",
       [](Db& db, const Scene&, absl::Time) {
         return db.AddMember({}, MemberOf("carl", true).list, MakeMember(kGroup, "carl", true))
             .status();
       }},
      {"RemoveOwner",
       [](Db& db, const Scene&, absl::Time) { return db.RemoveMember({}, MemberOf("bob", true)); }},
      {"CreateConversation",
       [](Db& db, const Scene&, absl::Time now) {
         return db
             .CreateConversation(
                 Creating("CreateConversation", now), kGroup,
                 MakeConversation("topic: 'new' threads { posts { " + TextPost("ann", "one") +
                                      " } } threads { topic: 'without' }",
                                  now))
             .status();
       }},
      {"CreateThread",
       [](Db& db, const Scene&, absl::Time now) {
         return db
             .CreateThread(Creating("CreateThread", now), kGroup, std::nullopt,
                           MakeThread(kGroup, "topic: 'new' unique_senders: 'Ann'", now))
             .status();
       }},
      {"CreateThreadWithPost",
       [](Db& db, const Scene&, absl::Time now) {
         return db
             .CreateThread(Creating("CreateThreadWithPost", now), kGroup, std::nullopt,
                           MakeThread(kGroup,
                                      "topic: 'new' to_recipients { email_address { name: 'To' } }"
                                      " posts { " +
                                          std::string(kRichPost) + " }",
                                      now))
             .status();
       }},
      {"CreateThreadInConversation",
       [](Db& db, const Scene& scene, absl::Time now) {
         return db
             .CreateThread(Creating("CreateThreadInConversation", now), kGroup,
                           scene.pair.conversation,
                           MakeThread(kGroup, "posts { " + TextPost("dora", "three") + " }", now,
                                      scene.pair.conversation))
             .status();
       }},
      {"UpdateThread",
       [](Db& db, const Scene& scene, absl::Time now) {
         ThreadChanges changes;
         changes.is_locked = true;
         return db.UpdateThread(Changing(now), scene.silent, changes).status();
       }},
      {"Reply",
       [](Db& db, const Scene& scene, absl::Time now) {
         return db.CreatePost(Creating("Reply", now), scene.busy, MakePost(kRichPost, now))
             .status();
       }},
      {"ReplyToPostAsMember",
       [](Db& db, const Scene& scene, absl::Time now) {
         CreateContext context = Creating("ReplyToPostAsMember", now);
         context.required_member = RequiredMember{.user = "ann"};
         NewPost post = MakePost("body { content: 'by ann herself' }", now);
         post.in_reply_to = scene.rich.post;
         return db.CreatePost(context, scene.busy, post).status();
       }},
      {"UpdatePost",
       [](Db& db, const Scene& scene, absl::Time now) {
         PostChanges changes;
         changes.body.emplace().set_content("edited");
         changes.preview = "edited";
         *changes.categories.emplace().Add() = "green";
         return db.UpdatePost(Changing(now), scene.rich, changes).status();
       }},
      {"ForwardPost",
       [](Db& db, const Scene& scene, absl::Time now) {
         return db
             .ForwardPost(Creating("ForwardPost", now), scene.rich, MakeForward(scene.rich, now))
             .status();
       }},
      {"CreateAttachment",
       [](Db& db, const Scene& scene, absl::Time now) {
         constexpr size_t kManyPages = 100'000;
         v1::Attachment attachment;
         attachment.mutable_file()->set_content_bytes(std::string(kManyPages, 'x'));
         return db
             .CreateAttachment(Creating("CreateAttachment", now), scene.first,
                               BuildAttachment(scene.first.Canonical(), attachment, now))
             .status();
       }},
      {"CreateExtension",
       [](Db& db, const Scene& scene, absl::Time now) {
         const auto extension =
             Parse<v1::Extension>("extension_name: 'f' content_json: '{\"b\": [1]}'");
         return db
             .CreateExtension(Creating("CreateExtension", now), scene.rich,
                              BuildExtension(scene.rich.Canonical(), extension))
             .status();
       }},
      {"UpdateExtension",
       [](Db& db, const Scene& scene, absl::Time now) {
         return db.UpdateExtension(Changing(now), {scene.rich, "e"}, R"({"a": 2})").status();
       }},
      {"DeleteExtension",
       [](Db& db, const Scene& scene, absl::Time now) {
         return db.DeleteExtension(Changing(now), {scene.rich, "e2"});
       }},
      {"DeletePost", [](Db& db, const Scene& scene,
                        absl::Time now) { return db.DeletePost(Changing(now), scene.rich); }},
      {"DeleteNewestPost",
       [](Db& db, const Scene& scene, absl::Time now) {
         return db.DeletePost(Changing(now), scene.newest);
       }},
      {"ImportRecords",
       [](Db& db, const Scene& scene, absl::Time) {
         const auto outcomes = db.ImportRecords({}, Checked(scene.other_records));
         if (!outcomes.ok()) return outcomes.status();
         for (const RecordOutcome& outcome : *outcomes) {
           if (!outcome.refusal.ok()) return outcome.refusal;
         }
         return absl::OkStatus();
       }},
      {"DeleteThread", [](Db& db, const Scene& scene,
                          absl::Time now) { return db.DeleteThread(Changing(now), scene.doomed); }},
      {"DeleteConversation", [](Db& db, const Scene& scene,
                                absl::Time) { return db.DeleteConversation({}, scene.pair); }},
      {"DeleteGroup", [](Db& db, const Scene&,
                         absl::Time) { return db.DeleteGroup({}, kDoomedGroup, /*force=*/true); }},
  };
  return *kKinds;
}

}  // namespace threadstore::testing
