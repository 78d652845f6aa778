#include "table/shard_index.h"

#include <algorithm>
#include <new>

namespace wideload {
namespace {

constexpr std::align_val_t kAligned{kCacheLine};

}  // namespace

void ShardIndex::Release() {
  if (total_ > 0) ::operator delete[](own_slots(), kAligned);
  slots_.store(kNoSlots, std::memory_order_relaxed);
  lines_.store(0, std::memory_order_relaxed);
  total_ = 0;
  used_ = 0;
  tail_ = kFirstTail;
}

bool ShardIndex::TryRehash(std::uint32_t lines, std::size_t tail) {
  const std::size_t total = lines * kLine + tail;
  auto* grown = static_cast<std::uint64_t*>(::operator new[](total * sizeof(std::uint64_t), kAligned));
  std::size_t next = 0;
  bool fits = true;
  const std::uint64_t* old = slots();
  for (std::size_t position = 0; position < total_ && fits; ++position) {
    const std::uint64_t slot = old[position];
    if (slot == kEmpty) continue;
    const std::size_t home = Home(TagOf(slot), lines);
    for (; next < home; ++next) grown[next] = kEmpty;
    fits = next + 1 < total;
    if (fits) grown[next++] = slot;
  }
  if (!fits) {
    ::operator delete[](grown, kAligned);
    return false;
  }
  std::fill(grown + next, grown + total, kEmpty);
  std::uint64_t* gone = total_ > 0 ? own_slots() : nullptr;
  slots_.store(grown, std::memory_order_relaxed);
  lines_.store(lines, std::memory_order_relaxed);
  total_ = total;
  tail_ = tail;
  ::operator delete[](gone, kAligned);
  return true;
}

void ShardIndex::Rehash(std::uint32_t lines, std::size_t tail) {
  while (!TryRehash(lines, tail)) tail *= 2;
}

void ShardIndex::Insert(std::uint32_t tag, std::uint32_t row) {
  if (used_ + 1 > std::size_t{lines()} * (kLine - 1)) {  // seven eighths
    Rehash(std::max(kFirstLines, lines() + std::max(1u, lines() / 4)), tail_);
  }
  for (;;) {
    std::uint64_t* all = own_slots();
    std::size_t position = LowerBound(tag);
    while (Matches(position, tag)) ++position;
    std::size_t gap = position;
    while (all[gap] != kEmpty) ++gap;
    if (gap + 1 < total_) {
      std::memmove(all + position + 1, all + position, (gap - position) * sizeof(std::uint64_t));
      all[position] = std::uint64_t{tag} << 32 | row;
      ++used_;
      return;
    }
    Rehash(lines(), tail_ * 2);
  }
}

void ShardIndex::EraseAt(std::size_t position) {
  std::uint64_t* all = own_slots();
  std::size_t last = position;
  while (all[last + 1] != kEmpty && Home(TagOf(all[last + 1]), lines()) < last + 1) ++last;
  std::memmove(all + position, all + position + 1, (last - position) * sizeof(std::uint64_t));
  all[last] = kEmpty;
  --used_;
}

void ShardIndex::Shrink() {
  if (used_ == 0) {
    Release();
    return;
  }
  const auto wanted = static_cast<std::uint32_t>((used_ + used_ / 4) / kLine + 1);
  if (wanted < lines()) Rehash(std::max(kFirstLines, wanted), kFirstTail);
}

}  // namespace wideload
