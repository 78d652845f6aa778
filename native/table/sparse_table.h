#pragma once
// A mutable embedding store: sign -> one fused row of weights and optimizer state.
//
//   SparseTable ── 256 x Shard ─┬─ ShardIndex  8-byte slots {tag, row}, open addressing      shard_index.h
//                               └─ RowArena    rows of one size class, in chunks             row_arena.h
//               ── BlockPool    2-MiB blocks that the arenas' chunks are cut from            row_arena.h
//               ── RowLayout    where a size class keeps its header, weights and state       row_layout.h
//
//   row = │ sign 8 │ last_step 4 │ show 4 │ click 4 │ flags 2 │ slot 2 │ weights │ state │      (row_layout.h)
//
// A batch is planned once (one hash per key, and a counting sort by shard unless it already is in that order)
// and then walked in groups of 32: prefetch index slots, probe and prefetch rows, work. The cache misses of a
// group thus overlap, which is most of what makes the table fast. A shard's lock is taken once per run of
// keys of that shard.
//
// Admission: a slice with `admit_at` above 0 exists only in rows whose score has reached it; until then it
// reads as zeros and its gradients are dropped. A row is stored in the size class of the slices it has and
// moves once per admission. Admission is decided where a row is found or created (Pull, Locate, Push).
//
// Concurrency. Several threads may call any method at once, except where noted. Each row is read and written
// under its shard's lock, so a pulled row is never torn; the order of what two calls do to *different* rows
// is undefined. Read and Apply take no lock: see there for what the caller must guarantee. A forked process may
// go on using its copy of a table, on the calling thread alone (fork_guard.h, thread_team.h).

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "table/hash.h"
#include "table/row_layout.h"
#include "table/spec.h"
#include "table/unique.h"

namespace wideload {

struct BatchPlan;
struct RowFactory;
struct Shard;
class ForkGuard;
class ThreadTeam;

// The address of a row. Evict, Erase of its sign, Shrink, Clear and ReleaseMoved invalidate it. Adding other
// rows does not, nor does admitting this row to more slices: the ref then still leads to the row, with the
// slices it had when the ref was handed out.
struct RowRef {
  std::byte* row;
};

// Bytes by purpose; `total()` is all memory that the table holds.
struct TableMemory {
  std::uint64_t weights = 0;    // of live rows
  std::uint64_t optimizer = 0;  // state of live rows
  std::uint64_t headers = 0;    // 16 per live row
  std::uint64_t index = 0;      // slots, chunk tables, and the 8-byte sign in every live row
  std::uint64_t slack = 0;      // reserved for future rows: free rows, unused ends of chunks and blocks
  std::uint64_t fixed = 0;      // the table itself

  std::uint64_t total() const { return weights + optimizer + headers + index + slack + fixed; }
};

struct Evicted {
  std::uint64_t expired = 0;    // by time to live
  std::uint64_t low_score = 0;  // by score
  std::uint64_t trimmed = 0;    // by a cap

  std::uint64_t total() const { return expired + low_score + trimmed; }
};

// Rows by value, for checkpoints and inspection. `floats` is [rows, row_floats()]: the weights of all slices
// in declared order, then the state of all slices; slices that a row was not admitted to are zeros.
struct RowBlock {
  std::vector<Sign> signs;
  std::vector<RowHeader> headers;  // flags: how many slices are admitted, see RowHeader
  std::vector<float> floats;

  std::size_t rows() const { return signs.size(); }
};

class SparseTable {
 public:
  explicit SparseTable(TableSpec spec);  // throws std::invalid_argument
  ~SparseTable();
  SparseTable(const SparseTable&) = delete;
  SparseTable& operator=(const SparseTable&) = delete;

  const TableSpec& spec() const { return spec_; }
  const RowLayout& layout() const { return layout_; }
  std::uint64_t salt() const;                                        // of HashOf and ShardOf
  std::uint32_t width() const { return layout_.width(); }            // floats of a pulled row: all slices
  std::uint32_t row_floats() const { return layout_.row_floats(); }  // floats of a whole row, state included
  std::uint64_t size() const;  // rows; exact while no other thread creates or erases any

  // The learning-rate schedule: multiplies every slice's learning rate from the next Push or Apply on. Throws
  // std::invalid_argument unless the scale is finite and not negative.
  void SetLearningRateScale(float scale);
  float learning_rate_scale() const { return learning_rate_scale_.load(std::memory_order_relaxed); }

  // Threads that one call may use, the caller's included; the batch is split by shard. No other call may be
  // running.
  void SetThreads(int threads);
  int threads() const;

  // ---- Batched access -------------------------------------------------------------------------------------
  // Signs need not be distinct. `step` is recorded as the step of last use.

  // Finds or creates rows and copies their weights: rows [n, width]. Throws std::length_error when a cap is
  // reached under WhenFull::kRaise.
  void Pull(std::span<const Sign> signs, std::uint32_t step, float* rows);

  // Changes nothing. An absent row reads as what Pull would create, or as zeros.
  enum class Absent { kInitial, kZeros };
  void PullReadOnly(std::span<const Sign> signs, float* rows, Absent absent = Absent::kInitial) const;

  // Sums the gradients [n, width] of equal signs in order of appearance, then applies each optimizer once per
  // row; absent rows are created. shows and clicks (n each, or empty for 1 and 0 per sign) are added to the
  // rows' counts. Throws std::invalid_argument, with nothing applied, if the NaN guard finds a value that is
  // not finite. Concurrent pushes of one sign are applied one after the other, in either order.
  void Push(std::span<const Sign> signs, const float* gradients, std::uint32_t step,
            std::span<const float> shows = {}, std::span<const float> clicks = {});

  // ---- The ticketed path of a parameter server: one probe per step ----------------------------------------

  // What Locate writes into RowHeader::slot of every row it finds, and room [n] for the previous values.
  struct StepTag {
    std::uint16_t value;
    std::uint16_t* before;
  };

  // Finds or creates rows; refs are in input order. Adds one show per sign before it decides on admission.
  // Throws as Pull does.
  void Locate(std::span<const Sign> signs, std::uint32_t step, RowRef* refs,
              const std::optional<StepTag>& tag = {});

  // The same for distinct signs that a Unique has hashed and ordered with this table's salt.
  void Locate(const Unique::ShardedResult& found, std::uint32_t step, RowRef* refs,
              const std::optional<StepTag>& tag = {});

  // Changes nothing; refs of absent rows hold nullptr, which Read treats as zeros.
  void Find(std::span<const Sign> signs, RowRef* refs) const;

  // Gathers weights [n, width]. Takes no lock: the caller must ensure that no thread writes these rows.
  void Read(std::span<const RowRef> refs, float* rows) const;

  // One optimizer step per row on gradients [n, width]; refs are distinct. Takes no lock: the caller must
  // ensure that no other thread reads or writes these rows. Slices admitted after the ref was handed out are
  // not changed. Throws as Push does.
  void Apply(std::span<const RowRef> refs, const float* gradients);

  // The same with a pointer to every row's gradient [width].
  void Apply(std::span<const RowRef> refs, const float* const* gradients);

  // Frees the memory that rows had before they moved to a larger size class. Invalidates all refs. Evict and
  // Shrink do this too. Without Locate there is nothing to release: rows then free their old memory at once.
  void ReleaseMoved();

  // The same in two steps, for a caller that always holds some refs. SealMoved notes what has moved so far;
  // ReleaseSealed frees it, and invalidates the refs that were handed out before the last SealMoved.
  void SealMoved();
  void ReleaseSealed();

  // ---- Row life -------------------------------------------------------------------------------------------

  // Returns the number of rows erased.
  std::uint64_t Erase(std::span<const Sign> signs);
  void Clear();

  // Multiplies show and click of every row by life.decay; to be called once per period, such as a day.
  void Decay();

  // Drops rows by the rules of RowLife; `now` is the current step. Locks one shard at a time, but the caps
  // need a first pass over all shards: rows that other threads use meanwhile may be judged by their older
  // step.
  Evicted Evict(std::uint32_t now);

  // Fills the gaps that dropped rows left and returns memory to the system. Invalidates all refs.
  void Shrink();

  TableMemory memory() const;

  // ---- Whole rows -----------------------------------------------------------------------------------------

  std::uint64_t shard_size(std::uint32_t shard) const;

  // Calls visit(sign, header, weights [width]) for every row of a shard under its lock; visit must not call
  // the table.
  using Visitor = std::function<void(Sign, const RowHeader&, std::span<const float>)>;
  void Scan(std::uint32_t shard, const Visitor& visit) const;

  // Exact copies of a shard's rows in order of their hashes, so that equal tables export equal bytes.
  RowBlock ExportShard(std::uint32_t shard) const;

  // Inserts or overwrites rows, bit for bit. Throws std::invalid_argument if sizes or admitted slices do not
  // match the declaration.
  void ImportRows(const RowBlock& block);

 private:
  void CheckShard(std::uint32_t shard) const;
  // `row` is the gradient's number for the error message.
  void CheckFinite(const float* gradient, std::size_t row) const;
  void LocateIn(const BatchPlan& plan, std::span<const Sign> signs, std::uint32_t step, RowRef* refs,
                const std::optional<StepTag>& tag);
  template <typename GradientAt>
  void ApplyWith(std::span<const RowRef> refs, GradientAt gradient_at);

  // Calls work(begin, end), on all threads of the team, for ranges that cover the plan and share no shard.
  void InParts(const BatchPlan& plan, const std::function<void(std::size_t, std::size_t)>& work) const;

  TableSpec spec_;
  RowLayout layout_;
  std::unique_ptr<RowFactory> factory_;
  std::unique_ptr<Shard[]> shards_;
  std::unique_ptr<ForkGuard> fork_guard_;
  std::unique_ptr<ThreadTeam> team_;
  std::atomic<float> learning_rate_scale_{1.0f};
};

}  // namespace wideload
