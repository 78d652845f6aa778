#include "cluster/collectives.h"

#include <exception>
#include <utility>

namespace wideload {

CollectiveThread::CollectiveThread(std::unique_ptr<Collectives> collectives)
    : collectives_(std::move(collectives)),
      sparse_sum_(&collectives_->transport()),
      ranks_(collectives_->ranks()),
      thread_([this] { Loop(); }) {}

CollectiveThread::~CollectiveThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void CollectiveThread::Run(Job job, JobCall call) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.emplace_back(std::move(job), std::move(call));
  }
  wake_.notify_one();
}

void CollectiveThread::Loop() {
  for (;;) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const auto [job, call] = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    if (error_.empty()) {
      try {
        job(*collectives_, sparse_sum_);
      } catch (const std::exception& error) {
        error_ = error.what();
      }
    }
    error_.empty() ? call.Answer() : call.Fail(error_);
  }
}

Registry<CollectiveThread>& CollectiveThreads() {
  static Registry<CollectiveThread> threads;
  return threads;
}

}  // namespace wideload
