#include "server/store/sqlite/sqlite_store.h"

#include <sys/statfs.h>

#include <cerrno>
#include <functional>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/errors.h"
#include "server/base/executor.h"
#include "server/base/mutex.h"
#include "server/base/status_macros.h"
#include "server/domain/resource.h"
#include "server/domain/resource_name.h"
#include "server/store/sqlite/exports.h"
#include "server/store/sqlite/read_queries.h"
#include "server/store/sqlite/reader_pool.h"
#include "server/store/sqlite/search_indexer.h"
#include "server/store/sqlite/store_file.h"
#include "server/store/sqlite/write_queries.h"
#include "server/store/sqlite/writer.h"
#include "server/telemetry/log.h"

namespace threadstore {
namespace sqlite {
namespace {

using Connection = ReaderPool::Connection;

// A write that stores a T, or finds the one that the same request made before.
template <typename Context, typename T, typename Work>
class CreateOf final : public Write {
 public:
  CreateOf(Context context, T resource, Work work, ThreadStore::Callback<T> done)
      : context_(std::move(context)),
        resource_(std::move(resource)),
        work_(std::move(work)),
        done_(std::move(done)) {}

  const CallContext& context() const override { return context_; }

  absl::Status Apply(WriteQueries& queries) override {
    ASSIGN_OR_RETURN(existing_, work_(queries, context_, resource_));
    return absl::OkStatus();
  }

  void Finish(absl::Status outcome) override {
    if (!outcome.ok()) return std::move(done_)(std::move(outcome));
    std::move(done_)(existing_.has_value() ? *std::move(existing_) : std::move(resource_));
  }

 private:
  const Context context_;
  T resource_;
  std::optional<T> existing_;
  Work work_;
  ThreadStore::Callback<T> done_;
};

// A write that has made its answer when it is done.
template <typename Context, typename T, typename Work>
class Change final : public Write {
 public:
  Change(Context context, Work work, ThreadStore::Callback<T> done)
      : context_(std::move(context)), work_(std::move(work)), done_(std::move(done)) {}

  const CallContext& context() const override { return context_; }

  absl::Status Apply(WriteQueries& queries) override {
    ASSIGN_OR_RETURN(answer_, work_(queries, context_));
    return absl::OkStatus();
  }

  void Finish(absl::Status outcome) override {
    if (!outcome.ok()) return std::move(done_)(std::move(outcome));
    std::move(done_)(std::move(answer_));
  }

 private:
  const Context context_;
  Work work_;
  T answer_;
  ThreadStore::Callback<T> done_;
};

template <typename Context, typename Work>
class Deletion final : public Write {
 public:
  Deletion(Context context, Work work, ThreadStore::DoneCallback done)
      : context_(std::move(context)), work_(std::move(work)), done_(std::move(done)) {}

  const CallContext& context() const override { return context_; }
  absl::Status Apply(WriteQueries& queries) override { return work_(queries, context_); }
  void Finish(absl::Status outcome) override { std::move(done_)(std::move(outcome)); }

 private:
  const Context context_;
  Work work_;
  ThreadStore::DoneCallback done_;
};

// Apart from the others for the sake of speed: it copies no thread that comes without a post.
class ThreadCreation final : public Write {
 public:
  ThreadCreation(CreateContext context, std::string group, std::optional<Uuid> conversation,
                 v1::ConversationThread thread, ThreadStore::Callback<v1::ConversationThread> done)
      : context_(std::move(context)),
        group_(std::move(group)),
        conversation_(conversation),
        draft_(std::move(thread)),
        done_(std::move(done)) {}

  const CallContext& context() const override { return context_; }

  absl::Status Apply(WriteQueries& queries) override {
    ASSIGN_OR_RETURN(answer_, queries.CreateThread(context_, group_, conversation_, draft_));
    return absl::OkStatus();
  }

  void Finish(absl::Status outcome) override {
    if (!outcome.ok()) return std::move(done_)(std::move(outcome));
    std::move(done_)(answer_.has_value() ? *std::move(answer_) : std::move(draft_.thread));
  }

 private:
  const CreateContext context_;
  const std::string group_;
  const std::optional<Uuid> conversation_;
  ThreadDraft draft_;
  std::optional<v1::ConversationThread> answer_;
  ThreadStore::Callback<v1::ConversationThread> done_;
};

class SqliteStore final : public ThreadStore {
 public:
  SqliteStore(FileLock lock, std::unique_ptr<Executor> completions)
      : lock_(std::move(lock)), completions_(std::move(completions)) {}
  ~SqliteStore() override { Close(); }

  absl::Status Open(const SqliteOptions& options, const Clock& clock);

  void CreateGroup(CreateContext context, v1::Group group, std::vector<v1::Member> members,
                   Callback<v1::Group> done) override {
    SubmitCreate(
        std::move(context), std::move(group),
        [members = std::move(members)](WriteQueries& queries, const CreateContext& ctx,
                                       const v1::Group& resource) {
          return queries.CreateGroup(ctx, resource, members);
        },
        std::move(done));
  }

  void UpdateGroup(CallContext context, std::string group, GroupChanges changes,
                   Callback<v1::Group> done) override {
    SubmitChange(
        std::move(context),
        [group = std::move(group), changes = std::move(changes)](WriteQueries& queries,
                                                                 const CallContext& ctx) {
          return queries.UpdateGroup(ctx, group, changes);
        },
        std::move(done));
  }

  void GetGroup(CallContext context, std::string group, Callback<v1::Group> done) override {
    SubmitReadOf(
        group, std::move(context),
        [group](Connection& connection, int64_t key) -> absl::StatusOr<v1::Group> {
          ASSIGN_OR_RETURN(std::optional<v1::Group> found, connection.queries->ReadGroup(key));
          if (!found.has_value()) return NotFoundError(kGroupType, MakeGroupName(group));
          return *std::move(found);
        },
        std::move(done));
  }

  void ListGroups(CallContext context, GroupQuery query, Callback<GroupPage> done) override {
    SubmitRead(
        std::move(context),
        [query = std::move(query)](Connection& connection, const CallContext&) {
          return connection.lists->ListGroups(query);
        },
        std::move(done));
  }

  void DeleteGroup(CallContext context, std::string group, bool force, DoneCallback done) override {
    SubmitDeletion(
        std::move(context),
        [group = std::move(group), force](WriteQueries& queries, const CallContext& ctx) {
          return queries.DeleteGroup(ctx, group, force);
        },
        std::move(done));
  }

  void AddSender(CallContext context, SenderName sender, Callback<v1::Sender> done) override {
    SubmitChange(
        std::move(context),
        [sender = std::move(sender)](WriteQueries& queries,
                                     const CallContext& ctx) -> absl::StatusOr<v1::Sender> {
          RETURN_IF_ERROR(queries.posting_rules().AddSender(ctx, sender));
          return MakeSender(sender.list, sender.sender);
        },
        std::move(done));
  }

  void RemoveSender(CallContext context, SenderName sender, DoneCallback done) override {
    SubmitDeletion(
        std::move(context),
        [sender = std::move(sender)](WriteQueries& queries, const CallContext& ctx) {
          return queries.posting_rules().RemoveSender(ctx, sender);
        },
        std::move(done));
  }

  void ListSenders(CallContext context, SenderQuery query, Callback<SenderPage> done) override {
    std::string group = query.list.group.group;
    SubmitReadOf(
        std::move(group), std::move(context),
        [query = std::move(query)](Connection& connection, int64_t key) {
          return connection.queries->ListSenders(key, query);
        },
        std::move(done));
  }

  void AddMember(CallContext context, MemberListName list, v1::Member member,
                 Callback<v1::Member> done) override {
    SubmitChange(
        std::move(context),
        [list = std::move(list), member = std::move(member)](WriteQueries& queries,
                                                             const CallContext& ctx) {
          return queries.AddMember(ctx, list, member);
        },
        std::move(done));
  }

  void GetMember(CallContext context, MemberName name, Callback<v1::Member> done) override {
    std::string group = name.list.group.group;
    SubmitReadOf(
        std::move(group), std::move(context),
        [name = std::move(name)](Connection& connection, int64_t key) {
          return connection.queries->GetMember(key, name);
        },
        std::move(done));
  }

  void UpdateMember(CallContext context, MemberName name, MemberChanges changes,
                    Callback<v1::Member> done) override {
    SubmitChange(
        std::move(context),
        [name = std::move(name), changes = std::move(changes)](WriteQueries& queries,
                                                               const CallContext& ctx) {
          return queries.UpdateMember(ctx, name, changes);
        },
        std::move(done));
  }

  void RemoveMember(CallContext context, MemberName name, DoneCallback done) override {
    SubmitDeletion(
        std::move(context),
        [name = std::move(name)](WriteQueries& queries, const CallContext& ctx) {
          return queries.RemoveMember(ctx, name);
        },
        std::move(done));
  }

  void ListMembers(CallContext context, MemberQuery query, Callback<MemberPage> done) override {
    std::string group = query.group;
    SubmitReadOf(
        std::move(group), std::move(context),
        [query = std::move(query)](Connection& connection, int64_t key) {
          return connection.queries->ListMembers(key, query);
        },
        std::move(done));
  }

  void CreateConversation(CreateContext context, std::string group, v1::Conversation conversation,
                          Callback<v1::Conversation> done) override {
    std::vector<ThreadDraft> threads;
    for (v1::ConversationThread& thread : *conversation.mutable_threads()) {
      threads.emplace_back(std::move(thread));
    }
    conversation.clear_threads();
    SubmitChange(
        std::move(context),
        [group = std::move(group), conversation = std::move(conversation),
         threads = std::move(threads)](WriteQueries& queries, const CreateContext& ctx) {
          return queries.CreateConversation(ctx, group, conversation, threads);
        },
        std::move(done));
  }

  void GetConversation(CallContext context, ConversationName name, ConversationView view,
                       Callback<v1::Conversation> done) override {
    std::string group = name.group.group;
    SubmitReadOf(
        std::move(group), std::move(context),
        [name = std::move(name), view](Connection& connection, int64_t key) {
          return connection.lists->GetConversation(key, name, view);
        },
        std::move(done));
  }

  void ListConversations(CallContext context, ConversationQuery query,
                         Callback<ConversationPage> done) override {
    std::string group = query.group;
    SubmitReadOf(
        std::move(group), std::move(context),
        [query = std::move(query)](Connection& connection, int64_t key) {
          return connection.lists->ListConversations(key, query);
        },
        std::move(done));
  }

  void DeleteConversation(CallContext context, ConversationName name, DoneCallback done) override {
    SubmitDeletion(
        std::move(context),
        [name = std::move(name)](WriteQueries& queries, const CallContext& ctx) {
          return queries.DeleteConversation(ctx, name);
        },
        std::move(done));
  }

  void CreateThread(CreateContext context, std::string group, std::optional<Uuid> conversation,
                    v1::ConversationThread thread, Callback<v1::ConversationThread> done) override {
    writer_->Submit(std::make_unique<ThreadCreation>(
        std::move(context), std::move(group), conversation, std::move(thread), std::move(done)));
  }

  void GetThread(CallContext context, ThreadName name, ThreadView view,
                 Callback<v1::ConversationThread> done) override {
    std::string group = name.group.group;
    SubmitReadOf(
        std::move(group), std::move(context),
        [name = std::move(name), view](Connection& connection, int64_t key) {
          return connection.lists->GetThread(key, name, view);
        },
        std::move(done));
  }

  void UpdateThread(ChangeContext context, ThreadName name, ThreadChanges changes,
                    Callback<v1::ConversationThread> done) override {
    SubmitChange(
        std::move(context),
        [name = std::move(name), changes = std::move(changes)](WriteQueries& queries,
                                                               const ChangeContext& ctx) {
          return queries.UpdateThread(ctx, name, changes);
        },
        std::move(done));
  }

  void DeleteThread(ChangeContext context, ThreadName name, DoneCallback done) override {
    SubmitDeletion(
        std::move(context),
        [name = std::move(name)](WriteQueries& queries, const ChangeContext& ctx) {
          return queries.DeleteThread(ctx, name);
        },
        std::move(done));
  }

  void ListThreads(CallContext context, ThreadQuery query, Callback<ThreadPage> done) override {
    std::string group = query.group;
    SubmitReadOf(
        std::move(group), std::move(context),
        [query = std::move(query)](Connection& connection, int64_t key) {
          return connection.lists->ListThreads(key, query);
        },
        std::move(done));
  }

  void SearchThreads(CallContext context, SearchQuery query, Callback<SearchPage> done) override {
    SubmitSearch(std::move(context), std::move(query), /*needed=*/std::nullopt, std::move(done));
  }

  void CreatePost(CreateContext context, ThreadName thread, NewPost post,
                  Callback<v1::Post> done) override {
    SubmitChange(
        std::move(context),
        [thread = std::move(thread), post = std::move(post)](WriteQueries& queries,
                                                             const CreateContext& ctx) {
          return queries.posts().CreatePost(ctx, thread, post);
        },
        std::move(done));
  }

  void GetPost(CallContext context, PostName name, PostView view,
               Callback<v1::Post> done) override {
    std::string group = name.thread.group.group;
    SubmitReadOf(
        std::move(group), std::move(context),
        [name = std::move(name), view](Connection& connection, int64_t key) {
          return connection.lists->GetPost(key, name, view);
        },
        std::move(done));
  }

  void ListPosts(CallContext context, PostQuery query, Callback<PostPage> done) override {
    std::string group = query.thread.group.group;
    SubmitReadOf(
        std::move(group), std::move(context),
        [query = std::move(query)](Connection& connection, int64_t key) {
          return connection.lists->ListPosts(key, query);
        },
        std::move(done));
  }

  void UpdatePost(ChangeContext context, PostName name, PostChanges changes,
                  Callback<v1::Post> done) override {
    SubmitChange(
        std::move(context),
        [name = std::move(name), changes = std::move(changes)](WriteQueries& queries,
                                                               const ChangeContext& ctx) {
          return queries.posts().UpdatePost(ctx, name, changes);
        },
        std::move(done));
  }

  void DeletePost(ChangeContext context, PostName name, DoneCallback done) override {
    SubmitDeletion(
        std::move(context),
        [name = std::move(name)](WriteQueries& queries, const ChangeContext& ctx) {
          return queries.posts().DeletePost(ctx, name);
        },
        std::move(done));
  }

  void ForwardPost(CreateContext context, PostName name, v1::Forward forward,
                   Callback<v1::Forward> done) override {
    SubmitChange(
        std::move(context),
        [name = std::move(name), forward = std::move(forward)](WriteQueries& queries,
                                                               const CreateContext& ctx) {
          return queries.posts().ForwardPost(ctx, name, forward);
        },
        std::move(done));
  }

  void CreateAttachment(CreateContext context, PostName post, v1::Attachment attachment,
                        Callback<v1::Attachment> done) override {
    SubmitChange(
        std::move(context),
        [post = std::move(post), attachment = std::move(attachment)](WriteQueries& queries,
                                                                     const CreateContext& ctx) {
          return queries.posts().CreateAttachment(ctx, post, attachment);
        },
        std::move(done));
  }

  void GetAttachment(CallContext context, AttachmentName name, bool with_content,
                     Callback<v1::Attachment> done) override {
    std::string group = name.post.thread.group.group;
    SubmitReadOf(
        std::move(group), std::move(context),
        [name = std::move(name), with_content](Connection& connection, int64_t key) {
          return connection.posts->GetAttachment(key, name, with_content);
        },
        std::move(done));
  }

  void ListAttachments(CallContext context, AttachmentQuery query,
                       Callback<AttachmentPage> done) override {
    std::string group = query.post.thread.group.group;
    SubmitReadOf(
        std::move(group), std::move(context),
        [query = std::move(query)](Connection& connection, int64_t key) {
          return connection.posts->ListAttachments(key, query);
        },
        std::move(done));
  }

  void CreateExtension(CreateContext context, PostName post, v1::Extension extension,
                       Callback<v1::Extension> done) override {
    SubmitChange(
        std::move(context),
        [post = std::move(post), extension = std::move(extension)](WriteQueries& queries,
                                                                   const CreateContext& ctx) {
          return queries.posts().CreateExtension(ctx, post, extension);
        },
        std::move(done));
  }

  void GetExtension(CallContext context, ExtensionName name,
                    Callback<v1::Extension> done) override {
    std::string group = name.post.thread.group.group;
    SubmitReadOf(
        std::move(group), std::move(context),
        [name = std::move(name)](Connection& connection, int64_t key) {
          return connection.posts->GetExtension(key, name);
        },
        std::move(done));
  }

  void ListExtensions(CallContext context, ExtensionQuery query,
                      Callback<ExtensionPage> done) override {
    std::string group = query.post.thread.group.group;
    SubmitReadOf(
        std::move(group), std::move(context),
        [query = std::move(query)](Connection& connection, int64_t key) {
          return connection.posts->ListExtensions(key, query);
        },
        std::move(done));
  }

  void UpdateExtension(ChangeContext context, ExtensionName name, std::string content_json,
                       Callback<v1::Extension> done) override {
    SubmitChange(
        std::move(context),
        [name = std::move(name), content_json = std::move(content_json)](WriteQueries& queries,
                                                                         const ChangeContext& ctx) {
          return queries.posts().UpdateExtension(ctx, name, content_json);
        },
        std::move(done));
  }

  void DeleteExtension(ChangeContext context, ExtensionName name, DoneCallback done) override {
    SubmitDeletion(
        std::move(context),
        [name = std::move(name)](WriteQueries& queries, const ChangeContext& ctx) {
          return queries.posts().DeleteExtension(ctx, name);
        },
        std::move(done));
  }

  void ListChanges(CallContext context, ChangeQuery query, Callback<ChangePage> done) override {
    SubmitRead(
        std::move(context),
        [query = std::move(query)](Connection& connection, const CallContext& ctx) {
          return connection.changes->List(ctx, query);
        },
        std::move(done));
  }

  void SetChangeListener(std::function<void()> listener) override {
    MutexLock lock(&listener_mutex_);
    change_listener_ = std::move(listener);
  }

  void ImportRecords(CallContext context, std::shared_ptr<const std::vector<CheckedRecord>> records,
                     Callback<std::vector<RecordOutcome>> done) override {
    SubmitChange(
        std::move(context),
        [records = std::move(records)](WriteQueries& queries, const CallContext&) {
          return queries.records().Import(*records);
        },
        std::move(done));
  }

  void OpenExport(CallContext context, std::optional<std::string> group,
                  Callback<std::unique_ptr<RecordExport>> done) override {
    exports_->Open(std::move(context), std::move(group), std::move(done));
  }

  // Readers first: the last connection to close a database checkpoints it, and only the
  // writer's may. The executor goes last, for it ends the calls of both.
  void Close() override {
    if (exports_ != nullptr) exports_->Close();
    if (indexer_ != nullptr) indexer_->Close();
    if (readers_ != nullptr) readers_->Close();
    if (writer_ != nullptr) writer_->Close();
    completions_.reset();
  }

 private:
  absl::Status OpenIndexer(const SqliteOptions& options, const Clock& clock);

  template <typename Context, typename T, typename Work>
  void SubmitCreate(Context context, T resource, Work work, Callback<T> done) {
    writer_->Submit(std::make_unique<CreateOf<Context, T, Work>>(
        std::move(context), std::move(resource), std::move(work), std::move(done)));
  }

  template <typename Context, typename T, typename Work>
  void SubmitChange(Context context, Work work, Callback<T> done) {
    writer_->Submit(std::make_unique<Change<Context, T, Work>>(std::move(context), std::move(work),
                                                               std::move(done)));
  }

  template <typename Context, typename Work>
  void SubmitDeletion(Context context, Work work, DoneCallback done) {
    writer_->Submit(std::make_unique<Deletion<Context, Work>>(std::move(context), std::move(work),
                                                              std::move(done)));
  }

  // A read of a group, whose key `work` is given if the caller may act on it.
  template <typename Work, typename T>
  void SubmitReadOf(std::string group, CallContext&& context, Work work, Callback<T> done) {
    SubmitRead(
        std::move(context),
        [group = std::move(group), work = std::move(work)](
            Connection& connection, const CallContext& ctx) mutable -> absl::StatusOr<T> {
          ASSIGN_OR_RETURN(const int64_t key,
                           connection.queries->ResolveGroup(ctx.required_member, group));
          return work(connection, key);
        },
        std::move(done));
  }

  // A search that waits for the index if it has to, and then begins again: what it needed is all
  // that had been acknowledged when it came.
  void SubmitSearch(CallContext context, SearchQuery query, std::optional<int64_t> needed,
                    Callback<SearchPage> done) {
    CallContext of_read = context;
    std::string group = query.group;
    auto work = [query, needed](Connection& connection, int64_t key) {
      return connection.searches->Search(key, query, needed);
    };
    SubmitReadOf(std::move(group), std::move(of_read), std::move(work),
                 Callback<SearchAnswer>(
                     [this, context = std::move(context), query = std::move(query),
                      done = std::move(done)](absl::StatusOr<SearchAnswer> answer) mutable {
                       if (!answer.ok()) return std::move(done)(std::move(answer).status());
                       if (!answer->needs.has_value())
                         return std::move(done)(std::move(answer->page));
                       AwaitIndex(std::move(context), std::move(query), *answer->needs,
                                  std::move(done));
                     }));
  }

  void AwaitIndex(CallContext context, SearchQuery query, int64_t needed,
                  Callback<SearchPage> done) {
    CallContext of_wait = context;
    indexer_->Await(std::move(of_wait), needed,
                    [this, context = std::move(context), query = std::move(query), needed,
                     done = std::move(done)](absl::Status status) mutable {
                      if (!status.ok()) return std::move(done)(std::move(status));
                      SubmitSearch(std::move(context), std::move(query), needed, std::move(done));
                    });
  }

  template <typename Work, typename T>
  void SubmitRead(CallContext&& context, Work work, Callback<T> done) {
    readers_->Submit(std::move(context), [this, work = std::move(work), done = std::move(done)](
                                             absl::Status status, const CallContext& ctx,
                                             Connection* connection) mutable {
      if (!status.ok()) return std::move(done)(std::move(status));
      absl::StatusOr<T> result = Read<T>(*connection, ctx, work);
      if (absl::IsDataLoss(result.status())) writer_->Fail(result.status());
      std::move(done)(std::move(result));
    });
  }

  // One snapshot for what the caller may see and what it sees, so that a member removed
  // meanwhile sees nothing that came after.
  template <typename T, typename Work>
  static absl::StatusOr<T> Read(Connection& connection, const CallContext& context, Work& work) {
    ASSIGN_OR_RETURN(Transaction snapshot, Transaction::BeginRead(*connection.db));
    ASSIGN_OR_RETURN(T result, work(connection, context));
    RETURN_IF_ERROR(snapshot.Commit());
    return result;
  }

  void TellOfChanges() {
    MutexLock lock(&listener_mutex_);
    if (change_listener_ != nullptr) change_listener_();
  }

  const FileLock lock_;
  Mutex listener_mutex_;
  std::function<void()> change_listener_ ABSL_GUARDED_BY(listener_mutex_);
  std::unique_ptr<Executor> completions_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<SearchIndexer> indexer_;
  std::unique_ptr<ReaderPool> readers_;
  std::unique_ptr<Exports> exports_;
};

absl::Status SqliteStore::Open(const SqliteOptions& options, const Clock& clock) {
  ASSIGN_OR_RETURN(std::unique_ptr<Database> db, OpenForWriting(options.path));
  ASSIGN_OR_RETURN(const MigrationResult migration,
                   MigrateFile(*db, options.path, *options.migrations));
  if (migration.from != migration.to) {
    log::Info("store migrated", {{"from", int64_t{migration.from}}, {"to", int64_t{migration.to}}});
  }
  ASSIGN_OR_RETURN(
      std::unique_ptr<WriteQueries> writes,
      WriteQueries::Prepare(*db, clock, options.request_id_retention,
                            {options.change_retention, options.max_changes}, options.group_quotas));
  std::vector<ReaderPool::Connection> readers(static_cast<size_t>(options.reader_threads));
  for (ReaderPool::Connection& reader : readers) {
    ASSIGN_OR_RETURN(reader.db, OpenForReading(options.path));
    ASSIGN_OR_RETURN(reader.queries, ReadQueries::Prepare(*reader.db));
    ASSIGN_OR_RETURN(reader.posts, PostQueries::Prepare(*reader.db, *reader.queries));
    ASSIGN_OR_RETURN(reader.lists,
                     ListQueries::Prepare(*reader.db, *reader.queries, *reader.posts, clock));
    ASSIGN_OR_RETURN(reader.changes, ChangeQueries::Prepare(*reader.db, *reader.queries,
                                                            *reader.posts, *reader.lists));
    ASSIGN_OR_RETURN(reader.searches, SearchQueries::Prepare(*reader.db, *reader.queries));
  }
  RETURN_IF_ERROR(OpenIndexer(options, clock));
  Writer::Options writer_options;
  writer_options.queue_capacity = options.write_queue;
  writer_options.checkpoint_frames = options.checkpoint_frames;
  writer_options.disk_reserve = options.disk_reserve;
  writer_options.free_space = [path = options.path, stat = options.stat_file_system] {
    const absl::StatusOr<FileSystemInfo> info = stat(path);
    // If the file system cannot say, a write that it has no room for will.
    return info.ok() ? info->free_bytes : std::numeric_limits<int64_t>::max();
  };
  writer_options.on_changes = [this] {
    indexer_->NoteCommit();
    TellOfChanges();
  };
  writer_options.on_failure = [on_failure = options.on_failure](const absl::Status&) {
    on_failure();
  };
  writer_options.is_snapshot_held = [this] { return exports_->any_open(); };
  exports_ = std::make_unique<Exports>(options.path, options.max_exports, clock,
                                       [this](const absl::Status& status) {
                                         if (absl::IsDataLoss(status)) writer_->Fail(status);
                                       });
  writer_ = std::make_unique<Writer>(std::move(db), std::move(writes), std::move(writer_options),
                                     clock, *completions_);
  indexer_->Start(*writer_);
  readers_ = std::make_unique<ReaderPool>(std::move(readers), options.read_queue, clock);
  return absl::OkStatus();
}

absl::Status SqliteStore::OpenIndexer(const SqliteOptions& options, const Clock& clock) {
  ASSIGN_OR_RETURN(std::unique_ptr<Database> db, OpenForReading(options.path));
  ASSIGN_OR_RETURN(std::unique_ptr<SearchSource> source, SearchSource::Prepare(*db));
  const SearchIndexer::Options indexer_options{.queue_capacity = options.read_queue,
                                               .max_wait = options.search_wait,
                                               .delay = options.index_delay};
  indexer_ =
      std::make_unique<SearchIndexer>(std::move(db), std::move(source), indexer_options, clock);
  return absl::OkStatus();
}

}  // namespace
}  // namespace sqlite

absl::StatusOr<FileSystemInfo> StatFileSystem(const std::string& path) {
  struct statfs info;
  if (statfs(path.c_str(), &info) != 0) return absl::ErrnoToStatus(errno, "statfs");
  return FileSystemInfo{static_cast<uint32_t>(info.f_type),
                        static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize)};
}

absl::StatusOr<std::unique_ptr<ThreadStore>> OpenSqliteStore(const SqliteOptions& options,
                                                             const Clock& clock) {
  SqliteOptions resolved = options;
  ASSIGN_OR_RETURN(resolved.path, sqlite::ResolvePath(options));
  ASSIGN_OR_RETURN(sqlite::FileLock lock, sqlite::FileLock::Acquire(resolved.path));
  auto store = std::make_unique<sqlite::SqliteStore>(
      std::move(lock),
      std::make_unique<Executor>("completions", static_cast<size_t>(options.completion_threads)));
  RETURN_IF_ERROR(store->Open(resolved, clock));
  return store;
}

absl::StatusOr<MigrationResult> MigrateSqliteStore(const SqliteOptions& options) {
  ASSIGN_OR_RETURN(const std::string path, sqlite::ResolvePath(options));
  ASSIGN_OR_RETURN(const sqlite::FileLock lock, sqlite::FileLock::Acquire(path));
  ASSIGN_OR_RETURN(const std::unique_ptr<sqlite::Database> db, sqlite::OpenForWriting(path));
  return sqlite::MigrateFile(*db, path, *options.migrations);
}

std::string SqliteVersion() { return sqlite::Database::LibraryVersion(); }

std::string SqliteVersionWarning() {
  constexpr int kFixedVersion = 3051003;
  if (sqlite::Database::LibraryVersionNumber() >= kFixedVersion) return "";
  return "SQLite before 3.51.3 can lose commits when several connections write or checkpoint; "
         "this server has exactly one, and no other process may open the file";
}

}  // namespace threadstore
