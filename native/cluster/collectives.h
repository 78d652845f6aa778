#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "cluster/call.h"
#include "cluster/registry.h"
#include "cluster/sparse_sum.h"
#include "cluster/transport.h"

namespace wideload {

// What an MPI does for a model that every rank holds. All ranks call the same in the same order; each call returns
// when it is done. A call that waits for other ranks polls and yields, so that it takes no core from compute.
class Collectives {
 public:
  virtual ~Collectives() = default;

  virtual int rank() const = 0;
  virtual int ranks() const = 0;

  // Adds `values` over the ranks, in place. Every rank gets the same bits.
  virtual void Sum(std::span<float> values) = 0;

  // What every rank gives, in rank order.
  virtual std::vector<std::int64_t> Counts(std::int64_t own) = 0;

  // Concatenates elements of `size` bytes, 4 or 8, in rank order. `counts` is what Counts returned; `all` has room for
  // their sum.
  virtual void Gather(const void* own, std::size_t size, std::span<const std::int64_t> counts, void* all) = 0;

  // Messages between two ranks, for SparseSum alone.
  virtual Transport& transport() = 0;
};

// Runs collectives one at a time, in the order of calls, on a thread of its own.
//
//   TensorFlow's thread ── Run(job, call) ──► queue ──► this thread: job(...) ──► call.Answer()
//
// A job that throws is the end: its call fails, and all later ones, since the ranks no longer do the same.
class CollectiveThread {
 public:
  using Job = std::function<void(Collectives&, SparseSum&)>;
  using JobCall = Call<>;

  explicit CollectiveThread(std::unique_ptr<Collectives> collectives);
  // Returns when all jobs are done.
  ~CollectiveThread();
  CollectiveThread(const CollectiveThread&) = delete;
  CollectiveThread& operator=(const CollectiveThread&) = delete;

  int ranks() const { return ranks_; }
  void Run(Job job, JobCall call);

 private:
  void Loop();

  const std::unique_ptr<Collectives> collectives_;
  SparseSum sparse_sum_;
  const int ranks_;
  std::string error_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::pair<Job, JobCall>> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

Registry<CollectiveThread>& CollectiveThreads();

}  // namespace wideload
