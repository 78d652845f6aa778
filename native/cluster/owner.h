#pragma once

#include <cstddef>

#include "table/hash.h"

namespace wideload {

// Who owns a logical shard: rank r has the contiguous shards [FirstShardOf(r), FirstShardOf(r + 1)). The
// shards of a sign never change; another number of ranks is another cut of the same 256.
constexpr std::size_t FirstShardOf(int rank, int ranks) {
  return static_cast<std::size_t>(rank) * kShards / static_cast<std::size_t>(ranks);
}

constexpr bool Owns(int rank, int ranks, std::size_t shard) {
  return FirstShardOf(rank, ranks) <= shard && shard < FirstShardOf(rank + 1, ranks);
}

}  // namespace wideload
