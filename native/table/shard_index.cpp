#include "table/shard_index.h"

#include <algorithm>
#include <new>

namespace wideload {
namespace {

constexpr std::align_val_t kAligned{kCacheLine};

// Every home is the start of a line, so the used slots of a line come before its empty ones and can be
// counted, as in LowerBound.
std::size_t UsedIn(const std::uint64_t* line) {
  std::uint64_t used = 0;
#pragma omp simd reduction(+ : used)
  for (std::size_t i = 0; i < ShardIndex::kLine; ++i) used += line[i] != ShardIndex::kEmpty ? 1u : 0u;
  return used;
}

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
  std::fill(grown, grown + total, kEmpty);
  std::size_t next = 0;
  for (std::size_t line = 0; line < total_; line += kLine) {
    const std::uint64_t* old = slots() + line;
    const std::size_t used = UsedIn(old);
    for (std::size_t i = 0; i < used; ++i) {
      next = std::max(next, Home(TagOf(old[i]), lines));
      if (next + 1 >= total) {
        ::operator delete[](grown, kAligned);
        return false;
      }
      grown[next++] = old[i];
    }
  }
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

std::size_t ShardIndex::FirstEmptyFrom(std::size_t position) const {
  for (std::size_t line = position / kLine * kLine;; line += kLine) {
    const std::size_t used = UsedIn(slots() + line);
    if (used < kLine) return line + used;
  }
}

void ShardIndex::InsertAt(std::size_t position, std::uint32_t tag, std::uint32_t row) {
  if (used_ + 1 > std::size_t{lines()} * (kLine - 1)) {  // seven eighths
    Rehash(std::max(kFirstLines, lines() + std::max(1u, lines() / 4)), tail_);
    position = LowerBound(tag);
  }
  std::size_t gap = FirstEmptyFrom(position);
  while (gap + 1 == total_) {
    Rehash(lines(), tail_ * 2);
    position = LowerBound(tag);
    gap = FirstEmptyFrom(position);
  }
  std::uint64_t* all = own_slots();
  std::memmove(all + position + 1, all + position, (gap - position) * sizeof(std::uint64_t));
  all[position] = std::uint64_t{tag} << 32 | row;
  ++used_;
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
