#pragma once
// Finds the distinct signs of a batch, over all its slots in one pass.
//
//   signs    7 3 7 9 3 7          in  [n]
//   unique   7 3 9                out [u], in order of first appearance
//   inverse  0 1 0 2 1 0          out [n]: signs[i] == unique[inverse[i]]
//   counts   3 2 1                out [u]
//
// `Find` keeps a scratch table, open addressing over 8-byte slots {epoch and tag, position in unique}: a new
// batch is a new epoch, so nothing is cleared between batches. The hashes of a group of 16 signs are computed
// and their slots prefetched ahead of use.
//
// `FindByShard` groups the unique signs by logical shard, in order of first appearance within a shard. A
// table, or the owners of its shards, can then process them without sorting again. It sorts the batch by
// shard first (batch_plan.h) and then looks for duplicates within one shard at a time, with a scratch table
// of a few hundred slots that stays in the first-level cache. A hash is a bijection of its sign, so it
// compares hashes.
//
// One thread at a time may use an object. Its buffers are reused, so a result is valid until the next call.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "table/hash.h"

namespace wideload {

class Unique {
 public:
  struct Result {
    std::span<const Sign> unique;
    std::span<const std::int32_t> inverse;
    std::span<const std::int32_t> counts;
  };

  // Throws std::invalid_argument beyond 2^31 - 1 signs.
  Result Find(std::span<const Sign> signs);

  struct ShardedResult : Result {
    std::span<const std::uint64_t> hashes;       // HashOf(unique[u], table_salt)
    std::span<const std::uint32_t> shard_begin;  // [kShards + 1]: shard s is unique[shard_begin[s], [s + 1])
  };

  ShardedResult FindByShard(std::span<const Sign> signs, std::uint64_t table_salt);

  std::size_t bytes() const;  // of all buffers

 private:
  struct Slot {
    std::uint32_t mark;      // epoch << 16 | tag
    std::uint32_t position;  // in unique_
  };

  void Prepare(std::size_t n);

  std::vector<Slot> slots_;
  std::uint32_t epoch_ = 0;
  std::vector<std::uint32_t> shard_slots_;  // 1 + position in unique_, 0 when empty
  std::vector<Sign> unique_;
  std::vector<std::uint64_t> hashes_;  // of the unique signs
  std::vector<std::int32_t> inverse_, counts_;
  std::array<std::uint32_t, kShards + 1> shard_begin_{};
};

}  // namespace wideload
