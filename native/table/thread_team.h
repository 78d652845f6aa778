#pragma once

#include <unistd.h>

#include <functional>
#include <memory>

namespace wideload {

// A fixed number of threads, the caller included, that share the parts of one task. A forked process has none of
// the threads: there the parts run one after the other on the caller.
class ThreadTeam {
 public:
  explicit ThreadTeam(int threads);  // the caller included
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }

  // Calls part(0) .. part(size() - 1) once each, concurrently; returns when all are done and rethrows the
  // first exception. If the team is busy with another caller's task, the parts run one after the other on
  // this thread.
  void Run(const std::function<void(int)>& part);

 private:
  struct Members;

  bool forked() const { return getpid() != process_; }

  const int size_;
  const pid_t process_ = getpid();
  std::unique_ptr<Members> members_;  // none in a team of one
};

}  // namespace wideload
