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
  worker_ = std::make_unique<Worker>(rank_, ranks_, tables_, dense_total_, options_.policy.format,
                                     !options_.policy.synchronous, options_.max_in_flight, acquire, send);
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

void PsCluster::Enqueue(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) throw std::runtime_error("the cluster is closed");
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void PsCluster::Prefetch(std::uint64_t step, std::vector<std::vector<Sign>> signs) {
  Enqueue([this, step, signs = std::move(signs)]() mutable {
    if (error_.empty()) worker_->Prefetch(step, std::move(signs));
  });
}

void PsCluster::Pull(std::uint64_t step, std::vector<std::span<const Sign>> signs, Worker::OnRows on_rows) {
  auto timed = [this, begin = Clock::now(), on_rows = std::move(on_rows)](const std::string& error,
                                                                          const WorkingSet& set) {
    on_rows(error, set);
    pull_nanoseconds_ += (Clock::now() - begin).count();
  };
  Enqueue([this, step, signs = std::move(signs), timed = std::move(timed)]() mutable {
    if (!error_.empty()) return timed(error_, {});
    worker_->Pull(step, std::move(signs), std::move(timed));
  });
}

void PsCluster::Read(std::vector<std::span<const Sign>> signs, Worker::OnRows on_rows) {
  Enqueue([this, signs = std::move(signs), on_rows = std::move(on_rows)]() mutable {
    if (!error_.empty()) return on_rows(error_, {});
    last_query_ = Clock::now();
    worker_->Read(std::move(signs), std::move(on_rows));
  });
}

void PsCluster::Push(std::uint64_t step, std::vector<Worker::Gradient> gradients, const float* dense,
                     Worker::OnDone on_done) {
  auto timed = [this, begin = Clock::now(), on_done = std::move(on_done)](const std::string& error) {
    on_done(error);
    push_nanoseconds_ += (Clock::now() - begin).count();
  };
  Enqueue([this, step, gradients = std::move(gradients), dense, timed = std::move(timed)]() mutable {
    if (!error_.empty()) return timed(error_);
    last_query_ = {};  // in lockstep again: the pull before it was answered once every rank had sent its own
    worker_->Push(step, std::move(gradients), dense, std::move(timed));
  });
}

void PsCluster::Sum(std::span<const float> values, RankSum::OnSum on_sum) {
  Enqueue([this, values, on_sum = std::move(on_sum)]() mutable {
    if (!error_.empty()) return on_sum(error_, {});
    sum_since_ = Clock::now();
    sum_->Add(values, std::move(on_sum));
  });
}

void PsCluster::Flush() {
  std::promise<std::string> done;
  Enqueue([this, &done] {
    if (!error_.empty()) return done.set_value(error_);
    last_query_ = Clock::now();
    worker_->Flush([&done](const std::string& error) { done.set_value(error); });
  });
  const std::string error = done.get_future().get();
  if (!error.empty()) throw std::runtime_error(error);
}

void PsCluster::RunOnService(std::function<void()> job) {
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
  prctl(PR_SET_NAME, "wideload-ps");
  prctl(PR_SET_TIMERSLACK, kTimerSlackNanoseconds);
  for (;;) {
    bool worked = false;
    try {
      worked = RunJobs();
      worked = TakeMessages() || worked;
      CheckDeadlines();
    } catch (const std::exception& error) {
      Fail("rank " + std::to_string(rank_) + ": " + error.what());
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

bool PsCluster::RunJobs() {
  std::deque<std::function<void()>> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(jobs_);
  }
  for (auto& job : jobs) job();
  return !jobs.empty();
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
  if (error_.empty() && urgent() && now - waiting_since() > options_.timeout) {
    throw std::runtime_error(TimeoutText());
  }
  if (options_.resend_after.count() > 0) resent_ += worker_->Resend(options_.resend_after);
}

PsCluster::Clock::time_point PsCluster::waiting_since() const {
  return worker_->urgent() ? worker_->waiting_since() : sum_since_;
}

std::vector<int> PsCluster::Missing() const {
  if (!worker_->urgent()) return sum_->Missing();
  const std::vector<int> owners = worker_->Missing();
  // If this rank's own owner half has not answered, it waits for other ranks itself: those are the missing
  // ones.
  const bool own = std::find(owners.begin(), owners.end(), rank_) != owners.end();
  const std::vector<int> awaited = own ? server_->Awaited() : std::vector<int>();
  return awaited.empty() ? owners : awaited;
}

std::string PsCluster::TimeoutText() const {
  std::ostringstream text;
  text << "no answer to " << (worker_->urgent() ? worker_->WaitingFor() : sum_->WaitingFor()) << " within "
       << std::chrono::duration<double>(options_.timeout).count() << " s.";
  for (int other = 0; other < ranks_; ++other) {
    if (other == rank_) continue;
    const LastMessage& peer = last_messages_[static_cast<std::size_t>(other)];
    const auto silent = std::chrono::duration<double>(Clock::now() - peer.when).count();
    text << " Rank " << other << " last called " << (peer.call ? Describe(*peer.call) : "nothing")
         << " and last sent a message " << static_cast<int>(silent) << " s ago.";
  }
  const std::vector<int> missing = Missing();
  if (!missing.empty()) text << " Missing: rank";
  for (const int rank : missing) text << ' ' << rank << (rank == missing.back() ? "." : "");
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

// --------------------------------------------------------------------------------------------- registry

namespace {

std::mutex registry_mutex;
std::int64_t next_id = 1;
std::map<std::int64_t, std::shared_ptr<PsCluster>>& Registry() {
  static std::map<std::int64_t, std::shared_ptr<PsCluster>> clusters;
  return clusters;
}

}  // namespace

std::int64_t ClusterRegistry::Add(std::shared_ptr<PsCluster> cluster) {
  const std::lock_guard lock(registry_mutex);
  Registry()[next_id] = std::move(cluster);
  return next_id++;
}

std::shared_ptr<PsCluster> ClusterRegistry::Find(std::int64_t id) {
  const std::lock_guard lock(registry_mutex);
  const auto found = Registry().find(id);
  return found == Registry().end() ? nullptr : found->second;
}

void ClusterRegistry::Remove(std::int64_t id) {
  const std::lock_guard lock(registry_mutex);
  Registry().erase(id);
}

}  // namespace wideload
