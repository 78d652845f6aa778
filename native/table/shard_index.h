#pragma once
// Maps a hash to a row number within one shard.
//
//   slot, 8 bytes = tag << 32 | row      tag: 32 bits of the hash; row: size class << 30 | number in its arena
//   line          = 8 slots, one cache line
//   home(tag)     = line tag * lines >> 32
//
// The number of lines is arbitrary, so the index grows by a quarter at a time and its load stays between 0.7
// and 0.875.
//
// Linear probing from the first slot of the home line, with the slots kept *in order of tags*. Since home()
// is monotone, every cluster is sorted, a search for an absent tag ends at the first greater tag rather than
// at the next gap, and growth is one sequential pass over the old slots that writes the new ones from left to
// right: no row is read and nothing is hashed. The first slot whose tag is not less than a given one can also
// be found by *counting* the lesser tags in a line (an empty slot counts as the greatest): eight comparisons
// without a branch, where a search slot by slot mispredicts its last comparison, which was a third of the
// time of a pull. Nine in ten searches look at their home line only.
//
// Probes do not wrap around: a short tail follows the last home line, and its last slot always stays empty.
//
// Different signs may share a tag, so a matching tag is only a candidate: the sign stored in the row decides.
// Erasing shifts the rest of the cluster back; there are no tombstones.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "table/prefetch.h"

namespace wideload {

class ShardIndex {
 public:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  static constexpr std::uint32_t kNoRow = 0xFFFFFFFFu;
  static constexpr std::size_t kLine = kCacheLine / sizeof(std::uint64_t);

  ShardIndex() = default;
  ~ShardIndex() { Release(); }
  ShardIndex(const ShardIndex&) = delete;
  ShardIndex& operator=(const ShardIndex&) = delete;

  static std::uint32_t TagOf(std::uint64_t slot) { return static_cast<std::uint32_t>(slot >> 32); }
  static std::uint32_t RowOf(std::uint64_t slot) { return static_cast<std::uint32_t>(slot); }

  // What a search needs; valid until the index changes.
  struct View {
    const std::uint64_t* slots;
    std::uint32_t lines;

    // Reads no slot, so a stale view costs a useless prefetch and nothing else.
    void Prefetch(std::uint32_t tag) const { wideload::Prefetch(slots + Home(tag, lines)); }

    // The memory after the home line: an insertion moves slots up to the next empty one.
    const void* After(std::uint32_t tag) const { return slots + Home(tag, lines) + kLine; }

    // Position of the first slot whose tag is not less than `tag`. The slots from there on are the
    // candidates, as long as their tag is equal and they are not empty.
    std::size_t LowerBound(std::uint32_t tag) const {
      const std::uint64_t least = std::uint64_t{tag} << 32;
      for (std::size_t line = Home(tag, lines);; line += kLine) {
        std::uint64_t lesser = 0;
#pragma omp simd reduction(+ : lesser)
        for (std::size_t i = 0; i < kLine; ++i) lesser += slots[line + i] < least ? 1u : 0u;
        if (lesser < kLine) [[likely]]
          return line + lesser;
      }
    }

    // The row in the first slot with this tag, or kNoRow if there is none.
    std::uint32_t Candidate(std::uint32_t tag) const {
      const std::uint64_t slot = slots[LowerBound(tag)];
      return TagOf(slot) == tag ? RowOf(slot) : kNoRow;  // an empty slot names kNoRow
    }
  };

  // Any thread may take a view at any time in order to prefetch; a search needs the shard's lock.
  View view() const { return {slots(), lines_.load(std::memory_order_relaxed)}; }

  std::size_t LowerBound(std::uint32_t tag) const { return view().LowerBound(tag); }
  std::uint64_t At(std::size_t position) const { return slots()[position]; }
  bool Matches(std::size_t position, std::uint32_t tag) const {
    const std::uint64_t slot = slots()[position];
    return TagOf(slot) == tag && slot != kEmpty;
  }

  // Inserts a slot at `position`: LowerBound(tag), or after any slots that match the tag.
  void InsertAt(std::size_t position, std::uint32_t tag, std::uint32_t row);
  void EraseAt(std::size_t position);
  void SetRowAt(std::size_t position, std::uint32_t row) {
    own_slots()[position] = (slots()[position] >> 32 << 32) | row;
  }

  // Keeps the slots for which keep(slot) holds, in one pass.
  template <typename Keep>
  void Filter(Keep keep) {
    std::uint64_t* all = own_slots();
    std::size_t next = 0;
    used_ = 0;
    for (std::size_t position = 0; position < total_; ++position) {
      const std::uint64_t slot = all[position];
      if (slot == kEmpty) continue;
      all[position] = kEmpty;
      if (!keep(slot)) continue;
      const std::size_t home = Home(TagOf(slot), lines());
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

  // Reduces the memory to the least that holds the current slots.
  void Shrink();
  void Release();

  std::size_t size() const { return used_; }
  std::size_t bytes() const { return total_ * sizeof(std::uint64_t); }

 private:
  static constexpr std::uint32_t kFirstLines = 2;
  static constexpr std::size_t kFirstTail = 2 * kLine;

  // What an index searches before it has slots of its own.
  alignas(kCacheLine) static constexpr std::uint64_t kNoSlots[kLine] = {kEmpty, kEmpty, kEmpty, kEmpty,
                                                                        kEmpty, kEmpty, kEmpty, kEmpty};

  // The first slot of the tag's home line.
  static std::size_t Home(std::uint32_t tag, std::uint32_t lines) {
    return static_cast<std::size_t>((std::uint64_t{tag} * lines) >> 32) * kLine;
  }
  const std::uint64_t* slots() const { return slots_.load(std::memory_order_relaxed); }
  std::uint64_t* own_slots() { return const_cast<std::uint64_t*>(slots()); }  // where total_ > 0
  std::uint32_t lines() const { return lines_.load(std::memory_order_relaxed); }

  std::size_t FirstEmptyFrom(std::size_t position) const;
  void Rehash(std::uint32_t lines, std::size_t tail);
  bool TryRehash(std::uint32_t lines, std::size_t tail);

  std::atomic<const std::uint64_t*> slots_{kNoSlots};
  std::atomic<std::uint32_t> lines_{0};  // homes; slots in all, a multiple of kLine: total_
  std::size_t total_ = 0;
  std::size_t tail_ = kFirstTail;
  std::size_t used_ = 0;
};

}  // namespace wideload
