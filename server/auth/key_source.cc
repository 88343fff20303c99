#include "server/auth/key_source.h"

#include <algorithm>
#include <utility>

#include "server/base/clock.h"
#include "server/base/thread_name.h"
#include "server/telemetry/log.h"

namespace threadstore {

KeySource::KeySource(std::string name, Fetch fetch, KeyRefresh refresh,
                     std::function<void()> on_change)
    : name_(std::move(name)),
      fetch_(std::move(fetch)),
      refresh_(refresh),
      on_change_(std::move(on_change)),
      delay_(refresh.retry),
      thread_([this] {
        SetThreadName("issuer-keys");
        Run();
      }) {}

KeySource::~KeySource() {
  {
    MutexLock lock(&mutex_);
    closing_ = true;
  }
  wake_.NotifyAll();
  thread_.join();
}

std::shared_ptr<const KeySet> KeySource::keys() const {
  MutexLock lock(&mutex_);
  return keys_;
}

absl::Status KeySource::AwaitFirst() {
  MutexLock lock(&mutex_);
  while (!fetched_) wake_.Wait(&mutex_);
  return last_;
}

bool KeySource::AwaitKey(absl::string_view key_id, absl::AnyInvocable<void() &&>& ready) {
  MutexLock lock(&mutex_);
  if (closing_ || waiting_.size() >= kMaxWaiting) return false;
  if (keys_ != nullptr && keys_->Has(key_id)) return false;
  if (!is_fetching_ && !is_wanted_) {
    const absl::Duration now = SteadyNow();
    if (turn_ - now > refresh_.min_interval * (refresh_.burst - 1)) return false;
    turn_ = std::max(turn_, now) + refresh_.min_interval;
    is_wanted_ = true;
    wake_.NotifyAll();
  }
  waiting_.push_back(std::move(ready));
  return true;
}

void KeySource::Run() {
  while (true) {
    FetchOnce();
    MutexLock lock(&mutex_);
    const absl::Duration due = last_begin_ + delay_;
    while (!closing_ && !is_wanted_ && SteadyNow() < due) {
      wake_.WaitFor(&mutex_, due - SteadyNow());
    }
    is_wanted_ = false;
    if (closing_) break;
  }
  std::vector<absl::AnyInvocable<void() &&>> waiting;
  {
    MutexLock lock(&mutex_);
    waiting.swap(waiting_);
  }
  for (auto& ready : waiting) std::move(ready)();
}

void KeySource::FetchOnce() {
  {
    MutexLock lock(&mutex_);
    if (closing_) return;
    is_fetching_ = true;
    last_begin_ = SteadyNow();
  }
  absl::StatusOr<std::string> text = fetch_();
  absl::StatusOr<KeySet> parsed = text.ok() ? KeySet::Parse(*text) : text.status();
  bool is_new = false;
  // Only those who came before the end: who comes later is told of the next fetch.
  std::vector<absl::AnyInvocable<void() &&>> waiting;
  {
    MutexLock lock(&mutex_);
    is_fetching_ = false;
    waiting.swap(waiting_);
    const bool was_ok = last_.ok();
    last_ = parsed.status();
    if (parsed.ok()) {
      if (!was_ok) log::Info("issuer keys fetched again", {{"issuer", name_}});
      delay_ = refresh_.interval;
      is_new = keys_ == nullptr || *text != text_;
      text_ = *std::move(text);
      keys_ = std::make_shared<const KeySet>(*std::move(parsed));
    } else {
      delay_ = fetched_ && was_ok ? refresh_.retry : std::min(delay_ * 2, refresh_.interval);
      if (was_ok) {
        log::Warning("issuer keys not fetched",
                     {{"issuer", name_}, {"error", std::string(last_.message())}});
      }
    }
    fetched_ = true;
  }
  wake_.NotifyAll();
  if (is_new) on_change_();
  for (auto& ready : waiting) std::move(ready)();
}

}  // namespace threadstore
