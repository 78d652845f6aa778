#pragma once

#include <cstddef>

#include "table/hash.h"

namespace wideload {

// The owners of logical shards: rank r owns the contiguous shards [FirstShardOf(r), FirstShardOf(r + 1)). The
// shard of a sign never changes; a different number of ranks divides the same 256 shards differently.
constexpr std::size_t FirstShardOf(int rank, int ranks) {
  return static_cast<std::size_t>(rank) * kShards / static_cast<std::size_t>(ranks);
}

constexpr bool Owns(int rank, int ranks, std::size_t shard) {
  return FirstShardOf(rank, ranks) <= shard && shard < FirstShardOf(rank + 1, ranks);
}

}  // namespace wideload
