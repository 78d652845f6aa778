#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "cluster/dense_shard.h"
#include "cluster/message.h"
#include "table/sparse_table.h"
#include "table/unique.h"

namespace wideload {

// When an owner answers a pull and applies a push.
//
//   synchronous    A pull of step t is answered once all ranks have sent theirs; pushes are applied once all
//                  have arrived, as one sum in rank order: large-batch SGD.
//   asynchronous   Each message is served as it arrives. With a bound k, a pull of step t waits until this
//                  owner has applied the pushes of steps < t - k of every other rank. (k = 0 would be the
//                  synchronous mode, which has its own flag.)
struct ServerPolicy {
  bool synchronous = true;
  std::uint64_t staleness = UINT64_MAX;
  WireFormat format = WireFormat::kFloat32;
};

// The owner's half of the parameter server: one rank's shard of every table and its slice of the dense
// parameters.
//
//            kPull from every rank                   kPush from every rank
//                    |                                       |
//     union of signs -> Locate -> refs          sum in rank order -> Apply once per row
//                    |                                       |
//     rows that no outstanding push can          rows held back until now -> kRows (kLate)
//     change -> kRows (kAll or kEarly)
//
// A step between its pull and its push is *outstanding*. A pull that arrives meanwhile (prefetch) is answered
// at once for the rows that the outstanding step has not located, and after its push for the others: the same
// bits as without prefetch. The rows themselves record which those are: RowHeader::slot holds a tag of the
// last step that located the row. At most one synchronous step is outstanding when a pull is located, since a
// rank sends push t before pull t + 2.
//
// Single-threaded: owned by the cluster's service thread. Independent of MPI: messages in, messages out.
class ShardServer {
 public:
  using Reply = std::function<void(int to, Buffer message)>;
  using Acquire = std::function<Buffer()>;
  using Release = std::function<void(Buffer)>;

  ShardServer(int rank, int ranks, std::vector<std::shared_ptr<SparseTable>> tables, DenseShard dense,
              ServerPolicy policy, Acquire acquire, Release release, Reply reply);

  // Throws std::runtime_error for an invalid message, such as a push without its pull or a body of the wrong
  // size.
  void Handle(Message message);

  // Sets the number of the first step of a resumed run; to be called before the first message.
  void set_first_step(std::uint64_t step) { next_.assign(next_.size(), step); }
  void SetLearningRateScale(float scale);
  DenseShard& dense() { return dense_; }

  // Number of pulls answered by staleness: how many steps of the slowest other rank they did not include. The
  // last of at most 1,024 places counts 1,023 and more.
  const std::vector<std::uint64_t>& staleness_histogram() const { return staleness_histogram_; }
  std::uint64_t duplicate_pushes() const { return duplicate_pushes_; }
  std::uint64_t union_signs() const { return union_signs_; }
  std::uint64_t early_rows() const { return early_rows_; }
  std::uint64_t late_rows() const { return late_rows_; }

  // Synchronous mode: the other ranks for which this owner has to wait before it can answer pulls, since they
  // have not pushed the step before or have not pulled. Ascending.
  std::vector<int> Awaited() const;

 private:
  struct LocatedTable {
    std::vector<std::size_t> offsets;   // [sources + 1] into `inverse`
    std::vector<std::int32_t> inverse;  // position of each requested sign in `refs`
    std::vector<RowRef> refs;           // distinct rows, by shard
    std::vector<std::uint8_t> late;     // per requested sign; empty if none is late
  };
  struct Step {
    std::uint64_t step = 0;
    std::uint64_t number = 0;  // in order of location, over all sources
    std::vector<int> sources;  // ranks whose pull this step answers, ascending
    std::vector<LocatedTable> tables;
    std::vector<std::optional<Message>> pushes;  // by source; kPush or kAbandon
  };
  // What one source adds to a step; a source that abandons the step adds nothing.
  struct Contribution {
    std::size_t source;  // position in Step::sources
    BodyReader body;
    WireFormat format;
  };
  struct Gathering {
    std::vector<std::optional<Message>> pulls;  // by source
    std::size_t present = 0;
  };

  void OnPull(Message message);
  void OnPush(Message message);
  void OnRead(const Message& message);
  void Acknowledge(const Message& message);
  void StartSynchronousSteps();
  void Locate(Step& step, std::vector<Message*> pulls);
  void LocateTable(std::size_t table, Step& step,
                   const std::vector<std::pair<const Sign*, std::size_t>>& asked);
  void Answer(Step& step, RowsPart part, std::uint32_t staleness);
  void AppendRows(Buffer& message, std::size_t table, const LocatedTable& located, std::size_t source,
                  RowsPart part, WireFormat format);
  void AppendDense(Buffer& message);
  void FindLate(LocatedTable& located);
  Step TakeSpare();
  void Apply(Step& step);
  void Finish(Step& step);
  void ReleaseMoved();
  void ApplyTable(std::size_t table, LocatedTable& located, std::vector<Contribution>& contributions);
  void AddGradients(const LocatedTable& located, std::size_t source, const float* gradients,
                    std::size_t width);
  void ApplyDense(std::vector<Contribution>& contributions);
  bool AwaitsOwnPush(int source) const;
  bool Fresh(int source, std::uint64_t step, std::uint32_t* staleness) const;
  void CountStaleness(std::uint32_t staleness);
  void ServeHeld();
  WireFormat FormatTo(int to) const { return to == rank_ ? WireFormat::kFloat32 : policy_.format; }

  const int rank_;
  const int ranks_;
  const std::vector<std::shared_ptr<SparseTable>> tables_;
  DenseShard dense_;
  const ServerPolicy policy_;
  const Acquire acquire_;
  const Release release_;
  const Reply reply_;
  bool rows_may_move_ = false;
  std::uint64_t located_ = 0;               // steps located so far
  std::optional<std::uint64_t> sealed_at_;  // located_ when moved rows were last sealed
  float learning_rate_scale_ = 1.0f;

  std::map<std::uint64_t, Gathering> gathering_;  // synchronous pulls not yet located, by step
  std::deque<Step> outstanding_;
  std::vector<Step> spare_;          // finished ones, whose buffers are reused
  std::vector<Message> held_;        // reads, flushes, stale pulls: in order of arrival
  std::vector<std::uint64_t> next_;  // by source: the step after the last one pushed or abandoned

  Unique unique_;
  std::vector<std::uint16_t> previous_tags_;  // per row of the current table: the step that located it before
  std::vector<Sign> asked_signs_;
  std::vector<RowRef> chosen_;
  std::vector<const float*> chosen_gradients_;
  std::vector<float> rows_;
  std::vector<std::vector<float>> decoded_;  // by source: gradients that arrived in half precision
  std::vector<const float*> gradient_of_;    // per row of the current table
  std::vector<float> sums_;
  std::size_t summed_ = 0;  // floats of sums_ in use
  std::vector<std::uint64_t> staleness_histogram_;
  std::uint64_t duplicate_pushes_ = 0;
  std::uint64_t union_signs_ = 0;
  std::uint64_t early_rows_ = 0;
  std::uint64_t late_rows_ = 0;
};

}  // namespace wideload
