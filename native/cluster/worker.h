#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "cluster/call.h"
#include "cluster/dense_shard.h"
#include "cluster/message.h"
#include "cluster/pending_call.h"
#include "table/sparse_table.h"
#include "table/unique.h"

namespace wideload {

// One table's part of a batch: the distinct signs, and the small dense matrix of their rows that the model
// reads.
struct WorkingTable {
  std::vector<Sign> announced;        // of a prefetch: to recognise the batch when it is pulled
  std::vector<std::int32_t> inverse;  // [signs requested] -> row of `rows`
  std::vector<std::size_t> offsets;   // [ranks + 1]: rows [offsets[r], offsets[r + 1]) are owned by rank r
  std::vector<float> rows;            // [distinct, width]
  std::size_t distinct = 0;
};

// The ticket of a step: made by its pull, consumed by its push.
struct WorkingSet {
  std::uint64_t step = 0;
  std::vector<WorkingTable> tables;
  std::vector<float> dense;  // the whole flat vector
  // [rank][table]: bit i is set if the i-th row requested from that rank comes late.
  std::vector<std::vector<std::vector<std::uint64_t>>> late;
  std::vector<bool> answered;  // by rank: all its rows have arrived
  bool reading = false;
  bool prefetched = false;

  bool complete() const;
};

// The worker's half of the parameter server: turns the signs of a batch into one message per owner, and the
// answers into a working set. Distinct signs are ordered by logical shard, so that an owner's signs and rows
// are one contiguous range.
//
// Several calls of one kind may be in flight. Single-threaded: owned by the cluster's service thread.
class Worker {
 public:
  using Clock = PendingCall::Clock;
  // One table's gradient: [rows, width], row-major.
  struct Gradient {
    const float* values;
    std::size_t rows;
    std::size_t width;
  };
  // The working set of a pull lives until its push, that of a read until the callback returns.
  using RowsCall = Call<const WorkingSet&>;
  using DoneCall = Call<>;
  using OnRows = RowsCall::Callback;
  using OnDone = DoneCall::Callback;
  using Send = std::function<void(int to, Buffer message)>;
  using Acquire = std::function<Buffer()>;

  struct PushPolicy {
    bool acknowledged = false;      // asynchronous modes
    bool resent = false;            // keeps a copy of each push until it is acknowledged, for Resend
    std::size_t max_in_flight = 4;  // unacknowledged pushes per owner
  };

  Worker(int rank, int ranks, std::vector<std::shared_ptr<SparseTable>> tables, std::size_t dense_total,
         WireFormat format, PushPolicy pushes, Acquire acquire, Send send);

  // Announces the signs of the step after the next pull. Its own pull is sent right after the next one, so
  // that it neither overtakes it nor delays its caller. signs: per table, in any order, duplicates allowed.
  void Prefetch(std::uint64_t step, std::vector<std::vector<Sign>> signs);

  // Calls back when the rows have arrived: at once if a prefetch of the same signs has fetched them already.
  void Pull(std::uint64_t step, const std::vector<std::span<const Sign>>& signs, const RowsCall& call);

  // Like Pull, but creates no row and is not followed by a push.
  void Read(const std::vector<std::span<const Sign>>& signs, RowsCall call);

  // gradients: per table [distinct, width]; dense: the whole flat gradient. Calls back when the caller may
  // continue: at once, or when fewer than max_in_flight pushes are unacknowledged.
  void Push(std::uint64_t step, const std::vector<Gradient>& gradients, const float* dense, DoneCall call);

  // Drops a step that has been pulled and will not be pushed: its owners apply nothing of this rank. Calls back
  // when all rows of the pull have arrived, so that the step may be pulled again.
  void Abandon(std::uint64_t step, DoneCall call);

  // Calls back when every owner has applied all pushes of this rank.
  void Flush(DoneCall call);

  void OnMessage(const Message& message);

  // Sends pushes again that have been unacknowledged for longer than `age`; owners apply each once. Returns
  // the number of pushes sent.
  std::size_t Resend(std::chrono::nanoseconds age);

  // Answers every pending call with this error.
  void Fail(const std::string& error);

  // True while a caller is blocked on an answer; a prefetch alone does not count.
  bool urgent() const;
  bool expecting() const;
  // The call that has waited longest.
  std::optional<PendingCall> Oldest() const;

  std::uint64_t unique_signs() const { return unique_signs_; }
  std::uint64_t signs() const { return signs_; }
  std::uint64_t remote_signs() const { return remote_signs_; }  // those of unique_signs with another owner
  std::uint64_t prefetch_hits() const { return prefetch_hits_; }
  std::size_t bytes() const;

 private:
  // A working set, and the call that waits for it.
  struct Ticket {
    WorkingSet set;
    std::optional<RowsCall> call;
    std::optional<DoneCall> abandoned;
    Clock::time_point since;
  };
  struct InFlight {
    std::uint64_t step;
    int to;
    Clock::time_point sent;
    Buffer copy;           // empty unless pushes are resent
    unsigned resends = 0;  // each doubles the wait for the next
  };
  struct WaitingPush {
    std::uint64_t step;
    DoneCall call;
    Clock::time_point since;
  };
  struct WaitingFlush {
    DoneCall call;
    std::set<int> owners;  // that have not answered
    Clock::time_point since;
  };
  struct Announced {
    std::uint64_t step;
    std::vector<std::vector<Sign>> signs;
  };

  Ticket& Start(MessageKind kind, std::uint64_t step, const std::vector<std::span<const Sign>>& signs);
  void StartPrefetch();
  Ticket* Find(std::uint64_t step);
  void Recycle(std::uint64_t step);
  void OnRowsMessage(const Message& message, WorkingSet& set);
  void TakeRows(BodyReader& body, const MessageHeader& header, int from, std::size_t table, WorkingSet& set);
  void OnAck(const Message& message);
  void OnRead(const Message& message);
  void Settle(Ticket& ticket);
  bool Blocked() const;  // some owner has not acknowledged max_in_flight pushes
  std::vector<int> Unanswered(const WorkingSet& set) const;
  void CheckTables(std::size_t given) const;
  std::string WrongShape(const WorkingSet& set, const std::vector<Gradient>& gradients) const;

  const int rank_;
  const int ranks_;
  const std::vector<std::shared_ptr<SparseTable>> tables_;
  const std::size_t dense_total_;
  const WireFormat format_;
  const PushPolicy pushes_;
  const Acquire acquire_;
  const Send send_;

  Unique unique_;
  std::deque<std::unique_ptr<Ticket>> steps_;               // pulled or prefetched, not pushed yet
  std::map<std::uint64_t, std::unique_ptr<Ticket>> reads_;  // by sequence
  std::vector<std::unique_ptr<Ticket>> spare_;
  std::optional<Announced> announced_;
  std::deque<WaitingPush> waiting_pushes_;
  std::map<std::uint64_t, WaitingFlush> flushes_;  // by sequence
  std::deque<InFlight> in_flight_;
  std::vector<std::size_t> in_flight_to_;  // by owner
  std::uint64_t last_push_ = 0;
  std::uint64_t queries_ = 0;

  std::uint64_t unique_signs_ = 0;
  std::uint64_t signs_ = 0;
  std::uint64_t remote_signs_ = 0;
  std::uint64_t prefetch_hits_ = 0;
};

}  // namespace wideload
