#pragma once
// A mutable embedding store: sign -> one fused row of weights and optimizer state.
//
//   SparseTable ── 256 x Shard ─┬─ ShardIndex  8-byte slots {tag, row}, open addressing      shard_index.h
//                               └─ RowArena    rows of one size class, in chunks             row_arena.h
//               ── BlockPool    2-MiB blocks that the arenas' chunks are cut from            row_arena.h
//               ── RowLayout    where a size class keeps its header, weights and state       row_layout.h
//
//   row = │ sign 8 │ last_step 4 │ show 4 │ click 4 │ flags 2 │ slot 2 │ weights of the slices │ state of the
//   slices │
//
// A batch is planned once (one hash per key, a counting sort by shard unless it is in that order already) and
// then walked in groups of 16: prefetch index slots, probe and prefetch rows, work. So the cache misses of a
// group overlap, which is most of what makes the table fast; a lock per shard is taken once per run of keys
// of that shard.
//
// Admission: a slice with `admit_at` above 0 exists only in rows whose score has reached it; before that it
// reads zero and its gradients are dropped. A row lives in the size class of the slices it has, and moves
// once per admission. Admission is decided where a row is found or created (Pull, Locate, Push), never later.
//
// Concurrency. Every method may be called from several threads at once, except where it says otherwise. Each
// row is read and written under its shard's lock, so a pulled row is never torn; what two calls do to
// *different* rows is not ordered. Read and Apply take no lock: their promise is with them.

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
class ThreadTeam;

// A row's place. It stays good until Evict, Erase of that sign, Shrink, Clear or ReleaseMoved; not when other
// rows come or when this row is admitted to more slices (the ref then still leads to it, with the slices it
// had when it was handed out).
struct RowRef {
  std::byte* row;
};

// Bytes by owner; `total()` is all that the table holds.
struct TableMemory {
  std::uint64_t weights = 0;    // of live rows
  std::uint64_t optimizer = 0;  // state of live rows
  std::uint64_t headers = 0;    // 16 per live row
  std::uint64_t index = 0;      // slots, chunk tables, and the 8-byte sign in every live row
  std::uint64_t slack = 0;      // reserved for rows to come: free rows, chunk and block ends
  std::uint64_t fixed = 0;      // the table itself

  std::uint64_t total() const { return weights + optimizer + headers + index + slack + fixed; }
};

struct Evicted {
  std::uint64_t expired = 0;    // by time to live
  std::uint64_t low_score = 0;  // by score
  std::uint64_t trimmed = 0;    // by a cap

  std::uint64_t total() const { return expired + low_score + trimmed; }
};

// Rows by value, for checkpoints and inspection. `floats` is [rows, row_floats()]: weights of all slices in
// declared order, then the state of all slices; floats of a slice that a row was not admitted to are zero.
struct RowBlock {
  std::vector<Sign> signs;
  std::vector<RowHeader> headers;  // flags: how many slices are admitted, see RowHeader
  std::vector<float> floats;

  std::size_t rows() const { return signs.size(); }
};

class SparseTable {
 public:
  explicit SparseTable(TableSpec spec);  // throws std::invalid_argument: what was given, what is valid
  ~SparseTable();
  SparseTable(const SparseTable&) = delete;
  SparseTable& operator=(const SparseTable&) = delete;

  const TableSpec& spec() const { return spec_; }
  const RowLayout& layout() const { return layout_; }
  std::uint64_t salt() const;                              // of HashOf and ShardOf
  std::uint32_t width() const { return layout_.width(); }  // floats of a pulled row: all slices side by side
  std::uint32_t row_floats() const { return layout_.row_floats(); }  // floats of a whole row, state included
  std::uint64_t size() const;  // rows; exact when nobody creates or erases

  // The learning-rate schedule: every slice's learning rate is multiplied by it from the next Push or Apply
  // on. Throws std::invalid_argument unless finite and not negative.
  void SetLearningRateScale(float scale);
  float learning_rate_scale() const { return learning_rate_scale_.load(std::memory_order_relaxed); }

  // Threads that one call may use, the caller's included; the batch is split by shard. Call while no other
  // call is running.
  void SetThreads(int threads);
  int threads() const;

  // ---- Batched access; signs need not be distinct. `step` is the clock of last touch.
  // --------------------------------------

  // Finds or creates, then copies weights: rows [n, width]. Throws std::length_error at a full cap under
  // WhenFull::kRaise.
  void Pull(std::span<const Sign> signs, std::uint32_t step, float* rows);

  // Never creates and never touches. An absent row reads as what Pull would create, or as zeros.
  enum class Absent { kInitial, kZeros };
  void PullReadOnly(std::span<const Sign> signs, float* rows, Absent absent = Absent::kInitial) const;

  // Sums the gradients [n, width] of equal signs in order of appearance, then applies each optimizer once per
  // row; rows that are absent are created. shows and clicks (n each, or empty: 1 and 0 per sign) are added to
  // the rows' counts after the update. Throws std::invalid_argument, with nothing applied, when the NaN guard
  // finds one. Two pushes of one sign at once are applied one after the other, in either order.
  void Push(std::span<const Sign> signs, const float* gradients, std::uint32_t step,
            std::span<const float> shows = {}, std::span<const float> clicks = {});

  // ---- The ticketed path of a parameter server: one probe a step.
  // --------------------------------------------------------

  // What Locate leaves in RowHeader::slot of every row it finds, and room for what stood there: [n].
  struct Mark {
    std::uint16_t value;
    std::uint16_t* before;
  };

  // Finds or creates; refs in input order. Adds one show per sign before it decides on admission. Throws as
  // Pull does.
  void Locate(std::span<const Sign> signs, std::uint32_t step, RowRef* refs,
              const std::optional<Mark>& mark = {});

  // The same for distinct signs that a Unique has hashed and ordered with this table's salt.
  void Locate(const Unique::ShardedResult& found, std::uint32_t step, RowRef* refs,
              const std::optional<Mark>& mark = {});

  // Finds only; refs of absent rows hold nullptr, which Read takes for zeros. Touches nothing.
  void Find(std::span<const Sign> signs, RowRef* refs) const;

  // Gathers weights [n, width]. No lock: the caller sees to it that nobody writes these rows meanwhile.
  void Read(std::span<const RowRef> refs, float* rows) const;

  // One optimizer step per row on gradients [n, width]; refs are distinct. No lock: the caller sees to it
  // that nobody reads or writes these rows meanwhile. Slices admitted after the ref was handed out are left
  // alone. Throws as Push does.
  void Apply(std::span<const RowRef> refs, const float* gradients);

  // The same with every row's gradient [width] where it happens to be.
  void Apply(std::span<const RowRef> refs, const float* const* gradients);

  // Frees what rows left behind when they moved to a larger size class. Refs handed out before become
  // invalid. Evict and Shrink do it too. Without Locate there is nothing to release: rows then free their old
  // place at once.
  void ReleaseMoved();

  // ---- Row life
  // --------------------------------------------------------------------------------------------------------

  // Returns how many rows were there to erase.
  std::uint64_t Erase(std::span<const Sign> signs);
  void Clear();

  // Multiplies show and click of every row by life.decay: call once per period (a day, an epoch).
  void Decay();

  // Drops rows by the rules of RowLife, `now` being the current step. Holds one shard at a time, except that
  // the caps look at all shards first: rows touched meanwhile by other threads may be judged by their older
  // step.
  Evicted Evict(std::uint32_t now);

  // Closes the gaps that dropped rows left and returns memory to the system. Invalidates refs.
  void Shrink();

  TableMemory memory() const;

  // ---- Whole rows
  // ------------------------------------------------------------------------------------------------------

  std::uint64_t shard_size(std::uint32_t shard) const;

  // Calls visit(sign, header, weights [width]) for every row of a shard, holding its lock; visit must not
  // call the table.
  using Visitor = std::function<void(Sign, const RowHeader&, std::span<const float>)>;
  void Scan(std::uint32_t shard, const Visitor& visit) const;

  // A shard's rows, exactly, in the order of their hashes (so equal tables export equal bytes).
  RowBlock ExportShard(std::uint32_t shard) const;

  // Inserts or overwrites, bit for bit. Throws std::invalid_argument when sizes or admitted slices do not
  // fit.
  void ImportRows(const RowBlock& block);

 private:
  void CheckShard(std::uint32_t shard) const;
  // `row` numbers the gradient in the message.
  void CheckFinite(const float* gradient, std::size_t row) const;
  void LocateIn(const BatchPlan& plan, std::span<const Sign> signs, std::uint32_t step, RowRef* refs,
                const std::optional<Mark>& mark);
  template <typename GradientAt>
  void ApplyWith(std::span<const RowRef> refs, GradientAt gradient_at);

  // Calls work(begin, end) on ranges of the plan that together cover it and share no shard, on all threads of
  // the team.
  void InParts(const BatchPlan& plan, const std::function<void(std::size_t, std::size_t)>& work) const;

  TableSpec spec_;
  RowLayout layout_;
  std::unique_ptr<RowFactory> factory_;
  std::unique_ptr<Shard[]> shards_;
  std::unique_ptr<ThreadTeam> team_;
  std::atomic<float> learning_rate_scale_{1.0f};
};

}  // namespace wideload
