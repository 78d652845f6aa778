#include "cluster/worker.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <utility>

#include "cluster/owner.h"
#include "cluster/wire.h"

namespace wideload {
namespace {

bool SameSigns(const WorkingSet& set, const std::vector<std::span<const Sign>>& signs) {
  return std::equal(set.tables.begin(), set.tables.end(), signs.begin(), signs.end(),
                    [](const WorkingTable& table, std::span<const Sign> asked) {
                      return std::equal(table.announced.begin(), table.announced.end(), asked.begin(),
                                        asked.end());
                    });
}

// Calls run(first, size) for every run of rows whose bit is `wanted`.
template <typename Run>
void ForEachRun(std::span<const std::uint64_t> bits, std::size_t count, bool wanted, Run run) {
  const auto next = [&](std::size_t from, bool value) {  // the first row at or after `from` with that bit
    while (from < count) {
      const std::uint64_t word = (value ? bits[from / 64] : ~bits[from / 64]) >> (from % 64);
      if (word != 0) return std::min(count, from + static_cast<std::size_t>(std::countr_zero(word)));
      from = (from / 64 + 1) * 64;
    }
    return count;
  };
  for (std::size_t first = next(0, wanted); first < count;) {
    const std::size_t end = next(first, !wanted);
    run(first, end - first);
    first = next(end, wanted);
  }
}

}  // namespace

bool WorkingSet::complete() const {
  return std::all_of(answered.begin(), answered.end(), [](bool done) { return done; });
}

Worker::Worker(int rank, int ranks, std::vector<std::shared_ptr<SparseTable>> tables, std::size_t dense_total,
               WireFormat format, bool acknowledged, std::size_t max_in_flight, Acquire acquire, Send send)
    : rank_(rank),
      ranks_(ranks),
      tables_(std::move(tables)),
      dense_total_(dense_total),
      format_(format),
      acknowledged_(acknowledged),
      max_in_flight_(max_in_flight),
      acquire_(std::move(acquire)),
      send_(std::move(send)) {}

// ----------------------------------------------------------------------------------------------- pull

WorkingSet& Worker::Start(MessageKind kind, std::uint64_t step,
                          const std::vector<std::span<const Sign>>& signs) {
  CheckTables(signs.size());
  std::unique_ptr<WorkingSet> fresh;
  if (spare_.empty()) {
    fresh = std::make_unique<WorkingSet>();
  } else {
    fresh = std::move(spare_.back());
    spare_.pop_back();
  }
  fresh->step = step;
  fresh->reading = kind == MessageKind::kRead;
  fresh->prefetched = false;
  fresh->tables.resize(tables_.size());
  fresh->dense.resize(dense_total_);
  fresh->late.assign(static_cast<std::size_t>(ranks_), {});
  fresh->answered.assign(static_cast<std::size_t>(ranks_), false);

  std::vector<Buffer> messages(static_cast<std::size_t>(ranks_));
  for (int to = 0; to < ranks_; ++to) {
    MessageHeader header;
    header.kind = kind;
    header.step = step;
    header.sequence = fresh->reading ? queries_ : 0;
    Buffer& message = messages[static_cast<std::size_t>(to)];
    message = StartMessage(acquire_(), header);
    message.Extend(tables_.size() * sizeof(std::uint64_t));
  }
  for (std::size_t t = 0; t < tables_.size(); ++t) {
    WorkingTable& table = fresh->tables[t];
    const Unique::ShardedResult found = unique_.FindByShard(signs[t], tables_[t]->salt());
    table.inverse.assign(found.inverse.begin(), found.inverse.end());
    const std::span<const Sign> distinct = found.unique;
    table.distinct = distinct.size();
    table.rows.resize(distinct.size() * tables_[t]->width());
    signs_ += signs[t].size();
    unique_signs_ += distinct.size();
    table.offsets.assign(1, 0);
    for (int to = 0; to < ranks_; ++to) {
      table.offsets.push_back(found.shard_begin[FirstShardOf(to + 1, ranks_)]);
      const std::uint64_t count = table.offsets.back() - table.offsets[static_cast<std::size_t>(to)];
      if (to != rank_) remote_signs_ += count;
      Buffer& message = messages[static_cast<std::size_t>(to)];
      std::memcpy(message.data() + sizeof(MessageHeader) + t * sizeof(count), &count, sizeof(count));
      message.Append(distinct.subspan(table.offsets[static_cast<std::size_t>(to)], count));
    }
  }
  WorkingSet& set = *fresh;
  if (kind == MessageKind::kRead) {
    reading_ = std::move(fresh);
  } else {
    sets_.push_back(std::move(fresh));
  }
  for (int to = 0; to < ranks_; ++to) {
    Buffer& message = messages[static_cast<std::size_t>(to)];
    send_(to, std::move(message));
  }
  return set;
}

void Worker::Prefetch(std::uint64_t step, std::vector<std::vector<Sign>> signs) {
  CheckTables(signs.size());
  announced_ = Announced{step, std::move(signs)};
}

void Worker::StartPrefetch() {
  Announced next = std::move(*announced_);
  announced_.reset();
  if (Find(next.step) != nullptr) return;
  WorkingSet& set = Start(MessageKind::kPull, next.step, {next.signs.begin(), next.signs.end()});
  set.prefetched = true;
  for (std::size_t t = 0; t < tables_.size(); ++t) set.tables[t].announced = std::move(next.signs[t]);
}

void Worker::Pull(std::uint64_t step, std::vector<std::span<const Sign>> signs, OnRows on_rows) {
  WorkingSet* set = Find(step);
  if (set != nullptr) {
    if (!set->prefetched) {
      on_rows("step " + std::to_string(step) + " has been pulled already: push it before the next pull",
              *set);
      return;
    }
    if (!SameSigns(*set, signs)) {
      on_rows("step " + std::to_string(step) + " was prefetched with signs that differ from those pulled now",
              *set);
      return;
    }
    ++prefetch_hits_;
  } else {
    set = &Start(MessageKind::kPull, step, signs);
  }
  waiting_since_ = Clock::now();
  pull_ = Waiting{set, std::move(on_rows)};
  Settle(pull_);
  if (announced_ && announced_->step == step + 1) StartPrefetch();
}

void Worker::Read(std::vector<std::span<const Sign>> signs, OnRows on_rows) {
  ++queries_;
  waiting_since_ = Clock::now();
  WorkingSet& set = Start(MessageKind::kRead, 0, signs);
  read_ = Waiting{&set, std::move(on_rows)};
  Settle(read_);
}

void Worker::OnMessage(const Message& message) {
  const MessageHeader header = message.header();
  if (header.kind == MessageKind::kAck) {
    OnAck(message);
    return;
  }
  WorkingSet* set = header.sequence != 0 ? reading_.get() : Find(header.step);
  if (set == nullptr || (set->reading && header.sequence != queries_)) {
    throw std::runtime_error("rank " + std::to_string(message.peer) + " sent rows of step " +
                             std::to_string(header.step) + " that this rank has not requested");
  }
  OnRowsMessage(message, *set);
  Settle(set->reading ? read_ : pull_);
}

void Worker::OnRowsMessage(const Message& message, WorkingSet& set) {
  const MessageHeader header = message.header();
  const auto from = static_cast<std::size_t>(message.peer);
  BodyReader body(message.bytes);
  if (header.part == RowsPart::kEarly) set.late[from].resize(tables_.size());
  for (std::size_t table = 0; table < tables_.size(); ++table)
    TakeRows(body, header, message.peer, table, set);
  if (header.part == RowsPart::kEarly) return;
  const std::size_t begin = DenseShard::Begin(dense_total_, message.peer, ranks_);
  const std::size_t count = DenseShard::Begin(dense_total_, message.peer + 1, ranks_) - begin;
  if (count > 0)
    std::memcpy(set.dense.data() + begin, body.Take(count * sizeof(float)), count * sizeof(float));
  set.answered[from] = true;
}

void Worker::TakeRows(BodyReader& body, const MessageHeader& header, int from, std::size_t table,
                      WorkingSet& set) {
  WorkingTable& working = set.tables[table];
  const auto source = static_cast<std::size_t>(from);
  const std::size_t width = tables_[table]->width();
  const std::size_t begin = working.offsets[source];
  const std::size_t count = working.offsets[source + 1] - begin;
  const std::size_t row_bytes = width * WireBytes(header.format);
  if (header.part == RowsPart::kAll) {
    Decode(header.format, body.Take(count * row_bytes), count * width, working.rows.data() + begin * width);
    return;
  }
  std::vector<std::uint64_t>& late = set.late[source][table];
  if (header.part == RowsPart::kEarly) {
    late.resize((count + 63) / 64);
    const std::size_t bytes = late.size() * sizeof(late[0]);
    if (bytes > 0) std::memcpy(late.data(), body.Take(bytes), bytes);
  }
  ForEachRun(late, count, header.part == RowsPart::kLate, [&](std::size_t first, std::size_t size) {
    Decode(header.format, body.Take(size * row_bytes), size * width,
           working.rows.data() + (begin + first) * width);
  });
}

void Worker::Settle(std::optional<Waiting>& waiting) {
  if (!waiting || !waiting->set->complete()) return;
  const Waiting done = std::move(*waiting);
  waiting.reset();
  done.on_rows("", *done.set);
  if (done.set->reading) spare_.push_back(std::move(reading_));
}

WorkingSet* Worker::Find(std::uint64_t step) {
  const auto found =
      std::find_if(sets_.begin(), sets_.end(), [&](const auto& set) { return set->step == step; });
  return found == sets_.end() ? nullptr : found->get();
}

void Worker::Recycle(std::uint64_t step) {
  const auto found =
      std::find_if(sets_.begin(), sets_.end(), [&](const auto& set) { return set->step == step; });
  spare_.push_back(std::move(*found));
  sets_.erase(found);
}

// ----------------------------------------------------------------------------------------------- push

void Worker::Push(std::uint64_t step, std::vector<Gradient> gradients, const float* dense, OnDone on_done) {
  CheckTables(gradients.size());
  const WorkingSet* set = Find(step);
  if (set == nullptr || !set->complete()) {
    on_done("push " + std::to_string(step) + " without its pull: pull a step first, then push it once");
    return;
  }
  if (const std::string wrong = WrongShape(*set, gradients); !wrong.empty()) {
    on_done(wrong);
    return;
  }
  for (int to = 0; to < ranks_; ++to) {
    const auto owner = static_cast<std::size_t>(to);
    MessageHeader header;
    header.kind = MessageKind::kPush;
    header.step = step;
    header.format = to == rank_ ? WireFormat::kFloat32 : format_;
    Buffer message = StartMessage(acquire_(), header);
    for (std::size_t t = 0; t < tables_.size(); ++t) {
      const WorkingTable& table = set->tables[t];
      const std::size_t width = tables_[t]->width();
      const std::size_t floats = (table.offsets[owner + 1] - table.offsets[owner]) * width;
      Encode(header.format, gradients[t].values + table.offsets[owner] * width, floats,
             message.Extend(floats * WireBytes(header.format)));
    }
    const std::size_t begin = DenseShard::Begin(dense_total_, to, ranks_);
    const std::size_t end = DenseShard::Begin(dense_total_, to + 1, ranks_);
    message.Append(std::span<const float>(dense + begin, end - begin));
    if (acknowledged_) {
      InFlight flight{step, to, Clock::now(), {}};
      flight.copy.Append(std::span<const std::byte>(message.data(), message.size()));
      in_flight_.push_back(std::move(flight));
    }
    send_(to, std::move(message));
  }
  Recycle(step);
  last_push_ = step;
  if (in_flight_.size() < max_in_flight_ * static_cast<std::size_t>(ranks_)) {
    on_done("");
    return;
  }
  waiting_since_ = Clock::now();
  blocked_push_ = std::move(on_done);
}

void Worker::OnAck(const Message& message) {
  const MessageHeader header = message.header();
  if (header.part == RowsPart::kLate) {  // it answers a flush
    unflushed_.erase(message.peer);
    if (unflushed_.empty() && on_flushed_) std::exchange(on_flushed_, nullptr)("");
    return;
  }
  std::erase_if(in_flight_, [&](const InFlight& flight) {
    return flight.to == message.peer && flight.step == header.step;
  });
  if (blocked_push_ && in_flight_.size() < max_in_flight_ * static_cast<std::size_t>(ranks_)) {
    std::exchange(blocked_push_, nullptr)("");
  }
}

std::size_t Worker::Resend(std::chrono::nanoseconds age) {
  std::size_t resent = 0;
  const Clock::time_point now = Clock::now();
  for (InFlight& flight : in_flight_) {
    if (now - flight.sent < age) continue;
    flight.sent = now;
    Buffer message = acquire_();
    message.Clear();
    message.Append(std::span<const std::byte>(flight.copy.data(), flight.copy.size()));
    send_(flight.to, std::move(message));
    ++resent;
  }
  return resent;
}

void Worker::Flush(OnDone on_done) {
  ++queries_;
  waiting_since_ = Clock::now();
  on_flushed_ = std::move(on_done);
  for (int to = 0; to < ranks_; ++to) unflushed_.insert(to);
  for (int to = 0; to < ranks_; ++to) {
    MessageHeader header;
    header.kind = MessageKind::kFlush;
    header.step = last_push_;
    header.sequence = queries_;
    send_(to, StartMessage(acquire_(), header));
  }
}

// --------------------------------------------------------------------------------------------- waiting

bool Worker::expecting() const {
  return urgent() || !in_flight_.empty() ||
         std::any_of(sets_.begin(), sets_.end(), [](const auto& set) { return !set->complete(); });
}

std::string Worker::WaitingFor() const {
  if (pull_) return "pull " + std::to_string(pull_->set->step);
  if (read_) return "read";
  if (blocked_push_) return "push " + std::to_string(last_push_);
  if (on_flushed_) return "flush";
  return "";
}

std::vector<int> Worker::Missing() const {
  std::set<int> missing;
  const std::optional<Waiting>& rows = pull_ ? pull_ : read_;
  if (rows) {
    for (int from = 0; from < ranks_; ++from) {
      if (!rows->set->answered[static_cast<std::size_t>(from)]) missing.insert(from);
    }
  } else if (blocked_push_) {
    for (const InFlight& flight : in_flight_) missing.insert(flight.to);
  } else {
    missing = unflushed_;
  }
  return {missing.begin(), missing.end()};
}

void Worker::Fail(const std::string& error) {
  for (std::optional<Waiting>* waiting : {&pull_, &read_}) {
    if (!*waiting) continue;
    const Waiting failed = std::move(**waiting);
    waiting->reset();
    failed.on_rows(error, *failed.set);
  }
  for (OnDone* done : {&blocked_push_, &on_flushed_}) {
    if (*done) std::exchange(*done, nullptr)(error);
  }
}

void Worker::CheckTables(std::size_t given) const {
  if (given != tables_.size()) {
    throw std::invalid_argument("given signs or gradients for " + std::to_string(given) +
                                " tables, the cluster has " + std::to_string(tables_.size()));
  }
}

std::string Worker::WrongShape(const WorkingSet& set, const std::vector<Gradient>& gradients) const {
  for (std::size_t t = 0; t < tables_.size(); ++t) {
    if (gradients[t].rows == set.tables[t].distinct && gradients[t].width == tables_[t]->width()) continue;
    return "the gradient of table " + std::to_string(t) + " has shape [" + std::to_string(gradients[t].rows) +
           ", " + std::to_string(gradients[t].width) + "], the rows pulled have [" +
           std::to_string(set.tables[t].distinct) + ", " + std::to_string(tables_[t]->width()) + "]";
  }
  return "";
}

std::size_t Worker::bytes() const {
  std::size_t total = 0;
  const auto add = [&](const WorkingSet& set) {
    total += set.dense.capacity() * sizeof(float);
    for (const WorkingTable& table : set.tables) {
      total += table.announced.capacity() * sizeof(Sign) + table.inverse.capacity() * sizeof(std::int32_t) +
               table.rows.capacity() * sizeof(float);
    }
  };
  for (const auto& set : sets_) add(*set);
  for (const auto& set : spare_) add(*set);
  for (const InFlight& flight : in_flight_) total += flight.copy.capacity();
  return total;
}

}  // namespace wideload
