#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cluster/dense_shard.h"
#include "cluster/rank_sum.h"
#include "cluster/registry.h"
#include "cluster/shard_server.h"
#include "cluster/transport.h"
#include "cluster/worker.h"

namespace wideload {

struct ClusterOptions {
  ServerPolicy policy;
  std::size_t max_in_flight = 4;              // unacknowledged pushes per owner, asynchronous modes
  std::chrono::milliseconds timeout{60'000};  // for an answer from a peer
  std::chrono::milliseconds resend_after{0};  // an unacknowledged push is sent again; 0: never
  std::chrono::microseconds idle_poll{200};   // between checks for messages while no caller waits
};

// One rank of the parameter server: its worker half, its owner half, and the thread that runs both.
//
//   TensorFlow op, Python ── Enqueue ──► service thread
//                                          Worker ◄─── messages ───► ShardServer     own shard, without MPI
//                                             │                           │
//                                             └──────── Transport ────────┘          other ranks
//
// Everything happens on the service thread: tables have one writer, and MPI has one user. Callers enqueue and
// are called back, so no TensorFlow thread blocks. The thread waits in one of three ways, none of which takes
// a core from compute:
//
//   - A caller is blocked on an answer, so its compute thread sleeps: poll and yield, then poll every few
//     microseconds.
//   - An answer is due but no caller is blocked (prefetch, acknowledgements), or peers may send calls: in
//     asynchronous modes, and after a read or a flush, since the other ranks make theirs in their own time.
//     Poll every `idle_poll`.
//   - Nothing can happen before the next call (synchronous): sleep.
//
// The first error is final: it is the answer to all pending calls, is sent to the other ranks, and is the
// answer to every later call.
class PsCluster {
 public:
  // dense: the initial flat vector, equal on all ranks; segments as in DenseShard.
  PsCluster(std::unique_ptr<Transport> transport, std::vector<std::shared_ptr<SparseTable>> tables,
            std::vector<float> dense, std::vector<DenseSegment> segments, ClusterOptions options);
  ~PsCluster();
  PsCluster(const PsCluster&) = delete;
  PsCluster& operator=(const PsCluster&) = delete;

  int rank() const { return rank_; }
  int ranks() const { return ranks_; }
  const std::vector<std::shared_ptr<SparseTable>>& tables() const { return tables_; }
  std::size_t dense_total() const { return dense_total_; }

  // Asynchronous. Each callback is called exactly once, on the service thread (or by the call itself when the
  // cluster is closed), and must not block. Spans and pointers must stay valid until then (Prefetch copies). See
  // Worker.
  void Prefetch(std::uint64_t step, std::vector<std::vector<Sign>> signs);
  void Pull(std::uint64_t step, std::vector<std::span<const Sign>> signs, Worker::RowsCall call);
  void Read(std::vector<std::span<const Sign>> signs, Worker::RowsCall call);
  void Push(std::uint64_t step, std::vector<Worker::Gradient> gradients, const float* dense,
            Worker::DoneCall call);
  void Sum(std::span<const float> values, RankSum::SumCall call);
  void Abandon(std::uint64_t step, Worker::DoneCall call);
  // Answers a call with an error if it is still pending. Any thread may cancel any call.
  template <typename C>
  void Cancel(C call, std::string error) {
    Post([call = std::move(call), error = std::move(error)] { call.Fail(error); });
  }

  // Blocks until every owner has applied all pushes of this rank; throws std::runtime_error, and std::logic_error
  // on the service thread, which it would have to wait for.
  void Flush();
  // Runs `job` on the service thread, between messages, and waits for it; checkpoints read the tables this way.
  // On the service thread it runs the job at once.
  void RunOnService(const std::function<void()>& job);
  void SetFirstStep(std::uint64_t step);
  void SetLearningRateScale(float scale);
  DenseShard& dense() { return server_->dense(); }  // only inside RunOnService

  // Nanoseconds from a call of Pull (Push) to its callback, summed since the start.
  std::int64_t pull_nanoseconds() const { return pull_nanoseconds_.load(std::memory_order_relaxed); }
  std::int64_t push_nanoseconds() const { return push_nanoseconds_.load(std::memory_order_relaxed); }

  // Totals since the start, by name; see docs/reference/parameter_server.md.
  std::map<std::string, double> Counters();

  // Stops the thread. Every rank must have flushed, followed by a barrier.
  void Close();

 private:
  using Clock = Worker::Clock;

  // The last messages of a peer, for errors that name it.
  struct LastMessage {
    Clock::time_point when;
    std::optional<MessageHeader> call;  // the last that was a call
  };

  void Enqueue(std::function<void()> job);
  bool Post(std::function<void()> job);  // false when the cluster is closed
  template <typename C, typename Work>
  void Submit(C call, Work work);
  bool on_service_thread() const { return std::this_thread::get_id() == service_thread_.load(); }
  void Run();
  bool RunJobs();
  bool TakeMessages();
  void Note(const Message& message);
  void Dispatch(Message message);
  void Send(int to, Buffer message);
  std::size_t DenseBytesOf(int owner) const;
  void CheckDeadlines();
  void Idle();
  void FailHere(const std::string& error);
  void Fail(const std::string& error);  // here, and on the other ranks
  std::string Explain(const std::exception& error) const;
  bool urgent() const { return worker_->urgent() || sum_->waiting(); }
  std::optional<PendingCall> Oldest() const;
  std::string TimeoutText(const PendingCall& call) const;

  const int rank_;
  const int ranks_;
  const std::vector<std::shared_ptr<SparseTable>> tables_;
  const std::size_t dense_total_;
  const ClusterOptions options_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<ShardServer> server_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<RankSum> sum_;
  std::deque<Message> to_self_;
  std::string error_;
  Clock::time_point idle_since_{};
  Clock::time_point last_check_{};
  Clock::time_point last_query_{};          // a read or a flush, of any rank
  std::vector<LastMessage> last_messages_;  // by rank
  bool idle_ = false;

  std::uint64_t wire_bytes_ = 0;
  std::uint64_t wire_sparse_bytes_ = 0;
  std::uint64_t messages_ = 0;
  std::uint64_t resent_ = 0;

  std::atomic<std::int64_t> pull_nanoseconds_{0};
  std::atomic<std::int64_t> push_nanoseconds_{0};

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::atomic<std::thread::id> service_thread_{};
  std::thread thread_;
};

Registry<PsCluster>& Clusters();

}  // namespace wideload
