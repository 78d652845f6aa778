#pragma once
// The order in which a batch is walked: by shard, input order within a shard.
//
// Tried and dropped: ordering by up to 14 leading bits of the hash, so that a shard's index is visited from
// front to back. At 4 M and 16 M rows, batches of 32,768: no gain over ordering by shard alone.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "table/hash.h"

namespace wideload {

// Views into buffers of the calling thread, valid until that thread plans its next batch.
struct BatchPlan {
  std::span<const std::uint64_t> hashes;         // in walking order
  const std::uint32_t* positions = nullptr;      // walking order -> input order; null when they are the same
  std::array<std::uint32_t, kShards + 1> begin;  // of each shard, in walking order

  std::size_t PositionOf(std::size_t i) const { return positions == nullptr ? i : positions[i]; }
};

// One hash per sign; a counting sort unless the signs come in order of shards. Throws std::invalid_argument
// beyond 2^32 - 1 signs.
BatchPlan PlanBatch(std::span<const Sign> signs, std::uint64_t table_salt);

}  // namespace wideload
