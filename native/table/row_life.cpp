// How rows leave the table: erase, decay, evict, shrink.

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include "table/shard.h"
#include "table/sparse_table.h"

namespace wideload {
namespace {

std::uint32_t Age(std::uint32_t now, std::uint32_t last_step) {
  return now > last_step ? now - last_step : 0;
}

// Rows and bytes by step of last use, oldest first: enough to find where a cap cuts.
struct Touched {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
};
using TouchHistogram = std::map<std::uint32_t, Touched>;

// Drops every row last used before `step`, and of the rows last used at `step` the first `rows_at_step` rows
// and `bytes_at_step` bytes.
struct Cut {
  std::uint32_t step = 0;
  std::uint64_t rows_at_step = 0;
  std::uint64_t bytes_at_step = 0;
};

std::uint64_t Excess(std::uint64_t held, std::uint64_t cap) { return cap > 0 && held > cap ? held - cap : 0; }

Cut FindCut(const TouchHistogram& touched, const RowLife& life) {
  Touched total;
  for (const auto& [step, at] : touched) {
    total.rows += at.rows;
    total.bytes += at.bytes;
  }
  std::uint64_t rows = Excess(total.rows, life.max_rows);
  std::uint64_t bytes = Excess(total.bytes, life.max_bytes);
  for (const auto& [step, at] : touched) {
    if (rows <= at.rows && bytes <= at.bytes) return {step, rows, bytes};
    rows -= std::min(rows, at.rows);
    bytes -= std::min(bytes, at.bytes);
  }
  return {};
}

// Filters a shard's rows by their headers and frees the memory of those dropped.
template <typename Drop>
void DropRows(RowFactory& factory, Shard& shard, Drop drop) {
  shard.index.Filter([&](std::uint64_t slot) {
    const std::uint32_t id = ShardIndex::RowOf(slot);
    if (!drop(HeaderOf(shard.Address(id)), factory.layout.classes()[Shard::ClassOf(id)].stride)) return true;
    shard.FreeRow(factory, id);
    return false;
  });
}

}  // namespace

std::uint64_t SparseTable::Erase(std::span<const Sign> signs) {
  std::uint64_t erased = 0;
  for (const Sign sign : signs) {
    const std::uint64_t hash = HashOf(sign, salt());
    Shard& shard = shards_[ShardOfHash(hash)];
    const std::lock_guard lock(shard.lock);
    const Shard::Found found = shard.Find(hash, sign);
    if (!found.present) continue;
    shard.EraseAt(*factory_, found.position);
    ++erased;
  }
  return erased;
}

void SparseTable::Clear() {
  for (std::uint32_t s = 0; s < kShards; ++s) {
    Shard& shard = shards_[s];
    const std::lock_guard lock(shard.lock);
    DropRows(*factory_, shard, [](const RowHeader&, std::uint32_t) { return true; });
    shard.Shrink(*factory_);
  }
}

void SparseTable::Decay() {
  const float decay = spec_.life.decay;
  for (std::uint32_t s = 0; s < kShards; ++s) {
    Shard& shard = shards_[s];
    const std::lock_guard lock(shard.lock);
    shard.index.ForEach([&](std::size_t, std::uint64_t slot) {
      RowHeader& header = HeaderOf(shard.Address(ShardIndex::RowOf(slot)));
      header.show *= decay;
      header.click *= decay;
    });
  }
}

Evicted SparseTable::Evict(std::uint32_t now) {
  const RowLife& life = spec_.life;
  Evicted evicted;
  TouchHistogram touched;
  ReleaseMoved();
  for (std::uint32_t s = 0; s < kShards; ++s) {
    Shard& shard = shards_[s];
    const std::lock_guard lock(shard.lock);
    DropRows(*factory_, shard, [&](const RowHeader& header, std::uint32_t bytes) {
      if (life.ttl_steps > 0 && Age(now, header.last_step) > life.ttl_steps) {
        ++evicted.expired;
        return true;
      }
      if (life.min_score > 0.0f && factory_->ScoreOf(header) < life.min_score) {
        ++evicted.low_score;
        return true;
      }
      if (factory_->capped()) {
        Touched& at = touched[header.last_step];
        ++at.rows;
        at.bytes += bytes;
      }
      return false;
    });
  }
  Cut cut = FindCut(touched, life);
  if (cut.step == 0 && cut.rows_at_step == 0 && cut.bytes_at_step == 0) return evicted;
  for (std::uint32_t s = 0; s < kShards; ++s) {
    Shard& shard = shards_[s];
    const std::lock_guard lock(shard.lock);
    DropRows(*factory_, shard, [&](const RowHeader& header, std::uint32_t bytes) {
      if (header.last_step > cut.step) return false;
      if (header.last_step == cut.step) {
        if (cut.rows_at_step == 0 && cut.bytes_at_step == 0) return false;
        cut.rows_at_step -= std::min<std::uint64_t>(cut.rows_at_step, 1);
        cut.bytes_at_step -= std::min<std::uint64_t>(cut.bytes_at_step, bytes);
      }
      ++evicted.trimmed;
      return true;
    });
  }
  return evicted;
}

void SparseTable::Shrink() {
  factory_->refs_out.store(false, std::memory_order_relaxed);
  for (std::uint32_t s = 0; s < kShards; ++s) {
    const std::lock_guard lock(shards_[s].lock);
    shards_[s].Shrink(*factory_);
  }
}

TableMemory SparseTable::memory() const {
  TableMemory memory;
  std::uint64_t rows_bytes = 0;
  for (std::uint32_t s = 0; s < kShards; ++s) {
    const Shard& shard = shards_[s];
    const std::lock_guard lock(shard.lock);
    memory.index += shard.index.bytes();
    memory.slack += (shard.left_behind.capacity() + shard.sealed.capacity()) * sizeof(std::uint32_t);
    std::uint64_t left_behind[kMaxClasses] = {};
    for (const std::uint32_t id : shard.left_behind) ++left_behind[Shard::ClassOf(id)];
    for (const std::uint32_t id : shard.sealed) ++left_behind[Shard::ClassOf(id)];
    for (std::size_t c = 0; c < layout_.classes().size(); ++c) {
      const ClassLayout& layout = layout_.classes()[c];
      const std::uint64_t rows = shard.arenas[c].live() - left_behind[c];
      memory.weights += rows * layout.weight_floats * sizeof(float);
      memory.optimizer += rows * layout.state_floats * sizeof(float);
      memory.headers += rows * sizeof(RowHeader);
      memory.index += rows * sizeof(Sign) + shard.arenas[c].table_bytes();
      rows_bytes += rows * layout.stride;
    }
  }
  const std::uint64_t mapped = factory_->pool.bytes();
  memory.slack += mapped > rows_bytes ? mapped - rows_bytes : 0;
  memory.fixed = sizeof(SparseTable) + sizeof(RowFactory) + kShards * sizeof(Shard);
  return memory;
}

}  // namespace wideload
