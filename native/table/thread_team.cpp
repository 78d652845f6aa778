#include "table/thread_team.h"

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace wideload {

struct ThreadTeam::Members {
  void Work(int part);
  void RunOne(int part);
  void RunAll(const std::function<void(int)>& part);

  std::mutex busy;
  std::mutex mutex;
  std::condition_variable start, done;
  const std::function<void(int)>* task = nullptr;
  std::uint64_t round = 0;
  int running = 0;
  bool stop = false;
  std::exception_ptr error;
  std::vector<std::thread> threads;
};

void ThreadTeam::Members::RunOne(int part) {
  try {
    (*task)(part);
  } catch (...) {
    const std::lock_guard lock(mutex);
    if (!error) error = std::current_exception();
  }
}

void ThreadTeam::Members::Work(int part) {
  std::uint64_t seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex);
      start.wait(lock, [&] { return stop || round != seen; });
      if (stop) return;
      seen = round;
    }
    RunOne(part);
    const std::lock_guard lock(mutex);
    if (--running == 0) done.notify_one();
  }
}

void ThreadTeam::Members::RunAll(const std::function<void(int)>& part) {
  {
    const std::lock_guard lock(mutex);
    task = &part;
    running = static_cast<int>(threads.size());
    ++round;
  }
  start.notify_all();
  RunOne(0);
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return running == 0; });
  task = nullptr;
  if (error) std::rethrow_exception(std::exchange(error, nullptr));
}

ThreadTeam::ThreadTeam(int threads) : size_(threads) {
  if (threads == 1) return;
  members_ = std::make_unique<Members>();
  for (int part = 1; part < threads; ++part) {
    members_->threads.emplace_back([members = members_.get(), part] { members->Work(part); });
  }
}

ThreadTeam::~ThreadTeam() {
  if (!members_) return;
  if (forked()) {
    // Left as it is: the threads cannot be joined, and a lock may be held by one of them.
    static_cast<void>(members_.release());  // NOLINT(bugprone-unused-return-value)
    return;
  }
  {
    const std::lock_guard lock(members_->mutex);
    members_->stop = true;
  }
  members_->start.notify_all();
  for (std::thread& thread : members_->threads) thread.join();
}

void ThreadTeam::Run(const std::function<void(int)>& part) {
  if (members_ && !forked()) {
    const std::unique_lock alone(members_->busy, std::try_to_lock);
    if (alone.owns_lock()) return members_->RunAll(part);
  }
  for (int i = 0; i < size(); ++i) part(i);
}

}  // namespace wideload
