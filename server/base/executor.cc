#include "server/base/executor.h"

#include <utility>

#include "server/base/thread_name.h"

namespace threadstore {

Executor::Executor(const std::string& name, size_t threads) {
  threads_.reserve(threads);
  for (size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this, name] {
      SetThreadName(name);
      Run();
    });
  }
}

Executor::~Executor() {
  {
    MutexLock lock(&mutex_);
    closing_ = true;
  }
  not_empty_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

void Executor::Add(Task task) {
  {
    MutexLock lock(&mutex_);
    queue_.push_back(std::move(task));
  }
  not_empty_.NotifyOne();
}

void Executor::AddAll(std::vector<Task>& tasks) {
  if (tasks.empty()) return;
  const bool several = tasks.size() > 1;
  {
    MutexLock lock(&mutex_);
    for (Task& task : tasks) queue_.push_back(std::move(task));
  }
  tasks.clear();
  if (several) {
    not_empty_.NotifyAll();
  } else {
    not_empty_.NotifyOne();
  }
}

void Executor::Run() {
  while (true) {
    Task task;
    {
      MutexLock lock(&mutex_);
      while (queue_.empty() && !closing_) not_empty_.Wait(&mutex_);
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    std::move(task)();
  }
}

}  // namespace threadstore
