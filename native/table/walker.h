#pragma once
// How a planned batch meets its rows: groups of 16 keys, so that the cache misses of a group overlap.
//
//   group g+2   prefetch index slots
//   group g+1   lock the shards it touches, probe by tag, create what is absent, prefetch the rows
//   group g     check signs (a row is read here for the first time), hand the rows to the caller; unlock
//
// Keys come in order of shards, so locks are taken in ascending order: two walkers cannot wait for each other
// in a circle. The locks of shards that the next group touches too are kept.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "table/batch_plan.h"
#include "table/shard.h"

namespace wideload {

inline constexpr std::size_t kGroup = 16;

enum class Missing { kSkip, kCreate };

// Locks of the shards that a group touches.
class GroupLocks {
 public:
  explicit GroupLocks(Shard* shards) : shards_(shards) {}
  ~GroupLocks() { ReleaseBelow(kShards); }
  GroupLocks(const GroupLocks&) = delete;
  GroupLocks& operator=(const GroupLocks&) = delete;

  // Shards are asked for in ascending order.
  void Take(std::uint32_t shard) {
    if (held_ > 0 && locked_[held_ - 1] == shard) return;
    shards_[shard].lock.lock();
    locked_[held_++] = shard;
  }
  // Lets those of lower shards go.
  void ReleaseBelow(std::uint32_t shard) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < held_; ++i) {
      if (locked_[i] < shard) {
        shards_[locked_[i]].lock.unlock();
      } else {
        locked_[kept++] = locked_[i];
      }
    }
    held_ = kept;
  }

 private:
  Shard* shards_;
  std::array<std::uint32_t, 2 * kGroup> locked_;
  std::size_t held_ = 0;
};

inline void PrefetchRow(const std::byte* row, std::size_t bytes) {
  constexpr std::size_t kMost = 512;
  const auto first = reinterpret_cast<std::uintptr_t>(row) & ~std::uintptr_t{63};
  const auto end = reinterpret_cast<std::uintptr_t>(row) + std::min(bytes, kMost);
  for (std::uintptr_t line = first; line < end; line += 64)
    __builtin_prefetch(reinterpret_cast<const void*>(line), 1);
}

// Rows of one group; rows[i] is null when it is absent and Missing::kSkip.
struct Group {
  std::size_t first;  // in walking order
  std::size_t size;
  std::array<std::uint64_t, kGroup> hashes;
  std::array<Shard*, kGroup> shards;
  std::array<std::uint32_t, kGroup> ids;
  std::array<std::byte*, kGroup> rows;
};

class Walker {
 public:
  // touched_bytes: of a row, to prefetch.
  Walker(RowFactory& factory, Shard* shards, std::span<const Sign> signs, const BatchPlan& plan,
         std::uint32_t step, std::size_t touched_bytes)
      : factory_(factory),
        shards_(shards),
        signs_(signs),
        plan_(plan),
        step_(step),
        touched_(touched_bytes) {}

  // Walks [begin, end) of the plan; work(group) runs under the locks of the group's shards.
  template <Missing kMissing, typename Work>
  void Walk(std::size_t begin, std::size_t end, Work work) {
    if (begin >= end) return;
    GroupLocks locks(shards_);
    Group groups[2];
    PrefetchSlots(begin, std::min(begin + kGroup, end));
    Probe<kMissing>(groups[0], begin, end, locks);
    for (std::size_t first = begin, turn = 0; first < end; first += kGroup, turn ^= 1) {
      Group& group = groups[turn];
      const std::size_t next = first + group.size;
      if (next < end) Probe<kMissing>(groups[turn ^ 1], next, end, locks);
      Verify<kMissing>(group);
      work(group);
      locks.ReleaseBelow(next < end ? ShardOfHash(plan_.hashes[next]) : kShards);
    }
  }

 private:
  void PrefetchSlots(std::size_t begin, std::size_t end) const {
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint64_t hash = plan_.hashes[i];
      shards_[ShardOfHash(hash)].index.Prefetch(TagOfHash(hash));
    }
  }

  Sign SignOfKey(const Group& group, std::size_t i) const {
    return signs_[plan_.PositionOf(group.first + i)];
  }

  template <Missing kMissing>
  void Probe(Group& group, std::size_t first, std::size_t end, GroupLocks& locks) {
    group.first = first;
    group.size = std::min(kGroup, end - first);
    const std::size_t next = first + group.size;
    PrefetchSlots(next, std::min(next + kGroup, end));
    for (std::size_t i = 0; i < group.size; ++i) {
      const std::uint64_t hash = plan_.hashes[group.first + i];
      const std::uint32_t number = ShardOfHash(hash);
      locks.Take(number);
      Shard& shard = shards_[number];
      std::uint32_t id = shard.Candidate(TagOfHash(hash));
      if (kMissing == Missing::kCreate && id == ShardIndex::kNoRow) {
        id = shard.Create(factory_, hash, SignOfKey(group, i), step_, 0);
      }
      group.hashes[i] = hash;
      group.shards[i] = &shard;
      group.ids[i] = id;
      group.rows[i] = id == ShardIndex::kNoRow ? nullptr : shard.Address(id);
      if (group.rows[i] != nullptr) PrefetchRow(group.rows[i], touched_);
    }
  }

  template <Missing kMissing>
  void Verify(Group& group) {
    for (std::size_t i = 0; i < group.size; ++i) {
      if (group.rows[i] == nullptr) continue;
      const Sign sign = SignOfKey(group, i);
      if (SignAt(group.rows[i]) != sign) [[unlikely]]
        Resolve<kMissing>(group, i, sign);
    }
  }

  // Another sign has the same tag, or an earlier key moved this row.
  template <Missing kMissing>
  void Resolve(Group& group, std::size_t i, Sign sign) {
    Shard& shard = *group.shards[i];
    const std::size_t position = shard.PositionOf(group.hashes[i], sign);
    std::uint32_t id = ShardIndex::kNoRow;
    if (position != Shard::kAbsent) {
      id = ShardIndex::RowOf(shard.index.At(position));
    } else if (kMissing == Missing::kCreate) {
      id = shard.Create(factory_, group.hashes[i], sign, step_, 0);
    }
    group.ids[i] = id;
    group.rows[i] = id == ShardIndex::kNoRow ? nullptr : shard.Address(id);
  }

  RowFactory& factory_;
  Shard* shards_;
  std::span<const Sign> signs_;
  const BatchPlan& plan_;
  std::uint32_t step_;
  std::size_t touched_;
};

}  // namespace wideload
