#include "table/shard.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

namespace wideload {

RowFactory::RowFactory(const TableSpec& table, const RowLayout& rows_layout)
    : spec(table), layout(rows_layout), salt(SaltOf(table.name)) {
  for (std::size_t s = 0; s < spec.slices.size(); ++s) {
    initializers.emplace_back(spec.seed, spec.name, spec.slices[s]);
    updaters.push_back(MakeSliceUpdater(spec.slices[s].optimizer, layout.slices()[s]));
  }
  for (std::uint32_t c = 0; c < layout.classes().size(); ++c) {
    std::vector<std::byte>& row = fresh.emplace_back(layout.classes()[c].stride);
    HeaderOf(row.data()).set_size_class(c);
    for (std::size_t s = 0; s < spec.slices.size(); ++s) {
      if (layout.slices()[s].first_class <= c) InitialiseState(s, row.data(), c);
    }
  }
}

void RowFactory::Count(std::int64_t rows_more, std::int64_t bytes_more) {
  if (!capped()) return;
  rows.fetch_add(static_cast<std::uint64_t>(rows_more), std::memory_order_relaxed);
  bytes.fetch_add(static_cast<std::uint64_t>(bytes_more), std::memory_order_relaxed);
}

void RowFactory::InitialiseState(std::size_t slice, std::byte* row, std::uint32_t size_class) const {
  std::ranges::copy(updaters[slice]->initial_state(),
                    FloatsAt(row, layout.slices()[slice].state[size_class]));
}

void RowFactory::InitialiseSlice(std::size_t slice, Sign sign, std::byte* row,
                                 std::uint32_t size_class) const {
  initializers[slice].Fill(sign, FloatsAt(row, layout.slices()[slice].weights[size_class]));
  InitialiseState(slice, row, size_class);
}

void RowFactory::InitialiseRow(Sign sign, std::uint32_t step, std::byte* row,
                               std::uint32_t size_class) const {
  std::memcpy(row, fresh[size_class].data(), layout.classes()[size_class].stride);
  SetSign(row, sign);
  HeaderOf(row).last_step = step;
  for (std::size_t s = 0; s < initializers.size(); ++s) {
    const SliceLayout& slice = layout.slices()[s];
    if (slice.first_class <= size_class) initializers[s].Fill(sign, FloatsAt(row, slice.weights[size_class]));
  }
}

Shard::Found Shard::Find(std::uint64_t hash, Sign sign) const {
  const std::uint32_t tag = TagOfHash(hash);
  std::size_t position = index.LowerBound(tag);
  for (; index.Matches(position, tag); ++position) {
    if (SignAt(Address(ShardIndex::RowOf(index.At(position)))) == sign) return {position, true};
  }
  return {position, false};
}

std::uint32_t Shard::AllocateRow(RowFactory& factory, std::uint32_t size_class) {
  return size_class << kClassShift | arenas[size_class].Allocate(factory.pool);
}

std::uint32_t Shard::Create(RowFactory& factory, const Found& found, std::uint64_t hash, Sign sign,
                            std::uint32_t step, std::uint32_t size_class) {
  const RowLife& life = factory.spec.life;
  const std::uint32_t stride = factory.layout.classes()[size_class].stride;
  if (factory.capped() && life.when_full == WhenFull::kRaise) {
    const std::uint64_t rows = factory.rows.load(std::memory_order_relaxed);
    const std::uint64_t bytes = factory.bytes.load(std::memory_order_relaxed);
    if ((life.max_rows > 0 && rows >= life.max_rows) ||
        (life.max_bytes > 0 && bytes + stride > life.max_bytes)) {
      throw std::length_error(
          "table '" + factory.spec.name + "' is full: " + std::to_string(rows) + " rows in " +
          std::to_string(bytes) + " bytes, at most " + std::to_string(life.max_rows) + " rows or " +
          std::to_string(life.max_bytes) +
          " bytes (0: no limit). Evict rows, raise the cap, or set when_full = trim so that Evict trims.");
    }
  }
  const std::uint32_t id = AllocateRow(factory, size_class);
  factory.InitialiseRow(sign, step, Address(id), size_class);
  index.InsertAt(found.position, TagOfHash(hash), id);
  factory.Count(1, stride);
  return id;
}

std::uint32_t Shard::Promote(RowFactory& factory, std::uint64_t hash, std::uint32_t id,
                             std::uint32_t size_class) {
  const std::uint32_t old_class = ClassOf(id);
  const std::uint32_t new_id = AllocateRow(factory, size_class);
  std::byte* from = Address(id);
  std::byte* to = Address(new_id);
  const Sign sign = SignAt(from);
  SetSign(to, sign);
  HeaderOf(to) = HeaderOf(from);
  HeaderOf(to).set_size_class(size_class);
  for (std::size_t s = 0; s < factory.layout.slices().size(); ++s) {
    const SliceLayout& slice = factory.layout.slices()[s];
    if (slice.first_class <= old_class) {
      std::memcpy(to + slice.weights[size_class], from + slice.weights[old_class], slice.dim * sizeof(float));
      std::memcpy(to + slice.state[size_class], from + slice.state[old_class],
                  slice.state_floats * sizeof(float));
    } else if (slice.first_class <= size_class) {
      factory.InitialiseSlice(s, sign, to, size_class);
    }
  }
  index.SetRowAt(Find(hash, sign).position, new_id);
  SetForward(from, to);
  const auto& classes = factory.layout.classes();
  factory.Count(0, std::int64_t{classes[size_class].stride} - std::int64_t{classes[old_class].stride});
  if (factory.refs_out.load(std::memory_order_relaxed)) {
    left_behind.push_back(id);
  } else {
    arenas[old_class].Free(id & kNumberMask);
  }
  return new_id;
}

void Shard::FreeRow(RowFactory& factory, std::uint32_t id) {
  const std::uint32_t size_class = ClassOf(id);
  arenas[size_class].Free(id & kNumberMask);
  factory.Count(-1, -std::int64_t{factory.layout.classes()[size_class].stride});
}

void Shard::EraseAt(RowFactory& factory, std::size_t position) {
  FreeRow(factory, ShardIndex::RowOf(index.At(position)));
  index.EraseAt(position);
}

void Shard::SealLeftBehind() {
  sealed.insert(sealed.end(), left_behind.begin(), left_behind.end());
  left_behind = {};
}

void Shard::ReleaseSealed() {
  for (const std::uint32_t id : sealed) arenas[ClassOf(id)].Free(id & kNumberMask);
  sealed = {};
}

void Shard::ReleaseLeftBehind() {
  SealLeftBehind();
  ReleaseSealed();
}

// Moves rows whose number is not below the number of live rows into the gaps below it, then truncates.
void Shard::Shrink(RowFactory& factory) {
  ReleaseLeftBehind();
  for (std::uint32_t c = 0; c < factory.layout.classes().size(); ++c) {
    RowArena& arena = arenas[c];
    const std::uint32_t live = arena.live();
    std::vector<std::uint32_t> gaps = arena.TakeFreeBelow(live);
    index.ForEach([&](std::size_t position, std::uint64_t slot) {
      const std::uint32_t id = ShardIndex::RowOf(slot);
      if (ClassOf(id) != c || (id & kNumberMask) < live) return;
      const std::uint32_t target = gaps.back();
      gaps.pop_back();
      std::memcpy(arena.Address(target), arena.Address(id & kNumberMask), arena.stride());
      index.SetRowAt(position, c << kClassShift | target);
    });
    arena.Truncate(live, factory.pool);
  }
  index.Shrink();
}

}  // namespace wideload
