#include "server/service/change_feed.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "server/base/errors.h"
#include "server/base/thread_name.h"
#include "server/domain/delta_token.h"
#include "server/domain/resource_name.h"

namespace threadstore {
namespace {

// How much a message has, but for the last of its changes, which may be large. Small, since each
// watch has one on its way.
constexpr size_t kMessageBytes = size_t{64} << 10;
constexpr int32_t kMessageChanges = 1000;

// What is read of the log at once, for all watches.
constexpr int32_t kFollowedChanges = 1000;
constexpr size_t kFollowedBytes = size_t{1} << 20;

// How often it is looked what is due, and what has been refused is tried again.
constexpr absl::Duration kTick = absl::Milliseconds(100);

// Longer than a store that works lets anybody wait.
constexpr absl::Duration kReadTimeout = absl::Seconds(10);

// When one who found too many watches open may come back.
constexpr absl::Duration kRetryDelay = absl::Seconds(1);

// Fields of a message, one behind the other, are the message.
std::shared_ptr<const std::string> MakePart(const v1::WatchThreadsResponse& fields) {
  return std::make_shared<const std::string>(fields.SerializeAsString());
}

std::shared_ptr<const std::string> MakeChangePart(v1::ThreadChange& change) {
  v1::WatchThreadsResponse fields;
  fields.add_changes()->Swap(&change);
  return MakePart(fields);
}

// What goes away by itself.
bool IsTransient(const absl::Status& status) {
  return (absl::IsUnavailable(status) || absl::IsResourceExhausted(status) ||
          absl::IsDeadlineExceeded(status)) &&
         ErrorReasonOf(status) != v1::ERROR_REASON_SHUTTING_DOWN;
}

}  // namespace

ChangeFeed::ChangeFeed(ThreadStore& store, const Authenticator& authenticator, ByteBudget& memory,
                       const Options& options)
    : store_(store),
      authenticator_(authenticator),
      memory_(memory),
      options_(options),
      shares_(static_cast<size_t>(options.max_watches)) {
  store_.SetChangeListener([this] {
    if (!has_watches_) return;
    {
      MutexLock lock(&mutex_);
      has_changed_ = true;
    }
    wake_.NotifyOne();
  });
  thread_ = std::thread([this] {
    SetThreadName("change-feed");
    Run();
  });
}

ChangeFeed::~ChangeFeed() { Close(); }

absl::Status ChangeFeed::Add(Watch watch) {
  {
    MutexLock lock(&mutex_);
    if (draining_) return ShuttingDownError();
    const bool is_full = open_.size() >= static_cast<size_t>(options_.max_watches);
    if (is_full || !shares_.TryTake(watch.sink->caller())) return TooManyStreamsError(kRetryDelay);
    open_.insert(watch.sink.get());
  }
  has_watches_ = true;
  Post([this, watch = std::move(watch)]() mutable {
    const WatchSink* const sink = watch.sink.get();
    State& state = states_[sink];
    state.watch = std::move(watch);
    state.fingerprint = ParentFingerprint(state.watch.query.scope);
    state.position = state.watch.query.after;
    if (state.position.has_value()) {
      state.token = EncodeDeltaToken(*state.position, state.fingerprint);
    }
    bool is_draining = false;
    {
      MutexLock lock(&mutex_);
      is_draining = draining_;
    }
    if (is_draining) return End(state, absl::OkStatus());
    Advance(state);
  });
  return absl::OkStatus();
}

void ChangeFeed::Taken(const WatchSink& sink) {
  Post([this, key = &sink] {
    State* const state = Find(key);
    if (state == nullptr) return;
    state->is_sending = false;
    memory_.GiveBack(std::exchange(state->bytes_taken, 0));
    Advance(*state);
  });
}

void ChangeFeed::Leave(const WatchSink& sink) {
  MutexLock lock(&mutex_);
  if (open_.erase(&sink) > 0) shares_.GiveBack(sink.caller());
}

void ChangeFeed::Remove(const WatchSink& sink) {
  Leave(sink);
  Post([this, key = &sink] {
    State* const state = Find(key);
    if (state == nullptr) return;
    memory_.GiveBack(state->bytes_taken);
    states_.erase(key);
    if (!states_.empty()) return;
    Forget();
    MutexLock lock(&mutex_);
    has_watches_ = !open_.empty();
  });
}

void ChangeFeed::Drain() {
  {
    MutexLock lock(&mutex_);
    if (std::exchange(draining_, true)) return;
  }
  Post([this] {
    for (auto& [sink, state] : states_) End(state, absl::OkStatus());
  });
}

void ChangeFeed::Close() {
  if (!thread_.joinable()) return;
  Drain();
  store_.SetChangeListener(nullptr);
  {
    MutexLock lock(&mutex_);
    closing_ = true;
  }
  wake_.NotifyOne();
  thread_.join();
  // Only now does no read begin any more.
  MutexLock lock(&mutex_);
  while (reads_ > 0) read_ended_.Wait(&mutex_);
}

void ChangeFeed::Post(Task task) {
  {
    MutexLock lock(&mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.NotifyOne();
}

void ChangeFeed::Run() {
  while (true) {
    std::deque<Task> tasks;
    {
      MutexLock lock(&mutex_);
      while (tasks_.empty() && !has_changed_ && !closing_) {
        const absl::Duration wait =
            states_.empty() ? absl::InfiniteDuration() : next_tick_ - absl::Now();
        if (wait <= absl::ZeroDuration()) break;
        wake_.WaitFor(&mutex_, wait);
      }
      if (closing_ && tasks_.empty()) return;
      tasks.swap(tasks_);
      if (std::exchange(has_changed_, false)) may_have_more_ = true;
    }
    for (Task& task : tasks) std::move(task)();
    Follow();
    if (absl::Now() < next_tick_) continue;
    next_tick_ = absl::Now() + kTick;
    AdvanceAll();
  }
}

ChangeFeed::State* ChangeFeed::Find(const WatchSink* sink) {
  const auto found = states_.find(sink);
  return found == states_.end() ? nullptr : &found->second;
}

// --- Following the log

void ChangeFeed::Follow() {
  if (states_.empty() || is_following_) return;
  if (followed_.has_value() && !may_have_more_) return;
  if (absl::Now() < follow_not_before_) return;
  ChangeQuery query;
  query.start = ChangeStart::kNow;
  query.after = followed_;
  query.limit = followed_.has_value() ? kFollowedChanges : 0;
  query.max_bytes = kFollowedBytes;
  may_have_more_ = false;
  is_following_ = true;
  CallContext context;
  context.deadline = absl::Now() + kReadTimeout;
  {
    MutexLock lock(&mutex_);
    ++reads_;
  }
  store_.ListChanges(std::move(context), std::move(query), [this](absl::StatusOr<ChangePage> page) {
    Post([this, page = std::move(page)]() mutable { OnFollowed(std::move(page)); });
    MutexLock lock(&mutex_);
    if (--reads_ == 0) read_ended_.NotifyAll();
  });
}

void ChangeFeed::OnFollowed(absl::StatusOr<ChangePage> page) {
  is_following_ = false;
  if (states_.empty()) return;
  if (!page.ok()) {
    // Watches go on by themselves, and hear what is wrong.
    if (!IsTransient(page.status())) Forget();
    may_have_more_ = true;
    follow_not_before_ = absl::Now() + kTick;
    return;
  }
  if (!followed_.has_value()) {
    kept_after_ = page->next.sequence;
    page->has_more = true;  // What came before anybody listened.
  }
  for (StoredChange& change : page->changes) Keep(change);
  followed_ = page->next;
  if (page->has_more) may_have_more_ = true;
  AdvanceAll();
}

void ChangeFeed::Keep(StoredChange& change) {
  Entry entry;
  const v1::ThreadChange::Kind kind = change.change.kind();
  entry.bytes = MakeChangePart(change.change);
  entry.change = std::move(change);
  entry.change.change.Clear();
  entry.change.change.set_kind(kind);
  kept_bytes_ += entry.bytes->size();
  kept_.push_back(std::move(entry));
  while (kept_.size() > options_.max_changes || kept_bytes_ > options_.max_bytes) {
    if (kept_.front().change.sequence == kept_.back().change.sequence) break;
    kept_after_ = kept_.front().change.sequence;
    while (kept_.front().change.sequence == kept_after_) {
      kept_bytes_ -= kept_.front().bytes->size();
      kept_.pop_front();
    }
  }
}

void ChangeFeed::Forget() {
  followed_.reset();
  kept_.clear();
  kept_bytes_ = 0;
}

// --- One watch

bool ChangeFeed::IsKept(const State& state) const {
  return followed_.has_value() && !state.group_is_deleted && state.position.has_value() &&
         !state.position->listed.has_value() && state.position->sequence >= kept_after_ &&
         state.has_begun;
}

void ChangeFeed::AdvanceAll() {
  const uint64_t generation = authenticator_.generation();
  for (auto& [sink, state] : states_) {
    EndIfTooSlow(state);
    EndIfWithdrawn(state, generation);
    Advance(state);
  }
}

void ChangeFeed::Advance(State& state) {
  if (state.has_ended || state.is_sending || state.is_reading) return;
  if (!state.unsent.empty()) return SendUnsent(state);
  if (state.then_ends.has_value()) return End(state, *std::move(state.then_ends));
  const absl::Time now = absl::Now();
  if (now >= state.watch.end) return End(state, absl::OkStatus());
  const bool may_see = !state.watch.query.scope.group.has_value() || state.was_checked ||
                       now - state.checked_at < options_.access_interval;
  if (IsKept(state)) {
    const ChangePosition before = *state.position;
    WatchSink::Message message = TakeKept(state);
    const bool is_due = now - state.sent_at >= options_.bookmark_interval;
    if (message.empty() && !is_due) return;
    if (may_see) {
      state.has_kept_up = true;
      state.was_checked = false;
      return Send(state, std::move(message));
    }
    state.then_ends.reset();
    state.position = before;
    return Read(state, /*only_check=*/true);
  }
  if (state.has_caught_up && !followed_.has_value()) return;
  Read(state, /*only_check=*/false);
}

WatchSink::Message ChangeFeed::TakeKept(State& state) {
  WatchSink::Message message;
  size_t bytes = 0;
  ChangePosition& position = *state.position;
  auto entry = std::upper_bound(
      kept_.begin(), kept_.end(), position.sequence,
      [](int64_t sequence, const Entry& kept) { return sequence < kept.change.sequence; });
  for (; entry != kept_.end(); ++entry) {
    const bool is_new = entry->change.sequence != position.sequence;
    const bool is_full =
        bytes >= kMessageBytes || message.size() >= static_cast<size_t>(kMessageChanges);
    if (is_new && is_full) return message;
    position.sequence = entry->change.sequence;
    if (!IsInScope(entry->change, state.watch.query.scope, position.group_key)) continue;
    message.push_back(entry->bytes);
    bytes += entry->bytes->size();
    const auto& group = state.watch.query.scope.group;
    if (group.has_value() && IsGroupDeletion(entry->change)) {
      state.then_ends = NotFoundError(kGroupType, group->Canonical());
    }
  }
  position.sequence = std::max(position.sequence, followed_->sequence);
  return message;
}

void ChangeFeed::Read(State& state, bool only_check) {
  ChangeQuery query = state.watch.query;
  query.after = state.position;
  query.limit = only_check ? 0 : kMessageChanges;
  query.max_bytes = kMessageBytes;
  CallContext context;
  context.required_member = state.watch.required_member;
  context.caller = state.watch.sink->caller();
  const absl::Time now = absl::Now();
  context.deadline = now + kReadTimeout;
  state.is_reading = true;
  {
    MutexLock lock(&mutex_);
    ++reads_;
  }
  // Holds the sink, so that what is read for it never finds another one at its address.
  store_.ListChanges(
      std::move(context), std::move(query),
      [this, sink = state.watch.sink, only_check, now](absl::StatusOr<ChangePage> page) mutable {
        Post([this, sink = std::move(sink), only_check, now, page = std::move(page)]() mutable {
          OnRead(sink.get(), only_check, now, std::move(page));
        });
        MutexLock lock(&mutex_);
        if (--reads_ == 0) read_ended_.NotifyAll();
      });
}

void ChangeFeed::OnRead(const WatchSink* sink, bool only_check, absl::Time began,
                        absl::StatusOr<ChangePage> page) {
  State* const state = Find(sink);
  if (state == nullptr || state->has_ended) return;
  state->is_reading = false;
  if (!page.ok()) {
    if (!IsTransient(page.status())) End(*state, std::move(page).status());
    return;
  }
  state->checked_at = began;
  state->group_is_deleted = page->group_is_deleted;
  state->was_checked = only_check;
  if (only_check) return Advance(*state);
  state->position = page->next;
  state->has_caught_up = !page->has_more;
  if (page->group_is_deleted && !page->has_more) {
    state->then_ends = NotFoundError(kGroupType, state->watch.query.scope.group->Canonical());
  }
  const bool is_due = began - state->sent_at >= options_.bookmark_interval;
  if (page->changes.empty() && !is_due) return Advance(*state);
  WatchSink::Message message;
  message.reserve(page->changes.size() + 1);
  for (StoredChange& change : page->changes) message.push_back(MakeChangePart(change.change));
  state->has_kept_up = false;
  Send(*state, std::move(message));
}

void ChangeFeed::Send(State& state, WatchSink::Message message) {
  state.has_begun = true;
  state.unsent_token = EncodeDeltaToken(*state.position, state.fingerprint);
  v1::WatchThreadsResponse fields;
  fields.set_delta_token(state.unsent_token);
  message.push_back(MakePart(fields));
  state.unsent = std::move(message);
  SendUnsent(state);
}

void ChangeFeed::SendUnsent(State& state) {
  size_t bytes = 0;
  for (const auto& part : state.unsent) bytes += part->size();
  if (!memory_.TryTake(bytes)) return;
  state.bytes_taken = bytes;
  state.is_sending = true;
  state.sent_at = absl::Now();
  state.token = std::move(state.unsent_token);
  state.watch.sink->Send(std::exchange(state.unsent, {}));
}

void ChangeFeed::End(State& state, absl::Status status) {
  if (std::exchange(state.has_ended, true)) return;
  state.unsent.clear();
  // Before its caller hears of the end, and begins another.
  Leave(*state.watch.sink);
  state.watch.sink->End(std::move(status));
}

void ChangeFeed::EndIfTooSlow(State& state) {
  if (state.has_ended || !state.is_sending) return;
  const bool is_left_behind =
      state.has_kept_up && followed_.has_value() && state.position->sequence < kept_after_;
  const bool is_overdue = absl::Now() - state.sent_at > options_.take_timeout;
  if (is_left_behind || is_overdue) End(state, WatchTooSlowError(state.token));
}

void ChangeFeed::EndIfWithdrawn(State& state, uint64_t generation) {
  if (state.has_ended || state.watch.generation == generation) return;
  End(state, CredentialsChangedError(state.token));
}

}  // namespace threadstore
