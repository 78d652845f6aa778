#pragma once
// Finds the rows of a planned batch in a pipeline of groups of 32 keys, so that cache misses overlap.
//
//   asked      prefetch the index slots of a group
//     │ kLag groups later
//   probed     lock the group's shards, find candidates by tag, prefetch their rows; create absent rows
//     │ kLag groups later
//   worked     compare signs (the first read of each row), hand the rows to the caller; unlock
//
// Keys come in order of shards, so a group consists of one or a few runs of keys of one shard, and the loop
// over a run does nothing but search. Locks are taken in ascending order, so two walkers cannot deadlock.
// Locks of shards that later groups also need are kept.
//
// Tried and dropped: groups of 4, 8 and 16 keys with a longer lag, so that prefetches and work alternate more
// finely: 0.8 to 1.0 times as fast.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "table/batch_plan.h"
#include "table/prefetch.h"
#include "table/shard.h"

namespace wideload {

inline constexpr std::size_t kGroup = 32;
inline constexpr std::size_t kLag = 1;
inline constexpr std::size_t kMostPrefetched = 512;  // bytes of a row; the hardware prefetches the rest

enum class Missing { kSkip, kCreate };

// Holds the locks of the shards whose groups are between probe and work.
class GroupLocks {
 public:
  explicit GroupLocks(Shard* shards) : shards_(shards) {}
  ~GroupLocks() { ReleaseBelow(kShards); }
  GroupLocks(const GroupLocks&) = delete;
  GroupLocks& operator=(const GroupLocks&) = delete;

  // Shards must be locked in ascending order.
  void Take(std::uint32_t shard) {
    if (held_ > 0 && locked_[held_ - 1] == shard) return;
    shards_[shard].lock.lock();
    locked_[held_++] = shard;
  }
  // Releases the locks of lower shards.
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
  std::array<std::uint32_t, (kLag + 1) * kGroup> locked_;
  std::size_t held_ = 0;
};

// The rows of one group; rows[i] is null for an absent row under Missing::kSkip.
struct Group {
  std::size_t first = 0;  // in walking order
  std::size_t size = 0;
  const std::uint64_t* hashes = nullptr;
  std::array<Shard*, kGroup> shards;
  std::array<std::uint32_t, kGroup> ids;
  std::array<std::byte*, kGroup> rows;
};

class Walker {
 public:
  // touched_bytes: how many bytes of a row to prefetch.
  Walker(RowFactory& factory, Shard* shards, std::span<const Sign> signs, const BatchPlan& plan,
         std::uint32_t step, std::size_t touched_bytes)
      : factory_(factory),
        shards_(shards),
        signs_(signs),
        plan_(plan),
        step_(step),
        touched_(std::min(touched_bytes, kMostPrefetched)) {}

  // Walks [begin, end) of the plan. ahead(group) is called when a group's rows are prefetched, so that the
  // caller can prefetch what else it will need; work(group) runs under the locks of the group's shards.
  template <Missing kMissing, typename Work, typename Ahead>
  void Walk(std::size_t begin, std::size_t end, Work work, Ahead ahead) {
    constexpr std::size_t kRing = kLag + 1;  // groups between probe and work
    const std::size_t groups = (end - begin + kGroup - 1) / kGroup;
    const auto first = [&](std::size_t group) { return std::min(begin + group * kGroup, end); };
    GroupLocks locks(shards_);
    std::array<Group, kRing> ring;
    for (std::size_t asked = 0; asked < groups + 2 * kLag; ++asked) {
      PrefetchSlots(first(asked), first(asked + 1));
      if (const std::size_t probed = asked - kLag; probed < groups) {  // wraps around while there is none
        Group& group = ring[probed % kRing];
        Probe<kMissing>(group, first(probed), first(probed + 1), locks);
        ahead(group);
      }
      if (const std::size_t worked = asked - 2 * kLag; worked < groups) {
        Group& group = ring[worked % kRing];
        Verify<kMissing>(group);
        work(group);
        const std::size_t next = first(worked + 1);
        locks.ReleaseBelow(next < end ? ShardOfHash(plan_.hashes[next]) : kShards);
      }
    }
  }
  template <Missing kMissing, typename Work>
  void Walk(std::size_t begin, std::size_t end, Work work) {
    Walk<kMissing>(begin, end, work, [](const Group&) {});
  }

 private:
  // Calls run(shard number, first, last) for every run of keys of one shard in [begin, end).
  template <typename Run>
  void ForEachRun(std::size_t begin, std::size_t end, Run run) const {
    while (begin < end) {
      const std::uint32_t number = ShardOfHash(plan_.hashes[begin]);
      const std::size_t last = std::min<std::size_t>(end, plan_.begin[number + 1]);
      run(number, begin, last);
      begin = last;
    }
  }

  void PrefetchSlots(std::size_t begin, std::size_t end) const {
    ForEachRun(begin, end, [&](std::uint32_t number, std::size_t first, std::size_t last) {
      const ShardIndex::View index = shards_[number].index.view();
      for (std::size_t i = first; i < last; ++i) index.Prefetch(TagOfHash(plan_.hashes[i]));
    });
  }

  template <Missing kMissing>
  void Probe(Group& group, std::size_t begin, std::size_t end, GroupLocks& locks) {
    group.first = begin;
    group.size = end - begin;
    group.hashes = plan_.hashes.data() + begin;
    ForEachRun(begin, end, [&](std::uint32_t number, std::size_t first, std::size_t last) {
      locks.Take(number);
      Shard& shard = shards_[number];
      bool absent = false;
      const ShardIndex::View index = shard.index.view();
      for (std::size_t i = first - begin; i < last - begin; ++i) {
        const std::uint32_t tag = TagOfHash(group.hashes[i]);
        const std::uint32_t id = index.Candidate(tag);
        std::byte* row = id == ShardIndex::kNoRow ? nullptr : shard.Address(id);
        absent |= row == nullptr;
        Prefetch(row != nullptr ? static_cast<const void*>(row) : index.After(tag), touched_);
        group.shards[i] = &shard;
        group.ids[i] = id;
        group.rows[i] = row;
      }
      if (kMissing == Missing::kCreate && absent) {
        for (std::size_t i = first - begin; i < last - begin; ++i) {
          if (group.rows[i] == nullptr) Resolve<kMissing>(group, i);
        }
      }
    });
  }

  template <Missing kMissing>
  void Verify(Group& group) {
    for (std::size_t i = 0; i < group.size; ++i) {
      if (group.rows[i] == nullptr) continue;
      if (SignAt(group.rows[i]) != SignOfKey(group, i)) [[unlikely]]
        Resolve<kMissing>(group, i);
    }
  }

  // Searches by sign, for when no slot has the tag, when another sign has it, or when an earlier key has
  // moved or created this row.
  template <Missing kMissing>
  [[gnu::noinline]] void Resolve(Group& group, std::size_t i) {
    Shard& shard = *group.shards[i];
    const Sign sign = SignOfKey(group, i);
    const std::uint64_t hash = group.hashes[i];
    const Shard::Found found = shard.Find(hash, sign);
    std::uint32_t id = ShardIndex::kNoRow;
    if (found.present) {
      id = ShardIndex::RowOf(shard.index.At(found.position));
    } else if (kMissing == Missing::kCreate) {
      id = shard.Create(factory_, found, hash, sign, step_, 0);
    }
    group.ids[i] = id;
    group.rows[i] = id == ShardIndex::kNoRow ? nullptr : shard.Address(id);
  }

  Sign SignOfKey(const Group& group, std::size_t i) const {
    return signs_[plan_.PositionOf(group.first + i)];
  }

  RowFactory& factory_;
  Shard* shards_;
  std::span<const Sign> signs_;
  const BatchPlan& plan_;
  std::uint32_t step_;
  std::size_t touched_;
};

}  // namespace wideload
