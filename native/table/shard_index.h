#pragma once
// From a hash to a row number, inside one shard.
//
//   slot, 8 bytes = tag << 32 | row          tag: 32 bits of the hash; row: size class << 30 | number in that
//   class's arena home(tag)     = tag * capacity >> 32     any capacity will do, so growth is by a quarter
//   and the load stays in 0.7 .. 0.875
//
// Linear probing, kept *in order of tags*. As home() is monotone, that means: a cluster is sorted, a search
// for an absent tag ends at the first greater one instead of at the next gap, and growing is one sequential
// pass over the old slots that writes the new ones from left to right - no row is read, nothing is hashed.
// Probes do not wrap around: a short tail follows the last home, and the slot at its very end stays empty.
//
// Different signs may share a tag, so a tag found is a candidate: the sign in the row decides. Erasing shifts
// the rest of the cluster back; there are no tombstones.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace wideload {

class ShardIndex {
 public:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  static constexpr std::uint32_t kNoRow = 0xFFFFFFFFu;

  ShardIndex() = default;
  ~ShardIndex() { Release(); }
  ShardIndex(const ShardIndex&) = delete;
  ShardIndex& operator=(const ShardIndex&) = delete;

  static std::uint32_t TagOf(std::uint64_t slot) { return static_cast<std::uint32_t>(slot >> 32); }
  static std::uint32_t RowOf(std::uint64_t slot) { return static_cast<std::uint32_t>(slot); }

  // Any thread may call it at any time: it reads no slot, and a stale answer only prefetches in vain.
  void Prefetch(std::uint32_t tag) const {
    const std::uint64_t* slots = slots_.load(std::memory_order_relaxed);
    if (slots != nullptr) __builtin_prefetch(slots + Home(tag, capacity_.load(std::memory_order_relaxed)));
  }

  // Position of the first slot whose tag is not less; [position, ...) holds the candidates as long as the tag
  // is equal and the slot not empty. Undefined on an index that never held a slot: ask `ready` first.
  bool ready() const { return slots() != nullptr; }
  std::size_t LowerBound(std::uint32_t tag) const {
    const std::uint64_t* all = slots();
    std::size_t position = Home(tag, capacity());
    while (TagOf(all[position]) < tag) ++position;
    return position;
  }
  std::uint64_t At(std::size_t position) const { return slots()[position]; }
  bool Matches(std::size_t position, std::uint32_t tag) const {
    const std::uint64_t slot = slots()[position];
    return TagOf(slot) == tag && slot != kEmpty;
  }

  void Insert(std::uint32_t tag, std::uint32_t row);
  void EraseAt(std::size_t position);
  void SetRowAt(std::size_t position, std::uint32_t row) {
    slots()[position] = (slots()[position] >> 32 << 32) | row;
  }

  // Keeps the slots for which keep(slot) holds, in one pass.
  template <typename Keep>
  void Filter(Keep keep) {
    std::uint64_t* all = slots();
    std::size_t next = 0;
    used_ = 0;
    for (std::size_t position = 0; position < total_; ++position) {
      const std::uint64_t slot = all[position];
      if (slot == kEmpty) continue;
      all[position] = kEmpty;
      if (!keep(slot)) continue;
      const std::size_t home = Home(TagOf(slot), capacity());
      next = next > home ? next : home;
      all[next++] = slot;
      ++used_;
    }
  }

  // Calls visit(position, slot) in order of tags.
  template <typename Visit>
  void ForEach(Visit visit) const {
    const std::uint64_t* all = slots();
    for (std::size_t position = 0; position < total_; ++position) {
      if (all[position] != kEmpty) visit(position, all[position]);
    }
  }

  // Smallest memory for what it holds.
  void Shrink();
  void Release();

  std::size_t size() const { return used_; }
  std::size_t bytes() const { return total_ * sizeof(std::uint64_t); }

 private:
  static constexpr std::uint32_t kFirstCapacity = 16;
  static constexpr std::size_t kFirstTail = 16;

  static std::size_t Home(std::uint32_t tag, std::uint32_t capacity) {
    return static_cast<std::size_t>((std::uint64_t{tag} * capacity) >> 32);
  }
  std::uint64_t* slots() const { return slots_.load(std::memory_order_relaxed); }
  std::uint32_t capacity() const { return capacity_.load(std::memory_order_relaxed); }

  void Rehash(std::uint32_t capacity, std::size_t tail);
  bool TryRehash(std::uint32_t capacity, std::size_t tail);

  std::atomic<std::uint64_t*> slots_{nullptr};
  std::atomic<std::uint32_t> capacity_{0};  // homes; slots in all: total_
  std::size_t total_ = 0;
  std::size_t tail_ = kFirstTail;
  std::size_t used_ = 0;
};

}  // namespace wideload
