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
               WireFormat format, PushPolicy pushes, Acquire acquire, Send send)
    : rank_(rank),
      ranks_(ranks),
      tables_(std::move(tables)),
      dense_total_(dense_total),
      format_(format),
      pushes_(pushes),
      acquire_(std::move(acquire)),
      send_(std::move(send)),
      in_flight_to_(static_cast<std::size_t>(ranks), 0) {}

// ----------------------------------------------------------------------------------------------- pull

Worker::Ticket& Worker::Start(MessageKind kind, std::uint64_t step,
                              const std::vector<std::span<const Sign>>& signs) {
  CheckTables(signs.size());
  std::unique_ptr<Ticket> ticket;
  if (spare_.empty()) {
    ticket = std::make_unique<Ticket>();
  } else {
    ticket = std::move(spare_.back());
    spare_.pop_back();
  }
  WorkingSet* fresh = &ticket->set;
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
  Ticket& started = *ticket;
  started.since = Clock::now();
  if (kind == MessageKind::kRead) {
    reads_.emplace(queries_, std::move(ticket));
  } else {
    steps_.push_back(std::move(ticket));
  }
  for (int to = 0; to < ranks_; ++to) {
    Buffer& message = messages[static_cast<std::size_t>(to)];
    send_(to, std::move(message));
  }
  return started;
}

void Worker::Prefetch(std::uint64_t step, std::vector<std::vector<Sign>> signs) {
  CheckTables(signs.size());
  announced_ = Announced{step, std::move(signs)};
}

void Worker::StartPrefetch() {
  Announced next = std::move(*announced_);
  announced_.reset();
  if (Find(next.step) != nullptr) return;
  WorkingSet& set = Start(MessageKind::kPull, next.step, {next.signs.begin(), next.signs.end()}).set;
  set.prefetched = true;
  for (std::size_t t = 0; t < tables_.size(); ++t) set.tables[t].announced = std::move(next.signs[t]);
}

void Worker::Pull(std::uint64_t step, const std::vector<std::span<const Sign>>& signs, const RowsCall& call) {
  Ticket* ticket = Find(step);
  if (ticket != nullptr) {
    if (!ticket->set.prefetched) {
      call.Fail("step " + std::to_string(step) +
                " has been pulled already: push it before the next pull, or abandon it");
      return;
    }
    if (!SameSigns(ticket->set, signs)) {
      call.Fail("step " + std::to_string(step) +
                " was prefetched with signs that differ from those pulled now");
      return;
    }
    ticket->set.prefetched = false;
    ++prefetch_hits_;
  } else {
    ticket = &Start(MessageKind::kPull, step, signs);
  }
  ticket->since = Clock::now();
  ticket->call = call;
  Settle(*ticket);
  if (announced_ && announced_->step == step + 1) StartPrefetch();
}

void Worker::Read(const std::vector<std::span<const Sign>>& signs, RowsCall call) {
  ++queries_;
  Start(MessageKind::kRead, 0, signs).call = std::move(call);
}

void Worker::OnMessage(const Message& message) {
  const MessageHeader header = message.header();
  if (header.kind == MessageKind::kAck) return OnAck(message);
  if (header.sequence != 0) return OnRead(message);
  Ticket* ticket = Find(header.step);
  if (ticket == nullptr) {
    throw std::runtime_error("rank " + std::to_string(message.peer) + " sent rows of step " +
                             std::to_string(header.step) + ", which this rank has not requested");
  }
  OnRowsMessage(message, ticket->set);
  Settle(*ticket);
}

void Worker::OnRead(const Message& message) {
  const auto found = reads_.find(message.header().sequence);
  if (found == reads_.end()) {
    throw std::runtime_error("rank " + std::to_string(message.peer) + " sent rows of read " +
                             std::to_string(message.header().sequence) +
                             ", which this rank has not requested");
  }
  OnRowsMessage(message, found->second->set);
  if (!found->second->set.complete()) return;
  const std::unique_ptr<Ticket>& kept = spare_.emplace_back(std::move(found->second));
  reads_.erase(found);
  const RowsCall call = *std::exchange(kept->call, std::nullopt);
  call.Answer(kept->set);
}

void Worker::OnRowsMessage(const Message& message, WorkingSet& set) {
  const MessageHeader header = message.header();
  const auto from = static_cast<std::size_t>(message.peer);
  const auto refuse = [&](const std::string& what) {
    throw std::runtime_error("rank " + std::to_string(message.peer) + " sent " + Describe(header) + ": " +
                             what);
  };
  if (set.answered[from]) refuse("all its rows have arrived already");
  if (header.part == RowsPart::kLate && set.late[from].empty()) refuse("late rows without the early ones");
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

void Worker::Settle(Ticket& ticket) {
  if (!ticket.set.complete()) return;
  if (ticket.call) {
    const RowsCall call = *std::exchange(ticket.call, std::nullopt);
    call.Answer(ticket.set);
  }
  if (ticket.abandoned) {
    const DoneCall call = *std::exchange(ticket.abandoned, std::nullopt);
    const std::uint64_t step = ticket.set.step;
    Recycle(step);
    for (int to = 0; to < ranks_; ++to) {
      MessageHeader header;
      header.kind = MessageKind::kAbandon;
      header.step = step;
      send_(to, StartMessage(acquire_(), header));
    }
    call.Answer();
  }
}

Worker::Ticket* Worker::Find(std::uint64_t step) {
  const auto found = std::find_if(steps_.begin(), steps_.end(),
                                  [&](const auto& ticket) { return ticket->set.step == step; });
  return found == steps_.end() ? nullptr : found->get();
}

void Worker::Recycle(std::uint64_t step) {
  const auto found = std::find_if(steps_.begin(), steps_.end(),
                                  [&](const auto& ticket) { return ticket->set.step == step; });
  spare_.push_back(std::move(*found));
  steps_.erase(found);
}

void Worker::Abandon(std::uint64_t step, DoneCall call) {
  Ticket* ticket = Find(step);
  if (ticket == nullptr)
    return call.Fail("step " + std::to_string(step) + " is not pulled: nothing to abandon");
  ticket->since = Clock::now();
  ticket->abandoned = std::move(call);
  Settle(*ticket);
}

// ----------------------------------------------------------------------------------------------- push

void Worker::Push(std::uint64_t step, const std::vector<Gradient>& gradients, const float* dense,
                  DoneCall call) {
  CheckTables(gradients.size());
  const Ticket* ticket = Find(step);
  if (ticket == nullptr || !ticket->set.complete()) {
    return call.Fail("push " + std::to_string(step) +
                     " without its pull: pull a step first, then push it once");
  }
  const WorkingSet* set = &ticket->set;
  if (const std::string wrong = WrongShape(*set, gradients); !wrong.empty()) return call.Fail(wrong);
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
    if (pushes_.acknowledged) {
      InFlight flight{step, to, Clock::now(), {}};
      if (pushes_.resent) flight.copy.Append(std::span<const std::byte>(message.data(), message.size()));
      in_flight_.push_back(std::move(flight));
      ++in_flight_to_[owner];
    }
    send_(to, std::move(message));
  }
  Recycle(step);
  last_push_ = step;
  if (!Blocked()) return call.Answer();
  waiting_pushes_.push_back({step, std::move(call), Clock::now()});
}

bool Worker::Blocked() const {
  return std::any_of(in_flight_to_.begin(), in_flight_to_.end(),
                     [&](std::size_t pushes) { return pushes >= pushes_.max_in_flight; });
}

void Worker::OnAck(const Message& message) {
  const MessageHeader header = message.header();
  if (header.part == RowsPart::kLate) {  // it answers a flush
    const auto found = flushes_.find(header.sequence);
    if (found == flushes_.end()) return;
    found->second.owners.erase(message.peer);
    if (!found->second.owners.empty()) return;
    const DoneCall call = std::move(found->second.call);
    flushes_.erase(found);
    return call.Answer();
  }
  in_flight_to_[static_cast<std::size_t>(message.peer)] -= std::erase_if(
      in_flight_,
      [&](const InFlight& flight) { return flight.to == message.peer && flight.step == header.step; });
  if (Blocked()) return;
  for (const WaitingPush& push : std::exchange(waiting_pushes_, {})) push.call.Answer();
}

std::size_t Worker::Resend(std::chrono::nanoseconds age) {
  constexpr unsigned kMostDoublings = 6;
  std::size_t resent = 0;
  const Clock::time_point now = Clock::now();
  for (InFlight& flight : in_flight_) {
    if (now - flight.sent < age * (1 << std::min(flight.resends, kMostDoublings))) continue;
    flight.sent = now;
    ++flight.resends;
    Buffer message = acquire_();
    message.Clear();
    message.Append(std::span<const std::byte>(flight.copy.data(), flight.copy.size()));
    send_(flight.to, std::move(message));
    ++resent;
  }
  return resent;
}

void Worker::Flush(DoneCall call) {
  const std::uint64_t sequence = ++queries_;
  WaitingFlush& flush =
      flushes_.emplace(sequence, WaitingFlush{std::move(call), {}, Clock::now()}).first->second;
  for (int to = 0; to < ranks_; ++to) flush.owners.insert(to);
  for (int to = 0; to < ranks_; ++to) {
    MessageHeader header;
    header.kind = MessageKind::kFlush;
    header.step = last_push_;
    header.sequence = sequence;
    send_(to, StartMessage(acquire_(), header));
  }
}

// --------------------------------------------------------------------------------------------- waiting

bool Worker::urgent() const {
  const auto waits = [](const Ticket& ticket) {
    return (ticket.call && !ticket.call->answered()) || (ticket.abandoned && !ticket.abandoned->answered());
  };
  return !waiting_pushes_.empty() || !flushes_.empty() ||
         std::any_of(steps_.begin(), steps_.end(), [&](const auto& ticket) { return waits(*ticket); }) ||
         std::any_of(reads_.begin(), reads_.end(), [&](const auto& read) { return waits(*read.second); });
}

bool Worker::expecting() const {
  return urgent() || !in_flight_.empty() || !reads_.empty() ||
         std::any_of(steps_.begin(), steps_.end(),
                     [](const auto& ticket) { return !ticket->set.complete(); });
}

std::optional<PendingCall> Worker::Oldest() const {
  std::optional<PendingCall> oldest;
  const auto consider = [&](Clock::time_point since, const std::string& name, std::vector<int> missing) {
    if (!oldest || since < oldest->since) oldest = PendingCall{since, name, std::move(missing)};
  };
  for (const auto& ticket : steps_) {
    const std::string step = std::to_string(ticket->set.step);
    if (ticket->call && !ticket->call->answered())
      consider(ticket->since, "pull " + step, Unanswered(ticket->set));
    if (ticket->abandoned) consider(ticket->since, "abandon " + step, Unanswered(ticket->set));
  }
  for (const auto& [sequence, ticket] : reads_) {
    if (!ticket->call->answered()) consider(ticket->since, "read", Unanswered(ticket->set));
  }
  for (const WaitingPush& push : waiting_pushes_) {
    std::set<int> missing;
    for (const InFlight& flight : in_flight_) missing.insert(flight.to);
    consider(push.since, "push " + std::to_string(push.step), {missing.begin(), missing.end()});
  }
  for (const auto& [sequence, flush] : flushes_) {
    consider(flush.since, "flush", {flush.owners.begin(), flush.owners.end()});
  }
  return oldest;
}

std::vector<int> Worker::Unanswered(const WorkingSet& set) const {
  std::vector<int> missing;
  for (int from = 0; from < ranks_; ++from) {
    if (!set.answered[static_cast<std::size_t>(from)]) missing.push_back(from);
  }
  return missing;
}

void Worker::Fail(const std::string& error) {
  for (const auto& ticket : steps_) {
    if (ticket->call) std::exchange(ticket->call, std::nullopt)->Fail(error);
    if (ticket->abandoned) std::exchange(ticket->abandoned, std::nullopt)->Fail(error);
  }
  for (const auto& [sequence, ticket] : std::exchange(reads_, {})) {
    if (ticket->call) ticket->call->Fail(error);
  }
  for (const WaitingPush& push : std::exchange(waiting_pushes_, {})) push.call.Fail(error);
  for (const auto& [sequence, flush] : std::exchange(flushes_, {})) flush.call.Fail(error);
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
  for (const auto& ticket : steps_) add(ticket->set);
  for (const auto& [sequence, ticket] : reads_) add(ticket->set);
  for (const auto& ticket : spare_) add(ticket->set);
  for (const InFlight& flight : in_flight_) total += flight.copy.capacity();
  return total;
}

}  // namespace wideload
