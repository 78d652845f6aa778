#include "table/row_arena.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>

namespace wideload {
namespace {

constexpr std::size_t kFirstExtent = std::size_t{64} << 20;
constexpr std::size_t kLargestExtent = std::size_t{1} << 30;

std::byte* BlockOf(std::byte* chunk) {
  const auto address = reinterpret_cast<std::uintptr_t>(chunk);
  return reinterpret_cast<std::byte*>(address & ~(BlockPool::kBlockBytes - 1));
}

// The whole pages within [begin, begin + bytes).
std::pair<std::byte*, std::size_t> PagesInside(std::byte* begin, std::size_t bytes) {
  static const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto first = (reinterpret_cast<std::uintptr_t>(begin) + page - 1) / page * page;
  const auto last = (reinterpret_cast<std::uintptr_t>(begin) + bytes) / page * page;
  return {reinterpret_cast<std::byte*>(first), last > first ? last - first : 0};
}

}  // namespace

BlockPool::~BlockPool() {
  for (const Extent& extent : extents_) munmap(extent.mapped, extent.bytes);
}

// Reserves addresses; memory is taken when it is first written to. Blocks mapped one by one would be a mapping
// each, and a process may have 65,530 (vm.max_map_count).
void BlockPool::MapExtent() {
  const std::size_t wanted =
      std::min(kFirstExtent << std::min<std::size_t>(extents_.size(), 16), kLargestExtent);
  void* mapped = MAP_FAILED;
  std::size_t bytes = wanted + kBlockBytes;  // one more, to align
  for (; mapped == MAP_FAILED && bytes >= 2 * kBlockBytes;
       bytes /= 2) {  // less where address space is limited
    extents_.reserve(extents_.size() + 1);
    mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped != MAP_FAILED) break;
  }
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  auto* begin = static_cast<std::byte*>(mapped);
  extents_.push_back({begin, bytes});
  madvise(begin, bytes, MADV_HUGEPAGE);
  const std::size_t before =
      (kBlockBytes - reinterpret_cast<std::uintptr_t>(begin) % kBlockBytes) % kBlockBytes;
  uncut_ = begin + before;
  uncut_end_ = uncut_ + (bytes - before) / kBlockBytes * kBlockBytes;
}

std::byte* BlockPool::TakeBlock() {
  std::byte* base = nullptr;
  if (!free_blocks_.empty()) {
    base = free_blocks_.back();
    free_blocks_.pop_back();
  } else {
    if (uncut_ == uncut_end_) MapExtent();
    base = uncut_;
    uncut_ += kBlockBytes;
  }
  blocks_.emplace(base, Block{});
  mapped_.fetch_add(kBlockBytes, std::memory_order_relaxed);
  return base;
}

void BlockPool::DropBlock(std::byte* base) {
  std::size_t given_back = 0;
  for (auto& [bytes, chunks] : free_) {
    const auto gone =
        std::remove_if(chunks.begin(), chunks.end(), [&](std::byte* c) { return BlockOf(c) == base; });
    for (auto it = gone; it != chunks.end(); ++it) given_back += PagesInside(*it, bytes).second;
    chunks.erase(gone, chunks.end());
  }
  blocks_.erase(base);
  if (current_ == base) current_ = nullptr;
  madvise(base, kBlockBytes, MADV_DONTNEED);  // unmapped, it would leave a hole, and two mappings for one
  free_blocks_.push_back(base);
  mapped_.fetch_sub(kBlockBytes - given_back, std::memory_order_relaxed);
}

std::byte* BlockPool::Allocate(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (auto found = free_.find(bytes); found != free_.end() && !found->second.empty()) {
    std::byte* chunk = found->second.back();
    found->second.pop_back();
    blocks_.at(BlockOf(chunk)).live += bytes;
    mapped_.fetch_add(PagesInside(chunk, bytes).second, std::memory_order_relaxed);
    return chunk;
  }
  if (current_ == nullptr || blocks_.at(current_).cut + bytes > kBlockBytes) current_ = TakeBlock();
  Block& block = blocks_.at(current_);
  std::byte* chunk = current_ + block.cut;
  block.cut += bytes;
  block.live += bytes;
  return chunk;
}

void BlockPool::Free(std::byte* chunk, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  std::byte* base = BlockOf(chunk);
  Block& block = blocks_.at(base);
  block.live -= bytes;
  const auto [first, length] = PagesInside(chunk, bytes);
  if (length > 0) madvise(first, length, MADV_DONTNEED);
  mapped_.fetch_sub(length, std::memory_order_relaxed);
  free_[bytes].push_back(chunk);
  if (block.live == 0) DropBlock(base);
}

void RowArena::Configure(std::uint32_t stride) {
  stride_ = stride;
  const auto rows = static_cast<std::uint32_t>(std::max<std::size_t>(1, kChunkBytes / stride));
  last_bits_ = static_cast<std::uint32_t>(std::bit_width(rows)) - 1;
  first_bits_ = std::min(last_bits_, 4u);
}

std::uint32_t RowArena::FirstRow(std::uint32_t chunk) const {
  const std::uint32_t steps = last_bits_ - first_bits_;
  if (chunk > steps) return (chunk - steps) << last_bits_;
  return chunk == 0 ? 0 : 1u << (first_bits_ + chunk - 1);
}

std::size_t RowArena::ChunkSize(std::uint32_t chunk) const {
  const std::size_t rows = FirstRow(chunk + 1) - FirstRow(chunk);
  return (rows * stride_ + 63) / 64 * 64;
}

std::uint32_t RowArena::Allocate(BlockPool& pool) {
  if (free_head_ != kNone) {
    const std::uint32_t row = free_head_;
    std::memcpy(&free_head_, Address(row), sizeof(free_head_));
    --free_count_;
    return row;
  }
  if (next_ == capacity_) {
    if (capacity_ >= kMostRows - (1u << last_bits_))
      throw std::length_error("a shard of the table is full: 2^30 rows.");
    const auto chunk = static_cast<std::uint32_t>(bases_.size());
    bases_.reserve(chunk + 1 + chunk / 8);
    std::byte* memory = pool.Allocate(ChunkSize(chunk));
    bases_.push_back(reinterpret_cast<std::uintptr_t>(memory) - std::uintptr_t{FirstRow(chunk)} * stride_);
    capacity_ = FirstRow(chunk + 1);
  }
  return next_++;
}

void RowArena::Free(std::uint32_t row) {
  std::memcpy(Address(row), &free_head_, sizeof(free_head_));
  free_head_ = row;
  ++free_count_;
}

std::vector<std::uint32_t> RowArena::TakeFreeBelow(std::uint32_t limit) {
  std::vector<std::uint32_t> below;
  for (std::uint32_t row = free_head_; row != kNone;) {
    if (row < limit) below.push_back(row);
    std::memcpy(&row, Address(row), sizeof(row));
  }
  free_head_ = kNone;
  free_count_ = 0;
  std::sort(below.begin(), below.end(), std::greater<>());
  return below;
}

void RowArena::Truncate(std::uint32_t end, BlockPool& pool) {
  next_ = end;
  while (!bases_.empty()) {
    const auto chunk = static_cast<std::uint32_t>(bases_.size()) - 1;
    if (FirstRow(chunk) < end) break;
    pool.Free(reinterpret_cast<std::byte*>(bases_[chunk] + std::uintptr_t{FirstRow(chunk)} * stride_),
              ChunkSize(chunk));
    bases_.pop_back();
    capacity_ = FirstRow(chunk);
  }
  bases_.shrink_to_fit();
}

}  // namespace wideload
