#include "table/thread_team.h"

#include <utility>

namespace wideload {

ThreadTeam::ThreadTeam(int threads) {
  for (int part = 1; part < threads; ++part) workers_.emplace_back([this, part] { Work(part); });
}

ThreadTeam::~ThreadTeam() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  start_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadTeam::RunOne(int part) {
  try {
    (*task_)(part);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
  }
}

void ThreadTeam::Work(int part) {
  std::uint64_t seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return stop_ || round_ != seen; });
      if (stop_) return;
      seen = round_;
    }
    RunOne(part);
    const std::lock_guard lock(mutex_);
    if (--running_ == 0) done_.notify_one();
  }
}

void ThreadTeam::Run(const std::function<void(int)>& part) {
  const std::unique_lock alone(busy_, std::try_to_lock);
  if (!alone.owns_lock() || workers_.empty()) {
    for (int i = 0; i < size(); ++i) part(i);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    task_ = &part;
    running_ = static_cast<int>(workers_.size());
    ++round_;
  }
  start_.notify_all();
  RunOne(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return running_ == 0; });
  task_ = nullptr;
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

}  // namespace wideload
