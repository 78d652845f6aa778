#include "cluster/ps_cluster.h"

#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <future>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace wideload {
namespace {

constexpr auto kYieldFor = std::chrono::microseconds(200);
constexpr auto kShortSleep = std::chrono::microseconds(10);
// Ranks evaluate and finish at about the same time, but not together: one that is done still serves the
// others.
constexpr auto kQueriesFollow = std::chrono::milliseconds(500);
constexpr auto kCheckEvery = std::chrono::milliseconds(50);
constexpr unsigned long kTimerSlackNanoseconds = 1'000;

double ThreadCpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

PsCluster::PsCluster(std::unique_ptr<Transport> transport, std::vector<std::shared_ptr<SparseTable>> tables,
                     std::vector<float> dense, std::vector<DenseSegment> segments, ClusterOptions options)
    : rank_(transport->rank()),
      ranks_(transport->ranks()),
      tables_(std::move(tables)),
      dense_total_(dense.size()),
      options_(options),
      transport_(std::move(transport)),
      last_messages_(static_cast<std::size_t>(ranks_), LastMessage{Clock::now(), {}}) {
  const auto acquire = [this] { return transport_->Acquire(); };
  const auto release = [this](Buffer buffer) { transport_->Release(std::move(buffer)); };
  const auto send = [this](int to, Buffer message) { Send(to, std::move(message)); };
  server_ = std::make_unique<ShardServer>(rank_, ranks_, tables_, DenseShard(dense, segments, rank_, ranks_),
                                          options_.policy, acquire, release, send);
  worker_ =
      std::make_unique<Worker>(rank_, ranks_, tables_, dense_total_, options_.policy.format,
                               Worker::PushPolicy{!options_.policy.synchronous,
                                                  options_.resend_after.count() > 0, options_.max_in_flight},
                               acquire, send);
  sum_ = std::make_unique<RankSum>(ranks_, acquire, send);
  thread_ = std::thread([this] { Run(); });
}

PsCluster::~PsCluster() { Close(); }

void PsCluster::Close() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

// ---------------------------------------------------------------------------------------------- calls

bool PsCluster::Post(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

void PsCluster::Enqueue(std::function<void()> job) {
  if (!Post(std::move(job))) throw std::runtime_error("the cluster is closed");
}

// Runs work(call) on the service thread, unless the call has been cancelled by then. Whatever is thrown answers
// the call.
template <typename C, typename Work>
void PsCluster::Submit(C call, Work work) {
  const bool posted = Post([this, call, work = std::move(work)]() mutable {
    if (call.answered()) return;
    if (!error_.empty()) return call.Fail(error_);
    try {
      work(call);
    } catch (const std::exception& error) {
      Fail(Explain(error));
      call.Fail(error_);
    }
  });
  if (!posted) call.Fail("the cluster is closed");
}

void PsCluster::Prefetch(std::uint64_t step, std::vector<std::vector<Sign>> signs) {
  Enqueue([this, step, signs = std::move(signs)]() mutable {
    if (error_.empty()) worker_->Prefetch(step, std::move(signs));
  });
}

void PsCluster::Pull(std::uint64_t step, std::vector<std::span<const Sign>> signs, Worker::RowsCall call) {
  call.CountTime(&pull_nanoseconds_);
  Submit(std::move(call), [this, step, signs = std::move(signs)](const Worker::RowsCall& pending) {
    worker_->Pull(step, signs, pending);
  });
}

void PsCluster::Read(std::vector<std::span<const Sign>> signs, Worker::RowsCall call) {
  Submit(std::move(call), [this, signs = std::move(signs)](const Worker::RowsCall& pending) {
    last_query_ = Clock::now();
    worker_->Read(signs, pending);
  });
}

void PsCluster::Push(std::uint64_t step, std::vector<Worker::Gradient> gradients, const float* dense,
                     Worker::DoneCall call) {
  call.CountTime(&push_nanoseconds_);
  Submit(std::move(call),
         [this, step, gradients = std::move(gradients), dense](const Worker::DoneCall& pending) {
           // In lockstep again: the pull before it was answered once every rank had sent its own.
           last_query_ = {};
           worker_->Push(step, gradients, dense, pending);
         });
}

void PsCluster::Sum(std::span<const float> values, RankSum::SumCall call) {
  Submit(std::move(call), [this, values](const RankSum::SumCall& pending) { sum_->Add(values, pending); });
}

void PsCluster::Abandon(std::uint64_t step, Worker::DoneCall call) {
  Submit(std::move(call), [this, step](const Worker::DoneCall& pending) { worker_->Abandon(step, pending); });
}

void PsCluster::Flush() {
  if (on_service_thread()) throw std::logic_error("a flush cannot be called on the service thread");
  std::promise<std::string> done;
  Submit(Worker::DoneCall([&done](const std::string& error) { done.set_value(error); }),
         [this](const Worker::DoneCall& pending) {
           last_query_ = Clock::now();
           worker_->Flush(pending);
         });
  const std::string error = done.get_future().get();
  if (!error.empty()) throw std::runtime_error(error);
}

void PsCluster::RunOnService(const std::function<void()>& job) {
  if (on_service_thread()) return job();
  std::promise<void> done;
  Enqueue([&] {
    try {
      job();
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

void PsCluster::SetFirstStep(std::uint64_t step) {
  RunOnService([&] { server_->set_first_step(step); });
}

void PsCluster::SetLearningRateScale(float scale) {
  RunOnService([&] { server_->SetLearningRateScale(scale); });
}

std::map<std::string, double> PsCluster::Counters() {
  std::map<std::string, double> counters;
  RunOnService([&] {
    const auto put = [&](const char* name, std::uint64_t value) {
      counters[name] = static_cast<double>(value);
    };
    put("wire_bytes", wire_bytes_);
    put("wire_sparse_bytes", wire_sparse_bytes_);
    put("messages", messages_);
    put("signs", worker_->signs());
    put("unique_signs", worker_->unique_signs());
    put("remote_signs", worker_->remote_signs());
    put("union_signs", server_->union_signs());
    put("prefetch_hits", worker_->prefetch_hits());
    put("prefetched_early_rows", server_->early_rows());
    put("prefetched_late_rows", server_->late_rows());
    put("resent_pushes", resent_);
    put("duplicate_pushes", server_->duplicate_pushes());
    put("buffer_bytes", worker_->bytes());
    const auto& histogram = server_->staleness_histogram();
    for (std::size_t k = 0; k < histogram.size(); ++k)
      put(("staleness_" + std::to_string(k)).c_str(), histogram[k]);
    counters["service_cpu_seconds"] = ThreadCpuSeconds();
  });
  return counters;
}

// --------------------------------------------------------------------------------------- service thread

void PsCluster::Run() {
  service_thread_ = std::this_thread::get_id();
  prctl(PR_SET_NAME, "wideload-ps");
  prctl(PR_SET_TIMERSLACK, kTimerSlackNanoseconds);
  for (;;) {
    bool worked = false;
    try {
      worked = RunJobs();
      worked = TakeMessages() || worked;
      CheckDeadlines();
    } catch (const std::exception& error) {
      Fail(Explain(error));
    }
    if (worked) {
      idle_ = false;
      continue;
    }
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ && jobs_.empty()) break;
    }
    Idle();
  }
  FailHere("the cluster is closed");
}

std::string PsCluster::Explain(const std::exception& error) const {
  return "rank " + std::to_string(rank_) + ": " + error.what();
}

// Takes one job at a time, so that one that throws leaves the others in the queue.
bool PsCluster::RunJobs() {
  for (bool any = false;; any = true) {
    std::function<void()> job;
    {
      const std::lock_guard lock(mutex_);
      if (jobs_.empty()) return any;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

bool PsCluster::TakeMessages() {
  bool any = false;
  for (;;) {
    if (!to_self_.empty()) {
      Message message = std::move(to_self_.front());
      to_self_.pop_front();
      Dispatch(std::move(message));
    } else if (ranks_ == 1) {
      return any;
    } else if (std::optional<Message> message = transport_->Receive()) {
      RequireHeader(*message);
      Note(*message);
      Dispatch(std::move(*message));
    } else {
      return any;
    }
    any = true;
  }
}

void PsCluster::Note(const Message& message) {
  const MessageHeader header = message.header();
  LastMessage& peer = last_messages_[static_cast<std::size_t>(message.peer)];
  peer.when = Clock::now();
  if (IsCall(header.kind)) peer.call = header;
  if (header.kind == MessageKind::kRead || header.kind == MessageKind::kFlush) last_query_ = peer.when;
}

void PsCluster::Dispatch(Message message) {
  switch (message.header().kind) {
    case MessageKind::kRows:
    case MessageKind::kAck:
      worker_->OnMessage(message);
      transport_->Release(std::move(message.bytes));
      return;
    case MessageKind::kSum:
      sum_->OnMessage(std::move(message));
      return;
    case MessageKind::kError: {
      const auto* text = reinterpret_cast<const char*>(message.bytes.data()) + sizeof(MessageHeader);
      const std::string error(text, message.bytes.size() - sizeof(MessageHeader));
      FailHere(error);
      return;
    }
    default:
      server_->Handle(std::move(message));
  }
}

void PsCluster::Send(int to, Buffer message) {
  if (to == rank_) {
    to_self_.push_back({rank_, std::move(message)});
    return;
  }
  MessageHeader header;
  std::memcpy(&header, message.data(), sizeof(header));
  ++messages_;
  wire_bytes_ += message.size();
  const std::size_t dense = header.kind == MessageKind::kPush   ? DenseBytesOf(to)
                            : header.kind != MessageKind::kRows ? 0
                            : header.part == RowsPart::kEarly   ? 0
                                                                : DenseBytesOf(rank_);
  wire_sparse_bytes_ += message.size() - dense;
  transport_->Send(to, std::move(message));
}

std::size_t PsCluster::DenseBytesOf(int owner) const {
  return (DenseShard::Begin(dense_total_, owner + 1, ranks_) -
          DenseShard::Begin(dense_total_, owner, ranks_)) *
         sizeof(float);
}

void PsCluster::CheckDeadlines() {
  const Clock::time_point now = Clock::now();
  if (now - last_check_ < kCheckEvery) return;
  last_check_ = now;
  if (!error_.empty()) return;
  if (const std::optional<PendingCall> call = Oldest(); call && now - call->since > options_.timeout) {
    throw std::runtime_error(TimeoutText(*call));
  }
  if (options_.resend_after.count() > 0) resent_ += worker_->Resend(options_.resend_after);
}

std::optional<PendingCall> PsCluster::Oldest() const {
  std::optional<PendingCall> call = worker_->Oldest();
  std::optional<PendingCall> sum = sum_->Oldest();
  if (!call || (sum && sum->since < call->since)) return sum;
  // If this rank's own owner half has not answered, it waits for other ranks itself: those are the missing ones.
  if (std::find(call->missing.begin(), call->missing.end(), rank_) != call->missing.end()) {
    if (std::vector<int> awaited = server_->Awaited(); !awaited.empty()) call->missing = std::move(awaited);
  }
  return call;
}

std::string PsCluster::TimeoutText(const PendingCall& call) const {
  std::ostringstream text;
  text << "no answer to " << call.name << " within "
       << std::chrono::duration<double>(options_.timeout).count() << " s.";
  for (int other = 0; other < ranks_; ++other) {
    if (other == rank_) continue;
    const LastMessage& peer = last_messages_[static_cast<std::size_t>(other)];
    const auto silent = std::chrono::duration<double>(Clock::now() - peer.when).count();
    text << " Rank " << other << " last called " << (peer.call ? Describe(*peer.call) : "nothing")
         << " and last sent a message " << static_cast<int>(silent) << " s ago.";
  }
  if (!call.missing.empty()) text << " Missing: rank";
  for (const int rank : call.missing) text << ' ' << rank << (rank == call.missing.back() ? "." : "");
  text << " Every rank must pull, push and read in the same order.";
  return text.str();
}

void PsCluster::Idle() {
  const Clock::time_point now = Clock::now();
  if (!idle_) {
    idle_ = true;
    idle_since_ = now;
  }
  if (urgent() && ranks_ > 1) {
    if (now - idle_since_ < kYieldFor) {
      sched_yield();
      return;
    }
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, kShortSleep, [this] { return stopping_ || !jobs_.empty(); });
    return;
  }
  const bool peers_may_ask = ranks_ > 1 && (!options_.policy.synchronous || worker_->expecting() ||
                                            transport_->sending() || now - last_query_ < kQueriesFollow);
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, peers_may_ask ? std::chrono::nanoseconds(options_.idle_poll) : kCheckEvery,
                 [this] { return stopping_ || !jobs_.empty(); });
}

void PsCluster::FailHere(const std::string& error) {
  if (!error_.empty()) return;
  error_ = error;
  worker_->Fail(error);
  sum_->Fail(error);
}

void PsCluster::Fail(const std::string& error) {
  if (!error_.empty()) return;
  FailHere(error);
  for (int to = 0; to < ranks_; ++to) {
    if (to == rank_) continue;
    MessageHeader header;
    header.kind = MessageKind::kError;
    Buffer message = StartMessage(transport_->Acquire(), header);
    message.Append(std::span<const char>(error.data(), error.size()));
    try {
      transport_->Send(to, std::move(message));
    } catch (const std::exception&) {
      return;  // the transport itself is what failed
    }
  }
}

Registry<PsCluster>& Clusters() {
  static Registry<PsCluster> clusters;
  return clusters;
}

}  // namespace wideload
