#pragma once
// The memory of rows.
//
//   extents     64 MiB, 128 MiB, ... 1 GiB, then that size: few, since Linux limits the mappings of a process
//      │ cut into blocks
//   BlockPool   2-MiB blocks on huge pages, shared by all shards of a table
//      │ cut into chunks: 16 rows, 16, 32, 64, ... up to about 32 KiB, then always that size
//   RowArena    the rows of one size class of one shard, numbered from 0
//      │ a row keeps its number, so it does not move when others are added;
//      │ the free list runs through the freed rows themselves
//   row         laid out by RowLayout
//
// Small first chunks keep a table of few rows small, since each of the 256 shards holds one; the limit on
// their size keeps the unused end of the last chunk, and of a block, near one percent of a large table.

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

namespace wideload {

// Hands out chunks of memory, mapped but not yet written, so not yet backed by pages. Thread-safe.
class BlockPool {
 public:
  static constexpr std::size_t kBlockBytes = std::size_t{2} << 20;

  BlockPool() = default;
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // `bytes` is a multiple of 64, at most kBlockBytes. Throws std::bad_alloc.
  std::byte* Allocate(std::size_t bytes);

  // Keeps the chunk for the next Allocate of that size but returns its pages to the system. A block with no
  // chunk in use is kept, without pages, for chunks of any size.
  void Free(std::byte* chunk, std::size_t bytes);

  std::uint64_t bytes() const { return mapped_.load(std::memory_order_relaxed); }

 private:
  struct Block {
    std::size_t cut = 0;   // bytes handed out so far
    std::size_t live = 0;  // bytes in use now
  };

  struct Extent {
    std::byte* mapped;
    std::size_t bytes;
  };

  std::byte* TakeBlock();
  void MapExtent();
  void DropBlock(std::byte* base);

  mutable std::mutex mutex_;
  std::vector<Extent> extents_;
  std::byte* uncut_ = nullptr;  // [uncut_, uncut_end_): what no block has been cut from yet
  std::byte* uncut_end_ = nullptr;
  std::vector<std::byte*> free_blocks_;
  std::map<std::byte*, Block> blocks_;  // in use
  std::map<std::size_t, std::vector<std::byte*>> free_;
  std::byte* current_ = nullptr;
  std::atomic<std::uint64_t> mapped_{0};  // without the pages returned to the system
};

// Not thread-safe: guarded by its shard's lock.
class RowArena {
 public:
  void Configure(std::uint32_t stride);

  std::uint32_t Allocate(BlockPool& pool);
  void Free(std::uint32_t row);

  std::byte* Address(std::uint32_t row) const {
    return reinterpret_cast<std::byte*>(bases_[ChunkOf(row)] + std::uintptr_t{row} * stride_);
  }

  std::uint32_t live() const { return next_ - free_count_; }
  std::uint32_t end() const { return next_; }  // row numbers handed out so far
  std::uint32_t stride() const { return stride_; }
  std::uint64_t table_bytes() const { return bases_.capacity() * sizeof(std::uintptr_t); }

  // Returns the free rows numbered below `limit`, descending, and empties the free list.
  std::vector<std::uint32_t> TakeFreeBelow(std::uint32_t limit);

  // Rows from `end` on are unused: forgets them and frees chunks that are unused as a whole.
  void Truncate(std::uint32_t end, BlockPool& pool);

 private:
  static constexpr std::size_t kChunkBytes = std::size_t{32} << 10;
  static constexpr std::uint32_t kNone = 0xFFFFFFFFu;
  static constexpr std::uint32_t kMostRows = 1u << 30;

  std::uint32_t ChunkOf(std::uint32_t row) const {
    if (row >> last_bits_) return (row >> last_bits_) + (last_bits_ - first_bits_);
    return static_cast<std::uint32_t>(std::bit_width(row >> first_bits_));
  }
  std::uint32_t FirstRow(std::uint32_t chunk) const;
  std::size_t ChunkSize(std::uint32_t chunk) const;

  std::vector<std::uintptr_t> bases_;  // per chunk: the address of row 0 if the arena were contiguous
  std::uint32_t stride_ = 0;
  std::uint32_t first_bits_ = 0, last_bits_ = 0;  // log2 rows of the first chunk and of the largest ones
  std::uint32_t next_ = 0;
  std::uint32_t capacity_ = 0;
  std::uint32_t free_head_ = kNone;
  std::uint32_t free_count_ = 0;
};

}  // namespace wideload
