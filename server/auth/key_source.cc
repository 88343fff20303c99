#include "server/auth/key_source.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/base/thread_name.h"
#include "server/telemetry/log.h"

namespace threadstore {

namespace {

// How long the end waits for a fetch that is under way.
constexpr absl::Duration kCloseLimit = absl::Milliseconds(100);

}  // namespace

struct KeySource::Shared {
  Shared(std::string issuer, Fetch how_to_fetch, KeyRefresh when, std::function<void()> then)
      : name(std::move(issuer)),
        fetch(std::move(how_to_fetch)),
        refresh(when),
        on_withdrawal(std::move(then)),
        delay(when.retry) {}

  void Run();
  void FetchOnce();

  const std::string name;
  const Fetch fetch;
  const KeyRefresh refresh;
  const std::function<void()> on_withdrawal;

  Mutex mutex;
  CondVar changed;
  std::shared_ptr<const KeySet> keys ABSL_GUARDED_BY(mutex);
  absl::Status last ABSL_GUARDED_BY(mutex);
  bool fetched ABSL_GUARDED_BY(mutex) = false;
  bool is_wanted ABSL_GUARDED_BY(mutex) = false;
  bool is_fetching ABSL_GUARDED_BY(mutex) = false;
  absl::Duration last_begin ABSL_GUARDED_BY(mutex) = -absl::InfiniteDuration();
  // When, at one fetch in `min_interval`, it would be the turn of the next for an unknown key.
  absl::Duration turn ABSL_GUARDED_BY(mutex) = -absl::InfiniteDuration();
  absl::Duration delay ABSL_GUARDED_BY(mutex);
  std::vector<absl::AnyInvocable<void() &&>> waiting ABSL_GUARDED_BY(mutex);
  bool closing ABSL_GUARDED_BY(mutex) = false;
};

KeySource::KeySource(std::string name, Fetch fetch, KeyRefresh refresh,
                     std::function<void()> on_withdrawal)
    : shared_(std::make_shared<Shared>(std::move(name), std::move(fetch), refresh,
                                       std::move(on_withdrawal))),
      thread_([shared = shared_] {
        SetThreadName("issuer-keys");
        shared->Run();
      }) {}

KeySource::~KeySource() {
  std::vector<absl::AnyInvocable<void() &&>> waiting;
  bool hangs = false;
  {
    const absl::Duration end = SteadyNow() + kCloseLimit;
    MutexLock lock(&shared_->mutex);
    shared_->closing = true;
    shared_->changed.NotifyAll();
    while (shared_->is_fetching && SteadyNow() < end) {
      shared_->changed.WaitFor(&shared_->mutex, end - SteadyNow());
    }
    hangs = shared_->is_fetching;
    waiting.swap(shared_->waiting);
  }
  if (hangs) {
    thread_.detach();
  } else {
    thread_.join();
  }
  for (auto& ready : waiting) std::move(ready)();
}

std::shared_ptr<const KeySet> KeySource::keys() const {
  MutexLock lock(&shared_->mutex);
  return shared_->keys;
}

void KeySource::AwaitFirst(absl::Duration limit) const {
  const absl::Duration end = SteadyNow() + limit;
  MutexLock lock(&shared_->mutex);
  while (!shared_->fetched && SteadyNow() < end) {
    shared_->changed.WaitFor(&shared_->mutex, end - SteadyNow());
  }
}

bool KeySource::AwaitKey(absl::string_view key_id, absl::AnyInvocable<void() &&>& ready) {
  MutexLock lock(&shared_->mutex);
  if (shared_->closing || shared_->waiting.size() >= kMaxWaiting) return false;
  if (shared_->keys != nullptr && shared_->keys->Has(key_id)) return false;
  if (!shared_->is_fetching && !shared_->is_wanted) {
    const KeyRefresh& refresh = shared_->refresh;
    const absl::Duration now = SteadyNow();
    if (shared_->turn - now > refresh.min_interval * (refresh.burst - 1)) return false;
    shared_->turn = std::max(shared_->turn, now) + refresh.min_interval;
    shared_->is_wanted = true;
    shared_->changed.NotifyAll();
  }
  shared_->waiting.push_back(std::move(ready));
  return true;
}

void KeySource::Shared::Run() {
  while (true) {
    FetchOnce();
    MutexLock lock(&mutex);
    const absl::Duration due = last_begin + delay;
    while (!closing && !is_wanted && SteadyNow() < due) {
      changed.WaitFor(&mutex, due - SteadyNow());
    }
    is_wanted = false;
    if (closing) return;
  }
}

void KeySource::Shared::FetchOnce() {
  {
    MutexLock lock(&mutex);
    if (closing) return;
    is_fetching = true;
    last_begin = SteadyNow();
  }
  const absl::StatusOr<std::string> found = fetch();
  absl::StatusOr<KeySet> parsed = found.ok() ? KeySet::Parse(*found) : found.status();
  bool is_withdrawal = false;
  // Only those who came before the end: who comes later is told of the next fetch.
  std::vector<absl::AnyInvocable<void() &&>> told;
  {
    MutexLock lock(&mutex);
    is_fetching = false;
    told.swap(waiting);
    const bool was_ok = last.ok();
    last = parsed.status();
    if (parsed.ok()) {
      if (!was_ok) log::Info("issuer keys fetched again", {{"issuer", name}});
      delay = refresh.interval;
      is_withdrawal = keys != nullptr && !parsed->VerifiesAllOf(*keys);
      keys = std::make_shared<const KeySet>(*std::move(parsed));
    } else {
      delay = fetched && was_ok ? refresh.retry : std::min(delay * 2, refresh.interval);
      if (was_ok) {
        log::Warning("issuer keys not fetched",
                     {{"issuer", name}, {"error", std::string(last.message())}});
      }
    }
    fetched = true;
    changed.NotifyAll();
  }
  if (is_withdrawal) on_withdrawal();
  for (auto& ready : told) std::move(ready)();
}

}  // namespace threadstore
