#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace wideload {

// A fixed number of threads, the caller included, that share the parts of one task.
class ThreadTeam {
 public:
  explicit ThreadTeam(int threads);  // the caller included
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls part(0) .. part(size() - 1) once each, concurrently; returns when all are done and rethrows the
  // first exception. If the team is busy with another caller's task, the parts run one after the other on
  // this thread.
  void Run(const std::function<void(int)>& part);

 private:
  void Work(int part);
  void RunOne(int part);

  std::mutex busy_;
  std::mutex mutex_;
  std::condition_variable start_, done_;
  const std::function<void(int)>* task_ = nullptr;
  std::uint64_t round_ = 0;
  int running_ = 0;
  bool stop_ = false;
  std::exception_ptr error_;
  std::vector<std::thread> workers_;
};

}  // namespace wideload
