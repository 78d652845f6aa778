#pragma once
// One of the 256 parts of a table: an index and an arena per size class, guarded by one lock. The caller
// must hold the lock for everything here except ShardIndex::View::Prefetch.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "table/hash.h"
#include "table/initializer.h"
#include "table/row_arena.h"
#include "table/row_layout.h"
#include "table/shard_index.h"
#include "table/slice_updater.h"
#include "table/spec.h"
#include "table/spin_lock.h"

namespace wideload {

// What all shards of a table share.
struct RowFactory {
  RowFactory(const TableSpec& table, const RowLayout& rows);

  const TableSpec& spec;
  const RowLayout& layout;
  std::uint64_t salt;
  BlockPool pool;
  std::vector<RowInitializer> initializers;             // per slice
  std::vector<std::unique_ptr<SliceUpdater>> updaters;  // per slice
  std::vector<std::vector<std::byte>> fresh;            // per size class: a row with state, without weights
  std::atomic<bool> refs_out{false};             // RowRefs may exist: the old memory of moved rows must stay
  std::atomic<std::uint64_t> rows{0}, bytes{0};  // live ones, counted only under a cap

  bool capped() const { return spec.life.max_rows > 0 || spec.life.max_bytes > 0; }
  void Count(std::int64_t rows_more, std::int64_t bytes_more);

  float ScoreOf(const RowHeader& header) const {
    return spec.life.nonclick_weight * (header.show - header.click) + spec.life.click_weight * header.click;
  }
  // Writes the sign, header, weights and state of a new row.
  void InitialiseRow(Sign sign, std::uint32_t step, std::byte* row, std::uint32_t size_class) const;
  // Write the weights and state, or the state alone, of one slice that the size class holds.
  void InitialiseSlice(std::size_t slice, Sign sign, std::byte* row, std::uint32_t size_class) const;
  void InitialiseState(std::size_t slice, std::byte* row, std::uint32_t size_class) const;
};

struct alignas(64) Shard {
  static constexpr std::uint32_t kClassShift = 30;
  static constexpr std::uint32_t kNumberMask = (1u << kClassShift) - 1;

  static std::uint32_t ClassOf(std::uint32_t id) { return id >> kClassShift; }

  mutable SpinLock lock;
  ShardIndex index;
  std::array<RowArena, kMaxClasses> arenas;
  std::vector<std::uint32_t> sealed;       // ids that ReleaseSealed frees, moved earlier than left_behind
  std::vector<std::uint32_t> left_behind;  // ids that moved rows had before, whose memory is not free yet

  std::byte* Address(std::uint32_t id) const { return arenas[ClassOf(id)].Address(id & kNumberMask); }

  // The position of a sign in the index, or the position at which to insert it.
  struct Found {
    std::size_t position;
    bool present;
  };
  Found Find(std::uint64_t hash, Sign sign) const;

  // Adds an absent row at the index position that Find returned for it; returns its id. Throws
  // std::length_error when a cap is reached under WhenFull::kRaise.
  std::uint32_t Create(RowFactory& factory, const Found& found, std::uint64_t hash, Sign sign,
                       std::uint32_t step, std::uint32_t size_class);

  // Moves a row to a larger size class; returns its new id.
  std::uint32_t Promote(RowFactory& factory, std::uint64_t hash, std::uint32_t id, std::uint32_t size_class);

  // Frees the row's memory, not its index slot.
  void FreeRow(RowFactory& factory, std::uint32_t id);
  void EraseAt(RowFactory& factory, std::size_t position);

  void SealLeftBehind();
  void ReleaseSealed();
  void ReleaseLeftBehind();
  void Shrink(RowFactory& factory);
  std::uint64_t LiveRows() const { return index.size(); }

 private:
  std::uint32_t AllocateRow(RowFactory& factory, std::uint32_t size_class);
};

}  // namespace wideload
